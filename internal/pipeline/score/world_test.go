package score_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/messageai/sluice/internal/budget"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/lexical"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/pipeline/score"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/scoring"
	"github.com/messageai/sluice/internal/store"
	"github.com/messageai/sluice/internal/task"
)

var (
	ref = domain.Ref{Team: "acme", Campaign: "c1", Run: "r1", Chunk: "s0001-00002"}
	now = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
)

// world is store, ledger, embedder and index in memory.
type world struct {
	profile   domain.RunProfile
	objects   map[string][]domain.Row
	room      money.Micro
	settled   money.Micro
	embedErr  error
	embedded  [][]string
	usage     money.Micro
	upserted  map[string]provider.Vector
	namespace string
	upsertErr error
	meaning   []byte
	open      *store.Reservation
	strike    string // the call that fails
	answers   map[string]json.RawMessage
	released  []string
	ended     bool // no worker enriches any more
}

func (w *world) fails(call string) error {
	if w.strike == call {
		return fault.New(fault.Unavailable, "test."+call, "down")
	}
	return nil
}

func (w *world) Answers(_ context.Context, _ string, questions []string, _ bool) (map[string]json.RawMessage, error) {
	found := map[string]json.RawMessage{}
	for _, q := range questions {
		if a, ok := w.answers[q]; ok {
			found[q] = a
		}
	}
	return found, w.fails("answers")
}

func (w *world) EndEnriching(_ context.Context, of domain.Ref) error {
	if of != ref {
		return fault.New(fault.Internal, "test.end", "not this chunk's to end")
	}
	w.ended = true
	return w.fails("end")
}

func (w *world) ReleaseProspect(_ context.Context, of domain.Ref, id string) error {
	w.released = append(w.released, id)
	if of != ref || !w.ended {
		return fault.New(fault.Internal, "test.release", "not this chunk's to give back, or a worker may still claim")
	}
	return w.fails("release")
}

func (w *world) PutMeaning(_ context.Context, _ domain.Ref, meaning any) (err error) {
	w.meaning, err = json.Marshal(meaning)
	return err
}

func (w *world) Meaning(_ context.Context, _ domain.Ref, meaning any) (bool, error) {
	if w.meaning == nil {
		return false, nil
	}
	return true, json.Unmarshal(w.meaning, meaning)
}

func newWorld(t *testing.T, rows ...domain.Row) *world {
	t.Helper()
	data, err := os.ReadFile("../../cli/sample-icp.json")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{room: money.Dollar, objects: map[string][]domain.Row{"in": rows}, upserted: map[string]provider.Vector{}}
	if err := json.Unmarshal(data, &w.profile.ICP); err != nil {
		t.Fatal(err)
	}
	w.profile.Options.Thresholds = domain.DefaultThresholds()
	e := lexical.New()
	embed := func(texts []string) (vectors [][]float32) {
		for _, text := range texts {
			vectors = append(vectors, e.Vector(text))
		}
		return vectors
	}
	var wanted []string
	for _, text := range scoring.ProfileTexts(w.profile.ICP) {
		wanted = append(wanted, text.Text)
	}
	lens, err := scoring.NewLens(e.Model(), w.profile.ICP, embed(wanted), embed(scoring.IdealTexts(w.profile.ICP)), embed(scoring.BackgroundTexts()))
	if err != nil {
		t.Fatal(err)
	}
	if w.profile.Lens, err = json.Marshal(lens); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) Rows(_ context.Context, _, key string) (rows []domain.Row, err error) {
	data, err := json.Marshal(w.objects[key])
	if err != nil {
		return nil, err
	}
	return rows, json.Unmarshal(data, &rows)
}

func (w *world) PutRows(_ context.Context, _, key string, rows []domain.Row) error {
	w.objects[key] = rows
	return w.fails("put")
}

func (w *world) Profile(_ context.Context, _, _ string, profile any) error {
	data, err := json.Marshal(w.profile)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, profile)
}

