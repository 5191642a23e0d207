package neverbounce

import (
	"context"
	"fmt"

	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
)

// checkSeconds is when NeverBounce gives up on a mail server and says unknown:
// before our own time limit, since the check is charged either way.
const checkSeconds = 10

// VerifyEmails implements [provider.EmailVerifier] for interactive use: one
// address in a call. More than one is InvalidInput; lists are for
// [Client.StartJob].
func (c *Client) VerifyEmails(ctx context.Context, emails []string) ([]provider.Verification, error) {
	if len(emails) != 1 || emails[0] == "" {
		return nil, fault.New(fault.InvalidInput, "neverbounce.verify_email", "the check takes one address; verify a list with a job")
	}
	asked := c.now()
	resp, err := c.transport.Do(ctx, checkRequest(emails[0]))
	if err != nil {
		return nil, fmt.Errorf("verify e-mail: %w", err)
	}
	answer, err := parseChecked(resp)
	if err != nil {
		return nil, fmt.Errorf("verify e-mail: %w", err)
	}
	answer.Usage = provider.Usage{Op: provider.OpVerifyEmail, Cost: c.cost(provider.OpVerifyEmail), Took: c.now().Sub(asked)}
	return []provider.Verification{answer}, nil
}

func checkRequest(email string) transport.Request {
	return transport.Request{
		Op: provider.OpVerifyEmail, Method: "POST", Path: "/single/check",
		Body:       map[string]any{"email": email, "timeout": checkSeconds},
		Idempotent: false, // charged every time
	}
}

func parseChecked(resp *transport.Response) (provider.Verification, error) {
	var w wireVerification
	if err := resp.Decode(&w); err != nil {
		return provider.Verification{}, err
	}
	if w.Result == "" {
		return provider.Verification{}, resp.Fault(fault.BadResponse, "the answer holds no verdict")
	}
	return w.verdict(), nil
}
