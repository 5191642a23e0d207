package store_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/localaws"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/store"
)

// open returns a store on the template's own tables, inside a bubble whose
// clock the test moves.
func open(t *testing.T) *store.Store {
	t.Helper()
	return openWith(t, func(*aws.Config) {})
}

// openWith is open, with changes to how AWS is called.
func openWith(t *testing.T, change func(*aws.Config)) *store.Store {
	t.Helper()
	stack, err := localaws.New(t.Context(), localaws.Options{Dir: sluice.Deploy})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stack.Close(); err != nil {
			t.Error(err)
		}
	})
	cfg, err := stack.Config("")
	if err != nil {
		t.Fatal(err)
	}
	change(&cfg)
	return store.New(cfg, store.Options{
		Core: stack.Output("CoreTable"), Prospects: stack.Output("ProspectsTable"), Ledger: stack.Output("LedgerTable"),
		Control: stack.Output("ControlTable"), Bucket: stack.Output("RunsBucket"), KeyID: stack.Output("DataKey"),
	})
}

func inBubble(t *testing.T, test func(t *testing.T, s *store.Store)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, open(t)) })
}

func ref(chunk string) domain.Ref {
	return domain.Ref{Team: "acme", Campaign: "c1", Run: "r1", Chunk: chunk}
}

func TestTheFirstClaimOfAProspectHolds(t *testing.T) {
	inBubble(t, func(t *testing.T, s *store.Store) {
		var mu sync.Mutex
		holders := map[string]int{}
		var wg sync.WaitGroup
		for n := range 20 {
			wg.Go(func() {
				claim, err := s.ClaimProspect(t.Context(), ref(fmt.Sprint("chunk", n)), "p_1")
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				holders[claim.Chunk]++
			})
		}
		wg.Wait()
		if len(holders) != 1 {
			t.Errorf("%d different claims hold one prospect: %v", len(holders), holders)
		}
		other := ref("x")
		other.Team = "rival"
		if claim, err := s.ClaimProspect(t.Context(), other, "p_1"); err != nil || claim.Chunk != "x" {
			t.Errorf("another team's claim = %+v, %v; teams must not see one another", claim, err)
		}
	})
}

func TestAClaimIsGivenBackByItsChunkAlone(t *testing.T) {
	inBubble(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		for _, id := range []string{"p_mine", "p_lead"} {
			if _, err := s.ClaimProspect(ctx, ref("c1"), id); err != nil {
				t.Fatal(err)
			}
		}
		lead := domain.Lead{ID: "l_1", Team: "acme", ProspectID: "p_lead"}
		if err := s.MarkConverted(ctx, ref("c1"), 1, lead, domain.Prospect{ID: "p_lead"}); err != nil && !fault.Is(err, fault.NotFound) {
			t.Fatal(err) // NotFound: it is in no list
		}
		other := ref("c1")
		other.Run = "r2"
		for _, c := range []struct {
			by    domain.Ref
			id    string
			stays bool
		}{{ref("c2"), "p_mine", true}, {other, "p_mine", true}, {ref("c1"), "p_lead", true}, {ref("c1"), "p_mine", false}, {ref("c1"), "p_mine", false}} {
			if err := s.ReleaseProspect(ctx, c.by, c.id); err != nil {
				t.Fatal(err)
			}
			if _, err := s.ProspectClaim(ctx, "acme", c.id); fault.Is(err, fault.NotFound) == c.stays {
				t.Errorf("given back by %+v, the claim of %s = %v", c.by, c.id, err)
			}
		}
	})
}

