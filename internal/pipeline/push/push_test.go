package push_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/pipeline/push"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/task"
)

// Who owns a field decides what a push writes.
func TestThePlanRespectsWhoOwnsAField(t *testing.T) {
	t.Parallel()
	row := ann(1, nil)
	full := map[string]string{
		provider.FieldFirstName: "Ann", provider.FieldLastName: "Lee1", provider.FieldTitle: "CTO", provider.FieldCompany: "X",
		provider.FieldScore: "88", provider.FieldStage: "customer", // theirs has moved on
	}
	with := func(change map[string]string) map[string]string {
		fields := map[string]string{}
		for k, v := range full {
			fields[k] = v
		}
		for k, v := range change {
			fields[k] = v
		}
		return fields
	}
	for _, c := range []struct {
		name   string
		held   map[string]string // nil: no such contact
		id     string            // that it carries
		email  string
		action push.Action
		diff   []push.Diff
	}{
		{name: "a new contact gets everything", action: push.Create, diff: []push.Diff{
			{Field: "company", To: "X"},
			{Field: "email", To: "Ann1@x.example"},
			{Field: "first_name", To: "Ann"},
			{Field: "last_name", To: "Lee1"},
			{Field: "score", To: "88"},
			{Field: "stage", To: "lead"},
			{Field: "title", To: "CTO"},
		}},
		{name: "nothing differs", held: full, id: row.LeadID, email: "Ann1@x.example", action: push.Skip},
		{
			name: "our score moves", held: with(map[string]string{"score": "40"}), id: row.LeadID, email: "Ann1@x.example",
			action: push.Update, diff: []push.Diff{{Field: "score", From: "40", To: "88"}},
		},
		{
			name: "their title stays", held: with(map[string]string{"title": "Chief Technologist"}), id: row.LeadID, email: "Ann1@x.example",
			action: push.Skip,
		},
		{
			name: "their blank is filled", held: with(map[string]string{"title": ""}), id: row.LeadID, email: "Ann1@x.example",
			action: push.Update, diff: []push.Diff{{Field: "title", To: "CTO"}},
		},
		{
			name: "a blank stage is not filled after birth", held: with(map[string]string{"stage": ""}), id: row.LeadID, email: "Ann1@x.example",
			action: push.Skip,
		},
		{name: "a contact of theirs is adopted", held: full, email: "ANN1@X.example", action: push.Adopt},
		{name: "another lead's contact is left alone", held: full, id: "l_other", email: "ann1@x.example", action: push.Conflict},
		{
			name: "our contact whose address they changed", held: full, id: row.LeadID, email: "new@x.example",
			action: push.Skip,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(row)
			if c.held != nil {
				w.hold(c.id, c.email, c.held)
			}
			before := len(w.contacts)
			if _, err := w.push(t); err != nil {
				t.Fatal(err)
			}
			got := w.receipt(t, chunk).Plan.Contacts[0]
			want := push.Change{Action: c.action, ExternalID: row.LeadID, Diff: c.diff, RecordID: got.RecordID, Reason: got.Reason}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("change (-want +got):\n%s", diff)
			}
			if (got.RecordID == "") != (c.action == push.Create) || (got.Reason == "") != (c.action != push.Conflict) {
				t.Errorf("change = %+v: record id or reason are wrong", got)
			}
			// Exactly the plan is written.
			wrote := 0
			if c.action == push.Create || c.action == push.Update || c.action == push.Adopt {
				wrote = 1
			}
			if len(w.writes) != wrote {
				t.Errorf("%d writes, want %d", len(w.writes), wrote)
			}
			if created := len(w.contacts) - before; created != 0 != (c.action == push.Create) {
				t.Errorf("%d contacts were created", created)
			}
			for _, one := range w.writes {
				fields := map[string]string{}
				for _, d := range c.diff {
					fields[d.Field] = d.To
				}
				if diff := cmp.Diff(fields, one.Fields); diff != "" {
					t.Errorf("written fields (-want +got):\n%s", diff)
				}
			}
		})
	}
}

func TestAPushIsProvedAndRepeatable(t *testing.T) {
	t.Parallel()
	w := newWorld(ann(1, nil), ann(2, nil), ann(3, func(r *domain.Row) { r.Prospect.Company = domain.Company{} }))
	w.rows = append(w.rows, domain.Row{State: domain.Rejected, Prospect: domain.Prospect{ID: "p_no"}})
	out, err := w.push(t)
	want := push.Output{CRM: "hubspot", Tally: domain.PushTally{Created: 3, Verified: 3}}
	if diff := cmp.Diff(want, out); diff != "" || err != nil {
		t.Fatalf("%v; output (-want +got):\n%s", err, diff)
	}
	if len(w.contacts) != 3 || len(w.companies) != 1 || len(w.links) != 2 {
		t.Errorf("%d contacts, %d companies, %d links; want 3, 1 (colleagues share it), 2", len(w.contacts), len(w.companies), len(w.links))
	}
	if diff := cmp.Diff(out.Tally, w.tallies["hubspot/"+chunk]); diff != "" {
		t.Errorf("tally of the run (-want +got):\n%s", diff)
	}
	wrote := len(w.writes)
	again, err := w.push(t)
	if err != nil || len(w.writes) != wrote || again.Tally.Verified != 3 || again.Tally.Missing+again.Tally.Duplicates != 0 {
		t.Errorf("again: %+v, %v, %d further writes", again, err, len(w.writes)-wrote)
	}
}

