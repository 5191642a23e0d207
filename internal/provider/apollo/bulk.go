package apollo

import (
	"maps"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
)

// bulk is what came of one bulk call, before it is known which record answers
// which question.
type bulk struct {
	resp      *transport.Response
	questions int
	records   []domain.Prospect // each once
	credits   *float64          // what the provider says was consumed
	missing   *float64          // how many questions it says it has no record for
	like      func(question, record int) likeness
	usage     provider.Usage // of the whole call
}

// likeness is how surely a record answers a question.
type likeness int

const (
	unlike    likeness = iota
	namesake           // the name alone
	same               // address, profile, domain, or name at the domain
	identical          // the provider's id
)

// mostCredits is the most that one record can cost: a person with a mobile
// number, for which nobody asks.
const mostCredits = 9

// creditsUsed is what the provider says, which may be a fraction; where it says
// nothing that can be true, one credit for each record.
func (b bulk) creditsUsed() float64 {
	if b.credits != nil && *b.credits >= 0 && *b.credits <= mostCredits*maxBatch {
		return *b.credits
	}
	return float64(len(b.records))
}

// answers gives each question its record, and the cost of the call to those for
// whom it was paid.
func (b bulk) answers() []provider.Answer {
	of, stray := b.join()
	answers := make([]provider.Answer, b.questions)
	paid := map[int]bool{}
	var payers []int
	for q, r := range of {
		a := &answers[q]
		switch {
		case r >= 0:
			a.Found, a.Prospect = true, own(b.records[r])
			if !paid[r] { // asked for twice, charged once
				paid[r] = true
				payers = append(payers, q)
			}
		case stray > 0:
			// It may be the one that was paid for.
			a.Err = b.resp.Fault(fault.Unclear, "the batch has a record that cannot be assigned to any question, perhaps to this one; asking again may be charged again")
			payers = append(payers, q)
		}
	}
	spread(b.usage, answers, payers)
	return answers
}

// own is a record that shares no map with another answer.
func own(p domain.Prospect) domain.Prospect {
	p.Provenance = maps.Clone(p.Provenance)
	return p
}

// join returns for each question the record that answers it, -1 for none, and
// how many records answer none. Never by position: a record that is missing may
// be null or left out.
func (b bulk) join() (of []int, stray int) {
	of = make([]int, b.questions)
	used := make([]bool, len(b.records))
	take := func(q, r int) { of[q], used[r] = r, true }
	for q := range of {
		of[q] = -1
		best := namesake
		for r := range b.records {
			if l := b.like(q, r); l > best {
				best, of[q] = l, r
			}
		}
		if of[q] >= 0 {
			used[of[q]] = true
		}
	}
	// A name says who it is if nobody else of that name was asked for or came.
	byName := map[int][]int{} // records of a name by question
	claims := make([]int, len(b.records))
	for q := range of {
		for r := range b.records {
			if of[q] < 0 && !used[r] && b.like(q, r) == namesake {
				byName[q] = append(byName[q], r)
				claims[r]++
			}
		}
	}
	for q, found := range byName {
		if len(found) == 1 && claims[found[0]] == 1 {
			take(q, found[0])
		}
	}
	open, left := none(of), unused(used)
	if b.missing != nil && *b.missing == 0 && len(open) == 1 && len(left) == 1 {
		take(open[0], left[0]) // everybody was found, and all others have theirs
		left = nil
	}
	return of, len(left)
}

func none(of []int) (open []int) {
	for q, r := range of {
		if r < 0 {
			open = append(open, q)
		}
	}
	return open
}

func unused(used []bool) (left []int) {
	for r, is := range used {
		if !is {
			left = append(left, r)
		}
	}
	return left
}

// spread divides the cost of a call over the payers, or over all if there is
// none, so that the parts add up to it exactly.
func spread(usage provider.Usage, answers []provider.Answer, payers []int) {
	total := usage.Cost
	usage.Cost = 0
	for i := range answers {
		answers[i].Usage = usage
	}
	if len(payers) == 0 {
		for i := range answers {
			payers = append(payers, i)
		}
	}
	n := money.Micro(len(payers))
	for i, at := range payers {
		share := total / n
		if money.Micro(i) < total%n {
			share++
		}
		answers[at].Usage.Cost = share
	}
}
