package discover_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/budget"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/pipeline/discover"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/store"
	"github.com/messageai/sluice/internal/task"
)

var errDead = errors.New("this worker is dead")

// world is store, ledger and source in memory. Call number strike kills the
// worker: before it takes effect, or after if late. A dead worker's further
// calls have no effect.
type world struct {
	kept     map[string]json.RawMessage // answers
	mu       sync.Mutex
	calls    int
	ops      []string
	strike   int // 0: never
	late     bool
	dead     bool
	status   domain.RunStatus
	shards   map[string]store.Shard
	claims   map[string]store.Claim
	chunks   map[string][]domain.Row
	resv     []store.Reservation
	settled  money.Micro
	charged  money.Micro
	pageSize int
	people   []string // profile ids in the order of the source
	searches int      // that bring the people, in equal parts; zero: a query without
	price    money.Micro
	pages    int // pages served
	onPage   func()
}

func newWorld(people []string, pageSize int) *world {
	return &world{
		status: domain.RunRunning, shards: map[string]store.Shard{}, claims: map[string]store.Claim{}, chunks: map[string][]domain.Row{},
		people: people, pageSize: pageSize,
	}
}

func (w *world) call(op string, effect func()) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.dead {
		return errDead
	}
	w.calls++
	w.ops = append(w.ops, op)
	w.dead = w.calls == w.strike
	if !w.dead || w.late {
		effect()
	}
	if w.dead {
		return errDead
	}
	return nil
}

func (w *world) ShardProgress(_ context.Context, ref domain.Ref) (sh store.Shard, err error) {
	err = w.call("ShardProgress", func() {
		sh = w.shards[ref.Chunk]
		sh.ID = ref.Chunk
		sh.Chunks = append([]int{}, sh.Chunks...) // as read from JSON: nobody else's memory
	})
	return sh, err
}

func (w *world) SaveShard(_ context.Context, ref domain.Ref, _ string, sh store.Shard) error {
	sh.Chunks = append([]int{}, sh.Chunks...)
	return w.call("SaveShard", func() { w.shards[ref.Chunk] = sh })
}

func (w *world) ClaimProspect(_ context.Context, ref domain.Ref, id string) (claim store.Claim, err error) {
	err = w.call("ClaimProspect", func() {
		if _, taken := w.claims[id]; !taken {
			w.claims[id] = store.Claim{Run: ref.Run, Campaign: ref.Campaign, Chunk: ref.Chunk}
		}
		claim = w.claims[id]
	})
	return claim, err
}

func (w *world) MoveClaim(_ context.Context, ref domain.Ref, id, from string) error {
	return w.call("MoveClaim", func() {
		if c := w.claims[id]; c.Run == ref.Run && c.Chunk == from {
			w.claims[id] = store.Claim{Run: ref.Run, Campaign: ref.Campaign, Chunk: ref.Chunk}
		}
	})
}

func (w *world) Rows(_ context.Context, _, key string) (rows []domain.Row, err error) {
	err = w.call("Rows", func() { rows = append([]domain.Row{}, w.chunks[key]...) })
	return rows, err
}

func (w *world) PutRows(_ context.Context, _, key string, rows []domain.Row) error {
	return w.call("PutRows", func() { w.chunks[key] = append([]domain.Row{}, rows...) })
}

func (w *world) Run(context.Context, domain.Ref) (r domain.Run, err error) {
	err = w.call("Run", func() { r.Status = w.status })
	return r, err
}

func (w *world) Reserve(_ context.Context, _ domain.Ref, r store.Reservation) error {
	return w.call("Reserve", func() { r.Open = true; w.resv = append(w.resv, r) })
}

func (w *world) Settle(_ context.Context, _ domain.Ref, r store.Reservation, actual money.Micro) error {
	return w.call("Settle", func() {
		for i := range w.resv {
			if w.resv[i].ID == r.ID && w.resv[i].Open {
				w.resv[i].Open = false
				w.settled += actual
			}
		}
	})
}