// A worker is killed at any call: the next one ends with each lead there once,
// counted as created by this push.
func TestAKilledPushIsFinishedByTheNext(t *testing.T) {
	t.Parallel()
	fresh := func() *world {
		w := newWorld(ann(1, nil), ann(2, nil), ann(3, nil), ann(4, nil))
		w.hold("", "ann3@x.example", nil) // to adopt
		w.hold(domain.LeadID("acme", w.rows[3].Prospect), "ann4@x.example", map[string]string{"score": "1"})
		return w
	}
	clean := fresh()
	want, err := clean.push(t)
	if err != nil || want.Tally != (domain.PushTally{Created: 2, Updated: 2, Verified: 4}) {
		t.Fatalf("undisturbed: %+v, %v", want, err)
	}
	for at := 1; at <= clean.calls; at++ {
		for _, late := range []bool{false, true} {
			w := fresh()
			w.strike, w.late = at, late
			if _, err := w.push(t); err == nil {
				t.Errorf("the worker that died at call %d gave an answer", at)
			}
			w.strike = 0
			got, err := w.push(t)
			if err != nil {
				t.Fatal(err)
			}
			if len(w.contacts) != 4 || len(w.companies) != 1 || len(w.links) != 4 {
				t.Errorf("killed at call %d, late %t: %d contacts, %d companies, %d links", at, late, len(w.contacts), len(w.companies), len(w.links))
			}
			if got.Tally != want.Tally {
				t.Errorf("killed at call %d, late %t: tally %+v, want %+v", at, late, got.Tally, want.Tally)
			}
			// The next worker is killed, too, wherever that may be.
			for again := 1; again <= w.calls; again++ {
				w := fresh()
				w.strike, w.late = at, late
				_, _ = w.push(t) // it is the one above
				w.strike = w.calls + again
				if _, err := w.push(t); err == nil {
					break // it had fewer calls to make
				}
				w.strike = 0
				if got, err := w.push(t); err != nil || got.Tally != want.Tally {
					t.Errorf("killed at call %d and then at %d, late %t: tally %+v, %v; want %+v", at, again, late, got.Tally, err, want.Tally)
				}
			}
		}
	}
}

// Between plan and write somebody else creates the contact.
func TestAContactThatAppearsMeanwhile(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		id   string
		want domain.PushTally
	}{
		"is adopted":                       {"", domain.PushTally{Created: 1, Updated: 1, Verified: 2}},
		"and is another lead's is refused": {"l_other", domain.PushTally{Created: 1, Rejected: 1, Verified: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(ann(1, nil), ann(2, nil))
			w.before = func(w *world) { w.hold(c.id, "ann1@x.example", map[string]string{"title": "Boss"}) }
			w.folded = true
			out, err := w.push(t)
			if err != nil {
				t.Fatal(err)
			}
			if out.Tally.Verified != c.want.Verified || out.Tally.Rejected != c.want.Rejected || len(w.contacts) != 2 {
				t.Errorf("tally %+v with %d contacts, want %+v with 2", out.Tally, len(w.contacts), c.want)
			}
			for _, r := range w.contacts {
				if c.id != "" && strings.HasPrefix(r.RecordID, "theirs") && (r.ExternalID != "l_other" || r.Fields["title"] != "Boss") {
					t.Errorf("another lead's contact became %+v", r)
				}
			}
		})
	}
}

func TestWhatTheCRMRefusesIsNamed(t *testing.T) {
	t.Parallel()
	w := newWorld(ann(1, nil), ann(2, nil))
	bad := w.rows[0].LeadID
	w.refuse = func(one provider.Write) *provider.Outcome {
		if one.ExternalID != bad {
			return nil
		}
		return &provider.Outcome{Rejected: "invalid e-mail"}
	}
	out, err := w.push(t)
	if err != nil || out.Tally != (domain.PushTally{Created: 1, Rejected: 1, Verified: 1}) {
		t.Errorf("tally = %+v, %v", out.Tally, err)
	}
	if got := w.receipt(t, chunk).Outcomes[bad]; got.Rejected != "invalid e-mail" || got.Verified {
		t.Errorf("outcome = %+v", got)
	}
}

