package upstream_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/sandbox/upstream"
)

// shop is a provider that charges for every answer and echoes the question.
type shop struct {
	front *upstream.Server
}

func (s shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = s.front.Charge("sell", string(body), 7)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("X-Left", fmt.Sprint(len(upstream.LimitsOf(r).Windows)))
	_, _ = w.Write([]byte("sold " + string(body)))
}

func (shop) Throttled(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Wait", upstream.LimitsOf(r).RetryAfter.String())
	w.WriteHeader(http.StatusTeapot)
}

func open(t *testing.T, c upstream.Config) *upstream.Server {
	t.Helper()
	front, err := upstream.New("shop", c)
	if err != nil {
		t.Fatal(err)
	}
	front.Use(shop{front})
	return front
}

type outcome struct {
	Status int
	Body   string
	Err    string
}

func send(t *testing.T, front *upstream.Server, body string) outcome {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://shop.example/buy?x=1", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := front.RoundTrip(req)
	if err != nil {
		return outcome{Err: err.Error()}
	}
	defer func() { _ = resp.Body.Close() }()
	got, err := io.ReadAll(resp.Body)
	out := outcome{Status: resp.StatusCode, Body: string(got)}
	if err != nil {
		out.Err = err.Error()
	}
	return out
}

func TestBillCountsRepeatedCharges(t *testing.T) {
	t.Parallel()
	front := open(t, upstream.Config{})
	for _, body := range []string{"a", "b", "a", "a"} {
		send(t, front, body)
	}
	want := upstream.Bill{Total: 28, ByOp: map[string]upstream.OpBill{"sell": {Charges: 4, Total: 28}}, Repeated: 2, Wasted: 14}
	if d := cmp.Diff(want, front.Bill()); d != "" {
		t.Error(d)
	}
	if once, err := front.ChargeOnce("sell", "a", 7); once || err != nil {
		t.Errorf("ChargeOnce of a charged key = %v, %v; want false, nil", once, err)
	}
	if d := cmp.Diff(map[int]int{200: 4}, front.Requests()); d != "" {
		t.Error(d)
	}
}

// memory is a journal that outlives a server.
type memory struct {
	records map[string][]json.RawMessage
	broken  bool
}

func (m *memory) Append(service string, record any) error {
	if m.broken {
		return errors.New("disk full")
	}
	raw, err := json.Marshal(record)
	m.records[service] = append(m.records[service], raw)
	return err
}

func (m *memory) Past(service string) []json.RawMessage { return m.records[service] }

func TestBillSurvivesTheProcess(t *testing.T) {
	t.Parallel()
	j := &memory{records: map[string][]json.RawMessage{}}
	first := open(t, upstream.Config{Journal: j})
	send(t, first, "jane@shop.example")
	if strings.Contains(string(j.records["sandbox.shop"][0]), "jane") {
		t.Error("the journal holds the key in clear")
	}
	second := open(t, upstream.Config{Journal: &memory{records: j.records}})
	if d := cmp.Diff(first.Bill(), second.Bill()); d != "" {
		t.Error(d)
	}
	send(t, second, "jane@shop.example")
	if got := second.Bill().Repeated; got != 1 {
		t.Errorf("Repeated = %d after the same purchase in a second process, want 1", got)
	}
	if got := second.Charges("sell"); got != 2 {
		t.Errorf("Charges = %d, want 2", got)
	}
	j.broken = true
	if got := send(t, first, "other"); got.Status != http.StatusInternalServerError || first.Bill().Total != 7 {
		t.Errorf("charge without journal: answer %v, total %d; want 500 and no charge", got, first.Bill().Total)
	}
	j.records["sandbox.shop"] = append(j.records["sandbox.shop"], json.RawMessage(`[]`))
	if _, err := upstream.New("shop", upstream.Config{Journal: j}); err == nil {
		t.Error("a damaged journal was accepted")
	}
}

func TestQuotaWindowsAreFixedAndOpenWithTheFirstRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		front := open(t, upstream.Config{Quotas: map[string][]upstream.Window{"": {{Rate: 2, Per: time.Minute}, {Rate: 3, Per: time.Hour}}}})
		time.Sleep(10 * time.Second) // the window has not opened yet
		var got []int
		for range 3 {
			got = append(got, send(t, front, "a").Status)
			time.Sleep(20 * time.Second)
		}
		got = append(got, send(t, front, "a").Status, send(t, front, "a").Status)
		if d := cmp.Diff([]int{200, 200, 418, 200, 418}, got); d != "" {
			t.Error(d)
		}
		usage := front.Usage("")
		want := []upstream.Usage{
			{Window: upstream.Window{Rate: 2, Per: time.Minute}, Used: 1, ResetIn: time.Minute},
			{Window: upstream.Window{Rate: 3, Per: time.Hour}, Used: 3, ResetIn: 59 * time.Minute},
		}
		if d := cmp.Diff(want, usage); d != "" {
			t.Error(d)
		}
	})
}

