package scoring_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/lexical"
	"github.com/messageai/sluice/internal/normalize"
	"github.com/messageai/sluice/internal/scoring"
)

var now = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func sampleICP(t testing.TB) domain.ICP {
	t.Helper()
	raw, err := os.ReadFile("testdata/enterprise_saas.json")
	if err != nil {
		t.Fatal(err)
	}
	var icp domain.ICP
	if err := json.Unmarshal(raw, &icp); err != nil {
		t.Fatal(err)
	}
	return icp
}

// bench is the sample ICP, compiled and seen through the built-in embedder.
type bench struct {
	icp      domain.ICP
	profile  *scoring.Profile
	lens     *scoring.Lens
	embedder *lexical.Embedder
}

func newBench(t testing.TB, icp domain.ICP) *bench {
	t.Helper()
	profile, err := scoring.Compile(icp)
	if err != nil {
		t.Fatal(err)
	}
	e := lexical.New()
	vectors := func(texts []string) [][]float32 {
		var out [][]float32
		for _, text := range texts {
			out = append(out, e.Vector(text))
		}
		return out
	}
	var texts []string
	for _, text := range scoring.ProfileTexts(icp) {
		texts = append(texts, text.Text)
	}
	lens, err := scoring.NewLens(e.Model(), icp, vectors(texts), vectors(scoring.IdealTexts(icp)), vectors(scoring.BackgroundTexts()))
	if err != nil {
		t.Fatal(err)
	}
	return &bench{icp, profile, lens, e}
}

func (b *bench) score(p domain.Prospect) domain.Receipt {
	return scoring.Score(p, b.profile, b.lens.See(b.embedder.Vector(scoring.ProspectText(p))), now)
}

func full(title, industry, country string) domain.Prospect {
	return domain.Prospect{
		Source: "apollo", ProfileID: "1", SeenAt: now,
		Person:  domain.Person{FirstName: "Ada", LastName: "Lovelace", Title: title, Country: country},
		Company: domain.Company{Name: "Acme", Industry: industry, Employees: 300, RevenueUSD: 40_000_000, Country: country},
		Signals: []domain.Signal{{Kind: "funding", Text: "Series B", At: now.AddDate(0, 0, -20), Source: "news"}},
		Provenance: map[string]domain.Provenance{
			"person.title": {Source: "apollo", FetchedAt: now.AddDate(0, -1, 0)},
		},
	}
}

func TestTrueMatchesAndNearMisses(t *testing.T) {
	t.Parallel()
	b := newBench(t, sampleICP(t))
	for _, c := range []struct {
		title, industry, country string
		low, high                float64
		state                    domain.State
	}{
		{"CTO", "Software", "United States", 0.80, 1, domain.Qualified},
		{"VP Engineering", "SaaS", "United Kingdom", 0.80, 1, domain.Qualified},
		{"Director of Engineering", "Cybersecurity", "Canada", 0.80, 1, domain.Qualified},
		{"Head of Product", "Cloud Computing", "United States", 0.80, 1, domain.Qualified},
		{"Vice President of Engineering", "Computer Software", "USA", 0.80, 1, domain.Qualified},
		{"Chief Technology Officer & Co-Founder", "Computer & Network Security", "UK", 0.80, 1, domain.Qualified},
		{"Technischer Leiter", "Software", "UK", 0.80, 1, domain.Qualified},
		{"CTO", "Hospital & Health Care", "United States", 0.3, 0.70, domain.Review},
		{"VP Engineering", "Construction", "United States", 0.3, 0.70, domain.Review},
		{"Head of Product", "Retail", "United Kingdom", 0.3, 0.70, domain.Review},
		{"VP Sales", "Software", "United States", 0.3, 0.70, domain.Review},
		{"CFO", "SaaS", "United States", 0.3, 0.70, domain.Review},
		{"Head of People", "Cloud Computing", "Canada", 0.3, 0.70, domain.Review},
		{"Nurse Manager", "Hospital & Health Care", "Japan", 0, 0.45, domain.Rejected},
	} {
		p := full(c.title, c.industry, c.country)
		r := b.score(p)
		if r.Score < c.low || r.Score >= c.high+1e-9 || c.high < 1 && r.Score >= c.high {
			t.Errorf("%s in %s: %.3f, want %.2f..%.2f", c.title, c.industry, r.Score, c.low, c.high)
		}
		if got, _ := scoring.Decide(p, r, domain.DefaultThresholds()); got != c.state {
			t.Errorf("%s in %s: %s (%.3f), want %s", c.title, c.industry, got, r.Score, c.state)
		}
	}
}

