package lusha

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
)

// call is what a batch call of one operation needs.
type call struct {
	op, step string
	request  func(asked []domain.Prospect) (transport.Request, error)
	parse    func(resp *transport.Response, n int) ([]provider.Answer, error)
}

// ask makes a batch call: one answer for each prospect, in order.
func (c *Client) ask(ctx context.Context, k call, prospects []domain.Prospect) ([]provider.Answer, error) {
	if len(prospects) == 0 {
		return nil, nil
	}
	if len(prospects) > batch {
		return nil, fault.New(fault.InvalidInput, "lusha."+k.op, "a call takes at most "+strconv.Itoa(batch)+" prospects")
	}
	req, err := k.request(prospects)
	if err != nil {
		return nil, err
	}
	asked := c.now()
	resp, err := c.transport.Do(ctx, req)
	if fault.Is(err, fault.Blocked) && len(prospects) > 1 {
		return c.halves(ctx, k, prospects), nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", k.step, err)
	}
	answers, err := k.parse(resp, len(prospects))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", k.step, err)
	}
	took := c.now().Sub(asked)
	for i := range answers {
		answers[i].Usage.Op, answers[i].Usage.Took = k.op, took
	}
	return answers, nil
}

// halves asks both halves of a batch that was refused for legal reasons without
// saying for whom. What fails is the error of its part alone, since the other
// part may have been paid for.
func (c *Client) halves(ctx context.Context, k call, prospects []domain.Prospect) []provider.Answer {
	answers := make([]provider.Answer, 0, len(prospects))
	middle := len(prospects) / 2
	for _, half := range [][]domain.Prospect{prospects[:middle], prospects[middle:]} {
		part, err := c.ask(ctx, k, half)
		if err != nil {
			part = make([]provider.Answer, len(half))
			for i := range part {
				part[i] = provider.Answer{Err: err, Usage: provider.Usage{Op: k.op}}
			}
		}
		answers = append(answers, part...)
	}
	return answers
}

// entry is one result of a batch.
type entry interface {
	head() wireHead
	prospect(at time.Time) domain.Prospect
	credits(op string, r rates) int64 // what it costs by the rules
}

// join puts results into the order of the question, by our reference.
func join[T entry](resp *transport.Response, r rates, results []T, billing wireBilling, n int) ([]provider.Answer, error) {
	if results == nil {
		return nil, resp.Fault(fault.BadResponse, "the answer holds no results")
	}
	answers := make([]provider.Answer, n)
	credits := make([]int64, n)
	heard := make([]bool, n)
	for _, result := range results {
		i, err := strconv.Atoi(result.head().Reference)
		if err != nil || i < 0 || i >= n || heard[i] || reference(i) != result.head().Reference {
			continue // it answers nothing that was asked
		}
		heard[i] = true
		switch found, err := result.head().verdict(resp); {
		case err != nil:
			answers[i].Err = err
		case found:
			answers[i].Found, answers[i].Prospect = true, result.prospect(resp.At.UTC())
			credits[i] = result.credits(resp.Op, r)
		}
	}
	for i := range answers {
		if !heard[i] {
			answers[i].Err = resp.Fault(fault.BadResponse, "the answer leaves this prospect out")
		}
	}
	if err := r.book(resp, billing, answers, credits); err != nil {
		return nil, err
	}
	return answers, nil
}

// reference is our name for a prospect within one call. It says nothing about
// them.
func reference(i int) string { return strconv.Itoa(i) }

func (c *Client) nameless(op string, i int) error {
	return fault.New(fault.InvalidInput, "lusha."+op, "nothing identifies prospect "+strconv.Itoa(i+1)+" of the batch; see the offer for what is needed")
}
