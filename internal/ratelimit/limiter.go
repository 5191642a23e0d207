package ratelimit

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/messageai/sluice/internal/fault"
)

// Store keeps the next free time of each key, shared by all processes.
// Implementations are safe for concurrent use and keep times to the
// microsecond or better.
type Store interface {
	// Advance reserves inc of time, atomically, by the rule of the function
	// [Advance]. With DynamoDB that is one conditional update for each of the
	// first two cases, and the third is read from the item that the failed
	// condition returns:
	//
	//	SET next = next + inc     if next BETWEEN floor AND horizon
	//	SET next = floor + inc    if attribute_not_exists(next) OR next < floor
	//	otherwise ok is false and start is the item's next
	Advance(ctx context.Context, key string, floor, horizon time.Time, inc time.Duration) (start time.Time, ok bool, err error)
	// Push moves the next free time forward to until; it never moves it back.
	Push(ctx context.Context, key string, until time.Time) error
}

// Sharing is a [Store] that keeps, besides the next free time of a key, until
// when each share of it has booked.
type Sharing interface {
	Store
	// AdvanceShare is Advance for one share: it also refuses, and then returns
	// until when the share has booked, if that is behind lead. See the function
	// [AdvanceShare]; in DynamoDB it is the same one conditional update. shares is
	// how many have booked time behind floor, this one included.
	AdvanceShare(ctx context.Context, key, share string, lead, floor, horizon time.Time, inc time.Duration) (start time.Time, shares int, ok bool, err error)
}

// Options tune a [Limiter]. The zero value works.
type Options struct {
	MaxWait time.Duration // longest wait inside Wait; zero: 5 s
	// Hold is the most time that one block spans. What a process holds and does
	// not use is lost to the others. Zero: 2 s.
	Hold     time.Duration
	MaxBlock int              // most slots of one block; zero: 64
	Now      func() time.Time // zero: time.Now
	// Share says whose call it is, of those who share a key in turn: its run. nil
	// or "": nobody's in particular, and the first to ask is served.
	Share func(context.Context) string
}

// Limiter hands out slots. One per process; safe for concurrent use.
type Limiter struct {
	store Store
	opts  Options

	mu   sync.Mutex
	keys map[string]*local
}

// local is what this process holds of one key. The token in turn guards the
// other fields and is held over store calls, so it is a channel and not a mutex:
// waiting for it ends with the caller's context.
type local struct {
	turn     chan struct{}
	block    Block
	borrowed bool // the last slot was one of the share
	shares   int  // how many shared the key when it was last booked
	want     int  // slots to ask for next: doubles while blocks are used up, else falls
}

