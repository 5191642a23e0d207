package dynamodb

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/messageai/sluice/internal/localaws/wire"
)

// tokenLife is how long a ClientRequestToken makes a transaction idempotent:
// API reference, "TransactWriteItems", read November 2026.
const tokenLife = 10 * time.Minute

// tokenUse is a transaction that was made, or is being made, with a token.
type tokenUse struct {
	Token string `json:"k"`
	Sum   string `json:"h"` // of what the transaction asks for
	At    int64  `json:"a"` // when it was made, Unix milliseconds
	Done  bool   `json:"-"`
}

// tokens remembers recent uses.
type tokens struct {
	mu    sync.Mutex
	done  map[string]*tokenUse // by token; also those under way
	queue []*tokenUse          // finished ones, oldest first
}

// begin finds the earlier use of a transaction's token or starts one.
func (k *tokens) begin(tx *transaction) (*tokenUse, error) {
	sum := tx.sum()
	now := time.Now()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.forget(now)
	use := k.done[tx.token]
	switch {
	case use == nil:
		use = &tokenUse{Token: tx.token, Sum: sum}
		k.done[tx.token] = use
		return use, nil
	case use.Sum != sum:
		return nil, wire.Errorf(http.StatusBadRequest, "IdempotentParameterMismatchException",
			"The transaction was already made with this ClientRequestToken and other parameters; use a new token")
	case !use.Done:
		return nil, wire.Errorf(http.StatusBadRequest, "TransactionInProgressException",
			"The transaction with the given request token is already in progress")
	default:
		return use, nil
	}
}

// end records how a transaction ended; a failed one leaves its token unused.
func (k *tokens) end(use *tokenUse, made bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !made {
		delete(k.done, use.Token)
		return
	}
	use.Done = true
	k.queue = append(k.queue, use)
}

func (k *tokens) restore(use *tokenUse, now time.Time) {
	use.Done = true
	k.done[use.Token] = use
	k.queue = append(k.queue, use)
	k.forget(now)
}

// forget drops uses that are too old to count.
func (k *tokens) forget(now time.Time) {
	for len(k.queue) > 0 && time.UnixMilli(k.queue[0].At).Before(now.Add(-tokenLife)) {
		if k.done[k.queue[0].Token] == k.queue[0] {
			delete(k.done, k.queue[0].Token)
		}
		k.queue = k.queue[1:]
	}
}

// sum identifies what a transaction asks for, whatever the order of members in
// its JSON: clients write maps in random order.
func (tx *transaction) sum() string {
	h := sha256.New()
	for _, r := range tx.actions {
		names, err := json.Marshal(r.names) // sorted by key
		if err != nil {
			panic("dynamodb: encode names: " + err.Error())
		}
		b := fmt.Appendf(nil, "%s %s %s %s ", r.operation, r.table, r.onFailure, names)
		for _, it := range []item{r.item, r.key, r.values} {
			b = appendItem(b, it)
		}
		for _, e := range r.expressions() {
			if e.src != nil {
				b = appendText(append(b, e.member...), *e.src)
			}
		}
		h.Write(append(b, '\n'))
	}
	return hex.EncodeToString(h.Sum(nil))
}