func TestSpendNeverPassesTheCap(t *testing.T) {
	inBubble(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		if err := s.OpenSpend(ctx, ref(""), 100); err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		granted, refused := 0, 0
		var wg sync.WaitGroup
		for n := range 30 {
			wg.Go(func() {
				err := s.Reserve(ctx, ref("c"), store.Reservation{ID: fmt.Sprint(n), Provider: "hunter", Max: 9})
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					granted++
				case fault.Is(err, fault.CapReached):
					refused++
				default:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if granted != 11 || refused != 19 {
			t.Errorf("granted %d and refused %d reservations of 9 under a cap of 100, want 11 and 19", granted, refused)
		}
	})
}

func TestSettlingGivesTheRestBackOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		if err := s.OpenSpend(ctx, ref(""), 100); err != nil {
			t.Fatal(err)
		}
		r := store.Reservation{ID: "c1/hunter/0", Provider: "hunter", Max: 80, Questions: []byte("abcdefghijkl")}
		if err := s.Reserve(ctx, ref("c1"), r); err != nil {
			t.Fatal(err)
		}
		if err := s.Reserve(ctx, ref("c1"), r); !fault.Is(err, fault.Conflict) {
			t.Errorf("reserving the same id twice = %v, want a Conflict", err)
		}
		left, err := s.Reserved(ctx, ref("c1"), "hunter")
		if err != nil {
			t.Fatal(err)
		}
		want := r
		want.Open = true
		if diff := cmp.Diff(store.Left{Open: &want, Made: 1}, left); diff != "" {
			t.Errorf("what is left (-want +got):\n%s", diff)
		}
		for range 2 {
			if err := s.Settle(ctx, ref("c1"), r, 30); err != nil {
				t.Fatal(err)
			}
		}
		got, err := s.Spend(ctx, ref(""))
		if err != nil {
			t.Fatal(err)
		}
		wantSpend := store.Spend{Cap: 100, Free: 70, Settled: 30, ByProvider: map[string]money.Micro{"hunter": 30}}
		if diff := cmp.Diff(wantSpend, got); diff != "" {
			t.Errorf("spend after settling twice (-want +got):\n%s", diff)
		}
	})
}

func TestTheCapCanBeRaisedAndNotLoweredBelowWhatIsCommitted(t *testing.T) {
	inBubble(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		if err := s.OpenSpend(ctx, ref(""), 100); err != nil {
			t.Fatal(err)
		}
		if err := s.Reserve(ctx, ref("c"), store.Reservation{ID: "a", Provider: "x", Max: 90}); err != nil {
			t.Fatal(err)
		}
		if err := s.RaiseCap(ctx, ref(""), 89); !fault.Is(err, fault.Conflict) {
			t.Errorf("a cap below the committed amount = %v, want a Conflict", err)
		}
		if err := s.RaiseCap(ctx, ref(""), 200); err != nil {
			t.Fatal(err)
		}
		if err := s.Reserve(ctx, ref("c"), store.Reservation{ID: "b", Provider: "x", Max: 110}); err != nil {
			t.Errorf("reserve under the raised cap: %v", err)
		}
	})
}

func TestOneWorkerHoldsAStepUntilItsLeaseEnds(t *testing.T) {
	inBubble(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		until := time.Now().Add(time.Minute)
		if done, err := s.Begin(ctx, ref("c"), "enriched-x", "one", until); err != nil || len(done) > 0 {
			t.Fatalf("first begin: done %v, %v", done, err)
		}
		_, err := s.Begin(ctx, ref("c"), "enriched-x", "two", until)
		if !fault.Is(err, fault.Conflict) || fault.RetryAfter(err) != time.Minute {
			t.Errorf("begin under another's lease = %v (retry after %s), want a Conflict for a minute", err, fault.RetryAfter(err))
		}
		time.Sleep(time.Minute + time.Second)
		if _, err := s.Begin(ctx, ref("c"), "enriched-x", "two", time.Now().Add(time.Minute)); err != nil {
			t.Fatalf("begin after the lease ended: %v", err)
		}
		if err := s.Finish(ctx, ref("c"), "enriched-x", "one", "late"); !fault.Is(err, fault.Conflict) {
			t.Errorf("finish by the worker that lost its lease = %v, want a Conflict", err)
		}
		if err := s.Finish(ctx, ref("c"), "enriched-x", "two", map[string]int{"n": 1}); err != nil {
			t.Fatal(err)
		}
		done, err := s.Begin(ctx, ref("c"), "enriched-x", "three", time.Now().Add(time.Minute))
		if err != nil || string(done["enriched-x"]) != `{"n":1}` {
			t.Errorf("begin of a finished step = %s, %v; want what was answered", done, err)
		}
		done, err = s.Begin(ctx, ref("c"), "enriched-y", "one", time.Now().Add(time.Minute))
		if want := map[string]json.RawMessage{"enriched-x": json.RawMessage(`{"n":1}`)}; err != nil || cmp.Diff(want, done) != "" {
			t.Errorf("begin of the next step = %s, %v; want what the one before answered", done, err)
		}
	})
}

