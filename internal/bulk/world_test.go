package bulk_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/messageai/sluice/internal/budget"
	"github.com/messageai/sluice/internal/bulk"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/email"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/hunter"
	"github.com/messageai/sluice/internal/provider/neverbounce"
	"github.com/messageai/sluice/internal/store"
)

// mishap is what goes wrong with one call.
type mishap string

const (
	killBefore mishap = "killed before the call took effect"
	killAfter  mishap = "killed after the call took effect"
	refused    mishap = "refused without effect"
	lost       mishap = "took effect, the answer was lost"
)

var errDead = errors.New("this process is dead")

// world is store, ledger, DNS and provider in one.
type world struct {
	mu    sync.Mutex // verdicts are kept several at a time
	calls int
	dead  bool
	log   []string
	plan  func(n int, op string) mishap

	cache   map[string]json.RawMessage
	records map[string][]byte
	done    map[string]json.RawMessage
	leases  map[string]string
	caps    map[string]money.Micro
	ledger  []store.Reservation
	settled money.Micro

	jobs    []*job
	charged map[string]int // by address
	hidden  time.Duration  // jobs are found so long after their creation
	ends    provider.JobState
	refuse  error
	dns     map[string]email.Mail
}

type job struct {
	name    string
	lines   []provider.JobAddress
	created time.Time
	deleted bool
}

func newWorld() *world {
	return &world{
		cache: map[string]json.RawMessage{}, records: map[string][]byte{}, done: map[string]json.RawMessage{}, leases: map[string]string{},
		caps: map[string]money.Micro{}, charged: map[string]int{}, hidden: time.Minute, ends: provider.JobComplete, dns: map[string]email.Mail{},
	}
}

func (w *world) call(op string, effect func() error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	what := mishap("")
	if w.plan != nil && !w.dead {
		if what = w.plan(w.calls, op); what != "" {
			w.log = append(w.log, fmt.Sprintf("call %d (%s) %s", w.calls, op, what))
		}
	}
	w.calls++
	w.dead = w.dead || what == killBefore
	switch {
	case w.dead:
		return errDead
	case what == refused:
		return fault.New(fault.Unavailable, "test.call", "refused")
	}
	err := effect()
	w.dead = w.dead || what == killAfter
	switch {
	case w.dead:
		return errDead
	case what == lost && op == "StartJob":
		return fault.New(fault.Unclear, "test.call", "the answer was lost")
	case what == lost:
		return fault.New(fault.Unavailable, "test.call", "the answer was lost")
	}
	return err
}

// The store.

func (w *world) Answers(_ context.Context, _ string, names []string, _ bool) (out map[string]json.RawMessage, err error) {
	out = map[string]json.RawMessage{}
	return out, w.call("Answers", func() error {
		for _, n := range names {
			if a, ok := w.cache[n]; ok {
				out[n] = a
			}
		}
		return nil
	})
}

func (w *world) PutAnswer(_ context.Context, _, question string, answer any, _ time.Duration) error {
	return w.call("PutAnswer", func() (err error) {
		w.cache[question], err = json.Marshal(answer)
		return err
	})
}

func (w *world) Record(_ context.Context, ref domain.Ref, step string, record any) (found bool, err error) {
	err = w.call("Record", func() error {
		data, ok := w.records[ref.Run+step]
		if found = ok; !ok {
			return nil
		}
		return json.Unmarshal(data, record)
	})
	return found, err
}

func (w *world) PutRecord(_ context.Context, ref domain.Ref, step string, record any) error {
	return w.call("PutRecord", func() (err error) {
		w.records[ref.Run+step], err = json.Marshal(record)
		return err
	})
}

func (w *world) OpenSpend(_ context.Context, ref domain.Ref, limit money.Micro) error {
	return w.call("OpenSpend", func() error {
		if _, there := w.caps[ref.Run]; !there {
			w.caps[ref.Run] = limit
		}
		return nil
	})
}

func (w *world) Spend(_ context.Context, ref domain.Ref) (out store.Spend, err error) {
	err = w.call("Spend", func() error {
		out.Cap, out.Free = w.caps[ref.Run], w.caps[ref.Run]
		for _, r := range w.ledger {
			if strings.HasPrefix(r.ID, ref.Run+"|") && r.Open {
				out.Free -= r.Max
			} else if strings.HasPrefix(r.ID, ref.Run+"|") {
				out.Free -= r.Actual
			}
		}
		return nil
	})
	return out, err
}

func (w *world) RaiseCap(_ context.Context, ref domain.Ref, limit money.Micro) error {
	return w.call("RaiseCap", func() error {
		w.caps[ref.Run] = max(w.caps[ref.Run], limit)
		return nil
	})
}

func (w *world) Begin(_ context.Context, ref domain.Ref, step, owner string, until time.Time) (done map[string]json.RawMessage, err error) {
	err = w.call("Begin", func() error {
		if out := w.done[ref.Run]; out != nil {
			done = map[string]json.RawMessage{step: out}
			return nil
		}
		w.leases[ref.Run] = owner
		return nil
	})
	return done, err
}

func (w *world) Finish(_ context.Context, ref domain.Ref, _, _ string, output any) error {
	return w.call("Finish", func() (err error) {
		w.done[ref.Run], err = json.Marshal(output)
		return err
	})
}

func (w *world) Release(_ context.Context, ref domain.Ref, _, _ string) error {
	return w.call("Release", func() error {
		delete(w.leases, ref.Run)
		return nil
	})
}

// The ledger.

