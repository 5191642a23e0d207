package lusha

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"net/http"
	"slices"
	"strings"

	"github.com/messageai/sluice/internal/money"
)

// The operations under which calls are charged.
const (
	OpSearch  = "api_search"
	OpEmail   = "reveal_email"
	OpPhone   = "reveal_phone"
	OpCompany = "reveal_company"
	OpMinimum = "minimum" // a call without any result
)

// Credits of one charge of each operation.
const (
	searchCredits  = 1
	emailCredits   = 1
	phoneCredits   = 5
	companyCredits = 1
)

// used is the number of credits that were charged.
func (s *Server) used() int {
	bill := s.front.Bill().ByOp
	return searchCredits*bill[OpSearch].Charges + emailCredits*bill[OpEmail].Charges + phoneCredits*bill[OpPhone].Charges +
		companyCredits*bill[OpCompany].Charges + bill[OpMinimum].Charges
}

// charge is one line of the bill of a call.
type charge struct {
	op, key string
	credits int
	once    bool // not charged again
}

// invoice is what a call costs: found are the ids of its results, subject is
// what was asked about them, and reveals are the charges beside the search.
func (s *Server) invoice(body []byte, subject string, found []string, reveals []charge) []charge {
	out := reveals
	for part := range slices.Chunk(found, s.options.SearchPer) {
		out = append(out, charge{op: OpSearch, key: subject + "|" + strings.Join(part, ","), credits: searchCredits})
	}
	if len(found) == 0 && s.options.Minimum {
		h := fnv.New64a()
		_, _ = h.Write(body) // a hash never fails
		out = append(out, charge{op: OpMinimum, key: fmt.Sprint(h.Sum64()), credits: 1})
	}
	return slices.DeleteFunc(out, func(c charge) bool { return c.once && s.front.Charged(c.op, c.key) > 0 })
}

// settle charges a call, or answers 402 and charges nothing.
func (s *Server) settle(w http.ResponseWriter, invoice []charge) (credits int, ok bool) {
	for _, c := range invoice {
		credits += c.credits
	}
	if s.used()+credits > s.options.Credits {
		fail(w, http.StatusPaymentRequired, "Insufficient credits for this operation")
		return 0, false
	}
	credits = 0
	for _, c := range invoice {
		price, charged := s.options.Price*money.Micro(c.credits), true
		var err error
		if c.once { // two calls at once may want to reveal the same
			charged, err = s.front.ChargeOnce(c.op, c.key, price)
		} else {
			err = s.front.Charge(c.op, c.key, price)
		}
		if err != nil {
			http.Error(w, "simulator: "+err.Error(), http.StatusInternalServerError)
			return 0, false
		}
		if charged {
			credits += c.credits
		}
	}
	return credits, true
}

// itemError is why a result holds nothing.
type itemError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// failure is a result that holds nothing.
type failure struct {
	Reference *string    `json:"clientReferenceId,omitempty"`
	Error     *itemError `json:"error"`
}

// answer sends results, those that were found first.
func answer(w http.ResponseWriter, body []byte, found, failed []any, credits int) {
	h := fnv.New64a()
	_, _ = h.Write(body) // a hash never fails
	sum := h.Sum64()
	reply(w, http.StatusOK, map[string]any{
		"requestId": fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", sum>>32, sum>>16&0xffff, sum&0xfff, sum>>8&0xfff, sum&0xffffffffffff),
		"results":   append(append([]any{}, found...), failed...),
		"billing":   map[string]int{"creditsCharged": credits, "resultsReturned": len(found)},
	})
}

// read decodes a request strictly and checks how many items it has.
func read(w http.ResponseWriter, body []byte, into any, list string, count func() int) bool {
	d := json.NewDecoder(strings.NewReader(string(body)))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		fail(w, http.StatusBadRequest, "Validation failed", "the body cannot be read")
		return false
	}
	if n := count(); n < 1 || n > 100 {
		fail(w, http.StatusBadRequest, "Validation failed", list+" must contain 1 to 100 elements")
		return false
	}
	return true
}

// share is a number below 1000 that belongs to an id and a question about it.
func share(question string, id int) int {
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%s|%d", question, id) // a hash never fails
	x := h.Sum64()
	return int((x ^ x>>32) % 1000) //nolint:gosec // below 1000
}
