package hunter_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/sandbox/hunter"
	"github.com/messageai/sluice/internal/sandbox/upstream"
)

type domainAnswer struct {
	Status int
	Data   struct {
		Domain       string  `json:"domain"`
		AcceptAll    bool    `json:"accept_all"`
		Pattern      *string `json:"pattern"`
		Organization *string `json:"organization"`
		Headcount    *string `json:"headcount"`
		Emails       []struct {
			Value        string  `json:"value"`
			Type         string  `json:"type"`
			Last         *string `json:"last_name"`
			Position     *string `json:"position"`
			Seniority    *string `json:"seniority"`
			Verification *struct {
				Status *string `json:"status"`
			} `json:"verification"`
		} `json:"emails"`
	} `json:"data"`
	Meta struct {
		Results int `json:"results"`
	} `json:"meta"`
	Errors []struct {
		Details string `json:"details"`
	} `json:"errors"`
}

func (s *stack) search(q url.Values) domainAnswer {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, "https://api.hunter.io/v2/domain-search?"+q.Encode(), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("X-Api-Key", s.key)
	resp, err := s.front.RoundTrip(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	out := domainAnswer{Status: resp.StatusCode}
	if err == nil {
		err = json.Unmarshal(raw, &out)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

func TestDomainSearchShowsWhatHunterHasSeen(t *testing.T) {
	t.Parallel()
	s := start(t, nil, hunter.Options{})
	var people, sure, bounced, patterns float64
	for c := range 600 {
		d := s.market.Domain(c)
		a := s.search(url.Values{"domain": {d}, "type": {"personal"}, "limit": {"100"}})
		if a.Status != 200 || a.Data.Organization == nil || a.Data.Headcount == nil || a.Data.AcceptAll != s.market.CatchAll(c) {
			t.Fatalf("%s: %+v", d, a)
		}
		if a.Data.Pattern != nil {
			patterns++
		}
		for _, e := range a.Data.Emails {
			box := s.market.Mailbox(e.Value)
			if e.Type != "personal" || !strings.HasSuffix(e.Value, "@"+d) || box.Person < 0 || s.market.Person(box.Person).OptOut {
				t.Errorf("address %+v of %+v", e, box)
			}
			people++
			if e.Verification != nil && e.Verification.Status != nil && *e.Verification.Status == "valid" {
				sure++
				if !s.market.Deliverable(e.Value) {
					bounced++
				}
			}
		}
	}
	if people < 600 || sure/people < 0.3 || sure/people > 0.7 || bounced > 0 || patterns < 300 || patterns > 500 {
		t.Errorf("%v people, %v sure of whom %v bounce, %v patterns of 600", people, sure, bounced, patterns)
	}
}

func TestDomainSearchFilters(t *testing.T) {
	t.Parallel()
	s := start(t, nil, hunter.Options{})
	busiest, most := "", 0
	for c := range 400 {
		if n := s.search(url.Values{"domain": {s.market.Domain(c)}}).Meta.Results; n > most && !s.market.Company(c).Dead {
			busiest, most = s.market.Domain(c), n
		}
	}
	all := s.search(url.Values{"domain": {busiest}, "limit": {"100"}})
	if len(all.Data.Emails) != most || all.Data.Emails[most-1].Type != "generic" || all.Data.Emails[most-1].Last != nil {
		t.Errorf("%d of %d addresses: %+v", len(all.Data.Emails), most, all.Data.Emails)
	}
	if got := s.search(url.Values{"domain": {busiest}, "type": {"generic"}}); len(got.Data.Emails) != 1 {
		t.Errorf("generic: %+v", got.Data.Emails)
	}
	rest := s.search(url.Values{"domain": {busiest}, "offset": {"2"}, "limit": {"1"}})
	if d := cmp.Diff(all.Data.Emails[2:3], rest.Data.Emails); d != "" || rest.Meta.Results != most {
		t.Errorf("from the second on: %s", d)
	}
	for _, e := range s.search(url.Values{"domain": {busiest}, "seniority": {"executive,senior"}}).Data.Emails {
		if *e.Seniority == "junior" {
			t.Errorf("junior: %+v", e)
		}
	}
}

// One credit for one to ten addresses, none for nothing, none for a repeat in
// the billing period.
func TestDomainSearchCharges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := start(t, nil, hunter.Options{})
		credits := 0
		for c := range 300 {
			q := url.Values{"domain": {s.market.Domain(c)}, "limit": {"100"}}
			credits += (len(s.search(q).Data.Emails) + 9) / 10
			s.search(q)
		}
		forms := map[int]int{}
		for i := range 20 {
			forms[s.search(url.Values{"domain": {fmt.Sprintf("nowhere%d.example", i)}}).Status]++
		}
		if forms[200] == 0 || forms[404] == 0 || len(forms) != 2 {
			t.Errorf("an unknown domain is %v; want both 200 and 404", forms)
		}
		want := upstream.Bill{
			Total: money.Micro(credits) * hunter.CreditPrice,
			ByOp:  map[string]upstream.OpBill{hunter.OpSearch: {Charges: credits, Total: money.Micro(credits) * hunter.CreditPrice}},
		}
		if d := cmp.Diff(want, s.front.Bill()); d != "" || credits < 200 {
			t.Errorf("after %d credits: %s", credits, d)
		}
		time.Sleep(32 * 24 * time.Hour)
		s.search(url.Values{"domain": {s.market.Domain(0)}, "limit": {"100"}})
		if got := s.front.Bill().Total; got <= want.Total {
			t.Errorf("in the next period: %v, want more than %v", got, want.Total)
		}
	})
}

func TestWrongDomainSearchesAreRefused(t *testing.T) {
	t.Parallel()
	s := start(t, nil, hunter.Options{Free: true})
	d := s.market.Domain(0)
	for name, q := range map[string]url.Values{
		"no domain": {"limit": {"5"}}, "limit 0": {"domain": {d}, "limit": {"0"}}, "limit 101": {"domain": {d}, "limit": {"101"}},
		"above ten on the free plan": {"domain": {d}, "limit": {"11"}}, "offset": {"domain": {d}, "offset": {"-1"}},
		"type": {"domain": {d}, "type": {"private"}}, "seniority": {"domain": {d}, "seniority": {"boss"}},
	} {
		if a := s.search(q); a.Status != 400 || len(a.Errors) != 1 {
			t.Errorf("%s: %d, want 400 in the error envelope", name, a.Status)
		}
	}
	if a := s.search(url.Values{"domain": {d}, "limit": {"10"}}); a.Status != 200 {
		t.Errorf("ten on the free plan: %d", a.Status)
	}
}

func TestDomainSearchSharesLimitAndCreditsWithTheFinder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := start(t, hunter.Quotas(), hunter.Options{Credits: 2})
		statuses := map[int]int{}
		for c := range 15 {
			statuses[s.search(url.Values{"domain": {s.market.Domain(c)}}).Status]++
		}
		if statuses[429] == 0 || s.front.Charges(hunter.OpSearch) != 2 {
			t.Errorf("statuses %v with two credits, %d used", statuses, s.front.Charges(hunter.OpSearch))
		}
		if a := s.find(0); a.Status != 403 {
			t.Errorf("sixteenth question in a second: %d, want 403", a.Status)
		}
	})
}
