package hunter

import (
	"context"
	"net/http"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
)

// doer answers from a function and keeps the request.
// today is when the test's answers come.
var today = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

type doer struct {
	asked  transport.Request
	answer transport.Response
}

func (d *doer) Do(_ context.Context, req transport.Request) (*transport.Response, error) {
	d.asked = req
	resp := d.answer
	resp.Provider, resp.Op, resp.At = "hunter", req.Op, today
	if err := Classify(req.Op, &resp); err != nil {
		return nil, err
	}
	return &resp, nil
}

func newClient(t testing.TB, status int, body string) (*Client, *doer) {
	t.Helper()
	d := &doer{answer: transport.Response{Status: status, Header: http.Header{}, Body: []byte(body)}}
	clock := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	c, err := New(provider.Deps{Now: func() time.Time { clock = clock.Add(time.Second); return clock }})
	if err != nil {
		t.Fatal(err)
	}
	c.transport = d
	return c, d
}

func TestFindEmail(t *testing.T) {
	t.Parallel()
	found, err := os.ReadFile("testdata/find_email.json")
	if err != nil {
		t.Fatal(err)
	}
	hit := provider.Usage{Op: "find_email", Cost: 24_500, Took: time.Second}
	miss := provider.Usage{Op: "find_email", Took: time.Second}
	for name, test := range map[string]struct {
		status int
		body   string
		want   provider.EmailAnswer
	}{
		"found": {200, string(found), provider.EmailAnswer{
			Found: true, Email: "dana.okafor@acmerobotics.example", Confidence: 0.97, Usage: hit, // verified 41 days ago
		}},
		"not verified": {200, `{"data":{"email":"d@x.example","score":null,"verification":null}}`, provider.EmailAnswer{
			Found: true, Email: "d@x.example", Usage: hit,
		}},
		"score out of range": {200, `{"data":{"email":"d@x.example","score":170,"verification":{"status":"accept_all"}}}`, provider.EmailAnswer{
			Found: true, Email: "d@x.example", Confidence: 1, Status: domain.EmailRisky, Usage: hit,
		}},
		"none":      {200, `{"data":{"email":null}}`, provider.EmailAnswer{Usage: miss}},
		"not found": {404, `{"errors":[]}`, provider.EmailAnswer{Usage: miss}},
	} {
		c, d := newClient(t, test.status, test.body)
		got, err := c.FindEmail(t.Context(), provider.EmailQuery{FirstName: "Dana", LastName: "Okafor", Domain: "acmerobotics.example"})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		want := transport.Request{
			Op: "find_email", Method: "GET", Path: "/email-finder", Idempotent: true,
			Query: url.Values{"domain": {"acmerobotics.example"}, "first_name": {"Dana"}, "last_name": {"Okafor"}},
		}
		if diff := cmp.Diff(want, d.asked); diff != "" {
			t.Errorf("%s: request (-want +got):\n%s", name, diff)
		}
	}
	c, d := newClient(t, 200, "{}")
	if _, err := c.FindEmail(t.Context(), provider.EmailQuery{FirstName: "Dana", Domain: "x.example"}); fault.KindOf(err) != fault.InvalidInput || d.asked.Op != "" {
		t.Errorf("without a last name: %v and request %+v, want InvalidInput and none", err, d.asked)
	}
}

func TestVerifyEmail(t *testing.T) {
	t.Parallel()
	for verdict, want := range map[string]provider.Verification{
		"valid":      {Status: domain.EmailSafe, Reason: "valid"},
		"invalid":    {Status: domain.EmailInvalid, Reason: "invalid"},
		"accept_all": {Status: domain.EmailRisky, Reason: "accept_all"},
		"webmail":    {Status: domain.EmailRisky, Reason: "webmail"},
		"disposable": {Status: domain.EmailRisky, Reason: "disposable"},
		"unknown":    {Status: domain.EmailUnknown, Reason: "unknown"},
		"brand-new":  {Status: domain.EmailUnknown, Reason: "undocumented"},
	} {
		c, d := newClient(t, 200, `{"data":{"status":"`+verdict+`"}}`)
		got, err := c.verifyEmail(t.Context(), "dana.okafor@acmerobotics.example")
		if err != nil {
			t.Errorf("%s: %v", verdict, err)
		}
		want.Usage = provider.Usage{Op: "verify_email", Cost: 12_250, Took: time.Second}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", verdict, diff)
		}
		request := transport.Request{
			Op: "verify_email", Method: "GET", Path: "/email-verifier", Idempotent: true,
			Query: url.Values{"email": {"dana.okafor@acmerobotics.example"}},
		}
		if diff := cmp.Diff(request, d.asked); diff != "" {
			t.Errorf("%s: request (-want +got):\n%s", verdict, diff)
		}
	}
}

// Both say that no verdict exists yet; how long to wait differs, and neither
// may be repeated at once by the transport, which a RetryAfter prevents.
func TestVerifyLater(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]time.Duration{202: 5 * time.Second, 222: 5 * time.Minute} {
		c, _ := newClient(t, status, `{"data":{"status":"unknown"}}`)
		_, err := c.verifyEmail(t.Context(), "dana.okafor@acmerobotics.example")
		if fault.KindOf(err) != fault.Unavailable || fault.RetryAfter(err) != want {
			t.Errorf("status %d: %v after %v, want Unavailable after %v", status, err, fault.RetryAfter(err), want)
		}
	}
}
