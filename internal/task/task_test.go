package task_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/task"
)

func TestAStepIsDoneOnceAndAnswered(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		for range 2 { // the queue delivers twice
			if w.handle(t, record(t, message()), works) {
				t.Error("a handled message comes again")
			}
		}
		want := answer{Token: "token-1", Output: `{"doc":"out"}`}
		if diff := cmp.Diff([]answer{want, want}, w.answers); diff != "" || len(w.worked) != 1 {
			t.Errorf("worked %d times; answers (-want +got):\n%s", len(w.worked), diff)
		}
		if len(w.lease) != 0 {
			t.Errorf("leases are left: %v", w.lease)
		}
		wantJob := task.Job{Message: message(), Owner: "m-1/h-1", Step: "enriched-hunter", Done: map[string]json.RawMessage{}}
		if diff := cmp.Diff(wantJob, w.worked[0]); diff != "" {
			t.Errorf("job (-want +got):\n%s", diff)
		}
	})
}

// Provider keys are found by the team in the context.
func TestAStepIsDoneInTheNameOfItsTeam(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		team := ""
		w.handle(t, record(t, message()), func(ctx context.Context) (any, error) {
			team = domain.TeamOf(ctx)
			return works(ctx)
		})
		if team != "acme" {
			t.Errorf("the step is done for team %q, want that of the message", team)
		}
	})
}

func TestAMessageNobodyWaitsForIsWorkedOn(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		m := message()
		m.Token = ""
		if w.handle(t, record(t, m), works) || len(w.worked) != 1 || len(w.answers) != 0 {
			t.Errorf("worked %d times with answers %v, want once and none", len(w.worked), w.answers)
		}
	})
}

// An answer that could not be given must not be lost with the message.
func TestAnAnswerThatFailsIsGivenAgain(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		w.broken["Succeed"] = fault.New(fault.Unavailable, "test.succeed", "no answer")
		if !w.handle(t, record(t, message()), works) {
			t.Error("the message is gone although its answer failed")
		}
		w.broken = map[string]error{}
		if w.handle(t, record(t, message()), works) || len(w.worked) != 1 || len(w.answers) != 2 {
			t.Errorf("worked %d times, %d answers; want the kept result to be answered", len(w.worked), len(w.answers))
		}
	})
}

func TestTheOwnerIsTheInvocation(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		worker := &task.Worker{
			Step:   func(task.Message) string { return "s" },
			Do:     func(_ context.Context, job task.Job) (any, error) { return job.Owner, nil },
			Ledger: w, Parking: w, Answers: w, Log: slog.New(slog.DiscardHandler), Now: time.Now,
		}
		ctx := lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{AwsRequestID: "request-7"})
		if _, err := worker.Handle(ctx, events.SQSEvent{Records: []events.SQSMessage{record(t, message())}}); err != nil {
			t.Fatal(err)
		}
		if got := string(w.done["s"]); got != `"m-1/request-7"` {
			t.Errorf("owner = %s, want message and request", got)
		}
	})
}

func TestWhileAnotherWorkerHoldsTheLeaseTheMessageWaits(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		w.lease["enriched-hunter"] = "somebody"
		if w.handle(t, record(t, message()), works) {
			t.Error("the message comes again by itself; it was sent again")
		}
		m := message()
		m.Hops = 1
		want := []sent{{Queue: m.Queue, Body: m, Delay: 41 * time.Second}}
		if diff := cmp.Diff(want, w.sent); diff != "" || len(w.worked) != 0 || len(w.answers) != 0 {
			t.Errorf("worked %d times; sent (-want +got):\n%s", len(w.worked), diff)
		}
	})
}

// Whoever lost the lease while at work keeps silent: the new holder answers.
func TestAWorkerThatWasOvertakenDoesNotAnswer(t *testing.T) {
	t.Parallel()
	for name, do := range map[string]func(*world) func(context.Context) (any, error){
		"and succeeds": func(w *world) func(context.Context) (any, error) {
			return func(context.Context) (any, error) { w.lease["enriched-hunter"] = "other"; return 1, nil }
		},
		"and is told so": func(w *world) func(context.Context) (any, error) {
			return func(context.Context) (any, error) {
				w.lease["enriched-hunter"] = "other"
				return nil, fault.New(fault.Conflict, "test.save", "another worker has taken over")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(t *testing.T, w *world) {
				if !w.handle(t, record(t, message()), do(w)) {
					t.Error("the message is gone; if the other worker dies nobody answers")
				}
				if len(w.answers) != 0 || len(w.sent) != 0 || w.lease["enriched-hunter"] != "other" {
					t.Errorf("answers %v, sent %v, lease %v; want silence", w.answers, w.sent, w.lease)
				}
			})
		})
	}
}

