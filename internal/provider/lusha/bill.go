package lusha

import (
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
)

// mostCredits is more than any call can cost; beyond it a bill is nonsense.
const mostCredits = 1_000_000

// book puts what a call cost on its answers. credits is what each of them would
// cost by the rules: an answer's share of the bill, and the bill itself if the
// provider sent none.
func (r rates) book(resp *transport.Response, billing wireBilling, answers []provider.Answer, credits []int64) error {
	var charged float64
	for _, n := range credits {
		charged += float64(n)
	}
	if billing.Credits != nil {
		charged = *billing.Credits
	}
	if charged < 0 || charged > mostCredits {
		return resp.Fault(fault.BadResponse, "the bill holds no sensible number of credits")
	}
	total := money.Price{Unit: r.credit}.For(charged)
	for i, part := range spread(total, bearers(answers, credits)) {
		answers[i].Usage.Cost = part
	}
	return nil
}

// bearers are the weights by which answers bear a charge: those that cost
// something by the rules; if there are none, for example when a call has a
// minimum price, the misses; then whatever there is. A row that failed may be
// asked again and should not carry a price if another can.
func bearers(answers []provider.Answer, credits []int64) []int64 {
	misses := make([]int64, len(answers))
	all := make([]int64, len(answers))
	for i, a := range answers {
		all[i] = 1
		if a.Err == nil {
			misses[i] = 1
		}
	}
	for _, weights := range [][]int64{credits, misses} {
		for _, w := range weights {
			if w > 0 {
				return weights
			}
		}
	}
	return all
}

// spread divides an amount by weights, of which one at least is not zero, so
// that the parts add up to it exactly.
func spread(total money.Micro, weights []int64) []money.Micro {
	var sum int64
	for _, w := range weights {
		sum += w
	}
	parts := make([]money.Micro, len(weights))
	each, rest := int64(total)/sum, int64(total)%sum
	var seen, given int64
	for i, w := range weights {
		seen += w
		upTo := each*seen + rest*seen/sum
		parts[i], given = money.Micro(upTo-given), upTo
	}
	return parts
}
