package hunter

import (
	"context"
	"fmt"
	"net/url"

	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
)

// FindEmail implements [provider.EmailFinder].
func (c *Client) FindEmail(ctx context.Context, q provider.EmailQuery) (provider.EmailAnswer, error) {
	if q.FirstName == "" || q.LastName == "" || q.Domain == "" {
		return provider.EmailAnswer{}, fault.New(fault.InvalidInput, "hunter.find_email", "first name, last name and domain are all needed to find an address")
	}
	asked := c.now()
	resp, err := c.transport.Do(ctx, findRequest(q))
	if err != nil {
		return provider.EmailAnswer{}, fmt.Errorf("find e-mail: %w", err)
	}
	answer, err := parseFound(resp)
	if err != nil {
		return provider.EmailAnswer{}, fmt.Errorf("find e-mail: %w", err)
	}
	units := 0.0
	if answer.Found {
		units = creditsPerAddress
	}
	answer.Usage = c.usage(provider.OpFindEmail, units, asked)
	return answer, nil
}

func findRequest(q provider.EmailQuery) transport.Request {
	return transport.Request{
		Op: provider.OpFindEmail, Method: "GET", Path: "/email-finder",
		Query:      url.Values{"domain": {q.Domain}, "first_name": {q.FirstName}, "last_name": {q.LastName}},
		Idempotent: true, // not charged twice
	}
}

func parseFound(resp *transport.Response) (provider.EmailAnswer, error) {
	if resp.Status == 404 {
		return provider.EmailAnswer{}, nil
	}
	var w wireFound
	if err := resp.Decode(&w); err != nil {
		return provider.EmailAnswer{}, err
	}
	if w.Data == nil || w.Data.Email == nil || *w.Data.Email == "" {
		return provider.EmailAnswer{}, nil
	}
	answer := provider.EmailAnswer{Found: true, Email: *w.Data.Email}
	if w.Data.Score != nil {
		answer.Confidence = min(max(*w.Data.Score/100, 0), 1)
	}
	if v := w.Data.Verification; v != nil && v.Status != nil {
		answer.Status = v.emailStatus(resp.At)
	}
	return answer, nil
}
