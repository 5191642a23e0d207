package apollo

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
)

// paths answers each path with its own status and body.
type paths struct {
	status map[string]int
	body   map[string]string
	asked  []transport.Request
}

func (p *paths) Do(_ context.Context, req transport.Request) (*transport.Response, error) {
	p.asked = append(p.asked, req)
	resp := &transport.Response{Provider: "apollo", Op: req.Op, Status: p.status[req.Path], Header: http.Header{}, Body: []byte(p.body[req.Path]), At: at}
	if resp.Status == 0 {
		resp.Status = 200
	}
	if err := Classify(req.Op, resp); err != nil {
		return nil, err
	}
	return resp, nil
}

const creditsPath, usagePath, profilePath = "/usage_stats/credit_usage_stats", "/usage_stats/api_usage_stats", "/users/api_profile"

func accountAt(t *testing.T, status map[string]int) (*Client, *paths) {
	t.Helper()
	c, _ := newClient(t, "")
	p := &paths{status: status, body: map[string]string{
		creditsPath: fixture(t, "credits.json"), usagePath: fixture(t, "usage.json"), profilePath: `{"id":"64a7ff0cc4dfae00013d0001"}`,
	}}
	c.transport = p
	return c, p
}

func TestUsageKeysAreStringsThatHoldAJSONArray(t *testing.T) {
	t.Parallel()
	c, p := accountAt(t, nil)
	got, err := c.ReadAccount(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	cycle := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	want := provider.Account{
		Balances: []provider.Balance{
			{Name: "export_credit", Limit: 500, Used: 500, ResetsAt: cycle},
			{Name: "lead_credit", Limit: 10_000, Used: 2500.5, Left: 7499.5, ResetsAt: cycle},
			{Name: "mixed_companies/search day", Limit: 2000, Used: 3, Left: 1997},
			{Name: "mixed_companies/search hour", Limit: 400, Used: 3, Left: 397},
			{Name: "mixed_companies/search minute", Limit: 200, Left: 200},
			{Name: "people/match minute", Limit: 1000, Used: 1, Left: 999},
		},
		Usage: provider.Usage{Op: "read_account"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("account (-want +got):\n%s", diff)
	}
	requests := []transport.Request{
		{Op: "read_account", Method: "POST", Path: creditsPath, Idempotent: true}, {Op: "read_account", Method: "POST", Path: usagePath, Idempotent: true},
	}
	if diff := cmp.Diff(requests, p.asked); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

// A limit of zero is a window that is not limited, and a credit of all zeros one
// that the plan does not have: neither is used up.
func TestAWindowWithoutLimitIsNoBalance(t *testing.T) {
	t.Parallel()
	c, _ := accountAt(t, nil)
	got, err := c.ReadAccount(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range got.Balances {
		if b.Name == "people/match day" || b.Name == "people/match hour" || b.Name == "direct_dial_credit" {
			t.Errorf("balance %+v of what is not limited", b)
		}
	}
}

// Keys are limited to a list of endpoints: one that may not see the usage is no
// bad key.
func TestAKeyMayBeLimitedToEndpoints(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		status   map[string]int
		balances int
		kind     fault.Kind
	}{
		"master key":     {nil, 6, ""},
		"no usage":       {map[string]int{usagePath: 403}, 2, ""},
		"no credits":     {map[string]int{creditsPath: 403}, 0, ""},
		"nothing":        {map[string]int{creditsPath: 403, profilePath: 403}, 0, fault.Forbidden},
		"bad key":        {map[string]int{creditsPath: 401}, 0, fault.Unauthenticated},
		"bad key, later": {map[string]int{usagePath: 401}, 0, fault.Unauthenticated},
	} {
		c, p := accountAt(t, test.status)
		got, err := c.ReadAccount(t.Context())
		if fault.KindOf(err) != test.kind || len(got.Balances) != test.balances || len(p.asked) > 2 {
			t.Errorf("%s: %d balances, %v after %d requests; want %d, %q", name, len(got.Balances), err, len(p.asked), test.balances, test.kind)
		}
	}
}

func TestSkippedContactIsA200(t *testing.T) {
	t.Parallel()
	c, d := newClient(t, fixture(t, "sequence.json"))
	s := provider.Sequence{ID: "66e9e215ece19801b2190001", Mailbox: "6633baaece5fbd01c7910001"}
	got, err := c.AddToSequence(t.Context(), s, []string{"66e34b81740c50074e3d0001", "66e34b81740c50074e3d0002"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"66e34b81740c50074e3d0002": "contact_not_found"}, got); diff != "" {
		t.Errorf("skipped (-want +got):\n%s", diff)
	}
	request := transport.Request{
		Op: "add_to_sequence", Method: "POST", Path: "/emailer_campaigns/66e9e215ece19801b2190001/add_contact_ids", Idempotent: true,
		Query: url.Values{
			"emailer_campaign_id": {"66e9e215ece19801b2190001"}, "contact_ids[]": {"66e34b81740c50074e3d0001", "66e34b81740c50074e3d0002"},
			"send_email_from_email_account_id": {"6633baaece5fbd01c7910001"},
		},
	}
	if diff := cmp.Diff(request, d.asked); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
}

func TestAddToSequence(t *testing.T) {
	t.Parallel()
	s := provider.Sequence{ID: "s1", Mailbox: "m1"}
	for name, test := range map[string]struct {
		body string
		want map[string]string
		kind fault.Kind
	}{
		"all added":         {`{"contacts":[{"id":"c1"}],"skipped_contact_ids":{}}`, map[string]string{}, ""},
		"somebody else":     {`{"contacts":[],"skipped_contact_ids":{"c9":"contact_not_found"}}`, map[string]string{}, ""},
		"text for a reason": {`{"contacts":[],"skipped_contact_ids":{"c1":"Dana is <b>away</b>"}}`, map[string]string{"c1": "undocumented"}, ""},
		"nothing told":      {`{}`, nil, fault.BadResponse},
	} {
		c, _ := newClient(t, test.body)
		got, err := c.AddToSequence(t.Context(), s, []string{"c1"})
		if diff := cmp.Diff(test.want, got); diff != "" || fault.KindOf(err) != test.kind {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
	var many []string
	for i := range 250 {
		many = append(many, fmt.Sprintf("c%d", i))
	}
	c, _ := newClient(t, "")
	p := &paths{body: map[string]string{"/emailer_campaigns/s1/add_contact_ids": `{"contacts":[],"skipped_contact_ids":{"c7":"contacts_without_email","c249":"contact_not_found"}}`}}
	c.transport = p
	got, err := c.AddToSequence(t.Context(), s, many)
	if diff := cmp.Diff(map[string]string{"c7": "contacts_without_email", "c249": "contact_not_found"}, got); diff != "" || err != nil || len(p.asked) != 3 {
		t.Errorf("250 contacts in %d calls: %v (-want +got):\n%s", len(p.asked), err, diff)
	}
	for _, bad := range []struct {
		s   provider.Sequence
		ids []string
	}{
		{provider.Sequence{ID: "../people", Mailbox: "m"}, []string{"c"}},
		{provider.Sequence{ID: "s"}, []string{"c"}},
		{s, []string{"c", ""}},
		{s, []string{"a/b"}},
	} {
		c, d := newClient(t, "")
		if _, err := c.AddToSequence(t.Context(), bad.s, bad.ids); !fault.Is(err, fault.InvalidInput) || d.asked.Op != "" {
			t.Errorf("%+v: %v and request %+v, want InvalidInput and none", bad, err, d.asked)
		}
	}
}
