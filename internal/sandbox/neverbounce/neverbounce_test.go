package neverbounce_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/sandbox/market"
	"github.com/messageai/sluice/internal/sandbox/neverbounce"
	"github.com/messageai/sluice/internal/sandbox/upstream"
)

type stack struct {
	t      *testing.T
	market *market.Market
	front  *upstream.Server
}

func start(t *testing.T, quotas map[string][]upstream.Window, o neverbounce.Options) *stack {
	t.Helper()
	m, err := market.New(market.Options{Seed: 3, Now: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	front, err := upstream.New("neverbounce", upstream.Config{Quotas: quotas})
	if err != nil {
		t.Fatal(err)
	}
	front.Use(neverbounce.New(m, front, "right", o))
	return &stack{t, m, front}
}

type object = map[string]any

func (s *stack) send(method, path, body string) (int, object) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, "https://api.neverbounce.com/v4.2/"+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	resp, err := s.front.RoundTrip(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	var out object
	if resp.StatusCode == http.StatusOK {
		if err := json.Unmarshal(raw, &out); err != nil {
			s.t.Fatal(err)
		}
	}
	return resp.StatusCode, out
}

// post asks with the key in a JSON body.
func (s *stack) post(path string, body object) object {
	s.t.Helper()
	body["key"] = "right"
	raw, err := json.Marshal(body)
	if err != nil {
		s.t.Fatal(err)
	}
	_, out := s.send("POST", path, string(raw))
	return out
}

func list(n int) []object {
	rows := make([]object, n)
	for i := range rows {
		rows[i] = object{"id": fmt.Sprint("lead-", i), "email": fmt.Sprintf("nobody%d@nowhere.example", i)}
	}
	return rows
}

func (s *stack) create(rows []object) object {
	s.t.Helper()
	return s.post("jobs/create", object{"input_location": "supplied", "filename": "leads", "auto_parse": true, "auto_start": true, "input": rows})
}

func TestVerdictsAgreeWithTheMailServer(t *testing.T) {
	t.Parallel()
	s := start(t, nil, neverbounce.Options{})
	seen := map[any]int{}
	wrong := 0
	asked := 0
	for p := range 3000 {
		for _, email := range []string{s.market.Email(p), s.market.OldEmail(p)} {
			if email == "" {
				continue
			}
			asked++
			got := s.post("single/check", object{"email": email, "timeout": 10})
			box := s.market.Mailbox(email)
			want := "invalid"
			switch {
			case !box.Domain:
			case box.CatchAll:
				want = "catchall"
			case box.Exists:
				want = "valid"
			}
			seen[got["result"]]++
			switch {
			case got["result"] == "unknown" && box.Domain, got["result"] == want:
			case got["result"] == "valid" && want == "invalid" && box.Domain:
				wrong++
			default:
				t.Fatalf("verdict %v of %+v", got["result"], box)
			}
		}
	}
	for _, want := range []string{"valid", "invalid", "catchall", "unknown"} {
		if seen[want] < 10 {
			t.Errorf("%q came %d times", want, seen[want])
		}
	}
	if share := float64(wrong) / float64(seen["valid"]); share == 0 || share > 0.02 {
		t.Errorf("%d of %d that are called valid would bounce, want some and fewer than 2 %%", wrong, seen["valid"])
	}
	if got := s.front.Bill().Total; got != neverbounce.CreditPrice*money.Micro(asked) {
		t.Errorf("charged %v for %d checks, want each", got, asked)
	}
	role := s.post("single/check", object{"email": "info@" + s.market.Domain(0)})
	if flags, _ := role["flags"].([]any); len(flags) == 0 || flags[0] != "role_account" {
		t.Errorf("role account: %v", role)
	}
	if got := s.post("single/check", object{"email": "x@throwaway.example"}); got["result"] != "disposable" {
		t.Errorf("disposable: %v", got)
	}
}

func TestKeyInQueryFormAndBody(t *testing.T) {
	t.Parallel()
	s := start(t, neverbounce.Quotas(), neverbounce.Options{})
	for _, c := range []struct{ method, path, body, status string }{
		{"GET", "account/info?key=right", "", "success"},
		{"POST", "account/info", "key=right", "success"},
		{"POST", "account/info", `{"key":"right"}`, "success"},
		{"GET", "account/info", "", "auth_failure"},
		{"POST", "account/info?key=right", `{"key":"wrong"}`, "auth_failure"},
		{"GET", "single/check?key=wrong&email=a%40b.example", "", "auth_failure"},
		{"GET", "single/check?key=right&email=a%40b.example&credits_info=1&address_info=1", "", "success"},
		{"GET", "single/check?key=right&email=a%40b.example&credits_info=true", "", "general_failure"},
		{"POST", "single/check", `{"key":"right","email":"a@b.example","credits_info":true}`, "success"},
		{"POST", "single/check", `{"key":"right","email":"a@b.example","credits_info":1}`, "general_failure"},
		{"POST", "single/check", `{"key":"right"}`, "general_failure"},
		{"POST", "single/check", `{"key":"right","email":"a@b.example","timeout":"soon"}`, "general_failure"},
	} {
		if status, got := s.send(c.method, c.path, c.body); status != 200 || got["status"] != c.status {
			t.Errorf("%s %s %s: %d %v, want 200 and %s", c.method, c.path, c.body, status, got, c.status)
		}
	}
	if status, _ := s.send("DELETE", "account/info?key=right", ""); status != 405 {
		t.Errorf("DELETE: %d, want 405", status)
	}
	if status, _ := s.send("GET", "account/delete?key=right", ""); status != 404 {
		t.Errorf("unknown method: %d, want 404", status)
	}
	if got := s.front.Usage("single")[0].Used; got != 6 {
		t.Errorf("%d checks counted, want 6: a wrong key counts against nothing", got)
	}
}

// A form's plus sign is a space: the address that was meant is not the one that
// is checked.
func TestPlusMustBeEscapedInAQuery(t *testing.T) {
	t.Parallel()
	s := start(t, nil, neverbounce.Options{})
	for query, want := range map[string]string{"a+b@throwaway.example": "invalid", "a%2Bb@throwaway.example": "disposable"} {
		if _, got := s.send("GET", "single/check?key=right&email="+query, ""); got["result"] != want {
			t.Errorf("%s: %v, want %s", query, got["result"], want)
		}
	}
}

func TestLifeOfAJob(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := start(t, neverbounce.Quotas(), neverbounce.Options{})
		id := s.create(list(250))["job_id"]
		var states []any
		for range 5 {
			got := s.post("jobs/status", object{"job_id": id})
			states = append(states, got["job_status"])
			if got["job_status"] != "complete" {
				if early := s.post("jobs/results", object{"job_id": id}); early["status"] != "general_failure" {
					t.Errorf("results of a job that runs: %v", early["status"])
				}
			}
			time.Sleep(5 * time.Second)
		}
		if d := cmp.Diff([]any{"parsing", "queued", "running", "running", "complete"}, states); d != "" {
			t.Error(d)
		}
		joined, inOrder := map[any]bool{}, true
		for page := 1; page <= 3; page++ {
			got := s.post("jobs/results", object{"job_id": id, "page": page, "items_per_page": 1000})
			if got["total_pages"] != 3.0 {
				t.Fatalf("%v pages of at most 100, want 3", got["total_pages"])
			}
			for _, r := range got["results"].([]any) {
				data := r.(object)["data"].(object)
				inOrder = inOrder && data["id"] == fmt.Sprint("lead-", len(joined))
				joined[data["id"]] = true
			}
		}
		if len(joined) != 250 || inOrder {
			t.Errorf("%d different results, in the order of the list: %v; want 250 in another", len(joined), inOrder)
		}
		if got := s.post("jobs/delete", object{"job_id": id}); got["status"] != "success" {
			t.Errorf("delete: %v", got)
		}
		for _, method := range []string{"jobs/status", "jobs/results", "jobs/delete"} {
			if got := s.post(method, object{"job_id": id}); got["status"] != "general_failure" {
				t.Errorf("%s of a deleted job: %v", method, got)
			}
		}
		if got := s.front.Bill().Total; got != 250*neverbounce.CreditPrice {
			t.Errorf("charged %v", got)
		}
	})
}

