package market_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/sandbox/market"
)

func generate(t testing.TB, seed uint64, people int) *market.Market {
	t.Helper()
	m, err := market.New(market.Options{Seed: seed, People: people, Now: time.Date(2026, 11, 22, 15, 0, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// SampleICP is the ICP of the demo.
func sampleICP() domain.ICP {
	return domain.ICP{
		ID: "test-icp-001", Name: "Enterprise SaaS Decision Maker",
		Demographics: domain.Demographics{
			JobTitles: []string{"CTO", "VP Engineering", "Director of Engineering", "Head of Product"},
			Location:  "United States, United Kingdom, Canada",
		},
		Firmographics: domain.Firmographics{
			Industry:    []string{"Software", "SaaS", "Cloud Computing", "Cybersecurity"},
			CompanySize: []string{"51-200", "201-500", "501-1000"}, Geography: "North America, Western Europe",
		},
		Psychographics: domain.Psychographics{
			PainPoints: []string{"Scaling engineering team", "Technical debt management", "DevOps automation", "Security compliance"},
			Goals:      []string{"Improve development velocity", "Reduce operational costs", "Enhance product quality", "Accelerate time-to-market"},
		},
	}
}

func TestSameSeedSameMarket(t *testing.T) {
	t.Parallel()
	a, b, other := generate(t, 7, 3000), generate(t, 7, 3000), generate(t, 8, 3000)
	same := 0
	for p := range 3000 {
		x, y, z := a.Person(p), b.Person(p), other.Person(p)
		if d := cmp.Diff(x, y); d != "" {
			t.Fatalf("person %d differs between two markets of one seed:\n%s", p, d)
		}
		if a.Email(p) != b.Email(p) {
			t.Fatalf("person %d has two addresses", p)
		}
		if x.First == z.First && x.Last == z.Last {
			same++
		}
		pa, pb := a.Source("apollo").Profile(p, 0), b.Source("apollo").Profile(p, 0)
		if d := cmp.Diff(pa, pb); d != "" {
			t.Fatal(d)
		}
	}
	if same > 100 {
		t.Errorf("%d of 3000 people have the same name under another seed", same)
	}
	for c := range a.Companies() {
		if d := cmp.Diff(a.Company(c), b.Company(c)); d != "" {
			t.Fatal(d)
		}
	}
}

func TestSizeOfTheMarketIsChecked(t *testing.T) {
	t.Parallel()
	for _, n := range []int{-1, 8_000_001} {
		if _, err := market.New(market.Options{People: n}); err == nil {
			t.Errorf("a market of %d people was accepted", n)
		}
	}
	one := generate(t, 1, 1)
	if one.People() != 1 || one.Companies() != 1 || one.Email(0) == "" && one.Mailbox("x@y.example").Domain {
		t.Error("a market of one person is broken")
	}
}

func TestDomainsAreUniqueReservedAndFound(t *testing.T) {
	t.Parallel()
	m := generate(t, 3, 4_000_000)
	seen := make(map[string]bool, m.Companies())
	for c := range m.Companies() {
		d := m.Domain(c)
		if seen[d] || !strings.HasSuffix(d, ".example") || strings.ToLower(d) != d {
			t.Fatalf("company %d has domain %q: taken, not lower case or not reserved", c, d)
		}
		seen[d] = true
		if c%997 == 0 {
			if got, ok := m.CompanyByDomain(d); !ok || got != c {
				t.Fatalf("CompanyByDomain(%q) = %d, %v, want %d", d, got, ok, c)
			}
			if got, ok := m.CompanyByName(m.Source("apollo").CompanyName(c)); !ok || got != c {
				t.Fatalf("CompanyByName(%q) = %d, %v, want %d", m.CompanyName(c), got, ok, c)
			}
		}
	}
}

func TestMailboxes(t *testing.T) {
	t.Parallel()
	m := generate(t, 4, 20_000)
	owner := map[string]int{}
	without, moved, patterned := 0, 0, 0
	for p := range m.People() {
		e := m.Email(p)
		if old := m.OldEmail(p); old != "" {
			moved++
			if b := m.Mailbox(old); b.Exists || b.Person != p {
				t.Fatalf("the mailbox %s that person %d left is %+v", old, p, b)
			}
			if b := m.Mailbox(old); m.Deliverable(old) != (b.Domain && b.CatchAll) {
				t.Fatalf("Deliverable(%s) is wrong for %+v", old, b)
			}
		}
		if e == "" {
			without++
			continue
		}
		if q, taken := owner[e]; taken {
			t.Fatalf("people %d and %d share the address %s", q, p, e)
		}
		owner[e] = p
		if b := m.Mailbox(strings.ToUpper(e)); !b.Exists || b.Person != p || !m.Deliverable(e) {
			t.Fatalf("person %d has %s, but the server says %+v", p, e, b)
		}
		truth := m.Person(p)
		if m.Guess(truth.First, truth.Last, truth.Company) == e {
			patterned++
		}
	}
	between(t, "people without mailbox", float64(without)/20_000, 0.03, 0.07)
	between(t, "people who moved", float64(moved)/20_000, 0.11, 0.15)
	between(t, "addresses that follow the pattern", float64(patterned)/float64(len(owner)), 0.82, 0.95)
	for _, e := range []string{"", "x", "x@", "@x", "nobody@nowhere.example", "info@" + m.Domain(0) + "x"} {
		if m.Deliverable(e) {
			t.Errorf("Deliverable(%q)", e)
		}
	}
	if b := m.Mailbox("info@" + m.Domain(1)); !b.Role || b.Person != -1 {
		t.Errorf("the role address is %+v", b)
	}
}

func between(t *testing.T, what string, got, low, high float64) {
	t.Helper()
	if got < low || got > high {
		t.Errorf("%s: %.3f, want %.3f to %.3f", what, got, low, high)
	}
}

func TestIDsLeadBackAndCannotBeGuessed(t *testing.T) {
	t.Parallel()
	m := generate(t, 5, 5000)
	apollo, hunter := m.Source("apollo"), m.Source("hunter")
	for p := range m.People() {
		for n := range apollo.Profiles(p) {
			id := apollo.ID(p, n)
			if got, gotN, ok := apollo.Person(id); !ok || got != p || gotN != n {
				t.Fatalf("Person(%s) = %d, %d, %v, want %d, %d", id, got, gotN, ok, p, n)
			}
			if _, _, ok := hunter.Person(id); ok {
				t.Fatal("an id of one source is known to another")
			}
			if _, ok := apollo.Organization(id); ok {
				t.Fatal("an id of a person is one of an organization")
			}
		}
	}
	if _, _, ok := apollo.Person(apollo.ID(0, 0)[:23] + "g"); ok {
		t.Error("a broken id was accepted")
	}
	if _, _, ok := apollo.Person(generate(t, 6, 5000).Source("apollo").ID(0, 0)); ok {
		t.Error("an id of another market was accepted")
	}
	if got, ok := apollo.Organization(apollo.OrganizationID(17)); !ok || got != 17 {
		t.Errorf("Organization = %d, %v", got, ok)
	}
}

func TestTwoProfilesOfOnePerson(t *testing.T) {
	t.Parallel()
	m := generate(t, 5, 5000)
	s := m.Source("apollo")
	twins, differ := 0, 0
	for p := range m.People() {
		if s.Profiles(p) < 2 {
			continue
		}
		twins++
		a, b := s.Profile(p, 0), s.Profile(p, 1)
		if a.First != b.First || a.Last != b.Last || a.Title != b.Title {
			differ++
		}
		if !m.SamePerson(market.Ref{Source: "apollo", ProfileID: a.ID}, market.Ref{Source: "apollo", ProfileID: b.ID}) {
			t.Fatal("two profiles of one person are not the same person")
		}
		if m.SamePerson(market.Ref{Source: "apollo", ProfileID: a.ID}, market.Ref{Source: "apollo", ProfileID: s.ID((p+1)%5000, 0)}) {
			t.Fatal("two people are the same person")
		}
	}
	between(t, "share of twins", float64(twins)/5000, 0.015, 0.04)
	between(t, "twins that differ", float64(differ)/float64(twins), 0.5, 1)
}

func TestScansAgreeWithProfiles(t *testing.T) {
	t.Parallel()
	m := generate(t, 9, 3000)
	s := m.Source("apollo")
	type key struct{ person, n int }
	byCompany := map[int]map[key]bool{}
	s.Scan(func(f market.Facet, n int) bool {
		p := s.Profile(f.Person, n)
		if d := cmp.Diff(p.Facet, f); d != "" {
			t.Fatalf("the index and the profile differ:\n%s", d)
		}
		if byCompany[f.Company] == nil {
			byCompany[f.Company] = map[key]bool{}
		}
		byCompany[f.Company][key{f.Person, n}] = true
		return true
	})
	for c, want := range byCompany {
		got := map[key]bool{}
		s.ScanCompany(c, func(f market.Facet, n int) bool {
			got[key{f.Person, n}] = true
			return true
		})
		if d := cmp.Diff(want, got, cmp.AllowUnexported(key{})); d != "" {
			t.Fatalf("company %d:\n%s", c, d)
		}
	}
}

func TestWhoFits(t *testing.T) {
	t.Parallel()
	m := generate(t, 2, 20_000)
	s := m.Source("apollo")
	j := m.Judge(sampleICP())
	seen := map[string]int{}
	for p := range m.People() {
		person := m.Person(p)
		title := m.Title(person.Title)
		fits := j.Fits(person)
		if fits {
			seen["fits"]++
		}
		switch {
		case title.Kind != market.Employee:
			seen["outsider"]++
			if fits {
				t.Fatalf("%s fits", title.Text)
			}
		case title.Family == market.Industrial && title.Text == "Director of Engineering":
			seen["industrial"]++
			if fits {
				t.Fatal("a director of building engineering fits")
			}
		case m.Industry(m.Company(person.Company).Industry).Name == "IT Services" && fits:
			t.Fatal("somebody of an IT service firm fits")
		case m.Company(person.Company).Employees > 1000 && fits:
			t.Fatal("somebody of a company that is too large fits")
		case !strings.Contains("United States United Kingdom Canada", m.Country(person.Country).Name) && fits:
			t.Fatal("somebody in another country fits")
		}
		for n := range s.Profiles(p) {
			profile := s.Profile(p, n)
			truth, ok := j.Truth("apollo", profile.ID)
			if !ok || truth.PersonIndex != p || truth.Email != m.Email(p) {
				t.Fatalf("truth of profile %s: %+v, %v", profile.ID, truth, ok)
			}
			if truth.LeftCompany != (profile.Company != person.Company) || truth.LeftCompany && truth.Fits {
				t.Fatalf("stale profile: %+v", truth)
			}
			if truth.LeftCompany {
				seen["left"]++
			}
		}
	}
	for _, what := range []string{"fits", "outsider", "industrial", "left"} {
		if seen[what] < 20 {
			t.Errorf("only %d people are %q", seen[what], what)
		}
	}
	if _, ok := j.Truth("apollo", "nonsense"); ok {
		t.Error("truth of an unknown profile")
	}
	if _, ok := j.Truth("nosource", s.ID(0, 0)); ok {
		t.Error("truth of an unknown source")
	}
	place := m.Source("googleplaces").PlaceID(0, 0)
	if tr, ok := j.Truth("googleplaces", place); m.Source("googleplaces").Places(0) > 0 && (!ok || tr.PersonIndex != -1 || tr.CompanyIndex != 0) {
		t.Errorf("truth of a place: %+v, %v", tr, ok)
	}
}

func TestSignalsHaveDates(t *testing.T) {
	t.Parallel()
	m := generate(t, 2, 3000)
	kinds := map[string]int{}
	for p := range m.People() {
		last := m.Today().AddDate(10, 0, 0)
		for _, s := range m.Signals(m.Person(p)) {
			kinds[s.Kind]++
			if s.At.After(last) || s.At.Before(m.Today().AddDate(-4, 0, 0)) || s.At.After(m.Today()) && s.Kind != "compliance" {
				t.Fatalf("%s at %v after one at %v", s.Kind, s.At, last)
			}
			last = s.At
		}
	}
	for _, k := range []string{"funding", "hiring", "jobchange", "launch", "compliance", "update"} {
		if kinds[k] < 100 {
			t.Errorf("%d signals of kind %s among 3000 people", kinds[k], k)
		}
	}
}

func TestEmptyPartsOfAnICPDoNotRestrict(t *testing.T) {
	t.Parallel()
	m := generate(t, 2, 2000)
	j := m.Judge(domain.ICP{Name: "anybody in Germany", Demographics: domain.Demographics{Location: "Germany"}})
	for p := range m.People() {
		person := m.Person(p)
		if got, want := j.Fits(person), m.Country(person.Country).Name == "Germany"; got != want {
			t.Fatalf("Fits = %v for somebody in %s", got, m.Country(person.Country).Name)
		}
	}
	sizes := m.Judge(domain.ICP{Name: "large", Firmographics: domain.Firmographics{CompanySize: []string{"1000+"}}})
	for c := range m.Companies() {
		if got, want := sizes.FitsCompany(c), m.Company(c).Employees >= 1000; got != want {
			t.Fatalf("FitsCompany = %v for %d employees", got, m.Company(c).Employees)
		}
	}
}

func TestTitleSearch(t *testing.T) {
	t.Parallel()
	m := generate(t, 1, 10)
	found := func(search string, similar bool) map[string]bool {
		out := map[string]bool{}
		for i := range m.Titles() {
			if m.Title(i).Matches(market.ReadWording(search), similar) {
				out[m.Title(i).Text] = true
			}
		}
		return out
	}
	plain, wide := found("VP Engineering", false), found("VP Engineering", true)
	for title, want := range map[string][2]bool{ // plain, similar
		"VP Engineering":              {true, true},
		"VP of Engineering":           {true, true},
		"Assistant to VP Engineering": {true, true},
		"Vice President, Engineering": {false, true},
		"SVP Engineering":             {false, true},
		"CTO":                         {false, true},
		"Engineering Manager":         {false, false},
		"VP Sales":                    {false, false},
	} {
		if got := [2]bool{plain[title], wide[title]}; got != want {
			t.Errorf("search for VP Engineering finds %q: %v, want %v", title, got, want)
		}
	}
	for title := range plain {
		if !wide[title] {
			t.Errorf("%q is found by the plain search only", title)
		}
	}
}

func BenchmarkPerson(b *testing.B) {
	m := generate(b, 1, 1_000_000)
	s := m.Source("apollo")
	for i := range b.N {
		s.Profile(i%1_000_000, 0)
	}
}
