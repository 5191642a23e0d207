package apollo

import (
	"encoding/json"
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

func TestObfuscatedSurnameIsNoName(t *testing.T) {
	t.Parallel()
	c, _ := newClient(t, fixture(t, "search.json"))
	page, err := c.Discover(t.Context(), provider.Query{}, "")
	if err != nil || len(page.Prospects) != 2 {
		t.Fatal(page, err)
	}
	for _, p := range page.Prospects {
		if text, err := json.Marshal(p); err != nil || strings.Contains(string(text), "***") || p.Person.LastName != "" || p.Contact != (domain.Contact{}) {
			t.Errorf("prospect %s, %v", text, err)
		}
	}
}

func TestSearchIsAPISearchAndHasNoPaginationObject(t *testing.T) {
	t.Parallel()
	// has_direct_phone is text, "Yes" or a sentence; only total_entries counts.
	c, d := newClient(t, `{"total_entries":101,"people":[{"id":"1","has_direct_phone":"Maybe: please request direct dial via people/bulk_match"}]}`)
	page, err := c.Discover(t.Context(), provider.Query{}, "")
	if err != nil || page.Total != 101 || page.Next != "2" || d.asked.Path != "/mixed_people/api_search" {
		t.Errorf("page %+v of %s, %v", page, d.asked.Path, err)
	}
}

func TestMatchTravelsInTheQueryNotInTheBody(t *testing.T) {
	t.Parallel()
	c, d := newClient(t, `{}`)
	if _, err := c.EnrichPeople(t.Context(), []domain.Prospect{dana}); err != nil {
		t.Fatal(err)
	}
	if d.asked.Body != nil || d.asked.Query.Get("email") == "" {
		t.Errorf("request %+v", d.asked)
	}
}

func TestNoPrivateAddressNoPhoneAndNoWaterfallIsAskedFor(t *testing.T) {
	t.Parallel()
	for name, people := range map[string][]domain.Prospect{"one": {dana}, "two": {dana, luis}} {
		c, d := newClient(t, `{"matches":[]}`)
		if _, err := c.EnrichPeople(t.Context(), people); err != nil {
			t.Fatal(err)
		}
		q := d.asked.Query
		if q.Get("reveal_personal_emails") != "false" || q.Has("reveal_phone_number") || q.Has("webhook_url") || q.Has("run_waterfall_email") || q.Has("run_waterfall_phone") {
			t.Errorf("%s: %v", name, q)
		}
	}
}

func TestNoMatchIsA200WithNullOrAbsentPerson(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`{"request_id":-1039995589705121900,"person":null}`, `{"request_id":1}`, `{"person":{"id":""}}`} {
		c, _ := newClient(t, body)
		got, err := c.EnrichPeople(t.Context(), []domain.Prospect{dana})
		if err != nil || got[0].Found || got[0].Usage != (provider.Usage{Op: "enrich_person"}) {
			t.Errorf("%s: %+v, %v", body, got, err)
		}
	}
}

// match_confidence was reported once and is not in the document: whatever it
// is, it must not break the answer.
func TestMatchConfidenceIsOptional(t *testing.T) {
	t.Parallel()
	for _, confidence := range []string{`"high"`, `"none"`, `0.9`, `null`} {
		c, _ := newClient(t, `{"match_confidence":`+confidence+`,"person":{"id":"1","match_confidence":`+confidence+`}}`)
		if got, err := c.EnrichPeople(t.Context(), []domain.Prospect{dana}); err != nil || !got[0].Found {
			t.Errorf("%s: %+v, %v", confidence, got, err)
		}
	}
}

func TestRequestIDIsA64BitNumberThatMayBeNegative(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"-9223372036854775808", "9223372036854775807", `"-1039995589705121900"`} {
		c, _ := newClient(t, `{"request_id":`+id+`,"matches":[{"id":"a"}],"credits_consumed":1}`)
		if got, err := c.EnrichPeople(t.Context(), []domain.Prospect{{Refs: map[string]string{"apollo": "a"}}, dana}); err != nil || !got[0].Found {
			t.Errorf("%s: %+v, %v", id, got, err)
		}
	}
}

