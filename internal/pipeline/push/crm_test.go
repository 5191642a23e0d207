package push_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/pipeline/push"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/store"
	"github.com/messageai/sluice/internal/task"
)

var errDead = errors.New("this worker is dead")

// world is store and CRM in memory. Call number strike kills the worker: before
// it takes effect, or after if late.
type world struct {
	calls, strike int
	late, dead    bool

	rows      []domain.Row
	receipts  map[string][]byte
	tallies   map[string]domain.PushTally
	contacts  map[string]*provider.Record // by record id
	companies map[string]*provider.Record
	links     map[provider.Link]bool
	writes    []provider.Write // of contacts
	nextID    int
	before    func(*world)                             // somebody writes between plan and apply
	refuse    func(w provider.Write) *provider.Outcome // of contacts
	forget    func(externalID string) bool             // writes that the CRM loses
	double    func(externalID string) bool             // contacts that it shows twice
	folded    bool                                     // it finds addresses in lower case only
	list      *store.Suppression                       // who must not be contacted; nil for nobody
}

func newWorld(rows ...domain.Row) *world {
	return &world{
		rows: rows, receipts: map[string][]byte{}, tallies: map[string]domain.PushTally{},
		contacts: map[string]*provider.Record{}, companies: map[string]*provider.Record{}, links: map[provider.Link]bool{},
	}
}

func (w *world) call(effect func()) error {
	if w.dead {
		return errDead
	}
	w.calls++
	w.dead = w.calls == w.strike
	if !w.dead || w.late {
		effect()
	}
	if w.dead {
		return errDead
	}
	return nil
}

func (w *world) Rows(context.Context, string, string) (rows []domain.Row, err error) {
	err = w.call(func() { rows = slices.Clone(w.rows) })
	return rows, err
}

func (w *world) PutReceipts(_ context.Context, _, _, crm, chunk string, receipts any) error {
	return w.call(func() {
		data, err := json.Marshal(receipts)
		if err != nil {
			panic(err)
		}
		w.receipts[crm+"/"+chunk] = data
	})
}

func (w *world) Receipts(_ context.Context, _, _, crm, chunk string, receipts any) (found bool, err error) {
	err = w.call(func() {
		data, ok := w.receipts[crm+"/"+chunk]
		if found = ok; ok {
			if err := json.Unmarshal(data, receipts); err != nil {
				panic(err)
			}
		}
	})
	return found, err
}

func (w *world) SavePush(_ context.Context, ref domain.Ref, crm, lead string, tally domain.PushTally) error {
	return w.call(func() { w.tallies[strings.TrimSuffix(crm+"/"+ref.Chunk+"/"+lead, "/")] = tally })
}

func (w *world) Suppression(context.Context, string) (*store.Suppression, error) {
	if w.list == nil {
		w.list = &store.Suppression{}
	}
	return w.list, w.call(func() {})
}

// Prepare implements provider.CRM.
func (w *world) Prepare(context.Context) error { return w.call(func() {}) }

// Contacts implements provider.CRM.
func (w *world) Contacts(_ context.Context, leadIDs, emails []string) (out []provider.Record, err error) {
	err = w.call(func() {
		for _, id := range slices.Sorted(maps.Keys(w.contacts)) {
			r := *w.contacts[id]
			if slices.Contains(leadIDs, r.ExternalID) || r.Email != "" && slices.ContainsFunc(emails, func(e string) bool { return e == r.Email || !w.folded && strings.EqualFold(e, r.Email) }) {
				r.Fields = maps.Clone(r.Fields)
				out = append(out, r)
				if w.double != nil && w.double(r.ExternalID) {
					out = append(out, r)
				}
			}
		}
	})
	return out, err
}

// Companies implements provider.CRM.
func (w *world) Companies(_ context.Context, accountIDs []string) (out []provider.Record, err error) {
	err = w.call(func() {
		for _, id := range slices.Sorted(maps.Keys(w.companies)) {
			if r := w.companies[id]; slices.Contains(accountIDs, r.ExternalID) {
				out = append(out, provider.Record{RecordID: r.RecordID, ExternalID: r.ExternalID, Fields: maps.Clone(r.Fields)})
			}
		}
	})
	return out, err
}

// ApplyContacts implements provider.CRM.
func (w *world) ApplyContacts(_ context.Context, writes []provider.Write) (out []provider.Outcome, err error) {
	if w.before != nil {
		w.before(w)
		w.before = nil
	}
	err = w.call(func() {
		for _, one := range writes {
			w.writes = append(w.writes, one)
			out = append(out, w.applyContact(one))
		}
	})
	return out, err
}

