package pattern_test

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/messageai/sluice/internal/email/pattern"
	"github.com/messageai/sluice/internal/sandbox/market"
)

// colleagues are the people of a company that have an address there.
func colleagues(m *market.Market, c int) (out []pattern.Known) {
	for _, p := range m.Staff(c) {
		if address := m.Email(p); strings.HasSuffix(address, "@"+m.Domain(c)) {
			truth := m.Person(p)
			out = append(out, pattern.Known{First: truth.First, Last: truth.Last, Email: address})
		}
	}
	return out
}

// On the synthetic market, of which this package knows nothing: how often the
// true address is the first candidate, and among the first three, given the
// addresses of so many colleagues; and whether the chance means what it says.
// A tenth of the people do not follow their company's pattern, and some have a
// number, so nobody can reach 1.
func TestFirstCandidateOnTheMarket(t *testing.T) {
	t.Parallel()
	m, err := market.New(market.Options{Seed: 5, People: 6_000, Now: time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		known        int
		first, three float64 // at least
		off          float64 // calibration error at most
	}{
		{0, 0.43, 0.72, 0.06}, {1, 0.82, 0.92, 0.06}, {2, 0.82, 0.94, 0.06}, {5, 0.89, 0.94, 0.06},
	} {
		people, first, three := 0, 0, 0
		var bins [10]struct{ n, hits, chance float64 }
		for c := range m.Companies() {
			all := colleagues(m, c)
			if len(all) < 6 {
				continue // the same people for every number of colleagues
			}
			country := m.Country(m.CountryOf(c)).Code
			for i, person := range all {
				others := slices.Concat(all[i+1:], all[:i])
				model := pattern.Infer(pattern.Evidence{Domain: m.Domain(c), Country: country, Known: others[:test.known]})
				got := model.Candidates(person.First, person.Last, 3)
				at := slices.IndexFunc(got, func(c pattern.Candidate) bool { return c.Email == person.Email })
				people++
				bin := &bins[min(9, int(got[0].Chance*10))]
				bin.n++
				bin.chance += got[0].Chance
				if at == 0 {
					first++
					bin.hits++
				}
				if at >= 0 {
					three++
				}
			}
		}
		ece := 0.0
		for _, b := range bins {
			ece += math.Abs(b.hits-b.chance) / float64(people)
		}
		share := func(n int) float64 { return float64(n) / float64(people) }
		t.Logf("%d known: of %d people %.4f first, %.4f in three, calibration error %.4f", test.known, people, share(first), share(three), ece)
		if share(first) < test.first || share(three) < test.three || ece > test.off {
			t.Errorf("%d known: want %.2f first, %.2f in three, calibration error %.2f", test.known, test.first, test.three, test.off)
		}
	}
}
