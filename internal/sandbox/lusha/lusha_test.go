package lusha_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/sandbox/lusha"
	"github.com/messageai/sluice/internal/sandbox/market"
	"github.com/messageai/sluice/internal/sandbox/upstream"
)

type stack struct {
	t      *testing.T
	market *market.Market
	front  *upstream.Server
	key    string
}

func start(t *testing.T, quotas map[string][]upstream.Window, o lusha.Options) *stack {
	t.Helper()
	m, err := market.New(market.Options{Seed: 3, Now: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	front, err := upstream.New("lusha", upstream.Config{Quotas: quotas})
	if err != nil {
		t.Fatal(err)
	}
	front.Use(lusha.New(m, front, "right", o))
	return &stack{t: t, market: m, front: front, key: "right"}
}

type result struct {
	Reference string `json:"clientReferenceId"`
	ID        string
	LastName  string
	Emails    []struct{ Email, Type, Confidence string }
	Phones    []struct {
		Number, Type string
		DoNotCall    bool
	}
	Company       struct{ Domain string }
	Domain        string
	EmployeeCount map[string]int
	Technologies  []string
	Error         struct{ Code string }
}

type answer struct {
	Status     int
	StatusCode int
	Message    string
	Errors     []string
	Results    []result
	Billing    struct{ CreditsCharged, ResultsReturned int }
	header     http.Header
}

func (s *stack) send(method, path, body string) answer {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, "https://api.lusha.com"+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("api_key", s.key)
	resp, err := s.front.RoundTrip(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	out := answer{Status: resp.StatusCode, header: resp.Header}
	if err == nil {
		err = json.Unmarshal(raw, &out)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

// contacts asks about people of the market by name, with their indexes as
// references.
func (s *stack) contacts(reveal string, people ...int) answer {
	s.t.Helper()
	var asked []map[string]string
	for _, p := range people {
		truth := s.market.Person(p)
		asked = append(asked, map[string]string{
			"clientReferenceId": fmt.Sprint(p), "firstName": truth.First, "lastName": truth.Last, "companyDomain": s.market.Domain(truth.Company),
		})
	}
	raw, err := json.Marshal(asked)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.send(http.MethodPost, "/v3/contacts/search-and-enrich", `{"contacts":`+string(raw)+`,"reveal":[`+reveal+`]}`)
}

func span(from, to int) []int {
	var out []int
	for i := from; i < to; i++ {
		out = append(out, i)
	}
	return out
}

func TestContactsAreKnownAsOftenAsTheMarketSays(t *testing.T) {
	t.Parallel()
	s := start(t, nil, lusha.Options{})
	codes, types := map[string]int{}, map[string]int{}
	asked, work, right, phones, noCalls := 0.0, 0.0, 0.0, 0.0, 0.0
	emailed, called := map[string]bool{}, map[string]bool{} // by id: namesakes are one to the provider
	for from := 0; from < 4000; from += 100 {
		a := s.contacts(`"emails","phones"`, span(from, from+100)...)
		if a.Status != 200 || len(a.Results) != 100 {
			t.Fatalf("%d with %d results", a.Status, len(a.Results))
		}
		for _, r := range a.Results {
			asked++
			if r.Error.Code != "" {
				codes[r.Error.Code]++
				continue
			}
			var p int
			if _, err := fmt.Sscan(r.Reference, &p); err != nil {
				t.Fatal(err)
			}
			truth := s.market.Person(p)
			if truth.OptOut || !market.SameName(truth.Last, r.LastName) || r.Company.Domain != "www."+s.market.Domain(truth.Company) {
				t.Errorf("person %d: %+v", p, r)
			}
			if len(r.Emails) > 0 {
				emailed[r.ID] = true
			}
			for _, e := range r.Emails {
				types[e.Type]++
				if e.Type == "work" {
					work++
				}
				if e.Type == "work" && e.Email == s.market.Email(p) {
					right++
				}
			}
			for _, phone := range r.Phones {
				phones++
				called[r.ID] = true
				if phone.DoNotCall {
					noCalls++
				}
			}
		}
	}
	for _, code := range []string{"NOT_FOUND", "COMPLIANCE_RESTRICTED", "ENRICH_FAILED", "NO_SCORE"} {
		if codes[code] < 3 {
			t.Errorf("%s came %d times", code, codes[code])
		}
	}
	for _, kind := range []string{"work", "private", "unknown"} {
		if types[kind] < 10 {
			t.Errorf("%q came %d times", kind, types[kind])
		}
	}
	if found := 1 - float64(codes["NOT_FOUND"])/asked; found < 0.55 || found > 0.75 {
		t.Errorf("%.2f of all are known", found)
	}
	if work/asked < 0.15 || right/work < 0.8 || right == work {
		t.Errorf("%v work addresses of %v people, %v right", work, asked, right)
	}
	if phones/asked < 0.1 || noCalls == 0 || noCalls > phones/4 {
		t.Errorf("%v numbers of %v people, %v not to be called", phones, asked, noCalls)
	}
	ops := s.front.Bill().ByOp
	if ops[lusha.OpEmail].Charges != len(emailed) || ops[lusha.OpPhone].Charges != len(called) || ops[lusha.OpMinimum].Charges != 0 {
		t.Errorf("%d contacts with addresses, %d with numbers; charged %+v", len(emailed), len(called), ops)
	}
}

// Search is charged every time, what is revealed once; misses are free.
func TestSearchIsChargedAgainButWhatIsRevealedIsNot(t *testing.T) {
	t.Parallel()
	s := start(t, nil, lusha.Options{Steady: true})
	people := span(0, 60)
	first, second := s.contacts(`"phones"`, people...), s.contacts(`"phones"`, people...)
	phones := 0
	for _, r := range first.Results {
		if len(r.Phones) > 0 {
			phones++
		}
	}
	n := first.Billing.ResultsReturned
	got := []int{first.Billing.CreditsCharged, second.Billing.CreditsCharged, second.Billing.ResultsReturned, int(s.front.Bill().Total / lusha.CreditPrice)}
	if d := cmp.Diff([]int{n + 5*phones, n, n, 2*n + 5*phones}, got); d != "" || phones == 0 || n == 60 {
		t.Errorf("%d results, %d with a number (-want +got):\n%s", n, phones, d)
	}
}

func TestTheOtherReadings(t *testing.T) {
	t.Parallel()
	s := start(t, nil, lusha.Options{Steady: true, SearchPer: 25, Minimum: true})
	companies := func(domains ...string) answer {
		var asked []string
		for _, d := range domains {
			asked = append(asked, `{"domain":"`+d+`"}`)
		}
		return s.send(http.MethodPost, "/v3/companies/search-and-enrich", `{"companies":[`+strings.Join(asked, ",")+`]}`)
	}
	var domains []string
	for c := range 60 {
		domains = append(domains, s.market.Domain(c))
	}
	a := companies(domains...)
	n := a.Billing.ResultsReturned
	if want := n + (n+24)/25; n < 26 || a.Billing.CreditsCharged != want {
		t.Errorf("%d results cost %d credits, want %d", n, a.Billing.CreditsCharged, want)
	}
	if a := companies("nowhere.example"); a.Billing.CreditsCharged != 1 || a.Billing.ResultsReturned != 0 || a.Results[0].Error.Code != "NOT_FOUND" {
		t.Errorf("a miss: %+v", a)
	}
	for p := range s.market.People() {
		if !s.market.Person(p).OptOut {
			continue
		}
		blunt := start(t, nil, lusha.Options{Blunt: true})
		if a := blunt.contacts(`"emails"`, p); a.Status == 451 {
			if a.StatusCode != 451 || blunt.front.Bill().Total != 0 {
				t.Errorf("%+v, charged %v", a, blunt.front.Bill().Total)
			}
			return
		}
	}
	t.Error("nobody who opted out is known")
}

func TestCompaniesComeWithWWWAndSometimesOnlyARange(t *testing.T) {
	t.Parallel()
	s := start(t, nil, lusha.Options{})
	exact, ranges := 0, 0
	for c := range 200 {
		a := s.send(http.MethodPost, "/v3/companies/search-and-enrich", `{"companies":[{"clientReferenceId":"x","name":"`+s.market.CompanyName(c)+`"}]}`)
		r := a.Results[0]
		if r.Error.Code != "" {
			continue
		}
		if r.Reference != "x" || r.Domain != "www."+s.market.Domain(c) || r.EmployeeCount["max"] == 0 {
			t.Errorf("company %d: %+v", c, r)
		}
		if r.EmployeeCount["exact"] > 0 {
			exact++
		} else {
			ranges++
		}
		if by := s.send(http.MethodPost, "/v3/companies/search-and-enrich", `{"companies":[{"id":"`+r.ID+`"}]}`).Results[0]; by.Domain != r.Domain {
			t.Errorf("by its id: %+v", by)
		}
	}
	if exact < 50 || ranges < 20 {
		t.Errorf("%d exact, %d ranges", exact, ranges)
	}
}

func TestWrongRequestsAreRefusedAndFree(t *testing.T) {
	t.Parallel()
	s := start(t, nil, lusha.Options{})
	many := `{"contacts":[` + strings.Repeat(`{"id":"1"},`, 100) + `{"id":"1"}]}`
	const contacts, companies = "/v3/contacts/search-and-enrich", "/v3/companies/search-and-enrich"
	for name, c := range map[string]struct {
		method, path, body string
		want               int
	}{
		"nobody":               {"POST", contacts, `{"contacts":[]}`, 400},
		"101":                  {"POST", contacts, many, 400},
		"no identity":          {"POST", contacts, `{"contacts":[{"firstName":"A","lastName":"B"}]}`, 400},
		"no last name":         {"POST", contacts, `{"contacts":[{"firstName":"A","companyDomain":"a.example"}]}`, 400},
		"no address":           {"POST", contacts, `{"contacts":[{"email":"a.example"}]}`, 400},
		"unknown reveal":       {"POST", contacts, `{"contacts":[{"id":"1"}],"reveal":["address"]}`, 400},
		"waterfall flag":       {"POST", contacts, `{"contacts":[{"id":"1"}],"waterfallEnabled":false}`, 400},
		"not JSON":             {"POST", contacts, `contacts=1`, 400},
		"company without name": {"POST", companies, `{"companies":[{"clientReferenceId":"1"}]}`, 400},
		"wrong method":         {"GET", contacts, ``, 404},
		"version 2":            {"POST", "/v2/person", `{}`, 404},
	} {
		if a := s.send(c.method, c.path, c.body); a.Status != c.want || a.StatusCode != c.want || a.Message == "" {
			t.Errorf("%s: %+v, want %d in the error envelope", name, a, c.want)
		}
	}
	s.key = "wrong"
	if a := s.contacts(`"emails"`, 1); a.Status != 401 || a.Message != "Invalid API key" {
		t.Errorf("wrong key: %+v", a)
	}
	if got := s.front.Bill().Total; got != 0 {
		t.Errorf("charged %v", got)
	}
}

func TestTooFastIs429WithCountersButNoRetryAfter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := start(t, lusha.Quotas(), lusha.Options{})
		var last answer
		for range 26 {
			last = s.contacts(`"emails"`, 1)
		}
		got := map[string]string{}
		for name := range last.header {
			if strings.HasPrefix(name, "X-") || name == "Retry-After" {
				got[name] = last.header.Get(name)
			}
		}
		want := map[string]string{"X-Rate-Limit-Daily": "5000", "X-Daily-Requests-Left": "4975", "X-Daily-Usage": "25"}
		if d := cmp.Diff(want, got); d != "" || last.Status != 429 {
			t.Errorf("the 26th of a second: %d, headers (-want +got):\n%s", last.Status, d)
		}
		for i := range 6 {
			last = s.send(http.MethodGet, "/v3/account/usage", "")
			if i < 5 && last.Status != 200 {
				t.Errorf("usage: %d", last.Status)
			}
		}
		if last.Status != 429 {
			t.Errorf("the sixth look at the usage in a minute: %d", last.Status)
		}
		time.Sleep(time.Minute)
		if a := s.contacts(`"emails"`, 1); a.Status != 200 {
			t.Errorf("a minute later: %d", a.Status)
		}
	})
}

func TestUsedUpIs402(t *testing.T) {
	t.Parallel()
	s := start(t, nil, lusha.Options{Credits: 20})
	a := s.contacts(`"emails"`, span(0, 100)...)
	if a.Status != 402 || a.Message != "Insufficient credits for this operation" || s.front.Bill().Total != 0 {
		t.Errorf("%+v, charged %v", a, s.front.Bill().Total)
	}
	if a := s.contacts(`"emails"`, 0, 1, 2); a.Status != 200 || a.Billing.CreditsCharged == 0 {
		t.Errorf("a call within the credits: %+v", a)
	}
}