func TestDomainsGoWithoutWWW(t *testing.T) {
	t.Parallel()
	c, d := newClient(t, `{}`)
	if _, err := c.EnrichCompanies(t.Context(), []domain.Prospect{company("WWW.Acme.example")}); err != nil || d.asked.Query.Get("domain") != "acme.example" {
		t.Errorf("asked for %v, %v", d.asked.Query, err)
	}
}

func TestEmployeeRangesAreWrittenWithAComma(t *testing.T) {
	t.Parallel()
	c, d := newClient(t, `{}`)
	if _, err := c.FindCompanies(t.Context(), provider.Query{Sizes: []string{"51-200", "1000+"}}, ""); err != nil {
		t.Fatal(err)
	}
	if got := d.asked.Query["organization_num_employees_ranges[]"]; len(got) != 2 || got[0] != "51,200" || got[1] != "1000,10000000" {
		t.Errorf("ranges %q", got)
	}
}

// refusal is what an answer with an error becomes.
func refusal(op string, status int, header http.Header, body string) error {
	return Classify(op, &transport.Response{Provider: "apollo", Op: op, Status: status, Header: header, Body: []byte(body), At: at})
}

func TestA401MayBePlainText(t *testing.T) {
	t.Parallel()
	if err := refusal(provider.OpReadAccount, 401, nil, "Invalid API key. See https://docs.apollo.io/reference/authentication"); fault.KindOf(err) != fault.Unauthenticated {
		t.Error(err)
	}
}

func TestErrorDetailsComeBeforeTheOldCode(t *testing.T) {
	t.Parallel()
	body := `{"error":"?","error_code":"INVALID_REQUEST","error_details":{"code":"USAGE.RATE_LIMIT.API_RATE_LIMIT_EXCEEDED"}}`
	if err := refusal(provider.OpEnrichPerson, 422, nil, body); fault.KindOf(err) != fault.RateLimited {
		t.Error(err)
	}
	if err := refusal(provider.OpEnrichPerson, 422, nil, `{"error":"?","error_code":"INVALID_REQUEST","error_details":null}`); fault.KindOf(err) != fault.InvalidInput {
		t.Error(err)
	}
}

func TestAKeyOutsideItsEndpointsIs403(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{"error":"This API key is not authorized","error_code":"API_INACCESSIBLE"}`, `{"message":"This endpoint is only available to Apollo users on paid plans."}`,
	} {
		if err := refusal(provider.OpFindCompanies, 403, nil, body); fault.KindOf(err) != fault.Forbidden {
			t.Errorf("%s: %v", body, err)
		}
	}
}

// What an exhausted balance returns is not documented: any refusal that speaks
// of credits is one.
func TestUsedUpCreditsAreKnownByAnyCode(t *testing.T) {
	t.Parallel()
	for status, body := range map[int]string{
		402: `{}`, 422: `{"status":"failed","error_code":"INSUFFICIENT_CREDITS"}`, 403: `{"error_details":{"code":"USAGE.CREDITS.INSUFFICIENT"}}`,
		400: `{"error_code":"credit_limit_reached"}`,
	} {
		for _, op := range []string{provider.OpEnrichPerson, provider.OpEnrichCompany, provider.OpFindCompanies} {
			if err := refusal(op, status, nil, body); fault.KindOf(err) != fault.QuotaExhausted {
				t.Errorf("%s, %d: %v", op, status, err)
			}
		}
	}
}

func TestTooFastIsA429WithRetryAfter(t *testing.T) {
	t.Parallel()
	err := refusal(provider.OpEnrichPerson, 429, http.Header{"Retry-After": {"45"}}, fixture(t, "error_speed.json"))
	if fault.KindOf(err) != fault.RateLimited || fault.RetryAfter(err) != 45*time.Second {
		t.Errorf("%v after %v", err, fault.RetryAfter(err))
	}
}
