package waterfall

import (
	"slices"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/normalize"
	"github.com/messageai/sluice/internal/provider"
)

// Waterfall is what a run buys, and where it may.
type Waterfall struct {
	Plan      domain.EnrichPlan
	Providers map[string]provider.Definition
	// Out are providers that are of no use to the chunk any more, and why.
	Out map[string]string
	// Explore: the chunk asks the providers first about which least is known.
	Explore bool
}

// New returns the waterfall of a run's plan. out may be changed later.
func New(plan domain.EnrichPlan, all map[string]provider.Definition, out map[string]string) *Waterfall {
	return &Waterfall{Plan: plan, Providers: all, Out: out}
}

// Step is one question to ask about a row.
type Step struct {
	Provider string
	Op       string // key of the provider's price table
	Field    domain.Field
	Guess    string // the address that is asked about, if it is not the row's
}

// ops are the questions that can bring a field, the most telling first.
// Verdicts and people are asked for on purpose, never got by the way.
func ops(field domain.Field) []string {
	switch field {
	case domain.FieldPerson:
		return []string{provider.OpFindPeople}
	case domain.FieldEmailStatus:
		return []string{provider.OpVerifyEmail}
	default:
		return []string{
			provider.OpEnrichPerson, provider.OpFindEmail, provider.OpFindPhone,
			provider.OpEnrichCompany, provider.OpFindTechnologies, provider.OpFindIntent,
		}
	}
}

// Next returns the question to ask next about a row, if there is one left.
func (w *Waterfall) Next(row *domain.Row) (Step, bool) {
	if row.State != domain.InWork {
		return Step{}, false
	}
	for _, field := range w.Plan.Fields {
		if w.Settled(row, field) {
			continue
		}
		if g := open(row); g != nil && field == domain.FieldEmailStatus {
			if name := w.verifier(row); name != "" {
				return Step{Provider: name, Op: provider.OpVerifyEmail, Field: field, Guess: g.Email}, true
			}
		}
		for _, name := range w.order(row, field) {
			if w.Out[name] != "" {
				continue
			}
			if op := w.question(row, name, field); op != "" {
				return Step{Provider: name, Op: op, Field: field}, true
			}
		}
	}
	return Step{}, false
}

// Highest is the most that all questions which a provider may still be asked
// about a row can cost.
func (w *Waterfall) Highest(row *domain.Row, name string) money.Micro {
	var sum money.Micro
	d := w.Providers[name]
	for op := range d.Offers {
		wanted := slices.ContainsFunc(w.Plan.Fields, func(f domain.Field) bool {
			return slices.Contains(ops(f), op) && brings(d, op, f) && !w.Settled(row, f)
		})
		// What an address found on the way makes possible counts, too.
		if wanted && !asked(row, name, op) {
			sum += d.Prices.Operations[op].Max()
		}
	}
	return sum + w.guessLeft(row, name)
}

// question is the operation by which the provider may bring the field; "" if
// there is none, it was asked already, or does not know the prospect.
func (w *Waterfall) question(row *domain.Row, name string, field domain.Field) string {
	d := w.Providers[name]
	for _, op := range ops(field) {
		if brings(d, op, field) && !asked(row, name, op) && d.Identity(op, row.Prospect) != "" {
			return op
		}
	}
	return ""
}

// brings reports whether an operation of a provider may bring a field about the
// prospects of a list.
func brings(d provider.Definition, op string, field domain.Field) bool {
	offer := d.Offers[op]
	return slices.Contains(offer.Gives, field) && !offer.Interactive
}

// Gives reports whether a provider can be asked for a field about the prospects of
// a list.
func Gives(d provider.Definition, field domain.Field) bool {
	return slices.ContainsFunc(ops(field), func(op string) bool { return brings(d, op, field) })
}

func asked(row *domain.Row, name, op string) bool {
	return slices.ContainsFunc(row.Calls, func(c domain.Call) bool { return c.Provider == name && c.Op == op })
}

// verifiers is how many verifiers are asked about one address at most: a second
// opinion is worth its price where the first could not tell, a third is not.
const verifiers = 2