func TestWaiting(t *testing.T) {
	t.Parallel()
	limited := func(kind fault.Kind, d time.Duration) error {
		return &fault.Error{Kind: kind, Op: "test.ask", RetryAfter: d}
	}
	for _, c := range []struct {
		name  string
		err   error
		token string
		delay time.Duration // in the queue
		until time.Duration // in the state machine
	}{
		{"for a moment", limited(fault.RateLimited, 0), "t", time.Second, 0},
		{"a minute", limited(fault.RateLimited, time.Minute), "t", time.Minute, 0},
		{"as long as a queue can", limited(fault.RateLimited, 15*time.Minute), "t", 15 * time.Minute, 0},
		{"longer", limited(fault.RateLimited, 16*time.Minute), "t", 0, 16 * time.Minute},
		{"for a breaker", limited(fault.CircuitOpen, time.Minute), "t", time.Minute, 0},
		{"for a quota of unknown length", limited(fault.QuotaExhausted, 0), "t", 0, time.Hour},
		{"for next month's quota", limited(fault.QuotaExhausted, 20*24*time.Hour), "t", 0, 20 * 24 * time.Hour},
		{"longer, and nobody waits for the answer", limited(fault.RateLimited, time.Hour), "", 15 * time.Minute, 0},
		{"wrapped", errors.Join(limited(fault.RateLimited, time.Minute)), "t", time.Minute, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(t *testing.T, w *world) {
				m := message()
				m.Token = c.token
				if w.handle(t, record(t, m), fails(c.err)) {
					t.Error("the message comes again by itself, which counts towards the dead letters")
				}
				var wantSent []sent
				var wantAnswers []answer
				if c.delay > 0 {
					m.Hops = 1
					if fault.Is(c.err, fault.CircuitOpen) { // so that a step can tell how long it lasts
						m.Shut = 1
					}
					wantSent = []sent{{Queue: m.Queue, Body: m, Delay: c.delay}}
				} else {
					until := time.Now().Add(c.until).UTC().Format(time.RFC3339)
					wantAnswers = []answer{{Token: c.token, Kind: fault.KindOf(c.err), Cause: until}}
				}
				if diff := cmp.Diff(wantSent, w.sent) + cmp.Diff(wantAnswers, w.answers); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				if len(w.lease) != 0 || len(w.done) != 0 {
					t.Errorf("a step that waits is leased %v or done %v", w.lease, w.done)
				}
			})
		})
	}
}

func TestPassingFailuresAreCountedThenReported(t *testing.T) {
	t.Parallel()
	for _, kind := range []fault.Kind{fault.Unavailable, fault.Unclear} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(t *testing.T, w *world) {
				m := message()
				var delays []time.Duration
				for len(w.answers) == 0 && len(delays) < 20 {
					if w.handle(t, record(t, m), fails(fault.New(kind, "test.ask", "down"))) {
						t.Fatal("the message comes again by itself")
					}
					if n := len(w.sent); n > len(delays) {
						m = w.sent[n-1].Body
						delays = append(delays, w.sent[n-1].Delay)
					}
				}
				want := []time.Duration{2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, 32 * time.Second}
				if diff := cmp.Diff(want, delays); diff != "" {
					t.Errorf("delays (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff([]answer{{Token: "token-1", Kind: kind}}, w.answers); diff != "" {
					t.Errorf("answers (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestAWorkerKnowsItsLastChance(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		for _, m := range []task.Message{{Retry: 2, Failures: 5}, {Retry: 3, Failures: 4}, {Retry: 3, Failures: 5}} {
			full := message()
			full.Retry, full.Failures = m.Retry, m.Failures
			w.handle(t, record(t, full), fails(fault.New(fault.Unavailable, "test.ask", "down")))
		}
		var last []bool
		for _, job := range w.worked {
			last = append(last, job.Last)
		}
		if diff := cmp.Diff([]bool{false, false, true}, last); diff != "" {
			t.Errorf("last (-want +got):\n%s", diff)
		}
	})
}

func TestOtherFailuresAreReportedAtOnce(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		do   func(context.Context) (any, error)
		want fault.Kind
	}{
		{"a bug", fails(errors.New("oops")), fault.Internal},
		{"bad input", fails(fault.New(fault.InvalidInput, "test", "bad")), fault.InvalidInput},
		{"no such rows", fails(fault.New(fault.NotFound, "test", "none")), fault.NotFound},
		{"a wrong key", fails(fault.New(fault.Unauthenticated, "test", "key")), fault.Unauthenticated},
		{"a panic", func(context.Context) (any, error) { panic("boom") }, fault.Internal},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(t *testing.T, w *world) {
				if w.handle(t, record(t, message()), c.do) {
					t.Error("the message comes again although its task was answered")
				}
				if diff := cmp.Diff([]answer{{Token: "token-1", Kind: c.want}}, w.answers); diff != "" || len(w.lease) != 0 {
					t.Errorf("leases %v; answers (-want +got):\n%s", w.lease, diff)
				}
				m := message()
				m.Token = ""
				if !w.handle(t, record(t, m), c.do) {
					t.Error("a message nobody waits for is dropped silently; it belongs with the dead letters")
				}
			})
		})
	}
}

