package waterfall

import (
	"cmp"
	"hash/fnv"
	"io"
	"slices"
	"strings"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/provider"
)

// Stats is what is known about providers. The zero value knows nothing.
type Stats struct {
	Providers map[string]provider.Definition
	Known     domain.Experiences // with the wider segments, see [Widen]
}

func statsKey(field domain.Field, name, segment string) string {
	return string(field) + "/" + name + "/" + segment
}

// Widen returns what the segments of seen, and those that contain them, know.
func Widen(seen domain.Experiences) domain.Experiences {
	out := domain.Experiences{}
	for key, e := range seen {
		at := strings.LastIndex(key, "/") + 1
		for _, segment := range wider(key[at:]) {
			out.Add(domain.Experiences{key[:at] + segment: e})
		}
	}
	return out
}

// Observe returns what the enrichment logs of rows tell. Answers from the cache
// were counted when they were bought, lost answers tell nothing.
func Observe(rows []domain.Row) domain.Experiences {
	out := domain.Experiences{}
	for i := range rows {
		row := &rows[i]
		segment := SegmentOf(row.Prospect).keys()[0]
		before := map[domain.Field]bool{}
		for _, call := range row.Calls {
			if call.Field == "" || !call.Asked() {
				continue
			}
			first := !before[call.Field]
			before[call.Field] = true
			if call.Cached {
				continue
			}
			t := domain.Tally{Asked: 1, Cost: call.Cost}
			if call.Outcome == domain.CallFound {
				t.Found = 1
				if validated(row, call) {
					t.Hits = 1
				}
			}
			e := domain.Experience{Later: t}
			if first {
				e = domain.Experience{First: t}
			}
			out.Add(domain.Experiences{statsKey(call.Field, call.Provider, segment): e})
		}
	}
	return out
}

// validated reports whether what a call found is what the row ended with, and
// no verifier refused it.
func validated(row *domain.Row, call domain.Call) bool {
	if call.Field != domain.FieldEmail {
		return true
	}
	p := row.Prospect
	return p.Provenance["contact.email"].Source == call.Provider && p.Contact.Email != "" &&
		p.Contact.EmailStatus != domain.EmailInvalid && p.Contact.EmailStatus != domain.EmailUnknown
}

// Pseudo-observations: how much a narrower segment has to show before it counts
// as much as the wider one that contains it.
const (
	weight = 20
	// What a provider brings of which nothing is known yet: to most questions some
	// answer, which is charged; a value that validates less often, and least often
	// about those whom others did not know.
	priorFound = 0.65
	priorFirst = 0.5
	priorLater = 0.25
)

// estimate is what asking a provider is expected to bring and to cost.
type estimate struct {
	hit   float64 // chance of a value that validates
	found float64 // chance of any value
	cost  float64 // micro-dollars a question
}

// estimate starts from the price table and moves with what was seen, from all
// segments together to the prospect's own.
func (s Stats) estimate(d provider.Definition, field domain.Field, keys []string, first bool) estimate {
	price := 0.0
	for _, op := range ops(field) {
		if slices.Contains(d.Offers[op].Gives, field) {
			price = float64(d.Prices.Operations[op].Max())
			break
		}
	}
	e := estimate{hit: priorLater, found: priorFound, cost: price * priorFound}
	if first {
		e.hit = priorFirst
	}
	for _, key := range slices.Backward(keys) {
		c := s.Known[statsKey(field, d.Name, key)]
		t := c.Later
		if first {
			t = c.First
		}
		n := float64(t.Asked) + weight
		e = estimate{
			hit:   (float64(t.Hits) + weight*e.hit) / n,
			found: (float64(t.Found) + weight*e.found) / n,
			cost:  (float64(t.Cost) + weight*e.cost) / n,
		}
	}
	return e
}

// perHit is the expected price of one validated value. What is found has to be
// verified, at the price check.
func (e estimate) perHit(check float64) float64 { return (e.cost + e.found*check) / max(e.hit, 1e-6) }

// exploreShare of the chunks ask in another order. Whole chunks, since one
// prospect out of order would cost all others a turn.
const exploreShare = 0.04

// Explores reports whether a chunk is one of those, by its first row, so that
// every attempt decides the same.
func Explores(rows []domain.Row) bool {
	if len(rows) == 0 {
		return false
	}
	h := fnv.New64a()
	_, _ = io.WriteString(h, "explore/"+rows[0].Prospect.ID) // a hash never fails
	x := h.Sum64()
	x ^= x >> 32
	return float64(x%10_000) < exploreShare*10_000
}