func TestReceiptOfAFullMatch(t *testing.T) {
	t.Parallel()
	b := newBench(t, sampleICP(t))
	r := b.score(full("VP Engineering", "Software", "United States"))
	if r.Algorithm != scoring.Algorithm || r.ICPID != "test-icp-001" || r.Model != lexical.Model || !r.At.Equal(now) {
		t.Errorf("heading of the receipt is wrong: %+v", r)
	}
	if r.Confidence != 1 || r.Nearest != nil || len(r.Unknown) > 0 {
		t.Errorf("confidence %v, nearest %v, unknown %v; want 1, none, none", r.Confidence, r.Nearest, r.Unknown)
	}
	var names []string
	weight := 0.0
	for _, c := range r.Criteria {
		names = append(names, c.Name)
		weight += c.Weight
		if !c.Known || c.Value == "" || c.Wanted == "" || c.Evidence == "" || c.Source == "" || c.FetchedAt.IsZero() {
			t.Errorf("criterion %s is not fully explained: %+v", c.Name, c)
		}
	}
	want := []string{"title", "location", "industry", "size", "revenue", "geography", "psychographics", "activity"}
	if diff := cmp.Diff(want, names); diff != "" || math.Abs(weight-1) > 1e-12 {
		t.Errorf("criteria: %s; weights sum to %v", diff, weight)
	}
	if got := r.Criteria[0]; got.Source != "apollo" || !got.FetchedAt.Equal(now.AddDate(0, -1, 0)) {
		t.Errorf("the title's provenance is %s at %s", got.Source, got.FetchedAt)
	}
	if reasons := scoring.Reasons(r); !slices.Contains(reasons[:3], "Title: VP Engineering matches 'VP Engineering'") {
		t.Errorf("reasons = %q", reasons)
	}
	for _, line := range append(scoring.Reasons(r), scoring.ProspectText(full("CTO", "Software", "US"))) {
		if strings.Contains(line, "Lovelace") || strings.Contains(line, "Ada") {
			t.Errorf("a name is in %q", line)
		}
	}
}

func TestUnknownIsNotZero(t *testing.T) {
	t.Parallel()
	b := newBench(t, sampleICP(t))
	p := domain.Prospect{Source: "csv", Person: domain.Person{FirstName: "Ada", Title: "CTO"}}
	r := b.score(p)
	if r.Score < 0.9 || r.Confidence > 0.5 || r.Upper < r.Score {
		t.Errorf("score %.3f, confidence %.3f, upper %.3f", r.Score, r.Confidence, r.Upper)
	}
	if got, why := scoring.Decide(p, r, domain.DefaultThresholds()); got != domain.Review || !strings.HasPrefix(why, "Too little is known") {
		t.Errorf("a title alone is %s (%s), want review", got, why)
	}
	want := []string{"signals", "company.industry", "person.country", "company.employees", "company.country", "company.revenueUsd"}
	if diff := cmp.Diff(want, r.Unknown); diff != "" {
		t.Errorf("unknown, most valuable first: %s", diff)
	}
	empty := b.score(domain.Prospect{})
	if empty.Score != 0 || empty.Confidence != 0 || math.Abs(empty.Upper-1) > 1e-12 || scoring.Hopeless(empty, domain.DefaultThresholds()) {
		t.Errorf("nothing known: score %v confidence %v upper %v", empty.Score, empty.Confidence, empty.Upper)
	}
	if got, why := scoring.Decide(domain.Prospect{Person: domain.Person{FirstName: "Ada"}}, empty, domain.DefaultThresholds()); got != domain.Review || !strings.Contains(why, "person.title") {
		t.Errorf("nothing known is %s (%s), want review and what to find out", got, why)
	}
	hopeless := b.score(full("Nurse", "Restaurants", "Japan"))
	if !scoring.Hopeless(hopeless, domain.DefaultThresholds()) {
		t.Errorf("a nurse in a restaurant may still qualify: upper %.3f", hopeless.Upper)
	}
}

