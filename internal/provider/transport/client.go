package transport

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/messageai/sluice/internal/breaker"
	"github.com/messageai/sluice/internal/ratelimit"
)

// Options describe one provider to its [Client]. Name and BaseURL are required,
// Secret too unless Auth is none; the rest may stay zero.
type Options struct {
	Name         string
	BaseURL      string
	Auth         Auth
	SecretFields []string // keys of the secret; the first is the API key
	SecretName   string   // where a person puts the key, for messages
	// Secret returns the fields of the secret, empty if there is none yet.
	// refresh asks for the newest value, past any cache.
	Secret func(ctx context.Context, refresh bool) (map[string]string, error)

	Account string  // whose quota it is; part of limiter and breaker keys
	Groups  []Group // operations in no group are not limited

	RoundTripper http.RoundTripper  // nil: a pool of connections of its own
	Limiter      *ratelimit.Limiter // nil: no limit
	Breaker      *breaker.Breaker   // nil: none
	Classify     Classify           // nil: DefaultClassify

	BodyCap int64         // longest body in bytes; zero: 8 MiB
	Timeout time.Duration // of one attempt; zero: 20 s
	Logger  *slog.Logger  // nil: silent
	Observe func(Event)   // nil: nobody counts
	Now     func() time.Time
	Rand    func() float64 // 0..1, for jitter; nil: math/rand
}

// Client calls one provider. Safe for concurrent use.
type Client struct {
	opts  Options
	base  *url.URL
	group map[string]Group // by operation
}

// New makes a client. It does no I/O. The error names the option that is wrong.
func New(opts Options) (*Client, error) {
	base, err := url.Parse(opts.BaseURL)
	if err != nil || base.Host == "" || (base.Scheme != "https" && base.Scheme != "http") || base.RawQuery != "" || base.User != nil {
		// The text of err would quote the URL, and people do put keys there.
		return nil, fmt.Errorf("transport %s: the base URL must look like https://host/path, without query or password", opts.Name)
	}
	if opts.Name == "" {
		return nil, fmt.Errorf("transport: the provider has no name")
	}
	if opts.Auth.Kind != AuthNone && (opts.Secret == nil || len(opts.SecretFields) == 0) {
		return nil, fmt.Errorf("transport %s: auth is %q, but there is no secret to take the key from", opts.Name, opts.Auth.Kind)
	}
	c := &Client{opts: opts, base: base, group: map[string]Group{}}
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
	if o.Observe == nil {
		o.Observe = func(Event) {}
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
func (c *Client) BaseURL() string { return strings.TrimRight(c.base.String(), "/") }

// Do makes one call. The error is a fault of the kinds in package fault; see
// the package comment for what it never holds.
func (c *Client) Do(ctx context.Context, req Request) (*Response, error) {
	body, err := encode(req.Body)
	if err != nil {
		return nil, c.internal(req.Op, err.Error())
	}
	target, err := c.url(req.Path, req.Query)
	if err != nil {
		return nil, c.internal(req.Op, err.Error())
	}
	var resp *Response
	err = c.run(ctx, req.Op, req.Idempotent, func(ctx context.Context, secret map[string]string) (int, error) {
		hr, err := http.NewRequestWithContext(ctx, req.Method, "", nil)
		if err != nil {
			return 0, c.internal(req.Op, "the method is not a word")
		}
		hr.URL, hr.Host = target, target.Host
		for name, values := range req.Header {
			hr.Header[name] = values
		}
		if body != nil {
			hr.Header.Set("Content-Type", "application/json")
		}
		hr.Header.Set("Accept", "application/json")
		hr.Header.Set("User-Agent", userAgent)
		resp, err = c.send(ctx, hr, body, secret, req.Op, req.Idempotent)
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
func (c *Client) url(path string, query url.Values) (*url.URL, error) {
	if !strings.HasPrefix(path, "/") {
		return nil, fmt.Errorf("the path of a request must start with a slash")
	}
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "." || segment == ".." {
			return nil, fmt.Errorf("the path of a request must not hold . or .. segments")
		}
	}
	u := *c.base
	u.Path, u.RawPath = strings.TrimRight(c.base.Path, "/")+path, ""
	u.RawQuery = query.Encode()
	return &u, nil
}