func (w *world) Reserved(context.Context, domain.Ref, string) (left store.Left, err error) {
	err = w.call("Reserved", func() {
		left.Made = len(w.resv)
		for _, r := range w.resv {
			if r.Open {
				left.Open = &r
			}
		}
	})
	return left, err
}

// Discover implements provider.Discoverer: a cursor is an offset.
func (w *world) Discover(_ context.Context, q provider.Query, cursor string) (page provider.Page, err error) {
	people := w.people
	if w.searches > 0 {
		n, _ := strconv.Atoi(q.Keywords[0])
		people = people[n*len(people)/w.searches : (n+1)*len(people)/w.searches]
	}
	err = w.call("Discover", func() {
		from, _ := strconv.Atoi(cursor)
		to := min(from+w.pageSize, len(people))
		for _, id := range people[min(from, to):to] {
			page.Prospects = append(page.Prospects, domain.Prospect{Source: "apollo", ProfileID: id})
		}
		if to < len(people) {
			page.Next = strconv.Itoa(to)
		}
		page.Usage.Cost = w.price
		w.charged += w.price
		w.pages++
	})
	if err == nil && w.onPage != nil {
		w.onPage()
	}
	return page, err
}

const shardID = "s0001"

func (w *world) once(t *testing.T, maxRows int) (discover.Output, error) {
	t.Helper()
	sh := domain.DiscoverShard{ID: shardID, Source: "apollo", MaxRows: maxRows, MaxPrice: w.price}
	for n := range w.searches {
		sh.Searches = append(sh.Searches, strconv.Itoa(n))
	}
	shard, err := json.Marshal(sh)
	if err != nil {
		t.Fatal(err)
	}
	s := &discover.Stage{
		Store: w, Budget: budget.Budget{Ledger: w}, Sources: map[string]provider.Discoverer{"apollo": w},
		Now: func() time.Time { return time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC) },
	}
	w.dead = false
	out, err := s.Do(t.Context(), task.Job{Owner: "me", Message: task.Message{
		Ref: domain.Ref{Team: "acme", Campaign: "c1", Run: "r1", Chunk: shardID}, Shard: shard,
	}})
	if err != nil {
		return discover.Output{}, err
	}
	return out.(discover.Output), nil
}

// rows returns the profile ids of all chunks that the progress knows, in order,
// and checks that no others were left behind.
func (w *world) rows(t *testing.T) []string {
	t.Helper()
	ids := []string{}
	sh := w.shards[shardID]
	for n, size := range sh.Chunks {
		name := store.ChunkName(shardID, n)
		rows := w.chunks[store.ChunkKey("r1", name)]
		if len(rows) != size || size > discover.ChunkRows || size == 0 {
			t.Errorf("chunk %d has %d rows, the progress says %d", n, len(rows), size)
		}
		for _, r := range rows {
			if r.State != domain.Queued || r.Prospect.ID != domain.ProspectID("acme", "apollo", r.Prospect.ProfileID) {
				t.Errorf("chunk %d has a row %+v", n, r)
			}
			if c := w.claims[r.Prospect.ID]; c.Chunk != name {
				t.Errorf("a row of %s is claimed for %s", name, c.Chunk)
			}
			ids = append(ids, r.Prospect.ProfileID)
		}
	}
	if len(w.chunks) != len(sh.Chunks) {
		t.Errorf("%d chunks are stored, the progress knows %d", len(w.chunks), len(sh.Chunks))
	}
	if sh.Seen != len(ids)+sh.Duplicates {
		t.Errorf("seen %d rows, but %d are in chunks and %d are duplicates", sh.Seen, len(ids), sh.Duplicates)
	}
	return ids
}

func people(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("a%05d", i)
	}
	return ids
}

