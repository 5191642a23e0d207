package openai_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/openai"
	"github.com/messageai/sluice/internal/provider/providertest"
	"github.com/messageai/sluice/internal/provider/transport"
	sandbox "github.com/messageai/sluice/internal/sandbox/openai"
)

func fixture(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestConformance(t *testing.T) {
	t.Parallel()
	item := `{"object":"embedding","index":%d,"embedding":"%s"}`
	short, zero := "AACAPwAAgD8=", strings.Repeat("AAAA", 10)+"AAA="
	two := func(first, second string) string {
		return `{"object":"list","model":"m","data":[` + first + `,` + second + `],"usage":{"prompt_tokens":1,"total_tokens":1}}`
	}
	var good []json.RawMessage
	var answer struct{ Data []json.RawMessage }
	if err := json.Unmarshal([]byte(fixture(t, "embeddings.json")), &answer); err != nil {
		t.Fatal(err)
	}
	good = answer.Data
	providertest.Run(t, providertest.Case{
		Definition: openai.Definition(),
		Classify:   openai.Classify,
		Settings:   provider.Settings{"dimensions": "8"},
		Build:      func(d provider.Deps) (any, error) { return openai.New(d) },
		Calls: []providertest.Call{{
			Op: provider.OpEmbed,
			Invoke: func(ctx context.Context, client any) (providertest.Answer, error) {
				v, usage, err := client.(*openai.Client).Embed(ctx, []string{"Acme Robotics: industrial automation, Austin", "Borealis Freight: logistics, Tulsa"})
				return providertest.Answer{Found: len(v) == 2, Usage: usage, Value: v}, err
			},
			Found: []byte(fixture(t, "embeddings.json")), NeverEmpty: true,
			Kinds: map[int]fault.Kind{404: fault.Forbidden},
			Replies: []providertest.Reply{
				{Name: "no credit", Status: 429, Body: fixture(t, "insufficient_quota.json"), Kind: fault.QuotaExhausted},
				{Name: "no credit, null code", Status: 429, Body: `{"error":{"message":"x","type":"insufficient_quota","param":null,"code":null}}`, Kind: fault.QuotaExhausted},
				{Name: "no credit in the code", Status: 429, Body: `{"error":{"message":"x","type":"billing","param":null,"code":"insufficient_quota"}}`, Kind: fault.QuotaExhausted},
				{Name: "too few", Status: 200, Body: `{"data":[` + string(good[0]) + `]}`, Kind: fault.BadResponse},
				{Name: "same index twice", Status: 200, Body: two(string(good[0]), string(good[0])), Kind: fault.BadResponse},
				{Name: "index out of range", Status: 200, Body: two(string(good[0]), fmt.Sprintf(item, 7, zero)), Kind: fault.BadResponse},
				{Name: "wrong length", Status: 200, Body: two(string(good[0]), fmt.Sprintf(item, 0, short)), Kind: fault.BadResponse},
				{Name: "no direction", Status: 200, Body: two(string(good[0]), fmt.Sprintf(item, 0, zero)), Kind: fault.BadResponse},
				{Name: "not base64", Status: 200, Body: two(string(good[0]), fmt.Sprintf(item, 0, "?")), Kind: fault.BadResponse},
				{Name: "400 that is no JSON", Status: 400, Body: "<html>", Kind: fault.InvalidInput},
			},
			Private: []string{"Acme", "Borealis"},
		}},
	})
}

// wire connects to a simulator in memory and counts.
type wire struct {
	handler  http.Handler
	requests []request
}

type request struct{ Texts, Dimensions int }

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	data, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	var body struct {
		Input      []string
		Dimensions int
		Format     string `json:"encoding_format"`
	}
	if err := json.Unmarshal(data, &body); err != nil {
		return nil, err
	}
	if body.Format != "base64" {
		return nil, fmt.Errorf("encoding format %q, want base64", body.Format)
	}
	w.requests = append(w.requests, request{len(body.Input), body.Dimensions})
	in := r.Clone(r.Context())
	in.Body = io.NopCloser(strings.NewReader(string(data)))
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, in)
	return rec.Result(), nil
}

