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
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/messageai/sluice/internal/api"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/practice"
	"github.com/messageai/sluice/internal/store"
)

// outcome is what became of a scenario.
type outcome struct {
	broken   []string // promises that were not kept
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
	director *director
	runs     []*run
	began    time.Time

	mu     sync.Mutex // guards what follows, and the runs' ref and last
	listed []listing  // who must not be contacted, since when
	broken []string
	spoken bytes.Buffer // logs, problems, messages: whatever people or logs can see
}

// run is one campaign's run.
type run struct {
	campaign
	number int // from 1
	ref    domain.Ref
	last   api.CampaignStatus
	raised int  // caps that were used
	over   bool // there is nothing more to wait for
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
			out.broken = append(out.broken, fmt.Sprint("panic: ", p))
		}
	}()
	synctest.Test(t, func(t *testing.T) {
		w := &world{scenario: s, director: newDirector(s.Events)}
		w.play(t.Context(), m)
		out = outcome{broken: w.broken, fired: w.director.fired(), took: time.Since(w.began)}
		for _, r := range w.runs {
			out.rows += r.last.Rows.In
			out.leads += r.last.Progress.Converted
			out.statuses = append(out.statuses, r.last.Status)
		}
	})
	return out
}

// fail notes a broken promise. The text may name ids, never people.
func (w *world) fail(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if text := fmt.Sprintf(format, args...); len(w.broken) < 20 {
		w.broken = append(w.broken, text)
	}
}

// Write collects what can be seen.
func (w *world) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.spoken.Write(p)
}

func (w *world) play(ctx context.Context, m *mutation) {
	w.began = time.Now()
	if err := w.open(ctx, m); err != nil {
		w.fail("open: %v", err)
		return
	}
	defer func() {
		if err := w.Close(); err != nil {
			w.fail("close: %v", err)
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
		finished := make(chan struct{})
		select {
		case actions <- func() { defer close(finished); w.act(ctx, &resuming, e) }:
			<-finished
		case <-done:
		}
	}
	w.Start()
	w.advance(ctx)
	resuming.Wait()
	w.convertByHand(ctx)
	w.drain(ctx)
	close(done)
	acting.Wait()
	w.check(ctx)
}

func (w *world) open(ctx context.Context, m *mutation) (err error) {
	parameters := map[string]string{"Embedder": "lexical", "VectorIndex": "none"}
	if w.scenario.OpenAI {
		parameters["Embedder"] = "openai"
	}
	opts := practice.Options{
		Seed: w.scenario.Seed, People: w.scenario.People, Latency: time.Duration(w.scenario.Latency), Generous: !w.scenario.Paced,
		Interpreters: interpreters, Parameters: parameters, Providers: w.director.providers(), Faults: w.director, Disturb: w.director.disturb,
		Logger: slog.New(slog.NewJSONHandler(w, nil)),
		Wrap: func(function string, next aws.HTTPClient) aws.HTTPClient {
			return &tap{world: w, function: function, next: next, change: m.aws()}
		},
		Outside: m.outside(w),
	}
	if w.World, err = practice.Open(ctx, opts); err != nil {
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

// call makes a request to the API.
func (w *world) call(ctx context.Context, team int, method, path, idempotency string, body any) (int, []byte) {
	var in io.Reader = http.NoBody
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			w.fail("%s %s: %v", method, path, err)
		}
		in = bytes.NewReader(data)
	}
	r := httptest.NewRequestWithContext(ctx, method, path, in)
	r.Header.Set("Authorization", "Bearer "+teams[team].key)
	if idempotency != "" {
		r.Header.Set("Idempotency-Key", idempotency)
	}
	rec := httptest.NewRecorder()
	w.API().ServeHTTP(rec, r)
	if rec.Code >= http.StatusBadRequest {
		_, _ = w.Write(rec.Body.Bytes()) // a problem is shown to people; a buffer takes it
	}
	return rec.Code, rec.Body.Bytes()
}

// ask makes a request that has to succeed.
func ask[T any](ctx context.Context, w *world, team int, method, path, idempotency string, body any) (out T, ok bool) {
	code, answer := w.call(ctx, team, method, path, idempotency, body)
	if code >= http.StatusBadRequest {
		w.fail("%s %s = %d: %s", method, path, code, answer)
		return out, false
	}
	if err := json.Unmarshal(answer, &out); err != nil {
		w.fail("%s %s: %v", method, path, err)
		return out, false
	}
	return out, true
}

const campaigns = "/api/v1/prospecting/campaigns"

// profile is the ICP of every campaign.
func profile() (icp domain.ICP, err error) {
	data, err := os.ReadFile("../cli/sample-icp.json")
	if err != nil {
		return icp, err
	}
	return icp, json.Unmarshal(data, &icp)
}

// start asks for a campaign, again and again if the scenario says so.
func (w *world) start(ctx context.Context, r *run) {
	icp, err := profile()
	if err != nil {
		w.fail("read ICP: %v", err)
		return
	}
	if _, ok := ask[domain.ICP](ctx, w, r.Team, "POST", "/api/v1/prospecting/icps", "", icp); !ok {
		return
	}
	automatic, enrich := !r.Hold, !r.Bare
	request := api.CampaignRequest{
		ICPID: icp.ID, Name: fmt.Sprint("campaign ", r.number), Platforms: r.Platforms,
		Options: api.CampaignOptions{MaxProspects: r.Max, AutoConvert: &automatic, AutoEnrich: &enrich},
	}
	if len(r.Caps) > 0 {
		request.Options.CapUSD, r.raised = &r.Caps[0], 1
	}
	key := ""
	if r.Again > 0 {
		key = fmt.Sprint("start ", r.number)
	}
	var all sync.WaitGroup
	for range r.Again + 1 {
		all.Go(func() {
			code, answer := w.call(ctx, r.Team, "POST", campaigns, key, request)
			var started api.CampaignStarted
			if code == http.StatusConflict && r.Again > 0 {
				return // still at work on the first request
			}
			if err := json.Unmarshal(answer, &started); err != nil || code >= http.StatusBadRequest {
				w.fail("start campaign %d = %d: %s", r.number, code, answer)
				return
			}
			w.mu.Lock()
			other := r.ref.Campaign
			r.ref = domain.Ref{Team: teams[r.Team].name, Campaign: started.CampaignID, Run: started.RunID}
			w.mu.Unlock()
			if other != "" && other != started.CampaignID {
				w.fail("one Idempotency-Key started campaigns %s and %s", other, started.CampaignID)
			}
		})
	}
	all.Wait()
}

// tap sees every call of a function to AWS, and is where mutations sit.
type tap struct {
	world    *world
	function string
	next     aws.HTTPClient
	change   func(w *world, function string, call *awsCall, next aws.HTTPClient) (*http.Response, error)
}

// Do implements aws.HTTPClient.
func (t *tap) Do(r *http.Request) (*http.Response, error) {
	target := r.Header.Get("X-Amz-Target")
	if t.change == nil && !strings.HasSuffix(target, ".SendMessage") && !strings.HasSuffix(target, ".SendTaskFailure") {
		return t.next.Do(r)
	}
	call, err := readCall(r)
	if err != nil {
		return nil, err
	}
	if call.operation == "SendMessage" || call.operation == "SendTaskFailure" {
		_, _ = t.world.Write(call.body) // a buffer takes it
	}
	if t.change == nil {
		return t.next.Do(call.request())
	}
	return t.change(t.world, t.function, call, t.next)
}
