package hubspot_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/hubspot"
	"github.com/messageai/sluice/internal/provider/transport"
	sandbox "github.com/messageai/sluice/internal/sandbox/hubspot"
)

// wire is an in-memory connection that notes what was asked. With answer set it
// plays HubSpot's part for some calls.
type wire struct {
	handler http.Handler
	answer  func(r *http.Request, body string) (status int, text string)
	calls   []string
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	body := ""
	if r.Body != nil {
		data, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		body = string(data)
	}
	w.calls = append(w.calls, r.Method+" "+strings.TrimPrefix(r.URL.Path, "/crm"))
	rec := httptest.NewRecorder()
	if w.answer != nil {
		if status, text := w.answer(r, body); status != 0 {
			rec.WriteHeader(status)
			_, _ = rec.WriteString(text) // a recorder never fails
			return rec.Result(), nil
		}
	}
	in := r.Clone(r.Context())
	in.Body = io.NopCloser(strings.NewReader(body))
	w.handler.ServeHTTP(rec, in)
	return rec.Result(), nil
}

// answering gives one answer to everything.
func answering(status int, text string) func(*http.Request, string) (int, string) {
	return func(*http.Request, string) (int, string) { return status, text }
}

func newClient(t testing.TB, w *wire, settings provider.Settings) *hubspot.Client {
	t.Helper()
	tr, err := transport.New(transport.Options{
		Name: "hubspot", BaseURL: "https://api.hubapi.com", Auth: hubspot.Definition().Auth, SecretFields: []string{"apiKey"},
		Secret: func(context.Context, bool) (transport.Secret, error) {
			return transport.Secret{Fields: map[string]string{"apiKey": "pat-1"}}, nil
		},
		Classify: hubspot.Classify, RoundTripper: w,
	})
	if err != nil {
		t.Fatal(err)
	}
	c, err := hubspot.New(provider.Deps{Transport: tr, Settings: settings, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// account is a prepared account and its adapter.
func account(t *testing.T) (*sandbox.Server, *wire, *hubspot.Client) {
	t.Helper()
	s, err := sandbox.New(sandbox.Options{Key: "pat-1", Limits: sandbox.Limits{TenSecondly: -1}})
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{handler: s}
	c := newClient(t, w, nil)
	if err := c.Prepare(t.Context()); err != nil {
		t.Fatalf("prepare: %v", err)
	}
	w.calls = nil
	return s, w, c
}

func lead(id, email string) provider.Write {
	return provider.Write{ExternalID: id, Fields: map[string]string{
		provider.FieldEmail: email, provider.FieldFirstName: "Ines", provider.FieldScore: "82", provider.FieldStage: "lead",
		provider.FieldProfile: "https://people.example/" + id, provider.FieldEmployees: "120", provider.FieldIndustry: "Software",
	}}
}

func TestPrepareCreatesAndIsRepeatable(t *testing.T) {
	t.Parallel()
	_, w, c := account(t)
	if err := c.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"GET /properties/2026-09/contacts", "GET /properties/2026-09/companies"}, w.calls); diff != "" {
		t.Errorf("second preparation: %s", diff)
	}
}

func TestPrepareRefusesWhatCannotBeUnique(t *testing.T) {
	t.Parallel()
	s, w, _ := account(t)
	if err := s.AddProperty("contacts", sandbox.Property{Name: "lead_no", Label: "No", Type: "string", FieldType: "text", GroupName: "contactinformation"}); err != nil {
		t.Fatal(err)
	}
	err := newClient(t, w, provider.Settings{"lead_id_property": "lead_no"}).Prepare(t.Context())
	if !fault.Is(err, fault.Forbidden) || !strings.Contains(err.Error(), "lead_no") {
		t.Errorf("got %v, want Forbidden naming the property", err)
	}
}

func TestPushTwice(t *testing.T) {
	t.Parallel()
	s, _, c := account(t)
	var writes []provider.Write
	for i := range 130 {
		writes = append(writes, lead(fmt.Sprintf("l_%03d", i), fmt.Sprintf("p%d@north.example", i)))
	}
	first, err := c.ApplyContacts(t.Context(), writes)
	if err != nil {
		t.Fatal(err)
	}
	second, err := c.ApplyContacts(t.Context(), writes)
	if err != nil {
		t.Fatal(err)
	}
	contacts := s.Contacts()
	if len(contacts) != 130 {
		t.Fatalf("%d contacts, want 130", len(contacts))
	}
	byLead := map[string]string{}
	for _, r := range contacts {
		byLead[r.Properties["sluice_lead_id"]] = r.ID
	}
	for i, w := range writes {
		want := []provider.Outcome{{RecordID: byLead[w.ExternalID], Created: true}, {RecordID: byLead[w.ExternalID]}}
		if diff := cmp.Diff(want, []provider.Outcome{first[i], second[i]}); diff != "" {
			t.Fatalf("write %d: %s", i, diff)
		}
	}
	got, err := c.Contacts(t.Context(), []string{"l_007", "", "unknown", "l_007"}, []string{"P7@north.example", "nobody@north.example"})
	if err != nil {
		t.Fatal(err)
	}
	fields := lead("l_007", "p7@north.example").Fields
	if diff := cmp.Diff([]provider.Record{{RecordID: byLead["l_007"], ExternalID: "l_007", Email: "p7@north.example", Fields: fields}}, got); diff != "" {
		t.Error(diff)
	}
}

func TestAdoptAnExistingContact(t *testing.T) {
	t.Parallel()
	s, w, c := account(t)
	id, err := s.AddContact(map[string]string{"email": "old@north.example", "hs_additional_emails": "ines@north.example", "lifecyclestage": "customer", "city": "Porto"})
	if err != nil {
		t.Fatal(err)
	}
	// Found by its secondary address.
	found, err := c.Contacts(t.Context(), nil, []string{"Ines@North.example"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]provider.Record{{RecordID: id, Email: "ines@north.example", Fields: map[string]string{
		provider.FieldEmail: "old@north.example", provider.FieldStage: "customer", provider.FieldCity: "Porto",
	}}}, found); diff != "" {
		t.Error(diff)
	}
	// An upsert meets it as a conflict, a patch adopts it, and the next push updates it.
	w1 := lead("l_1", "ines@north.example")
	w2 := w1
	w2.RecordID = id
	w2.Fields = map[string]string{provider.FieldScore: "90", provider.FieldStage: "lead"}
	var got []provider.Outcome
	for _, writes := range [][]provider.Write{{w1, lead("l_2", "b@north.example")}, {w2}, {w1}} {
		outcomes, err := c.ApplyContacts(t.Context(), writes)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, outcomes...)
	}
	want := []provider.Outcome{{Conflict: id}, {RecordID: "208840000002", Created: true}, {RecordID: id}, {RecordID: id}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if stage := s.Contacts()[0].Properties["lifecyclestage"]; stage != "customer" {
		t.Errorf("stage %s, want customer: a push must not move a contact back", stage)
	}
	if dup := s.DuplicateContacts("sluice_lead_id"); dup != nil {
		t.Errorf("duplicates %v", dup)
	}
	for _, call := range w.calls {
		if strings.Contains(call, "search") {
			t.Errorf("%s: the search index lags and must not be used", call)
		}
	}
}

func TestEachWriteHasItsOutcome(t *testing.T) {
	t.Parallel()
	s, _, c := account(t)
	holder, err := s.AddContact(map[string]string{"sluice_lead_id": "l_held"})
	if err != nil {
		t.Fatal(err)
	}
	other, err := s.AddContact(map[string]string{"email": "x@north.example"})
	if err != nil {
		t.Fatal(err)
	}
	bad := lead("l_bad", "not an address")
	got, err := c.ApplyContacts(t.Context(), []provider.Write{
		lead("l_1", "a@north.example"),
		bad,
		lead("l_1", "b@north.example"), // the same id again
		{Fields: map[string]string{provider.FieldEmail: "c@north.example"}},
		{ExternalID: "l_held", RecordID: other, Fields: map[string]string{provider.FieldCity: "Lisbon"}},
		{ExternalID: "l_9", RecordID: "999", Fields: map[string]string{provider.FieldCity: "Lisbon"}},
		{ExternalID: "l_8", RecordID: other, Fields: map[string]string{provider.FieldScore: "high"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []provider.Outcome{
		{RecordID: "208840000003", Created: true},
		{Rejected: "HubSpot refused the record: INVALID_EMAIL (email)"},
		{Rejected: "the same id of ours occurs twice in one push"},
		{Rejected: "the record has neither a HubSpot id nor an id of ours"},
		{Conflict: holder},
		{Retry: fault.Conflict},
		{Rejected: "HubSpot refused the record: INVALID_DOUBLE (sluice_score)"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestCompaniesAndAssociations(t *testing.T) {
	t.Parallel()
	s, w, c := account(t)
	company := provider.Write{ExternalID: "a_1", Fields: map[string]string{
		provider.FieldName: "North", provider.FieldDomain: "north.example", provider.FieldIndustry: "Cloud Computing", provider.FieldEmployees: "340",
	}}
	companies, err := c.ApplyCompanies(t.Context(), []provider.Write{company})
	if err != nil {
		t.Fatal(err)
	}
	contacts, err := c.ApplyContacts(t.Context(), []provider.Write{lead("l_1", "a@north.example")})
	if err != nil {
		t.Fatal(err)
	}
	link := provider.Link{ContactID: contacts[0].RecordID, CompanyID: companies[0].RecordID}
	for range 2 {
		if err := c.Associate(t.Context(), []provider.Link{link}); err != nil {
			t.Fatal(err)
		}
	}
	if err := newClient(t, w, provider.Settings{"version": "2026-03"}).Associate(t.Context(), []provider.Link{link}); err != nil {
		t.Errorf("version 2026-03: %v", err)
	}
	if err := c.Associate(t.Context(), []provider.Link{link, {ContactID: "5", CompanyID: "6"}}); !fault.Is(err, fault.NotFound) {
		t.Errorf("records that do not exist: %v, want NotFound", err)
	}
	if diff := cmp.Diff([]sandbox.Association{{ContactID: link.ContactID, CompanyID: link.CompanyID}}, s.Associations()); diff != "" {
		t.Error(diff)
	}
	got, err := c.Companies(t.Context(), []string{"a_1", "a_2"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]provider.Record{{RecordID: link.CompanyID, ExternalID: "a_1", Fields: company.Fields}}, got); diff != "" {
		t.Error(diff)
	}
}

// TestMixedAnswer plays the answers of the contract that the simulator does not
// give: a conflict that names nobody, results without our property, an input
// that is not mentioned.
func TestMixedAnswer(t *testing.T) {
	t.Parallel()
	w := &wire{}
	w.answer = func(r *http.Request, body string) (int, string) {
		if strings.HasSuffix(r.URL.Path, "/batch/read") && strings.Contains(body, `"idProperty":"email"`) {
			return 200, `{"status":"COMPLETE","results":[{"id":"77","properties":{"email":"b@north.example"}}]}`
		}
		return 207, `{"status":"COMPLETE","results":[{"id":"5","new":true,"objectWriteTraceId":"l_1","properties":{"email":null}}],"numErrors":3,"errors":[
			{"status":"error","category":"CONFLICT","message":"Contact already exists","context":{"objectWriteTraceId":["l_2"]}},
			{"status":"error","category":"CONFLICT","message":"Contact already exists. Existing ID: 208840977015","context":{"objectWriteTraceId":["l_3"]}},
			{"status":"error","category":"INTERNAL_ERROR","message":"x","context":{"objectWriteTraceId":["l_4"]}}]}`
	}
	got, err := newClient(t, w, nil).ApplyContacts(t.Context(), []provider.Write{
		lead("l_1", "a@north.example"), lead("l_2", "b@north.example"), lead("l_3", "c@north.example"), lead("l_4", "d@north.example"), lead("l_5", "e@north.example"),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []provider.Outcome{{RecordID: "5", Created: true}, {Conflict: "77"}, {Conflict: "208840977015"}, {Retry: fault.Unavailable}, {Retry: fault.Unclear}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestWholeBatchRefused isolates the one record for which HubSpot refuses a
// batch, and does not go looking when the properties are missing.
func TestWholeBatchRefused(t *testing.T) {
	t.Parallel()
	s, w, c := account(t)
	w.answer = func(r *http.Request, body string) (int, string) {
		if strings.HasSuffix(r.URL.Path, "/batch/upsert") && strings.Contains(body, "p2@") {
			return 400, `{"status":"error","category":"VALIDATION_ERROR","message":"p2@north.example is odd","errors":[{"message":"p2@north.example","code":"ODD"}]}`
		}
		return 0, ""
	}
	var writes []provider.Write
	for i := range 5 {
		writes = append(writes, lead(fmt.Sprintf("l_%d", i), fmt.Sprintf("p%d@north.example", i)))
	}
	got, err := c.ApplyContacts(t.Context(), writes)
	if err != nil {
		t.Fatal(err)
	}
	for i, o := range got {
		if i == 2 && o.Rejected != "HubSpot refused the record: ODD" || i != 2 && !o.Created {
			t.Errorf("outcome %d: %+v", i, o)
		}
	}
	if n := len(s.Contacts()); n != 4 {
		t.Errorf("%d contacts, want 4", n)
	}
	w.calls = nil
	_, err = newClient(t, w, provider.Settings{"lead_id_property": "missing"}).ApplyContacts(t.Context(), writes[3:])
	if !fault.Is(err, fault.NotFound) {
		t.Errorf("without the property: %v, want NotFound", err)
	}
}

func TestLaterFailuresKeepEarlierOutcomes(t *testing.T) {
	t.Parallel()
	_, w, c := account(t)
	w.answer = func(_ *http.Request, body string) (int, string) {
		if strings.Contains(body, "l_100") {
			return 429, `{"status":"error","errorType":"RATE_LIMIT","policyName":"TEN_SECONDLY_ROLLING"}`
		}
		return 0, ""
	}
	var writes []provider.Write
	for i := range 101 {
		writes = append(writes, lead(fmt.Sprintf("l_%03d", i), fmt.Sprintf("p%d@north.example", i)))
	}
	got, err := c.ApplyContacts(t.Context(), writes)
	if err != nil || !got[99].Created || got[100].Retry != fault.RateLimited {
		t.Errorf("%v; want the hundredth created and the next to be retried", err)
	}
	if _, err := c.ApplyContacts(t.Context(), writes[100:]); !fault.Is(err, fault.RateLimited) || fault.RetryAfter(err) != 10*time.Second {
		t.Errorf("first call refused: %v after %v, want RateLimited after 10 s", err, fault.RetryAfter(err))
	}
}

func TestClassify(t *testing.T) {
	t.Parallel()
	type verdict struct {
		Kind  fault.Kind
		After time.Duration
	}
	for _, tc := range []struct {
		status int
		header http.Header
		body   string
		want   verdict
	}{
		{200, nil, "", verdict{}},
		{207, nil, "", verdict{}},
		{400, nil, "", verdict{}},
		{409, nil, "", verdict{}},
		{401, nil, "<html>", verdict{Kind: fault.Unauthenticated}},
		{403, nil, "", verdict{Kind: fault.Forbidden}},
		{423, nil, "", verdict{fault.Unavailable, 2 * time.Second}},
		{429, nil, `{"policyName":"DAILY"}`, verdict{Kind: fault.QuotaExhausted}},
		{429, nil, "not JSON", verdict{fault.RateLimited, 10 * time.Second}},
		{429, http.Header{"X-Hubspot-Ratelimit-Interval-Milliseconds": {"1000"}}, `{"policyName":"SECONDLY"}`, verdict{fault.RateLimited, time.Second}},
		{477, http.Header{"Retry-After": {"3600"}}, "", verdict{fault.Unavailable, time.Hour}},
		{502, nil, "", verdict{Kind: fault.Unavailable}},
		{521, nil, "", verdict{Kind: fault.Unavailable}},
		{302, nil, "", verdict{Kind: fault.BadResponse}},
		{477, nil, "", verdict{fault.Unavailable, time.Minute}},
	} {
		err := hubspot.Classify("upsert", &transport.Response{Provider: "hubspot", Op: "upsert", Status: tc.status, Header: tc.header, Body: []byte(tc.body)})
		if diff := cmp.Diff(tc.want, verdict{fault.KindOf(err), fault.RetryAfter(err)}); diff != "" {
			t.Errorf("%d %s: %s", tc.status, tc.body, diff)
		}
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	tr, err := transport.New(transport.Options{Name: "hubspot", BaseURL: "https://api.hubapi.com"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := hubspot.New(provider.Deps{Transport: tr, Settings: provider.Settings{"version": "v3"}, Now: time.Now}); !fault.Is(err, fault.InvalidInput) {
		t.Errorf("version v3: %v, want InvalidInput", err)
	}
	_, _, c := account(t)
	if _, err := c.ApplyContacts(t.Context(), []provider.Write{{ExternalID: "l_1", Fields: map[string]string{"shoe_size": "44"}}}); !fault.Is(err, fault.InvalidInput) {
		t.Errorf("unknown field: %v, want InvalidInput", err)
	}
}

// FuzzAnswers feeds arbitrary answers: no panic, no lost outcome, and nothing of
// the answer in a text.
func FuzzAnswers(f *testing.F) {
	f.Add(200, `{"status":"COMPLETE","results":[{"id":"208841330172","new":true,"archived":false,"objectWriteTraceId":"l_1","properties":{"sluice_lead_id":"l_1"}}]}`)
	f.Add(207, `{"results":[],"errors":[{"category":"CONFLICT","message":"Contact already exists. Existing ID: 9","context":{"objectWriteTraceId":["l_1"]}}]}`)
	f.Add(400, `{"errors":[{"code":"PROPERTY_DOESNT_EXIST"}]}`)
	f.Add(409, `{"category":"CONFLICT","message":"Contact already exists"}`)
	f.Add(200, `{"results":[{"id":5}]}`)
	f.Add(502, `<html>`)
	f.Fuzz(func(t *testing.T, status int, body string) {
		if status < 200 || status > 599 {
			t.Skip("not a status")
		}
		w := &wire{answer: answering(status, body)}
		outcomes, err := newClient(t, w, nil).ApplyContacts(t.Context(), []provider.Write{lead("l_1", "a@north.example"), {RecordID: "1", ExternalID: "l_2", Fields: map[string]string{}}})
		if err != nil {
			if fault.KindOf(err) == fault.Internal {
				t.Errorf("unclassified error %v", err)
			}
			return
		}
		none := cmpopts.IgnoreFields(provider.Outcome{}, "Created")
		for i, o := range outcomes {
			if cmp.Equal(provider.Outcome{}, o, none) {
				t.Errorf("write %d has no outcome", i)
			}
		}
		if _, err := json.Marshal(outcomes); err != nil {
			t.Error(err)
		}
	})
}
