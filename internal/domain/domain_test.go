package domain_test

import (
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
)

func TestIdentifiersAreStableAndApart(t *testing.T) {
	t.Parallel()
	if got := domain.ProspectID("acme", "apollo", "123"); got != domain.ProspectID("acme", "apollo", "123") || !strings.HasPrefix(got, "p_") || len(got) != 26 {
		t.Errorf("id = %s", got)
	}
	seen := map[string][]string{}
	for _, parts := range [][]string{
		{"ab", "c"},
		{"a", "bc"},
		{"abc"},
		{"abc", ""},
		{"", "abc"},
		{"a", "b", "c"},
		{},
		{""},
		{"", ""},
		{strings.Repeat("x", 255)},
		{strings.Repeat("x", 256)},
		{strings.Repeat("x", 65_535)},
		{strings.Repeat("x", 65_536)},
	} {
		id := domain.ID("x_", parts...)
		if other, taken := seen[id]; taken {
			t.Errorf("%d parts and %d parts share the id %s", len(parts), len(other), id)
		}
		seen[id] = parts
		if strings.ToLower(id) != id || strings.ContainsAny(id, "=+/ #") {
			t.Errorf("id %s is not safe in keys and URLs", id)
		}
	}
}

// Two records of one person give one lead; two people never do.
func TestWhoIsTheSameLead(t *testing.T) {
	t.Parallel()
	base := domain.Prospect{
		Person:  domain.Person{FirstName: "Ann", LastName: "Lee", ProfileURL: "https://www.linkedin.example/in/Ann"},
		Company: domain.Company{Domain: "x.example"}, Contact: domain.Contact{Email: "Ann@x.example"},
	}
	of := func(change func(*domain.Prospect)) string {
		p := base
		change(&p)
		return domain.LeadID("acme", p)
	}
	same := of(func(*domain.Prospect) {})
	bare := func(p *domain.Prospect) { p.Contact.Email, p.Person.ProfileURL = "", "" }
	for _, c := range []struct {
		name   string
		id     string
		equals bool
	}{
		{"other spelling of the address", of(func(p *domain.Prospect) { p.Contact.Email = "ann@X.EXAMPLE" }), true},
		{"another name, same address", of(func(p *domain.Prospect) { p.Person.FirstName = "Anna" }), true},
		{"another address", of(func(p *domain.Prospect) { p.Contact.Email = "bob@x.example" }), false},
		{"known by profile only", of(func(p *domain.Prospect) { p.Contact.Email = "" }), false},
		{"nobody in particular", of(func(p *domain.Prospect) { bare(p); p.Person.LastName = "" }), false},
	} {
		if (c.id == same) != c.equals {
			t.Errorf("%s: %s against %s", c.name, c.id, same)
		}
	}
	if got := of(func(p *domain.Prospect) { bare(p); p.Company.Domain = "" }); got != "" {
		t.Errorf("a name without a company is lead %s", got)
	}
	if of(bare) == "" || of(bare) != of(func(p *domain.Prospect) { bare(p); p.Person.FirstName = "ANN" }) {
		t.Error("name and domain do not identify a person, or only in one spelling")
	}
	if domain.LeadID("rival", base) == same {
		t.Error("two teams share a lead id")
	}
}

func TestCountsBalance(t *testing.T) {
	t.Parallel()
	states := []domain.State{
		domain.Queued, domain.InWork, domain.Qualified, domain.Review, domain.Rejected, domain.Duplicate, domain.Suppressed, domain.Failed, domain.Held,
	}
	var c domain.Counts
	for i, s := range states {
		c.In += i + 1
		if c.Balanced() {
			t.Errorf("%+v balances without its %s rows", c, s)
		}
		if err := c.Add(s, i+1); err != nil || !c.Balanced() {
			t.Errorf("%+v does not balance, %v", c, err)
		}
	}
	want := domain.Counts{In: 45, Queued: 1, InWork: 2, Qualified: 3, Review: 4, Rejected: 5, Duplicate: 6, Suppressed: 7, Failed: 8, Held: 9}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	double := c.Plus(c)
	if double.In != 90 || double.Held != 18 || double.Queued != 2 || !double.Balanced() {
		t.Errorf("twice the counts = %+v", double)
	}
	if err := c.Add("asleep", 1); err == nil || !cmp.Equal(c, want) {
		t.Errorf("an unknown state was counted: %v, %+v", err, c)
	}
}

func TestWhichStatesAreAnEnd(t *testing.T) {
	t.Parallel()
	for s, want := range map[domain.State]bool{
		domain.Queued: false, domain.InWork: false, domain.Held: false, domain.Qualified: true, domain.Review: true, domain.Rejected: true,
		domain.Duplicate: true, domain.Suppressed: true, domain.Failed: true,
	} {
		if s.Final() != want {
			t.Errorf("%s: final %t, want %t", s, s.Final(), want)
		}
	}
	for s, want := range map[domain.RunStatus]bool{
		domain.RunRunning: false, domain.RunPaused: false, domain.RunCompleted: true, domain.RunPartial: true, domain.RunFailed: true,
		domain.RunCancelled: true,
	} {
		if s.Ended() != want {
			t.Errorf("%s: ended %t, want %t", s, s.Ended(), want)
		}
	}
}

func TestThresholdsAreInclusive(t *testing.T) {
	t.Parallel()
	d := domain.DefaultThresholds()
	for score, want := range map[float64]domain.State{
		0: domain.Rejected, 0.5999999: domain.Rejected, 0.60: domain.Review, 0.7499999: domain.Review, 0.75: domain.Qualified, 1: domain.Qualified,
	} {
		if got := d.State(score); got != want {
			t.Errorf("%g is %s, want %s", score, got, want)
		}
	}
}

