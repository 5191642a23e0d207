package hunter

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/provider/transport"
)

func FuzzDecode(f *testing.F) {
	for _, name := range []string{"find_email.json", "find_email_none.json", "verify_email.json", "error_plan.json", "domain_search.json", "account.json"} {
		data, err := os.ReadFile("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(200, data)
		f.Add(429, data)
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		resp := &transport.Response{Provider: "hunter", Op: "find_email", Status: status, Header: http.Header{}, Body: body}
		if err := Classify(resp.Op, resp); err != nil {
			quotesNothing(t, err, body)
			return
		}
		answer, err := parseFound(resp)
		if err == nil && answer.Found != (answer.Email != "") || answer.Confidence < 0 || answer.Confidence > 1 {
			t.Errorf("answer %+v", answer)
		}
		quotesNothing(t, err, body)
		people, returned, err := parsePeople(resp)
		quotesNothing(t, err, body)
		if len(people) > returned {
			t.Errorf("%d people of %d addresses", len(people), returned)
		}
		for _, p := range people {
			if p.ProfileID == "" || !strings.Contains(p.Contact.Email, "@") || p.Company.Employees < 0 {
				t.Errorf("person %+v", p)
			}
		}
		account, err := parseAccount(resp)
		quotesNothing(t, err, body)
		for _, b := range account.Balances {
			if b.Left < 0 {
				t.Errorf("balance %+v", b)
			}
		}
		verdict, err := parseVerified(resp)
		if err == nil && (verdict.Status == "" || verdict.Reason == "") {
			t.Errorf("verdict %+v", verdict)
		}
		quotesNothing(t, err, body)
	})
}

// quotesNothing checks that an error is a known fault and does not quote the body.
func quotesNothing(t *testing.T, err error, body []byte) {
	t.Helper()
	if err == nil {
		return
	}
	if fault.Is(err, fault.Internal) {
		t.Errorf("unclassified: %v", err)
	}
	if len(body) > 80 && strings.Contains(err.Error(), string(body)) {
		t.Errorf("the error quotes the body: %v", err)
	}
}
