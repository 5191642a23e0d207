package lusha

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
)

func TestItemErrorsInsideA200(t *testing.T) {
	t.Parallel()
	c, _ := newClient(t, `{"results":[
		{"clientReferenceId":"0","id":"10","emails":[{"email":"a@x.example","type":"work"}]},
		{"clientReferenceId":"1","error":{"code":"NOT_FOUND"}},
		{"clientReferenceId":"2","error":{"code":"COMPLIANCE_RESTRICTED"}},
		{"clientReferenceId":"3","error":{"code":"ENRICH_FAILED"}},
		{"clientReferenceId":"4","error":{"code":"NO_SCORE"}},
		{"clientReferenceId":"5","id":"15","error":{"code":"BRAND_NEW"}}],"billing":{"creditsCharged":2}}`)
	var people []domain.Prospect
	for _, first := range []string{"A", "B", "C", "D", "E", "F"} {
		people = append(people, named(first, "X"))
	}
	got, err := c.EnrichPeople(t.Context(), people)
	if err != nil {
		t.Fatal(err)
	}
	type outcome struct {
		Found bool
		Kind  fault.Kind
		Cost  money.Micro
	}
	var outcomes []outcome
	for _, a := range got {
		outcomes = append(outcomes, outcome{a.Found, fault.KindOf(a.Err), a.Usage.Cost})
	}
	want := []outcome{{true, "", 62_000}, {}, {Kind: fault.Blocked}, {Kind: fault.Unavailable}, {}, {Kind: fault.BadResponse}}
	if diff := cmp.Diff(want, outcomes); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
}

