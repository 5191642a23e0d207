package replay

import (
	"context"
	"encoding/json"
	"time"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/store"
	"github.com/messageai/sluice/internal/waterfall"
)

// Cache is what filling the cache needs of the store.
type Cache interface {
	Ledger(ctx context.Context, ref domain.Ref) (store.Ledger, error)
	Record(ctx context.Context, ref domain.Ref, step string, record any) (found bool, err error)
	Forgotten(ctx context.Context, team string) (func(subject string) (time.Time, error), error)
	PutFirstAnswer(ctx context.Context, team, question string, answer any, life time.Duration) (earlier json.RawMessage, err error)
}

// Warmed is what came of filling the cache.
type Warmed struct {
	Answers   int `json:"answers"`   // that the cache has again
	There     int `json:"there"`     // that it had
	Old       int `json:"old"`       // that are too old, or may not be kept
	Forgotten int `json:"forgotten"` // that somebody wanted forgotten
}

// warm is an answer as the cache keeps it; see package enrich.
type warm struct {
	waterfall.Answer
	about []string
}

// Subjects implements [store.Subjected].
func (w warm) Subjects() []string { return w.about }

// Warm fills the team's cache from what a run has recorded, as far as that may
// be used and nobody wanted it forgotten since. It asks nobody and costs a write
// for each answer; what the cache has stays.
func Warm(ctx context.Context, s Cache, ref domain.Ref, now func() time.Time) (Warmed, error) {
	var out Warmed
	ledger, err := s.Ledger(ctx, ref)
	if err != nil {
		return out, err
	}
	forgotten, err := s.Forgotten(ctx, ref.Team)
	if err != nil {
		return out, err
	}
	for name, c := range ledger.Chunks {
		ref.Chunk = name
		for _, t := range c.Turns {
			var record waterfall.Record
			if _, err := s.Record(ctx, ref, t.Step, &record); err != nil {
				return out, err
			}
			for _, rec := range record.Answers {
				if err := out.add(ctx, s, ref.Team, rec, forgotten, now()); err != nil {
					return out, err
				}
			}
		}
	}
	return out, nil
}

func (w *Warmed) add(ctx context.Context, s Cache, team string, rec waterfall.Recorded, forgotten func(string) (time.Time, error), now time.Time) error {
	if !rec.Usable(now) || !now.Before(rec.Fresh) {
		w.Old++
		return nil
	}
	for _, subject := range rec.About {
		at, err := forgotten(subject)
		if err != nil {
			return err
		}
		if at.After(rec.At) {
			w.Forgotten++
			return nil
		}
	}
	life := rec.Fresh.Sub(now)
	if rest := rec.Until.Sub(now); rest < life {
		life = rest
	}
	a := rec.Answer
	a.At = rec.At.Unix()
	earlier, err := s.PutFirstAnswer(ctx, team, rec.Key, warm{Answer: a, about: rec.About}, life)
	if err != nil {
		return err
	}
	if earlier != nil {
		w.There++
	} else {
		w.Answers++
	}
	return nil
}
