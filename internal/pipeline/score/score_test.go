package score_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/budget"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/pipeline/score"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/scoring"
	"github.com/messageai/sluice/internal/task"
	"github.com/messageai/sluice/internal/waterfall"
)

func TestPrescoringRejectsOnlyWhoCannotReachReview(t *testing.T) {
	t.Parallel()
	unknown := domain.Row{State: domain.Queued, Prospect: domain.Prospect{ID: "p_2", Source: "googleplaces", Company: domain.Company{Name: "Somebody"}}}
	w := newWorld(t,
		as(domain.Queued, perfect("p_0")), as(domain.Queued, hopeless("p_1")), unknown,
		as(domain.Duplicate, hopeless("p_3")),
	)
	rows := w.run(t, score.Prescore)
	want := []domain.State{domain.InWork, domain.Rejected, domain.InWork, domain.Duplicate}
	if diff := cmp.Diff(want, states(rows)); diff != "" {
		t.Fatalf("states (-want +got):\n%s", diff)
	}
	for i, row := range rows[:3] {
		if row.Prescore == nil {
			t.Errorf("row %d has no receipt", i)
			continue
		}
		if gone := row.State == domain.Rejected; gone != scoring.Hopeless(*row.Prescore, domain.DefaultThresholds()) {
			t.Errorf("row %d is %s, but its upper bound is %g", i, row.State, row.Prescore.Upper)
		}
	}
	if r := rows[1]; r.Score == nil || r.Quality == nil || r.Reason == "" {
		t.Errorf("a rejected row has no score, quality or reason: %+v", r)
	}
	if rows[0].Score != nil || rows[3].Prescore != nil {
		t.Error("rows that stay in work have a final score, or a finished one was scored again")
	}
	if len(w.embedded) != 0 || w.settled != 0 {
		t.Errorf("prescoring embedded %d times for %s; it is meant to be free", len(w.embedded), w.settled)
	}
}

// With lower thresholds a campaign keeps what others reject.
func TestPrescoringKnowsTheCampaignsThresholds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, as(domain.Queued, hopeless("p_1")))
	w.profile.Options.Thresholds = domain.Thresholds{Convert: 0.75}
	if got := states(w.run(t, score.Prescore)); got[0] != domain.InWork {
		t.Errorf("with a review threshold of zero the row is %s", got[0])
	}
}

func TestScoringDecidesAndKeepsTheVectors(t *testing.T) {
	t.Parallel()
	w := newWorld(t, perfect("p_0"), hopeless("p_1"), as(domain.Rejected, hopeless("p_2")), as(domain.Suppressed, perfect("p_3")))
	w.usage = 7
	rows := w.run(t, score.Score)
	want := []domain.State{domain.Qualified, domain.Rejected, domain.Rejected, domain.Suppressed}
	if diff := cmp.Diff(want, states(rows)); diff != "" {
		t.Fatalf("states (-want +got):\n%s", diff)
	}
	for i, row := range rows[:2] {
		if row.Score == nil || row.Quality == nil || row.Reason == "" || row.Score.Model == "" {
			t.Errorf("row %d has no complete receipt: %+v", i, row)
		}
	}
	if rows[2].Score != nil || rows[3].Score != nil {
		t.Error("a row that had its end was scored")
	}
	if len(w.embedded) != 1 || len(w.embedded[0]) != 2 || w.settled != 7 {
		t.Errorf("embedded %d texts for %s, want the two open rows' for %s", len(w.embedded[0]), w.settled, money.Micro(7))
	}
	if w.namespace != "acme" || len(w.upserted) != 2 {
		t.Errorf("%d vectors in namespace %q, want 2 in the team's", len(w.upserted), w.namespace)
	}
	wantMeta := map[string]any{"campaign": "c1", "state": "qualified", "fit": rows[0].Score.Score}
	if diff := cmp.Diff(wantMeta, w.upserted["p_0"].Metadata); diff != "" {
		t.Errorf("metadata, which must hold no contact data (-want +got):\n%s", diff)
	}
}

func TestScoringTwiceGivesTheSame(t *testing.T) {
	t.Parallel()
	w := newWorld(t, perfect("p_0"), hopeless("p_1"))
	first := w.run(t, score.Score)
	if diff := cmp.Diff(first, w.run(t, score.Score)); diff != "" {
		t.Errorf("(-first +second):\n%s", diff)
	}
}