func TestAnybodyToContactIsAPerson(t *testing.T) {
	t.Parallel()
	for want, p := range map[bool]domain.Prospect{
		false: {Company: domain.Company{Name: "X", Domain: "x.example", Phone: "+1"}},
		true:  {Person: domain.Person{ProfileURL: "https://p.example/ann"}},
	} {
		if p.HasPerson() != want {
			t.Errorf("%+v has a person: %t, want %t", p, p.HasPerson(), want)
		}
	}
	if !(domain.Prospect{Contact: domain.Contact{Email: "a@x.example"}}).HasPerson() || !(domain.Prospect{Person: domain.Person{LastName: "Lee"}}).HasPerson() {
		t.Error("an address or a name is nobody")
	}
}

func TestPushTalliesAddUp(t *testing.T) {
	t.Parallel()
	a := domain.PushTally{Created: 1, Updated: 2, Skipped: 3, Conflicts: 4, Rejected: 5, Verified: 6, Missing: 7, Duplicates: 8}
	want := domain.PushTally{Created: 2, Updated: 4, Skipped: 6, Conflicts: 8, Rejected: 10, Verified: 12, Missing: 14, Duplicates: 16}
	if diff := cmp.Diff(want, a.Plus(a)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func campaign() domain.Campaign {
	return domain.Campaign{
		ID: "c1", Team: "acme", Name: "Q4", ICPID: "i1", Sources: []string{"apollo"},
		Options: domain.Options{MaxProspects: 100, Thresholds: domain.DefaultThresholds(), Cap: 25 * money.Dollar},
	}
}

func TestCampaignsThatCannotRunSayWhatToDo(t *testing.T) {
	t.Parallel()
	for _, review := range []float64{0, 0.6, 0.75} { // zero: nobody is rejected
		c := campaign()
		c.Options.Thresholds.Review = review
		if err := c.Validate(); err != nil {
			t.Fatalf("a good campaign with review at %g: %v", review, err)
		}
	}
	free := campaign()
	free.Options.Cap = 0
	if err := free.Validate(); err != nil {
		t.Errorf("a campaign that asks nobody for money: %v", err)
	}
	for want, change := range map[string]func(*domain.Campaign){
		"name":         func(c *domain.Campaign) { c.Name = "" },
		"icpId":        func(c *domain.Campaign) { c.ICPID = "" },
		"platforms":    func(c *domain.Campaign) { c.Sources = nil },
		"maxProspects": func(c *domain.Campaign) { c.Options.MaxProspects = 0 },
		"between 1":    func(c *domain.Campaign) { c.Options.MaxProspects = domain.MaxProspectsLimit + 1 },
		"minMatch":     func(c *domain.Campaign) { c.Options.Thresholds.Convert = 0 },
		"at most 1":    func(c *domain.Campaign) { c.Options.Thresholds.Convert = 1.01 },
		"review":       func(c *domain.Campaign) { c.Options.Thresholds.Review = 0.9 },
		"threshold":    func(c *domain.Campaign) { c.Options.Thresholds.Convert = math.NaN() },
		"review thr":   func(c *domain.Campaign) { c.Options.Thresholds.Review = math.NaN() },
		"capUsd":       func(c *domain.Campaign) { c.Options.Cap = -1 },
	} {
		c := campaign()
		change(&c)
		err := c.Validate()
		if !fault.Is(err, fault.InvalidInput) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want InvalidInput that names it", want, err)
		}
	}
}

func TestICPsThatCannotScoreSayWhatToDo(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../cli/sample-icp.json")
	if err != nil {
		t.Fatal(err)
	}
	read := func() (icp domain.ICP) {
		if err := json.Unmarshal(data, &icp); err != nil {
			t.Fatal(err)
		}
		return icp
	}
	if err := read().Validate(); err != nil {
		t.Fatalf("the sample ICP: %v", err)
	}
	weights := domain.DefaultWeights()
	weights.Activity = 5 // any scale will do
	for _, good := range []func(*domain.ICP){
		func(i *domain.ICP) { i.Weights = &weights },
		func(i *domain.ICP) { *i = domain.ICP{Name: "x", Firmographics: domain.Firmographics{Geography: "EU"}} },
		func(i *domain.ICP) { i.Weights = &domain.Weights{Activity: 1} },
	} {
		icp := read()
		good(&icp)
		if err := icp.Validate(); err != nil {
			t.Errorf("%+v: %v", icp.Weights, err)
		}
	}
	for want, change := range map[string]func(*domain.ICP){
		"no name":       func(i *domain.ICP) { i.Name = "" },
		"no job title":  func(i *domain.ICP) { *i = domain.ICP{Name: "x", Psychographics: i.Psychographics} },
		"all zero":      func(i *domain.ICP) { i.Weights = &domain.Weights{} },
		"zero or more":  func(i *domain.ICP) { i.Weights = &domain.Weights{Activity: -1, Demographics: 2} },
		"must be numbe": func(i *domain.ICP) { i.Weights = &domain.Weights{Activity: math.NaN()} },
		"weights must":  func(i *domain.ICP) { i.Weights = &domain.Weights{Activity: math.Inf(1)} },
	} {
		icp := read()
		change(&icp)
		if err := icp.Validate(); !fault.Is(err, fault.InvalidInput) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want InvalidInput that says so", want, err)
		}
	}
}

func TestNamesJoinWithoutBlanks(t *testing.T) {
	t.Parallel()
	for want, p := range map[string]domain.Person{
		"Ann Lee": {FirstName: "Ann", LastName: "Lee"}, "Ann": {FirstName: "Ann"}, "Lee": {LastName: "Lee"}, "": {},
	} {
		if got := p.Name(); got != want {
			t.Errorf("name = %q, want %q", got, want)
		}
	}
}
