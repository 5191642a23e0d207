package zerobounce

import (
	"strings"
	"testing"
	"time"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
)

const keyOrCredits = "Invalid API Key or your account ran out of credits"

func TestBatchIsJoinedByAddress(t *testing.T) {
	t.Parallel()
	c, d := newClient(t, map[string]transport.Response{"verify_batch": ok(fixture(t, "batch.json"))})
	got, err := c.VerifyEmails(t.Context(), []string{"Dana.Okafor@acmerobotics.example", "nobody@acmerobotics.example", "dana.okafor@acmerobotics.example "})
	if err != nil {
		t.Fatal(err)
	}
	paid := provider.Usage{Op: "verify_batch", Cost: 20_000, Took: time.Second}
	same(t, "verdicts", []provider.Verification{
		{Status: domain.EmailSafe, Reason: "valid", Usage: paid},
		{Status: domain.EmailInvalid, Reason: "mailbox_not_found", Usage: paid},
		{Status: domain.EmailSafe, Reason: "valid", Usage: provider.Usage{Op: "verify_batch", Took: time.Second}}, // asked for once
	}, got)
	same(t, "request", []transport.Request{{
		Op: "verify_batch", Method: "POST", Host: "bulk", Path: "/validatebatch",
		Body: wireQuestion{Timeout: 15, Batch: []wireAddress{{Email: "Dana.Okafor@acmerobotics.example"}, {Email: "nobody@acmerobotics.example"}}},
	}}, d.asked)
}

func TestSizeOfABatch(t *testing.T) {
	t.Parallel()
	c, d := newClient(t, map[string]transport.Response{"verify_email": ok(fixture(t, "validate.json")), "verify_batch": ok(fixture(t, "batch.json"))})
	if got, err := c.VerifyEmails(t.Context(), nil); got != nil || err != nil || len(d.asked) > 0 {
		t.Errorf("no question: %v, %v after %d requests", got, err, len(d.asked))
	}
	for what, emails := range map[string][]string{"101 addresses": strings.Split(strings.Repeat("a@x.example ", 100)+"b@x.example", " "), "an empty one": {"a@x.example", " "}} {
		if _, err := c.VerifyEmails(t.Context(), emails); fault.KindOf(err) != fault.InvalidInput || len(d.asked) > 0 {
			t.Errorf("%s: %v after %d requests, want InvalidInput and none", what, err, len(d.asked))
		}
	}
	// One address is no batch, however often it is named.
	if got, err := c.VerifyEmails(t.Context(), []string{"a@x.example", "A@x.example"}); err != nil || len(got) != 2 || d.asked[0].Op != "verify_email" {
		t.Errorf("one address twice: %v, %v by %+v", got, err, d.asked)
	}
}

// Each address has its own outcome, and costs what its verdict costs.
func TestErrorsOfSingleAddressesInABatch(t *testing.T) {
	t.Parallel()
	emails := []string{"a@x.example", "b@x.example", "c@x.example", "d@x.example", "e@x.example"}
	type outcome struct {
		status domain.EmailStatus
		kind   fault.Kind
		cost   int
	}
	for body, want := range map[string][]outcome{
		`{"email_batch":[{"address":"a@x.example","status":"valid"},{"address":"b@x.example","status":"unknown","sub_status":"greylisted"},{"address":"other@x.example","status":"valid"}],
		  "errors":[{"error":"Invalid address","email_address":"C@x.example"},{"error":"` + keyOrCredits + `","email_address":"d@x.example"}]}`: {
			{domain.EmailSafe, "", 20_000}, {domain.EmailUnknown, "", 0}, {"", fault.InvalidInput, 0}, {"", fault.QuotaExhausted, 0}, {"", fault.BadResponse, 0},
		},
		`{"email_batch":[{"address":"a@x.example","status":"catch-all"},{"address":"b@x.example","status":""}],"errors":[{"error":"` + keyOrCredits + `","email_address":"all"}]}`: {
			{domain.EmailRisky, "", 20_000}, {"", fault.QuotaExhausted, 0}, {"", fault.QuotaExhausted, 0}, {"", fault.QuotaExhausted, 0}, {"", fault.QuotaExhausted, 0},
		},
		`{"email_batch":[{"address":"a@x.example","status":"abuse"}],"errors":[{"error":"Stopped","email_address":"all"},{"error":["Bad"],"email_address":"e@x.example"}]}`: {
			{domain.EmailInvalid, "", 20_000}, {"", fault.Unavailable, 0}, {"", fault.Unavailable, 0}, {"", fault.Unavailable, 0}, {"", fault.InvalidInput, 0},
		},
		`{"email_batch":[],"errors":[{"error":"Bad","email_address":"a@x.example"},{"error":"Bad","email_address":"b@x.example"}]}`: {
			{"", fault.InvalidInput, 0}, {"", fault.InvalidInput, 0}, {"", fault.BadResponse, 0}, {"", fault.BadResponse, 0}, {"", fault.BadResponse, 0},
		},
	} {
		c, d := newClient(t, map[string]transport.Response{"verify_batch": ok(body)})
		verdicts, err := c.VerifyEmails(t.Context(), emails)
		if err != nil || len(d.asked) != 1 {
			t.Errorf("%s: %v after %d requests", body, err, len(d.asked))
		}
		for i, v := range verdicts {
			got := outcome{v.Status, fault.KindOf(v.Err), int(v.Usage.Cost)}
			if v.Err == nil {
				got.kind = ""
			}
			if got != want[i] {
				t.Errorf("%s: %s is %+v, want %+v", body, emails[i], got, want[i])
			}
		}
	}
}

