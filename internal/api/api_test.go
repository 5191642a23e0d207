package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/messageai/sluice"
	"github.com/messageai/sluice/internal/api"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/localaws"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/store"
)

// The campaign that the tests are about, and its run.
var run = domain.Ref{Team: "acme", Campaign: "c1", Run: "r1"}

// world is the API on a store of the template's own tables. No function runs:
// a test writes what they would have written.
type world struct {
	*store.Store
	api  http.Handler
	sent []string // queues that got a message
}

// Start implements api.Machine.
func (w *world) Start(context.Context, string, string, any) error { return nil }

// Send implements api.Machine.
func (w *world) Send(_ context.Context, queue string, _ []byte, _ time.Duration) error {
	w.sent = append(w.sent, queue)
	return nil
}

// inBubble runs a test on a fresh world with the campaign in it.
func inBubble(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, open(t)) })
}

func open(t *testing.T) *world {
	t.Helper()
	stack, err := localaws.New(t.Context(), localaws.Options{Dir: sluice.Deploy})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stack.Close(); err != nil {
			t.Error(err)
		}
	})
	cfg, err := stack.Config("")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{Store: store.New(cfg, store.Options{
		Core: stack.Output("CoreTable"), Prospects: stack.Output("ProspectsTable"), Ledger: stack.Output("LedgerTable"),
		Control: stack.Output("ControlTable"), Bucket: stack.Output("RunsBucket"), KeyID: stack.Output("DataKey"),
	})}
	w.api = api.New(api.Options{
		Campaigns: w.Store, Prospects: w.Store, Access: w.Store, Team: w.Store, Machine: w, CRMs: []string{"hubspot"}, Queues: map[string]string{"push-hubspot": "q/ph"},
		Now: time.Now, Log: slog.New(slog.DiscardHandler),
	})
	for _, err := range []error{
		w.PutAPIKey(t.Context(), "sk_1", store.APIKey{Team: run.Team, Scopes: []string{"read", "write"}}),
		w.PutCampaign(t.Context(), domain.Campaign{ID: run.Campaign, Team: run.Team, RunID: run.Run, Options: domain.Options{MaxProspects: 20, Cap: money.Dollar}}),
		w.CreateRun(t.Context(), domain.Run{ID: run.Run, Team: run.Team, CampaignID: run.Campaign, Status: domain.RunRunning}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return w
}

const base = "/api/v1/prospecting"

// send makes a request with headers instead of the usual key, if there are any.
func (w *world) send(t *testing.T, method, path string, body any, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	var in bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&in).Encode(body); err != nil {
			t.Fatal(err)
		}
	}
	r := httptest.NewRequestWithContext(t.Context(), method, path, &in)
	r.Header.Set("Authorization", "Bearer sk_1")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	rec := httptest.NewRecorder()
	w.api.ServeHTTP(rec, r)
	return rec
}

// get makes a request that has to succeed.
func get[T any](t *testing.T, w *world, method, path string) (out T) {
	t.Helper()
	rec := w.send(t, method, path, nil)
	if rec.Code >= http.StatusBadRequest {
		t.Fatalf("%s %s = %d: %s", method, path, rec.Code, rec.Body)
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// discovered records a shard with chunks of these rows.
func (w *world) discovered(t *testing.T, chunks ...[]domain.Row) {
	t.Helper()
	shard := run
	shard.Chunk = "s0000"
	progress := store.Shard{ID: shard.Chunk, Source: "apollo", Done: true}
	for n, rows := range chunks {
		chunk := run
		chunk.Chunk = store.ChunkName(shard.Chunk, n)
		if err := w.PutRows(t.Context(), run.Team, store.ChunkKey(run.Run, chunk.Chunk), rows); err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			if _, err := w.ClaimProspect(t.Context(), chunk, row.Prospect.ID); err != nil {
				t.Fatal(err)
			}
		}
		progress.Chunks, progress.Seen = append(progress.Chunks, len(rows)), progress.Seen+len(rows)
	}
	if _, err := w.Begin(t.Context(), shard, store.StepDiscover, "one", time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if err := w.SaveShard(t.Context(), shard, "one", progress); err != nil {
		t.Fatal(err)
	}
}

// converted records the final rows of a chunk.
func (w *world) converted(t *testing.T, n int, rows ...domain.Row) {
	t.Helper()
	chunk := run
	chunk.Chunk = store.ChunkName("s0000", n)
	c := store.Chunk{Name: chunk.Chunk, Counts: &domain.Counts{In: len(rows)}}
	var listed []store.Listed
	for _, row := range rows {
		listed = append(listed, store.ListedOf(row))
		if err := c.Counts.Add(row.State, 1); err != nil {
			t.Fatal(err)
		}
		if row.LeadID != "" {
			c.Converted++
		}
	}
	for _, err := range []error{
		w.PutListed(t.Context(), chunk, 1, listed), w.SaveChunk(t.Context(), chunk, c),
		w.PutRows(t.Context(), run.Team, store.StepKey(run.Run, chunk.Chunk, store.StepConverted), rows),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// row is a scored prospect in a state.
func row(id string, fit float64, state domain.State) domain.Row {
	return domain.Row{
		State: state, Reason: "because", Score: &domain.Receipt{Score: fit}, Quality: &domain.Quality{Score: 0.5},
		Prospect: domain.Prospect{
			ID: id, Source: "apollo", Person: domain.Person{FirstName: "Ann", LastName: id},
			Company: domain.Company{Name: "X", Domain: "x.example"}, Contact: domain.Contact{Email: id + "@x.example"},
		},
	}
}
