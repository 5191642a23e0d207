package replay

import (
	"cmp"
	"maps"
	"slices"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/store"
	"github.com/messageai/sluice/internal/waterfall"
)

// Report is what a replay says.
type Report struct {
	RunID   string   `json:"runId"`
	Changed []string `json:"changed"` // icp, order, weights; empty: nothing
	// Rows are the run's rows by state, and as they would be.
	Rows struct {
		Run    domain.Counts `json:"run"`
		Replay domain.Counts `json:"replay"`
	} `json:"rows"`
	Leads Leads `json:"leads"`
	// Spend is what enrichment cost, and would have cost, by provider.
	Spend map[string]Spend `json:"spend"`
	// Unknown are questions that the run never asked, taken to bring nothing.
	Unknown []Unknown `json:"unknown"`
	// Expired counts answers that the provider's terms do not allow to use any more.
	Expired int `json:"expired"`
	// WithoutMeaning counts rows scored with a similarity less than in the run,
	// since a text would have to be embedded for money.
	WithoutMeaning int `json:"withoutMeaning"`
	// NotReplayed are chunks that the run did not finish, and why.
	NotReplayed map[string]string `json:"notReplayed,omitempty"`
	Hash        string            `json:"hash"`    // of the rows of the replay
	RunHash     string            `json:"runHash"` // of the run's own
	Same        bool              `json:"same"`    // they are the same
}

// Leads is how the run's leads would differ.
type Leads struct {
	Kept   int      `json:"kept"`
	Gained []string `json:"gained"` // prospects that would qualify
	Lost   []string `json:"lost"`   // prospects that would not
}

// Spend is what one provider cost.
type Spend struct {
	Run       money.Micro `json:"runMicroUsd"`    // in the run
	Replay    money.Micro `json:"replayMicroUsd"` // for the same answers, as far as they would be asked for
	Questions int         `json:"questions"`      // that would be asked and are known
	// What unknown questions would cost on top.
	Unknown  int         `json:"unknown"`
	Expected money.Micro `json:"expectedMicroUsd"`
	Highest  money.Micro `json:"highestMicroUsd"`
}

// Unknown is a kind of question that was never asked.
type Unknown struct {
	Provider  string      `json:"provider"`
	Op        string      `json:"op"`
	Questions int         `json:"questions"`
	Expected  money.Micro `json:"expectedMicroUsd"` // by what the team has learned
	Highest   money.Micro `json:"highestMicroUsd"`  // by the price table
}

func newReport(run string, change Change) Report {
	r := Report{RunID: run, Changed: []string{}, Spend: map[string]Spend{}, Unknown: []Unknown{}, NotReplayed: map[string]string{}}
	r.Leads.Gained, r.Leads.Lost = []string{}, []string{}
	for _, part := range []struct {
		name string
		set  bool
	}{{"icp", change.ICP != nil}, {"order", change.Order != nil}, {"weights", change.Weights != nil}} {
		if part.set {
			r.Changed = append(r.Changed, part.name)
		}
	}
	return r
}

// The methods below do nothing on nil: the first pass of a replay counts
// nothing.

func (r *Report) notReplayed(chunk string, c store.Chunk) {
	if r == nil {
		return
	}
	why := "it was not finished"
	if c.Failure != "" {
		why = "it ended early: " + c.Failure
	}
	r.NotReplayed[chunk] = why
}

func (r *Report) expired(n int) {
	if r != nil {
		r.Expired += n
	}
}

func (r *Report) withoutMeaning() {
	if r != nil {
		r.WithoutMeaning++
	}
}

func (r *Report) change(name string, with func(*Spend)) {
	if r == nil {
		return
	}
	s := r.Spend[name]
	with(&s)
	r.Spend[name] = s
}

// paid counts what the run paid.
func (r *Report) paid(name string, rec waterfall.Recorded) {
	r.change(name, func(s *Spend) { s.Run += rec.Paid })
}

// bill counts what the same answer costs in the replay.
func (r *Report) bill(name string, rec waterfall.Recorded) {
	r.change(name, func(s *Spend) { s.Replay, s.Questions = s.Replay+rec.Paid, s.Questions+1 })
}

func (r *Report) unknown(step waterfall.Step, highest, expected money.Micro) {
	r.change(step.Provider, func(s *Spend) {
		s.Unknown, s.Highest, s.Expected = s.Unknown+1, s.Highest+highest, s.Expected+expected
	})
	if r == nil {
		return
	}
	at, found := slices.BinarySearchFunc(r.Unknown, step, func(u Unknown, s waterfall.Step) int {
		return cmp.Or(cmp.Compare(u.Provider, s.Provider), cmp.Compare(u.Op, s.Op))
	})
	if !found {
		r.Unknown = slices.Insert(r.Unknown, at, Unknown{Provider: step.Provider, Op: step.Op})
	}
	u := &r.Unknown[at]
	u.Questions, u.Highest, u.Expected = u.Questions+1, u.Highest+highest, u.Expected+expected
}

// compare counts the rows of a chunk.
func (r *Report) compare(base, rows []domain.Row) error {
	for i := range rows {
		if rows[i].Prospect.ID != base[i].Prospect.ID {
			return fault.New(fault.Internal, "replay.compare", "the run's rows are in another order than they were discovered in")
		}
		if err := errorsOf(r.Rows.Run.Add(base[i].State, 1), r.Rows.Replay.Add(rows[i].State, 1)); err != nil {
			return err
		}
		was, is := base[i].State == domain.Qualified, rows[i].State == domain.Qualified
		switch {
		case was && is:
			r.Leads.Kept++
		case was:
			r.Leads.Lost = append(r.Leads.Lost, base[i].Prospect.ID)
		case is:
			r.Leads.Gained = append(r.Leads.Gained, base[i].Prospect.ID)
		}
	}
	r.Rows.Run.In += len(rows)
	r.Rows.Replay.In += len(rows)
	return nil
}

// discovered counts what never came into a chunk.
func (r *Report) discovered(sh store.Shard) {
	for _, c := range []*domain.Counts{&r.Rows.Run, &r.Rows.Replay} {
		c.In += sh.Duplicates
		c.Duplicate += sh.Duplicates
	}
}

// Providers are those of the report's spend, in order.
func (r *Report) Providers() []string { return slices.Sorted(maps.Keys(r.Spend)) }
