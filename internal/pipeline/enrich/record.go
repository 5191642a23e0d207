package enrich

import (
	"context"
	"strings"
	"time"

	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/waterfall"
)

// recordLife is how long what a turn used is kept, unless the provider's terms
// are stricter. The template deletes the objects then.
const recordLife = 30 * 24 * time.Hour

// record notes that rows are given an answer, and whether the cache had it. It
// returns the time that it notes.
func (c *chunk) record(q question, rows []int, a answer, given waterfall.Answer) time.Time {
	now := c.Now().UTC()
	own, paid := c.paid(a)
	rec := waterfall.Recorded{
		Key: q.key, Op: q.op, Rows: rows, About: waterfall.Subjects(c.name, q.about, a.Answer), At: now, Until: c.until(a, now),
		Answer: a.Answer, Paid: paid, Worth: a.worth(), Cached: given.Cached, TookMS: given.TookMS,
	}
	if !c.source.Definition.Terms.MayStore {
		rec.Withheld, rec.Answer = true, waterfall.Answer{}
	}
	if a.Failed != fault.Unavailable {
		rec.Fresh = time.Unix(a.At, 0).UTC().Add(c.life(a))
	}
	c.used.Answers = append(c.used.Answers, rec)
	c.tally.Questions++
	if !own {
		c.tally.Hits++
		c.tally.Saved += rec.Worth
	}
	return now
}

// recordSuppressed notes that a row was taken out, and when.
func (c *chunk) recordSuppressed(row int) {
	if c.used.Suppressed == nil {
		c.used.Suppressed = map[int]int{}
	}
	c.used.Suppressed[row] = len(c.used.Answers)
}

// paid reports whether this chunk, in this attempt or an earlier one, asked for
// an answer, and what it was charged.
func (c *chunk) paid(a answer) (own bool, sum money.Micro) {
	prefix := c.ref.Run + "/" + c.ref.Chunk + "/"
	if strings.HasPrefix(a.Order, prefix) {
		own, sum = true, a.Cost
	}
	for order, cost := range a.Also {
		if strings.HasPrefix(order, prefix) {
			own = true
			sum += cost
		}
	}
	return own, sum
}

// worth is what the answer cost whoever bought it.
func (a answer) worth() money.Micro {
	most := a.Cost
	for _, cost := range a.Also {
		most = max(most, cost)
	}
	return most
}

// until is until when what is recorded of an answer may be used: as long as
// records are kept, or as the provider's terms allow from its purchase.
func (c *chunk) until(a answer, now time.Time) time.Time {
	until := now.Add(recordLife)
	if keep := c.source.Definition.Terms.StoreFor; keep > 0 && a.Found {
		if end := time.Unix(a.At, 0).UTC().Add(keep); end.Before(until) {
			return end
		}
	}
	return until
}

// putRecord writes what the turn used, in one object. A turn that used nothing
// leaves none.
func (c *chunk) putRecord(ctx context.Context, step string) error {
	if len(c.used.Answers) == 0 && len(c.used.Suppressed) == 0 {
		return nil
	}
	return c.Store.PutRecord(ctx, c.ref, step, c.used)
}
