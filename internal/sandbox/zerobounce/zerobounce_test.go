package zerobounce_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/sandbox/market"
	"github.com/messageai/sluice/internal/sandbox/upstream"
	"github.com/messageai/sluice/internal/sandbox/zerobounce"
)

type object = map[string]any

type stack struct {
	t      *testing.T
	market *market.Market
	front  *upstream.Server
	key    string
}

func start(t *testing.T, quotas map[string][]upstream.Window, o zerobounce.Options) *stack {
	t.Helper()
	m, err := market.New(market.Options{Seed: 3, Now: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	front, err := upstream.New("zerobounce", upstream.Config{Quotas: quotas})
	if err != nil {
		t.Fatal(err)
	}
	front.Use(zerobounce.New(m, front, "right", o))
	return &stack{t, m, front, "right"}
}

const keyOrCredits = "Invalid API Key or your account ran out of credits"

func (s *stack) send(method, address string, body any) (int, object) {
	s.t.Helper()
	var raw []byte
	if body != nil {
		var err error
		if raw, err = json.Marshal(body); err != nil {
			s.t.Fatal(err)
		}
	}
	req, err := http.NewRequestWithContext(s.t.Context(), method, address, bytes.NewReader(raw))
	if err != nil {
		s.t.Fatal(err)
	}
	resp, err := s.front.RoundTrip(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	var out object
	if json.Unmarshal(answer, &out) != nil && resp.StatusCode == http.StatusOK {
		s.t.Fatalf("no JSON: %s", answer)
	}
	return resp.StatusCode, out
}

func (s *stack) validate(email string) object {
	s.t.Helper()
	_, out := s.send("GET", "https://api.zerobounce.net/v2/validate?"+url.Values{"api_key": {s.key}, "email": {email}, "ip_address": {""}}.Encode(), nil)
	return out
}

func (s *stack) batch(emails ...string) (int, object) {
	s.t.Helper()
	list := []object{}
	for _, email := range emails {
		list = append(list, object{"email_address": email, "ip_address": ""})
	}
	return s.send("POST", "https://bulkapi.zerobounce.net/v2/validatebatch", object{"api_key": s.key, "email_batch": list, "timeout": 15})
}

func (s *stack) credits() any {
	s.t.Helper()
	_, out := s.send("GET", "https://api.zerobounce.net/v2/getcredits?api_key="+s.key, nil)
	return out["Credits"]
}

func nobodies(from, to int) (out []string) {
	for i := from; i < to; i++ {
		out = append(out, fmt.Sprintf("nobody%d@nowhere.example", i))
	}
	return out
}

func TestVerdictsAgreeWithTheMailServer(t *testing.T) {
	t.Parallel()
	s := start(t, nil, zerobounce.Options{})
	seen := map[string]int{}
	wrong, charged := 0, 0
	for p := range 3000 {
		for _, email := range []string{s.market.Email(p), s.market.OldEmail(p)} {
			if email == "" {
				continue
			}
			got := s.validate(email)
			if got["sub_status"] == "greylisted" {
				seen["greylisted"]++
				got = s.validate(email)
			}
			status, _ := got["status"].(string)
			seen[status]++
			if status != "unknown" {
				charged++
			}
			box := s.market.Mailbox(email)
			ordinary := box.Domain && !box.CatchAll
			switch {
			case status == "unknown" && got["sub_status"] == "antispam_system" && box.Domain:
			case status == "invalid" && (!box.Domain || ordinary && !box.Exists):
			case status == "catch-all" && box.Domain && box.CatchAll:
			case (status == "valid" || status == "abuse") && ordinary && box.Exists:
			case status == "spamtrap" && ordinary && !box.Exists:
			case status == "valid" && ordinary:
				wrong++
			default:
				t.Fatalf("verdict %s %v of %+v", status, got["sub_status"], box)
			}
			if all := fmt.Sprint(got["catchall_domain"]); all != fmt.Sprint(box.Domain && box.CatchAll) {
				t.Errorf("catchall_domain %s of %+v", all, box)
			}
			seen[fmt.Sprintf("%T", got["catchall_domain"])]++
		}
	}
	for _, want := range []string{"valid", "invalid", "catch-all", "unknown", "greylisted", "abuse", "spamtrap", "bool", "string"} {
		if seen[want] < 3 {
			t.Errorf("%q came %d times", want, seen[want])
		}
	}
	if share := float64(wrong) / float64(seen["valid"]); share == 0 || share > 0.02 {
		t.Errorf("%d of %d that are called valid would bounce, want some and fewer than 2 %%", wrong, seen["valid"])
	}
	if got := s.front.Bill().Total; got != zerobounce.CreditPrice*money.Micro(charged) {
		t.Errorf("charged %v for %d verdicts, want each but unknown", got, charged)
	}
}

func TestTestAddressesAreFree(t *testing.T) {
	t.Parallel()
	s := start(t, nil, zerobounce.Options{})
	for local, want := range map[string][2]string{
		"valid": {"valid", ""}, "invalid": {"invalid", "mailbox_not_found"}, "catch_all": {"catch-all", ""}, "donotmail": {"do_not_mail", "role_based"},
		"unknown": {"unknown", "mail_server_temporary_error"}, "spamtrap": {"spamtrap", ""}, "abuse": {"abuse", ""}, "free_email": {"valid", ""},
		"toxic": {"do_not_mail", "toxic"}, "greylisted": {"unknown", "greylisted"}, "accept_all": {"valid", "accept_all"}, "possible_typo": {"invalid", "possible_typo"},
	} {
		got := s.validate(local + "@example.com")
		if got["status"] != want[0] || got["sub_status"] != want[1] || got["free_email"] != (local == "free_email") {
			t.Errorf("%s: %v, want %v", local, got, want)
		}
	}
	if got := s.front.Bill().Total; got != 0 {
		t.Errorf("charged %v", got)
	}
}

func TestKeyAndBalanceHaveOneMessage(t *testing.T) {
	t.Parallel()
	s := start(t, nil, zerobounce.Options{Credits: 3})
	forAll := object{"email_batch": []any{}, "errors": []any{object{"error": keyOrCredits, "email_address": "all"}}}
	refused := func(credits string) {
		t.Helper()
		if d := cmp.Diff(object{"error": keyOrCredits}, s.validate("a@nowhere.example")); d != "" {
			t.Error(d)
		}
		status, got := s.batch(nobodies(0, 2)...)
		if d := cmp.Diff(forAll, got); d != "" || status != 200 {
			t.Errorf("%d %s", status, d)
		}
		if got := s.credits(); got != credits {
			t.Errorf("credits %v, want %s", got, credits)
		}
	}
	s.key = "wrong"
	refused("-1")
	s.key = "right"
	// The balance may end in the middle of a list.
	_, got := s.batch(nobodies(0, 5)...)
	verdicts, errors := got["email_batch"].([]any), got["errors"].([]any)
	if len(verdicts) != 3 || len(errors) != 2 || errors[0].(object)["error"] != keyOrCredits || errors[0].(object)["email_address"] == "all" {
		t.Errorf("with three credits: %v", got)
	}
	refused("0")
	if got := s.front.Bill().Total; got != 3*zerobounce.CreditPrice {
		t.Errorf("charged %v", got)
	}
}

func TestBatchIsNotInOrder(t *testing.T) {
	t.Parallel()
	s := start(t, nil, zerobounce.Options{})
	asked := append(nobodies(0, 99), "")
	_, got := s.batch(asked...)
	var order []string
	for _, v := range got["email_batch"].([]any) {
		order = append(order, v.(object)["address"].(string))
	}
	if slices.Equal(order, asked[:99]) || len(order) != 99 {
		t.Errorf("%d verdicts in the order of the question", len(order))
	}
	if errors := got["errors"].([]any); len(errors) != 1 || errors[0].(object)["email_address"] != "" {
		t.Errorf("errors %v, want one for the empty address", errors)
	}
	slices.Sort(order)
	want := nobodies(0, 99)
	slices.Sort(want)
	if d := cmp.Diff(want, order); d != "" {
		t.Error(d)
	}
}

func TestWrongRequestsAreRefused(t *testing.T) {
	t.Parallel()
	s := start(t, zerobounce.Quotas(), zerobounce.Options{})
	const api, bulk = "https://api.zerobounce.net/v2", "https://bulkapi.zerobounce.net/v2"
	one := []object{{"email_address": "a@x.example", "ip_address": ""}}
	for name, c := range map[string]struct {
		method, address string
		body            any
		want            int
	}{
		"no IP address":       {"GET", api + "/validate?api_key=right&email=a%40x.example", nil, 400},
		"no address":          {"GET", api + "/validate?api_key=right&ip_address=", nil, 400},
		"short timeout":       {"GET", api + "/validate?api_key=right&email=a%40x.example&ip_address=&timeout=2", nil, 400},
		"no list":             {"POST", bulk + "/validatebatch", object{"api_key": "right"}, 400},
		"short batch timeout": {"POST", bulk + "/validatebatch", object{"api_key": "right", "email_batch": one, "timeout": 9}, 400},
		"batch on api":        {"POST", api + "/validatebatch", object{"api_key": "right", "email_batch": one}, 404},
		"single on bulk":      {"GET", bulk + "/validate?api_key=right&email=a%40x.example&ip_address=", nil, 404},
		"single by POST":      {"POST", api + "/validate?api_key=right&email=a%40x.example&ip_address=", nil, 404},
		"another region":      {"GET", "https://api-us.zerobounce.net/v2/validate?api_key=right&email=a%40x.example&ip_address=", nil, 200},
		"loopback":            {"POST", "http://127.0.0.1/v2/validatebatch", object{"api_key": "right", "email_batch": one}, 200},
	} {
		if status, got := s.send(c.method, c.address, c.body); status != c.want {
			t.Errorf("%s: %d %v, want %d", name, status, got, c.want)
		}
	}
	if status, _ := s.batch(nobodies(0, 101)...); status != 400 {
		t.Errorf("101 addresses: %d, want 400", status)
	}
}

func TestTooManyBatchesAreBlockedForTenMinutes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := start(t, zerobounce.Quotas(), zerobounce.Options{})
		var statuses []int
		ask := func() {
			status, _ := s.batch("a@nowhere.example", "b@nowhere.example")
			statuses = append(statuses, status)
		}
		for range 6 {
			ask()
		}
		time.Sleep(9 * time.Minute)
		ask()
		if s.validate("c@nowhere.example")["status"] != "invalid" {
			t.Error("single validation is blocked, too")
		}
		time.Sleep(time.Minute)
		ask()
		if d := cmp.Diff([]int{200, 200, 200, 200, 200, 429, 429, 200}, statuses); d != "" {
			t.Error(d)
		}
	})
}

func TestShieldAnswers403(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := start(t, nil, zerobounce.Options{})
		status := func() int {
			status, _ := s.send("GET", "https://api.zerobounce.net/v2/validate?api_key=right&email=valid%40example.com&ip_address=", nil)
			return status
		}
		for range 99 {
			s.batch()
		}
		time.Sleep(time.Minute)
		s.batch()
		if got := status(); got != 200 {
			t.Errorf("after 99 malformed requests in a minute: %d", got)
		}
		for range 99 {
			s.batch()
		}
		if got := status(); got != 403 {
			t.Errorf("after 100 malformed requests in a minute: %d, want 403", got)
		}
		time.Sleep(time.Hour)
		if got := status(); got != 200 {
			t.Errorf("an hour later: %d", got)
		}
		s.key = "wrong"
		for range 200 {
			s.credits()
		}
		s.key = "right"
		if got := s.credits(); got != nil || status() != 200 {
			t.Errorf("after 200 bad keys: credits %v and validate %d, want only the first blocked", got, status())
		}
		time.Sleep(24 * time.Hour)
		if got := s.credits(); got != "10000000" {
			t.Errorf("a day later: %v", got)
		}
	})
}
