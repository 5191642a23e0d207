package breaker

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/messageai/sluice/internal/fault"
)

// Store shares records between processes. Implementations are safe for
// concurrent use.
type Store interface {
	// Load returns the record of key, the zero Record if there is none.
	Load(ctx context.Context, key string) (Record, error)
	// Save writes r if the stored version is still r.Version-1 (zero: no record);
	// otherwise it changes nothing and returns a fault Conflict.
	Save(ctx context.Context, key string, r Record) error
}

// Options tune a [Breaker]. The zero value works.
type Options struct {
	Window   time.Duration    // outcomes older than this are forgotten; zero: 30 s
	MinCalls int              // calls in the window before the ratio counts; zero: 10
	Ratio    float64          // share of failures that opens it; zero: 0.5
	Pause    time.Duration    // first pause after opening, doubled each time; zero: 15 s
	MaxPause time.Duration    // longest pause; zero: 5 min
	Lease    time.Duration    // how long a probe may take before another may start; zero: 60 s
	Refresh  time.Duration    // how long the shared state is believed; zero: 5 s
	Now      func() time.Time // zero: time.Now
}

// Breaker guards keys, one per provider and account. One per process; safe for
// concurrent use.
type Breaker struct {
	store Store
	opts  Options

	mu   sync.Mutex // never held over a store call
	keys map[string]*local
}

// local is what this process knows of one key.
type local struct {
	record  Record
	written int64 // the newest version known to be in the store
	readAt  time.Time
	read    bool
	counts  counts
}

func (k *local) closed() bool { return k.record.State == Closed || k.record.State == "" }

// learn takes over a record that is in the store. What was counted belongs to
// the state before.
func (k *local) learn(r Record, at time.Time) {
	if r.Version < k.written {
		return // read before a newer one was written
	}
	if r.Version > k.written {
		k.counts = counts{}
	}
	k.record, k.written, k.readAt, k.read = r, r.Version, at, true
}