func TestFaultsDependOnContentAndAttemptAlone(t *testing.T) {
	t.Parallel()
	faults := upstream.Faults{Throttle: 0.2, Error: 0.2, Truncate: 0.1, WrongType: 0.1, Lost: 0.2}
	run := func(parallel bool) map[string][]outcome {
		front := open(t, upstream.Config{Seed: 5, Faults: faults})
		var mu sync.Mutex
		out := map[string][]outcome{}
		var wg sync.WaitGroup
		for i := range 40 {
			body := fmt.Sprintf("question number %d", i)
			ask := func() {
				for range 3 {
					got := send(t, front, body)
					mu.Lock()
					out[body] = append(out[body], got)
					mu.Unlock()
				}
			}
			if parallel {
				wg.Go(ask)
			} else {
				ask()
			}
		}
		wg.Wait()
		return out
	}
	serial := run(false)
	if d := cmp.Diff(serial, run(true)); d != "" {
		t.Errorf("faults depend on scheduling:\n%s", d)
	}
	kinds := map[string]int{}
	for _, all := range serial {
		for _, o := range all {
			switch {
			case o.Status == 200 && o.Err != "":
				kinds["truncated"]++
			case strings.HasPrefix(o.Body, "<!DOCTYPE"):
				kinds["wrong type"]++
			case o.Err != "":
				kinds["lost"]++
			default:
				kinds[fmt.Sprint(o.Status)]++
			}
		}
	}
	for _, want := range []string{"truncated", "wrong type", "lost", "200", "418", "500", "503"} {
		if kinds[want] == 0 {
			t.Errorf("no %s among 120 requests: %v", want, kinds)
		}
	}
}

func TestEffectsOfFaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		faults upstream.Faults
		charge money.Micro
		want   outcome
	}{
		"throttle":   {upstream.Faults{Throttle: 1}, 0, outcome{Status: 418}},
		"lost":       {upstream.Faults{Lost: 1}, 7, outcome{Err: "read tcp: " + syscall.ECONNRESET.Error()}},
		"outage":     {upstream.Faults{Outage: true}, 0, outcome{Err: "dial tcp: " + syscall.ECONNREFUSED.Error()}},
		"truncate":   {upstream.Faults{Truncate: 1}, 7, outcome{Status: 200, Body: "sol", Err: "unexpected EOF"}},
		"wrong type": {upstream.Faults{WrongType: 1}, 7, outcome{Status: 200, Body: "<!DOCTYPE html><html><body><h1>We will be right back</h1></body></html>"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			front := open(t, upstream.Config{Faults: c.faults})
			if d := cmp.Diff(c.want, send(t, front, "a")); d != "" {
				t.Error(d)
			}
			if got := front.Bill().Total; got != c.charge {
				t.Errorf("charged %d, want %d", got, c.charge)
			}
			front.Dial().Set(upstream.Faults{})
			if got := send(t, front, "a"); got.Body != "sold a" {
				t.Errorf("after the dial was turned back: %v", got)
			}
		})
	}
}

func TestLatencyAndSlownessEndWithTheContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		front := open(t, upstream.Config{Latency: 50 * time.Millisecond})
		start := time.Now()
		send(t, front, "a")
		if took := time.Since(start); took != 50*time.Millisecond {
			t.Errorf("latency %v, want 50ms", took)
		}
		front.Dial().Set(upstream.Faults{Slow: 1, SlowBy: time.Minute})
		client := &http.Client{Transport: front, Timeout: time.Second}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://shop.example/", strings.NewReader("b"))
		if err != nil {
			t.Fatal(err)
		}
		start = time.Now()
		resp, err := client.Do(req)
		if err == nil {
			_ = resp.Body.Close()
			t.Error("a slow answer came before the client's time-out")
		}
		if took := time.Since(start); took != time.Second {
			t.Errorf("gave up after %v, want 1s", took)
		}
		if got := front.Bill().Total; got != 14 {
			t.Errorf("charged %d, want 14: a slow answer has had its effect", got)
		}
	})
}

func TestServedBehindAListener(t *testing.T) {
	t.Parallel()
	front := open(t, upstream.Config{})
	rec := httptest.NewRecorder()
	front.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/buy", strings.NewReader("a")))
	if rec.Code != 200 || rec.Body.String() != "sold a" || rec.Header().Get("Content-Length") != "6" {
		t.Errorf("got %d %q, length %s", rec.Code, rec.Body, rec.Header().Get("Content-Length"))
	}
	front.Dial().SetOutage(true)
	defer func() {
		if got, _ := recover().(error); !errors.Is(got, http.ErrAbortHandler) {
			t.Errorf("an outage ended with %v, want the connection aborted", got)
		}
	}()
	front.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/buy", strings.NewReader("a")))
}