func TestPassingFailuresOfOneRecord(t *testing.T) {
	t.Parallel()
	w := newWorld(ann(1, nil))
	w.refuse = passing(2)
	if out, err := w.push(t); err != nil || out.Tally.Verified != 1 {
		t.Errorf("after two passing failures: %+v, %v", out, err)
	}
	w = newWorld(ann(1, nil))
	w.refuse = passing(100)
	if _, err := w.push(t); !fault.Is(err, fault.Unavailable) {
		t.Errorf("a record that keeps failing = %v, want Unavailable", err)
	}
}

func TestVerificationDoesNotBelieveTheAnswers(t *testing.T) {
	t.Parallel()
	w := newWorld(ann(1, nil), ann(2, nil), ann(3, nil))
	gone, twice := w.rows[0].LeadID, w.rows[1].LeadID
	w.forget = func(id string) bool { return id == gone }
	w.double = func(id string) bool { return id == twice }
	out, err := w.push(t)
	if err != nil || out.Tally.Missing != 1 || out.Tally.Duplicates != 1 || out.Tally.Verified != 1 {
		t.Errorf("tally = %+v, %v; want one missing, one twice, one verified", out.Tally, err)
	}
}

func TestWhatMayNotBePassedOnStaysHere(t *testing.T) {
	t.Parallel()
	w := newWorld(ann(1, func(r *domain.Row) {
		r.Prospect.Company.Country, r.Prospect.Contact.Phone = "France", "+33123456789"
		r.Prospect.Provenance = map[string]domain.Provenance{"contact.phone": {Source: "googleplaces"}, "company.country": {Source: "googleplaces"}}
	}))
	if _, err := w.push(t); err != nil {
		t.Fatal(err)
	}
	for _, r := range w.contacts {
		if r.Fields[provider.FieldPhone] != "" || r.Fields[provider.FieldTitle] != "CTO" {
			t.Errorf("contact = %v, want no phone number and everything else", r.Fields)
		}
	}
	for _, r := range w.companies {
		if r.Fields[provider.FieldCountry] != "" || r.Fields[provider.FieldDomain] != "x.example" {
			t.Errorf("company = %v, want no country and everything else", r.Fields)
		}
	}
}

func TestAChunkWithoutLeadsNeedsNoCRM(t *testing.T) {
	t.Parallel()
	w := newWorld(domain.Row{State: domain.Rejected, Prospect: domain.Prospect{ID: "p_no"}})
	out, err := w.push(t)
	if err != nil || out.Tally != (domain.PushTally{}) || len(w.writes) != 0 {
		t.Errorf("%+v, %v, %d writes", out, err, len(w.writes))
	}
	if _, ok := w.tallies["hubspot/"+chunk]; !ok {
		t.Error("no tally was recorded")
	}
}

// A person converts one prospect: only that lead is pushed, and counted beside
// the push of its chunk.
func TestAManualPushIsOfOneLead(t *testing.T) {
	t.Parallel()
	a, b := ann(1, nil), ann(2, nil)
	id := b.LeadID
	a.LeadID, b.LeadID = "", "" // rows of a run without autoConvert
	w := newWorld(a, b)
	out, err := w.push(t, id)
	if err != nil || out.Tally.Verified != 1 || len(w.contacts) != 1 || len(w.tallies) != 1 || w.tallies["hubspot/"+chunk+"/"+id].Created != 1 {
		t.Errorf("%+v, %v: %d contacts, tallies %v", out, err, len(w.contacts), w.tallies)
	}
	for _, r := range w.contacts {
		if r.ExternalID != id {
			t.Errorf("pushed %s, want %s", r.ExternalID, id)
		}
	}
	if _, ok := w.receipts["hubspot/"+chunk+"-"+id]; !ok {
		t.Errorf("no receipt of its own: %v", len(w.receipts))
	}
	m := task.Message{Provider: "hubspot"}
	manual := task.Message{Provider: "hubspot", Leads: []string{id}}
	if push.Step(m) != "push-hubspot" || push.Step(manual) != "push-hubspot-"+id {
		t.Errorf("steps = %s and %s", push.Step(m), push.Step(manual))
	}
}

// short answers for fewer records than were sent.
type short struct{ *world }

func (short) ApplyContacts(context.Context, []provider.Write) ([]provider.Outcome, error) {
	return []provider.Outcome{}, nil
}

func TestAnAnswerForOtherRecordsIsNotBelieved(t *testing.T) {
	t.Parallel()
	w := newWorld(ann(1, nil))
	s := &push.Stage{Store: w, CRM: short{w}, Name: "hubspot", MayExport: func(string) bool { return true }}
	if _, err := s.Do(t.Context(), task.Job{Message: task.Message{Ref: domain.Ref{Team: "acme"}}}); !fault.Is(err, fault.BadResponse) {
		t.Errorf("Do = %v, want BadResponse", err)
	}
}