func TestAMessageThatOnlyWaitsGivesUpInTheEnd(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		m := message()
		m.Hops = 500
		w.lease["enriched-hunter"] = "somebody"
		if w.handle(t, record(t, m), works) || len(w.sent) != 0 {
			t.Errorf("sent again after 500 times: %v", w.sent)
		}
		if diff := cmp.Diff([]answer{{Token: "token-1", Kind: fault.Unavailable}}, w.answers); diff != "" {
			t.Errorf("answers (-want +got):\n%s", diff)
		}
	})
}

func TestMessagesThatAreNoTasksGoToTheDeadLetters(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{"no JSON": "hello", "another message": `{"event":"s3:TestEvent"}`, "no run": `{"token":"t","chunk":"c"}`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(t *testing.T, w *world) {
				if !w.handle(t, events.SQSMessage{MessageId: "m-1", Body: body}, works) || len(w.worked) != 0 || len(w.answers) != 0 {
					t.Errorf("worked %d times, answered %v; want the message to come again until it is a dead letter", len(w.worked), w.answers)
				}
			})
		})
	}
}

func TestABadMessageDoesNotHoldUpTheBatch(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		worker := &task.Worker{
			Step: func(task.Message) string { return "s" }, Do: func(context.Context, task.Job) (any, error) { return 1, nil },
			Ledger: w, Parking: w, Answers: w, Log: slog.New(slog.DiscardHandler), Now: time.Now,
		}
		out, err := worker.Handle(t.Context(), events.SQSEvent{Records: []events.SQSMessage{{MessageId: "bad", Body: "{"}, record(t, message())}})
		want := events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{{ItemIdentifier: "bad"}}}
		if diff := cmp.Diff(want, out); diff != "" || err != nil || len(w.answers) != 1 {
			t.Errorf("%v, answers %v; failures (-want +got):\n%s", err, w.answers, diff)
		}
	})
}

// A step is told to stop before its worker is killed, so that it can save.
func TestAStepHasLessTimeThanItsWorker(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ worker, step time.Duration }{{time.Minute, 50 * time.Second}, {8 * time.Second, 6 * time.Second}} {
		inBubble(t, func(t *testing.T, w *world) {
			ctx, cancel := context.WithTimeout(t.Context(), c.worker)
			defer cancel()
			began := time.Now()
			var stopped time.Duration
			worker := &task.Worker{
				Step: func(task.Message) string { return "s" },
				Do: func(ctx context.Context, _ task.Job) (any, error) {
					<-ctx.Done()
					stopped = time.Since(began)
					return nil, ctx.Err()
				},
				Ledger: w, Parking: w, Answers: w, Log: slog.New(slog.DiscardHandler), Now: time.Now,
			}
			if _, err := worker.Handle(ctx, events.SQSEvent{Records: []events.SQSMessage{record(t, message())}}); err != nil {
				t.Fatal(err)
			}
			if stopped != c.step || len(w.sent) != 1 {
				t.Errorf("a step of a worker with %s was stopped after %s, want %s, and tried again", c.worker, stopped, c.step)
			}
		})
	}
}

func TestMessagesStayAsTheStateMachineSendsThem(t *testing.T) {
	t.Parallel()
	body := `{"token":"t","team":"acme","campaignId":"c1","runId":"r1","chunk":"s0001-00002","doc":"d","provider":"hunter","queue":"https://q"}`
	var m task.Message
	if err := json.Unmarshal([]byte(body), &m); err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(m)
	if err != nil || string(got) != body {
		t.Errorf("%s became %s, %v", body, got, err)
	}
}

func TestAMessageNobodyWaitsForGivesUpToo(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		m := message()
		m.Token, m.Hops = "", 500
		if !w.handle(t, record(t, m), fails(&fault.Error{Kind: fault.RateLimited, Op: "test.push", RetryAfter: time.Minute})) || len(w.sent) != 0 {
			t.Errorf("after 500 times it was sent again %d times; it belongs with the dead letters", len(w.sent))
		}
	})
}
