package sim_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/messageai/sluice/internal/api"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/localaws/dynamodb"
	"github.com/messageai/sluice/internal/practice"
	"github.com/messageai/sluice/internal/store"
)

// outcome is what became of a scenario.
type outcome struct {
	broken   []broken
	fired    []event
	rows     int
	leads    int
	statuses []string
	took     time.Duration // simulated
}

// world is one scenario at work.
type world struct {
	*practice.World
	scenario scenario
	mutation *mutation // nil: none
	director *director
	runs     []*run
	known    map[string]map[string]string // what the CRM's owner wrote, by record id
	began    time.Time
	owing    bool          // providers had charged what was not set aside
	folder   string        // of the journals; "" if the process does not end in between
	actors   chan struct{} // a place for each that uses the World; whoever replaces it takes all
	restarts chan struct{} // requests to end the process

	mu      sync.Mutex    // guards what follows, and the runs' ref and last
	process chan struct{} // closed when the process ends
	count   int           // of processes
	listed  []listing     // who must not be contacted, since when
	broken  []broken
	spoken  bytes.Buffer         // logs, problems, messages: whatever people or logs can see
	paused  map[string]time.Time // runs that people have paused, since when
	keys    map[string]lock      // by team; what a mutation has seen of them
	orders  map[order]held       // what people said of keys and providers
	revoked map[order]bool       // keys that somebody has begun to revoke, for all of a team at a provider
	plain   map[string]string    // sealed values, by what a mutation stored instead
}

// run is one campaign's run.
type run struct {
	campaign
	number int // from 1
	ref    domain.Ref
	last   api.CampaignStatus
	raised int  // caps that were used
	again  int  // times that what failed was run again
	over   bool // there is nothing more to wait for
	// When somebody stopped its execution by hand. When finalize was last told of
	// it: by AWS, then each hour by somebody who does as the runbook says while the
	// event was lost; zero once it runs again. And how many of finalize's calls had
	// been hit by then.
	stopped, told time.Time
	hits          int
}

// refOf is where a run is; its Run is "" if it has not started.
func (w *world) refOf(r *run) domain.Ref {
	w.mu.Lock()
	defer w.mu.Unlock()
	return r.ref
}

// lastOf is how a run was when it was looked at last.
func (w *world) lastOf(r *run) api.CampaignStatus {
	w.mu.Lock()
	defer w.mu.Unlock()
	return r.last
}

// listing is an entry of a team's do-not-contact list.
type listing struct {
	team  int
	value string
	since time.Time
	first bool // before any campaign
}

// play runs a scenario, with a safeguard switched off if there is a mutation.
func play(t *testing.T, s scenario, m *mutation) (out outcome) {
	t.Helper()
	defer func() {
		if p := recover(); p != nil { // also the bubble's own, if goroutines are left
			out.broken = append(out.broken, broken{thatItWorks, fmt.Sprint("panic: ", p)})
		}
	}()
	folder := ""
	if has(doRestart)(s) {
		var err error
		if folder, err = os.MkdirTemp("", "sim"); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = os.RemoveAll(folder); _ = os.Remove(folder + ".lock") }() // a leftover in the system's folder harms nobody
	}
	synctest.Test(t, func(t *testing.T) {
		w := &world{
			scenario: s, mutation: m, director: newDirector(s.Events), folder: folder, known: map[string]map[string]string{},
			actors: make(chan struct{}, 16), restarts: make(chan struct{}, 1), paused: map[string]time.Time{}, keys: map[string]lock{}, plain: map[string]string{}, orders: map[order]held{}, revoked: map[order]bool{},
		}
		w.play(t.Context())
		out = outcome{broken: w.broken, fired: w.director.fired(), took: time.Since(w.began)}
		for _, r := range w.runs {
			out.rows += r.last.Rows.In
			out.leads += r.last.Progress.Converted
			out.statuses = append(out.statuses, r.last.Status)
		}
	})
	return out
}