// Orders returns the cheapest order of the providers for every segment that
// was seen, and for all others, by field.
func (s Stats) Orders(fields []domain.Field, names []string) map[domain.Field]map[string]domain.EnrichOrder {
	out := map[domain.Field]map[string]domain.EnrichOrder{}
	for _, field := range fields {
		able := s.able(field, names)
		if len(able) < 2 {
			continue
		}
		byName := map[string]domain.EnrichOrder{}
		for _, key := range s.segments(field) {
			byName[key] = s.order(field, able, key)
		}
		out[field] = byName
	}
	return out
}

// able are the providers that can bring a field.
func (s Stats) able(field domain.Field, names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return !slices.ContainsFunc(ops(field), func(op string) bool { return slices.Contains(s.Providers[name].Offers[op].Gives, field) })
	})
}

// enough is how often a segment must have been seen to get an order of its own.
const enough = 30

// segments are those about which enough is known, and everyone.
func (s Stats) segments(field domain.Field) []string {
	seen := map[string]int{}
	for key, c := range s.Known {
		rest, ok := strings.CutPrefix(key, string(field)+"/")
		if !ok {
			continue
		}
		_, segment, _ := strings.Cut(rest, "/")
		seen[segment] += c.First.Asked
	}
	out := []string{everyone}
	for segment, n := range seen {
		if segment != everyone && n >= enough {
			out = append(out, segment)
		}
	}
	slices.Sort(out)
	return out
}

// order sorts the providers for one segment: the first by what they bring when
// asked first, the others by what they bring after it.
func (s Stats) order(field domain.Field, names []string, key string) domain.EnrichOrder {
	keys := wider(key)
	check := 0.0
	if field == domain.FieldEmail {
		_, check = s.cheapest(names, provider.OpVerifyEmail)
	}
	price := func(name string, first bool) float64 {
		return s.estimate(s.Providers[name], field, keys, first).perHit(check)
	}
	by := func(first bool) func(a, b string) int {
		return func(a, b string) int { return cmp.Compare(price(a, first), price(b, first)) }
	}
	head := slices.MinFunc(names, by(true))
	rest := without(names, head)
	slices.SortStableFunc(rest, by(false))
	least := slices.MinFunc(rest, func(a, b string) int {
		return cmp.Compare(s.Known[statsKey(field, a, key)].First.Asked, s.Known[statsKey(field, b, key)].First.Asked)
	})
	return domain.EnrichOrder{Providers: append([]string{head}, rest...), Explore: least}
}

// wider are a segment's own key and those of the segments that contain it.
func wider(key string) []string {
	parts := strings.Split(key, "|")
	switch {
	case key == everyone:
		return []string{everyone}
	case len(parts) == 3:
		return []string{key, parts[0] + "|" + parts[1], parts[0] + "|", everyone}
	case parts[1] != "":
		return []string{key, parts[0] + "|", everyone}
	}
	return []string{key, everyone}
}

// cheapest is the provider whose operation costs least, and its price; none
// has it: "" and zero.
func (s Stats) cheapest(names []string, op string) (name string, price float64) {
	for _, n := range names {
		if p, ok := s.Providers[n].Prices.Operations[op]; ok && (name == "" || float64(p.Max()) < price) {
			name, price = n, float64(p.Max())
		}
	}
	return name, price
}

// Expect returns what asking for a field in the given order costs for one
// prospect of the segment, by provider, and the chance that it brings a
// validated value. Checks of addresses are counted at the cheapest verifier.
func (s Stats) Expect(field domain.Field, order []string, segment Segment) (cost map[string]money.Micro, hit float64) {
	keys := segment.keys()
	verifier, check := "", 0.0
	if field == domain.FieldEmail {
		verifier, check = s.cheapest(order, provider.OpVerifyEmail)
	}
	sums := map[string]float64{}
	missing := 1.0
	for i, name := range s.able(field, order) {
		e := s.estimate(s.Providers[name], field, keys, i == 0)
		sums[name] += missing * e.cost
		sums[verifier] += missing * e.found * check
		missing *= 1 - e.hit
	}
	cost = map[string]money.Micro{}
	for name, sum := range sums {
		if sum > 0 {
			cost[name] = money.Micro(sum + 0.5)
		}
	}
	return cost, 1 - missing
}

// Price returns what one question to a provider for a field is expected to cost
// about a prospect of the segment. first says that nobody was asked before.
func (s Stats) Price(name string, field domain.Field, segment Segment, first bool) money.Micro {
	return money.Micro(s.estimate(s.Providers[name], field, segment.keys(), first).cost + 0.5)
}
