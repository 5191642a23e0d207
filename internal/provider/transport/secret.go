package transport

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/messageai/sluice/internal/fault"
)

// fields is how many fields of the secret a provider wants.
func (a Auth) fields() int {
	if a.Kind == AuthClientCredentials {
		return 2
	}
	return 1
}

// Secret is a provider's key and whose it is.
type Secret struct {
	Fields map[string]string // by Options.SecretFields; empty: there is no key
	// Account names the owner of the key. It is part of the keys of limiter,
	// breaker and access tokens, since quotas and failures are an account's. The
	// owner "" is the deployment.
	Account string
	Missing string // why there is no key, for people; "": nobody put one
}

// credential is what one attempt is made with.
type credential struct {
	account string
	value   string // what is sent: API key or access token
	login   login  // what an access token is asked for with
}

// key returns what goes to the provider with each request: the API key or an
// access token. refused is the one that the provider did not take, "" at first.
func (c *Client) key(ctx context.Context, op, refused string) (credential, error) {
	switch c.opts.Auth.Kind {
	case AuthNone:
		return credential{}, nil
	case AuthClientCredentials:
		return c.accessToken(ctx, op, refused)
	}
	s, err := c.secret(ctx, op, refused != "")
	if err != nil {
		return credential{}, err
	}
	return credential{account: s.Account, value: s.Fields[c.opts.SecretFields[0]]}, nil
}

// secret returns the provider's secret. A missing one is a fault that tells a
// person where to put it.
func (c *Client) secret(ctx context.Context, op string, refresh bool) (Secret, error) {
	s, err := c.opts.Secret(ctx, refresh)
	if err != nil {
		// The text of an unknown error may quote the secret.
		if e, ok := errors.AsType[*fault.Error](err); ok {
			return s, &fault.Error{Kind: e.Kind, Op: c.opts.Name + "." + op, Provider: c.opts.Name, Message: e.Message, RetryAfter: e.RetryAfter}
		}
		return s, &fault.Error{Kind: fault.KindOf(err), Op: c.opts.Name + "." + op, Provider: c.opts.Name, Message: "the provider's secret cannot be read"}
	}
	wanted := c.opts.SecretFields[:c.opts.Auth.fields()]
	if slices.ContainsFunc(wanted, func(field string) bool { return s.Fields[field] == "" }) {
		why := s.Missing
		if why == "" {
			where := c.opts.SecretName
			if where == "" {
				where = "providers/" + c.opts.Name
			}
			why = "put {\"" + strings.Join(wanted, "\":\"...\",\"") + "\":\"...\"} into the secret " + where
		}
		return s, &fault.Error{
			Kind: fault.Unauthenticated, Op: c.opts.Name + "." + op, Provider: c.opts.Name,
			Message: "no key for " + c.opts.Name + ": " + why,
		}
	}
	return s, nil
}

// authorize puts the key where the provider wants it, over anything an SDK put
// there. r.URL is replaced, not changed: it may be shared.
func (c *Client) authorize(r *http.Request, hasBody bool, key string) {
	switch c.opts.Auth.Kind {
	case AuthHeader:
		r.Header.Set(c.opts.Auth.Name, key)
	case AuthBearer, AuthClientCredentials:
		r.Header.Set("Authorization", "Bearer "+key)
	case AuthBasic:
		r.SetBasicAuth(key, "")
	case AuthQuery:
		inQuery(r, c.opts.Auth.Name, key)
	case AuthParameter:
		if !hasBody { // a body has it already, see [Client.keyed]
			inQuery(r, c.opts.Auth.Name, key)
		}
	}
}

func inQuery(r *http.Request, name, key string) {
	u := *r.URL
	q := u.Query()
	q.Set(name, key)
	u.RawQuery = q.Encode()
	r.URL = &u
}

// keyed returns the body of a request with the key in it, where it belongs there.
func (c *Client) keyed(body []byte, key string) ([]byte, error) {
	if c.opts.Auth.Kind != AuthParameter || body == nil {
		return body, nil
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(body, &object); err != nil || object == nil {
		return nil, errors.New("the body of a request that carries the key must be a JSON object")
	}
	text, err := json.Marshal(key)
	if err != nil {
		return nil, errors.New("the key is not text")
	}
	object[c.opts.Auth.Name] = text
	return json.Marshal(object)
}
