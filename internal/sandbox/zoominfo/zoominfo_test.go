package zoominfo_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/messageai/sluice/internal/sandbox/market"
	"github.com/messageai/sluice/internal/sandbox/upstream"
	"github.com/messageai/sluice/internal/sandbox/zoominfo"
)

type stack struct {
	t      *testing.T
	market *market.Market
	front  *upstream.Server
	server *zoominfo.Server
	token  string
}

func start(t *testing.T, quotas map[string][]upstream.Window, o zoominfo.Options) *stack {
	t.Helper()
	m, err := market.New(market.Options{Seed: 3, People: 3000, Now: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	front, err := upstream.New("zoominfo", upstream.Config{Quotas: quotas})
	if err != nil {
		t.Fatal(err)
	}
	s := &stack{t: t, market: m, front: front, server: zoominfo.New(m, front, "right", o)}
	front.Use(s.server)
	s.token = s.login("right", "right", "grant_type=client_credentials").Token
	return s
}

type answer struct {
	Status int
	Header http.Header
	Token  string `json:"access_token"`
	Life   int    `json:"expires_in"`
	Data   []struct {
		ID         string         `json:"id"`
		Type       string         `json:"type"`
		Attributes map[string]any `json:"attributes"`
		Meta       struct {
			Status string         `json:"matchStatus"`
			Input  map[string]any `json:"input"`
		} `json:"meta"`
	} `json:"data"`
	Errors []struct {
		Code   string `json:"code"`
		Status string `json:"status"`
	} `json:"errors"`
	Error json.RawMessage `json:"error"`
	Meta  struct {
		Total int `json:"totalResults"`
	} `json:"meta"`
}

// code is that of either envelope.
func (a answer) code() string {
	var platform struct {
		Code string `json:"code"`
	}
	if len(a.Errors) > 0 {
		return a.Errors[0].Code
	}
	if json.Unmarshal(a.Error, &platform) != nil {
		return strings.Trim(string(a.Error), `"`)
	}
	return platform.Code
}

func (s *stack) send(method, path, body string, change func(*http.Request)) answer {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, "https://api.zoominfo.com/gtm"+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for name, value := range map[string]string{
		"Authorization": "Bearer " + s.token, "Accept": "application/vnd.api+json", "Content-Type": "application/vnd.api+json", "User-Agent": "test/1",
	} {
		req.Header.Set(name, value)
	}
	if change != nil {
		change(req)
	}
	resp, err := s.front.RoundTrip(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	out := answer{Status: resp.StatusCode, Header: resp.Header}
	if strings.Contains(resp.Header.Get("Content-Type"), "json") {
		if err := json.Unmarshal(raw, &out); err != nil {
			s.t.Fatal(err)
		}
	}
	return out
}

func (s *stack) login(id, secret, form string) answer {
	s.t.Helper()
	return s.send(http.MethodPost, "/oauth/v1/token", form, func(r *http.Request) {
		r.Header.Del("Authorization")
		if id != "" {
			r.SetBasicAuth(id, secret)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	})
}

func (s *stack) post(path, kind, attributes string) answer {
	s.t.Helper()
	return s.send(http.MethodPost, "/data/v1"+path, fmt.Sprintf(`{"data":{"type":%q,"attributes":%s}}`, kind, attributes), nil)
}

func (s *stack) contacts(inputs string) answer {
	s.t.Helper()
	return s.post("/contacts/enrich", "ContactEnrich", `{"outputFields":["id","firstName","email","phone","companyName"],"matchPersonInput":[`+inputs+`]}`)
}

func TestWhatIsRefused(t *testing.T) {
	t.Parallel()
	s := start(t, nil, zoominfo.Options{Denied: []string{"mobilePhone"}})
	many := strings.Repeat(`{"personId":1},`, 25) + `{"personId":1}`
	for name, c := range map[string]struct {
		path, kind, attributes string
		code                   string
	}{
		"no output fields":    {"/contacts/enrich", "ContactEnrich", `{"matchPersonInput":[{"personId":1}]}`, "PFAPI0002"},
		"26 records":          {"/contacts/enrich", "ContactEnrich", `{"outputFields":["id"],"matchPersonInput":[` + many + `]}`, "PFAPI0002"},
		"no record":           {"/contacts/enrich", "ContactEnrich", `{"outputFields":["id"],"matchPersonInput":[]}`, "PFAPI0002"},
		"id as text":          {"/contacts/enrich", "ContactEnrich", `{"outputFields":["id"],"matchPersonInput":[{"personId":"1"}]}`, "PFAPI0003"},
		"unknown input":       {"/contacts/enrich", "ContactEnrich", `{"outputFields":["id"],"matchPersonInput":[{"companyDomain":"a.example"}]}`, "PFAPI0003"},
		"website of a person": {"/contacts/enrich", "ContactEnrich", `{"outputFields":["id"],"matchPersonInput":[{"companyWebsite":"a.example"}]}`, "PFAPI0005"},
		"unknown field":       {"/contacts/enrich", "ContactEnrich", `{"outputFields":["company.name"],"matchPersonInput":[{"personId":1}]}`, "PFAPI0009"},
		"denied field":        {"/contacts/enrich", "ContactEnrich", `{"outputFields":["mobilePhone"],"matchPersonInput":[{"personId":1}]}`, "PFAPI0001"},
		"another type":        {"/companies/enrich", "ContactEnrich", `{"outputFields":["id"],"matchCompanyInput":[{"companyId":1}]}`, "PFAPI0003"},
		"empty search":        {"/contacts/search", "ContactSearch", `{}`, "PFAPI0004"},
		"list of titles":      {"/contacts/search", "ContactSearch", `{"jobTitle":["CTO"]}`, "PFAPI0003"},
		"size in words":       {"/contacts/search", "ContactSearch", `{"employeeRangeMin":"many"}`, "PFAPI0006"},
		"page 101":            {"/contacts/search?page[number]=101", "ContactSearch", `{"jobTitle":"CTO"}`, "PFAPI0002"},
		"101 a page":          {"/contacts/search?page[size]=101", "ContactSearch", `{"jobTitle":"CTO"}`, "PFAPI0002"},
		"firm without name":   {"/companies/search", "CompanySearch", `{"country":"Germany"}`, "PFAPI0004"},
		"technologies":        {"/companies/technologies/enrich", "TechnologyEnrich", `{}`, "PFAPI0004"},
		"by website":          {"/companies/technologies/enrich", "TechnologyEnrich", `{"companyWebsite":"a.example"}`, "PFAPI0003"},
		"no topics":           {"/intent/enrich", "IntentEnrich", `{"companyWebsite":"a.example"}`, "PFAPI0006"},
		"unknown topic":       {"/intent/enrich", "IntentEnrich", `{"companyWebsite":"a.example","topics":["Sorcery"]}`, "PFAPI0006"},
		"intent of nobody":    {"/intent/enrich", "IntentEnrich", `{"topics":["Sorcery"]}`, "PFAPI0004"},
	} {
		if a := s.post(c.path, c.kind, c.attributes); a.Status != 400 || a.code() != c.code || a.Errors[0].Status != "400" {
			t.Errorf("%s: %d %s, want 400 %s", name, a.Status, a.code(), c.code)
		}
	}
	for name, c := range map[string]struct {
		header, value string
		want          int
	}{
		"plain JSON wanted": {"Accept", "application/json", 406}, "plain JSON sent": {"Content-Type", "application/json", 415},
		"a library": {"User-Agent", "Go-http-client/1.1", 403}, "nobody": {"User-Agent", "", 403}, "another token": {"Authorization", "Bearer x", 401},
	} {
		a := s.send(http.MethodPost, "/data/v1/contacts/search", `{"data":{"type":"ContactSearch","attributes":{"jobTitle":"CTO"}}}`, func(r *http.Request) {
			r.Header.Set(c.header, c.value)
		})
		if a.Status != c.want {
			t.Errorf("%s: %d, want %d", name, a.Status, c.want)
		}
	}
	if got := s.front.Bill().Total; got != 0 {
		t.Errorf("refusals cost %v", got)
	}
}

// Every id leads back to what it came from; records are bought once, misses and
// people who opted out never.
func TestContactsAreBoughtOnce(t *testing.T) {
	t.Parallel()
	s := start(t, nil, zoominfo.Options{})
	source := s.market.Source("zoominfo")
	seen := map[string]int{}
	bought, inOrder := 0, true
	for from := 0; from < 1000; from += 5 {
		var inputs []string
		for p := from; p < from+5; p++ {
			truth := s.market.Person(p)
			inputs = append(inputs, fmt.Sprintf(`{"firstName":%q,"lastName":%q,"companyName":%q}`, truth.First, truth.Last, s.market.CompanyName(truth.Company)))
		}
		a := s.contacts(strings.Join(inputs, ","))
		if a.Status != 200 || len(a.Data) != 5 {
			t.Fatalf("%d with %d records", a.Status, len(a.Data))
		}
		for i, r := range a.Data {
			seen[r.Meta.Status]++
			inOrder = inOrder && strings.Contains(inputs[i], fmt.Sprint(r.Meta.Input["lastName"]))
			if (r.Type == "Contact") != (r.Meta.Status == "FULL_MATCH") || (r.ID == "0") != (r.Type == "NoMatch") {
				t.Errorf("record %+v", r)
			}
			if r.Type != "Contact" {
				continue
			}
			bought++
			if _, asked := r.Attributes["jobTitle"]; asked {
				t.Error("a field that was not asked for")
			}
			again := s.contacts(`{"personId":` + r.ID + `}`)
			if len(again.Data) != 1 || again.Data[0].ID != r.ID || again.Data[0].Attributes["firstName"] != r.Attributes["firstName"] {
				t.Errorf("by its id: %+v, was %+v", again.Data, r)
			}
		}
	}
	if seen["NO_MATCH"] == 0 || seen["COMPANY_ONLY_MATCH"] == 0 || seen["OPT_OUT"]+seen["CONTACT_OPTED_OUT"] == 0 {
		t.Errorf("not every kind of answer among %v", seen)
	}
	if inOrder {
		t.Error("the records come in the order of the questions")
	}
	charges := s.front.Charges(zoominfo.OpContact)
	if charges > bought || charges < bought*95/100 || s.front.Bill().Repeated > 0 {
		t.Errorf("%d charges for %d records", charges, bought)
	}
	if share := float64(seen["FULL_MATCH"]) / 1000; share < source.Covers-0.25 || share > source.Covers {
		t.Errorf("knows %.2f of all people by their present employer", share)
	}
	if a := s.contacts(`{"personId":12345},{"firstName":"A"},{"emailAddress":"nobody"}`); len(a.Data) != 3 ||
		!slices.Equal([]string{"INVALID_INPUT", "INVALID_INPUT", "NO_MATCH"}, sorted(a)) {
		t.Errorf("nonsense: %v", sorted(a))
	}
}

func sorted(a answer) []string {
	var all []string
	for _, r := range a.Data {
		all = append(all, r.Meta.Status)
	}
	slices.Sort(all)
	return all
}

func TestTechnologiesAndIntentAreChargedEachTime(t *testing.T) {
	t.Parallel()
	s := start(t, nil, zoominfo.Options{})
	topics, err := json.Marshal(s.server.Topics())
	if err != nil {
		t.Fatal(err)
	}
	signals := 0
	for c := range 60 {
		found := s.post("/companies/search", "CompanySearch", fmt.Sprintf(`{"companyWebsite":%q}`, "http://www."+s.market.Domain(c)))
		before := s.front.Charges(zoominfo.OpIntent)
		for range 2 {
			a := s.post("/intent/enrich", "IntentEnrich", fmt.Sprintf(`{"companyWebsite":%q,"topics":%s}`, "www."+s.market.Domain(c), topics))
			signals += len(a.Data)
			if got := s.front.Charges(zoominfo.OpIntent) - before; a.Status != 200 || (got > 0) != (len(a.Data) > 0) || got > 2 {
				t.Errorf("company %d: %d, %d signals, charged %d", c, a.Status, len(a.Data), got)
			}
		}
		if len(found.Data) == 0 {
			continue
		}
		before = s.front.Charges(zoominfo.OpTechnology)
		for n := range 2 {
			a := s.post("/companies/technologies/enrich", "TechnologyEnrich", `{"companyId":`+found.Data[0].ID+`}`)
			if got := s.front.Charges(zoominfo.OpTechnology) - before; len(a.Data) > 0 && got != n+1 || len(a.Data) == 0 && got > 0 || a.Meta.Total != len(a.Data) {
				t.Errorf("company %d: %d technologies of %d, charged %d", c, len(a.Data), a.Meta.Total, got)
			}
		}
	}
	if signals == 0 || s.front.Charges(zoominfo.OpTechnology) == 0 {
		t.Errorf("%d signals and %d technology charges", signals, s.front.Charges(zoominfo.OpTechnology))
	}
	if a := s.post("/companies/technologies/enrich", "TechnologyEnrich", `{"companyId":7}`); a.Status != 200 || len(a.Data) != 0 {
		t.Errorf("an unknown company: %d, %d technologies", a.Status, len(a.Data))
	}
}

func TestSearchShowsNoWayToReachAnybody(t *testing.T) {
	t.Parallel()
	s := start(t, nil, zoominfo.Options{})
	a := s.post("/contacts/search?page[size]=100", "ContactSearch", `{"jobTitle":"CTO OR VP Engineering","country":"United States","employeeRangeMin":"51"}`)
	if a.Status != 200 || len(a.Data) == 0 || a.Meta.Total < len(a.Data) {
		t.Fatalf("%d: %d people of %d", a.Status, len(a.Data), a.Meta.Total)
	}
	for _, r := range a.Data {
		for field := range r.Attributes {
			if slices.Contains([]string{"email", "phone", "mobilePhone"}, field) {
				t.Errorf("a search shows %s", field)
			}
		}
	}
	first := s.post("/contacts/search?page[size]=3", "ContactSearch", `{"jobTitle":"CTO"}`)
	second := s.post("/contacts/search?page[size]=3&page[number]=2", "ContactSearch", `{"jobTitle":"CTO"}`)
	if len(first.Data) != 3 || len(second.Data) != 3 || first.Data[0].ID == second.Data[0].ID || first.Meta.Total != second.Meta.Total {
		t.Errorf("pages %+v and %+v", first.Data, second.Data)
	}
	if got := s.front.Bill().Total; got != 0 {
		t.Errorf("searches cost %v", got)
	}
}
