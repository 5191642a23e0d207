package sim_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// scenario is everything that happens in one simulated world. The zero value
// of every field is the quiet one.
type scenario struct {
	Seed    uint64 `json:"seed"`   // of the market and of the providers' behaviour
	People  int    `json:"people"` // in the market
	Latency span   `json:"latency,omitzero"`
	Paced   bool   `json:"paced,omitempty"`  // the providers' published quotas bind
	OpenAI  bool   `json:"openai,omitempty"` // embeddings are bought, not computed
	Listed  int    `json:"listed,omitempty"` // companies on the do-not-contact list from the start
	Known   int    `json:"known,omitempty"`  // people whom the CRM's owner put there, before
	Tables  tempo  `json:"tables,omitzero"`  // of DynamoDB
	// Enrichers are the providers of the waterfall; none: apollo and hunter. Credits
	// are what accounts there have; one that is not named has plenty.
	Enrichers []string       `json:"enrichers,omitempty"`
	Credits   map[string]int `json:"credits,omitempty"`
	Campaigns []campaign     `json:"campaigns"`
	Events    []event        `json:"events,omitempty"`
}

// campaign is one campaign and what its owner does with it.
type campaign struct {
	Team      int       `json:"team,omitempty"`
	Platforms []string  `json:"platforms"`
	Max       int       `json:"max"`
	Caps      []float64 `json:"caps,omitempty"` // dollars: the first, and those that it is raised to when the run stops there
	Manual    int       `json:"manual,omitempty"`
	Hold      bool      `json:"hold,omitempty"`   // no automatic conversion; Manual prospects are converted by hand, each twice
	Bare      bool      `json:"bare,omitempty"`   // no enrichment
	Fields    []string  `json:"fields,omitempty"` // that are bought; none: a person and an address
	From      []string  `json:"from,omitempty"`   // who are asked; none: whoever is connected
	Retry     int       `json:"retry,omitempty"`  // times that what failed is run again, if anything did
	After     int       `json:"after,omitempty"`  // number, from 1, of the campaign whose end it awaits
	Again     int       `json:"again,omitempty"`  // times that the request is repeated with the same Idempotency-Key
}

// tempo is how fast DynamoDB serves. The zero value is: at once.
type tempo struct {
	Writes      float64 `json:"writes,omitempty"`     // units a second of each partition key
	Reads       float64 `json:"reads,omitempty"`      // likewise
	Transaction span    `json:"transaction,omitzero"` // that a write transaction takes, and holds its items
	Expiry      span    `json:"expiry,omitzero"`      // from an item's end of life to its removal; zero: two days
	Stale       span    `json:"stale,omitzero"`       // that reads may be behind which are not strongly consistent
}

// event is one thing that happens. Where it happens is the Nth call (from 1)
// of a function that matches Call, the Nth message of a queue, or, for a
// provider, everywhere.
type event struct {
	Do    string  `json:"do"`
	In    string  `json:"in"`              // function, queue or provider, or the state machine
	Call  string  `json:"call,omitempty"`  // "dynamodb.PutItem", "dynamodb" or "api.apollo.io"; "" is any
	Nth   int     `json:"nth,omitempty"`   // from 1
	Times int     `json:"times,omitempty"` // calls in a row that are hit; copies of a message; how often the end of a stopped execution is told
	For   span    `json:"for,omitzero"`    // of a delay or pause
	Who   int     `json:"who,omitempty"`   // campaign to pause or stop, whose team's key it is, or which of those found so far to suppress
	Of    string  `json:"of,omitempty"`    // provider whose key or circuit it is
	Share float64 `json:"share,omitempty"` // of a provider's requests
}

// What events do.
const (
	doThrottle   = "throttle"    // a call is refused as too fast
	doError      = "error"       // a call is refused with a server error
	doKillBefore = "kill before" // the worker dies before the call has an effect
	doKillAfter  = "kill after"  // the call has its effect, then the worker dies
	doLose       = "lose answer" // the call has its effect, the caller sees a broken connection
	doDelay      = "delay"       // the call takes For longer
	doPause      = "pause"       // at this call, campaign Who is paused, for For
	doSuppress   = "suppress"    // at this call, somebody is put on the do-not-contact list
	doStop       = "stop"        // at this call, somebody stops the execution of campaign Who by hand
	doRestart    = "restart"     // after this call, the process ends and another one continues from its journal
	doRotate     = "rotate"      // at this call, the team of campaign Who puts another key of its own at provider Of
	doRevoke     = "revoke"      // at this call, the team of campaign Who takes its key at provider Of out of use
	doShut       = "shut"        // at this call, the team of campaign Who opens the circuit of provider Of by hand, for For
	doCopy       = "copy"        // a message comes Times more often, For later than itself
	doLate       = "late"        // a message comes For later
	doIll        = "ill: "       // a provider does what follows, to Share of its requests
)

