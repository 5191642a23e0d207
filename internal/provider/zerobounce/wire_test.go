package zerobounce

import (
	"context"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
)

// doer answers by operation and keeps the requests.
type doer struct {
	asked   []transport.Request
	answers map[string]transport.Response
}

func (d *doer) Do(_ context.Context, req transport.Request) (*transport.Response, error) {
	d.asked = append(d.asked, req)
	resp := d.answers[req.Op]
	resp.Provider, resp.Op = "zerobounce", req.Op
	if err := Classify(req.Op, &resp); err != nil {
		return nil, err
	}
	return &resp, nil
}

func ok(body string) transport.Response { return answer(200, body) }

func answer(status int, body string) transport.Response {
	return transport.Response{Status: status, Header: http.Header{}, Body: []byte(body)}
}

func newClient(t *testing.T, answers map[string]transport.Response) (*Client, *doer) {
	t.Helper()
	clock := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	c, err := New(provider.Deps{Now: func() time.Time { clock = clock.Add(time.Second); return clock }})
	if err != nil {
		t.Fatal(err)
	}
	d := &doer{answers: answers}
	c.transport = d
	return c, d
}

func fixture(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func same(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// verdictOn is the adapter's verdict on one address.
func verdictOn(t *testing.T, body string) provider.Verification {
	t.Helper()
	c, _ := newClient(t, map[string]transport.Response{"verify_email": ok(body)})
	got, err := c.VerifyEmails(t.Context(), []string{"dana.okafor@acmerobotics.example"})
	if err != nil || len(got) != 1 {
		t.Fatalf("%s: %v, %v", body, got, err)
	}
	return got[0]
}

func verdict(status, sub string) string {
	return `{"address":"dana.okafor@acmerobotics.example","status":"` + status + `","sub_status":"` + sub + `"}`
}

func TestSingle(t *testing.T) {
	t.Parallel()
	c, d := newClient(t, map[string]transport.Response{"verify_email": ok(fixture(t, "validate.json"))})
	got, err := c.VerifyEmails(t.Context(), []string{"dana+x@acmerobotics.example"})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "verdict", []provider.Verification{{
		Status: domain.EmailSafe, Reason: "valid", Usage: provider.Usage{Op: "verify_email", Cost: 20_000, Took: time.Second},
	}}, got)
	same(t, "request", []transport.Request{{
		Op: "verify_email", Method: "GET", Path: "/validate",
		Query: url.Values{"email": {"dana+x@acmerobotics.example"}, "ip_address": {""}, "timeout": {"15"}},
	}}, d.asked)
	if got := d.asked[0].Query.Encode(); got != "email=dana%2Bx%40acmerobotics.example&ip_address=&timeout=15" {
		t.Errorf("query %s", got)
	}
}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	const safe, risky, invalid, unknown = domain.EmailSafe, domain.EmailRisky, domain.EmailInvalid, domain.EmailUnknown
	for _, test := range []struct {
		status, sub string
		want        domain.EmailStatus
		reason      string
	}{
		{"valid", "", safe, "valid"},
		{"valid", "alias_address", safe, "alias_address"},
		{"valid", "ai_agent_mailbox", safe, "ai_agent_mailbox"},
		{"valid", "accept_all", risky, "accept_all"},
		{"valid", "role_based_accept_all", risky, "role_based_accept_all"},
		{"invalid", "mailbox_not_found", invalid, "mailbox_not_found"},
		{"invalid", "", invalid, "invalid"},
		{"catch-all", "", risky, "catch-all"},
		{"catch-all", "ai_agent_mailbox", risky, "ai_agent_mailbox"},
		{"unknown", "greylisted", unknown, "greylisted"},
		{"do_not_mail", "role_based", risky, "role_based"},
		{"do_not_mail", "role_based_catch_all", risky, "role_based_catch_all"},
		{"do_not_mail", "disposable", risky, "disposable"},
		{"do_not_mail", "mx_forward", invalid, "mx_forward"},
		{"do_not_mail", "global_suppression", invalid, "global_suppression"},
		{"do_not_mail", "possible_trap", invalid, "possible_trap"},
		{"do_not_mail", "toxic", invalid, "toxic"},
		{"do_not_mail", "", invalid, "do_not_mail"},
		{"spamtrap", "", invalid, "spamtrap"},
		{"abuse", "", invalid, "abuse"},
		{"blocked", "", invalid, "blocked"},
		{"allowed", "", unknown, "allowed"},
	} {
		got := verdictOn(t, verdict(test.status, test.sub))
		if got.Status != test.want || got.Reason != test.reason {
			t.Errorf("%s %s: %s because of %s; want %s because of %s", test.status, test.sub, got.Status, got.Reason, test.want, test.reason)
		}
	}
}

// What ZeroBounce will invent is neither an error nor taken for good, and its
// text goes no further.
func TestStatusAndSubStatusAreOpenSets(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]domain.EmailStatus{
		verdict("valid", "of the future"):       domain.EmailRisky,
		verdict("invalid", "of the future"):     domain.EmailInvalid,
		verdict("catch-all", "of the future"):   domain.EmailRisky,
		verdict("unknown", "of the future"):     domain.EmailUnknown,
		verdict("do_not_mail", "of the future"): domain.EmailInvalid,
		verdict("spamtrap", "of the future"):    domain.EmailInvalid,
		verdict("of the future", ""):            domain.EmailUnknown,
		verdict("of the future", "role_based"):  domain.EmailUnknown,
	} {
		if got := verdictOn(t, body); got.Status != want || got.Reason != "undocumented" {
			t.Errorf("%s: %+v, want %s", body, got, want)
		}
	}
}

