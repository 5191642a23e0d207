package cli

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// items counts which function makes which DynamoDB call on which kind of item,
// and what it consumes: where a count per prospect comes from. It asks DynamoDB
// itself, which tells the units of a call to whoever wants to know.
type items struct {
	mu  sync.Mutex
	sum map[itemUse]itemSum
}

type itemUse struct{ kind, op, function string }

type itemSum struct {
	calls int
	units float64
}

// wrap counts what a function sends to DynamoDB.
func (n *items) wrap(function string, next aws.HTTPClient) aws.HTTPClient {
	return countedAWS{next, n, function}
}

type countedAWS struct {
	aws.HTTPClient
	items    *items
	function string
}

// Do implements aws.HTTPClient.
func (c countedAWS) Do(r *http.Request) (*http.Response, error) {
	op, ok := strings.CutPrefix(r.Header.Get("X-Amz-Target"), "DynamoDB_20120810.")
	if !ok {
		return c.HTTPClient.Do(r)
	}
	sent, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	asking := append([]byte(`{"ReturnConsumedCapacity":"TOTAL",`), bytes.TrimPrefix(sent, []byte("{"))...)
	r = r.Clone(r.Context())
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(asking)), int64(len(asking))
	out, err := c.HTTPClient.Do(r)
	if err != nil {
		return nil, err
	}
	answer, err := io.ReadAll(out.Body)
	if err := cmp.Or(err, out.Body.Close()); err != nil {
		return nil, err
	}
	out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(answer)), int64(len(answer))
	c.items.add(itemUse{kindOf(sent), op, c.function}, answer)
	return out, nil
}

var (
	keyPart  = regexp.MustCompile(`":?pk":\{"S":"([A-Z]+)`)
	keySort  = regexp.MustCompile(`":?sk":\{"S":"([A-Z]*)`)
	consumed = regexp.MustCompile(`"CapacityUnits":([0-9.]+)`)
)

// kindOf is the kind of the first item that a request names, as the table in
// the store's package comment has it.
func kindOf(request []byte) string {
	var kind string
	if m := keyPart.FindSubmatch(request); m != nil {
		kind = string(m[1])
	}
	if m := keySort.FindSubmatch(request); m != nil && len(m[1]) > 0 && string(m[1]) != kind {
		kind += " " + string(m[1])
	}
	return kind
}

func (n *items) add(use itemUse, answer []byte) {
	units := 0.0
	for _, m := range consumed.FindAllSubmatch(answer, -1) {
		u, _ := strconv.ParseFloat(string(m[1]), 64) // the pattern admits numbers only
		units += u
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.sum == nil {
		n.sum = map[itemUse]itemSum{}
	}
	s := n.sum[use]
	n.sum[use] = itemSum{s.calls + 1, s.units + units}
}

// table shows the uses per prospect, the dearest first.
func (n *items) table(prospects int) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	uses := make([]itemUse, 0, len(n.sum))
	for use := range n.sum {
		uses = append(uses, use)
	}
	slices.SortFunc(uses, func(a, b itemUse) int {
		return cmp.Or(cmp.Compare(n.sum[b].units, n.sum[a].units), cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)))
	})
	var b strings.Builder
	b.WriteString("| kind of item | call | function | calls per prospect | units |\n| --- | --- | --- | --- | --- |\n")
	for _, use := range uses {
		s := n.sum[use]
		fmt.Fprintf(&b, "| %s | %s | %s | %.4f | %.4f |\n", use.kind, use.op, use.function, float64(s.calls)/float64(prospects), s.units/float64(prospects))
	}
	return b.String()
}