// New makes a breaker. It does no I/O.
func New(store Store, opts Options) *Breaker {
	setDefault(&opts.Window, 30*time.Second)
	setDefault(&opts.MinCalls, 10)
	setDefault(&opts.Ratio, 0.5)
	setDefault(&opts.Pause, 15*time.Second)
	setDefault(&opts.MaxPause, 5*time.Minute)
	setDefault(&opts.Lease, time.Minute)
	setDefault(&opts.Refresh, 5*time.Second)
	if opts.Now == nil {
		opts.Now = time.Now
	}
	return &Breaker{store: store, opts: opts, keys: map[string]*local{}}
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Outcome is what a call says about the provider's health.
type Outcome int

// The outcomes.
const (
	Ignored Outcome = iota // says nothing: cancelled, throttled
	Success                // the provider works, be it to say no
	Failure                // the provider is ill: 5xx, time-out, nonsense
)

// Permit allows one call and must be given back with [Breaker.Report].
type Permit struct {
	key   string
	probe *Record // set for the one call that probes: the record it wrote
}

// Allow asks for permission to call. The error is a fault CircuitOpen with
// RetryAfter. If the store cannot be read, the last known state counts: a
// breaker must not be an outage of its own.
func (b *Breaker) Allow(ctx context.Context, key string) (Permit, error) {
	r := b.current(ctx, key)
	wait, probe := r.blocked(b.opts.Now())
	if probe {
		leased := r.probing(b.opts.Now(), b.opts.Lease)
		leased.Version = r.Version + 1
		err := b.store.Save(ctx, key, leased)
		if err == nil {
			b.remember(key, leased)
			return Permit{key: key, probe: &leased}, nil
		}
		b.forget(key) // another process was faster: read its record at the next call
		wait = b.opts.Refresh
	}
	if wait > 0 {
		return Permit{}, &fault.Error{
			Kind: fault.CircuitOpen, Op: "breaker.allow", RetryAfter: wait,
			Message: "calls to this provider are suspended: " + r.Reason,
		}
	}
	return Permit{key: key}, nil
}

// Report gives a permit back. reason says what failed, for people, and holds no
// data. A store that cannot be written is an error; the state in this process
// has changed nevertheless.
func (b *Breaker) Report(ctx context.Context, p Permit, o Outcome, reason string) error {
	now := b.opts.Now()
	if p.probe != nil {
		next := Record{State: Closed}
		switch o {
		case Failure:
			next = p.probe.tripped(now, b.opts.Pause, b.opts.MaxPause, reason)
		case Ignored: // nothing learnt: the next call may probe
			next = Record{State: Open, Until: now, Trips: p.probe.Trips, Reason: p.probe.Reason}
		}
		next.Version = p.probe.Version + 1
		return b.write(ctx, p.key, next)
	}
	if o == Ignored {
		return nil
	}
	b.mu.Lock()
	k := b.local(p.key)
	if !k.closed() { // a call from before it opened: it was judged already
		b.mu.Unlock()
		return nil
	}
	k.counts.add(now, b.opts.Window, o == Failure)
	open := o == Failure && k.counts.tooMany(b.opts.MinCalls, b.opts.Ratio)
	next := k.record.tripped(now, b.opts.Pause, b.opts.MaxPause, reason)
	next.Version = k.written + 1
	if open {
		// Before the store is written, so that no other call trips it again. If
		// the write fails, the next read closes it, and the failures start over.
		k.record, k.readAt, k.read, k.counts = next, now, true, counts{}
	}
	b.mu.Unlock()
	if !open {
		return nil
	}
	return b.write(ctx, p.key, next)
}

// Open suspends a key until a person closes it. by names the person.
func (b *Breaker) Open(ctx context.Context, key, reason, by string) error {
	return b.force(ctx, key, Record{State: Open, Reason: reason, By: by, At: b.opts.Now().UTC()})
}

// Close lets calls through again at once. by names the person.
func (b *Breaker) Close(ctx context.Context, key, reason, by string) error {
	return b.force(ctx, key, Record{State: Closed, Reason: reason, By: by, At: b.opts.Now().UTC()})
}

// State returns the shared record of a key, for screens.
func (b *Breaker) State(ctx context.Context, key string) (Record, error) {
	r, err := b.store.Load(ctx, key)
	if err != nil {
		return Record{}, fmt.Errorf("read breaker: %w", err)
	}
	return r, nil
}

// force writes a record over whatever is there; a person outranks the machine.
func (b *Breaker) force(ctx context.Context, key string, next Record) error {
	var err error
	for range 5 {
		var stored Record
		if stored, err = b.store.Load(ctx, key); err != nil {
			return fmt.Errorf("read breaker: %w", err)
		}
		next.Version = stored.Version + 1
		if err = b.store.Save(ctx, key, next); !fault.Is(err, fault.Conflict) {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("write breaker: %w", err)
	}
	b.remember(key, next)
	return nil
}

// write saves a change that this process decided. A lost race is not an error:
// somebody else's newer record counts, and is read at the next call.
func (b *Breaker) write(ctx context.Context, key string, next Record) error {
	// The change must be written even if the call was cancelled meanwhile: a
	// probe that is never given back would block the key for its whole lease.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	switch err := b.store.Save(ctx, key, next); {
	case err == nil:
		b.remember(key, next)
		return nil
	case fault.Is(err, fault.Conflict):
		b.forget(key)
		return nil
	default:
		return fmt.Errorf("write breaker: %w", err)
	}
}

// current returns the record of a key, from the store if the copy is old.
func (b *Breaker) current(ctx context.Context, key string) Record {
	now := b.opts.Now()
	b.mu.Lock()
	k := b.local(key)
	r, fresh := k.record, k.read && now.Sub(k.readAt) < b.opts.Refresh
	if !fresh {
		k.read, k.readAt = true, now // one reader at a time: the others use the old copy
	}
	b.mu.Unlock()
	if fresh {
		return r
	}
	stored, err := b.store.Load(ctx, key)
	if err != nil {
		return r
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	k.learn(stored, now)
	return k.record
}

func (b *Breaker) remember(key string, r Record) {
	now := b.opts.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.local(key).learn(r, now)
}

func (b *Breaker) forget(key string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.local(key).read = false
}

// local returns the entry of a key; b.mu is held.
func (b *Breaker) local(key string) *local {
	k := b.keys[key]
	if k == nil {
		k = &local{}
		b.keys[key] = k
	}
	return k
}