func TestPagesBecomeChunks(t *testing.T) {
	t.Parallel()
	const c = discover.ChunkRows
	for _, tc := range []struct {
		people, page, max int
		chunks            []int
		pages             int
	}{
		{people: 0, page: 100, max: 500, chunks: []int{}, pages: 1},
		{people: 1, page: 100, max: 500, chunks: []int{1}, pages: 1},
		{people: c, page: 100, max: 2 * c, chunks: []int{c}, pages: c / 100},
		{people: c + 1, page: 100, max: 2 * c, chunks: []int{c, 1}, pages: c/100 + 1},
		{people: c - 1, page: 100, max: 2 * c, chunks: []int{c - 1}, pages: c / 100},
		{people: 2 * c, page: c, max: 2 * c, chunks: []int{c, c}, pages: 2},
		{people: 3 * c, page: 2*c + 10, max: 3 * c, chunks: []int{c, c, c}, pages: 2},
		{people: 2 * c, page: 100, max: c + 50, chunks: []int{c, 50}, pages: c/100 + 1},
		{people: 1000, page: 100, max: 99, chunks: []int{99}, pages: 1},
		{people: 1000, page: 100, max: 100, chunks: []int{100}, pages: 1},
	} {
		t.Run(fmt.Sprintf("%d people %d a page at most %d", tc.people, tc.page, tc.max), func(t *testing.T) {
			t.Parallel()
			w := newWorld(people(tc.people), tc.page)
			out, err := w.once(t, tc.max)
			if err != nil {
				t.Fatal(err)
			}
			want := people(min(tc.people, tc.max))
			if diff := cmp.Diff(want, w.rows(t)); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
			got := append([]int{}, w.shards[shardID].Chunks...)
			if diff := cmp.Diff(tc.chunks, got); diff != "" {
				t.Errorf("chunks (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(discover.Output{Rows: len(want), Chunks: len(tc.chunks)}, out); diff != "" || w.pages != tc.pages {
				t.Errorf("%d pages, want %d; output (-want +got):\n%s", w.pages, tc.pages, diff)
			}
		})
	}
}

func TestWhoWasDiscoveredBeforeIsADuplicate(t *testing.T) {
	t.Parallel()
	ids := people(10)
	ids[7] = ids[2] // the source lists one twice
	w := newWorld(ids, 4)
	w.claims[domain.ProspectID("acme", "apollo", ids[5])] = store.Claim{Run: "r0", Campaign: "c0", Chunk: store.ChunkName(shardID, 0)}
	w.claims[domain.ProspectID("acme", "apollo", ids[6])] = store.Claim{Run: "r1", Campaign: "c1", Chunk: store.ChunkName("s0002", 0)}
	if _, err := w.once(t, 100); err != nil {
		t.Fatal(err)
	}
	want := []string{ids[0], ids[1], ids[2], ids[3], ids[4], ids[8], ids[9]}
	if diff := cmp.Diff(want, w.rows(t)); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	if got := w.shards[shardID].Duplicates; got != 3 {
		t.Errorf("%d duplicates, want 3", got)
	}
}

func TestAFinishedShardIsNotSearchedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(people(30), 10)
	first, err := w.once(t, 100)
	if err != nil {
		t.Fatal(err)
	}
	again, err := w.once(t, 100)
	if err != nil || again != first || w.pages != 3 {
		t.Errorf("second time: %+v, %v after %d pages; want %+v and no page more than 3", again, err, w.pages, first)
	}
}

func TestAPausedRunStopsAtAPageAndGoesOnThere(t *testing.T) {
	t.Parallel()
	w := newWorld(people(60), 10)
	w.onPage = func() {
		if w.pages == 2 {
			w.status = domain.RunPaused
		}
	}
	if _, err := w.once(t, 100); !fault.Is(err, fault.RateLimited) || w.pages != 2 {
		t.Fatalf("discovery of a paused run = %v after %d pages, want RateLimited after 2", err, w.pages)
	}
	if diff := cmp.Diff(people(20), w.rows(t)); diff != "" {
		t.Errorf("rows at the pause (-want +got):\n%s", diff)
	}
	w.status = domain.RunRunning
	if _, err := w.once(t, 100); err != nil || w.pages != 6 {
		t.Errorf("going on = %v after %d pages, want 6", err, w.pages)
	}
	if diff := cmp.Diff(people(60), w.rows(t)); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

func TestBadShardsSaySo(t *testing.T) {
	t.Parallel()
	s := &discover.Stage{}
	for name, shard := range map[string]string{"malformed": `{"source":`, "unknown source": `{"source":"myspace"}`} {
		if _, err := s.Do(t.Context(), task.Job{Message: task.Message{Shard: json.RawMessage(shard)}}); !fault.Is(err, fault.InvalidInput) {
			t.Errorf("%s shard = %v, want InvalidInput", name, err)
		}
	}
}

// Wherever a worker is killed, and wherever the one after it, no row is lost
// or doubled, and all that was charged is settled.
func TestNoKillLosesOrDoublesARow(t *testing.T) {
	t.Parallel()
	for _, searches := range []int{0, 4} {
		for _, pauses := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d searches, pauses %t", searches, pauses), func(t *testing.T) {
				t.Parallel()
				killAnywhere(t, searches, pauses)
			})
		}
	}
}