// Write collects what can be seen.
func (w *world) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.spoken.Write(p)
}

func (w *world) play(ctx context.Context) {
	w.began = time.Now()
	if err := w.open(ctx); err != nil {
		w.fail(thatItWorks, "open: %v", err)
		return
	}
	defer func() {
		if err := w.Close(); err != nil {
			w.fail(thatItWorks, "close: %v", err)
		}
	}()
	actions := make(chan func())
	done := make(chan struct{})
	var acting sync.WaitGroup
	acting.Go(func() {
		for {
			select {
			case f := <-actions:
				f()
			case <-done:
				return
			}
		}
	})
	var resuming sync.WaitGroup
	w.director.act = func(e event) {
		finished, process := make(chan struct{}), w.now()
		select {
		case actions <- func() { defer close(finished); w.act(ctx, &resuming, e) }:
			select {
			case <-finished:
			case <-process: // whoever waits here ends with it
			}
		case <-process:
		case <-done:
		}
	}
	w.Start()
	w.advance(ctx)
	resuming.Wait()
	w.convertByHand(ctx)
	w.drain(ctx)
	w.look(ctx)
	close(done)
	acting.Wait()
	resuming.Wait() // what was begun meanwhile
	w.check(ctx)
}

// now is closed when the process of the moment ends.
func (w *world) now() chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.process
}

// use lets the World be used until the answer is called.
func (w *world) use() (release func()) {
	w.actors <- struct{}{}
	return func() { <-w.actors }
}

