package zerobounce

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
)

// giveUp is after how many seconds ZeroBounce is to call the rest unknown:
// before our own time limit, after which verdicts would be paid and lost.
const giveUp = 15

// VerifyEmails implements [provider.EmailVerifier]. An address that occurs twice
// is asked for once and its second verdict is free.
func (c *Client) VerifyEmails(ctx context.Context, emails []string) ([]provider.Verification, error) {
	if len(emails) > mostAddresses {
		return nil, fault.New(fault.InvalidInput, "zerobounce.verify_email", fmt.Sprintf("a call takes at most %d addresses", mostAddresses))
	}
	var different []string
	place := map[string]int{} // among the different ones
	for _, email := range emails {
		if strings.TrimSpace(email) == "" {
			return nil, fault.New(fault.InvalidInput, "zerobounce.verify_email", "there is no address to verify")
		}
		if _, seen := place[key(email)]; !seen {
			place[key(email)] = len(different)
			different = append(different, email)
		}
	}
	ask := c.batch
	switch len(different) {
	case 0:
		return nil, nil
	case 1:
		ask = c.single
	}
	verdicts, err := ask(ctx, different)
	if err != nil {
		return nil, fmt.Errorf("verify e-mail: %w", c.explain(ctx, err, len(different)))
	}
	answers := make([]provider.Verification, len(emails))
	paid := make([]bool, len(different))
	for i, email := range emails {
		at := place[key(email)]
		answers[i] = verdicts[at]
		if paid[at] {
			answers[i].Usage.Cost = 0
		}
		paid[at] = true
	}
	return answers, nil
}

// key is what addresses are joined by: ZeroBounce may write one in lower case.
func key(email string) string { return strings.ToLower(strings.TrimSpace(email)) }

func (c *Client) single(ctx context.Context, emails []string) ([]provider.Verification, error) {
	asked := c.now()
	resp, err := c.transport.Do(ctx, singleRequest(emails[0]))
	if err != nil {
		return nil, err
	}
	var w wireVerdict
	if err := resp.Decode(&w); err != nil {
		return nil, err
	}
	v := w.verdict()
	v.Usage = provider.Usage{Op: provider.OpVerifyEmail, Cost: c.cost(provider.OpVerifyEmail, w), Took: c.now().Sub(asked)}
	return []provider.Verification{v}, nil
}

func singleRequest(email string) transport.Request {
	return transport.Request{
		Op: provider.OpVerifyEmail, Method: "GET", Path: "/validate",
		// The IP address is required and may be empty.
		Query:      url.Values{"email": {email}, "ip_address": {""}, "timeout": {strconv.Itoa(giveUp)}},
		Idempotent: false, // taken to be charged again
	}
}

// cost is what a verdict was charged.
func (c *Client) cost(op string, w wireVerdict) money.Micro {
	if w.free() {
		return 0
	}
	return c.prices.Operations[op].For(1)
}

func (c *Client) batch(ctx context.Context, emails []string) ([]provider.Verification, error) {
	asked := c.now()
	resp, err := c.transport.Do(ctx, batchRequest(emails))
	if err != nil {
		return nil, err
	}
	return c.parseBatch(resp, emails, provider.Usage{Op: opBatch, Took: c.now().Sub(asked)})
}

func batchRequest(emails []string) transport.Request {
	body := wireQuestion{Timeout: giveUp}
	for _, email := range emails {
		body.Batch = append(body.Batch, wireAddress{Email: email})
	}
	return transport.Request{
		Op: opBatch, Method: "POST", Host: bulkHost, Path: "/validatebatch", Body: body,
		Idempotent: false, // taken to be charged again
	}
}

// parseBatch joins the answer with the question; usage is that of what costs
// nothing. What has neither verdict nor error has the error of the whole batch,
// if there is one.
func (c *Client) parseBatch(resp *transport.Response, emails []string, usage provider.Usage) ([]provider.Verification, error) {
	var w wireBatch
	if err := resp.Decode(&w); err != nil {
		return nil, err
	}
	rest := resp.Fault(fault.BadResponse, "the answer holds no verdict on the address")
	known := map[string]provider.Verification{}
	for _, e := range w.Errors {
		problem := resp.Fault(fault.InvalidInput, "the provider did not accept the address")
		switch {
		case e.keyOrCredits(): // the key was good for the others
			problem = resp.Fault(fault.QuotaExhausted, "the credits were used up before the end of the list; buy more or use another provider")
		case e.all():
			problem = resp.Fault(fault.Unavailable, "the provider did not finish the list; ask again")
		}
		if e.all() {
			rest = problem
			continue
		}
		known[key(e.Email)] = provider.Verification{Err: problem, Usage: usage}
	}
	for _, v := range w.Verdicts {
		if v.Status == "" {
			continue
		}
		answer := v.verdict()
		answer.Usage = usage
		answer.Usage.Cost = c.cost(opBatch, v)
		known[key(v.Address)] = answer
	}
	answers := make([]provider.Verification, len(emails))
	for i, email := range emails {
		answer, ok := known[key(email)]
		if !ok {
			answer = provider.Verification{Err: rest, Usage: usage}
		}
		answers[i] = answer
	}
	return answers, nil
}
