package sim_test

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/messageai/sluice/internal/api"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/store"
)

// patience is how long a run may take in simulated time: what is swallowed
// waits for a callback for seven days, everything else for hours at most.
const patience = 36 * time.Hour

// advance starts campaigns, watches them and raises caps, until all have ended
// or are paused by a person.
func (w *world) advance(ctx context.Context) {
	began, step := time.Now(), time.Second
	for {
		open := false
		for _, r := range w.runs {
			if r.over {
				continue
			}
			if w.refOf(r).Run == "" {
				if r.After > 0 && r.After <= len(w.runs) && r.After != r.number && !w.runs[r.After-1].over {
					open = true
					continue
				}
				if w.start(ctx, r); w.refOf(r).Run == "" {
					r.over = true
					continue
				}
			}
			open = !w.watch(ctx, r) || open
		}
		if !open {
			return
		}
		if time.Since(began) > patience+w.pauses() {
			for _, r := range w.runs {
				if !r.over {
					w.fail("campaign %d is still %s after %s: %+v", r.number, w.lastOf(r).Status, time.Since(began), w.lastOf(r).Rows.Counts)
					r.over = true
				}
			}
			return
		}
		time.Sleep(step)
		step = min(step*3/2, 5*time.Minute)
	}
}

// pauses is how long people pause in this scenario, at most.
func (w *world) pauses() (sum time.Duration) {
	for _, e := range w.scenario.Events {
		if e.Do == doPause {
			sum += time.Duration(e.For)
		}
	}
	return sum
}

// watch looks at a run once; true if there is nothing more to wait for.
func (w *world) watch(ctx context.Context, r *run) bool {
	s, ok := ask[api.CampaignStatus](ctx, w, r.Team, "GET", campaigns+"/"+w.refOf(r).Campaign, "", nil)
	if !ok {
		r.over = true
		return true
	}
	w.observe(r, s)
	switch status := domain.RunStatus(s.Status); {
	case status.Ended():
		r.over = true
	case status == domain.RunPaused && strings.Contains(s.Reason, "cap"):
		w.raise(ctx, r)
	}
	return r.over
}

// observe checks what must hold at every moment.
func (w *world) observe(r *run, s api.CampaignStatus) {
	w.mu.Lock()
	before := r.last
	r.last = s
	w.mu.Unlock()
	if !s.Rows.Balanced {
		w.fail("campaign %d does not balance while %s: %+v", r.number, s.Status, s.Rows.Counts)
	}
	if s.Rows.In < before.Rows.In || s.Rows.In > r.Max {
		w.fail("campaign %d of at most %d rows went from %d rows to %d", r.number, r.Max, before.Rows.In, s.Rows.In)
	}
	p := s.Spend
	if p.SettledMicroUSD < before.Spend.SettledMicroUSD || p.ReservedMicroUSD < 0 || p.SettledMicroUSD+p.ReservedMicroUSD > p.CapMicroUSD {
		w.fail("campaign %d has settled %s (before %s) and reserved %s of %s", r.number, p.SettledMicroUSD, before.Spend.SettledMicroUSD, p.ReservedMicroUSD, p.CapMicroUSD)
	}
	sum := p.SettledMicroUSD
	for _, part := range p.ByProvider {
		sum -= part
	}
	if sum != 0 {
		w.fail("campaign %d: the providers' parts differ from what is settled by %s", r.number, sum)
	}
}

// raise gives a run that stopped at its cap the next one, in the end a large one.
func (w *world) raise(ctx context.Context, r *run) {
	limit := 10_000.0
	if r.raised < len(r.Caps) {
		limit = r.Caps[r.raised]
	}
	r.raised++
	code, answer := w.call(ctx, r.Team, "PATCH", campaigns+"/"+w.refOf(r).Campaign, "", api.CampaignChange{Status: "running", CapUSD: &limit})
	if code >= http.StatusInternalServerError {
		w.fail("raise the cap of campaign %d = %d: %s", r.number, code, answer)
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
	}
}

// pause watches a paused run for a while and resumes it.
func (w *world) pause(ctx context.Context, r *run, d time.Duration) {
	const settles = 3 * time.Minute // what was begun comes to its next stop
	if d > settles {
		time.Sleep(settles)
		before, ok := w.asked(), w.isPaused(ctx, r)
		was := w.lastOf(r)
		time.Sleep(d - settles)
		if ok && w.isPaused(ctx, r) && len(w.runs) == 1 {
			if after := w.asked(); after != before || was.Spend.SettledMicroUSD != w.lastOf(r).Spend.SettledMicroUSD {
				w.fail("campaign %d was paused, yet providers were asked %d times", r.number, after-before)
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

// asked is the number of requests that providers have answered.
func (w *world) asked() (n int) {
	for _, statuses := range w.Sandbox.Requests() {
		for _, times := range statuses {
			n += times
		}
	}
	return n
}

// change pauses or resumes a run. A run that has ended answers 409.
func (w *world) change(ctx context.Context, r *run, to string) bool {
	code, answer := w.call(ctx, r.Team, "PATCH", campaigns+"/"+w.refOf(r).Campaign, "", api.CampaignChange{Status: to})
	if code >= http.StatusBadRequest && code != http.StatusConflict {
		w.fail("%s campaign %d = %d: %s", to, r.number, code, answer)
	}
	return code < http.StatusBadRequest
}

// suppressFound puts one of those found so far on the list.
func (w *world) suppressFound(ctx context.Context, who int) {
	for _, r := range w.runs {
		ref := w.refOf(r)
		if ref.Run == "" {
			continue
		}
		ledger, err := w.Store.Ledger(ctx, ref)
		if err != nil {
			w.fail("read ledger: %v", err)
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
						w.fail("suppress: %v", err)
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
						w.fail("convert %s = %d: %s", p.ID, code, answer)
					}
				})
			}
			all.Wait()
		}
	}
}

// drain waits until nothing moves any more.
func (w *world) drain(ctx context.Context) {
	const most = 4 * time.Hour
	for began := time.Now(); ; time.Sleep(time.Minute) {
		moving := w.moving(ctx)
		if moving == "" {
			return
		}
		if time.Since(began) > most {
			w.fail("%s after the last run ended: %s", most, moving)
			return
		}
	}
}

// moving names a queue that holds messages, or an execution that goes on.
func (w *world) moving(ctx context.Context) string {
	cfg, err := w.Stack.Config("")
	if err != nil {
		return err.Error()
	}
	queues := sqs.NewFromConfig(cfg)
	for _, q := range w.Stack.Template().Queues {
		url := "https://sqs.us-east-1.amazonaws.com/123456789012/" + q.Name
		out, err := queues.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: []sqstypes.QueueAttributeName{"All"}})
		if err != nil {
			return err.Error()
		}
		for _, name := range []string{"ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"} {
			if n := out.Attributes[name]; n != "0" {
				return fmt.Sprintf("queue %s has %s=%s", q.Name, name, n)
			}
		}
	}
	machine := w.Stack.Output("StateMachine")
	running, err := sfn.NewFromConfig(cfg).ListExecutions(ctx, &sfn.ListExecutionsInput{StateMachineArn: &machine, StatusFilter: sfntypes.ExecutionStatusRunning})
	if err != nil {
		return err.Error()
	}
	if n := len(running.Executions); n > 0 {
		return fmt.Sprintf("%d executions wait for an answer", n)
	}
	return ""
}