// begin begins a process: the first, or one that continues where the last one
// was ended.
func (w *world) begin(ctx context.Context) (err error) {
	parameters := map[string]string{"Embedder": "lexical", "VectorIndex": "none"}
	if w.scenario.OpenAI {
		parameters["Embedder"] = "openai"
	}
	tables := w.scenario.Tables
	w.World, err = practice.Open(ctx, practice.Options{
		Seed: w.scenario.Seed, People: w.scenario.People, Latency: time.Duration(w.scenario.Latency), Generous: !w.scenario.Paced, StateDir: w.folder,
		Enrichers: w.scenario.Enrichers, Credits: w.scenario.Credits,
		Interpreters: interpreters, Parameters: parameters, Providers: w.director.providers(), Faults: w.director, Disturb: w.director.disturb,
		Tables: dynamodb.Dials{
			PartitionWrites: tables.Writes, PartitionReads: tables.Reads, TransactionTime: time.Duration(tables.Transaction), TTLLag: time.Duration(tables.Expiry),
			StaleReads: time.Duration(tables.Stale), Seed: w.scenario.Seed,
		},
		Logger: slog.New(slog.NewJSONHandler(w, nil)),
		Wrap: func(function string, next aws.HTTPClient) aws.HTTPClient {
			return &tap{world: w, function: function, next: next, change: w.mutation.aws()}
		},
		Outside: w.outside,
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	w.process = make(chan struct{})
	w.count++
	return err
}

// restart ends the process, as kill does, and begins another one.
func (w *world) restart(ctx context.Context) {
	for range cap(w.actors) {
		w.actors <- struct{}{}
	}
	defer func() {
		for range cap(w.actors) {
			<-w.actors
		}
	}()
	close(w.now())
	err := w.Close()
	if err == nil || strings.Contains(err.Error(), "goes on although") { // a worker that settles what it paid: it is dead, and reaches nothing
		err = w.begin(ctx)
	}
	if err != nil {
		w.fail(thatItWorks, "restart: %v", err)
		return
	}
	w.Start()
}

func (w *world) open(ctx context.Context) (err error) {
	if err := w.begin(ctx); err != nil {
		return err
	}
	for i := range teams {
		key := store.APIKey{Team: teams[i].name, Name: "sim", Scopes: []string{"read", "write"}}
		if err := w.Store.PutAPIKey(ctx, teams[i].key, key); err != nil {
			return err
		}
	}
	market := w.Sandbox.Market()
	for i := range w.scenario.Listed {
		company := (i*7919 + int(w.scenario.Seed%7919)) % market.Companies() //nolint:gosec // below 7919
		if err := w.suppress(ctx, 0, market.Domain(company)); err != nil {
			return err
		}
	}
	for i := range w.scenario.Known {
		props := map[string]string{"email": strings.ToLower(market.Email(i * market.People() / w.scenario.Known)), "jobtitle": "as its owner knows it"}
		if i%2 == 0 {
			props["phone"] = "555 0100"
		}
		id, err := w.HubSpot.AddContact(props)
		if err != nil {
			continue // no address, or somebody else's
		}
		w.known[id] = props
	}
	for i, c := range w.scenario.Campaigns {
		w.runs = append(w.runs, &run{campaign: c, number: i + 1})
	}
	return nil
}

func (w *world) suppress(ctx context.Context, team int, value string) error {
	if err := w.Store.Suppress(ctx, teams[team].name, value); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.listed = append(w.listed, listing{team: team, value: value, since: time.Now(), first: len(w.runs) == 0})
	return nil
}

// Who plays. The names are found nowhere else, so that a trace of one team in
// the other's data can be seen.
var teams = [2]struct{ name, key string }{{"team-q7amber", "sk_q7amber"}, {"team-q8birch", "sk_q8birch"}}

// call makes a request to the API; a person repeats what failed for no fault of
// theirs: ten times, and once more for each mishap that was drawn for the API.
func (w *world) call(ctx context.Context, team int, method, path, idempotency string, body any) (code int, answer []byte) {
	patience := 10
	for _, e := range w.scenario.Events {
		if e.In == "api" {
			patience += e.times()
		}
	}
	for attempt := range patience {
		if code, answer = w.request(ctx, team, method, path, idempotency, body); code < http.StatusInternalServerError || !w.troubled() {
			break
		}
		time.Sleep(min(time.Second<<(2*min(attempt, 3)), time.Minute))
	}
	return code, answer
}

// troubled reports whether a request to the API may fail for no fault of who
// makes it.
func (w *world) troubled() bool {
	return w.scenario.Tables.Writes+w.scenario.Tables.Reads > 0 || w.scenario.Tables.Transaction > 0 ||
		slices.ContainsFunc(w.scenario.Events, func(e event) bool { return e.In == "api" })
}

func (w *world) request(ctx context.Context, team int, method, path, idempotency string, body any) (int, []byte) {
	var in io.Reader = http.NoBody
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			w.fail(thatItWorks, "%s %s: %v", method, path, err)
		}
		in = bytes.NewReader(data)
	}
	r := httptest.NewRequestWithContext(ctx, method, path, in)
	r.Header.Set("Authorization", "Bearer "+teams[team].key)
	if idempotency != "" {
		r.Header.Set("Idempotency-Key", idempotency)
	}
	rec := httptest.NewRecorder()
	release := w.use()
	w.API().ServeHTTP(rec, r)
	release()
	if rec.Code >= http.StatusBadRequest {
		_, _ = w.Write(rec.Body.Bytes()) // a problem is shown to people; a buffer takes it
	}
	return rec.Code, bytes.TrimSpace(rec.Body.Bytes())
}

// ask makes a request that has to succeed.
func ask[T any](ctx context.Context, w *world, team int, method, path, idempotency string, body any) (out T, ok bool) {
	code, answer := w.call(ctx, team, method, path, idempotency, body)
	if code >= http.StatusBadRequest {
		w.fail(thatItWorks, "%s %s = %d: %s", method, path, code, answer)
		return out, false
	}
	if err := json.Unmarshal(answer, &out); err != nil {
		w.fail(thatItWorks, "%s %s: %v", method, path, err)
		return out, false
	}
	return out, true
}