func (w *world) applyContact(one provider.Write) provider.Outcome {
	if w.refuse != nil {
		if o := w.refuse(one); o != nil {
			return *o
		}
	}
	if w.forget != nil && w.forget(one.ExternalID) {
		w.nextID++
		return provider.Outcome{RecordID: fmt.Sprint("lost", w.nextID), Created: true}
	}
	if email := strings.ToLower(one.Fields[provider.FieldEmail]); email != "" {
		for id, r := range w.contacts {
			if strings.ToLower(r.Email) == email && id != one.RecordID && r.ExternalID != one.ExternalID {
				return provider.Outcome{Conflict: id}
			}
		}
	}
	return w.upsert(w.contacts, "c", one)
}

// ApplyCompanies implements provider.CRM.
func (w *world) ApplyCompanies(_ context.Context, writes []provider.Write) (out []provider.Outcome, err error) {
	err = w.call(func() {
		for _, one := range writes {
			out = append(out, w.upsert(w.companies, "o", one))
		}
	})
	return out, err
}

func (w *world) upsert(records map[string]*provider.Record, prefix string, one provider.Write) provider.Outcome {
	r, created := records[one.RecordID], false
	for _, have := range records {
		if r == nil && have.ExternalID == one.ExternalID {
			r = have
		}
	}
	if r == nil {
		w.nextID++
		r, created = &provider.Record{RecordID: fmt.Sprint(prefix, w.nextID), Fields: map[string]string{}}, true
		records[r.RecordID] = r
	}
	r.ExternalID = one.ExternalID
	maps.Copy(r.Fields, one.Fields)
	if email := r.Fields[provider.FieldEmail]; email != "" && prefix == "c" {
		r.Email = email
	}
	return provider.Outcome{RecordID: r.RecordID, Created: created}
}

// Associate implements provider.CRM.
func (w *world) Associate(_ context.Context, links []provider.Link) error {
	return w.call(func() {
		for _, l := range links {
			w.links[l] = true
		}
	})
}

// hold puts a contact into the CRM that somebody else made.
func (w *world) hold(externalID, email string, fields map[string]string) {
	w.nextID++
	id := fmt.Sprint("theirs", w.nextID)
	fields = maps.Clone(fields)
	if fields == nil {
		fields = map[string]string{}
	}
	fields[provider.FieldEmail] = email
	w.contacts[id] = &provider.Record{RecordID: id, ExternalID: externalID, Email: email, Fields: fields}
}

const chunk = "s0001-00002"

func (w *world) push(t *testing.T, leads ...string) (push.Output, error) {
	t.Helper()
	w.dead = false
	s := &push.Stage{
		Store: w, CRM: w, Name: "hubspot", Log: slog.New(slog.DiscardHandler),
		MayExport: func(source string) bool { return source != "googleplaces" },
	}
	out, err := s.Do(t.Context(), task.Job{Message: task.Message{
		Ref: domain.Ref{Team: "acme", Campaign: "c1", Run: "r1", Chunk: chunk}, Provider: "hubspot", Leads: leads,
	}})
	if err != nil {
		return push.Output{}, err
	}
	return out.(push.Output), nil
}

// receipt returns what was kept of the push.
func (w *world) receipt(t *testing.T, name string) (r push.Receipt) {
	t.Helper()
	if err := json.Unmarshal(w.receipts["hubspot/"+name], &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// ann is a lead's row; change may be nil.
func ann(n int, change func(*domain.Row)) domain.Row {
	row := domain.Row{State: domain.Qualified, Score: &domain.Receipt{Score: 0.876}, Prospect: domain.Prospect{
		ID: fmt.Sprint("p_", n), Source: "apollo", Person: domain.Person{FirstName: "Ann", LastName: fmt.Sprint("Lee", n), Title: "CTO"},
		Company: domain.Company{Name: "X", Domain: "x.example", Employees: 120}, Contact: domain.Contact{Email: fmt.Sprintf("Ann%d@x.example", n)},
	}}
	if change != nil {
		change(&row)
	}
	row.LeadID = domain.LeadID("acme", row.Prospect)
	return row
}

func passing(n int) func(provider.Write) *provider.Outcome {
	return func(provider.Write) *provider.Outcome {
		if n--; n < 0 {
			return nil
		}
		return &provider.Outcome{Retry: fault.Unavailable}
	}
}
