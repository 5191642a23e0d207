package hunter

import (
	"context"
	"fmt"
	"net/url"

	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
)

// VerifyEmails implements [provider.EmailVerifier].
func (c *Client) VerifyEmails(ctx context.Context, emails []string) ([]provider.Verification, error) {
	verdicts := make([]provider.Verification, len(emails))
	for i, email := range emails {
		var err error
		if verdicts[i], err = c.verifyEmail(ctx, email); err != nil {
			return nil, err
		}
	}
	return verdicts, nil
}

func (c *Client) verifyEmail(ctx context.Context, email string) (provider.Verification, error) {
	if email == "" {
		return provider.Verification{}, fault.New(fault.InvalidInput, "hunter.verify_email", "there is no address to verify")
	}
	asked := c.now()
	resp, err := c.transport.Do(ctx, verifyRequest(email))
	if err != nil {
		return provider.Verification{}, fmt.Errorf("verify e-mail: %w", err)
	}
	answer, err := parseVerified(resp)
	if err != nil {
		return provider.Verification{}, fmt.Errorf("verify e-mail: %w", err)
	}
	answer.Usage = c.usage(provider.OpVerifyEmail, creditsPerCheck, asked)
	return answer, nil
}

func verifyRequest(email string) transport.Request {
	return transport.Request{
		Op: provider.OpVerifyEmail, Method: "GET", Path: "/email-verifier",
		Query:      url.Values{"email": {email}},
		Idempotent: true, // "as often as you like, it is counted once"
	}
}

func parseVerified(resp *transport.Response) (provider.Verification, error) {
	var w wireVerified
	if err := resp.Decode(&w); err != nil {
		return provider.Verification{}, err
	}
	if w.Data == nil || w.Data.Status == "" {
		return provider.Verification{}, resp.Fault(fault.BadResponse, "the answer holds no verdict")
	}
	return provider.Verification{Status: emailStatus(w.Data.Status), Reason: reason(w.Data.Status)}, nil
}
