package sim_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/messageai/sluice/internal/api"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/store"
)

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
		w.fail(thatItWorks, "read ICP: %v", err)
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
	if len(r.Fields)+len(r.From) > 0 {
		request.Options.Enrich = &api.EnrichRequest{Fields: r.Fields, Providers: r.From}
	}
	if len(r.Caps) > 0 {
		request.Options.CapUSD, r.raised = &r.Caps[0], 1
	}
	key := ""
	if r.Again > 0 || w.troubled() { // whoever may have to repeat it
		key = fmt.Sprint("start ", r.number)
	}
	var all sync.WaitGroup
	for range r.Again + 1 {
		all.Go(func() {
			code, answer := w.call(ctx, r.Team, "POST", campaigns, key, request)
			for attempt := 0; code == http.StatusConflict && key != "" && attempt < 10; attempt++ {
				time.Sleep(time.Minute) // the first request is at work yet, or was cut off
				code, answer = w.call(ctx, r.Team, "POST", campaigns, key, request)
			}
			if code == http.StatusUnprocessableEntity && w.unconnected(r) {
				return // and nothing may have been started: its execution would be one too many
			}
			var started api.CampaignStarted
			if err := json.Unmarshal(answer, &started); err != nil || code >= http.StatusBadRequest {
				w.fail(thatItWorks, "start campaign %d = %d: %s", r.number, code, answer)
				return
			}
			w.mu.Lock()
			other := r.ref.Campaign
			r.ref = domain.Ref{Team: teams[r.Team].name, Campaign: started.CampaignID, Run: started.RunID}
			w.mu.Unlock()
			if other != "" && other != started.CampaignID {
				w.fail(thatRequestsHappenOnce, "one Idempotency-Key started campaigns %s and %s", other, started.CampaignID)
			}
		})
	}
	all.Wait()
}

// raise gives a run that stopped at its cap the next one, in the end a large one.
func (w *world) raise(ctx context.Context, r *run) {
	limit := 10_000.0
	if r.raised < len(r.Caps) {
		limit = r.Caps[r.raised]
	}
	r.raised++
	w.resumed(r)
	code, answer := w.call(ctx, r.Team, "PATCH", campaigns+"/"+w.refOf(r).Campaign, "", api.CampaignChange{Status: "running", CapUSD: &limit})
	if code >= http.StatusInternalServerError {
		w.fail(thatItWorks, "raise the cap of campaign %d = %d: %s", r.number, code, answer)
	}
}

// act does what a person does at a certain call.
func (w *world) act(ctx context.Context, resuming *sync.WaitGroup, e event) {
	switch e.Do {
	case doPause:
		r := w.runs[e.Who%len(w.runs)]
		if w.refOf(r).Run == "" || !w.change(ctx, r, "paused") {
			return
		}
		resuming.Go(func() { w.pause(ctx, r, time.Duration(e.For)) })
	case doSuppress:
		w.suppressFound(ctx, e.Who)
	case doStop:
		w.stop(ctx, w.runs[e.Who%len(w.runs)], e.times())
	case doRotate:
		w.rotate(ctx, w.runs[e.Who%len(w.runs)].Team, e.Of)
	case doRevoke:
		w.revoke(ctx, w.runs[e.Who%len(w.runs)].Team, e.Of)
	case doShut:
		w.shut(ctx, resuming, w.runs[e.Who%len(w.runs)].Team, e.Of, time.Duration(e.For))
	case doRestart:
		select {
		case w.restarts <- struct{}{}:
		default: // nobody looks at campaigns any more, or it is asked for already
		}
	}
}

// stop stops the execution of a run by hand. EventBridge tells of its end at
// least once.
func (w *world) stop(ctx context.Context, r *run, times int) {
	ref := w.refOf(r)
	if ref.Run == "" {
		return
	}
	defer w.use()()
	cfg, err := w.Stack.Config("")
	if err != nil {
		w.fail(thatItWorks, "stop: %v", err)
		return
	}
	client, arn := sfn.NewFromConfig(cfg), w.execution(r)
	x, err := client.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: &arn})
	if err != nil {
		w.fail(thatItWorks, "stop: %v", err)
		return
	}
	if x.Status != sfntypes.ExecutionStatusRunning {
		return
	}
	hits := w.director.hits("finalize")
	w.mu.Lock()
	r.stopped, r.told, r.hits = time.Now(), time.Now(), hits
	w.mu.Unlock()
	if _, err := client.StopExecution(ctx, &sfn.StopExecutionInput{ExecutionArn: &arn}); err != nil {
		w.fail(thatItWorks, "stop: %v", err)
		return
	}
	for range times - 1 {
		w.tell(r)
	}
}

// execution is the ARN of a run's execution: of the latest attempt.
func (w *world) execution(r *run) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	arn := strings.Replace(w.Stack.Output("StateMachine"), ":stateMachine:", ":execution:", 1) + ":" + r.ref.Run
	if r.again > 0 {
		arn += "-" + strconv.Itoa(r.again)
	}
	return arn
}

// tell tells finalize that an execution was stopped: an event more than there
// had to be, or the one that docs/runbooks/executions-failed.md sends by hand
// after it was lost.
func (w *world) tell(r *run) {
	arn := w.execution(r)
	input, err := json.Marshal(struct {
		domain.Ref
		Attempt int `json:"attempt,omitempty"`
	}{w.refOf(r), r.again})
	if err == nil {
		var event []byte
		event, err = json.Marshal(map[string]any{
			"detail-type": "Step Functions Execution Status Change", "source": "aws.states",
			"detail": map[string]any{"executionArn": arn, "name": arn[strings.LastIndexByte(arn, ':')+1:], "status": "ABORTED", "input": string(input)},
		})
		if err == nil {
			_, err = w.Stack.Functions().InvokeAsync(namePrefix+"finalize", event)
		}
	}
	if err != nil {
		w.fail(thatItWorks, "tell of an end: %v", err)
	}
}

