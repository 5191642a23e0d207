package providertest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
)

// key is the API key (or the client's id) of every test, other the rest of the
// secret; token begins every access token; canary stands in every error body.
// None may appear in an error or a log.
const (
	key    = "key-5d41402abc4b2a76"
	other  = "other-secret-field"
	token  = "access-token-7b8b965ad4bca0e4"
	canary = "canary-b9719d911017c592"
)

// upstream is the provider in memory. It answers requests for access tokens
// itself, each with another one.
type upstream struct {
	reply    func(*http.Request) (*http.Response, error)
	tokenURL string // "" without client credentials
	before   map[string][]byte

	mu       sync.Mutex
	requests []request
	tokens   []request
}

// request is what arrived.
type request struct {
	url    string
	header http.Header
	body   string
}

func (u *upstream) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	got := request{url: r.URL.String(), header: r.Header.Clone(), body: string(body)}
	if got.url == u.tokenURL {
		n := u.note(&u.tokens, got)
		return Reply{Status: 200, Body: fmt.Sprintf(`{"access_token":%q,"token_type":"Bearer","expires_in":3600}`, accessToken(n))}.response(r)
	}
	for path, body := range u.before {
		if strings.HasSuffix(r.URL.Path, path) {
			return Reply{Status: 200, Body: string(body)}.response(r)
		}
	}
	u.note(&u.requests, got)
	return u.reply(r)
}

// note keeps a request and returns how many of its kind there are.
func (u *upstream) note(among *[]request, r request) int {
	u.mu.Lock()
	defer u.mu.Unlock()
	*among = append(*among, r)
	return len(*among)
}

// accessToken is the nth token that is given, from one.
func accessToken(n int) string { return fmt.Sprintf("%s-%d", token, n) }

// tokenURL is where the provider gives access tokens; "" if it does not.
func tokenURL(d provider.Definition) string {
	switch {
	case d.Auth.Kind != transport.AuthClientCredentials:
		return ""
	case strings.HasPrefix(d.Auth.TokenURL, "/"):
		return strings.TrimRight(d.BaseURL, "/") + d.Auth.TokenURL
	}
	return d.Auth.TokenURL
}

func (u *upstream) seen() []request {
	u.mu.Lock()
	defer u.mu.Unlock()
	return append([]request(nil), u.requests...)
}

func (r Reply) response(req *http.Request) (*http.Response, error) {
	header := http.Header{"Content-Type": {"application/json"}}
	for name, value := range r.Header {
		header.Set(name, value)
	}
	return respond(req, r.Status, header, io.NopCloser(strings.NewReader(r.Body))), nil
}

func respond(req *http.Request, status int, header http.Header, body io.ReadCloser) *http.Response {
	return &http.Response{StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: header, Body: body, ContentLength: -1, Request: req}
}

func (c Call) found(req *http.Request) (*http.Response, error) {
	return Reply{Status: 200, Body: string(c.Found)}.response(req)
}

// rig is an adapter connected to an upstream.
type rig struct {
	up     *upstream
	log    *bytes.Buffer
	client any
	events []transport.Event // read it after the call only
}

// timeout is the time limit of one attempt.
const timeout = 20 * time.Second

// secretName is where the missing key is asked for.
const secretName = "test/providers/this"

func newRig(t *testing.T, c Case, call Call, apiKey string, reply func(*http.Request) (*http.Response, error)) *rig {
	t.Helper()
	r := &rig{up: &upstream{reply: reply, tokenURL: tokenURL(c.Definition), before: call.Before}, log: &bytes.Buffer{}}
	secret := map[string]string{}
	for i, field := range c.Definition.SecretFields {
		secret[field] = other
		if i == 0 {
			secret[field] = apiKey
		}
	}
	var mu sync.Mutex
	client, err := transport.New(transport.Options{
		Name: c.Definition.Name, BaseURL: c.Definition.BaseURL, Hosts: c.Definition.Hosts, Auth: c.Definition.Auth,
		SecretFields: c.Definition.SecretFields, SecretName: secretName,
		Secret:       func(context.Context, bool) (transport.Secret, error) { return transport.Secret{Fields: secret}, nil },
		RoundTripper: r.up, Classify: c.Classify, Timeout: timeout,
		Logger: slog.New(slog.NewJSONHandler(&lockedWriter{mu: &mu, to: r.log}, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Observe: func(_ context.Context, e transport.Event) {
			mu.Lock()
			defer mu.Unlock()
			r.events = append(r.events, e)
		},
	})
	if err != nil {
		t.Fatalf("transport.New: %v", err)
	}
	deps := provider.Deps{Transport: client, Settings: c.Settings, Now: time.Now}
	if r.client, err = c.Build(deps); err != nil {
		t.Fatalf("Build: %v", err)
	}
	return r
}

type lockedWriter struct {
	mu *sync.Mutex
	to io.Writer
}

func (w *lockedWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.to.Write(p)
}

// discreet checks that neither the error nor the log shows what they must not.
func (r *rig) discreet(t *testing.T, call Call, err error) {
	t.Helper()
	text := r.log.String()
	if err != nil {
		text += err.Error()
	}
	for _, secret := range append([]string{key, canary, other, token}, call.Private...) {
		if strings.Contains(text, secret) {
			t.Errorf("error or log shows %q:\n%s", secret, text)
		}
	}
}