func TestListsAreBestFirstAndPageWithoutGaps(t *testing.T) {
	inBubble(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		var want []string
		byChunk := map[string][]store.Listed{}
		for n := range 95 {
			fit := float64(n%50) / 50
			id := fmt.Sprintf("p_%03d", n)
			state := domain.Rejected
			if fit >= 0.75 {
				state = domain.Qualified
			}
			chunk := fmt.Sprint("chunk", n%4)
			byChunk[chunk] = append(byChunk[chunk], store.Listed{ID: id, Name: "Dana Example", Email: id + "@acme.example", Fit: fit, State: state})
			if fit >= 0.3 {
				want = append(want, id)
			}
		}
		const shards = 3
		for chunk, listed := range byChunk {
			if err := s.PutListed(ctx, ref(chunk), shards, listed); err != nil {
				t.Fatal(err)
			}
		}
		seen := map[string]bool{}
		last, cursor := 2.0, ""
		for {
			page, next, err := s.List(ctx, "acme", "c1", shards, store.Filter{MinFit: 0.3, Limit: 7, Cursor: cursor})
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range page {
				if l.Fit > last || l.Fit < 0.3 || seen[l.ID] || l.Email != l.ID+"@acme.example" {
					t.Errorf("%+v after fit %.2f: out of order, below the minimum, twice, or not opened", l, last)
				}
				last = l.Fit
				seen[l.ID] = true
			}
			if cursor = next; next == "" {
				break
			}
		}
		for _, id := range want {
			if !seen[id] {
				t.Errorf("%s is on no page", id)
			}
		}
		if len(seen) != len(want) {
			t.Errorf("%d prospects on all pages, want %d", len(seen), len(want))
		}
		n, err := s.CountListed(ctx, "acme", "c1", shards, store.Filter{States: []domain.State{domain.Qualified}})
		if err != nil || n != 19 {
			t.Errorf("count of qualified = %d, %v; want 19", n, err)
		}
		if page, _, err := s.List(ctx, "rival", "c1", shards, store.Filter{Limit: 5}); err != nil || len(page) != 0 {
			t.Errorf("another team sees %d prospects, %v", len(page), err)
		}
	})
}

func TestAnswersExpireAndStayWithTheirTeam(t *testing.T) {
	inBubble(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		if err := s.PutAnswer(ctx, "acme", "q1", map[string]string{"email": "dana@acme.example"}, time.Hour); err != nil {
			t.Fatal(err)
		}
		got, err := s.Answers(ctx, "acme", []string{"q1", "q2"}, true)
		if err != nil || len(got) != 1 || string(got["q1"]) != `{"email":"dana@acme.example"}` {
			t.Errorf("answers = %s, %v", got, err)
		}
		if got, err := s.Answers(ctx, "rival", []string{"q1"}, true); err != nil || len(got) != 0 {
			t.Errorf("another team's answers = %s, %v", got, err)
		}
		time.Sleep(time.Hour + time.Second)
		if got, err := s.Answers(ctx, "acme", []string{"q1"}, true); err != nil || len(got) != 0 {
			t.Errorf("answers after their life = %s, %v", got, err)
		}
	})
}

func TestAnIdempotencyKeyRunsOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		runs := 0
		once := func(print string) ([]byte, error) {
			return s.Idempotent(ctx, "acme", "key", print, func(string) ([]byte, error) {
				runs++
				return fmt.Appendf(nil, "answer %d", runs), nil
			})
		}
		for range 3 {
			if got, err := once("a"); err != nil || string(got) != "answer 1" {
				t.Errorf("answer = %s, %v; want the first one", got, err)
			}
		}
		if _, err := once("b"); !fault.Is(err, fault.Conflict) {
			t.Errorf("the same key with another request = %v, want a Conflict", err)
		}
		failing := errors.New("no luck")
		var seeds []string
		if _, err := s.Idempotent(ctx, "acme", "other", "a", func(seed string) ([]byte, error) { seeds = append(seeds, seed); return nil, failing }); !errors.Is(err, failing) {
			t.Errorf("error of the work = %v", err)
		}
		if got, err := s.Idempotent(ctx, "acme", "other", "a", func(seed string) ([]byte, error) { seeds = append(seeds, seed); return []byte("ok"), nil }); err != nil || string(got) != "ok" {
			t.Errorf("a repetition after a failure = %s, %v; want it to run", got, err)
		}
		if len(seeds) != 2 || seeds[0] != seeds[1] || seeds[0] == "" {
			t.Errorf("the two attempts at one request had the seeds %q, want the same", seeds)
		}
		seeds = nil
		if _, err := s.Idempotent(ctx, "acme", "slow", "a", func(seed string) ([]byte, error) {
			seeds = append(seeds, seed)
			inner := func(seed string) ([]byte, error) { seeds = append(seeds, seed); return []byte("ok"), nil }
			if _, err := s.Idempotent(ctx, "acme", "slow", "a", inner); !errors.Is(err, store.ErrInProgress) {
				t.Errorf("a repetition while the first is at work = %v", err)
			}
			time.Sleep(2 * time.Minute) // it is taken to be dead
			_, err := s.Idempotent(ctx, "acme", "slow", "a", inner)
			return []byte("ok"), err
		}); err != nil || len(seeds) != 2 || seeds[0] != seeds[1] {
			t.Errorf("a request that was cut off, and its repetition: seeds %q, %v; want the same twice", seeds, err)
		}
		wrong := fault.New(fault.InvalidInput, "test", "wrong")
		if _, err := s.Idempotent(ctx, "acme", "third", "a", func(string) ([]byte, error) { return nil, wrong }); !errors.Is(err, wrong) {
			t.Errorf("error of the work = %v", err)
		}
		if got, err := s.Idempotent(ctx, "acme", "third", "b", func(string) ([]byte, error) { return []byte("ok"), nil }); err != nil || string(got) != "ok" {
			t.Errorf("a corrected request = %s, %v; want it to run", got, err)
		}
	})
}