func TestWithoutAnEmbedderRowsAreScoredWithoutMeaning(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		room money.Micro
		err  error
	}{
		"at the cap":  {0, nil},
		"no quota":    {money.Dollar, fault.New(fault.QuotaExhausted, "test.embed", "used up")},
		"a wrong key": {money.Dollar, fault.New(fault.Unauthenticated, "test.embed", "refused")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, perfect("p_0"))
			w.room, w.embedErr = c.room, c.err
			rows := w.run(t, score.Score)
			if r := rows[0]; r.Score == nil || r.Score.Model != "" || r.State == domain.InWork {
				t.Errorf("the row is %s with receipt %+v, want one that names no model", r.State, r.Score)
			}
			if len(w.upserted) != 0 {
				t.Errorf("%d vectors of nothing are kept", len(w.upserted))
			}
		})
	}
}

func TestPassingFailuresOfTheEmbedderAreTheStateMachines(t *testing.T) {
	t.Parallel()
	w := newWorld(t, perfect("p_0"))
	w.embedErr = fault.New(fault.Unavailable, "test.embed", "down")
	s := &score.Stage{Store: w, Budget: budget.Budget{Ledger: w}, Embedder: w, Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler)}
	if _, err := s.Run(t.Context(), score.Input{Ref: ref, Doc: "in", Phase: score.Score}); !fault.Is(err, fault.Unavailable) {
		t.Errorf("Run = %v, want Unavailable", err)
	}
	if _, err := s.Run(t.Context(), score.Input{Ref: ref, Doc: "in", Phase: "twice"}); !fault.Is(err, fault.InvalidInput) {
		t.Errorf("an unknown phase = %v, want InvalidInput", err)
	}
}

func TestSkippedEnrichersAreTheReasonForWhatIsMissing(t *testing.T) {
	t.Parallel()
	bare, known, told := perfect("p_0"), perfect("p_1"), perfect("p_2")
	bare.Prospect.Contact = domain.Contact{}
	told.Prospect.Contact, told.Missing = domain.Contact{}, map[string]string{"email": "apollo: no match"}
	w := newWorld(t, bare, known, told)
	rows := w.run(t, score.Score, task.Skip{Provider: "hunter", Error: "Unavailable"}, task.Skip{Provider: "other", Error: "Internal"})
	var got []string
	for _, r := range rows {
		got = append(got, r.Missing["email"])
	}
	if diff := cmp.Diff([]string{"hunter: Unavailable", "", "apollo: no match"}, got); diff != "" {
		t.Errorf("reasons (-want +got):\n%s", diff)
	}
}

// Whoever was found at a company before the provider was given up, and is in no
// row, is free for others to find. Who is in a row stays claimed.
func TestPeopleWhomNoRowHasAreGivenBack(t *testing.T) {
	finder := provider.Definition{Name: "apollo", Offers: map[string]provider.Offer{
		provider.OpFindPeople: {Gives: []domain.Field{domain.FieldPerson}, By: []provider.Identity{provider.ByDomain}},
	}}
	company := func(n int, refs map[string]string) domain.Row {
		p := domain.Prospect{ID: fmt.Sprint("p_", n), Source: "googleplaces", ProfileID: fmt.Sprint("g", n), Refs: refs, Company: domain.Company{Domain: fmt.Sprintf("c%d.example", n)}}
		return domain.Row{State: domain.InWork, Prospect: p}
	}
	other := company(4, map[string]string{"hunter": "other"}) // whom the next provider found
	other.Prospect.Person = domain.Person{FirstName: "Ann", LastName: "Lee"}
	w := newWorld(t, company(1, nil), company(1, nil), company(2, nil), company(3, map[string]string{"apollo": "held"}), other)
	w.profile.Query.Titles = []string{"CTO", "CEO"}
	question := func(n int) string {
		return budget.Question("apollo", provider.OpFindPeople, waterfall.Identity(finder, provider.OpFindPeople, company(n, nil).Prospect, w.profile.Query.Titles)...)
	}
	w.answers = map[string]json.RawMessage{
		question(1): json.RawMessage(`{"found":true,"prospect":{"source":"apollo","profileId":"lost"}}`),
		question(2): json.RawMessage(`{}`),
		question(3): json.RawMessage(`{"found":true,"prospect":{"source":"apollo","profileId":"held"}}`),
		question(4): json.RawMessage(`{"found":true,"prospect":{"source":"apollo","profileId":"replaced"}}`),
	}
	s := w.stage()
	s.Enrichers = map[string]provider.Definition{"apollo": finder, "hunter": {Name: "hunter"}}
	in := score.Input{Ref: ref, Doc: "in", Phase: score.Score, Skipped: []task.Skip{{Provider: "hunter", Error: "Internal"}}}
	for _, c := range []struct {
		also []task.Skip
		want []string
	}{
		{want: nil},
		{also: []task.Skip{{Provider: "apollo", Error: "Internal"}}, want: []string{domain.ProspectID("acme", "apollo", "lost"), domain.ProspectID("acme", "apollo", "replaced")}},
	} {
		in.Skipped = append(in.Skipped, c.also...)
		if _, err := s.Run(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, w.released); diff != "" {
			t.Errorf("without %v, given back (-want +got):\n%s", in.Skipped, diff)
		}
	}
	for _, call := range []string{"release", "end"} {
		w.strike = call
		if _, err := s.Run(t.Context(), in); !fault.Is(err, fault.Unavailable) {
			t.Errorf("%s that fails = %v, want what makes the state machine ask again", call, err)
		}
	}
}

