package openai_test

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/sandbox/openai"
	vendor "github.com/sashabaranov/go-openai"
)

func newServer(t testing.TB, opts openai.Options) *openai.Server {
	t.Helper()
	s, err := openai.New(opts)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return s
}

// answer is what clients read of an answer.
type answer struct {
	Object, Model string
	Data          []struct {
		Object    string
		Index     int
		Embedding json.RawMessage
	}
	Usage struct {
		PromptTokens int `json:"prompt_tokens"`
		TotalTokens  int `json:"total_tokens"`
	}
	Error *struct {
		Message, Type string
		Param, Code   any
	}
}

func call(t testing.TB, s http.Handler, key, body string) (int, answer, http.Header) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/embeddings", strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+key)
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	var a answer
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
		t.Fatalf("answer is not JSON: %v", err)
	}
	return w.Code, a, w.Header()
}

func TestForms(t *testing.T) {
	t.Parallel()
	s := newServer(t, openai.Options{})
	type seen struct {
		Status  int
		Indexes []int
		Numbers int
		Tokens  int
	}
	for name, tc := range map[string]struct {
		body string
		want seen
	}{
		"text":        {`{"model":"text-embedding-3-small","input":"Head of Product"}`, seen{200, []int{0}, 1536, 4}},
		"texts":       {`{"model":"text-embedding-3-small","input":["a","b","c"],"dimensions":256}`, seen{200, []int{1, 2, 0}, 256, 3}},
		"large":       {`{"model":"text-embedding-3-large","input":["a"]}`, seen{200, []int{0}, 3072, 1}},
		"token ids":   {`{"model":"text-embedding-ada-002","input":[5,6,7]}`, seen{200, []int{0}, 1536, 3}},
		"token lists": {`{"model":"text-embedding-ada-002","input":[[5,6],[7]],"user":"u"}`, seen{200, []int{1, 0}, 1536, 3}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, a, _ := call(t, s, "k", tc.body)
			got := seen{Status: status, Tokens: a.Usage.TotalTokens}
			for _, d := range a.Data {
				var v []float32
				if err := json.Unmarshal(d.Embedding, &v); err != nil {
					t.Fatal(err)
				}
				got.Numbers = len(v)
				got.Indexes = append(got.Indexes, d.Index)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestBase64HoldsTheSameNumbers(t *testing.T) {
	t.Parallel()
	s := newServer(t, openai.Options{})
	_, a, _ := call(t, s, "k", `{"model":"text-embedding-3-small","input":"Director of Engineering","encoding_format":"base64"}`)
	var text string
	if err := json.Unmarshal(a.Data[0].Embedding, &text); err != nil {
		t.Fatal(err)
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	var got []float32
	for ; len(raw) > 0; raw = raw[4:] {
		got = append(got, math.Float32frombits(binary.LittleEndian.Uint32(raw)))
	}
	if want := s.Embed("text-embedding-3-small", "Director of Engineering"); !slices.Equal(want, got) {
		t.Error("base64 and truth differ")
	}
}

func TestShortenedVectorsKeepTheirOrder(t *testing.T) {
	t.Parallel()
	s := newServer(t, openai.Options{})
	_, a, _ := call(t, s, "k", `{"model":"text-embedding-3-small","dimensions":512,"input":["Scaling engineering teams","Growing engineering orgs and hiring senior engineers","Seasonal menus for hotels"]}`)
	vectors := make([][]float32, 3)
	for _, d := range a.Data {
		if err := json.Unmarshal(d.Embedding, &vectors[d.Index]); err != nil {
			t.Fatal(err)
		}
	}
	if near, far := cosine(vectors[0], vectors[1]), cosine(vectors[0], vectors[2]); near < far+0.15 {
		t.Errorf("related %.3f, unrelated %.3f", near, far)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	s := newServer(t, openai.Options{Key: "sk-0123456789abcdef"})
	long := strings.Repeat("word ", 8193)
	type refusal struct {
		Status int
		Code   any
		Named  bool // the message names the limit
	}
	for name, tc := range map[string]struct {
		key, body, names string
		want             refusal
	}{
		"wrong key":       {"k", `{}`, "Incorrect API key", refusal{401, "invalid_api_key", true}},
		"model":           {"", `{"model":"text-embedding-9","input":"x"}`, "does not exist", refusal{404, "model_not_found", true}},
		"no model":        {"", `{"input":"x"}`, "model", refusal{400, nil, true}},
		"no input":        {"", `{"model":"text-embedding-3-small"}`, "$.input", refusal{400, nil, true}},
		"empty text":      {"", `{"model":"text-embedding-3-small","input":["a",""]}`, "$.input", refusal{400, nil, true}},
		"empty list":      {"", `{"model":"text-embedding-3-small","input":[]}`, "$.input", refusal{400, nil, true}},
		"null token":      {"", `{"model":"text-embedding-3-small","input":[1,null]}`, "$.input", refusal{400, nil, true}},
		"too many texts":  {"", `{"model":"text-embedding-3-small","input":["a"` + strings.Repeat(`,"a"`, 2048) + `]}`, "$.input", refusal{400, nil, true}},
		"too long":        {"", fmt.Sprintf(`{"model":"text-embedding-3-small","input":%q}`, long), "8192 tokens", refusal{400, nil, true}},
		"too much":        {"", `{"model":"text-embedding-3-small","input":[` + strings.TrimSuffix(strings.Repeat(fmt.Sprintf("%q,", long[:40000]), 38), ",") + `]}`, "max 300000 tokens", refusal{400, "max_tokens_per_request", true}},
		"ada dimensions":  {"", `{"model":"text-embedding-ada-002","input":"x","dimensions":512}`, "dimensions", refusal{400, nil, true}},
		"big dimensions":  {"", `{"model":"text-embedding-3-small","input":"x","dimensions":1537}`, "1536", refusal{400, nil, true}},
		"unknown member":  {"", `{"model":"text-embedding-3-small","input":"x","extra":1}`, "extra", refusal{400, "unknown_parameter", true}},
		"encoding format": {"", `{"model":"text-embedding-3-small","input":"x","encoding_format":"hex"}`, "base64", refusal{400, "invalid_value", true}},
		"not JSON":        {"", `{`, "JSON", refusal{400, nil, true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			key := tc.key
			if key == "" {
				key = "sk-0123456789abcdef"
			}
			status, a, _ := call(t, s, key, tc.body)
			if a.Error == nil {
				t.Fatalf("no error in answer %d", status)
			}
			got := refusal{status, a.Error.Code, strings.Contains(a.Error.Message, tc.names)}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s\nmessage: %.120s", diff, a.Error.Message)
			}
		})
	}
}

func TestLimitsRefillAndTellTheTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, openai.Options{Limits: openai.Limits{Requests: 2, Tokens: -1}})
		var got []string
		ask := func() {
			status, a, h := call(t, s, "k", `{"model":"text-embedding-3-small","input":"x"}`)
			code := any("")
			if a.Error != nil {
				code = a.Error.Code
			}
			got = append(got, fmt.Sprintf("%d%v remaining=%s reset=%s retry=%s tokens=%s",
				status, code, h.Get("x-ratelimit-remaining-requests"), h.Get("x-ratelimit-reset-requests"), h.Get("Retry-After"), h.Get("x-ratelimit-limit-tokens")))
		}
		ask()
		ask()
		ask()
		time.Sleep(30 * time.Second)
		ask()
		if diff := cmp.Diff([]string{
			"200 remaining=1 reset=30s retry= tokens=",
			"200 remaining=0 reset=1m0s retry= tokens=",
			"429rate_limit_exceeded remaining=0 reset=1m0s retry=30 tokens=",
			"200 remaining=0 reset=1m0s retry= tokens=",
		}, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestBudgetAndBill(t *testing.T) {
	t.Parallel()
	var charged []money.Micro
	keys := map[string]int{}
	s := newServer(t, openai.Options{Budget: 3, Charge: func(op, key string, amount money.Micro) error {
		charged = append(charged, amount)
		keys[op+key]++
		return nil
	}})
	text := strings.Repeat("word ", 55) // 55 tokens: 1.1 micro-dollars, charged as 2
	body := fmt.Sprintf(`{"model":"text-embedding-3-small","input":%q}`, text)
	statuses := []int{}
	for _, b := range []string{body, `{"model":"text-embedding-3-small","input":"x"}`, body} {
		status, a, h := call(t, s, "k", b)
		statuses = append(statuses, status)
		if status == http.StatusTooManyRequests && (a.Error.Type != "insufficient_quota" || a.Error.Code != nil || h.Get("Retry-After") != "") {
			t.Errorf("out of budget: %+v, Retry-After %q; want type insufficient_quota, null code, no Retry-After", a.Error, h.Get("Retry-After"))
		}
	}
	if diff := cmp.Diff([]int{200, 200, 429}, statuses); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]money.Micro{2, 1}, charged); diff != "" {
		t.Error(diff)
	}
	if len(keys) != 2 {
		t.Errorf("two questions were charged under %d keys", len(keys))
	}
	if _, err := openai.New(openai.Options{Budget: -1}); err == nil {
		t.Error("a negative budget was accepted")
	}
}

func TestVendorClient(t *testing.T) {
	t.Parallel()
	s := newServer(t, openai.Options{Key: "sk-test"})
	client := func(key string) *vendor.Client {
		config := vendor.DefaultConfig(key)
		config.HTTPClient = direct{s}
		return vendor.NewClientWithConfig(config)
	}
	texts := []string{"CTO", "Head of Product", "Chef"}
	resp, err := client("sk-test").CreateEmbeddings(t.Context(), vendor.EmbeddingRequest{
		Input: texts, Model: vendor.SmallEmbedding3, EncodingFormat: vendor.EmbeddingEncodingFormatBase64,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range resp.Data {
		if !slices.Equal(d.Embedding, s.Embed("text-embedding-3-small", texts[d.Index])) {
			t.Errorf("vector %d differs", d.Index)
		}
	}
	_, err = client("other").CreateEmbeddings(t.Context(), vendor.EmbeddingRequest{Input: texts, Model: vendor.SmallEmbedding3})
	if e, ok := errors.AsType[*vendor.APIError](err); !ok || e.HTTPStatusCode != 401 || e.Code != "invalid_api_key" {
		t.Errorf("wrong key: %v", err)
	}
}

// direct calls a handler without a socket.
type direct struct{ h http.Handler }

func (d direct) Do(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	d.h.ServeHTTP(w, r)
	return w.Result(), nil
}

func TestForms429(t *testing.T) {
	t.Parallel()
	s := newServer(t, openai.Options{})
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/embeddings", nil)
	slow, empty := httptest.NewRecorder(), httptest.NewRecorder()
	s.Throttled(slow, r)
	s.Exhausted(empty, r)
	got := []string{
		fmt.Sprintf("%d retry=%s %t", slow.Code, slow.Header().Get("Retry-After"), strings.Contains(slow.Body.String(), `"rate_limit_exceeded"`)),
		fmt.Sprintf("%d retry=%s %t", empty.Code, empty.Header().Get("Retry-After"), strings.Contains(empty.Body.String(), `"code":null`)),
	}
	if diff := cmp.Diff([]string{"429 retry=1 true", "429 retry= true"}, got); diff != "" {
		t.Error(diff)
	}
}

func BenchmarkServe(b *testing.B) {
	s := newServer(b, openai.Options{Limits: openai.Limits{Requests: -1, Tokens: -1}})
	text, err := json.Marshal(strings.Repeat("VP Engineering at a cloud platform, scaling engineering teams. ", 3))
	if err != nil {
		b.Fatal(err)
	}
	body := `{"model":"text-embedding-3-small","encoding_format":"base64","input":[` + strings.TrimSuffix(strings.Repeat(string(text)+",", 100), ",") + `]}`
	for b.Loop() {
		if status, _, _ := call(b, s, "k", body); status != 200 {
			b.Fatal(status)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/100, "us/text")
}

func FuzzServe(f *testing.F) {
	s := newServer(f, openai.Options{Limits: openai.Limits{Requests: -1, Tokens: -1}})
	for _, seed := range []string{
		`{"model":"text-embedding-3-small","input":["a","b"],"dimensions":8,"encoding_format":"base64"}`,
		`{"model":"text-embedding-ada-002","input":[[1,2],[3]]}`, `{"model":"text-embedding-3-large","input":null}`, `[]`, `{"model":1}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		status, a, _ := call(t, s, "k", body)
		if (status == http.StatusOK) == (a.Error != nil) || status >= 500 {
			t.Errorf("status %d with error %v", status, a.Error)
		}
	})
}