// One message for two things: the balance tells which, -1 being a bad key.
func TestKeyAndEmptyBalanceHaveOneMessage(t *testing.T) {
	t.Parallel()
	one, two := []string{"a@x.example"}, []string{"a@x.example", "b@x.example"}
	refused := ok(fixture(t, "refused.json"))
	for what, test := range map[string]struct {
		emails []string
		says   transport.Response
		credit transport.Response
		want   fault.Kind
	}{
		"bad key":             {one, refused, ok(`{"Credits":"-1"}`), fault.Unauthenticated},
		"no credits":          {one, refused, ok(`{"Credits":"0"}`), fault.QuotaExhausted},
		"bought just now":     {one, refused, ok(`{"Credits":"100"}`), fault.Unavailable},
		"balance not told":    {one, refused, answer(503, ""), fault.Unauthenticated},
		"balance refused":     {one, refused, refused, fault.Unauthenticated},
		"400, as of old":      {one, answer(400, fixture(t, "refused.json")), ok(`{"Credits":"0"}`), fault.QuotaExhausted},
		"message":             {one, ok(`{"message":"` + keyOrCredits + `"}`), ok(`{"Credits":"0"}`), fault.QuotaExhausted},
		"Message with a list": {one, ok(`{"Message":["` + keyOrCredits + `"]}`), ok(`{"Credits":"0"}`), fault.QuotaExhausted},
		"batch, bad key":      {two, ok(fixture(t, "batch_refused.json")), ok(`{"Credits":"-1"}`), fault.Unauthenticated},
		"batch, no credits":   {two, ok(fixture(t, "batch_refused.json")), ok(`{"Credits":"0"}`), fault.QuotaExhausted},
		"batch, too few":      {two, ok(fixture(t, "batch_refused.json")), ok(`{"Credits":"1"}`), fault.QuotaExhausted},
		"batch, just enough":  {two, ok(fixture(t, "batch_refused.json")), ok(`{"Credits":"2"}`), fault.Unavailable},
		"batch, by address": {
			two, ok(`{"errors":[{"error":"` + keyOrCredits + `","email_address":"a@x.example"},{"error":"` + keyOrCredits + `","email_address":"b@x.example"}]}`),
			ok(`{"Credits":"-1"}`), fault.Unauthenticated,
		},
		"batch as single": {two, refused, ok(`{"Credits":"0"}`), fault.QuotaExhausted},
	} {
		c, d := newClient(t, map[string]transport.Response{"verify_email": test.says, "verify_batch": test.says, "read_account": test.credit})
		got, err := c.VerifyEmails(t.Context(), test.emails)
		if got != nil || fault.KindOf(err) != test.want || len(d.asked) != 2 || d.asked[1].Op != "read_account" {
			t.Errorf("%s: %v, %v by %+v; want %s after a look at the balance", what, got, err, d.asked, test.want)
		}
	}
	// A key that is surely bad needs no second look: too many block the account.
	for _, status := range []int{401, 402, 403, 429} {
		c, d := newClient(t, map[string]transport.Response{"verify_email": answer(status, fixture(t, "refused.json"))})
		if _, err := c.VerifyEmails(t.Context(), one); err == nil || len(d.asked) != 1 {
			t.Errorf("status %d: %v after %d requests, want an error after one", status, err, len(d.asked))
		}
	}
}
