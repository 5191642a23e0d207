package hunter

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
)

// One test for each trap that the vendor's documentation holds and that no
// other file names.

var operations = []string{provider.OpFindPeople, provider.OpFindEmail, provider.OpVerifyEmail, provider.OpReadAccount}

// classified is what an answer becomes.
func classified(op string, status int, body string) error {
	return Classify(op, &transport.Response{Provider: "hunter", Op: op, Status: status, Header: http.Header{}, Body: []byte(body)})
}

// everywhere checks what a status becomes for every operation.
func everywhere(t *testing.T, status int, body string, want fault.Kind) {
	t.Helper()
	for _, op := range operations {
		if err := classified(op, status, body); fault.KindOf(err) != want {
			t.Errorf("%s, status %d: %v, want %q", op, status, err, want)
		}
	}
}

func TestRateLimitIs403AndNot429(t *testing.T) {
	t.Parallel()
	everywhere(t, 403, `{"errors":[{"id":"rate_limit_reached","code":403}]}`, fault.RateLimited)
}

func TestUsedUpPlanIs429(t *testing.T) {
	t.Parallel()
	everywhere(t, 429, fixture(t, "error_plan.json"), fault.QuotaExhausted)
}

// One catalogue describes 429 as too fast: without a word of plan or billing
// period it is taken so.
func TestA429WithoutAWordOfThePlanIsThrottling(t *testing.T) {
	t.Parallel()
	everywhere(t, 429, fixture(t, "error_speed.json"), fault.RateLimited)
	everywhere(t, 429, `<html>`, fault.RateLimited)
}

func TestStillRunningIs202AndAskedAgain(t *testing.T) {
	t.Parallel()
	everywhere(t, 202, `{"data":{"status":"unknown"}}`, fault.Unavailable)
	if got := fault.RetryAfter(classified(provider.OpVerifyEmail, 202, `{}`)); got != 5*time.Second {
		t.Errorf("asked again after %v", got)
	}
}

func TestAFailedCheckIs222InsideTheSuccesses(t *testing.T) {
	t.Parallel()
	everywhere(t, 222, `{"data":{"status":"valid"}}`, fault.Unavailable)
	if got := fault.RetryAfter(classified(provider.OpVerifyEmail, 222, `{}`)); got != 5*time.Minute {
		t.Errorf("asked again after %v", got)
	}
}

func TestAClaimedAddressIs451AndBlocked(t *testing.T) {
	t.Parallel()
	everywhere(t, 451, `{"errors":[{"id":"claimed_email","code":451}]}`, fault.Blocked)
}

func TestNobodyIs404OrEmptyData(t *testing.T) {
	t.Parallel()
	for status, bodies := range map[int][]string{404: {`{"errors":[{"id":"not_found","code":404}]}`}, 200: {`{"data":null}`, `{"data":{}}`, `{}`}} {
		for _, body := range bodies {
			c, _ := newClient(t, status, body)
			if got, err := c.FindEmail(t.Context(), provider.EmailQuery{FirstName: "D", LastName: "O", Domain: "x.example"}); err != nil || got.Found || got.Usage.Cost != 0 {
				t.Errorf("finder, %d %s: %+v, %v", status, body, got, err)
			}
			if people, usage, err := c.FindPeople(t.Context(), "x.example", provider.Query{}); err != nil || len(people) != 0 || usage.Cost != 0 {
				t.Errorf("domain search, %d %s: %+v, %v", status, body, people, err)
			}
		}
	}
	if err := classified(provider.OpReadAccount, 404, `{}`); fault.KindOf(err) != fault.NotFound {
		t.Errorf("account: %v", err)
	}
}

func TestTheDeprecatedResultIsNotRead(t *testing.T) {
	t.Parallel()
	c, _ := newClient(t, 200, `{"data":{"status":"accept_all","result":"deliverable"}}`)
	got, err := c.VerifyEmails(t.Context(), []string{"a@x.example"})
	if err != nil || got[0].Status != domain.EmailRisky || got[0].Reason != "accept_all" {
		t.Errorf("verdict %+v, %v", got, err)
	}
	c, _ = newClient(t, 200, `{"data":{"result":"deliverable"}}`)
	if _, err := c.VerifyEmails(t.Context(), []string{"a@x.example"}); fault.KindOf(err) != fault.BadResponse {
		t.Errorf("a result without a status: %v", err)
	}
}

func TestAVerificationIsHalfACredit(t *testing.T) {
	t.Parallel()
	c, _ := newClient(t, 200, `{"data":{"status":"valid"}}`)
	got, err := c.VerifyEmails(t.Context(), []string{"a@x.example"})
	if err != nil || got[0].Usage.Cost != 12_250 || 2*got[0].Usage.Cost != defaultCredit {
		t.Errorf("verdict %+v, %v", got, err)
	}
}

// A repeat in one billing period is free, so every call may be repeated.
func TestRepeatsAreFree(t *testing.T) {
	t.Parallel()
	if !Definition().RepeatFree {
		t.Error("repeats are declared to cost")
	}
	for _, r := range []transport.Request{
		peopleRequest("x.example", provider.Query{}, 10), findRequest(provider.EmailQuery{}), verifyRequest("a@x.example"),
	} {
		if !r.Idempotent {
			t.Errorf("%s is not repeated", r.Op)
		}
	}
}

func TestTheKeyIsInAHeader(t *testing.T) {
	t.Parallel()
	if a := Definition().Auth; a.Kind != transport.AuthHeader || !strings.EqualFold(a.Name, "X-API-KEY") {
		t.Errorf("the key travels as %+v", a)
	}
}
