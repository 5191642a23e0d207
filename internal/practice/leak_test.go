package practice_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/messageai/sluice/internal/api"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/practice"
	"github.com/messageai/sluice/internal/sandbox/upstream"
)

// guard looks for secrets in everything that it is shown.
type guard struct {
	mu      sync.Mutex
	secrets map[string]string // every form of a secret: what it is
	found   map[string]bool
	seen    map[string]int // bytes looked through, by kind of place
}

// keep adds a secret in the forms in which it travels.
func (g *guard) keep(what string, values ...string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	forms := append(slices.Clone(values), strings.Join(values, ":"))
	for _, form := range forms {
		for _, f := range []string{form, url.QueryEscape(form), base64.StdEncoding.EncodeToString([]byte(form)), base64.StdEncoding.EncodeToString([]byte(form + ":"))} {
			g.secrets[f] = what
		}
	}
}

func (g *guard) look(kind, where string, data []byte) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.seen[kind] += len(data)
	for form, what := range g.secrets {
		if bytes.Contains(data, []byte(form)) {
			g.found[what+" in "+kind+" "+where] = true
		}
	}
}

// Write implements io.Writer for the log.
func (g *guard) Write(line []byte) (int, error) {
	g.look("log", "", line)
	return len(line), nil
}

// wire shows the guard what functions say to AWS and hear from it, apart from
// Secrets Manager, where the keys are.
type wire struct {
	*guard
	function string
	next     aws.HTTPClient
}

// Do implements aws.HTTPClient.
func (w wire) Do(r *http.Request) (*http.Response, error) {
	target := r.Header.Get("X-Amz-Target")
	if strings.HasPrefix(target, "secretsmanager.") {
		return w.next.Do(r)
	}
	where := w.function + " " + target + " " + r.Method
	w.look("AWS", where, []byte(r.URL.String()))
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		w.look("AWS", where, body)
	}
	resp, err := w.next.Do(r)
	if err != nil {
		w.look("AWS", where, []byte(err.Error()))
		return resp, err
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body = io.NopCloser(bytes.NewReader(body))
	w.look("AWS", where, body)
	return resp, err
}

// tokens learns the access tokens that providers give.
type tokens struct {
	*guard
	next http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (s tokens) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := s.next.RoundTrip(r)
	if err != nil {
		return resp, &url.Error{Op: r.Method, URL: r.URL.String(), Err: err} // as talkative as errors of the network can be
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body = io.NopCloser(bytes.NewReader(body))
	var answer struct {
		Token string `json:"access_token"`
	}
	if json.Unmarshal(body, &answer) == nil && answer.Token != "" {
		s.keep("the access token", answer.Token)
	}
	return resp, err
}

// ask makes a request to the API and shows the guard the answer.
func (g *guard) ask(t *testing.T, w *practice.World, method, path string, body any) int {
	t.Helper()
	code, answer := call(t, w, method, path, practice.Key, body)
	g.look("API", method+" "+path, answer)
	return code
}

// No key and no token is anywhere but at its provider and in Secrets Manager.
func TestNoSecretIsEmitted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &guard{secrets: map[string]string{}, found: map[string]bool{}, seen: map[string]int{}}
		d := &door{real: map[string]string{}}
		trouble := map[string]upstream.Faults{}
		for _, name := range practice.Enrichers() {
			trouble[name] = upstream.Faults{Throttle: 0.03, Error: 0.05, Truncate: 0.02, WrongType: 0.02, Lost: 0.02}
		}
		w, err := practice.Open(t.Context(), practice.Options{
			Seed: 11, Latency: 100 * time.Millisecond, Providers: trouble,
			Logger: slog.New(slog.NewJSONHandler(g, &slog.HandlerOptions{Level: slog.LevelDebug})),
			Wrap:   func(function string, next aws.HTTPClient) aws.HTTPClient { return wire{g, function, next} },
			Outside: func(next http.RoundTripper) http.RoundTripper {
				d.next = tokens{g, next}
				return d
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := w.Close(); err != nil {
				t.Error(err)
			}
		})
		w.Start()
		for _, name := range practice.Enrichers() {
			id, secret := "id-"+name+"+7Qk/2w==", "key-"+name+"+9Zx/4v=="
			fields := map[string]string{"apiKey": secret}
			if name == "zoominfo" {
				fields = map[string]string{"clientId": id, "clientSecret": secret}
				g.keep("the login of "+name, id, secret)
				d.alias(id, w.Sandbox.Key(name))
			}
			g.keep("the key of "+name, secret)
			g.keep("the simulator's key of "+name, w.Sandbox.Key(name))
			d.alias(secret, w.Sandbox.Key(name))
			path := "/api/v1/providers/" + name
			for _, worst := range []upstream.Faults{{Lost: 1}, {Outage: true}, {Truncate: 1}, {WrongType: 1}, {Error: 1}, {Throttle: 1}} {
				w.Sandbox.Faults(name).Set(worst)
				if code := g.ask(t, w, "POST", path+"/key", fields); code < http.StatusBadRequest {
					t.Errorf("a key of %s that could not be checked was taken: %d", name, code)
				}
				time.Sleep(time.Minute)
			}
			w.Sandbox.Faults(name).Set(trouble[name])
			for range 20 { // in spite of the trouble
				if g.ask(t, w, "POST", path+"/key", fields) == http.StatusOK {
					break
				}
				time.Sleep(time.Minute)
			}
			g.ask(t, w, "POST", path+"/test", nil)
		}
		g.keep("a wrong key", "wrong+3Ty/8u==")
		for _, body := range []any{map[string]string{"apiKey": "wrong+3Ty/8u=="}, map[string]any{"apiKey": 1, "wrong+3Ty/8u==": []string{"wrong+3Ty/8u=="}}, "wrong+3Ty/8u=="} {
			g.ask(t, w, "POST", "/api/v1/providers/lusha/key", body)
		}
		icp := must[domain.ICP](t, w, "POST", "/api/v1/prospecting/icps", sample(t))
		campaign := must[api.CampaignStarted](t, w, "POST", campaigns, api.CampaignRequest{
			ICPID: icp.ID, Name: "x", Platforms: []string{"apollo"}, Options: api.CampaignOptions{MaxProspects: 400, Enrich: &api.EnrichRequest{
				Fields: []string{"person", "email", "email status", "title", "company", "phone", "technologies", "intent"},
			}},
		}).CampaignID
		time.Sleep(2 * time.Minute)
		g.ask(t, w, "DELETE", "/api/v1/providers/hunter/key", nil)
		wait(t, w, campaign)
		for _, path := range []string{"/api/v1/providers", campaigns, campaigns + "/" + campaign, campaigns + "/" + campaign + "/prospects", campaigns + "/" + campaign + "/prospects?status=failed", "/api/v1/team/budget", "/api/v1/openapi.json", "/api/v1/nothing"} {
			g.ask(t, w, "GET", path, nil)
		}
		g.lookAtWhatStays(t, w)
		for where := range g.found {
			t.Errorf("%s", where)
		}
		for _, kind := range []string{"log", "AWS", "API", "table", "object", "history"} {
			if g.seen[kind] < 1000 {
				t.Errorf("only %d bytes of kind %s were looked through", g.seen[kind], kind)
			}
		}
		used := map[string]bool{}
		for _, p := range d.passed {
			if p.key != "" {
				used[p.key] = true
			}
		}
		for _, name := range practice.Enrichers() {
			if !used["key-"+name+"+9Zx/4v=="] {
				t.Errorf("the key of %s never left, so that this proves nothing about it", name)
			}
		}
		if !slices.Contains(mapValues(g.secrets), "the access token") {
			t.Error("there was no access token")
		}
	})
}

