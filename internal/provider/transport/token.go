package transport

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/messageai/sluice/internal/fault"
)

// OpToken is the operation under which a request for an access token is
// metered and, if a [Group] names it, limited.
const OpToken = "token"

// Token is an access token as workers share it, or the lease of the one who is
// fetching it.
type Token struct {
	Version     int64     // one more with every write
	Value       string    // what the provider gave; a secret
	UseUntil    time.Time // its expiry less a minute
	LeasedUntil time.Time // until then one worker fetches the next; zero: nobody does
}

// TokenStore shares tokens between workers, so that only one of them at a time
// asks the provider. Implementations are safe for concurrent use. A key holds no
// secret; what is stored does, and belongs to the account.
type TokenStore interface {
	// Load returns the token of key, the zero Token if there is none.
	Load(ctx context.Context, account, key string) (Token, error)
	// Save writes t if the stored version is still t.Version-1 (zero: no token);
	// otherwise it changes nothing and returns a fault Conflict.
	Save(ctx context.Context, account, key string, t Token) error
}

const (
	tokenTime  = 10 * time.Second       // for one token, with a quick retry
	tokenLease = 12 * time.Second       // somebody who died holding it is waited for as long
	tokenPoll  = 250 * time.Millisecond // between looks whether another worker has it
	tokenSpare = time.Minute            // before the expiry
	tokenLife  = 5 * time.Minute        // of a token whose provider does not say
)

// usable reports whether the token may be sent; refused is one that may not.
func (t Token) usable(now time.Time, refused string) bool {
	return t.Value != "" && t.Value != refused && now.Before(t.UseUntil)
}

// login is what a token is asked for with.
type login struct{ id, secret string }

// accessToken returns a token other than refused. A secret that was rotated or
// withdrawn takes its token with it.
func (c *Client) accessToken(ctx context.Context, op, refused string) (credential, error) {
	known, err := c.login(ctx, op, false)
	if err != nil {
		return credential{}, err
	}
	found, err := c.tokenOf(ctx, op, known, refused)
	if fault.Is(err, fault.Unauthenticated) {
		// The secret may have been rotated.
		fresh, refreshErr := c.login(ctx, op, true)
		if refreshErr == nil && fresh != known {
			return c.tokenOf(ctx, op, fresh, refused)
		}
	}
	return found, err
}

// login returns what a token is asked for with; its value is empty.
func (c *Client) login(ctx context.Context, op string, refresh bool) (credential, error) {
	s, err := c.secret(ctx, op, refresh)
	if err != nil {
		return credential{}, err
	}
	return credential{account: s.Account, login: login{id: s.Fields[c.opts.SecretFields[0]], secret: s.Fields[c.opts.SecretFields[1]]}}, nil
}

// tokenOf completes a login with its token; one caller at a time fetches it.
func (c *Client) tokenOf(ctx context.Context, op string, l credential, refused string) (credential, error) {
	select {
	case c.tokenTurn <- struct{}{}:
		defer func() { <-c.tokenTurn }()
	case <-ctx.Done():
		return credential{}, c.noToken(ctx, op)
	}
	token := c.held[l.login]
	if !token.usable(c.opts.Now(), refused) {
		var err error
		if c.opts.Tokens == nil {
			token, err = c.fetchToken(ctx, l)
		} else {
			token, err = c.sharedToken(ctx, op, l, refused)
		}
		if err != nil {
			return credential{}, err
		}
		maps.DeleteFunc(c.held, func(_ login, t Token) bool { return !t.usable(c.opts.Now(), "") })
		c.held[l.login] = token
	}
	l.value = token.Value
	return l, nil
}

// sharedToken takes the token that another worker has fetched, or fetches it for
// all while the others wait.
func (c *Client) sharedToken(ctx context.Context, op string, l credential, refused string) (Token, error) {
	sum := sha256.Sum256([]byte(l.login.id + "\x00" + l.login.secret))
	key := joinKey(c.opts.Name, hex.EncodeToString(sum[:8]))
	for {
		stored, err := c.opts.Tokens.Load(ctx, l.account, key)
		if err != nil {
			return Token{}, c.own(op, err)
		}
		now := c.opts.Now()
		if stored.usable(now, refused) {
			return stored, nil
		}
		if left := stored.LeasedUntil.Sub(now); left > 0 {
			if !sleep(ctx, min(left, tokenPoll)) {
				return Token{}, c.noToken(ctx, op)
			}
			continue
		}
		mine := stored
		mine.Version++
		mine.LeasedUntil = now.Add(tokenLease)
		err = c.opts.Tokens.Save(ctx, l.account, key, mine)
		if fault.Is(err, fault.Conflict) {
			continue // another worker was first
		}
		if err != nil {
			return Token{}, c.own(op, err)
		}
		return c.leasedToken(ctx, key, l, mine)
	}
}