func TestUnknownIsFree(t *testing.T) {
	t.Parallel()
	for status, want := range map[string]int{"unknown": 0, "valid": 20_000, "invalid": 20_000, "spamtrap": 20_000, "of the future": 20_000} {
		if got := verdictOn(t, verdict(status, "")).Usage.Cost; int(got) != want {
			t.Errorf("%s costs %d, want %d", status, got, want)
		}
	}
}

func TestCatchAllDomainIsBooleanOrText(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]domain.EmailStatus{
		`true`: domain.EmailRisky, `"true"`: domain.EmailRisky, `"True"`: domain.EmailRisky,
		`false`: domain.EmailSafe, `"false"`: domain.EmailSafe, `null`: domain.EmailSafe, `""`: domain.EmailSafe, `{"a":1}`: domain.EmailSafe,
	} {
		got := verdictOn(t, `{"status":"valid","sub_status":null,"catchall_domain":`+value+`}`)
		if got.Status != want {
			t.Errorf("catchall_domain %s: %+v, want %s", value, got, want)
		}
	}
}

// Fields that are not used may change their type.
func TestTypesOfUnusedFieldsDoNotMatter(t *testing.T) {
	t.Parallel()
	for _, extra := range []string{
		`"domain_age_days":3120,"active_in_days":30,"mx_found":true,"free_email":"false","account":null,"domain":null`,
		`"domain_age_days":"3120","active_in_days":"30","mx_found":"true","free_email":false,"processed_at":1`,
	} {
		if got := verdictOn(t, `{"status":"valid","sub_status":"",`+extra+`}`); got.Status != domain.EmailSafe {
			t.Errorf("%s: %+v", extra, got)
		}
	}
}

func TestForbiddenIsTrafficProtectionAndNotTheKey(t *testing.T) {
	t.Parallel()
	for _, op := range []string{"verify_email", "verify_batch", "read_account"} {
		resp := answer(403, `<html>blocked</html>`)
		if err := Classify(op, &resp); fault.KindOf(err) != fault.RateLimited || fault.RetryAfter(err) != time.Hour {
			t.Errorf("%s: %v after %v, want RateLimited after an hour", op, err, fault.RetryAfter(err))
		}
	}
}

func TestTooManyBatchesAreBlockedForTenMinutes(t *testing.T) {
	t.Parallel()
	for op, want := range map[string]time.Duration{"verify_batch": 10 * time.Minute, "verify_email": 0, "read_account": 0} {
		resp := answer(429, `{"error":"Too many requests"}`)
		if err := Classify(op, &resp); fault.KindOf(err) != fault.RateLimited || fault.RetryAfter(err) != want {
			t.Errorf("%s: %v after %v, want RateLimited after %v", op, err, fault.RetryAfter(err), want)
		}
	}
}

func TestReadAccount(t *testing.T) {
	t.Parallel()
	for body, left := range map[string]float64{fixture(t, "credits.json"): 50000, `{"Credits":50000}`: 50000, `{"Credits":"0"}`: 0} {
		c, d := newClient(t, map[string]transport.Response{"read_account": ok(body)})
		got, err := c.ReadAccount(t.Context())
		if err != nil {
			t.Errorf("%s: %v", body, err)
		}
		same(t, body, provider.Account{
			Balances: []provider.Balance{{Name: "Credits", Left: left}}, Usage: provider.Usage{Op: "read_account", Took: time.Second},
		}, got)
		same(t, "request", []transport.Request{{Op: "read_account", Method: "GET", Path: "/getcredits", Idempotent: true}}, d.asked)
	}
}

func FuzzDecode(f *testing.F) {
	for _, name := range []string{"validate.json", "batch.json", "batch_refused.json", "refused.json", "credits.json"} {
		f.Add(200, []byte(fixture(f, name)))
		f.Add(400, []byte(fixture(f, name)))
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		known := func(err error) bool {
			if fault.Is(err, fault.Internal) {
				t.Errorf("unclassified: %v", err)
			}
			if err != nil && len(body) > 80 && strings.Contains(err.Error(), string(body)) {
				t.Errorf("the error quotes the body: %v", err)
			}
			return err == nil
		}
		asked := []string{"dana.okafor@acmerobotics.example", "nobody@acmerobotics.example"}
		for _, emails := range [][]string{asked[:1], asked} {
			resp := answer(status, string(body))
			c := &Client{prices: prices(1), now: time.Now, transport: &doer{answers: map[string]transport.Response{"verify_email": resp, "verify_batch": resp, "read_account": resp}}}
			verdicts, err := c.VerifyEmails(t.Context(), emails)
			if known(err) && len(verdicts) != len(emails) {
				t.Errorf("%d verdicts on %d addresses", len(verdicts), len(emails))
			}
			for _, v := range verdicts {
				if (v.Status == "") == (v.Err == nil) || (v.Reason == "") == (v.Err == nil) || v.Usage.Cost < 0 || v.Usage.Cost > 1 {
					t.Errorf("verdict %+v", v)
				}
				known(v.Err)
			}
			_, err = c.ReadAccount(t.Context())
			known(err)
		}
	})
}