// pause watches a paused run for a while and resumes it.
func (w *world) pause(ctx context.Context, r *run, d time.Duration) {
	const settles = 3 * time.Minute // what was begun comes to its next stop
	if d > settles {
		time.Sleep(settles)
		before, process := w.asked()
		ok, was, since := w.isPaused(ctx, r), w.lastOf(r), w.pausedSince(r)
		time.Sleep(d - settles)
		// Somebody may have raised the cap in between; another campaign may ask
		// meanwhile; a process counts from zero.
		if after, still := w.asked(); ok && w.isPaused(ctx, r) && since.Equal(w.pausedSince(r)) && len(w.runs) == 1 && still == process && !has(doRotate)(w.scenario) { // a new key is tried
			if after != before || was.Spend.SettledMicroUSD != w.lastOf(r).Spend.SettledMicroUSD {
				w.fail(thatPausesHold, "campaign %d was paused, yet providers were asked %d times", r.number, after-before)
			}
		}
	} else {
		time.Sleep(d)
	}
	w.change(ctx, r, "running")
}

func (w *world) isPaused(ctx context.Context, r *run) bool {
	s, ok := ask[api.CampaignStatus](ctx, w, r.Team, "GET", campaigns+"/"+w.refOf(r).Campaign, "", nil)
	if ok {
		w.observe(r, s)
	}
	return ok && s.Status == string(domain.RunPaused)
}

// asked is the number of requests that providers have answered in the process
// of the moment, and its number.
func (w *world) asked() (n, process int) {
	defer w.use()()
	for _, statuses := range w.Sandbox.Requests() {
		for _, times := range statuses {
			n += times
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return n, w.count
}

// change pauses or resumes a run. A run that has ended answers 409.
func (w *world) change(ctx context.Context, r *run, to string) bool {
	if to == "running" {
		w.resumed(r)
	}
	code, answer := w.call(ctx, r.Team, "PATCH", campaigns+"/"+w.refOf(r).Campaign, "", api.CampaignChange{Status: to})
	if code >= http.StatusBadRequest && code != http.StatusConflict {
		w.fail(thatItWorks, "%s campaign %d = %d: %s", to, r.number, code, answer)
	}
	if to == "paused" && code < http.StatusBadRequest {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.paused[r.ref.Run] = time.Now()
	}
	return code < http.StatusBadRequest
}

// resumed forgets that a run was paused.
func (w *world) resumed(r *run) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.paused, r.ref.Run)
}

// pausedSince is when a person paused a run that nobody has resumed since.
func (w *world) pausedSince(r *run) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.paused[r.ref.Run]
}

func (w *world) anyPaused() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.paused) > 0
}

// checkLease checks that nobody begins a step of a run that is paused. Whoever
// has read that it is not may do so yet: at once, if nothing holds calls up.
func (w *world) checkLease(function string, c *awsCall) {
	late := ""
	w.mu.Lock()
	for run, since := range w.paused {
		slack := time.Second
		if w.troubled() || has(doThrottle, doError, doLose, doDelay)(w.scenario) {
			slack = 3 * time.Minute
		}
		if c.is("UpdateItem", `"RUN#`+run+`"`, "SET #lease = :until") && time.Since(since) > slack {
			late = time.Since(since).String()
		}
	}
	w.mu.Unlock()
	if late != "" {
		w.fail(thatPausesHold, "%s began a step of a run that had been paused for %s", function, late)
	}
}

// suppressFound puts one of those found so far on the list.
func (w *world) suppressFound(ctx context.Context, who int) {
	defer w.use()()
	for _, r := range w.runs {
		ref := w.refOf(r)
		if ref.Run == "" {
			continue
		}
		ledger, err := w.Store.Ledger(ctx, ref)
		if err != nil {
			w.fail(thatItWorks, "read ledger: %v", err)
			return
		}
		for _, sh := range ledger.Shards {
			for n := range sh.Chunks {
				rows, err := w.Store.Rows(ctx, ref.Team, store.ChunkKey(ref.Run, store.ChunkName(sh.ID, n)))
				if err != nil || len(rows) == 0 {
					continue
				}
				p := rows[who%len(rows)].Prospect
				for _, value := range []string{p.Company.Domain, p.Person.ProfileURL} {
					if value == "" {
						continue
					}
					if err := w.suppress(ctx, r.Team, value); err != nil {
						w.fail(thatItWorks, "suppress: %v", err)
					}
					return
				}
			}
		}
	}
}

// convertByHand turns prospects into leads, each twice, as an impatient person
// would.
func (w *world) convertByHand(ctx context.Context) {
	for _, r := range w.runs {
		if r.Manual == 0 || !domain.RunStatus(w.lastOf(r).Status).Ended() {
			continue
		}
		page, ok := ask[api.ProspectPage](ctx, w, r.Team, "GET", campaigns+"/"+w.refOf(r).Campaign+"/prospects?status=qualified&limit="+strconv.Itoa(r.Manual), "", nil)
		if !ok {
			continue
		}
		for _, p := range page.Prospects {
			var all sync.WaitGroup
			for range 2 {
				all.Go(func() {
					code, answer := w.call(ctx, r.Team, "POST", "/api/v1/prospecting/prospects/"+p.ID+"/convert", "", nil)
					if code >= http.StatusInternalServerError {
						w.fail(thatItWorks, "convert %s = %d: %s", p.ID, code, answer)
					}
				})
			}
			all.Wait()
		}
	}
}