// leasedToken fetches the token for all and gives the lease back, also when
// there is none to be had.
func (c *Client) leasedToken(ctx context.Context, key string, l credential, mine Token) (Token, error) {
	token, err := c.fetchToken(ctx, l)
	next := token
	if err != nil {
		next = mine
		next.LeasedUntil = time.Time{}
	}
	next.Version = mine.Version + 1
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tokenLease-tokenTime)
	defer cancel()
	if e := c.opts.Tokens.Save(ctx, l.account, key, next); e != nil { // the lease will end; the token is good for us
		c.opts.Logger.LogAttrs(ctx, slog.LevelWarn, "access token not shared", slog.String("provider", c.opts.Name), slog.String("kind", string(fault.KindOf(e))))
	}
	return token, err
}

// fetchToken asks the provider, with one quick retry (RFC 6749, section 4.4).
func (c *Client) fetchToken(ctx context.Context, l credential) (Token, error) {
	ctx, cancel := context.WithTimeout(ctx, tokenTime)
	defer cancel()
	var resp *Response
	send := func(ctx context.Context, _ credential) (int, error) {
		hr, err := http.NewRequestWithContext(ctx, http.MethodPost, "", nil)
		if err != nil {
			return 0, c.internal(OpToken, "the method is not a word")
		}
		hr.URL, hr.Host = c.tokenURL, c.tokenURL.Host
		hr.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		hr.Header.Set("Accept", "application/json")
		hr.Header.Set("User-Agent", userAgent)
		hr.SetBasicAuth(url.QueryEscape(l.login.id), url.QueryEscape(l.login.secret)) // RFC 6749, section 2.3.1
		resp, err = c.exchange(ctx, hr, []byte("grant_type=client_credentials"), OpToken, true, classifyToken)
		return statusOf(resp), err
	}
	now := func(ctx context.Context) (credential, error) {
		fresh, err := c.login(ctx, OpToken, false)
		if err == nil && fresh != l {
			err = &fault.Error{Kind: fault.Unavailable, Op: c.opts.Name + "." + OpToken, Provider: c.opts.Name, Message: "the key was changed at this moment; ask again"}
		}
		return fresh, err
	}
	_, err := c.attempt(ctx, OpToken, l, now, send)
	if c.worthRetry(ctx, err) && c.pause(ctx) {
		_, err = c.attempt(ctx, OpToken, l, now, send)
	}
	if err != nil {
		return Token{}, err
	}
	return parseToken(resp)
}

// classifyToken: whatever an authorization server does not like about this
// request, it is our credentials or where we sent them. No record is at fault.
func classifyToken(op string, resp *Response) error {
	err := DefaultClassify(op, resp)
	if fault.Is(err, fault.InvalidInput, fault.NotFound, fault.Conflict, fault.Unauthenticated, fault.Blocked) {
		return resp.Fault(fault.Unauthenticated, "the provider gave no access token; check client id and client secret, and the token URL")
	}
	return err
}

func parseToken(resp *Response) (Token, error) {
	var w struct {
		Value string      `json:"access_token"`
		Type  string      `json:"token_type"`
		Life  json.Number `json:"expires_in"` // some servers write it as text
	}
	if err := resp.Decode(&w); err != nil {
		return Token{}, err
	}
	if w.Value == "" || w.Type != "" && !strings.EqualFold(w.Type, "bearer") {
		return Token{}, resp.Fault(fault.BadResponse, "the answer holds no bearer token")
	}
	life := tokenLife
	if seconds, err := w.Life.Float64(); err == nil && seconds > 0 {
		life = time.Duration(min(seconds, (24*time.Hour).Seconds()) * float64(time.Second))
	}
	return Token{Value: w.Value, UseUntil: resp.At.Add(life - min(tokenSpare, life/2))}, nil
}

// noToken is the fault of a caller whose time ended before there was a token.
func (c *Client) noToken(ctx context.Context, op string) error {
	return &fault.Error{
		Kind: fault.Unavailable, Op: c.opts.Name + "." + op, Provider: c.opts.Name,
		Message: "no access token in time", Err: ctx.Err(),
	}
}