func TestActivityFades(t *testing.T) {
	t.Parallel()
	b := newBench(t, sampleICP(t))
	activity := func(s ...domain.Signal) domain.Criterion {
		r := b.score(domain.Prospect{Signals: s})
		return r.Criteria[len(r.Criteria)-1]
	}
	for _, c := range []struct {
		name string
		s    domain.Signal
		want float64
	}{
		{"fresh", domain.Signal{Kind: "funding", At: now.AddDate(0, 0, -5)}, 1},
		{"one half-life", domain.Signal{Kind: "hiring", At: now.AddDate(0, 0, -120)}, 0.5},
		{"two half-lives", domain.Signal{Kind: "launch", At: now.AddDate(0, 0, -210)}, 0.25},
		{"undated", domain.Signal{Kind: "compliance"}, 0.5},
		{"by its text", domain.Signal{Kind: "news", Text: "Acme raises 20M in Series B", At: now}, 1},
		{"other", domain.Signal{Kind: "update", At: now}, 0.4},
		{"from the future", domain.Signal{Kind: "funding", At: now.AddDate(0, 0, 3)}, 1},
	} {
		if got := activity(c.s); !got.Known || math.Abs(got.Match-c.want) > 1e-9 {
			t.Errorf("%s: match %v known %v, want %v", c.name, got.Match, got.Known, c.want)
		}
	}
	if got := activity(); got.Known {
		t.Error("no signal is known activity")
	}
}

func TestNearestChangeCrossesTheThreshold(t *testing.T) {
	t.Parallel()
	b := newBench(t, sampleICP(t))
	rng := rand.New(rand.NewPCG(1, 2))
	found := 0
	for range 3000 {
		r := b.score(randomProspect(rng))
		change := scoring.Nearest(r, domain.DefaultThresholds())
		if diff := cmp.Diff(change, r.Nearest); diff != "" {
			t.Fatal(diff)
		}
		if change == nil {
			continue
		}
		found++
		with := func(match float64) float64 {
			q := r
			q.Criteria = slices.Clone(r.Criteria)
			for i := range q.Criteria {
				if q.Criteria[i].Name == change.Criterion {
					q.Criteria[i].Known, q.Criteria[i].Match = true, match
				}
			}
			return scoring.Recompute(q)
		}
		if got := with(change.To); got < change.Threshold {
			t.Fatalf("after %+v the score is %v", *change, got)
		}
		if got := with(change.To - 1e-6); change.To > change.From+1e-6 && got >= change.Threshold {
			t.Fatalf("a smaller change than %+v suffices: %v", *change, got)
		}
	}
	if found < 300 {
		t.Errorf("only %d receipts had a nearest change", found)
	}
}

func TestRecomputeIsExact(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 4))
	for _, weights := range []*domain.Weights{nil, {Demographics: 1, Firmographics: 3}, {Activity: 0.1, Psychographics: 7, Demographics: 1e-9}} {
		icp := sampleICP(t)
		icp.Weights = weights
		b := newBench(t, icp)
		for range 2000 {
			r := b.score(randomProspect(rng))
			raw, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			var back domain.Receipt
			if err := json.Unmarshal(raw, &back); err != nil {
				t.Fatal(err)
			}
			if got := scoring.Recompute(back); got != r.Score {
				t.Fatalf("recomputed %v, receipt says %v", got, r.Score)
			}
			points := 0.0
			for _, c := range back.Criteria {
				points += c.Points
			}
			if math.Abs(points-r.Score) > 1e-9 || r.Score < 0 || r.Score > 1 || r.Upper < r.Score || r.Upper > 1 || r.Confidence < 0 || r.Confidence > 1 {
				t.Fatalf("points %v, score %v, upper %v, confidence %v", points, r.Score, r.Upper, r.Confidence)
			}
		}
	}
}

