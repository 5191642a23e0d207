package discover

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"github.com/messageai/sluice/internal/budget"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/store"
)

// pagesAtOnce is how many pages one reservation covers: about a chunk of the
// source with the smallest pages.
const pagesAtOnce = 12

// pageLife is how long a paid page is kept.
const pageLife = 24 * time.Hour

// kept is a paid page in the cache. It stays there until the shard is surely
// past it, so that a worker that takes over does not buy it again.
type kept struct {
	Order string        `json:"order"` // reservation that it was bought under
	Page  provider.Page `json:"page"`
}

// purse is the money that the worker has set aside for pages.
type purse struct {
	known bool               // the ledger was asked
	open  *store.Reservation // nil: none
	left  bool               // by a killed worker
	spent money.Micro        // under open
	made  int                // reservations of this shard so far
}

// page gets the page in work.
func (w *worker) page(ctx context.Context) (provider.Page, error) {
	q := provider.Query{
		Titles: w.shard.Query.Titles, Sizes: w.shard.Query.Sizes, Locations: w.shard.Query.Locations,
		Industries: w.shard.Query.Industries,
	}
	number, cursor := w.tail.Search, w.tail.Cursor
	if len(w.shard.Searches) > 0 {
		q.Keywords = []string{w.shard.Searches[number]}
	}
	if w.shard.MaxPrice == 0 {
		return w.source.Discover(ctx, q, cursor)
	}
	question := budget.Question(w.shard.Source, provider.OpDiscover, w.job.Run, w.shard.ID, strconv.Itoa(number), cursor)
	if page, ok, err := w.cached(ctx, question); ok || err != nil {
		return page, err
	}
	if err := w.reserve(ctx); err != nil {
		return provider.Page{}, err
	}
	page, err := w.source.Discover(ctx, q, cursor)
	cost := page.Usage.Cost
	if fault.Is(err, fault.Unclear, fault.BadResponse) {
		cost = w.shard.MaxPrice // an answer that was lost or cannot be read may have been charged
	}
	w.purse.spent += cost
	if err != nil {
		return page, err
	}
	// Kept even if the deadline has passed: it is paid for.
	keep, cancel := budget.Keeping(ctx)
	defer cancel()
	return page, w.Store.PutAnswer(keep, w.job.Team, question, kept{Order: w.purse.open.ID, Page: page}, pageLife)
}

// cached returns a page that a worker before this one bought.
func (w *worker) cached(ctx context.Context, question string) (page provider.Page, ok bool, err error) {
	if !w.purse.known {
		left, err := w.Budget.Recover(ctx, w.job.Ref, w.shard.Source)
		if err != nil {
			return page, false, err
		}
		w.purse = purse{known: true, open: left.Open, left: left.Open != nil, made: left.Made}
	}
	known, err := w.Store.Answers(ctx, w.job.Team, []string{question}, true)
	if err != nil {
		return page, false, err
	}
	raw, ok := known[question]
	if !ok {
		return page, false, nil
	}
	var k kept
	if err := json.Unmarshal(raw, &k); err != nil {
		return page, false, fault.Wrap(fault.Internal, "discover.cached", err)
	}
	if w.purse.left && k.Order == w.purse.open.ID {
		w.purse.spent += k.Page.Usage.Cost
	}
	return k.Page, true, nil
}

// reserve sets the price of the next page aside, together with that of the
// pages after it, as far as the cap allows.
func (w *worker) reserve(ctx context.Context) error {
	p := &w.purse
	if p.left {
		// The killed worker may have asked for this page and lost the answer.
		if err := w.settle(ctx, w.shard.MaxPrice); err != nil {
			return err
		}
	}
	if p.open != nil && p.spent+w.shard.MaxPrice <= p.open.Max {
		return nil
	}
	if err := w.settle(ctx, 0); err != nil {
		return err
	}
	for pages := money.Micro(pagesAtOnce); ; pages /= 2 {
		r := store.Reservation{ID: budget.ID(w.job.Ref, w.shard.Source, p.made), Provider: w.shard.Source, Max: pages * w.shard.MaxPrice}
		err := w.Budget.Ledger.Reserve(ctx, w.job.Ref, r)
		if err == nil {
			p.open = &r
			p.made++
			return nil
		}
		if !fault.Is(err, fault.CapReached) || pages == 1 {
			return err
		}
	}
}

// settle books what was spent under the open reservation. For one that a
// killed worker left, lost is added: what it may have spent unseen.
func (w *worker) settle(ctx context.Context, lost money.Micro) error {
	p := &w.purse
	if p.open == nil {
		return nil
	}
	spent := p.spent
	if p.left {
		spent += lost
	}
	if err := w.Budget.Ledger.Settle(ctx, w.job.Ref, *p.open, min(spent, p.open.Max)); err != nil {
		return err
	}
	p.open, p.left, p.spent = nil, false, 0
	return nil
}
