package apollo

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
)

var (
	dana = domain.Prospect{Contact: domain.Contact{Email: "Dana.Okafor@acmerobotics.example"}}
	luis = domain.Prospect{Person: domain.Person{FirstName: "Luis", LastName: "Prat"}, Company: domain.Company{Domain: "globexfarms.example"}}
)

func TestBulkMatch(t *testing.T) {
	t.Parallel()
	c, d := newClient(t, fixture(t, "bulk_match.json"))
	got, err := c.EnrichPeople(t.Context(), []domain.Prospect{dana, luis})
	if err != nil {
		t.Fatal(err)
	}
	want := []provider.Answer{
		{
			Found: true, Usage: provider.Usage{Op: "enrich_person", Cost: 31_000},
			Prospect: domain.Prospect{
				Source: "apollo", ProfileID: "64a7ff0cc4dfae00013df001", SeenAt: at,
				Contact: domain.Contact{Email: "dana.okafor@acmerobotics.example"}, Provenance: fromApollo("contact.email"),
			},
		},
		{Usage: provider.Usage{Op: "enrich_person"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	request := transport.Request{
		Op: "enrich_person", Method: "POST", Path: "/people/bulk_match", Query: url.Values{"reveal_personal_emails": {"false"}},
		Body: wireBulkQuestion{Details: []wireDetail{
			{Email: "Dana.Okafor@acmerobotics.example"}, {FirstName: "Luis", LastName: "Prat", Domain: "globexfarms.example"},
		}},
	}
	if diff := cmp.Diff(request, d.asked); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
}

// matchedIDs says who was found for each question: "-" nobody, "?" unclear.
func matchedIDs(answers []provider.Answer) string {
	var out []string
	for _, a := range answers {
		switch {
		case fault.Is(a.Err, fault.Unclear):
			out = append(out, "?")
		case a.Err != nil:
			out = append(out, a.Err.Error())
		case a.Found:
			out = append(out, a.Prospect.ProfileID)
		default:
			out = append(out, "-")
		}
	}
	return strings.Join(out, " ")
}

// Whether a miss is null or left out is unconfirmed: nothing may depend on the
// position.
func TestBulkMatchMayHaveNullOrMissingMatches(t *testing.T) {
	t.Parallel()
	byID := func(id string) domain.Prospect { return domain.Prospect{Refs: map[string]string{"apollo": id}} }
	named := func(first, last, at string) domain.Prospect {
		return domain.Prospect{Person: domain.Person{FirstName: first, LastName: last}, Company: domain.Company{Domain: at}}
	}
	moved := named("Luis", "Prat", "globexfarms.example")
	moved.Contact.Email = "luis@globexfarms.example"
	profiled := domain.Prospect{Person: domain.Person{ProfileURL: "https://uk.linkedin.com/in/Luis-Prat/"}}
	const (
		a        = `{"id":"a"}`
		luisHere = `{"id":"l","first_name":"LUÍS","last_name":"Prat","email":"l@x.example","linkedin_url":"http://www.linkedin.com/in/luis-prat","organization":{"primary_domain":"globexfarms.example"}}`
		luisGone = `{"id":"m","first_name":"Luis","last_name":"Prat","organization":{"primary_domain":"initech.example"}}`
		mueller  = `{"id":"u","first_name":"Jörg","last_name":"Müller","organization":{"primary_domain":"x.example"}}`
		stranger = `{"id":"z","first_name":"Zoe","last_name":"Zed"}`
	)
	for name, test := range map[string]struct {
		people  []domain.Prospect
		matches string
		missing string
		want    string
	}{
		"null":                       {[]domain.Prospect{byID("x"), byID("a")}, "null," + a, "1", "- a"},
		"left out":                   {[]domain.Prospect{byID("x"), byID("a")}, a, "1", "- a"},
		"another order":              {[]domain.Prospect{byID("b"), byID("a"), luis}, luisHere + "," + a + `,{"id":"b"}`, "0", "b a l"},
		"all missing":                {[]domain.Prospect{byID("b"), byID("a")}, "", "2", "- -"},
		"no list":                    {[]domain.Prospect{byID("b"), byID("a")}, "none", "2", "- -"},
		"asked for twice, came once": {[]domain.Prospect{byID("a"), byID("b"), byID("a")}, a, "1", "a - a"},
		"came twice":                 {[]domain.Prospect{byID("a"), byID("b"), byID("a")}, a + "," + a, "1", "a - a"},
		"by profile":                 {[]domain.Prospect{byID("b"), profiled}, luisHere, "1", "- l"},
		"moved since":                {[]domain.Prospect{byID("b"), moved}, luisGone, "1", "- m"},
		"namesakes, one moved":       {[]domain.Prospect{luis, named("Luis", "Prat", "initech.example")}, luisGone + "," + luisHere, "0", "l m"},
		"namesakes, one came":        {[]domain.Prospect{named("Luis", "Prat", "a.example"), named("Luis", "Prat", "b.example")}, luisGone, "1", "? ?"},
		"whole name alone":           {[]domain.Prospect{byID("b"), luis}, `{"id":"w","name":"Luis Prat"}`, "1", "- w"},
		"umlauts written out":        {[]domain.Prospect{named("Joerg", "Mueller", "x.example"), byID("b")}, mueller, "1", "u -"},
		"the last one left":          {[]domain.Prospect{byID("a"), dana}, stranger + "," + a, "0", "a z"},
		"a stranger":                 {[]domain.Prospect{byID("a"), dana}, stranger + "," + a, "1", "a ?"},
		"two strangers":              {[]domain.Prospect{byID("b"), dana, byID("a")}, stranger + `,{"id":"y"},` + a, "0", "? ? a"},
		"record without id":          {[]domain.Prospect{byID("a"), dana}, `{"name":"Zoe"},` + a, "1", "a -"},
	} {
		body := fmt.Sprintf(`{"missing_records":%s,"credits_consumed":2.5,"matches":[%s]}`, test.missing, test.matches)
		if test.matches == "none" {
			body = `{"missing_records":2,"credits_consumed":2.5}`
		}
		c, _ := newClient(t, body)
		got, err := c.EnrichPeople(t.Context(), test.people)
		if err != nil || matchedIDs(got) != test.want {
			t.Errorf("%s: %s, %v; want %s", name, matchedIDs(got), err, test.want)
		}
		var sum money.Micro
		for _, answer := range got {
			sum += answer.Usage.Cost
		}
		if sum != 77_500 {
			t.Errorf("%s: the parts add up to %d, the call cost 77500", name, sum)
		}
	}
}

func costs(answers []provider.Answer) []money.Micro {
	var out []money.Micro
	for _, a := range answers {
		out = append(out, a.Usage.Cost)
	}
	return out
}

func TestFractionalCreditsAreSpreadExactly(t *testing.T) {
	t.Parallel()
	three := []domain.Prospect{{Refs: map[string]string{"apollo": "a"}}, {Refs: map[string]string{"apollo": "b"}}, {Refs: map[string]string{"apollo": "c"}}}
	const all = `"matches":[{"id":"c"},{"id":"a"},{"id":"b"}]`
	for name, test := range map[string]struct {
		body string
		want []money.Micro
	}{
		"a third of a micro-dollar": {`{"credits_consumed":1,` + all + `}`, []money.Micro{10_334, 10_333, 10_333}},
		"fraction":                  {`{"credits_consumed":0.7,` + all + `}`, []money.Micro{7_234, 7_233, 7_233}},
		"one found":                 {`{"credits_consumed":1.5,"matches":[{"id":"b"}]}`, []money.Micro{0, 46_500, 0}},
		"found and free":            {`{"credits_consumed":0,` + all + `}`, []money.Micro{0, 0, 0}},
		"nobody found, yet charged": {`{"credits_consumed":1,"matches":[]}`, []money.Micro{10_334, 10_333, 10_333}},
		"negative":                  {`{"credits_consumed":-4,` + all + `}`, []money.Micro{31_000, 31_000, 31_000}},
		"absurd":                    {`{"credits_consumed":1e12,` + all + `}`, []money.Micro{31_000, 31_000, 31_000}},
	} {
		c, _ := newClient(t, test.body)
		got, err := c.EnrichPeople(t.Context(), three)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(test.want, costs(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestUniqueEnrichedRecordsCountsBillsNotMatches(t *testing.T) {
	t.Parallel()
	c, _ := newClient(t, `{"unique_enriched_records":0,"missing_records":0,"credits_consumed":0,"matches":[{"id":"a"},{"id":"b"}]}`)
	got, err := c.EnrichPeople(t.Context(), []domain.Prospect{{Refs: map[string]string{"apollo": "a"}}, {Refs: map[string]string{"apollo": "b"}}})
	if err != nil || matchedIDs(got) != "a b" {
		t.Errorf("found %s, %v; want both, free of charge", matchedIDs(got), err)
	}
	if diff := cmp.Diff([]money.Micro{0, 0}, costs(got)); diff != "" {
		t.Error(diff)
	}
}

func TestAWaterfallReplacesTheCounters(t *testing.T) {
	t.Parallel()
	c, _ := newClient(t, `{"status":"success","total_requested_enrichments":2,"matches":[{"id":"a"}],"waterfall":{"status":"accepted"},"request_id":-5}`)
	got, err := c.EnrichPeople(t.Context(), []domain.Prospect{{Refs: map[string]string{"apollo": "a"}}, dana})
	if err != nil || matchedIDs(got) != "a -" {
		t.Errorf("found %s, %v", matchedIDs(got), err)
	}
	if diff := cmp.Diff([]money.Micro{31_000, 0}, costs(got)); diff != "" {
		t.Errorf("without a count each record is a credit (-want +got):\n%s", diff)
	}
}

func TestBulkTakesTenAndEachMustBeKnown(t *testing.T) {
	t.Parallel()
	c, d := newClient(t, `{"matches":[]}`)
	for name, people := range map[string][]domain.Prospect{
		"eleven":           slices.Repeat([]domain.Prospect{luis}, 11),
		"one without name": {dana, {Person: domain.Person{FirstName: "Dana"}}},
	} {
		if _, err := c.EnrichPeople(t.Context(), people); !fault.Is(err, fault.InvalidInput) || d.asked.Op != "" {
			t.Errorf("%s: %v and request %+v, want InvalidInput and none", name, err, d.asked)
		}
	}
	if got, err := c.EnrichPeople(t.Context(), nil); len(got) != 0 || err != nil || d.asked.Op != "" {
		t.Errorf("nobody: %v, %v, request %+v", got, err, d.asked)
	}
	if got := Definition().BatchOf(provider.OpEnrichPerson); got != 10 {
		t.Errorf("a batch is %d, want 10", got)
	}
}

func TestWhoIsAskedForTwiceIsPaidForOnce(t *testing.T) {
	t.Parallel()
	c, _ := newClient(t, `{"credits_consumed":2,"matches":[{"id":"b"},{"id":"a"}]}`)
	a, b := domain.Prospect{Refs: map[string]string{"apollo": "a"}}, domain.Prospect{Refs: map[string]string{"apollo": "b"}}
	got, err := c.EnrichPeople(t.Context(), []domain.Prospect{a, b, a})
	if err != nil || matchedIDs(got) != "a b a" {
		t.Errorf("found %s, %v", matchedIDs(got), err)
	}
	if diff := cmp.Diff([]money.Micro{31_000, 31_000, 0}, costs(got)); diff != "" {
		t.Errorf("costs (-want +got):\n%s", diff)
	}
}

// Two answers about one person do not share what can be changed.
func TestAnswersAreIndependent(t *testing.T) {
	t.Parallel()
	c, _ := newClient(t, `{"matches":[{"id":"a","first_name":"Ann"}]}`)
	a := domain.Prospect{Refs: map[string]string{"apollo": "a"}}
	got, err := c.EnrichPeople(t.Context(), []domain.Prospect{a, a})
	if err != nil || len(got) != 2 {
		t.Fatal(got, err)
	}
	got[0].Prospect.Provenance["person.firstName"] = domain.Provenance{}
	if diff := cmp.Diff(fromApollo("person.firstName"), got[1].Prospect.Provenance); diff != "" {
		t.Error(diff)
	}
}