// TestLaws: the metamorphic laws on random prospects.
func TestLaws(t *testing.T) {
	t.Parallel()
	b := newBench(t, sampleICP(t))
	rng := rand.New(rand.NewPCG(5, 6))
	const eps = 1e-9
	// The texts change with the fields, so these laws hold with semantics fixed.
	sem := b.lens.See(b.embedder.Vector("VP Engineering. Software"))
	score := func(p domain.Prospect) float64 { return scoring.Score(p, b.profile, sem, now).Score }
	perfect := map[string]func(*domain.Prospect){
		"title":     func(p *domain.Prospect) { p.Person.Title = "CTO" },
		"location":  func(p *domain.Prospect) { p.Person.Country = "Canada" },
		"industry":  func(p *domain.Prospect) { p.Company.Industry = "SaaS" },
		"size":      func(p *domain.Prospect) { p.Company.Employees = 333 },
		"revenue":   func(p *domain.Prospect) { p.Company.RevenueUSD = 50_000_000 },
		"geography": func(p *domain.Prospect) { p.Company.Country = "France" },
		"activity": func(p *domain.Prospect) {
			p.Signals = append(slices.Clone(p.Signals), domain.Signal{Kind: "hiring", At: now})
		},
	}
	for i := range 4000 {
		p := randomProspect(rng)
		before := score(p)
		for name, improve := range perfect {
			q := p
			if improve(&q); score(q) < before-eps {
				t.Fatalf("prospect %d: a perfect %s lowered the score from %v to %v", i, name, before, score(q))
			}
		}
		shuffled := p
		shuffled.Signals = slices.Clone(p.Signals)
		slices.Reverse(shuffled.Signals)
		if diff := cmp.Diff(scoring.Score(p, b.profile, sem, now), scoring.Score(shuffled, b.profile, sem, now)); diff != "" {
			t.Fatalf("the order of signals shows: %s", diff)
		}
		r := scoring.Score(p, b.profile, sem, now)
		if again := scoring.Score(p, b.profile, sem, now); !cmp.Equal(r, again) {
			t.Fatal("the same input gave two receipts")
		}
	}
	// The order of the ICP's lists changes no score.
	icp := sampleICP(t)
	slices.Reverse(icp.Demographics.JobTitles)
	slices.Reverse(icp.Firmographics.Industry)
	slices.Reverse(icp.Firmographics.CompanySize)
	slices.Reverse(icp.Behaviors.BuyingTriggers)
	profile, err := scoring.Compile(icp)
	if err != nil {
		t.Fatal(err)
	}
	for range 500 {
		p := randomProspect(rng)
		if a, c := score(p), scoring.Score(p, profile, sem, now).Score; math.Abs(a-c) > eps {
			t.Fatalf("the order of the ICP's lists changed %v to %v", a, c)
		}
	}
}

func TestCompile(t *testing.T) {
	t.Parallel()
	icp := sampleICP(t)
	icp.Firmographics.CompanySize = []string{"many"}
	if _, err := scoring.Compile(icp); fault.KindOf(err) != fault.InvalidInput {
		t.Errorf("a nonsense size: %v", err)
	}
	if _, err := scoring.Compile(domain.ICP{}); fault.KindOf(err) != fault.InvalidInput {
		t.Errorf("an empty ICP: %v", err)
	}
	profile, err := scoring.Compile(domain.ICP{Name: "x", Demographics: domain.Demographics{JobTitles: []string{"CTO"}, AgeRange: "30-40"}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"demographics.ageRange: age is never inferred or scored"}, profile.Ignored()); diff != "" {
		t.Error(diff)
	}
	r := scoring.Score(full("CTO", "Software", "US"), profile, scoring.Semantic{}, now)
	if len(r.Criteria) != 2 || r.Score != 1 || r.Model != "" { // title, and any sign of life
		t.Errorf("an ICP of one title: %+v", r)
	}
}