func TestDuplicatesAndBadSyntaxAreCharged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := start(t, nil, neverbounce.Options{})
		id := s.create([]object{{"id": "1", "email": "a@nowhere.example"}, {"id": "2", "email": "A@nowhere.example"}, {"id": "3", "email": "nonsense"}})["job_id"]
		time.Sleep(time.Minute)
		got := s.post("jobs/status", object{"job_id": id})["total"]
		want := object{"records": 3.0, "billable": 3.0, "processed": 3.0, "invalid": 3.0, "duplicates": 1.0, "bad_syntax": 1.0}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
		if bill := s.front.Bill(); bill.Total != 3*neverbounce.CreditPrice || bill.Repeated != 1 {
			t.Errorf("bill %+v, want three charges, one for what was bought before", bill)
		}
	})
}

func TestLimitsOfJobs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := start(t, nil, neverbounce.Options{Credits: 600})
		for range 10 {
			s.create(list(50))
		}
		if got := s.create(list(1)); got["status"] != "throttle_triggered" {
			t.Errorf("eleventh job at once: %v", got)
		}
		time.Sleep(time.Minute)
		if got := s.create(list(101)); got["status"] != "general_failure" || !strings.Contains(got["message"].(string), "credit") {
			t.Errorf("a job of 101 with 100 credits left: %v", got)
		}
		if got := s.create(list(100)); got["status"] != "success" {
			t.Errorf("a job of 100 with 100 credits left: %v", got)
		}
		if got := s.post("single/check", object{"email": "a@b.example"}); got["status"] != "general_failure" {
			t.Errorf("a check without credit: %v", got)
		}
		if status, _ := s.send("POST", "jobs/create", `{"key":"right","input":["`+strings.Repeat("x", 25_000_000)+`"]}`); status != 413 {
			t.Errorf("over 25 MB: %d, want 413", status)
		}
		s = start(t, neverbounce.Quotas(), neverbounce.Options{})
		throttled := 0
		for range 11 {
			if s.create(list(1))["status"] == "throttle_triggered" {
				throttled++
			}
			time.Sleep(time.Minute)
		}
		if throttled != 1 {
			t.Errorf("%d of 11 jobs in an hour were refused, want the last", throttled)
		}
	})
}

func TestSearchIsExactAndTellsTheStateTwoWays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := start(t, nil, neverbounce.Options{EndAs: "under_review"})
		s.create(list(1))
		s.create(list(1))
		s.post("jobs/create", object{"input_location": "supplied", "filename": "leads-2", "auto_parse": true, "input": list(1)})
		time.Sleep(24 * time.Hour)
		got := s.post("jobs/search", object{"filename": "leads"})
		var states []any
		for _, r := range got["results"].([]any) {
			states = append(states, r.(object)["status"], r.(object)["job_status"])
		}
		if d := cmp.Diff([]any{"under_review", nil, nil, "under_review"}, states); d != "" || s.front.Bill().Total != 0 {
			t.Errorf("%s; charged %v", d, s.front.Bill().Total)
		}
		if got := s.post("jobs/search", object{"filename": "lead"}); len(got["results"].([]any)) != 0 {
			t.Errorf("search for a part of the name: %v", got)
		}
		if got := s.post("jobs/status", object{"job_id": 150972}); got["job_status"] != "waiting" {
			t.Errorf("a job that nobody starts: %v", got["job_status"])
		}
	})
}
