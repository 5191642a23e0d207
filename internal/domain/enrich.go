package domain

import "github.com/messageai/sluice/internal/money"

// Field is something to know about a prospect that can be bought.
type Field string

// The fields of enrichment.
const (
	FieldPerson      Field = "person"       // who it is, at a company without one
	FieldEmail       Field = "email"        // work address
	FieldEmailStatus Field = "email status" // whether it receives mail
	FieldPhone       Field = "phone"
	FieldTitle       Field = "title"
	FieldCompany     Field = "company" // size, industry, revenue, place
	FieldTechnology  Field = "technologies"
	FieldIntent      Field = "intent"
)

// Fields returns all fields of enrichment, in the order in which they are bought.
func Fields() []Field {
	return []Field{FieldPerson, FieldEmail, FieldEmailStatus, FieldTitle, FieldCompany, FieldPhone, FieldTechnology, FieldIntent}
}

// Enrich is what a campaign wants to be bought about its prospects.
type Enrich struct {
	Fields    []Field  `json:"fields,omitempty"`    // none: [DefaultFields]
	Providers []string `json:"providers,omitempty"` // who may be asked, in the user's order; none: all that are connected
	// Fixed keeps the order of Providers; else the order is learned.
	Fixed bool `json:"fixed,omitempty"`
	// Guesses is how many addresses may be guessed for a person whom no finder
	// knows, each for a verifier to check; nil: [DefaultGuesses].
	Guesses *int `json:"guesses,omitempty"`
}

// DefaultFields are what is bought unless a campaign says otherwise: whom to
// write to, and whether mail will arrive.
func DefaultFields() []Field { return []Field{FieldPerson, FieldEmail, FieldEmailStatus} }

// How many addresses are guessed for a person unless a campaign says otherwise,
// and at most.
const (
	DefaultGuesses = 2
	MostGuesses    = 5
)

// EnrichPlan is what a run buys about its prospects, and from whom.
type EnrichPlan struct {
	Fields    []Field  `json:"fields,omitempty"`    // in the order in which they are bought
	Providers []string `json:"providers,omitempty"` // the fixed order
	// People is the order in which companies are asked who works there.
	People []string `json:"people,omitempty"`
	// Orders are learned ones, by field and segment; without one the fixed order holds.
	Orders map[Field]map[string]EnrichOrder `json:"orders,omitempty"`
	// Guesses is how many addresses of a person may be guessed and verified.
	Guesses int `json:"guesses,omitempty"`
}

// EnrichOrder is the order of providers for one segment. A few prospects ask
// the provider Explore first, about which least is known.
type EnrichOrder struct {
	Providers []string `json:"providers"`
	Explore   string   `json:"explore,omitempty"`
}

// Tally is what came of asking one provider for one field.
type Tally struct {
	Asked int         `json:"n"`
	Found int         `json:"f,omitempty"` // answers with a value
	Hits  int         `json:"h,omitempty"` // values that validated
	Cost  money.Micro `json:"c,omitempty"`
}

// Plus returns the sum of two tallies.
func (t Tally) Plus(o Tally) Tally {
	return Tally{t.Asked + o.Asked, t.Found + o.Found, t.Hits + o.Hits, t.Cost + o.Cost}
}

// Half returns the tally with half its weight.
func (t Tally) Half() Tally { return Tally{t.Asked / 2, t.Found / 2, t.Hits / 2, t.Cost / 2} }

// CacheTally counts the questions that a provider's answers in the cache were
// looked for, and what those that were there saved.
type CacheTally struct {
	Questions int         `json:"questions"`
	Hits      int         `json:"hits"`
	Saved     money.Micro `json:"savedMicroUsd"`
}

// Plus returns the sum of two tallies.
func (t CacheTally) Plus(o CacheTally) CacheTally {
	return CacheTally{t.Questions + o.Questions, t.Hits + o.Hits, t.Saved + o.Saved}
}

// Experience keeps apart when a provider was asked first and when others had
// found nothing before: those prospects are the harder ones.
type Experience struct {
	First Tally `json:"first,omitzero"`
	Later Tally `json:"later,omitzero"`
}

// Experiences is what is known about providers, by "field/provider/segment";
// package waterfall makes and reads it.
type Experiences map[string]Experience

// Add adds what other knows.
func (e Experiences) Add(other Experiences) {
	for key, o := range other {
		have := e[key]
		e[key] = Experience{First: have.First.Plus(o.First), Later: have.Later.Plus(o.Later)}
	}
}
