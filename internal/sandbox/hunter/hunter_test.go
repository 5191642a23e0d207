package hunter_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/sandbox/hunter"
	"github.com/messageai/sluice/internal/sandbox/market"
	"github.com/messageai/sluice/internal/sandbox/upstream"
)

type stack struct {
	t      *testing.T
	market *market.Market
	front  *upstream.Server
	key    string
}

func start(t *testing.T, quotas map[string][]upstream.Window, o hunter.Options) *stack {
	t.Helper()
	m, err := market.New(market.Options{Seed: 3, Now: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	front, err := upstream.New("hunter", upstream.Config{Quotas: quotas})
	if err != nil {
		t.Fatal(err)
	}
	front.Use(hunter.New(m, front, "right", o))
	return &stack{t: t, market: m, front: front, key: "right"}
}

type answer struct {
	Status int
	Data   struct {
		Email        *string `json:"email"`
		Status       string  `json:"status"`
		AcceptAll    bool    `json:"accept_all"`
		Score        *int    `json:"score"`
		Verification struct {
			Status *string `json:"status"`
		} `json:"verification"`
	} `json:"data"`
	Errors []struct {
		ID      string `json:"id"`
		Code    int    `json:"code"`
		Details string `json:"details"`
	} `json:"errors"`
	header http.Header
}

func (s *stack) get(path string, q url.Values) answer {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, "https://api.hunter.io/v2"+path+"?"+q.Encode(), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("X-Api-Key", s.key)
	resp, err := s.front.RoundTrip(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	out := answer{Status: resp.StatusCode, header: resp.Header}
	if err == nil {
		err = json.Unmarshal(raw, &out)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

func (s *stack) find(p int) answer {
	truth := s.market.Person(p)
	return s.get("/email-finder", url.Values{
		"first_name": {truth.First}, "last_name": {truth.Last}, "domain": {s.market.Domain(truth.Company)},
	})
}

func (s *stack) verify(email string) answer {
	return s.get("/email-verifier", url.Values{"email": {email}})
}

func TestFinderFindsHalfAndIsSometimesWrong(t *testing.T) {
	t.Parallel()
	s := start(t, nil, hunter.Options{})
	var asked, found, right, empty float64
	for p := range 4000 {
		truth := s.market.Person(p)
		if truth.OptOut || s.market.Email(p) == "" {
			continue
		}
		a := s.find(p)
		if a.Status != 200 {
			t.Fatalf("finder: %d %+v", a.Status, a.Errors)
		}
		asked++
		if a.Data.Email == nil {
			empty++
			continue
		}
		found++
		if *a.Data.Email == s.market.Email(p) {
			right++
		}
	}
	if share := found / asked; share < 0.42 || share > 0.56 {
		t.Errorf("found %.2f of all", share)
	}
	if share := right / found; share < 0.85 || share > 0.97 {
		t.Errorf("%.2f of the found addresses are right", share)
	}
	if got := float64(s.front.Charges(hunter.OpFind)); got > found || got < found*0.99 || empty == 0 {
		t.Errorf("charged %v for %v addresses found (%v misses)", got, found, empty)
	}
	if got := s.get("/email-finder", url.Values{"full_name": {"Luis Prat"}, "domain": {"unknown.example"}}); got.Status != 404 {
		t.Errorf("unknown domain: %d", got.Status)
	}
}

func TestVerdictsAgreeWithTheMailServer(t *testing.T) {
	t.Parallel()
	s := start(t, nil, hunter.Options{})
	seen := map[string]int{}
	for p := range 3000 {
		if s.market.Person(p).OptOut {
			continue
		}
		for _, email := range []string{s.market.Email(p), s.market.OldEmail(p)} {
			if email == "" {
				continue
			}
			a := s.verify(email)
			for a.Status == 202 || a.Status == 222 {
				seen[fmt.Sprint(a.Status)]++
				a = s.verify(email)
			}
			box := s.market.Mailbox(email)
			want := "invalid"
			switch {
			case !box.Domain:
			case box.CatchAll:
				want = "accept_all"
			case box.Exists:
				want = "valid"
			}
			if a.Data.Status != want && a.Data.Status != "unknown" {
				t.Fatalf("verdict %q of %+v", a.Data.Status, box)
			}
			seen[a.Data.Status]++
		}
	}
	for _, want := range []string{"valid", "invalid", "accept_all", "unknown", "202", "222"} {
		if seen[want] < 10 {
			t.Errorf("%q came %d times", want, seen[want])
		}
	}
	if a := s.verify("nobody@nowhere.example"); a.Data.Status != "invalid" && a.Status == 200 {
		t.Errorf("unknown domain: %+v", a)
	}
}

func TestRunningCheckIsCountedOnce(t *testing.T) {
	t.Parallel()
	s := start(t, nil, hunter.Options{})
	for p := range 3000 {
		email := s.market.Email(p)
		if email == "" || s.market.Person(p).OptOut || s.verify(email).Status != 202 {
			continue
		}
		before := s.front.Charges(hunter.OpVerify)
		var got []int
		for range 4 {
			got = append(got, s.verify(email).Status)
		}
		if d := cmp.Diff([]int{202, 200, 200, 200}, got); d != "" {
			t.Error(d)
		}
		if n := s.front.Charges(hunter.OpVerify) - before; n != 1 {
			t.Errorf("a check that took its time was charged %d times", n)
		}
		return
	}
	t.Error("no check answered 202")
}

func TestRepeatsAreFreeWithinTheBillingPeriod(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // the bubble begins on the first of January
		s := start(t, nil, hunter.Options{})
		found := -1
		for p := 0; found < 0; p++ {
			if a := s.find(p); a.Data.Email != nil {
				found = p
			}
		}
		s.find(found)
		want := upstream.Bill{
			Total: hunter.CreditPrice, ByOp: map[string]upstream.OpBill{hunter.OpFind: {Charges: 1, Total: hunter.CreditPrice}},
		}
		if d := cmp.Diff(want, s.front.Bill()); d != "" {
			t.Error(d)
		}
		time.Sleep(32 * 24 * time.Hour)
		s.find(found)
		if got := s.front.Bill().Total; got != 2*hunter.CreditPrice {
			t.Errorf("in the next period: %d, want a second charge", got)
		}
	})
}

func TestOptOutIs451(t *testing.T) {
	t.Parallel()
	s := start(t, nil, hunter.Options{})
	n := 0
	for p := range 3000 {
		if !s.market.Person(p).OptOut || s.market.Email(p) == "" {
			continue
		}
		n++
		if a := s.find(p); a.Status != 451 || a.Errors[0].Code != 451 {
			t.Errorf("finder: %+v", a)
		}
		if a := s.verify(s.market.Email(p)); a.Status != 451 {
			t.Errorf("verifier: %+v", a)
		}
	}
	if n == 0 || s.front.Bill().Total != 0 {
		t.Errorf("%d people opted out, charged %d", n, s.front.Bill().Total)
	}
}

func TestTooFastIs403AndExhaustedIs429(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := start(t, hunter.Quotas(), hunter.Options{Credits: 1})
		var last answer
		for i := range 11 {
			last = s.verify(fmt.Sprintf("nobody%d@nowhere.example", i))
		}
		if last.Status != 403 || last.header.Get("Retry-After") != "" {
			t.Errorf("eleventh check in a second: %d, Retry-After %q", last.Status, last.header.Get("Retry-After"))
		}
		time.Sleep(time.Second)
		statuses := map[int]int{}
		for i := range 8 {
			last = s.verify(fmt.Sprintf("somebody%d@nowhere.example", i))
			statuses[last.Status]++
		}
		if last.Status != 429 || !strings.Contains(last.Errors[0].Details, "billing period included in your plan") {
			t.Errorf("after two half credits: %+v (%v)", last, statuses)
		}
		if got := s.front.Bill().Total; got != hunter.CreditPrice {
			t.Errorf("charged %d, want one credit", got)
		}
		if a := s.verify("nobody0@nowhere.example"); a.Status != 200 {
			t.Errorf("a repeated question with the plan exhausted: %d, want 200", a.Status)
		}
	})
}

func TestWrongRequestsAreRefused(t *testing.T) {
	t.Parallel()
	s := start(t, hunter.Quotas(), hunter.Options{})
	for name, c := range map[string]struct {
		path string
		q    url.Values
		want int
	}{
		"no name":      {"/email-finder", url.Values{"domain": {"a.example"}}, 400},
		"no domain":    {"/email-finder", url.Values{"full_name": {"A B"}}, 400},
		"max_duration": {"/email-finder", url.Values{"domain": {"a.example"}, "full_name": {"A B"}, "max_duration": {"2"}}, 400},
		"no address":   {"/email-verifier", nil, 400},
		"no at":        {"/email-verifier", url.Values{"email": {"a.example"}}, 400},
		"unknown path": {"/email-guess", nil, 404},
	} {
		if a := s.get(c.path, c.q); a.Status != c.want || len(a.Errors) != 1 {
			t.Errorf("%s: %d, want %d in the error envelope", name, a.Status, c.want)
		}
	}
	s.key = "wrong"
	if a := s.verify("a@b.example"); a.Status != 401 || a.Errors[0].Code != 401 {
		t.Errorf("wrong key: %+v", a)
	}
	if got := s.front.Usage("verify")[0].Used; got > 2 {
		t.Errorf("%d requests counted against the limit; a wrong key counts against none", got)
	}
}

func TestAccountCountsHalfCredits(t *testing.T) {
	t.Parallel()
	s := start(t, nil, hunter.Options{Credits: 100, Price: 1000})
	for i := range 30 {
		s.verify(fmt.Sprintf("x%d@nowhere.example", i))
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://api.hunter.io/v2/account?api_key=right", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := s.front.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var out struct {
		Data struct {
			Requests map[string]struct {
				Used      float64
				Available int
			}
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
		t.Fatal(err)
	}
	n := s.front.Charges(hunter.OpVerify)
	if c := out.Data.Requests["credits"]; n == 0 || c.Used != float64(n)/2 || c.Available != 100 {
		t.Errorf("credits %+v after %d checks", c, n)
	}
	if got := s.front.Bill().Total; got != 500*money.Micro(n) {
		t.Errorf("%d checks cost %d", n, got)
	}
}

func TestPromptChecksAreDoneWhenAskedFor(t *testing.T) {
	t.Parallel()
	slow, prompt := start(t, nil, hunter.Options{}), start(t, nil, hunter.Options{Prompt: true})
	waited := 0
	for p := range 1000 {
		email := slow.market.Email(p)
		if email == "" || slow.market.Person(p).OptOut {
			continue
		}
		want := slow.verify(email)
		for want.Status != http.StatusOK {
			waited++
			want = slow.verify(email)
		}
		if got := prompt.verify(email); got.Status != http.StatusOK || got.Data.Status != want.Data.Status {
			t.Fatalf("a prompt check = %d %q, want the verdict %q at once", got.Status, got.Data.Status, want.Data.Status)
		}
	}
	if waited == 0 {
		t.Error("no check would have taken its time")
	}
}
