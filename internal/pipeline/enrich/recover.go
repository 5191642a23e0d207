package enrich

import (
	"context"
	"encoding/json"

	"github.com/messageai/sluice/internal/budget"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/store"
)

// replay applies every answer that the cache has, until each row is at a
// question that was never answered.
func (c *chunk) replay(ctx context.Context) error {
	for {
		var names []string
		at := map[string][]int{}
		for i := range c.rows {
			if q, more := c.next(&c.rows[i]); more {
				if len(at[q.key]) == 0 {
					names = append(names, q.key)
				}
				at[q.key] = append(at[q.key], i)
			}
		}
		found, err := c.Store.Answers(ctx, c.ref.Team, names, c.begun)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return nil
		}
		for _, key := range names {
			raw, ok := found[key]
			if !ok {
				continue
			}
			var a answer
			if err := json.Unmarshal(raw, &a); err != nil {
				return fault.Wrap(fault.Internal, "enrich.replay", err)
			}
			c.bought[a.Order] += a.Cost
			for order, cost := range a.Also {
				c.bought[order] += cost
			}
			for _, i := range at[key] {
				q, _ := c.next(&c.rows[i])
				if err := c.use(ctx, &c.rows[i], q, raw); err != nil {
					return err
				}
			}
		}
	}
}

// settleLost closes what a killed worker left open. Rows are begun in the
// order of the reservation, at most rowsAtOnce at a time, so only the first
// (answered + rowsAtOnce) can have a question out whose answer was lost.
func (c *chunk) settleLost(ctx context.Context, left store.Reservation) error {
	position := map[string]int{}
	for n := 0; n+store.QuestionSize <= len(left.Questions); n += store.QuestionSize {
		position[string(left.Questions[n:n+store.QuestionSize])] = n / store.QuestionSize
	}
	pending := map[int]int{} // position in the reservation -> row
	for i := range c.rows {
		pos, asked := position[string(budget.Short(c.rows[i].Prospect.ID))]
		if _, more := c.next(&c.rows[i]); asked && more {
			pending[pos] = i
		}
	}
	begun := len(position) - len(pending) + rowsAtOnce
	order := c.ref.Run + "/" + left.ID
	spent := c.bought[order]
	lost := map[string]bool{} // two rows may have asked the same
	for pos, i := range pending {
		q, _ := c.next(&c.rows[i])
		cost := q.price.Max()
		if pos >= begun || cost == 0 || lost[q.key] || c.prepaid[q.key] {
			continue // never asked, free, or the same answer
		}
		spent += cost
		if c.source.Definition.RepeatFree {
			c.prepaid[q.key] = true // asked again below, at no further cost
			continue
		}
		lost[q.key] = true
		if _, err := c.keep(ctx, q, answer{Unclear: true, Cost: cost, Order: order}); err != nil {
			return err
		}
	}
	if err := c.Budget.Ledger.Settle(ctx, c.ref, left, min(spent, left.Max)); err != nil {
		return err
	}
	if len(lost) == 0 {
		return nil
	}
	return c.replay(ctx) // gives every row that waits for a lost answer its end
}