// Settled reports whether a field needs no further question: it has a value,
// or it cannot have one.
func (w *Waterfall) Settled(row *domain.Row, field domain.Field) bool {
	p := &row.Prospect
	switch field {
	case domain.FieldPerson:
		return p.Person.Name() != ""
	case domain.FieldEmail:
		return p.Contact.Email != ""
	case domain.FieldEmailStatus:
		switch p.Contact.EmailStatus {
		case domain.EmailUnchecked:
			return p.Contact.Email == "" && !w.wants(domain.FieldEmail)
		case domain.EmailUnknown:
			return verdicts(row) >= verifiers
		default:
			return true
		}
	case domain.FieldPhone:
		return p.Contact.Phone != ""
	case domain.FieldTitle:
		return p.Person.Title != ""
	case domain.FieldCompany:
		return p.Company.Employees > 0 && p.Company.Industry != ""
	case domain.FieldTechnology:
		return len(p.Company.Technologies) > 0
	case domain.FieldIntent:
		return slices.ContainsFunc(p.Signals, func(s domain.Signal) bool { return s.Kind == string(domain.FieldIntent) })
	}
	return true
}

func (w *Waterfall) wants(field domain.Field) bool { return slices.Contains(w.Plan.Fields, field) }

// verdicts is how many verifiers were asked about the present address: those
// since the last call that brought one.
func verdicts(row *domain.Row) int {
	n := 0
	for _, call := range row.Calls {
		switch {
		case call.Field == domain.FieldEmail && call.Outcome == domain.CallFound:
			n = 0
		case call.Op == provider.OpVerifyEmail && call.Asked():
			n++
		}
	}
	return n
}

// order is the providers to ask for a field about a row.
func (w *Waterfall) order(row *domain.Row, field domain.Field) []string {
	if field == domain.FieldPerson {
		return w.Plan.People
	}
	learned := w.Plan.Orders[field]
	for _, key := range SegmentOf(row.Prospect).keys() {
		if o, ok := learned[key]; ok {
			if o.Explore != "" && w.Explore {
				return slices.Concat([]string{o.Explore}, without(o.Providers, o.Explore))
			}
			return o.Providers
		}
	}
	return w.Plan.Providers
}

func without(names []string, name string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == name })
}

// Busiest is the provider that most rows wait for, the first by name among
// equals; "" if no row waits.
func (w *Waterfall) Busiest(rows []domain.Row) string {
	waiting := map[string]int{}
	for i := range rows {
		if step, more := w.Next(&rows[i]); more {
			waiting[step.Provider]++
		}
	}
	best := ""
	for name, n := range waiting {
		if n > waiting[best] || n == waiting[best] && name < best {
			best = name
		}
	}
	return best
}

// Segment is what prospects have in common for whom a provider's coverage is
// about the same. Empty parts are unknown.
type Segment struct {
	Country   string // ISO 3166 alpha-2
	Size      string // of the employer: small (to 50), medium (to 500), large
	Seniority string // senior (directors and above) or staff
}

// SegmentOf returns the segment of a prospect.
func SegmentOf(p domain.Prospect) Segment {
	var s Segment
	for _, name := range []string{p.Company.Country, p.Person.Country} {
		if code, ok := normalize.Country(name); ok {
			s.Country = code
			break
		}
	}
	switch n := p.Company.Employees; {
	case n <= 0:
	case n <= 50:
		s.Size = "small"
	case n <= 500:
		s.Size = "medium"
	default:
		s.Size = "large"
	}
	switch p.Person.Seniority {
	case "":
	case "owner", "founder", "c_suite", "partner", "vp", "head", "director":
		s.Seniority = "senior"
	default:
		s.Seniority = "staff"
	}
	return s
}

// everyone is the key of what is known about all segments together.
const everyone = ""

// keys are the names of a segment and of those that contain it, the narrowest
// first.
func (s Segment) keys() []string {
	return []string{s.Country + "|" + s.Size + "|" + s.Seniority, s.Country + "|" + s.Size, s.Country + "|", everyone}
}
