package task_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/task"
)

// A message of a paused run is parked; a resumption that comes between the
// worker's look at the run and its parking must not strand it, nor send it twice.
func TestParkingRacesWithResuming(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		onParked func(*world)
		parked   int
		sent     int // by the resumer
		worked   int
	}{
		{"not resumed", nil, 1, 0, 0},
		{"resumed, and the resumer sees the message", (*world).resume, 0, 1, 0},
		{"resumed, and the resumer has looked before", func(w *world) { w.status = domain.RunRunning }, 0, 0, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(t *testing.T, w *world) {
				w.status = domain.RunPaused
				if c.onParked != nil {
					w.onParked = func() { c.onParked(w) }
				}
				if w.handle(t, record(t, message()), works) {
					t.Error("the message comes again")
				}
				if len(w.parked) != c.parked || len(w.sent) != c.sent || len(w.worked) != c.worked {
					t.Errorf("parked %d, sent %d, worked %d; want %d, %d, %d", len(w.parked), len(w.sent), len(w.worked), c.parked, c.sent, c.worked)
				}
				for _, body := range w.parked {
					var m task.Message
					if err := json.Unmarshal(body, &m); err != nil || !cmp.Equal(m, message()) {
						t.Errorf("parked %s, %v", body, err)
					}
				}
			})
		})
	}
}

func TestAMessageThatCannotBeParkedComesAgain(t *testing.T) {
	t.Parallel()
	for _, broken := range []string{"Run", "Park"} {
		t.Run(broken, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(t *testing.T, w *world) {
				w.status = domain.RunPaused
				w.broken[broken] = fault.New(fault.Unavailable, "test", "busy")
				if !w.handle(t, record(t, message()), works) || len(w.worked) != 0 {
					t.Errorf("the message is gone, or was worked on %d times", len(w.worked))
				}
			})
		})
	}
}

func TestAnEndedRunTakesNoMoreWork(t *testing.T) {
	t.Parallel()
	for _, status := range []domain.RunStatus{domain.RunCompleted, domain.RunPartial, domain.RunFailed} {
		t.Run(string(status), func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(t *testing.T, w *world) {
				w.status = status
				if w.handle(t, record(t, message()), works) || len(w.worked) != 0 {
					t.Errorf("worked %d times for a run that is %s", len(w.worked), status)
				}
				if diff := cmp.Diff([]answer{{Token: "token-1", Kind: fault.Conflict}}, w.answers); diff != "" {
					t.Errorf("answers (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// A run that is tried again goes on in another execution: what is left of the
// first one must not touch its chunks.
func TestAMessageOfAnEarlierAttemptIsGivenUp(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		w.attempt = 1
		if w.handle(t, record(t, message()), works) || len(w.worked) != 0 {
			t.Errorf("worked %d times for an attempt that has ended", len(w.worked))
		}
		if diff := cmp.Diff([]answer{{Token: "token-1", Kind: fault.Conflict}}, w.answers); diff != "" {
			t.Errorf("answers (-want +got):\n%s", diff)
		}
		m := message()
		m.Attempt = 1
		if w.handle(t, record(t, m), works) || len(w.worked) != 1 {
			t.Errorf("worked %d times for the attempt that is on", len(w.worked))
		}
	})
}

func TestAtTheCapTheRunPausesAndTheMessageIsParked(t *testing.T) {
	t.Parallel()
	capped := fails(fault.New(fault.CapReached, "test.reserve", "the cap is reached"))
	t.Run("a running run", func(t *testing.T) {
		t.Parallel()
		inBubble(t, func(t *testing.T, w *world) {
			if w.handle(t, record(t, message()), capped) {
				t.Error("the message comes again")
			}
			if w.status != domain.RunPaused || w.reason != "the cap is reached" || len(w.parked) != 1 || len(w.answers) != 0 || len(w.lease) != 0 {
				t.Errorf("status %s (%s), parked %d, answers %v, leases %v", w.status, w.reason, len(w.parked), w.answers, w.lease)
			}
			for _, body := range w.parked { // it is told from a first attempt
				var m task.Message
				if err := json.Unmarshal(body, &m); err != nil || m.Hops != 1 {
					t.Errorf("parked %s, %v", body, err)
				}
			}
		})
	})
	t.Run("a person has paused the run meanwhile", func(t *testing.T) {
		t.Parallel()
		inBubble(t, func(t *testing.T, w *world) {
			pausedThen := func(ctx context.Context) (any, error) {
				w.status, w.reason = domain.RunPaused, "paused by a person"
				return capped(ctx)
			}
			if w.handle(t, record(t, message()), pausedThen) || w.reason != "paused by a person" || len(w.parked) != 1 {
				t.Errorf("status %s (%s), parked %d", w.status, w.reason, len(w.parked))
			}
		})
	})
	t.Run("a person raises the cap at once", func(t *testing.T) {
		t.Parallel()
		inBubble(t, func(t *testing.T, w *world) {
			w.onParked = func() { w.status = domain.RunRunning }
			if w.handle(t, record(t, message()), capped) || len(w.parked) != 0 || len(w.sent) != 1 || w.sent[0].Delay != time.Second {
				t.Errorf("parked %d, sent %+v; want the message to come in a second", len(w.parked), w.sent)
			}
		})
	})
}