func mapValues(m map[string]string) (out []string) {
	for _, v := range m {
		out = append(out, v)
	}
	return out
}

// lookAtWhatStays reads all tables, all objects and the histories of all
// executions.
func (g *guard) lookAtWhatStays(t *testing.T, w *practice.World) {
	t.Helper()
	cfg, err := w.Stack.Config("")
	if err != nil {
		t.Fatal(err)
	}
	show := func(kind, where string, v any) {
		t.Helper()
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		g.look(kind, where, data)
	}
	db := dynamodb.NewFromConfig(cfg)
	for _, table := range []string{"CoreTable", "ProspectsTable", "LedgerTable", "ControlTable"} {
		pages := dynamodb.NewScanPaginator(db, &dynamodb.ScanInput{TableName: aws.String(w.Stack.Output(table))})
		for pages.HasMorePages() {
			page, err := pages.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			show("table", table, page.Items)
		}
	}
	objects, bucket := s3.NewFromConfig(cfg), aws.String(w.Stack.Output("RunsBucket"))
	list := s3.NewListObjectsV2Paginator(objects, &s3.ListObjectsV2Input{Bucket: bucket})
	for list.HasMorePages() {
		page, err := list.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range page.Contents {
			got, err := objects.GetObject(t.Context(), &s3.GetObjectInput{Bucket: bucket, Key: o.Key})
			if err != nil {
				t.Fatal(err)
			}
			data, err := io.ReadAll(got.Body)
			if err != nil {
				t.Fatal(err)
			}
			show("object", *o.Key, got.Metadata)
			g.look("object", *o.Key, data)
		}
	}
	machines := sfn.NewFromConfig(cfg)
	runs, err := machines.ListExecutions(t.Context(), &sfn.ListExecutionsInput{StateMachineArn: aws.String(w.Stack.Output("StateMachine"))})
	if err != nil || len(runs.Executions) == 0 {
		t.Fatalf("%d executions: %v", len(runs.Executions), err)
	}
	for _, run := range runs.Executions {
		pages := sfn.NewGetExecutionHistoryPaginator(machines, &sfn.GetExecutionHistoryInput{ExecutionArn: run.ExecutionArn, IncludeExecutionData: aws.Bool(true)})
		for pages.HasMorePages() {
			page, err := pages.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			show("history", *run.Name, page.Events)
		}
	}
}
