package transport

import (
	"context"
	"errors"
	"net/http"

	"github.com/messageai/sluice/internal/fault"
)

// secret returns the fields of the provider's secret. A missing key is a fault
// that tells a person where to put it.
func (c *Client) secret(ctx context.Context, op string, refresh bool) (map[string]string, error) {
	if c.opts.Auth.Kind == AuthNone {
		return nil, nil
	}
	fields, err := c.opts.Secret(ctx, refresh)
	if err != nil {
		// The text of an unknown error may quote the secret.
		if e, ok := errors.AsType[*fault.Error](err); ok {
			return nil, &fault.Error{Kind: e.Kind, Op: c.opts.Name + "." + op, Provider: c.opts.Name, Message: e.Message, RetryAfter: e.RetryAfter}
		}
		return nil, &fault.Error{Kind: fault.KindOf(err), Op: c.opts.Name + "." + op, Provider: c.opts.Name, Message: "the provider's secret cannot be read"}
	}
	if c.key(fields) == "" {
		where := c.opts.SecretName
		if where == "" {
			where = "providers/" + c.opts.Name
		}
		return nil, &fault.Error{
			Kind: fault.Unauthenticated, Op: c.opts.Name + "." + op, Provider: c.opts.Name,
			Message: "no key for " + c.opts.Name + ": put {\"" + c.opts.SecretFields[0] + "\":\"...\"} into the secret " + where,
		}
	}
	return fields, nil
}

// key returns the API key among the fields.
func (c *Client) key(fields map[string]string) string {
	if len(c.opts.SecretFields) == 0 {
		return ""
	}
	return fields[c.opts.SecretFields[0]]
}

// authorize puts the key where the provider wants it, over anything an SDK put
// there. r.URL is replaced, not changed: it may be shared.
func (c *Client) authorize(r *http.Request, secret map[string]string) {
	switch key := c.key(secret); c.opts.Auth.Kind {
	case AuthHeader:
		r.Header.Set(c.opts.Auth.Name, key)
	case AuthBearer:
		r.Header.Set("Authorization", "Bearer "+key)
	case AuthQuery:
		u := *r.URL
		q := u.Query()
		q.Set(c.opts.Auth.Name, key)
		u.RawQuery = q.Encode()
		r.URL = &u
	}
}
