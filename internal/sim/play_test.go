package sim_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/messageai/sluice/internal/api"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/money"
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
		charged := w.charged()
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
			if !w.watch(ctx, r) || w.retry(ctx, r) {
				open = true
			}
		}
		w.covered(charged)
		if !open {
			return
		}
		if time.Since(began) > patience*time.Duration(1+w.retries())+w.pauses() {
			for _, r := range w.runs {
				if !r.over {
					w.fail(thatRunsEnd, "campaign %d is still %s after %s: %+v", r.number, w.lastOf(r).Status, time.Since(began), w.lastOf(r).Rows.Counts)
					r.over = true
				}
			}
			return
		}
		select {
		case <-w.restarts:
			w.restart(ctx)
		case <-time.After(step):
		}
		step = min(2*step, 5*time.Minute)
	}
}

// charged is what each provider has charged so far.
func (w *world) charged() map[string]money.Micro {
	out := map[string]money.Micro{}
	for provider, bill := range w.Sandbox.Bills() {
		out[provider] = bill.Total
	}
	return out
}

// covered checks that nothing is charged that was not set aside before: what
// the providers had charged a moment ago is settled or set aside now, so that
// the caps hold at every moment and not only in the end.
func (w *world) covered(charged map[string]money.Micro) {
	var covers, owed money.Micro
	for _, r := range w.runs {
		spend := w.lastOf(r).Spend
		covers += spend.SettledMicroUSD + spend.ReservedMicroUSD
	}
	for _, sum := range charged {
		owed += sum
	}
	if owed > covers && !w.owing { // once says it
		w.owing = true
		w.fail(thatBillsAreSettled, "the providers had charged %s when %s were settled or set aside", owed, covers)
	}
}

// retries is how often the campaigns of this scenario are run again, at most.
func (w *world) retries() (n int) {
	for _, c := range w.scenario.Campaigns {
		n += c.Retry
	}
	return n
}

// pauses is how long people pause in this scenario, at most.
func (w *world) pauses() (sum time.Duration) {
	for _, e := range w.scenario.Events {
		if e.Do == doPause || e.Do == doShut {
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
	default:
		hits := w.director.hits("finalize")
		w.mu.Lock()
		late := !r.told.IsZero() && time.Since(r.told) > time.Hour
		before := r.hits
		if late {
			r.told, r.hits = time.Now(), hits
		}
		w.mu.Unlock()
		if !late {
			break
		}
		if hits-before < 3 { // as often as AWS delivers an event
			w.fail(thatRunsEnd, "campaign %d was stopped at %s, finalize was told an hour ago, and it is still %s", r.number, r.stopped, status)
		}
		w.tell(r) // the event was lost: Lambda gives up after three attempts
	}
	return r.over
}

// look looks at all runs a last time: what has ended does not change any more.
func (w *world) look(ctx context.Context) {
	for _, r := range w.runs {
		if w.refOf(r).Run == "" {
			continue
		}
		was := w.lastOf(r)
		w.watch(ctx, r)
		now := w.lastOf(r)
		// Workers that were at work when an execution was stopped finish their page
		// or step: what they found counts. What is made by hand counts as well.
		grows := !r.stopped.IsZero() || r.Manual > 0
		if domain.RunStatus(was.Status).Ended() && (now.Status != was.Status || now.Reason != was.Reason || now.Rows != was.Rows && !grows) {
			w.fail(thatRunsEnd, "campaign %d had ended as %s with %+v, and is %s with %+v", r.number, was.Status, was.Rows, now.Status, now.Rows)
		}
	}
}

// observe checks what must hold at every moment.
func (w *world) observe(r *run, s api.CampaignStatus) {
	w.mu.Lock()
	before := r.last
	r.last = s
	// A stopped run counts what is set aside as spent; a worker that was at work
	// then puts it right.
	stopped := !r.stopped.IsZero() || r.again > 0
	w.mu.Unlock()
	if !s.Rows.Balanced {
		w.fail(thatRowsCount, "campaign %d does not balance while %s: %+v", r.number, s.Status, s.Rows.Counts)
	}
	if s.Rows.In < before.Rows.In || s.Rows.In > r.Max {
		w.fail(thatRowsCount, "campaign %d of at most %d rows went from %d rows to %d", r.number, r.Max, before.Rows.In, s.Rows.In)
	}
	p := s.Spend
	if p.SettledMicroUSD < before.Spend.SettledMicroUSD && !stopped || p.ReservedMicroUSD < 0 || p.SettledMicroUSD+p.ReservedMicroUSD > p.CapMicroUSD {
		w.fail(thatBooksBalance, "campaign %d has settled %s (before %s) and reserved %s of %s", r.number, p.SettledMicroUSD, before.Spend.SettledMicroUSD, p.ReservedMicroUSD, p.CapMicroUSD)
	}
	sum := p.SettledMicroUSD
	for _, part := range p.ByProvider {
		sum -= part
	}
	if sum != 0 {
		w.fail(thatBooksBalance, "campaign %d: the providers' parts differ from what is settled by %s", r.number, sum)
	}
}

// drain waits until nothing moves any more.
func (w *world) drain(ctx context.Context) {
	const most = 4 * time.Hour
	for began := time.Now(); ; time.Sleep(10 * time.Minute) {
		moving := w.moving(ctx)
		if moving == "" {
			return
		}
		if time.Since(began) > most {
			w.fail(thatNothingIsLeft, "%s after the last run ended: %s", most, moving)
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
