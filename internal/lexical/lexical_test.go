package lexical_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/lexical"
	"github.com/messageai/sluice/internal/provider"
)

var (
	_ provider.Embedder    = (*lexical.Embedder)(nil)
	_ provider.VectorIndex = (*lexical.Index)(nil)
)

func TestVectorsAreUnitAndDeterministic(t *testing.T) {
	t.Parallel()
	texts := []string{"CTO", "VP Engineering. Software", "北京 Straße", "a", "", "?!", "the of and", "x y z w"}
	a, _, err := lexical.New().Embed(t.Context(), texts)
	if err != nil {
		t.Fatal(err)
	}
	b, usage, err := lexical.New().Embed(t.Context(), texts)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(a, b); diff != "" || usage.Cost != 0 {
		t.Errorf("two embedders disagree, or one costs %v: %s", usage.Cost, diff)
	}
	for i, v := range a {
		norm := math.Sqrt(lexical.Dot(v, v))
		if len(v) != lexical.Dimensions || norm != 0 && math.Abs(norm-1) > 1e-5 {
			t.Errorf("%q: %d dimensions, length %v", texts[i], len(v), norm)
		}
	}
	if lexical.Dot(a[4], a[4]) != 0 || lexical.Dot(a[0], a[0]) == 0 {
		t.Error("an empty text has a direction, or CTO has none")
	}
}

func TestRelatedTextsAreCloser(t *testing.T) {
	t.Parallel()
	e := lexical.New()
	similarity := func(a, b string) float64 { return lexical.Dot(e.Vector(a), e.Vector(b)) }
	for _, c := range [][3]string{
		{"CTO", "Chief Technology Officer", "Chief Financial Officer"},
		{"VP Engineering", "Head of Software Development", "Head of Sales"},
		{"SaaS", "Computer Software", "Hospital & Health Care"},
		{"VP Eng, SaaS", "technical debt, DevOps automation, developer experience", "patient care, nurses and beds"},
		{"Maschinenbau", "machinery", "insurance"},
		{"Hiring surge in engineering", "open positions for engineers", "retail bakery"},
		{"scaling", "scaled", "baking"},
	} {
		if near, far := similarity(c[0], c[1]), similarity(c[0], c[2]); near < far+0.2 {
			t.Errorf("%q: %.3f to %q, %.3f to %q", c[0], near, c[1], far, c[2])
		}
	}
}

func TestEmbedStopsWhenCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := lexical.New().Embed(ctx, []string{"a"}); err == nil {
		t.Error("a cancelled context embeds")
	}
}

func FuzzVector(f *testing.F) {
	f.Add("VP Engineering. Software")
	f.Add("\xff\x00 ﷽")
	e := lexical.New()
	f.Fuzz(func(t *testing.T, s string) {
		v := e.Vector(s)
		if n := lexical.Dot(v, v); math.IsNaN(n) || n != 0 && math.Abs(n-1) > 1e-4 {
			t.Errorf("%q has length² %v", s, n)
		}
	})
}

func TestIndexIsExact(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	var x lexical.Index
	vectors := map[string][]float32{}
	random := func() []float32 {
		v := make([]float32, 16)
		for i := range v {
			v[i] = rng.Float32() - 0.5
		}
		return v
	}
	for i := range 500 {
		id := fmt.Sprintf("id-%03d", rng.IntN(300))
		if i%7 == 0 {
			delete(vectors, id)
			if err := x.Delete(t.Context(), "team", []string{id, "nobody"}); err != nil {
				t.Fatal(err)
			}
			continue
		}
		vectors[id] = random()
		if _, err := x.Upsert(t.Context(), "team", []provider.Vector{{ID: id, Values: vectors[id]}}); err != nil {
			t.Fatal(err)
		}
	}
	for _, k := range []int{1, 10, 1000} {
		q := random()
		var want []provider.Neighbour
		for id, v := range vectors {
			want = append(want, provider.Neighbour{ID: id, Score: lexical.Dot(q, v)})
		}
		slices.SortFunc(want, func(a, b provider.Neighbour) int {
			if a.Score != b.Score {
				return map[bool]int{true: -1, false: 1}[a.Score > b.Score]
			}
			return map[bool]int{true: -1, false: 1}[a.ID < b.ID]
		})
		got, _, err := x.Nearest(t.Context(), "team", q, k)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want[:min(k, len(want))], got); diff != "" {
			t.Errorf("k = %d: %s", k, diff)
		}
	}
	if got, _, err := x.Nearest(t.Context(), "another team", random(), 5); err != nil || len(got) > 0 {
		t.Errorf("another team sees %d vectors, %v", len(got), err)
	}
	if _, err := x.Upsert(t.Context(), "team", []provider.Vector{{ID: "a", Values: []float32{1}}}); fault.KindOf(err) != fault.InvalidInput {
		t.Errorf("a vector of another length: %v", err)
	}
	if _, _, err := x.Nearest(t.Context(), "team", []float32{1}, 5); fault.KindOf(err) != fault.InvalidInput {
		t.Errorf("a query of another length: %v", err)
	}
}

func TestIndexIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	var x lexical.Index
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := range 200 {
				id := fmt.Sprint(worker, i)
				_, _ = x.Upsert(t.Context(), "n", []provider.Vector{{ID: id, Values: []float32{1, float32(i)}}})
				_, _, _ = x.Nearest(t.Context(), "n", []float32{1, 0}, 3)
				if i%2 == 0 {
					_ = x.Delete(t.Context(), "n", []string{id})
				}
			}
		})
	}
	wg.Wait()
	got, _, err := x.Nearest(t.Context(), "n", []float32{1, 0}, 10_000)
	if err != nil || len(got) != 400 {
		t.Errorf("%d vectors left, want 400; %v", len(got), err)
	}
}

func BenchmarkVector(b *testing.B) {
	e := lexical.New()
	for b.Loop() {
		e.Vector("VP Engineering. Computer Software. We build developer tools for scaling engineering teams. Kubernetes, Go, AWS, PostgreSQL. Raised a Series B of $20M")
	}
}
