package providertest

import (
	"bytes"
	"context"
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

// key is the API key of every test; canary stands in every error body. Neither
// may appear in an error or a log.
const (
	key    = "key-5d41402abc4b2a76"
	canary = "canary-b9719d911017c592"
)

// upstream is the provider in memory.
type upstream struct {
	reply func(*http.Request) (*http.Response, error)

	mu       sync.Mutex
	requests []request
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
	u.mu.Lock()
	u.requests = append(u.requests, request{url: r.URL.String(), header: r.Header.Clone(), body: string(body)})
	u.mu.Unlock()
	return u.reply(r)
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

func newRig(t *testing.T, c Case, apiKey string, reply func(*http.Request) (*http.Response, error)) *rig {
	t.Helper()
	r := &rig{up: &upstream{reply: reply}, log: &bytes.Buffer{}}
	secret := map[string]string{}
	for i, field := range c.Definition.SecretFields {
		secret[field] = "other-secret-field"
		if i == 0 {
			secret[field] = apiKey
		}
	}
	var mu sync.Mutex
	client, err := transport.New(transport.Options{
		Name: c.Definition.Name, BaseURL: c.Definition.BaseURL, Auth: c.Definition.Auth,
		SecretFields: c.Definition.SecretFields, SecretName: secretName,
		Secret:       func(context.Context, bool) (map[string]string, error) { return secret, nil },
		RoundTripper: r.up, Classify: c.Classify, Timeout: timeout,
		Logger: slog.New(slog.NewJSONHandler(&lockedWriter{mu: &mu, to: r.log}, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Observe: func(e transport.Event) {
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
	for _, secret := range append([]string{key, canary, "other-secret-field"}, call.Private...) {
		if strings.Contains(text, secret) {
			t.Errorf("error or log shows %q:\n%s", secret, text)
		}
	}
}