// killAnywhere kills two workers. With pauses, the run is paused between them,
// when a worker has read one page.
func killAnywhere(t *testing.T, searches int, pauses bool) {
	t.Helper()
	const c = discover.ChunkRows
	ids := people(2*c + 30)
	ids[c+50], ids[2*c+20] = ids[10], ids[11] // listed twice, across chunks
	wantIDs := append(append(append([]string{}, ids[:c+50]...), ids[c+51:2*c+20]...), ids[2*c+21:]...)
	fresh := func() *world {
		w := newWorld(ids, 90)
		w.price, w.searches = 32_000, searches
		return w
	}
	probe := fresh()
	if _, err := probe.once(t, 5000); err != nil {
		t.Fatal(err)
	}
	kill := func(t *testing.T, w *world, at int, late bool) {
		t.Helper()
		w.calls, w.strike, w.late = 0, at, late
		if _, err := w.once(t, 5000); err == nil && w.calls >= at {
			t.Errorf("the worker that died at call %d gave an answer", at)
		}
	}
	for at := 1; at <= probe.calls; at++ {
		if probe.ops[at-1] == "ClaimProspect" && at%23 > 0 {
			continue // one claim is like the next
		}
		if testing.Short() && at%5 > 0 {
			continue // the race detector has seen the others' code
		}
		for _, late := range []bool{false, true} {
			w := fresh()
			kill(t, w, at, late)
			if pauses {
				w.strike, w.status = 0, domain.RunPaused
				if _, err := w.once(t, 5000); err != nil && !fault.Is(err, fault.RateLimited) {
					t.Fatal(err)
				}
				w.status = domain.RunRunning
			}
			kill(t, w, 1+at*7%probe.calls, !late) // the second attempt dies too
			w.strike = 0
			if _, err := w.once(t, 5000); err != nil {
				t.Fatal(err)
			}
			if got := w.rows(t); !slices.Equal(wantIDs, got) {
				t.Errorf("killed at call %d, late %t: rows (-want +got):\n%s", at, late, cmp.Diff(wantIDs, got))
			}
			if sh := w.shards[shardID]; sh.Seen != len(ids) || sh.Duplicates != 2 || !sh.Done {
				t.Errorf("killed at call %d, late %t: progress %+v", at, late, sh)
			}
			// A page for each of the two killed; a pause after a kill settles a whole dozen.
			if over := w.settled - w.charged; over < 0 || over > 2*w.price && !pauses {
				t.Errorf("killed at call %d, late %t: charged %s, settled %s", at, late, w.charged, w.settled)
			}
			if t.Failed() {
				return
			}
		}
	}
}

// Answers implements discover.Store.
func (w *world) Answers(_ context.Context, _ string, questions []string, _ bool) (map[string]json.RawMessage, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	found := map[string]json.RawMessage{}
	for _, q := range questions {
		if raw, ok := w.kept[q]; ok {
			found[q] = raw
		}
	}
	return found, nil
}

// PutAnswer implements discover.Store.
func (w *world) PutAnswer(_ context.Context, _, question string, answer any, _ time.Duration) error {
	raw, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.kept == nil {
		w.kept = map[string]json.RawMessage{}
	}
	w.kept[question] = raw
	return nil
}