func TestSuppressionIsByKeyedHash(t *testing.T) {
	inBubble(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		if err := s.Suppress(ctx, "acme", "dana@acme.example"); err != nil {
			t.Fatal(err)
		}
		list, err := s.Suppression(ctx, "acme")
		if err != nil {
			t.Fatal(err)
		}
		for value, want := range map[string]bool{"dana@acme.example": true, "luis@acme.example": false, "": false} {
			if got, err := list.Has(value); err != nil || got != want {
				t.Errorf("suppressed(%q) = %t, %v; want %t", value, got, err, want)
			}
		}
		if err := s.Unsuppress(ctx, "acme", "dana@acme.example"); err != nil {
			t.Fatal(err)
		}
		if list, err = s.Suppression(ctx, "acme"); err != nil {
			t.Fatal(err)
		}
		if got, err := list.Has("dana@acme.example"); err != nil || got {
			t.Errorf("suppressed after removal = %t, %v", got, err)
		}
	})
}

func TestAnAPIKeyEndsWithItsLife(t *testing.T) {
	inBubble(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		k := store.APIKey{Team: "acme", Name: "ci", Scopes: []string{"read"}, ExpiresAt: time.Now().Add(time.Hour).Unix()}
		if err := s.PutAPIKey(ctx, "sk_1", k); err != nil {
			t.Fatal(err)
		}
		got, err := s.APIKeyOf(ctx, "sk_1")
		if diff := cmp.Diff(k, got); err != nil || diff != "" {
			t.Errorf("key: %v\n%s", err, diff)
		}
		if _, err := s.APIKeyOf(ctx, "sk_2"); !fault.Is(err, fault.Unauthenticated) {
			t.Errorf("an unknown key = %v", err)
		}
		time.Sleep(time.Hour)
		if _, err := s.APIKeyOf(ctx, "sk_1"); !fault.Is(err, fault.Unauthenticated) {
			t.Errorf("an expired key = %v", err)
		}
	})
}

func TestRowsComeBackAsTheyWere(t *testing.T) {
	inBubble(t, func(t *testing.T, s *store.Store) {
		at := time.Date(2026, 11, 22, 9, 30, 0, 123456789, time.UTC)
		cosine := 0.1234567890123
		want := []domain.Row{
			{Prospect: domain.Prospect{ID: "p_1"}, State: domain.Queued},
			{
				Prospect: domain.Prospect{
					ID: "p_2", Source: "apollo", SeenAt: at, Person: domain.Person{FirstName: "Zoë"}, Company: domain.Company{Employees: 240, RevenueUSD: 1 << 40},
					Signals: []domain.Signal{{Kind: "funding", At: at}}, Provenance: map[string]domain.Provenance{"person.title": {Source: "apollo", FetchedAt: at}},
				},
				State: domain.Qualified, Score: &domain.Receipt{Score: 1.0 / 3, Criteria: []domain.Criterion{{Name: "title", Match: 2.0 / 3, Cosine: &cosine}}, At: at},
				Calls: []domain.Call{{Provider: "hunter", Cost: 24_500}}, Missing: map[string]string{"email": "none"},
			},
		}
		if err := s.PutRows(t.Context(), "acme", "k", want); err != nil {
			t.Fatal(err)
		}
		got, err := s.Rows(t.Context(), "acme", "k")
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("rows: %v (-want +got):\n%s", err, diff)
		}
		if _, err := s.Rows(t.Context(), "rival", "k"); err == nil {
			t.Error("another team opened the rows")
		}
		if _, err := s.Rows(t.Context(), "acme", "none"); !fault.Is(err, fault.NotFound) {
			t.Errorf("rows that do not exist = %v, want NotFound", err)
		}
	})
}
