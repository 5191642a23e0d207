package practice_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/messageai/sluice/internal/api"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/practice"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/neverbounce"
	"github.com/messageai/sluice/internal/sandbox/upstream"
	"github.com/messageai/sluice/internal/waterfall"
)

// verified collects the addresses about which verifiers are asked.
type verified struct {
	next http.RoundTripper
	mu   sync.Mutex
	all  []string
}

func (v *verified) RoundTrip(r *http.Request) (*http.Response, error) {
	var found []string
	switch {
	case strings.HasSuffix(r.URL.Path, "/email-verifier") || strings.HasSuffix(r.URL.Path, "/v2/validate"):
		found = append(found, r.URL.Query().Get("email"))
	case strings.HasSuffix(r.URL.Path, "/validatebatch"):
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		var batch struct {
			Emails []struct {
				Address string `json:"email_address"`
			} `json:"email_batch"`
		}
		if err := json.Unmarshal(body, &batch); err != nil {
			return nil, err
		}
		for _, e := range batch.Emails {
			found = append(found, e.Address)
		}
	}
	v.mu.Lock()
	v.all = append(v.all, found...)
	v.mu.Unlock()
	return v.next.RoundTrip(r)
}

// verifying runs a campaign and tells about how many addresses verifiers were
// asked, how many of them are at domains that take no mail, and how many rows
// lost an address before.
func verifying(t *testing.T, dns upstream.Faults) (asked, dead, spared, guessed int) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		v := &verified{}
		w := open(t, practice.Options{
			Seed: 5, Generous: true, Enrichers: everybody, Providers: map[string]upstream.Faults{"dns": dns},
			Outside: func(next http.RoundTripper) http.RoundTripper { v.next = next; return v },
		})
		plan := must[api.Price](t, w, "POST", campaigns+"/plan", planned(t, w, 600))
		c := start(t, w, api.CampaignOptions{MaxProspects: 600, MinMatchScore: new(0.4), ReviewScore: new(0.2)})
		s := wait(t, w, c.CampaignID)
		check(t, w, s)
		for name, settled := range s.Spend.ByProvider {
			if settled > plan.ByProvider[name] {
				t.Errorf("%s was paid %s, and its worst case was %s", name, settled, plan.ByProvider[name])
			}
		}
		for _, row := range converted(t, w, s) {
			for _, o := range row.Others {
				if strings.HasPrefix(o.Why, "checked before any verifier: ") {
					spared++
				}
			}
			c := row.Prospect.Contact
			if row.Prospect.Provenance["contact.email"].Source == waterfall.FromPattern {
				guessed++
				if c.EmailStatus != domain.EmailSafe {
					t.Errorf("a guess is taken that is %q", c.EmailStatus)
				}
			}
		}
		m := w.Sandbox.Market()
		for _, address := range v.all {
			asked++
			if !m.Mailbox(address).Domain {
				dead++
			}
		}
	})
	return asked, dead, spared, guessed
}

func planned(t *testing.T, w *practice.World, most int) api.CampaignRequest {
	t.Helper()
	icp := must[domain.ICP](t, w, "POST", "/api/v1/prospecting/icps", sample(t))
	return api.CampaignRequest{
		ICPID: icp.ID, Name: "plan", Platforms: []string{"apollo", "googleplaces"},
		Options: api.CampaignOptions{MaxProspects: most, MinMatchScore: new(0.4), ReviewScore: new(0.2)},
	}
}

// No verifier is asked about a domain that takes no mail, unless the DNS does
// not answer: then it is, and no address is lost.
func TestNoVerifierIsAskedAboutADomainWithoutMail(t *testing.T) {
	asked, dead, spared, guessed := verifying(t, upstream.Faults{})
	if asked < 100 || dead != 0 || spared == 0 || guessed == 0 {
		t.Errorf("%d addresses were verified, %d at domains without mail; %d were put aside before; %d were guessed", asked, dead, spared, guessed)
	}
	without, deadWithout, sparedWithout, _ := verifying(t, upstream.Faults{Outage: true})
	t.Logf("verified %d and without DNS %d, of which %d at domains without mail", asked, without, deadWithout)
	if deadWithout == 0 || sparedWithout != 0 {
		t.Errorf("without DNS %d of %d addresses at domains without mail were verified, %d put aside", deadWithout, without, sparedWithout)
	}
}

// A list goes to NeverBounce as one job, is charged once and forgotten there;
// what it brought is in the cache for whoever needs it.
func TestAListIsVerifiedByOneJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := open(t, practice.Options{Seed: 5, People: 2_000, Generous: true, Enrichers: []string{"apollo", "hunter", "neverbounce"}})
		m := w.Sandbox.Market()
		var list []string
		dead := 0
		for p := range 2_000 {
			address := m.Email(p)
			if old := m.OldEmail(p); p%4 == 0 && old != "" {
				address = old
			}
			if address == "" {
				continue
			}
			list = append(list, address)
			if !m.Mailbox(address).Domain {
				dead++
			}
		}
		list = append(list, "info@"+m.Domain(0), "not an address")
		v, err := w.Lists()
		if err != nil {
			t.Fatal(err)
		}
		ctx := domain.InTeam(t.Context(), practice.Team)
		for round := range 2 {
			l, err := v.Prepare(ctx, practice.Team, list)
			if err != nil {
				t.Fatal(err)
			}
			if round == 0 && (l.Ask() < 1_000 || l.Free != dead+2 || l.Known != 0) || round == 1 && l.Ask() != 0 {
				t.Errorf("round %d: %d to ask, %d free, %d known; %d at domains without mail", round, l.Ask(), l.Free, l.Known, dead)
			}
			price := l.Price()
			if err := l.Buy(ctx); err != nil {
				t.Fatal(err)
			}
			bill := w.Sandbox.Bills()["neverbounce"]
			if round == 0 && (bill.Total != price || bill.Repeated != 0 || price != money.Micro(l.Ask())*neverbounce.Definition().Prices.Operations[provider.OpVerifyInBulk].Max()) || round == 1 && price != 0 {
				t.Errorf("round %d: charged %s, the price was %s", round, bill.Total, price)
			}
			safe, bounce := 0, 0
			for _, address := range list {
				if l.Judge(address).Status == domain.EmailSafe {
					safe++
					if !m.Deliverable(strings.ToLower(address)) {
						bounce++
					}
				}
			}
			if safe < 800 || bounce*50 > safe {
				t.Errorf("round %d: %d are safe, of which %d would bounce", round, safe, bounce)
			}
		}
		if total := w.Sandbox.Bills()["neverbounce"].Total; total == 0 {
			t.Error("nothing was charged: this proves nothing")
		}
	})
}
