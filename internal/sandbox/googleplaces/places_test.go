package googleplaces_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/sandbox/googleplaces"
	"github.com/messageai/sluice/internal/sandbox/market"
	"github.com/messageai/sluice/internal/sandbox/upstream"
)

type stack struct {
	t      *testing.T
	market *market.Market
	front  *upstream.Server
	key    string
}

func start(t *testing.T, quotas map[string][]upstream.Window) *stack {
	t.Helper()
	m, err := market.New(market.Options{Seed: 3, Now: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	front, err := upstream.New("googleplaces", upstream.Config{Quotas: quotas})
	if err != nil {
		t.Fatal(err)
	}
	front.Use(googleplaces.New(m, front, "right"))
	return &stack{t: t, market: m, front: front, key: "right"}
}

type answer struct {
	Status int
	Body   map[string]any
	raw    string
}

func (a answer) reason() string {
	return fmt.Sprint(a.Status, " ", a.Body["error"].(map[string]any)["status"])
}

func (a answer) places() []map[string]any {
	var out []map[string]any
	all, _ := a.Body["places"].([]any)
	for _, p := range all {
		out = append(out, p.(map[string]any))
	}
	return out
}

func (s *stack) call(method, path, mask, body string) answer {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, "https://places.googleapis.com"+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if s.key != "" {
		req.Header.Set("X-Goog-Api-Key", s.key)
	}
	if mask != "" {
		req.Header.Set("X-Goog-FieldMask", mask)
	}
	resp, err := s.front.RoundTrip(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	out := answer{Status: resp.StatusCode, raw: string(raw)}
	if err == nil {
		err = json.Unmarshal(raw, &out.Body)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

func (s *stack) search(mask, body string) answer {
	return s.call(http.MethodPost, "/v1/places:searchText", mask, body)
}

func TestFieldMaskIsEnforced(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	query := `{"textQuery":"software company in Austin"}`
	for name, mask := range map[string]string{
		"no mask": "", "space": "places.id, places.displayName", "without prefix": "id", "unknown": "places.email",
	} {
		if a := s.search(mask, query); a.reason() != "400 INVALID_ARGUMENT" {
			t.Errorf("%s: %s", name, a.raw)
		}
	}
	a := s.search("places.id,places.displayName.text,places.location.latitude", query)
	if len(a.places()) == 0 {
		t.Fatalf("nothing found: %s", a.raw)
	}
	for _, p := range a.places() {
		delete(p, "location") // a service-area business has none
		if d := cmp.Diff([]string{"displayName", "id"}, sortedKeys(p)); d != "" {
			t.Error(d)
		}
		if d := cmp.Diff([]string{"text"}, sortedKeys(p["displayName"].(map[string]any))); d != "" {
			t.Error(d)
		}
	}
	if _, token := a.Body["nextPageToken"]; token {
		t.Error("a page token came that the mask did not name")
	}
	id := a.places()[0]["id"].(string)
	if a := s.call(http.MethodGet, "/v1/places/"+id, "places.id", ""); a.reason() != "400 INVALID_ARGUMENT" {
		t.Errorf("a prefixed mask in Details: %s", a.raw)
	}
	d := s.call(http.MethodGet, "/v1/places/"+id, "id,name", "")
	if diff := cmp.Diff(map[string]any{"id": id, "name": "places/" + id}, d.Body); diff != "" {
		t.Error(diff)
	}
}

func sortedKeys(m map[string]any) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func TestPaging(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	mask := "nextPageToken,places.id"
	seen := map[string]bool{}
	token, pages := "", 0
	for {
		a := s.search(mask, fmt.Sprintf(`{"textQuery":"software","pageSize":50,"pageToken":%q}`, token))
		if a.Status != 200 {
			t.Fatal(a.raw)
		}
		pages++
		if n := len(a.places()); n > 20 {
			t.Errorf("%d places on a page", n)
		}
		for _, p := range a.places() {
			id := p["id"].(string)
			if seen[id] {
				t.Errorf("%s came twice", id)
			}
			seen[id] = true
		}
		next, more := a.Body["nextPageToken"].(string)
		if !more {
			break
		}
		token = next
		if bad := s.search(mask, fmt.Sprintf(`{"textQuery":"software in Austin","pageToken":%q}`, token)); bad.reason() != "400 INVALID_ARGUMENT" {
			t.Errorf("a page of another search: %s", bad.raw)
		}
	}
	if pages != 3 || len(seen) != 60 {
		t.Errorf("%d places on %d pages, want 60 on 3", len(seen), pages)
	}
	if a := s.search(mask, `{"textQuery":"software","pageToken":"garbage"}`); a.reason() != "400 INVALID_ARGUMENT" {
		t.Errorf("broken token: %s", a.raw)
	}
}

func TestNoHitsIsAnEmptyObject(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	if a := s.search("places.id,nextPageToken", `{"textQuery":"xylophone tuning in Austin"}`); a.Status != 200 || a.raw != "{}" {
		t.Errorf("%d %s, want {}", a.Status, a.raw)
	}
}

func TestSearchUnderstandsBusinessAndPlace(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	source := s.market.Source("googleplaces")
	a := s.search("places.id,places.formattedAddress,places.location", `{"textQuery":"Cybersecurity companies in United Kingdom"}`)
	if len(a.places()) < 3 {
		t.Fatalf("only %d places: %s", len(a.places()), a.raw)
	}
	for _, p := range a.places() {
		c, _, ok := source.Place(p["id"].(string))
		company := s.market.Company(c)
		if !ok || s.market.Industry(company.Industry).Name != "Cybersecurity" {
			t.Errorf("found a %s company", s.market.Industry(company.Industry).Name)
		}
		if !strings.Contains(p["formattedAddress"].(string), "United Kingdom") {
			t.Errorf("found %v", p["formattedAddress"])
		}
	}
	city := s.search("places.formattedAddress", `{"textQuery":"software company in London, United Kingdom"}`)
	for _, p := range city.places() {
		if !strings.Contains(p["formattedAddress"].(string), "London") {
			t.Errorf("found %v", p["formattedAddress"])
		}
	}
	if len(city.places()) == 0 {
		t.Error("nothing in London")
	}
	box := s.search("places.location", `{"textQuery":"software","locationRestriction":{"rectangle":{"low":{"latitude":30,"longitude":-98},"high":{"latitude":31,"longitude":-97}}}}`)
	for _, p := range box.places() {
		at := p["location"].(map[string]any)
		if lat := at["latitude"].(float64); lat < 30 || lat > 31 {
			t.Errorf("latitude %v is outside the rectangle", lat)
		}
	}
	if len(box.places()) == 0 {
		t.Error("nothing in the rectangle around Austin")
	}
}

func TestServiceAreaBusinessesHaveNoLocation(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	mask := "places.location,places.pureServiceAreaBusiness,nextPageToken"
	without := 0
	for _, industry := range []string{"software", "saas", "cloud", "retail", "construction"} {
		for _, p := range s.search(mask, `{"textQuery":"`+industry+`","includePureServiceAreaBusinesses":true}`).places() {
			_, has := p["location"]
			if has == p["pureServiceAreaBusiness"].(bool) {
				t.Errorf("location %v, service area %v", has, p["pureServiceAreaBusiness"])
			}
			if !has {
				without++
			}
		}
		for _, p := range s.search(mask, `{"textQuery":"`+industry+`"}`).places() {
			if _, has := p["location"]; !has {
				t.Error("a service-area business came unasked")
			}
		}
	}
	if without == 0 {
		t.Error("no place without location")
	}
}

func TestWrongRequestsAreRefusedForFree(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	for name, body := range map[string]string{
		"no text":               `{}`,
		"unknown field":         `{"textQuery":"a","query":"b"}`,
		"wrong type":            `{"textQuery":5}`,
		"not JSON":              `textQuery=a`,
		"circle as restriction": `{"textQuery":"a","locationRestriction":{"circle":{"radius":5}}}`,
		"bias and restriction":  `{"textQuery":"a","locationBias":{},"locationRestriction":{"rectangle":{}}}`,
		"list of types":         `{"textQuery":"a","includedType":["hotel"]}`,
	} {
		if a := s.search("places.id", body); a.reason() != "400 INVALID_ARGUMENT" {
			t.Errorf("%s: %s", name, a.raw)
		}
	}
	if a := s.call(http.MethodGet, "/v1/places/ChIJnonsense", "id", ""); a.reason() != "404 NOT_FOUND" {
		t.Errorf("unknown place: %s", a.raw)
	}
	s.key = "wrong"
	if a := s.search("places.id", `{"textQuery":"a"}`); a.reason() != "400 INVALID_ARGUMENT" || !strings.Contains(a.raw, "API_KEY_INVALID") {
		t.Errorf("wrong key: %s", a.raw)
	}
	s.key = ""
	if a := s.search("places.id", `{"textQuery":"a"}`); a.reason() != "403 PERMISSION_DENIED" {
		t.Errorf("no key: %s", a.raw)
	}
	if got := s.front.Bill().Total; got != 0 {
		t.Errorf("refused requests cost %d", got)
	}
}

func TestTheMaskSetsThePrice(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	price := func(call func()) money.Micro {
		before := s.front.Bill().Total
		call()
		return s.front.Bill().Total - before
	}
	query := `{"textQuery":"software in Boston"}`
	id := s.search("places.id", query).places()[0]["id"].(string)
	for mask, want := range map[string][2]money.Micro{ // search, details
		"id":                     {0, 0},
		"formattedAddress":       {32_000, 5_000},
		"displayName,id":         {32_000, 17_000},
		"websiteUri,displayName": {35_000, 20_000},
		"reviews":                {40_000, 25_000},
	} {
		got := [2]money.Micro{
			price(func() { s.search("places."+strings.ReplaceAll(mask, ",", ",places."), query) }),
			price(func() { s.call(http.MethodGet, "/v1/places/"+id, mask, "") }),
		}
		if got != want {
			t.Errorf("%s: %v, want %v", mask, got, want)
		}
	}
	before := s.front.Bill().Repeated
	s.search("places.websiteUri", query)
	s.search("places.websiteUri", query)
	if got := s.front.Bill().Repeated - before; got != 1 {
		t.Errorf("the same search twice counts %d as repeated, want 1", got)
	}
}

func TestTwoPlacesOfOneCompany(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	source := s.market.Source("googleplaces")
	for c := range s.market.Companies() {
		if source.Places(c) < 2 {
			continue
		}
		a := s.call(http.MethodGet, "/v1/places/"+source.PlaceID(c, 0), "id,displayName", "")
		b := s.call(http.MethodGet, "/v1/places/"+source.PlaceID(c, 1), "id,displayName", "")
		if a.Status != 200 || b.Status != 200 || cmp.Equal(a.Body, b.Body) {
			t.Errorf("%s and %s", a.raw, b.raw)
		}
		return
	}
	t.Error("no company has two places")
}

func TestThrottling(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := start(t, map[string][]upstream.Window{googleplaces.OpSearch: {{Rate: 2, Per: time.Minute}}})
		query := `{"textQuery":"software in Boston"}`
		s.search("places.id", query)
		s.search("places.id", query)
		if a := s.search("places.id", query); a.reason() != "429 RESOURCE_EXHAUSTED" || !strings.Contains(a.raw, "RATE_LIMIT_EXCEEDED") {
			t.Errorf("third search: %s", a.raw)
		}
		time.Sleep(time.Minute)
		if a := s.search("places.id", query); a.Status != 200 {
			t.Errorf("a minute later: %s", a.raw)
		}
	})
}