// span is a duration that is written as one.
type span time.Duration

// MarshalText implements encoding.TextMarshaler.
func (s span) MarshalText() ([]byte, error) { return []byte(time.Duration(s).String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *span) UnmarshalText(text []byte) error {
	d, err := time.ParseDuration(string(text))
	*s = span(d)
	return err
}

// parse reads what line wrote.
func parse(line string) (scenario, error) {
	var s scenario
	d := json.NewDecoder(strings.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return s, fmt.Errorf("read scenario: %w", err)
	}
	return s, nil
}

// line is the scenario in one line that a shell can quote.
func (s scenario) line() string {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // it has no value that JSON lacks
	}
	return string(text)
}

// String tells the scenario to a person.
func (s scenario) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "market of %d people, seed %d", s.People, s.Seed)
	for _, x := range []struct {
		on   bool
		text string
	}{
		{s.Latency > 0, "providers take " + time.Duration(s.Latency).String()},
		{s.Paced, "their quotas bind"},
		{s.OpenAI, "embeddings are bought"},
		{s.Listed > 0, fmt.Sprintf("%d companies are not to be contacted", s.Listed)},
		{len(s.Enrichers) > 0, "enriched by " + strings.Join(s.Enrichers, ", ")},
		{len(s.Credits) > 0, fmt.Sprintf("accounts have credits: %v", s.Credits)},
		{s.Known > 0, fmt.Sprintf("the CRM knows %d people", s.Known)},
		{s.Tables != tempo{}, fmt.Sprintf("DynamoDB serves %g writes and %g reads a second (0: any), transactions take %s, items outlive their end by %s, reads are up to %s behind",
			s.Tables.Writes, s.Tables.Reads, time.Duration(s.Tables.Transaction), time.Duration(s.Tables.Expiry), time.Duration(s.Tables.Stale))},
	} {
		if x.on {
			b.WriteString("; " + x.text)
		}
	}
	for i, c := range s.Campaigns {
		fmt.Fprintf(&b, "\n  campaign %d of team %d: %d prospects from %s", i+1, c.Team, c.Max, strings.Join(c.Platforms, " and "))
		for _, x := range []struct {
			on   bool
			text string
		}{
			{len(c.Caps) > 0, fmt.Sprintf("caps %v dollars", c.Caps)},
			{c.Bare, "no enrichment"},
			{len(c.Fields) > 0, "wants " + strings.Join(c.Fields, ", ")},
			{len(c.From) > 0, "asks only " + strings.Join(c.From, ", ")},
			{c.Retry > 0, fmt.Sprintf("what failed is run again, %d times", c.Retry)},
			{c.Hold, fmt.Sprintf("%d converted by hand", c.Manual)},
			{c.After > 0, fmt.Sprintf("after campaign %d", c.After)},
			{c.Again > 0, fmt.Sprintf("asked for %d times", c.Again+1)},
		} {
			if x.on {
				b.WriteString(", " + x.text)
			}
		}
	}
	for _, e := range s.Events {
		b.WriteString("\n  " + e.String())
	}
	return b.String()
}

// String tells the event to a person.
func (e event) String() string {
	if kind, ok := strings.CutPrefix(e.Do, doIll); ok {
		return fmt.Sprintf("%s: %s, %.2g %% of requests", e.In, kind, 100*e.Share)
	}
	what := e.Do
	switch {
	case e.Do == doCopy:
		what = fmt.Sprintf("%d copies, %s later", e.times(), time.Duration(e.For))
	case e.Do == doPause:
		what = fmt.Sprintf("pause campaign %d for %s", e.Who+1, time.Duration(e.For))
	case e.Do == doStop:
		what = fmt.Sprintf("stop campaign %d, told %d times", e.Who+1, e.times())
	case e.Do == doRotate || e.Do == doRevoke:
		what = fmt.Sprintf("%s the key of the team of campaign %d at %s", e.Do, e.Who+1, e.Of)
	case e.Do == doShut:
		what = fmt.Sprintf("shut %s for %s", e.Of, time.Duration(e.For))
	case e.Do == doSuppress:
		what = fmt.Sprintf("suppress number %d of those found", e.Who)
	case e.For > 0:
		what += " of " + time.Duration(e.For).String()
	case e.Times > 1:
		what += fmt.Sprintf(", %d times in a row", e.Times)
	}
	if e.Do == doCopy || e.Do == doLate {
		return fmt.Sprintf("message %d to %s: %s", e.Nth, e.In, what)
	}
	call := e.Call
	if call == "" {
		call = "any service"
	}
	return fmt.Sprintf("call %d of %s to %s: %s", e.Nth, e.In, call, what)
}

func (e event) times() int { return max(1, e.Times) }
