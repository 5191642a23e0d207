package zoominfo

import (
	"net/http"
	"strings"
	"testing"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/provider/transport"
)

func FuzzDecode(f *testing.F) {
	for _, name := range []string{
		"contacts_enrich.json", "companies_enrich.json", "technologies.json", "intent.json", "contacts_search.json", "companies_search.json", "usage.json",
		"error_pfapi.json", "error_zi.json",
	} {
		f.Add(200, fixture(f, name))
		f.Add(429, fixture(f, name))
	}
	f.Fuzz(func(t *testing.T, status int, body string) {
		resp := &transport.Response{Provider: "zoominfo", Op: "enrich_person", Status: status, Header: http.Header{}, Body: []byte(body), At: at}
		if err := Classify(resp.Op, resp); err != nil {
			quotesNothing(t, err, body)
			return
		}
		c, d := newClient(t, body, "intent_topics", "Robotics")
		people := []domain.Prospect{dana, luis}
		answers, err := c.EnrichPeople(t.Context(), people)
		quotesNothing(t, err, body)
		if err == nil && len(answers) != len(people) {
			t.Errorf("%d answers about %d people", len(answers), len(people))
		}
		for _, a := range answers {
			quotesNothing(t, a.Err, body)
			if a.Found && a.Err != nil || a.Usage.Cost < 0 || a.Usage.Op != "enrich_person" {
				t.Errorf("answer %+v", a)
			}
		}
		_, err = c.EnrichCompanies(t.Context(), []domain.Prospect{acme})
		quotesNothing(t, err, body)
		_, err = c.FindTechnologies(t.Context(), []domain.Prospect{acme})
		quotesNothing(t, err, body)
		intent, err := c.FindIntent(t.Context(), []domain.Prospect{acme})
		quotesNothing(t, err, body)
		if err == nil && intent[0].Found != (len(intent[0].Prospect.Signals) > 0) {
			t.Errorf("intent %+v", intent[0])
		}
		found, _, err := parseSearch(resp)
		quotesNothing(t, err, body)
		for _, p := range found {
			if p.ProfileID == "" || p.Source != "zoominfo" {
				t.Errorf("found %+v", p)
			}
		}
		_, err = c.ReadAccount(t.Context())
		quotesNothing(t, err, body)
		if len(d.asked) == 0 {
			t.Error("nothing was asked")
		}
	})
}

// quotesNothing checks that an error is a known fault and does not quote the body.
func quotesNothing(t *testing.T, err error, body string) {
	t.Helper()
	if err == nil {
		return
	}
	if fault.Is(err, fault.Internal) {
		t.Errorf("unclassified: %v", err)
	}
	if len(body) > 80 && strings.Contains(err.Error(), body) {
		t.Errorf("the error quotes the body: %v", err)
	}
}
