package lambdax_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/lambdax"
)

type order struct {
	N int `json:"n"`
}

func TestErrorsLeaveUnderTheirKind(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		payload string
		run     func(context.Context, order) (order, error)
		kind    fault.Kind
		says    string
	}{
		{"a fault", `{}`, func(context.Context, order) (order, error) {
			return order{}, fmt.Errorf("plan: %w", fault.New(fault.NotFound, "store.icp", "your team has no ICP with this id"))
		}, fault.NotFound, "your team has no ICP"},
		{"an unknown error", `{}`, func(context.Context, order) (order, error) { return order{}, errors.New("key sk_private") }, fault.Internal, "the log has the details"},
		{"out of time", `{}`, func(context.Context, order) (order, error) { return order{}, context.DeadlineExceeded }, fault.Unavailable, ""},
		{"a panic", `{}`, func(context.Context, order) (order, error) { panic("sk_private") }, fault.Internal, ""},
		{"another input", `{"n":"sk_private"}`, func(context.Context, order) (order, error) { return order{}, nil }, fault.InvalidInput, "events/"},
		{"no input", `sk_private`, func(context.Context, order) (order, error) { return order{}, nil }, fault.InvalidInput, "events/"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := lambdax.Handler(slog.New(slog.DiscardHandler), c.run).Invoke(t.Context(), []byte(c.payload))
			got, ok := errors.AsType[messages.InvokeResponse_Error](err)
			if !ok || got.Type != string(c.kind) || !strings.Contains(got.Message, c.says) || strings.Contains(got.Message, "sk_private") {
				t.Errorf("error = %+v, want type %s with %q and no secret", err, c.kind, c.says)
			}
		})
	}
}

// chunk is an input that says for whom it is.
type chunk struct {
	domain.Ref
	Doc string `json:"doc"`
}

func TestAStageWorksInTheNameOfItsTeam(t *testing.T) {
	t.Parallel()
	h := lambdax.Handler(slog.New(slog.DiscardHandler), func(ctx context.Context, _ chunk) (string, error) { return domain.TeamOf(ctx), nil })
	if out, err := h.Invoke(t.Context(), []byte(`{"team":"acme","doc":"d"}`)); err != nil || string(out) != `"acme"` {
		t.Errorf("the stage works for %s, %v", out, err)
	}
}

func TestAnswersAreJSON(t *testing.T) {
	t.Parallel()
	h := lambdax.Handler(slog.New(slog.DiscardHandler), func(_ context.Context, in order) (order, error) { return order{N: in.N + 1}, nil })
	if out, err := h.Invoke(t.Context(), []byte(`{"n":41}`)); err != nil || string(out) != `{"n":42}` {
		t.Errorf("answer = %s, %v", out, err)
	}
	bad := lambdax.Handler(slog.New(slog.DiscardHandler), func(context.Context, order) (func(), error) { return func() {}, nil })
	if _, err := bad.Invoke(t.Context(), []byte(`{}`)); err == nil {
		t.Error("an answer that is no JSON was given")
	}
}

func TestTheInputIsNotLogged(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	h := lambdax.Handler(slog.New(slog.NewTextHandler(&log, nil)), func(context.Context, order) (order, error) {
		return order{}, fault.New(fault.Unavailable, "x.y", "down")
	})
	for _, payload := range []string{`{"n":1,"email":"ann@private.example"}`, `"ann@private.example"`} {
		if _, err := h.Invoke(t.Context(), []byte(payload)); err == nil {
			t.Error("no error")
		}
	}
	if strings.Contains(log.String(), "private") || !strings.Contains(log.String(), "kind=Unavailable") {
		t.Errorf("log = %s", log.String())
	}
}

// echo answers with what it was asked.
func echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Add("Vary", "A")
	w.Header().Add("Vary", "B")
	w.Header().Add("Set-Cookie", "a=1")
	w.Header().Add("Set-Cookie", "b=2")
	w.WriteHeader(http.StatusCreated)
	w.WriteHeader(http.StatusTeapot) // too late
	_ = json.NewEncoder(w).Encode(map[string]any{
		"method": r.Method, "path": r.URL.Path, "q": r.URL.Query()["q"], "auth": r.Header.Get("Authorization"),
		"cookie": r.Header.Get("Cookie"), "host": r.Host, "from": r.RemoteAddr, "body": string(body),
	})
}

func event() events.APIGatewayV2HTTPRequest {
	var e events.APIGatewayV2HTTPRequest
	e.Version, e.RawPath, e.RawQueryString = "2.0", "/api/v1/x/ü y", "q=1&q=a%20b"
	e.Headers = map[string]string{"authorization": "Bearer sk_1", "content-type": "application/json"}
	e.Cookies = []string{"c=1", "d=2"}
	e.RequestContext.HTTP.Method, e.RequestContext.HTTP.SourceIP, e.RequestContext.DomainName = "POST", "192.0.2.1", "x.example"
	e.Body = `{"name":"x"}`
	return e
}

func TestAnHTTPEventBecomesARequestAndBack(t *testing.T) {
	t.Parallel()
	serve := lambdax.ServeHTTP(http.HandlerFunc(echo))
	plain := event()
	coded := event()
	coded.Body, coded.IsBase64Encoded = base64.StdEncoding.EncodeToString([]byte(plain.Body)), true
	for name, e := range map[string]events.APIGatewayV2HTTPRequest{"plain": plain, "base64": coded} {
		out, err := serve(t.Context(), e)
		if err != nil {
			t.Fatal(err)
		}
		var body map[string]any
		if err := json.Unmarshal([]byte(out.Body), &body); err != nil {
			t.Fatalf("%s: %v in %q", name, err, out.Body)
		}
		want := map[string]any{
			"method": "POST", "path": "/api/v1/x/ü y", "q": []any{"1", "a b"}, "auth": "Bearer sk_1", "cookie": "c=1; d=2",
			"host": "x.example", "from": "192.0.2.1", "body": `{"name":"x"}`,
		}
		if diff := cmp.Diff(want, body); diff != "" {
			t.Errorf("%s: request (-want +got):\n%s", name, diff)
		}
		out.Body = ""
		wantOut := events.APIGatewayV2HTTPResponse{
			StatusCode: http.StatusCreated, Headers: map[string]string{"content-type": "application/json", "vary": "A,B"}, Cookies: []string{"a=1", "b=2"},
		}
		if diff := cmp.Diff(wantOut, out); diff != "" {
			t.Errorf("%s: response (-want +got):\n%s", name, diff)
		}
	}
}

func TestBinaryAnswersAreCoded(t *testing.T) {
	t.Parallel()
	data := []byte{0xff, 0xfe, 0}
	out, err := lambdax.ServeHTTP(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(data)
	}))(t.Context(), event())
	if err != nil || !out.IsBase64Encoded || out.Body != base64.StdEncoding.EncodeToString(data) || out.StatusCode != http.StatusOK {
		t.Errorf("response = %+v, %v", out, err)
	}
}

func TestBadEventsAreErrors(t *testing.T) {
	t.Parallel()
	serve := lambdax.ServeHTTP(http.HandlerFunc(echo))
	coded := event()
	coded.Body, coded.IsBase64Encoded = "***", true
	if _, err := serve(t.Context(), coded); !fault.Is(err, fault.InvalidInput) {
		t.Errorf("a body that is no base64 = %v, want InvalidInput", err)
	}
	odd := event()
	odd.RequestContext.HTTP.Method = "NO METHOD"
	if _, err := serve(t.Context(), odd); err == nil {
		t.Error("an impossible method is no error")
	}
}