// New makes a limiter. It does no I/O.
func New(store Store, opts Options) *Limiter {
	if opts.MaxWait == 0 {
		opts.MaxWait = 5 * time.Second
	}
	if opts.Hold == 0 {
		opts.Hold = 2 * time.Second
	}
	if opts.MaxBlock == 0 {
		opts.MaxBlock = 64
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Share == nil {
		opts.Share = func(context.Context) string { return "" }
	}
	return &Limiter{store: store, opts: opts, keys: map[string]*local{}}
}

// Reserve takes n slots of key in one store write. If the first would be more
// than MaxWait away, nothing is taken and the error is a fault RateLimited with
// the wait as RetryAfter.
func (l *Limiter) Reserve(ctx context.Context, key string, n int, q Quota) (Block, error) {
	if err := q.Validate(); err != nil {
		return Block{}, fault.Wrap(fault.Internal, "ratelimit.reserve", err)
	}
	if n < 1 {
		return Block{}, fault.New(fault.Internal, "ratelimit.reserve", fmt.Sprintf("asked for %d slots, want at least 1", n))
	}
	interval := q.Interval()
	now := l.opts.Now()
	start, ok, err := l.store.Advance(ctx, key, q.Floor(now), now.Add(l.opts.MaxWait), time.Duration(n)*interval)
	if err != nil {
		return Block{}, fmt.Errorf("reserve slots: %w", err)
	}
	if !ok {
		return Block{}, notBefore(start.Sub(now))
	}
	return Block{Start: start, Interval: interval, Slots: n}, nil
}

// Wait takes one slot of key and returns when its time has come. If that is
// more than MaxWait away, or behind the context's deadline, it returns at once
// with a fault RateLimited whose RetryAfter says when to come back. Calls that
// a person awaits ([Interactive]) have a lane of their own.
func (l *Limiter) Wait(ctx context.Context, key string, q Quota) error {
	if err := q.Validate(); err != nil {
		return fault.Wrap(fault.Internal, "ratelimit.wait", err)
	}
	q, people := q.Lanes()
	if people.Rate > 0 && interactive(ctx) {
		return l.waitInteractive(ctx, key, q, people)
	}
	for {
		slot, err := l.take(ctx, key, q, people)
		if err != nil {
			return err
		}
		if err := l.sleep(ctx, slot.Sub(l.opts.Now())); err != nil {
			return err
		}
		if late := l.opts.Now().Sub(slot); late <= q.late() {
			return nil
		}
		// The process was held up, and to use an old slot now would be a burst.
	}
}

// Push keeps everyone, people too, away from key until the given time. Other processes may
// still use slots they already hold (at most Options.Hold).
func (l *Limiter) Push(ctx context.Context, key string, until time.Time) error {
	for _, each := range []string{key, interactiveKey(key)} { // first: whoever has the turn here may sleep
		if err := l.store.Push(ctx, each, until); err != nil {
			return fmt.Errorf("push limiter: %w", err)
		}
	}
	k := l.local(key)
	if err := k.lock(ctx); err != nil {
		return err
	}
	defer k.unlock()
	k.block, k.want = Block{}, 1
	return nil
}

// take removes a slot from the local block, after refilling it if need be.
func (l *Limiter) take(ctx context.Context, key string, q, people Quota) (time.Time, error) {
	k := l.local(key)
	if err := k.lock(ctx); err != nil {
		return time.Time{}, err
	}
	defer k.unlock()

	now := l.opts.Now()
	if stale := k.block.drop(now.Add(-q.late())); stale {
		k.want = 1
	}
	if k.block.Slots == 0 {
		if !k.borrowed {
			slot, ok, err := l.borrow(ctx, key, q, people)
			if k.borrowed = ok; ok || err != nil {
				return slot, err
			}
		}
		k.borrowed = false
		n := max(1, min(k.want, l.opts.MaxBlock, int(l.opts.Hold/q.Interval())))
		block, err := l.inTurn(ctx, k, key, n, q)
		if err != nil {
			return time.Time{}, err
		}
		k.block, k.want = block, 2*n
	}
	slot, now := k.block.Start, l.opts.Now()
	if wait := slot.Sub(now); wait > l.opts.MaxWait {
		return time.Time{}, notBefore(wait)
	} else if end, ok := ctx.Deadline(); ok && wait > 0 && slot.After(end) {
		return time.Time{}, notBefore(wait)
	}
	k.block.Start = slot.Add(k.block.Interval)
	k.block.Slots--
	return slot, nil
}

// drop removes the slots before oldest and reports whether there were any.
func (b *Block) drop(oldest time.Time) bool {
	if b.Slots == 0 || !b.Start.Before(oldest) {
		return false
	}
	n := min(b.Slots, int((oldest.Sub(b.Start)+b.Interval-1)/b.Interval))
	b.Start = b.Start.Add(time.Duration(n) * b.Interval)
	b.Slots -= n
	return true
}

func (l *Limiter) local(key string) *local {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := l.keys[key]
	if k == nil {
		k = &local{turn: make(chan struct{}, 1), want: 1}
		l.keys[key] = k
	}
	return k
}

func (k *local) lock(ctx context.Context) error {
	select {
	case k.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fault.Wrap(fault.Unavailable, "ratelimit.wait", ctx.Err())
	}
}

func (k *local) unlock() { <-k.turn }

func (l *Limiter) sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fault.Wrap(fault.Unavailable, "ratelimit.wait", ctx.Err())
	}
}

func notBefore(wait time.Duration) error {
	return &fault.Error{
		Kind: fault.RateLimited, Op: "ratelimit.wait", RetryAfter: max(wait, time.Millisecond),
		Message: "the provider's rate is used up for now; come back after the stated wait",
	}
}
