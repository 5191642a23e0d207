package enrich_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/messageai/sluice/internal/budget"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/email"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/pipeline/enrich"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/store"
	"github.com/messageai/sluice/internal/task"
)

// mishap is what goes wrong with one call.
type mishap string

const (
	killBefore mishap = "killed before the call took effect"
	killAfter  mishap = "killed after the call took effect"
	refused    mishap = "refused without effect"
	lost       mishap = "took effect, the answer was lost"
	silent     mishap = "there was no answer" // not among [mishaps]: it takes as long as one waits
)

var mishaps = []mishap{killBefore, killAfter, refused, lost}

var (
	errDead    = errors.New("this worker is dead")
	errRefused = fault.New(fault.Unavailable, "test.call", "refused")
	errLost    = fault.New(fault.Unavailable, "test.call", "the answer was lost")
)

// attempt is one worker. Its context ends when it is killed, and what it still
// tries has no effect.
type attempt struct {
	kill context.CancelFunc
	dead bool
}

type attemptKey struct{}

// world is store, ledger and provider of a test in one: every call to any of
// them goes through [world.call], where it takes a while and may go wrong.
type world struct {
	mu      sync.Mutex
	rand    *rand.Rand
	calls   int
	plan    func(n int, op string) mishap // "" for nothing
	objects map[string][]byte
	cache   map[string]json.RawMessage
	behind  bool // reads of the cache that are not for the latest state find nothing
	claims  map[string]store.Claim
	banned  map[string]bool
	ledger  ledger

	last    bool           // the attempt is the last
	hops    int            // times the message was sent again
	profile string         // of the run; "" for people and addresses
	memory  *enrich.Memory // of the worker's process
	stock   enrich.Store   // what the stage is given; nil for the world itself

	people  map[string][]domain.Prospect              // by company domain
	matches map[string]domain.Prospect                // by apollo id
	records map[string]string                         // what a match sells once, by apollo id; none: each is sold by itself
	found   map[string]string                         // e-mail by "first last domain"
	said    map[string]provider.Verification          // by address; none: it is safe
	dns     func(domain string, times int) email.Mail // what the DNS says, asked for so often before; nil: it is not asked
	looked  map[string]int                            // questions to the DNS, by domain
	running map[string]int                            // verifications that are not ready for so many calls
	stuck   map[string]bool                           // verifications that never get ready
	charges map[string]int                            // by what was bought
	asked   map[string]int                            // calls that reached the provider, by question
	charged money.Micro
	fail    func(question string) error // what the provider says instead
	free    bool                        // repeats are not charged
	counts  bool                        // a verification is charged while it is not ready
	batch   int                         // people in one call of the database
}

func newWorld(seed uint64) *world {
	return &world{
		rand: rand.New(rand.NewPCG(seed, 1)), objects: map[string][]byte{}, cache: map[string]json.RawMessage{},
		claims: map[string]store.Claim{}, banned: map[string]bool{}, people: map[string][]domain.Prospect{}, matches: map[string]domain.Prospect{},
		found: map[string]string{}, running: map[string]int{}, stuck: map[string]bool{}, charges: map[string]int{}, asked: map[string]int{}, said: map[string]provider.Verification{}, looked: map[string]int{},
		ledger: ledger{room: 1_000 * money.Dollar},
	}
}

// call lets a call take a while, take effect or not, and go wrong or not.
func (w *world) call(ctx context.Context, op string, effect func() error) error {
	a, _ := ctx.Value(attemptKey{}).(*attempt)
	w.mu.Lock()
	n := w.calls
	w.calls++
	before, after := w.pauses()
	what := mishap("")
	if w.plan != nil && (a == nil || !a.dead) {
		what = w.plan(n, op)
	}
	w.mu.Unlock()
	if !sleep(ctx, before) {
		return context.Cause(ctx)
	}
	w.mu.Lock()
	if what == killBefore {
		a.die()
	}
	if a != nil && a.dead {
		w.mu.Unlock()
		return errDead
	}
	if what == silent {
		w.mu.Unlock()
		<-ctx.Done()
		return context.Cause(ctx)
	}
	var err error
	if what == refused {
		err = errRefused
	} else {
		err = effect()
	}
	if what == killAfter {
		a.die()
	}
	w.mu.Unlock()
	sleep(ctx, after)
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case a != nil && a.dead:
		return errDead
	case what == lost:
		return errLost
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return err
}

func (a *attempt) die() {
	a.dead = true
	a.kill()
}

func (w *world) pauses() (before, after time.Duration) {
	pause := func() time.Duration { return time.Duration(w.rand.IntN(1000)) * time.Microsecond }
	return pause(), pause()
}

// sleep reports whether the time passed before ctx ended.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// The store.