func TestThresholds(t *testing.T) {
	t.Parallel()
	usual := domain.DefaultThresholds()
	ann := domain.Prospect{Person: domain.Person{FirstName: "Ann"}}
	firm := domain.Prospect{Company: domain.Company{Name: "X", Domain: "x.example"}}
	for _, c := range []struct {
		p                 domain.Prospect
		score, confidence float64
		t                 domain.Thresholds
		want              domain.State
		why               string
	}{
		{ann, 0.75, 1, usual, domain.Qualified, ""},
		{ann, math.Nextafter(0.75, 0), 1, usual, domain.Review, ""},
		{ann, 0.60, 1, usual, domain.Review, ""},
		{ann, 0.5999, 1, usual, domain.Rejected, ""},
		{ann, 0.99, 0.3, usual, domain.Review, "Too little"},
		{ann, 0.99, 0.5, usual, domain.Qualified, ""},
		{ann, 0.55, 1, domain.Thresholds{Convert: 0.5, Review: 0.5}, domain.Qualified, ""},
		{ann, 0.45, 1, domain.Thresholds{Convert: 0.5, Review: 0.5}, domain.Rejected, ""},
		{ann, 0.45, 1, domain.Thresholds{Convert: 0.5, Review: 0.4}, domain.Review, ""},
		{ann, 0, 1, domain.Thresholds{Convert: 0.5}, domain.Review, ""}, // zero is zero, not the default
		{ann, 0, 0, usual, domain.Review, "Nothing is known"},
		{firm, 1, 0.8, usual, domain.Review, "No person"},
		{firm, 0.65, 0.2, usual, domain.Review, "No person"},
		{firm, 0.1, 0.8, usual, domain.Rejected, ""},
		{domain.Prospect{Contact: domain.Contact{Email: "a@x.example"}}, 0.9, 1, usual, domain.Qualified, ""},
	} {
		got, why := scoring.Decide(c.p, domain.Receipt{Score: c.score, Confidence: c.confidence}, c.t)
		if got != c.want || !strings.HasPrefix(why, c.why) || (why == "") != (c.why == "") {
			t.Errorf("Decide(%v, known %v, %+v) = %s (%s), want %s (%s)", c.score, c.confidence, c.t, got, why, c.want, c.why)
		}
	}
	if scoring.Hopeless(domain.Receipt{}, domain.Thresholds{Convert: 1}) {
		t.Error("a prospect is hopeless where the review threshold is zero")
	}
}

// randomProspect has every field known or not, matching or not.
func randomProspect(rng *rand.Rand) domain.Prospect {
	pick := func(list ...string) string { return list[rng.IntN(len(list))] }
	p := domain.Prospect{
		Source: "apollo", SeenAt: now,
		Person: domain.Person{
			Title:     pick("", "CTO", "VP Engineering", "VP Sales", "Software Engineer", "Head of Product", "Nurse", "Wizard", "CIO", "CEO & Founder", "Director"),
			Seniority: pick("", "vp", "c_suite", "entry"), Department: pick("", "engineering", "sales"),
			Country: pick("", "US", "Germany", "Japan", "UK"), City: pick("", "Paris", "Austin"),
		},
		Company: domain.Company{
			Industry:  pick("", "Software", "Banking", "Information Technology & Services", "Basket weaving", "Retail"),
			Employees: rng.IntN(3) * rng.IntN(3000), RevenueUSD: int64(rng.IntN(3)) * rng.Int64N(300_000_000), Country: pick("", "US", "Sweden", "Brazil"),
			Description: pick("", "DevOps automation for engineering teams", "We bake bread"),
		},
	}
	for range rng.IntN(4) {
		p.Signals = append(p.Signals, domain.Signal{Kind: pick("funding", "hiring", "update", "jobchange"), At: now.AddDate(0, 0, -rng.IntN(500)), Source: pick("news", "apollo")})
	}
	return p
}

func BenchmarkScore(b *testing.B) {
	bench := newBench(b, sampleICP(b))
	p := full("VP of Platform Engineering", "Computer Software", "United States")
	vector := bench.embedder.Vector(scoring.ProspectText(p))
	for b.Loop() {
		scoring.Score(p, bench.profile, bench.lens.See(vector), now)
	}
}

func TestBackgroundTexts(t *testing.T) {
	t.Parallel()
	texts := scoring.BackgroundTexts()
	distinct := map[string]bool{}
	for _, text := range texts {
		distinct[text] = true
		if text == "" {
			t.Fatal("an empty background text")
		}
	}
	if len(distinct) < scoring.MinBackground {
		t.Errorf("%d distinct texts, want at least %d", len(distinct), scoring.MinBackground)
	}
	if !cmp.Equal(texts, scoring.BackgroundTexts()) {
		t.Error("the background is another one every time")
	}
	for _, industry := range normalize.Industries() {
		if !slices.ContainsFunc(texts, func(s string) bool { return strings.Contains(s, ". "+industry) }) {
			t.Errorf("no background text is from %s", industry)
		}
	}
}