// A company without anybody to contact, and a person of whom nothing is known,
// wait for a look, with the reason.
func TestWhatIsUnknownNeitherQualifiesNorRejects(t *testing.T) {
	t.Parallel()
	firm, stranger := perfect("p_0"), domain.Row{State: domain.InWork, Prospect: domain.Prospect{ID: "p_1", Person: domain.Person{FirstName: "Ann", LastName: "Lee"}}}
	firm.Prospect.Person, firm.Prospect.Contact = domain.Person{}, domain.Contact{}
	for i, want := range []string{"No person found yet", "person.title"} {
		row := newWorld(t, firm, stranger).run(t, score.Score)[i]
		if row.State != domain.Review || !strings.Contains(row.Reason, want) {
			t.Errorf("row %d is %s: %s; want review with %q", i, row.State, row.Reason, want)
		}
		if got := scoring.Recompute(*row.Score); got != row.Score.Score {
			t.Errorf("row %d: recomputed %v, receipt says %v", i, got, row.Score.Score)
		}
	}
}

// A person whose address would bounce is nobody to write to without a look.
func TestAnAddressThatBouncesIsNotConverted(t *testing.T) {
	t.Parallel()
	gone := perfect("p_0")
	gone.Prospect.Contact.EmailStatus = domain.EmailInvalid
	if got := states(newWorld(t, gone).run(t, score.Score)); got[0] != domain.Review {
		t.Errorf("the row is %s, want review", got[0])
	}
}

// A worker that dies after its texts were embedded does not make the next one
// buy the embeddings again, and the score is the same.
func TestEmbeddingsAreBoughtOnce(t *testing.T) {
	t.Parallel()
	wordless := perfect("p_1")
	wordless.Prospect.Person, wordless.Prospect.Company, wordless.Prospect.Signals = domain.Person{LastName: "Lee"}, domain.Company{}, nil
	rows := []domain.Row{perfect("p_0"), wordless, hopeless("p_2"), as(domain.Rejected, hopeless("p_3"))}
	undisturbed := newWorld(t, rows...)
	want := undisturbed.run(t, score.Score)
	for _, strike := range []string{"settle", "put"} {
		w := newWorld(t, rows...)
		w.usage, w.strike = 2, strike
		s := w.stage()
		if _, err := s.Run(t.Context(), score.Input{Ref: ref, Doc: "in", Phase: score.Score}); !fault.Is(err, fault.Unavailable) {
			t.Fatalf("%s fails, but Run = %v", strike, err)
		}
		w.strike = ""
		got := w.run(t, score.Score)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("after %s failed (-undisturbed +repeated):\n%s", strike, diff)
		}
		if len(w.embedded) != 1 || w.open != nil || w.settled < 2 || w.room+w.settled != money.Dollar {
			t.Errorf("after %s failed: embedded %d times, settled %s of %s, open %v", strike, len(w.embedded), w.settled, money.Dollar-w.room, w.open)
		}
		// Other texts are another batch.
		w.objects["in"] = []domain.Row{hopeless("p_2")}
		if w.run(t, score.Score); len(w.embedded) != 2 {
			t.Errorf("embedded %d times for two different batches", len(w.embedded))
		}
	}
}

// A reservation is the highest price: in scripts that the tokenizer does not
// know, every byte may be a token.
func TestEmbeddingsNeverCostMoreThanWasReserved(t *testing.T) {
	t.Parallel()
	row := perfect("p_0")
	row.Prospect.Person.Title = "技術部長"
	row.Prospect.Company.Description = strings.Repeat("𒀀𒀁", 200) // cuneiform
	w := newWorld(t, row)
	w.strike = "settle"
	if _, err := w.stage().Run(t.Context(), score.Input{Ref: ref, Doc: "in", Phase: score.Score}); !fault.Is(err, fault.Unavailable) {
		t.Fatal(err)
	}
	bytes := 0
	for _, text := range w.embedded[0] {
		bytes += len(text)
	}
	if price := (money.Price{Unit: 20_000}).For(float64(bytes) / 1e6); w.open.Max < price {
		t.Errorf("reserved %s for texts that may cost %s", w.open.Max, price)
	}
}
