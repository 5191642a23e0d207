package neverbounce

import (
	"context"
	"net/http"
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

// doer gives one answer after the other, the last one for ever, and keeps the
// requests.
type doer struct {
	asked  []transport.Request
	bodies []string
}

func (d *doer) Do(_ context.Context, req transport.Request) (*transport.Response, error) {
	body := d.bodies[min(len(d.asked), len(d.bodies)-1)]
	d.asked = append(d.asked, req)
	resp := answer(req.Op, body)
	if err := Classify(req.Op, resp); err != nil {
		return nil, err
	}
	return resp, nil
}

func answer(op, body string) *transport.Response {
	return &transport.Response{Provider: "neverbounce", Op: op, Status: 200, Header: http.Header{}, Body: []byte(body)}
}

func newClient(t *testing.T, bodies ...string) (*Client, *doer) {
	t.Helper()
	clock := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	c, err := New(provider.Deps{Now: func() time.Time { clock = clock.Add(time.Second); return clock }})
	if err != nil {
		t.Fatal(err)
	}
	d := &doer{bodies: bodies}
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

func TestCheck(t *testing.T) {
	t.Parallel()
	usage := provider.Usage{Op: "verify_email", Cost: 8_000, Took: time.Second}
	for body, want := range map[string]provider.Verification{
		fixture(t, "check.json"):                        {Status: domain.EmailSafe, Reason: "valid"},
		result("valid", `["has_dns","role_account"]`):   {Status: domain.EmailRisky, Reason: "role_account"},
		result("valid", `["academic_host","new flag"]`): {Status: domain.EmailSafe, Reason: "valid"},
		result("valid", `null`):                         {Status: domain.EmailSafe, Reason: "valid"},
		result("invalid", `["role_account"]`):           {Status: domain.EmailInvalid, Reason: "invalid"},
		result("disposable", `[]`):                      {Status: domain.EmailRisky, Reason: "disposable"},
		result("catchall", `[]`):                        {Status: domain.EmailRisky, Reason: "catchall"},
		result("unknown", `[]`):                         {Status: domain.EmailUnknown, Reason: "unknown"},
		result("brand-new", `[]`):                       {Status: domain.EmailUnknown, Reason: "undocumented"},
	} {
		c, d := newClient(t, body)
		got, err := c.VerifyEmails(t.Context(), []string{"dana+x@acmerobotics.example"})
		if err != nil {
			t.Errorf("%s: %v", body, err)
		}
		want.Usage = usage
		same(t, body, []provider.Verification{want}, got)
		same(t, "request", []transport.Request{{
			Op: "verify_email", Method: "POST", Path: "/single/check", Body: map[string]any{"email": "dana+x@acmerobotics.example", "timeout": 10},
		}}, d.asked)
	}
}

func result(word, flags string) string {
	return `{"status":"success","result":"` + word + `","flags":` + flags + `,"suggested_correction":"","execution_time":499}`
}

func TestTheCheckIsNotForLists(t *testing.T) {
	t.Parallel()
	c, d := newClient(t, fixture(t, "check.json"))
	for _, emails := range [][]string{nil, {""}, {"a@x.example", "b@x.example"}} {
		if _, err := c.VerifyEmails(t.Context(), emails); fault.KindOf(err) != fault.InvalidInput || len(d.asked) > 0 {
			t.Errorf("%d addresses: %v after %d requests, want InvalidInput and none", len(emails), err, len(d.asked))
		}
	}
}

func TestStatusOf200Decides(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]fault.Error{
		`{"status":"auth_failure","message":"m"}`:                          {Kind: fault.Unauthenticated},
		`{"status":"bad_referrer","message":"m"}`:                          {Kind: fault.Forbidden},
		`{"status":"throttle_triggered","message":"m"}`:                    {Kind: fault.RateLimited, RetryAfter: 2 * time.Minute},
		`{"status":"temp_unavail","message":"m"}`:                          {Kind: fault.Unavailable},
		`{"status":"general_failure","message":"Missing email"}`:           {Kind: fault.InvalidInput},
		`{"status":"general_failure"}`:                                     {Kind: fault.InvalidInput},
		`{"status":"of the future","message":"m"}`:                         {Kind: fault.Unavailable},
		`{"result":"valid"}`:                                               {Kind: fault.BadResponse},
		`{"status":"success"}`:                                             {Kind: fault.BadResponse}, // no verdict
		`{"status":"general_failure","message":"Insufficient credits"}`:    {Kind: fault.QuotaExhausted},
		`{"status":"general_failure","message":"Add a payment method"}`:    {Kind: fault.QuotaExhausted},
		`{"status":"general_failure","message":"Your balance is too low"}`: {Kind: fault.QuotaExhausted},
	} {
		c, _ := newClient(t, body)
		got, err := c.VerifyEmails(t.Context(), []string{"dana.okafor@acmerobotics.example"})
		if got != nil || fault.KindOf(err) != want.Kind || fault.RetryAfter(err) != want.RetryAfter {
			t.Errorf("%s: %v, %v after %v; want %s after %v", body, got, err, fault.RetryAfter(err), want.Kind, want.RetryAfter)
		}
	}
}

func TestDeleteJobAndAccount(t *testing.T) {
	t.Parallel()
	c, d := newClient(t, fixture(t, "job_deleted.json"), fixture(t, "account.json"), `{"status":"success"}`)
	if err := c.DeleteJob(t.Context(), "150970"); err != nil {
		t.Error(err)
	}
	got, err := c.ReadAccount(t.Context())
	if err != nil {
		t.Error(err)
	}
	same(t, "account", provider.Account{
		Balances: []provider.Balance{{Name: "paid_credits", Used: 1790, Left: 48210}, {Name: "free_credits", Used: 1000}},
		Usage:    provider.Usage{Op: "read_account", Took: time.Second},
	}, got)
	same(t, "requests", []transport.Request{
		{Op: "delete_job", Method: "POST", Path: "/jobs/delete", Body: map[string]any{"job_id": int64(150970)}, Idempotent: true},
		{Op: "read_account", Method: "POST", Path: "/account/info", Body: struct{}{}, Idempotent: true},
	}, d.asked)
	if _, err := c.ReadAccount(t.Context()); fault.KindOf(err) != fault.BadResponse {
		t.Errorf("an account without credits: %v, want BadResponse", err)
	}
}

func FuzzDecode(f *testing.F) {
	for _, name := range []string{"check.json", "job_created.json", "job_status.json", "job_results.json", "job_search_status.json", "account.json"} {
		f.Add(200, []byte(fixture(f, name)))
	}
	f.Add(200, []byte(`{"status":"general_failure","message":"credits"}`))
	f.Add(413, []byte(`<html>`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		resp := answer("read_job", string(body))
		resp.Status = status
		known := func(err error) bool {
			if fault.Is(err, fault.Internal) {
				t.Errorf("unclassified: %v", err)
			}
			if err != nil && len(body) > 80 && strings.Contains(err.Error(), string(body)) {
				t.Errorf("the error quotes the body: %v", err)
			}
			return err == nil
		}
		if !known(Classify(resp.Op, resp)) {
			return
		}
		if v, err := parseChecked(resp); known(err) && (v.Status == "" || v.Reason == "") {
			t.Errorf("verdict %+v", v)
		}
		if id, err := parseStarted(resp); known(err) {
			if _, err := jobNumber("read_job", id); err != nil {
				t.Errorf("job id %q: %v", id, err)
			}
		}
		if job, err := parseJob(resp); known(err) && (job.State == "" || job.Done < 0 || job.Of < 0) {
			t.Errorf("job %+v", job)
		}
		verdicts, more, err := parseResults(resp, 1)
		if known(err) && more && len(verdicts) == 0 {
			t.Error("more verdicts after a page without any")
		}
		for id, v := range verdicts {
			if id == "" || (v.Status == "") == (v.Err == nil) {
				t.Errorf("verdict %+v of id %q", v, id)
			}
		}
		_, err = parseAccount(resp)
		known(err)
	})
}