func (w *world) Reserve(_ context.Context, ref domain.Ref, r store.Reservation) error {
	return w.call("Reserve", func() error {
		if r.Max > w.caps[ref.Run] {
			return fault.New(fault.CapReached, "test.reserve", "the cap is reached")
		}
		r.ID, r.Open = ref.Run+"|"+r.ID, true
		w.ledger = append(w.ledger, r)
		return nil
	})
}

func (w *world) Settle(_ context.Context, ref domain.Ref, r store.Reservation, actual money.Micro) error {
	return w.call("Settle", func() error {
		for i := range w.ledger {
			if have := &w.ledger[i]; have.Open && strings.HasSuffix(have.ID, r.ID) && strings.HasPrefix(have.ID, ref.Run+"|") {
				have.Open, have.Actual = false, actual
				w.settled += actual
			}
		}
		return nil
	})
}

func (w *world) Reserved(_ context.Context, ref domain.Ref, _ string) (left store.Left, err error) {
	err = w.call("Reserved", func() error {
		for _, r := range w.ledger {
			if run, id, _ := strings.Cut(r.ID, "|"); run == ref.Run {
				left.Made++
				if r.Open {
					r.ID = id
					left.Open = &r
				}
			}
		}
		return nil
	})
	return left, err
}

// The provider.

func (w *world) StartJob(_ context.Context, name string, lines []provider.JobAddress) (id string, err error) {
	err = w.call("StartJob", func() error {
		if w.refuse != nil {
			return w.refuse
		}
		w.jobs = append(w.jobs, &job{name: name, lines: lines, created: time.Now()})
		id = strconv.Itoa(len(w.jobs))
		for _, line := range lines {
			w.charged[line.Email]++
		}
		return nil
	})
	return id, err
}

func (w *world) FindJob(_ context.Context, name string) (id string, err error) {
	err = w.call("FindJob", func() error {
		for i, j := range w.jobs {
			if j.name == name && !j.deleted && time.Since(j.created) >= w.hidden {
				id = strconv.Itoa(i + 1)
			}
		}
		return nil
	})
	return id, err
}

func (w *world) named(id string) (*job, error) {
	if n, err := strconv.Atoi(id); err == nil && n > 0 && n <= len(w.jobs) && !w.jobs[n-1].deleted {
		return w.jobs[n-1], nil
	}
	return nil, fault.New(fault.InvalidInput, "test.job", "invalid job ID")
}

func (w *world) Job(_ context.Context, id string) (out provider.Job, err error) {
	err = w.call("Job", func() error {
		j, err := w.named(id)
		if err != nil {
			return err
		}
		out = provider.Job{State: provider.JobRunning, Of: len(j.lines)}
		if time.Since(j.created) > 3*time.Minute {
			out.State, out.Done = w.ends, len(j.lines)
		}
		return nil
	})
	return out, err
}

func (w *world) JobVerdicts(_ context.Context, id string, page int) (out map[string]provider.Verification, more bool, err error) {
	const size = 2
	err = w.call("JobVerdicts", func() error {
		j, err := w.named(id)
		if err != nil {
			return err
		}
		out = map[string]provider.Verification{}
		for _, line := range j.lines[(page-1)*size : min(page*size, len(j.lines))] {
			out[line.ID] = provider.Verification{Status: domain.EmailSafe, Reason: "valid"}
		}
		more = page*size < len(j.lines)
		return nil
	})
	return out, more, err
}

func (w *world) DeleteJob(_ context.Context, id string) error {
	return w.call("DeleteJob", func() error {
		j, err := w.named(id)
		if err == nil {
			j.deleted = true
		}
		return err
	})
}

// Mail implements bulk.Mail.
func (w *world) Mail(_ context.Context, host string) email.Mail {
	return cmp.Or(w.dns[host], email.MailServer)
}

func (w *world) verifier() *bulk.Verifier {
	n := 0
	return &bulk.Verifier{
		Store: w, Budget: budget.Budget{Ledger: w}, Definition: neverbounce.Definition(), Jobs: w, Others: []provider.Definition{hunter.Definition()},
		Mail: w, Now: time.Now, NewID: func() string { n++; return fmt.Sprintf("me%d-%d", w.calls, n) },
	}
}

var price = neverbounce.Definition().Prices.Operations[provider.OpVerifyInBulk].Max()

func people(n int) (out []string) {
	for i := range n {
		out = append(out, fmt.Sprintf("ann%d@firm.example", i))
	}
	return out
}

// buy verifies a list, with a new process for each that died or gave up.
func (w *world) buy(t *testing.T, addresses []string) *bulk.List {
	t.Helper()
	var errs []error
	for range 20 {
		w.dead = false
		l, err := w.verifier().Prepare(t.Context(), "acme", addresses)
		if err == nil {
			err = l.Buy(t.Context())
		}
		if err == nil {
			return l
		}
		errs = append(errs, err)
		time.Sleep(10 * time.Minute) // the dead one's lease
	}
	t.Fatalf("nobody got to the end: %v, %q", errors.Join(errs...), w.log)
	return nil
}

// proof is what holds for every list, however it went.
func (w *world) proof(t *testing.T, addresses []string, l *bulk.List) {
	t.Helper()
	for _, a := range addresses {
		if w.charged[a] != 1 {
			t.Errorf("%s was charged %d times", a, w.charged[a])
		}
		if got := l.Judge(a).Status; got != domain.EmailSafe {
			t.Errorf("%s is %q", a, got)
		}
	}
	if want := price * money.Micro(len(addresses)); w.settled != want {
		t.Errorf("settled %s, want %s", w.settled, want)
	}
	for _, r := range w.ledger {
		if r.Open {
			t.Errorf("reservation %s is open", r.ID)
		}
	}
	for _, j := range w.jobs {
		if !j.deleted {
			t.Errorf("the provider still has job %s", j.name)
		}
	}
}