func (w *world) Reserve(_ context.Context, _ domain.Ref, r store.Reservation) error {
	if w.room < r.Max {
		return fault.New(fault.CapReached, "test.reserve", "the cap is reached")
	}
	w.room -= r.Max
	w.open = &r
	return nil
}

func (w *world) Settle(_ context.Context, _ domain.Ref, r store.Reservation, actual money.Micro) error {
	if err := w.fails("settle"); err != nil {
		return err
	}
	w.room += r.Max - actual
	w.settled += actual
	w.open = nil
	return nil
}

func (w *world) Reserved(context.Context, domain.Ref, string) (store.Left, error) {
	return store.Left{Open: w.open}, nil
}

func (w *world) Model() string { return lexical.New().Model() }

func (w *world) Embed(ctx context.Context, texts []string) ([][]float32, provider.Usage, error) {
	w.embedded = append(w.embedded, texts)
	if w.embedErr != nil {
		return nil, provider.Usage{}, w.embedErr
	}
	vectors, _, err := lexical.New().Embed(ctx, texts)
	return vectors, provider.Usage{Cost: w.usage}, err
}

func (w *world) Upsert(_ context.Context, namespace string, vectors []provider.Vector) (provider.Usage, error) {
	w.namespace = namespace
	for _, v := range vectors {
		w.upserted[v.ID] = v
	}
	return provider.Usage{}, w.upsertErr
}

func (w *world) Nearest(context.Context, string, []float32, int) ([]provider.Neighbour, provider.Usage, error) {
	return nil, provider.Usage{}, errors.New("not asked by this stage")
}

func (w *world) Delete(context.Context, string, []string) error {
	return errors.New("not asked by this stage")
}

func (w *world) stage() *score.Stage {
	return &score.Stage{
		Store: w, Budget: budget.Budget{Ledger: w}, Embedder: w, EmbedPrice: money.Price{Unit: 20_000, Units: 1}, Embeds: "openai", Index: w,
		Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler),
	}
}

func (w *world) run(t *testing.T, phase string, skipped ...task.Skip) []domain.Row {
	t.Helper()
	out, err := w.stage().Run(t.Context(), score.Input{Ref: ref, Doc: "in", Phase: phase, Skipped: skipped})
	if err != nil {
		t.Fatal(err)
	}
	return w.objects[out.Doc]
}

func perfect(id string) domain.Row {
	return domain.Row{State: domain.InWork, Prospect: domain.Prospect{
		ID: id, Source: "apollo",
		Person: domain.Person{
			FirstName: "Ann", LastName: "Lee", Title: "VP Engineering", Seniority: "vp", Country: "United States",
			Headline: "Scaling engineering teams, DevOps automation and developer experience",
		},
		Company: domain.Company{
			Name: "Cloudy", Domain: "cloudy.example", Industry: "Software", Employees: 300, RevenueUSD: 40_000_000, Country: "United States",
			Description: "Cloud platform that improves development velocity and team productivity for engineering organisations",
		},
		Contact: domain.Contact{Email: "ann@cloudy.example", EmailStatus: domain.EmailSafe},
		Signals: []domain.Signal{{Kind: "funding", Text: "series B", At: now.AddDate(0, -1, 0), Source: "apollo"}, {Kind: "hiring", At: now.AddDate(0, 0, -3), Source: "apollo"}},
	}}
}

func hopeless(id string) domain.Row {
	return domain.Row{State: domain.InWork, Prospect: domain.Prospect{
		ID: id, Source: "apollo",
		Person:  domain.Person{FirstName: "Bob", LastName: "Ray", Title: "Florist", Seniority: "entry", Country: "Japan"},
		Company: domain.Company{Name: "Petals", Domain: "petals.example", Industry: "Retail", Employees: 3, RevenueUSD: 100_000, Country: "Japan"},
	}}
}

func as(state domain.State, row domain.Row) domain.Row {
	row.State = state
	return row
}

func states(rows []domain.Row) (out []domain.State) {
	for _, r := range rows {
		out = append(out, r.State)
	}
	return out
}
