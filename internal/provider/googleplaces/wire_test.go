package googleplaces

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

var at = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

// doer answers everything with one answer and keeps the requests.
type doer struct {
	asked  []transport.Request
	status int
	body   string
}

func (d *doer) Do(_ context.Context, req transport.Request) (*transport.Response, error) {
	d.asked = append(d.asked, req)
	return &transport.Response{Provider: "googleplaces", Op: req.Op, Status: d.status, Header: http.Header{}, Body: []byte(d.body), At: at}, nil
}

func newClient(t *testing.T, status int, body string) (*Client, *doer) {
	t.Helper()
	c, err := New(provider.Deps{Now: func() time.Time { return at }})
	if err != nil {
		t.Fatal(err)
	}
	d := &doer{status: status, body: body}
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

// forThirtyDays is the provenance of fields that must be forgotten then.
func forThirtyDays(fields ...string) map[string]domain.Provenance {
	all := map[string]domain.Provenance{}
	for _, f := range fields {
		all[f] = domain.Provenance{Source: "googleplaces", FetchedAt: at, ExpiresAt: time.Date(2026, 12, 22, 9, 0, 0, 0, time.UTC)}
	}
	return all
}

const mask = "nextPageToken,places.id,places.displayName,places.businessStatus,places.primaryType,places.primaryTypeDisplayName," +
	"places.postalAddress,places.websiteUri,places.internationalPhoneNumber"

func TestDiscover(t *testing.T) {
	t.Parallel()
	c, d := newClient(t, 200, fixture(t, "search.json"))
	q := provider.Query{Keywords: []string{"dental laboratory in Leeds"}, Industries: []string{"ignored"}}
	first, err := c.Discover(t.Context(), q, "")
	if err != nil {
		t.Fatal(err)
	}
	want := provider.Page{
		Prospects: []domain.Prospect{
			{
				Source: "googleplaces", ProfileID: "ChIJExampleLeeds000000000001", SeenAt: at,
				Company: domain.Company{
					Name: "Aire Valley Dental Laboratory", Domain: "airevalleydental.example", Website: "https://www.airevalleydental.example/?utm_source=maps",
					Industry: "Dentist", City: "Leeds", Country: "GB", Phone: "+44 113 496 0123",
				},
				Provenance: forThirtyDays("company.name", "company.domain", "company.website", "company.industry", "company.city", "company.country", "company.phone"),
			},
			{ // no domain: its page is on a network; no industry: an office says nothing
				Source: "googleplaces", ProfileID: "ChIJExampleLeeds000000000002", SeenAt: at,
				Company:    domain.Company{Name: "Mobile Smiles", Website: "https://www.facebook.com/mobilesmiles"},
				Provenance: forThirtyDays("company.name", "company.website"),
			},
		},
		Next: "2:AeCrExampleToken", Usage: provider.Usage{Op: "discover", Cost: 35_000},
	}
	if diff := cmp.Diff(want, first); diff != "" {
		t.Errorf("first page (-want +got):\n%s", diff)
	}

	cursor, pages := first.Next, 1
	for ; cursor != ""; pages++ {
		page, err := c.Discover(t.Context(), q, cursor)
		if err != nil {
			t.Fatal(err)
		}
		cursor = page.Next
	}
	if pages != 3 {
		t.Errorf("%d pages, want 3 although the answer always has a token", pages)
	}
	request := transport.Request{
		Op: "discover", Method: "POST", Path: "/v1/places:searchText",
		Header: http.Header{http.CanonicalHeaderKey("X-Goog-FieldMask"): {mask}},
		Body:   wireQuery{TextQuery: "dental laboratory in Leeds", PageSize: 20, LanguageCode: "en"},
	}
	next := request
	next.Body = wireQuery{TextQuery: "dental laboratory in Leeds", PageSize: 20, PageToken: "AeCrExampleToken", LanguageCode: "en"}
	if diff := cmp.Diff([]transport.Request{request, next, next}, d.asked); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestSearchText(t *testing.T) {
	t.Parallel()
	for want, q := range map[string]provider.Query{
		"SaaS in Leeds": {Keywords: []string{"SaaS in Leeds"}, Locations: []string{"York"}},
		"Software or SaaS in Leeds or York, United Kingdom": {Industries: []string{"Software", "SaaS"}, Locations: []string{"Leeds", "York, United Kingdom"}},
		"Software": {Industries: []string{"Software"}},
		"Leeds":    {Locations: []string{"Leeds"}},
		"":         {Titles: []string{"CTO"}},
	} {
		if got := searchText(q); got != want {
			t.Errorf("text %q, want %q", got, want)
		}
	}
	c, d := newClient(t, 200, "{}")
	if _, err := c.Discover(t.Context(), provider.Query{Titles: []string{"CTO"}}, ""); !fault.Is(err, fault.InvalidInput) || len(d.asked) != 0 {
		t.Errorf("nothing to search for: %v and %d requests, want InvalidInput and none", err, len(d.asked))
	}
}

func TestEnrichCompany(t *testing.T) {
	t.Parallel()
	known := domain.Prospect{Source: "csv", ProfileID: "7", Refs: map[string]string{"googleplaces": "ChIJExampleLeeds000000000001"}}
	c, d := newClient(t, 200, fixture(t, "details.json"))
	got, err := c.enrichCompany(t.Context(), known)
	if err != nil {
		t.Fatal(err)
	}
	want := provider.Answer{
		Found: true, Usage: provider.Usage{Op: "enrich_company", Cost: 20_000},
		Prospect: domain.Prospect{
			Source: "googleplaces", ProfileID: "ChIJExampleLeeds000000000001", SeenAt: at,
			Company: domain.Company{
				Name: "Aire Valley Dental Laboratory", Domain: "airevalleydental.example", Website: "https://airevalleydental.example/",
				City: "Leeds", Country: "GB", Phone: "+44 113 496 0123",
			},
			Provenance: forThirtyDays("company.name", "company.domain", "company.website", "company.city", "company.country", "company.phone"),
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
	request := transport.Request{
		Op: "enrich_company", Method: "GET", Path: "/v1/places/ChIJExampleLeeds000000000001", Query: url.Values{"languageCode": {"en"}},
		Header: http.Header{http.CanonicalHeaderKey("X-Goog-FieldMask"): {strings.ReplaceAll(strings.TrimPrefix(mask, "nextPageToken,"), "places.", "")}},
	}
	if diff := cmp.Diff([]transport.Request{request}, d.asked); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}

	gone, _ := newClient(t, 404, `{}`)
	if got, err := gone.enrichCompany(t.Context(), known); err != nil || got.Found || got.Usage.Cost != 0 {
		t.Errorf("unknown id: %+v, %v; want nothing found, free of charge", got, err)
	}
	shut, _ := newClient(t, 200, `{"id":"ChIJ1","businessStatus":"CLOSED_PERMANENTLY"}`)
	if got, err := shut.enrichCompany(t.Context(), known); err != nil || got.Found || got.Usage.Cost != 20_000 {
		t.Errorf("closed: %+v, %v; want nothing found, charged", got, err)
	}
	for _, id := range []string{"", "../v1/places:searchText", "a/b", "a?b", "a b", strings.Repeat("x", 2000)} {
		d.asked = nil
		if _, err := c.enrichCompany(t.Context(), domain.Prospect{Source: "googleplaces", ProfileID: id}); !fault.Is(err, fault.InvalidInput) || len(d.asked) != 0 {
			t.Errorf("id of %d characters: %v and %d requests, want InvalidInput and none", len(id), err, len(d.asked))
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, name := range []string{"search.json", "details.json", "error_key.json", "error_day.json"} {
		f.Add(200, []byte(fixture(f, name)))
		f.Add(429, []byte(fixture(f, name)))
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		resp := &transport.Response{Provider: "googleplaces", Op: "discover", Status: status, Header: http.Header{}, Body: body, At: at}
		if err := Classify(resp.Op, resp); err != nil {
			quotesNothing(t, err, body)
			return
		}
		found, _, err := parseSearch(resp)
		quotesNothing(t, err, body)
		for _, p := range found {
			if p.ProfileID == "" {
				t.Errorf("place without id: %+v", p)
			}
			for field, origin := range p.Provenance {
				if origin.ExpiresAt.Sub(origin.FetchedAt) > 30*24*time.Hour || origin.ExpiresAt.IsZero() {
					t.Errorf("%s would be kept until %v", field, origin.ExpiresAt)
				}
			}
		}
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