func newClient(t testing.TB, h http.Handler, settings provider.Settings) (*openai.Client, *wire) {
	t.Helper()
	w := &wire{handler: h}
	tr, err := transport.New(transport.Options{
		Name: "openai", BaseURL: openai.Definition().BaseURL, Auth: openai.Definition().Auth, SecretFields: []string{"apiKey"},
		Secret: func(context.Context, bool) (transport.Secret, error) {
			return transport.Secret{Fields: map[string]string{"apiKey": "sk-1"}}, nil
		},
		Classify: openai.Classify, RoundTripper: w, Timeout: time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	c, err := openai.New(provider.Deps{Transport: tr, Settings: settings, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return c, w
}

// newAccount returns a simulator and what it charged.
func newAccount(t testing.TB) (*sandbox.Server, *money.Micro) {
	t.Helper()
	var bill money.Micro
	s, err := sandbox.New(sandbox.Options{Key: "sk-1", Limits: sandbox.Limits{Requests: -1, Tokens: -1}, Charge: func(_, _ string, m money.Micro) error {
		bill += m
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	return s, &bill
}

func near(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(x, y float32) bool { return math.Abs(float64(x-y)) < 1e-6 })
}

func TestEmbedKeepsOrderAndPaysOnce(t *testing.T) {
	t.Parallel()
	for _, model := range []string{"", "text-embedding-3-large", "text-embedding-ada-002"} {
		s, bill := newAccount(t)
		settings := provider.Settings{"model": model}
		c, w := newClient(t, s, settings)
		var texts []string
		for i := range 800 {
			texts = append(texts, fmt.Sprintf("company number %d does something", i))
		}
		vectors, usage, err := c.Embed(t.Context(), texts)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range []int{0, 399, 799} {
			if !near(vectors[i], s.Embed(c.Model(), texts[i])) {
				t.Errorf("%s: vector %d is not that of text %d", c.Model(), i, i)
			}
		}
		total := 0
		for _, r := range w.requests {
			total += r.Texts
		}
		if len(w.requests) < 2 || total != len(texts) {
			t.Errorf("%s: %d texts in requests %v; answers this long need more than one request", c.Model(), total, w.requests)
		}
		if usage.Cost != *bill || usage.Op != provider.OpEmbed {
			t.Errorf("%s: usage %+v, OpenAI charged %v", c.Model(), usage, *bill)
		}
	}
}

func TestBatching(t *testing.T) {
	t.Parallel()
	s, _ := newAccount(t)
	dense := strings.Repeat("a.", 5000) // 10,000 tokens, estimated as 3,334
	for name, tc := range map[string]struct {
		texts []string
		want  []request
	}{
		"one":       {[]string{"CTO"}, []request{{1, 64}}},
		"by count":  {slices.Repeat([]string{"CTO"}, 2049), []request{{2048, 64}, {1, 64}}},
		"by tokens": {slices.Repeat([]string{strings.Repeat("word ", 1200)}, 150), []request{{125, 64}, {25, 64}}},
		"halved": {slices.Repeat([]string{strings.Repeat("a.", 2000)}, 80), []request{
			{80, 64}, {40, 64}, {40, 64}, // 320,000 tokens, estimated as 106,720
		}},
		"cut": {[]string{strings.Repeat("word ", 8000)}, []request{{1, 64}}},
	} {
		c, w := newClient(t, s, provider.Settings{"dimensions": "64"})
		vectors, _, err := c.Embed(t.Context(), tc.texts)
		if err != nil || len(vectors) != len(tc.texts) {
			t.Errorf("%s: %d vectors, %v", name, len(vectors), err)
		}
		if diff := cmp.Diff(tc.want, w.requests); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	c, _ := newClient(t, s, nil)
	for name, texts := range map[string][]string{"empty text": {"a", ""}, "too many tokens": {"a", dense}} {
		if _, _, err := c.Embed(t.Context(), texts); !fault.Is(err, fault.InvalidInput) {
			t.Errorf("%s: %v, want InvalidInput", name, err)
		}
	}
	if got, _, err := c.Embed(t.Context(), nil); err != nil || len(got) != 0 {
		t.Errorf("no texts: %v, %v", got, err)
	}
}

func TestUnitLengthAndModelName(t *testing.T) {
	t.Parallel()
	s, _ := newAccount(t)
	c, _ := newClient(t, s, provider.Settings{"model": "text-embedding-3-large", "dimensions": "256"})
	vectors, _, err := c.Embed(t.Context(), []string{"Größe der Küche", "CTO"})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range vectors {
		square := 0.0
		for _, x := range v {
			square += float64(x) * float64(x)
		}
		if len(v) != 256 || math.Abs(square-1) > 1e-5 {
			t.Errorf("%d numbers of square length %v", len(v), square)
		}
	}
	if c.Model() != "text-embedding-3-large/256" {
		t.Errorf("model %s: a shortened vector has other cosines and must be told apart", c.Model())
	}
}

func TestSettingsAndPrices(t *testing.T) {
	t.Parallel()
	for _, bad := range []provider.Settings{{"model": "gpt-9"}, {"dimensions": "0"}, {"dimensions": "x"}, {"dimensions": "1537"}, {"model": "text-embedding-ada-002", "dimensions": "512"}} {
		if _, err := openai.New(provider.Deps{Settings: bad, Now: time.Now}); !fault.Is(err, fault.InvalidInput) {
			t.Errorf("%v: %v, want InvalidInput", bad, err)
		}
	}
	got := map[string]money.Micro{}
	for _, model := range []string{"text-embedding-3-small", "text-embedding-3-large", "text-embedding-ada-002"} {
		table, err := openai.Prices(provider.Settings{"model": model})
		if err != nil {
			t.Fatal(err)
		}
		got[model] = table.Operations[provider.OpEmbed].For(1)
	}
	want := map[string]money.Micro{"text-embedding-3-small": 20_000, "text-embedding-3-large": 130_000, "text-embedding-ada-002": 100_000}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("a million tokens: %s", diff)
	}
}

func TestRetryAfterFromDurations(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		header http.Header
		want   time.Duration
	}{
		"retry-after":  {http.Header{"Retry-After": {"20"}, "X-Ratelimit-Remaining-Requests": {"0"}, "X-Ratelimit-Reset-Requests": {"6m0s"}}, 20 * time.Second},
		"requests":     {http.Header{"X-Ratelimit-Remaining-Requests": {"0"}, "X-Ratelimit-Reset-Requests": {"6m0s"}, "X-Ratelimit-Reset-Tokens": {"59m"}}, 6 * time.Minute},
		"milliseconds": {http.Header{"X-Ratelimit-Remaining-Tokens": {"0"}, "X-Ratelimit-Reset-Tokens": {"12ms"}}, 12 * time.Millisecond},
		"nothing":      {http.Header{}, 0},
		"nonsense":     {http.Header{"X-Ratelimit-Remaining-Tokens": {"0"}, "X-Ratelimit-Reset-Tokens": {"soon"}}, 0},
	} {
		err := openai.Classify(provider.OpEmbed, &transport.Response{Provider: "openai", Op: provider.OpEmbed, Status: 429, Header: tc.header})
		if got := fault.RetryAfter(err); got != tc.want || !fault.Is(err, fault.RateLimited) {
			t.Errorf("%s: %v after %v, want RateLimited after %v", name, err, got, tc.want)
		}
	}
}

// FuzzEmbed feeds arbitrary answers: no panic, no internal error, and either
// vectors of the right shape or an error.
func FuzzEmbed(f *testing.F) {
	f.Add(200, fixture(f, "embeddings.json"))
	f.Add(429, fixture(f, "insufficient_quota.json"))
	f.Add(400, `{"error":{"message":"Requested 310000 tokens, max 300000 tokens per request","type":"x","param":null,"code":"max_tokens_per_request"}}`)
	f.Add(400, `{"error":{"message":["a","b"],"code":5}}`)
	f.Add(200, `{"data":[null,null]}`)
	f.Fuzz(func(t *testing.T, status int, body string) {
		if status < 200 || status > 599 {
			t.Skip("not a status")
		}
		c, _ := newClient(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body) // a recorder never fails
		}), provider.Settings{"dimensions": "8"})
		vectors, _, err := c.Embed(t.Context(), []string{"one", "two"})
		if err == nil && (len(vectors) != 2 || len(vectors[0]) != 8 || len(vectors[1]) != 8) || fault.Is(err, fault.Internal) {
			t.Errorf("%d vectors, %v", len(vectors), err)
		}
	})
}
