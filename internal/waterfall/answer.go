package waterfall

import (
	"slices"
	"time"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/provider"
)

// Answer is what a provider said to one question. The zero value says that it
// knows nothing.
type Answer struct {
	Found      bool               `json:"found,omitempty"`
	Prospect   *domain.Prospect   `json:"prospect,omitempty"`
	Origin     *domain.Provenance `json:"origin,omitempty"` // of every field of Prospect that names no other
	Status     domain.EmailStatus `json:"status,omitempty"` // a verifier's verdict
	Reason     string             `json:"reason,omitempty"` // its word for it
	At         int64              `json:"at,omitempty"`     // when it was bought, in seconds since 1970
	Cost       money.Micro        `json:"cost,omitempty"`
	Confidence float64            `json:"confidence,omitempty"` // of a found address, 0..1; zero: not told
	Unclear    bool               `json:"unclear,omitempty"`    // may have been charged, the answer was lost
	Blocked    bool               `json:"blocked,omitempty"`    // the person asked not to be processed
	Failed     fault.Kind         `json:"failed,omitempty"`     // the provider cannot answer this
	TookMS     int64              `json:"-"`
	Cached     bool               `json:"-"`
	Now        time.Time          `json:"-"` // when it is used
}

// said is when the provider said it.
func (a Answer) said() time.Time {
	if a.At == 0 {
		return a.Now
	}
	return time.Unix(a.At, 0).UTC()
}

// Apply gives the answer to a step to the row that waits for it. What an answer
// does outside of the row, a claim or a line of the do-not-contact list, is for
// the caller.
func (w *Waterfall) Apply(row *domain.Row, step Step, a Answer) {
	name := step.Provider
	call := domain.Call{Provider: name, Op: step.Op, Field: step.Field, Outcome: domain.CallNone, Cost: a.Cost, Confidence: a.Confidence, TookMS: a.TookMS, Cached: a.Cached}
	delete(row.Missing, string(step.Field))
	switch {
	case a.Found:
		call.Outcome = domain.CallFound
	case a.Unclear:
		call.Outcome = domain.CallUnclear
		miss(row, step.Field, name+": the answer was lost after it may have been charged; not asked again")
	case a.Blocked:
		call.Outcome = string(fault.Blocked)
		row.State, row.Reason = domain.Suppressed, "the person asked "+name+" not to be processed"
	case a.Failed != "":
		call.Outcome = string(a.Failed)
		miss(row, step.Field, name+": "+string(a.Failed))
	default:
		miss(row, step.Field, name+": no match")
	}
	row.Calls = append(row.Calls, call)
	if step.Guess != "" {
		w.confirm(row, step, a)
		return
	}
	if !a.Found {
		return
	}
	if step.Op == provider.OpVerifyEmail {
		hear(row, domain.EmailVerdict{By: name, Status: a.Status, Reason: a.Reason, At: a.said()})
		judge(row, a.Now)
		return
	}
	w.origin(name, &a)
	if row.Prospect.HasPerson() && !aboutPeople(step.Op) {
		p := *a.Prospect // it is about the employer: its id is not the person's
		p.ProfileID, p.Person = "", domain.Person{}
		a.Prospect = &p
	}
	merge(row, name, a)
	if step.Op != provider.OpFindPeople && !w.Settled(row, step.Field) {
		miss(row, step.Field, name+": no match")
	}
}

// Taken ends a row whose person is somebody else's prospect.
func Taken(row *domain.Row) {
	row.State, row.Reason = domain.Duplicate, "the person found at this company is already a prospect"
}

// Holders are prospects by the person whom each of them holds, within a chunk.
type Holders map[string]string

// Hold reports whether the prospect is the chunk's only one for the person: the
// first one is.
func (h Holders) Hold(person, prospect string) bool {
	if h[person] == "" {
		h[person] = prospect
	}
	return h[person] == prospect
}

// Suppress ends a row that the team must not contact.
func Suppress(row *domain.Row) {
	row.State, row.Reason = domain.Suppressed, "on the team's do-not-contact list"
}

// GiveUp notes that a provider is of no use to the rows any more: each that
// waits for it says why it gave nothing.
func (w *Waterfall) GiveUp(rows []domain.Row, name, kind string) {
	for i := range rows {
		if step, more := w.Next(&rows[i]); more && step.Provider == name {
			miss(&rows[i], step.Field, name+": "+kind)
		}
	}
	w.Out[name] = kind
}

func aboutPeople(op string) bool {
	return slices.Contains([]string{provider.OpFindPeople, provider.OpEnrichPerson, provider.OpFindEmail, provider.OpFindPhone}, op)
}

// origin says until when the values of an answer may be kept, where the
// adapter did not.
func (w *Waterfall) origin(name string, a *Answer) {
	if a.Origin != nil {
		return
	}
	o := domain.Provenance{Source: name, FetchedAt: a.Prospect.SeenAt}
	if t := w.Providers[name].Terms; t.StoreFor > 0 {
		o.ExpiresAt = o.FetchedAt.Add(t.StoreFor)
	}
	a.Origin = &o
}

func miss(row *domain.Row, field domain.Field, why string) {
	if row.Missing == nil {
		row.Missing = map[string]string{}
	}
	row.Missing[string(field)] = why
}
