package enrich_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/pipeline/enrich"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/store"
	"github.com/messageai/sluice/internal/waterfall"
)

// recorded is what the turn of a source has left.
func (w *world) recorded(t *testing.T, source enrich.Source) waterfall.Record {
	t.Helper()
	var record waterfall.Record
	if err := json.Unmarshal(w.objects[store.RecordKey("r1", testRef.Chunk, store.EnrichStep(0, source.Definition.Name))], &record); err != nil {
		t.Fatal(err)
	}
	return record
}

// A turn leaves one record: what was asked, what it cost, until when it may be
// used. The next one that needs it sees what the cache has saved.
func TestATurnLeavesOneRecordOfItsAnswers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(1)
		puts := 0
		w.plan = func(_ int, op string) mishap {
			if op == "PutRecord" {
				puts++
			}
			return ""
		}
		twin := w.person(0)
		twin.Prospect.ID = id(9)
		w.put(t, []domain.Row{w.person(0), w.person(1), twin})
		source := w.database()
		source.Definition.Terms.StoreFor = 10 * 24 * time.Hour
		w.finish(t, source)
		record := w.recorded(t, source)
		if puts != 1 || len(record.Answers) != 2 {
			t.Fatalf("%d records of %d answers, want one of two", puts, len(record.Answers))
		}
		first := record.Answers[0]
		if diff := cmp.Diff([]int{0, 2}, first.Rows); diff != "" || first.Paid != matchPrice || first.Worth != matchPrice || first.Cached || first.Answer.Prospect == nil {
			t.Errorf("a bought answer: %+v %s", first, diff)
		}
		if life := first.Until.Sub(first.At).Round(time.Minute); life != 10*24*time.Hour {
			t.Errorf("it may be used for %s, want the ten days of the terms", life)
		}

		time.Sleep(4 * 24 * time.Hour)
		other := testRef
		other.Run = "r2"
		w.objects[store.ChunkKey("r2", other.Chunk)] = w.objects[chunkDoc]
		if err := w.work(t.Context(), other, source); err != nil {
			t.Fatal(err)
		}
		var later waterfall.Record
		if err := json.Unmarshal(w.objects[store.RecordKey("r2", other.Chunk, store.EnrichStep(0, "apollo"))], &later); err != nil {
			t.Fatal(err)
		}
		got := later.Answers[0]
		if diff := cmp.Diff(first, got, cmpopts.IgnoreFields(waterfall.Recorded{}, "At", "Paid", "Cached", "TookMS")); diff != "" || got.Paid != 0 || !got.Cached {
			t.Errorf("the same from the cache (-bought +cached), paid %s:\n%s", got.Paid, diff)
		}
	})
}

// What the terms forbid to keep is not in the record.
func TestARecordKeepsNoMoreThanTheTermsAllow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(1)
		w.put(t, []domain.Row{w.person(0)})
		source := w.database()
		source.Definition.Terms = provider.Terms{}
		w.finish(t, source)
		got := w.recorded(t, source).Answers[0]
		if !got.Withheld || got.Usable(time.Now()) || got.Paid != matchPrice {
			t.Errorf("%+v", got)
		}
		if diff := cmp.Diff(waterfall.Answer{}, got.Answer); diff != "" {
			t.Errorf("kept:\n%s", diff)
		}
	})
}

// A worker's memory spares reads of the cache for companies, is bounded, and
// forgets within a minute.
func TestAMemoryIsBoundedAndShort(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(1)
		w.profile = `{"enrich":{"fields":["company"],"providers":["clearbit"]}}`
		source := firms{w}.source()
		memory := enrich.NewMemory(4, time.Now)
		read := func(run string, companies ...int) (reads int) {
			t.Helper()
			var rows []domain.Row
			for _, n := range companies {
				rows = append(rows, domain.Row{State: domain.InWork, Prospect: domain.Prospect{ID: id(n), Company: domain.Company{Domain: fmt.Sprintf("c%d.example", n)}}})
			}
			ref := testRef
			ref.Run, ref.Chunk = run, "chunk-of-"+run // the test's ledger has one run
			data, err := json.Marshal(rows)
			if err != nil {
				t.Fatal(err)
			}
			w.objects[store.ChunkKey(ref.Run, ref.Chunk)] = data
			counted := &reader{world: w}
			w.stock, w.memory = counted, memory
			if err := w.work(t.Context(), ref, source); err != nil {
				t.Fatal(err)
			}
			return counted.questions
		}
		read("r0", 1, 2) // bought
		read("r2", 1, 2) // read once from the cache
		if n := read("r3", 1, 2); n != 0 {
			t.Errorf("%d questions to the cache about companies that are known", n)
		}
		time.Sleep(time.Minute + time.Second)
		if n := read("r4", 1, 2); n != 2 {
			t.Errorf("%d questions to the cache a minute later, want 2", n)
		}
		all := []int{10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21}
		read("r5", all...)
		read("r6", all...)
		if n := read("r7", all...); n < len(all)-8 {
			t.Errorf("%d of %d companies had to be read, a memory of four holds eight at most", n, len(all))
		}
		if w.charges["firm c1.example"] != 1 {
			t.Errorf("charged %d times", w.charges["firm c1.example"])
		}
	})
}

// firms is a provider that knows every company.
type firms struct{ *world }

func (f firms) source() enrich.Source {
	return enrich.Source{Adapter: f, Definition: provider.Definition{
		Name: "clearbit", Terms: provider.Terms{MayStore: true},
		Offers: map[string]provider.Offer{
			provider.OpEnrichCompany: {Gives: []domain.Field{domain.FieldCompany}, By: []provider.Identity{provider.ByDomain}},
		},
		Prices: money.Table{Operations: map[string]money.Price{provider.OpEnrichCompany: {Unit: matchPrice, Units: 1}}},
	}}
}

// EnrichCompanies implements provider.CompanyEnricher.
func (f firms) EnrichCompanies(ctx context.Context, about []domain.Prospect) ([]provider.Answer, error) {
	company := about[0].Company.Domain
	a := provider.Answer{Found: true, Usage: provider.Usage{Cost: matchPrice}, Prospect: domain.Prospect{Company: domain.Company{Employees: 50, Industry: "Software"}}}
	err := f.serve(ctx, "firm "+company, func() (money.Micro, error) { return matchPrice, nil })
	return []provider.Answer{a}, err
}

// reader counts what the cache is asked for.
type reader struct {
	*world
	questions int
}

func (r *reader) Answers(ctx context.Context, team string, questions []string, latest bool) (map[string]json.RawMessage, error) {
	r.questions += len(questions)
	return r.world.Answers(ctx, team, questions, latest)
}