// Whatever the bill says is on the answers, to the micro-dollar.
func TestBillIsSpreadToTheMicroDollar(t *testing.T) {
	t.Parallel()
	found := func(i int, rest string) string {
		return `{"clientReferenceId":"` + strconv.Itoa(i) + `","id":"1` + strconv.Itoa(i) + `"` + rest + `}`
	}
	failed := func(i int, code string) string {
		return `{"clientReferenceId":"` + strconv.Itoa(i) + `","error":{"code":"` + code + `"}}`
	}
	withEmail := `,"emails":[{"email":"a@x.example","type":"private"}]`
	for name, test := range map[string]struct {
		results []string
		billing string
		want    []money.Micro // at 31,000 a credit
	}{
		"by the rules":              {[]string{found(0, withEmail), found(1, ""), failed(2, "NOT_FOUND")}, `{"creditsCharged":3}`, []money.Micro{62_000, 31_000, 0}},
		"search is one for all":     {[]string{found(0, withEmail), found(1, withEmail), found(2, withEmail)}, `{"creditsCharged":4}`, []money.Micro{41_333, 41_333, 41_334}},
		"all revealed before":       {[]string{found(0, withEmail), found(1, withEmail)}, `{"creditsCharged":0}`, []money.Micro{0, 0}},
		"waterfall of other prices": {[]string{found(0, withEmail), failed(1, "NOT_FOUND")}, `{"creditsCharged":17}`, []money.Micro{527_000, 0}},
		"a fraction":                {[]string{found(0, withEmail), found(1, withEmail)}, `{"creditsCharged":0.5}`, []money.Micro{7_750, 7_750}},
		"no bill":                   {[]string{found(0, withEmail), found(1, "")}, `{}`, []money.Micro{62_000, 31_000}},
		"null bill":                 {[]string{found(0, "")}, `null`, []money.Micro{31_000}},
		// The unconfirmed minimum: nobody was found, and still a credit is charged.
		"minimum on misses":   {[]string{failed(0, "COMPLIANCE_RESTRICTED"), failed(1, "NOT_FOUND"), failed(2, "NOT_FOUND")}, `{"creditsCharged":1}`, []money.Micro{0, 15_500, 15_500}},
		"minimum on failures": {[]string{failed(0, "ENRICH_FAILED"), failed(1, "COMPLIANCE_RESTRICTED")}, `{"creditsCharged":1}`, []money.Micro{15_500, 15_500}},
		"minimum on silence":  {[]string{}, `{"creditsCharged":1}`, []money.Micro{31_000}},
	} {
		c, _ := newClient(t, `{"results":[`+strings.Join(test.results, ",")+`],"billing":`+test.billing+`}`)
		var people []domain.Prospect
		for range test.want {
			people = append(people, named("Dana", "Okafor"))
		}
		answers, err := c.EnrichPeople(t.Context(), people)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var got []money.Micro
		for _, a := range answers {
			got = append(got, a.Usage.Cost)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// Without a bill the rules' price is booked, by what was revealed.
func TestMissingBillIsReplacedByTheRules(t *testing.T) {
	t.Parallel()
	c, _ := newClient(t, `{"results":[{"clientReferenceId":"0","id":"1","phones":[{"number":"12"}]},{"clientReferenceId":"1","id":"2"}]}`)
	people := []domain.Prospect{named("A", "A"), named("B", "B")}
	for op, test := range map[string]struct {
		ask  func() ([]provider.Answer, error)
		want []money.Micro
	}{
		"find_phone":     {func() ([]provider.Answer, error) { return c.FindPhones(t.Context(), people) }, []money.Micro{186_000, 31_000}},
		"enrich_company": {func() ([]provider.Answer, error) { return c.EnrichCompanies(t.Context(), people) }, []money.Micro{62_000, 62_000}},
	} {
		answers, err := test.ask()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, []money.Micro{answers[0].Usage.Cost, answers[1].Usage.Cost}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", op, diff)
		}
	}
}

func FuzzSpread(f *testing.F) {
	f.Add(int64(100_000), []byte{2, 2, 2, 0, 1})
	f.Add(int64(mostCredits)*1_000_000_000, []byte{255, 255, 1})
	f.Fuzz(func(t *testing.T, total int64, shares []byte) {
		if total < 0 || total > mostCredits*1_000_000_000 || len(shares) > batch {
			t.Skip()
		}
		weights := []int64{1}
		for _, s := range shares {
			weights = append(weights, int64(s)*8)
		}
		var sum money.Micro
		for i, part := range spread(money.Micro(total), weights) {
			if part < 0 || weights[i] == 0 && part != 0 {
				t.Errorf("weight %d bears %d", weights[i], part)
			}
			sum += part
		}
		if sum != money.Micro(total) {
			t.Errorf("parts of %d add up to %d", total, sum)
		}
	})
}

// 451 says that somebody of the batch may not be processed, not who: only that
// one is blocked, and a half that fails for another reason fails alone.
func TestLegalBlockOfABatchIsTracedToThePerson(t *testing.T) {
	t.Parallel()
	c, d := newClient(t, "")
	d.answer = func(req transport.Request) (int, string) {
		asked := req.Body.(wireContactsRequest).Contacts
		has := func(name string) bool {
			return slices.ContainsFunc(asked, func(a wireAskedContact) bool { return a.FirstName == name })
		}
		switch {
		case has("Blocked"):
			return 451, `{"statusCode":451}`
		case has("Unlucky"):
			return 503, `{"statusCode":503}`
		}
		var results []map[string]string
		for _, a := range asked {
			results = append(results, map[string]string{"clientReferenceId": a.Reference, "id": "4", "firstName": a.FirstName})
		}
		body, err := json.Marshal(map[string]any{"results": results, "billing": map[string]int{"creditsCharged": len(asked)}})
		if err != nil {
			t.Error(err)
		}
		return 200, string(body)
	}
	var people []domain.Prospect
	for _, first := range []string{"Ann", "Bob", "Blocked", "Cid", "Unlucky", "Dee", "Eve"} {
		people = append(people, named(first, "X"))
	}
	answers, err := c.EnrichPeople(t.Context(), people)
	if err != nil {
		t.Fatal(err)
	}
	type outcome struct {
		Name string
		Kind fault.Kind
		Cost money.Micro
	}
	var got []outcome
	for _, a := range answers {
		got = append(got, outcome{a.Prospect.Person.FirstName, fault.KindOf(a.Err), a.Usage.Cost})
		if a.Usage.Op != provider.OpEnrichPerson {
			t.Errorf("usage %+v of no operation", a.Usage)
		}
	}
	// The seven are asked as 3 (as 1 and 2, these as 1 and 1) and 4.
	want := []outcome{
		{"Ann", "", 31_000},
		{"Bob", "", 31_000},
		{"", fault.Blocked, 0},
		{"", fault.Unavailable, 0},
		{"", fault.Unavailable, 0},
		{"", fault.Unavailable, 0},
		{"", fault.Unavailable, 0},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
	if _, err := c.EnrichPeople(t.Context(), people[2:3]); !fault.Is(err, fault.Blocked) {
		t.Errorf("the person alone: %v, want Blocked", err)
	}
}

// The 429 has no Retry-After, only counters: the longest window that is used up
// decides. Without one the limiter's own window does.
func TestThrottleWithoutRetryAfterWaitsForTheWindowThatIsUsedUp(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		header map[string]string
		at     time.Time
		want   time.Duration
	}{
		"none told":     {nil, at, 0},
		"none used up":  {map[string]string{"x-minute-requests-left": "3", "x-hourly-requests-left": "20"}, at, 0},
		"not a number":  {map[string]string{"x-minute-requests-left": ""}, at, 0},
		"minute":        {map[string]string{"x-minute-requests-left": "0", "x-hourly-requests-left": "20"}, at, time.Minute},
		"hour":          {map[string]string{"x-minute-requests-left": "0", "x-hourly-requests-left": "0"}, at, 39*time.Minute + 30*time.Second},
		"day":           {map[string]string{"x-daily-requests-left": "0", "x-hourly-requests-left": "5"}, at, 14*time.Hour + 39*time.Minute + 30*time.Second},
		"end of a day":  {map[string]string{"x-daily-requests-left": "-1"}, at.Truncate(24 * time.Hour).Add(-time.Second), time.Minute},
		"stated anyway": {map[string]string{"x-daily-requests-left": "0", "Retry-After": "7"}, at, 7 * time.Second},
	} {
		header := http.Header{}
		for k, v := range test.header {
			header.Set(k, v)
		}
		err := Classify("find_phone", &transport.Response{Provider: "lusha", Op: "find_phone", Status: 429, Header: header, At: test.at})
		if fault.KindOf(err) != fault.RateLimited || fault.RetryAfter(err) != test.want {
			t.Errorf("%s: %v after %v, want RateLimited after %v", name, err, fault.RetryAfter(err), test.want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, name := range []string{"contacts.json", "phones.json", "companies.json", "usage.json", "error_credits.json"} {
		f.Add(200, []byte(fixture(f, name)))
		f.Add(402, []byte(fixture(f, name)))
	}
	f.Add(200, []byte(`{"results":[{"clientReferenceId":"0","id":"1","employeeCount":{"exact":1e300,"min":-5},"revenueRange":{"min":9e14,"max":8e14},"yearFounded":99999}],"billing":{"creditsCharged":1e-9}}`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		d := &doer{answer: func(transport.Request) (int, string) { return status, string(body) }}
		c, err := New(provider.Deps{Now: func() time.Time { return at }})
		if err != nil {
			t.Fatal(err)
		}
		c.transport = d
		people := []domain.Prospect{named("Dana", "Okafor"), named("Luis", "Prat")}
		for _, ask := range []struct {
			most money.Micro
			call func() ([]provider.Answer, error)
		}{
			{200_000, func() ([]provider.Answer, error) { return c.EnrichPeople(t.Context(), people) }},
			{600_000, func() ([]provider.Answer, error) { return c.FindPhones(t.Context(), people) }},
			{200_000, func() ([]provider.Answer, error) { return c.EnrichCompanies(t.Context(), people) }},
		} {
			answers, err := ask.call()
			quotesNothing(t, err, body)
			if err == nil && len(answers) != len(people) {
				t.Fatalf("%d answers to %d questions", len(answers), len(people))
			}
			var w struct {
				Billing wireBilling `json:"billing"`
			}
			billed := json.Unmarshal(body, &w) == nil && w.Billing.Credits != nil
			var sum money.Micro
			for _, a := range answers {
				quotesNothing(t, a.Err, body)
				p := a.Prospect
				if a.Found != (p.Source == "lusha") || a.Found && a.Err != nil || a.Usage.Cost < 0 || !billed && a.Usage.Cost > ask.most {
					t.Errorf("answer %+v", a)
				}
				if p.Company.Employees < 0 || p.Company.RevenueUSD < 0 || p.Company.Founded < 0 || p.Company.Founded > 9999 {
					t.Errorf("company %+v", p.Company)
				}
				sum += a.Usage.Cost
			}
			if err == nil && status == 200 && billed && sum != (money.Price{Unit: 100_000}).For(*w.Billing.Credits) {
				t.Errorf("costs add up to %v, billed were %v credits", sum, *w.Billing.Credits)
			}
		}
		_, err = c.ReadAccount(t.Context())
		quotesNothing(t, err, body)
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