func (w *world) Rows(ctx context.Context, _, key string) (rows []domain.Row, err error) {
	err = w.call(ctx, "Rows", func() error {
		data, ok := w.objects[key]
		if !ok {
			return fault.New(fault.NotFound, "test.rows", "no such object")
		}
		return json.Unmarshal(data, &rows)
	})
	return rows, err
}

func (w *world) PutRows(ctx context.Context, _, key string, rows []domain.Row) error {
	return w.call(ctx, "PutRows", func() (err error) {
		w.objects[key], err = json.Marshal(rows)
		return err
	})
}

func (w *world) PutRecord(ctx context.Context, ref domain.Ref, step string, record any) error {
	return w.call(ctx, "PutRecord", func() (err error) {
		w.objects[store.RecordKey(ref.Run, ref.Chunk, step)], err = json.Marshal(record)
		return err
	})
}

func (w *world) Profile(ctx context.Context, _, _ string, profile any) error {
	return w.call(ctx, "Profile", func() error {
		return json.Unmarshal([]byte(cmp.Or(w.profile, `{"query":{"titles":["CTO"]},"enrich":{"fields":["person","email","email status"],"providers":["apollo","hunter"],"people":["apollo"]}}`)), profile)
	})
}

func (w *world) Answers(ctx context.Context, _ string, questions []string, latest bool) (found map[string]json.RawMessage, err error) {
	found = map[string]json.RawMessage{}
	err = w.call(ctx, "Answers", func() error {
		for _, q := range questions {
			if a, ok := w.cache[q]; ok && (latest || !w.behind) {
				found[q] = a
			}
		}
		return nil
	})
	return found, err
}

func (w *world) PutAnswer(ctx context.Context, _, question string, answer any, _ time.Duration) error {
	return w.call(ctx, "PutAnswer", func() (err error) {
		w.cache[question], err = json.Marshal(answer)
		return err
	})
}

func (w *world) PutFirstAnswer(ctx context.Context, team, question string, answer any, life time.Duration) (earlier json.RawMessage, err error) {
	err = w.call(ctx, "PutFirstAnswer", func() (err error) {
		if earlier = w.cache[question]; earlier == nil {
			w.cache[question], err = json.Marshal(answer)
		}
		return err
	})
	return earlier, err
}

func (w *world) DropAnswer(ctx context.Context, _, question string) error {
	return w.call(ctx, "DropAnswer", func() error {
		delete(w.cache, question)
		return nil
	})
}

func (w *world) Suppression(ctx context.Context, _ string) (*store.Suppression, error) {
	return &store.Suppression{}, w.call(ctx, "Suppression", func() error { return nil })
}

func (w *world) Suppress(ctx context.Context, _, value string) error {
	return w.call(ctx, "Suppress", func() error {
		w.banned[value] = true
		return nil
	})
}

func (w *world) ClaimProspect(ctx context.Context, ref domain.Ref, id string) (claim store.Claim, err error) {
	err = w.call(ctx, "ClaimProspect", func() error {
		if _, taken := w.claims[id]; !taken {
			w.claims[id] = store.Claim{Run: ref.Run, Campaign: ref.Campaign, Chunk: ref.Chunk}
		}
		claim = w.claims[id]
		return nil
	})
	return claim, err
}

// Mail implements enrich.Mail.
func (w *world) Mail(ctx context.Context, name string) (said email.Mail) {
	err := w.call(ctx, "DNS", func() error {
		said = w.dns(name, w.looked[name])
		w.looked[name]++
		return nil
	})
	if err != nil {
		return email.MailUnknown
	}
	return said
}

// ledger is the run's money.
type ledger struct {
	room, settled money.Micro
	reservations  []store.Reservation
}

func (w *world) Reserve(ctx context.Context, _ domain.Ref, r store.Reservation) error {
	return w.call(ctx, "Reserve", func() error {
		for _, have := range w.ledger.reservations {
			if have.ID == r.ID {
				return fault.New(fault.Conflict, "test.reserve", "this reservation exists already")
			}
		}
		if w.ledger.room < r.Max {
			return fault.New(fault.CapReached, "test.reserve", "the cap is reached")
		}
		w.ledger.room -= r.Max
		r.Open = true
		w.ledger.reservations = append(w.ledger.reservations, r)
		return nil
	})
}

func (w *world) Settle(ctx context.Context, _ domain.Ref, r store.Reservation, actual money.Micro) error {
	return w.call(ctx, "Settle", func() error {
		for i := range w.ledger.reservations {
			have := &w.ledger.reservations[i]
			if have.ID == r.ID && have.Open {
				have.Open, have.Actual, have.Prepaid = false, actual, r.Prepaid
				w.ledger.room += have.Max - actual
				w.ledger.settled += actual
			}
		}
		return nil
	})
}

