package transport

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/messageai/sluice/internal/breaker"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/ratelimit"
)

// Options describe one provider to its [Client]. Name and BaseURL are required,
// Secret too unless Auth is none; the rest may stay zero.
type Options struct {
	Name         string
	BaseURL      string
	Hosts        map[string]string // further base URLs, for a provider with more than one
	Auth         Auth
	SecretFields []string // keys of the secret; the first is the API key
	SecretName   string   // where a person puts the key, for messages
	// Secret returns the secret that a call is made with; the context tells for
	// whom the call is. It is asked again right before a request leaves, so it
	// must be cheap. refresh asks for the newest value, past any cache.
	Secret func(ctx context.Context, refresh bool) (Secret, error)
	Tokens TokenStore // where workers share access tokens; nil: each process has its own

	Groups []Group // operations in no group are not limited

	RoundTripper http.RoundTripper  // nil: a pool of connections of its own
	Limiter      *ratelimit.Limiter // nil: no limit
	Breaker      *breaker.Breaker   // nil: none
	Classify     Classify           // nil: DefaultClassify

	BodyCap int64                        // longest body in bytes; zero: 8 MiB
	Timeout time.Duration                // of one attempt; zero: 20 s
	Logger  *slog.Logger                 // nil: silent
	Observe func(context.Context, Event) // nil: nobody counts
	// Answered is told what came of each attempt that was sent, and how long the
	// provider took. nil: nobody counts.
	Answered func(kind fault.Kind, took time.Duration)
	Now      func() time.Time
	Rand     func() float64 // 0..1, for jitter; nil: math/rand
}

// Client calls one provider. Safe for concurrent use.
type Client struct {
	opts  Options
	bases map[string]*url.URL // by Request.Host
	group map[string]Group    // by operation

	tokenURL  *url.URL
	tokenTurn chan struct{}   // held while a token is looked up or fetched
	held      map[login]Token // what this process uses
}

// New makes a client. It does no I/O. The error names the option that is wrong.
func New(opts Options) (*Client, error) {
	bases := map[string]*url.URL{}
	for name, text := range withDefault(opts.Hosts, opts.BaseURL) {
		base := address(text)
		if base == nil {
			return nil, fmt.Errorf("transport %s: the base URL %s must look like https://host/path, without query or password", opts.Name, name)
		}
		bases[name] = base
	}
	if opts.Name == "" {
		return nil, fmt.Errorf("transport: the provider has no name")
	}
	if opts.Auth.Kind != AuthNone && (opts.Secret == nil || len(opts.SecretFields) < opts.Auth.fields()) {
		return nil, fmt.Errorf("transport %s: auth is %q, but there is no secret to take the key from", opts.Name, opts.Auth.Kind)
	}
	c := &Client{opts: opts, bases: bases, group: map[string]Group{}, tokenTurn: make(chan struct{}, 1), held: map[login]Token{}}
	if opts.Auth.Kind == AuthClientCredentials {
		if c.tokenURL = c.tokenAddress(); c.tokenURL == nil {
			return nil, fmt.Errorf("transport %s: the token URL must be a path or look like https://host/path, without query or password", opts.Name)
		}
	}
	for _, g := range opts.Groups {
		if err := g.Quota.Validate(); err != nil {
			return nil, fmt.Errorf("transport %s: group %s: %w", opts.Name, g.Name, err)
		}
		for _, op := range g.Operations {
			c.group[op] = g
		}
	}
	c.setDefaults()
	return c, nil
}

// address reads a URL that keys may be sent to; nil if it is none. There is no
// error, as its text would quote the URL, and people do put keys there.
func address(text string) *url.URL {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") || u.RawQuery != "" || u.User != nil {
		return nil
	}
	return u
}

// tokenAddress is where tokens are asked for; nil if that is no address.
func (c *Client) tokenAddress() *url.URL {
	if !strings.HasPrefix(c.opts.Auth.TokenURL, "/") {
		return address(c.opts.Auth.TokenURL)
	}
	u, err := c.url("", c.opts.Auth.TokenURL, nil)
	if err != nil {
		return nil
	}
	return u
}

// withDefault returns all base URLs by name; the default's is "".
func withDefault(hosts map[string]string, base string) map[string]string {
	all := map[string]string{"": base}
	maps.Copy(all, hosts)
	return all
}

func (c *Client) setDefaults() {
	o := &c.opts
	if o.RoundTripper == nil {
		o.RoundTripper = pool()
	}
	if o.Classify == nil {
		o.Classify = DefaultClassify
	}
	if o.BodyCap == 0 {
		o.BodyCap = 8 << 20
	}
	if o.Timeout == 0 {
		o.Timeout = 20 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Answered == nil {
		o.Answered = func(fault.Kind, time.Duration) {}
	}
	if o.Observe == nil {
		o.Observe = func(context.Context, Event) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.Float64
	}
}

// pool keeps connections for a worker that calls one host many times at once.
func pool() http.RoundTripper {
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		ForceAttemptHTTP2:   true,
		MaxIdleConns:        64,
		MaxIdleConnsPerHost: 32,
		IdleConnTimeout:     90 * time.Second,
		TLSHandshakeTimeout: 10 * time.Second,
	}
}

// BaseURL returns the address in use, for a vendor's SDK.
func (c *Client) BaseURL() string { return strings.TrimRight(c.bases[""].String(), "/") }

// Do makes one call. The error is a fault of the kinds in package fault; see
// the package comment for what it never holds.
func (c *Client) Do(ctx context.Context, req Request) (*Response, error) {
	body, err := encode(req.Body)
	if err != nil {
		return nil, c.internal(req.Op, err.Error())
	}
	target, err := c.url(req.Host, req.Path, req.Query)
	if err != nil {
		return nil, c.internal(req.Op, err.Error())
	}
	var resp *Response
	err = c.run(ctx, req.Op, req.Idempotent, func(ctx context.Context, key credential) (int, error) {
		hr, err := http.NewRequestWithContext(ctx, req.Method, "", nil)
		if err != nil {
			return 0, c.internal(req.Op, "the method is not a word")
		}
		hr.URL, hr.Host = target, target.Host
		if body != nil {
			hr.Header.Set("Content-Type", "application/json")
		}
		hr.Header.Set("Accept", "application/json")
		for name, values := range req.Header {
			hr.Header[name] = values
		}
		hr.Header.Set("User-Agent", userAgent)
		resp, err = c.send(ctx, hr, body, key.value, req.Op, req.Idempotent)
		return statusOf(resp), err
	})
	if err != nil {
		return nil, err
	}
	return resp, nil
}

// userAgent tells providers who calls and where to complain.
const userAgent = "sluice/1 (+https://github.com/messageai/sluice)"

// url joins base and path. A colon stays literal, as Google's custom methods
// (places:searchText) need it.
func (c *Client) url(host, path string, query url.Values) (*url.URL, error) {
	base := c.bases[host]
	if base == nil {
		return nil, fmt.Errorf("the provider has no host %q", host)
	}
	if !strings.HasPrefix(path, "/") {
		return nil, fmt.Errorf("the path of a request must start with a slash")
	}
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "." || segment == ".." {
			return nil, fmt.Errorf("the path of a request must not hold . or .. segments")
		}
	}
	u := *base
	u.Path, u.RawPath = strings.TrimRight(base.Path, "/")+path, ""
	u.RawQuery = query.Encode()
	return &u, nil
}