func (w *world) Reserved(ctx context.Context, ref domain.Ref, _ string) (left store.Left, err error) {
	err = w.call(ctx, "Reserved", func() error {
		for _, r := range w.ledger.reservations {
			if !strings.HasPrefix(r.ID, ref.Chunk+"/") {
				continue
			}
			left.Made++
			left.Prepaid = append(left.Prepaid, r.Prepaid...)
			if r.Open {
				left.Open = &r
			}
		}
		return nil
	})
	return left, err
}

// Driving.

var testRef = domain.Ref{Team: "acme", Campaign: "c1", Run: "r1", Chunk: "s0000-00000"}

var chunkDoc = store.ChunkKey("r1", testRef.Chunk)

func (w *world) put(t *testing.T, rows []domain.Row) {
	t.Helper()
	data, err := json.Marshal(rows)
	if err != nil {
		t.Fatal(err)
	}
	w.objects[chunkDoc] = data
}

// once runs one worker on the chunk.
func (w *world) once(ctx context.Context, source enrich.Source) error {
	return w.work(ctx, testRef, source)
}

// work runs one worker on any chunk.
func (w *world) work(ctx context.Context, ref domain.Ref, source enrich.Source) error {
	ctx, kill := context.WithCancel(ctx)
	defer kill()
	ctx = context.WithValue(ctx, attemptKey{}, &attempt{kill: kill})
	_, err := w.stage(source).Do(ctx, task.Job{Last: w.last, Message: task.Message{Ref: ref, Doc: store.ChunkKey(ref.Run, ref.Chunk), Provider: source.Definition.Name, Hops: w.hops}})
	return err
}

// stage is what workers run.
func (w *world) stage(source enrich.Source) *enrich.Stage {
	var stock enrich.Store = w
	if w.stock != nil {
		stock = w.stock
	}
	s := &enrich.Stage{
		Store: stock, Budget: budget.Budget{Ledger: w}, Sources: map[string]enrich.Source{source.Definition.Name: source},
		Log: slog.New(slog.DiscardHandler), Now: time.Now, Memory: w.memory,
	}
	if w.dns != nil {
		s.Mail = w
	}
	return s
}

// finish runs workers, one after the other, until one gets to the end, and
// returns the chunk's rows.
func (w *world) finish(t *testing.T, source enrich.Source) []domain.Row {
	t.Helper()
	var errs []error
	for range 40 {
		err := w.once(t.Context(), source)
		w.covered(t)
		if err == nil {
			key := store.StepKey("r1", testRef.Chunk, enrich.Step(task.Message{Provider: source.Definition.Name}))
			var rows []domain.Row
			if err := json.Unmarshal(w.objects[key], &rows); err != nil {
				t.Fatal(err)
			}
			return rows
		}
		errs = append(errs, err)
		time.Sleep(time.Minute)
	}
	t.Fatalf("no worker got to the end: %v", errors.Join(errs...))
	return nil
}

// covered proves what holds between any two workers: what the provider has
// charged is settled or set aside, so that nobody passes the cap.
func (w *world) covered(t *testing.T) {
	t.Helper()
	covers := w.ledger.settled
	for _, r := range w.ledger.reservations {
		if r.Open {
			covers += r.Max
		}
	}
	if covers < w.charged {
		t.Errorf("the provider has charged %s, only %s is settled or set aside", w.charged, covers)
	}
}

// check proves what holds for every chunk, however it went.
func (w *world) check(t *testing.T, in, out []domain.Row) {
	t.Helper()
	if !w.free {
		for what, n := range w.charges {
			if n > 1 {
				t.Errorf("%s was charged %d times", what, n)
			}
		}
	}
	for _, r := range w.ledger.reservations {
		if r.Open {
			t.Errorf("reservation %s is still open", r.ID)
		}
		if r.Actual > r.Max || r.Actual < 0 {
			t.Errorf("reservation %s of %s was settled at %s", r.ID, r.Max, r.Actual)
		}
	}
	if w.ledger.settled < w.charged {
		t.Errorf("the provider charged %s, but only %s is settled", w.charged, w.ledger.settled)
	}
	if len(in) != len(out) {
		t.Fatalf("%d rows went in and %d came out", len(in), len(out))
	}
	for i, row := range out {
		switch {
		case row.Prospect.ID != in[i].Prospect.ID:
			t.Errorf("row %d is %s, was %s", i, row.Prospect.ID, in[i].Prospect.ID)
		case row.State == domain.InWork && row.Prospect.Contact.Email == "" && row.Missing["email"] == "" && row.Missing["person"] == "":
			t.Errorf("row %d has no e-mail address and does not say why: calls %+v", i, row.Calls)
		case row.State != domain.InWork && row.Reason == "":
			t.Errorf("row %d is %s without a reason", i, row.State)
		}
	}
}

func id(n int) string { return fmt.Sprintf("p_%03d", n) }
