package hubspot_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/messageai/sluice/internal/sandbox/hubspot"
)

const base = "/crm/objects/2026-09/contacts"

// leadID is the definition of a property with unique values.
var leadID = hubspot.Property{
	Name: "sluice_lead_id", Label: "Sluice lead id", Type: "string", FieldType: "text", GroupName: "contactinformation", HasUniqueValue: true,
}

func newServer(t *testing.T, opts hubspot.Options) *hubspot.Server {
	t.Helper()
	if opts.Seed == nil {
		opts.Seed = func(s *hubspot.Server) error { return s.AddProperty("contacts", leadID) }
	}
	s, err := hubspot.New(opts)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return s
}

// call sends a request and decodes the answer.
func call(t *testing.T, s http.Handler, method, path, body string) (int, map[string]any, http.Header) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer key")
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	var got map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatalf("%s %s: answer is not JSON: %v", method, path, err)
	}
	return w.Code, got, w.Header()
}

func upsert(lead, email string, more ...string) string {
	extra := ""
	if len(more) > 0 {
		extra = "," + strings.Join(more, ",")
	}
	return fmt.Sprintf(`{"idProperty":"sluice_lead_id","id":%q,"objectWriteTraceId":%q,"properties":{"email":%q%s}}`, lead, lead, email, extra)
}

func batch(inputs ...string) string { return `{"inputs":[` + strings.Join(inputs, ",") + `]}` }

// outcome is the part of a batch answer that callers branch on.
type outcome struct {
	Status  int
	New     map[string]bool   // by lead id
	Errors  map[string]string // category by trace id
	Existed map[string]string // context.existingId by trace id
}

func upsertAll(t *testing.T, s http.Handler, inputs ...string) outcome {
	t.Helper()
	status, body, _ := call(t, s, "POST", base+"/batch/upsert", batch(inputs...))
	data, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Category string
		Results  []struct {
			New        bool
			Properties map[string]string
		}
		Errors []struct {
			Category string
			Context  struct{ ObjectWriteTraceID, ExistingID []string }
		}
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		t.Fatal(err)
	}
	out := outcome{Status: status, New: map[string]bool{}, Errors: map[string]string{}, Existed: map[string]string{}}
	for _, r := range answer.Results {
		out.New[r.Properties["sluice_lead_id"]] = r.New
	}
	for _, e := range answer.Errors {
		trace := ""
		if len(e.Context.ObjectWriteTraceID) > 0 {
			trace = e.Context.ObjectWriteTraceID[0]
		}
		out.Errors[trace] = e.Category
		if len(e.Context.ExistingID) > 0 {
			out.Existed[trace] = e.Context.ExistingID[0]
		}
	}
	return out
}

func TestUpsertTwiceWritesOnce(t *testing.T) {
	t.Parallel()
	s := newServer(t, hubspot.Options{})
	in := []string{upsert("l1", "a@north.example"), upsert("l2", "B@north.example", `"phone":123`)}
	first, second := upsertAll(t, s, in...), upsertAll(t, s, in...)
	none := map[string]string{}
	want := []outcome{
		{200, map[string]bool{"l1": true, "l2": true}, none, none},
		{200, map[string]bool{"l1": false, "l2": false}, none, none},
	}
	if diff := cmp.Diff(want, []outcome{first, second}); diff != "" {
		t.Error(diff)
	}
	got := s.Contacts()
	for i := range got {
		got[i].Created, got[i].Updated = time.Time{}, time.Time{}
	}
	if diff := cmp.Diff([]hubspot.Record{
		{ID: "208840000001", Properties: map[string]string{"sluice_lead_id": "l1", "email": "a@north.example"}},
		{ID: "208840000002", Properties: map[string]string{"sluice_lead_id": "l2", "email": "b@north.example", "phone": "123"}},
	}, got); diff != "" {
		t.Error(diff)
	}
}

func TestUpsertConflictNamesTheHolder(t *testing.T) {
	t.Parallel()
	s := newServer(t, hubspot.Options{})
	holder, err := s.AddContact(map[string]string{"email": "old@north.example", "hs_additional_emails": "A@north.example;c@north.example"})
	if err != nil {
		t.Fatal(err)
	}
	got := upsertAll(t, s, upsert("l1", "a@north.example"), upsert("l2", "b@north.example"), upsert("l3", "not an address"))
	if diff := cmp.Diff(outcome{
		Status: 207, New: map[string]bool{"l2": true},
		Errors: map[string]string{"l1": "CONFLICT", "l3": "VALIDATION_ERROR"}, Existed: map[string]string{"l1": holder},
	}, got); diff != "" {
		t.Error(diff)
	}
	// Without trace ids nothing is written and nothing is named.
	status, body, _ := call(t, s, "POST", base+"/batch/upsert", batch(
		`{"idProperty":"sluice_lead_id","id":"l8","properties":{"email":"d@north.example"}}`,
		`{"idProperty":"sluice_lead_id","id":"l9","properties":{"email":"a@north.example"}}`))
	if status != 409 || body["message"] != "Contact already exists" || body["context"] != nil {
		t.Errorf("batch without trace ids = %d %v", status, body)
	}
	if n := len(s.Contacts()); n != 2 {
		t.Errorf("%d contacts, want the holder and l2", n)
	}
	// The unique id of another contact is a conflict as well.
	status, body, _ = call(t, s, "PATCH", base+"/"+holder, `{"properties":{"sluice_lead_id":"l2"}}`)
	if status != 409 || body["category"] != "CONFLICT" {
		t.Errorf("adopting with a taken lead id = %d %v", status, body)
	}
}

func TestWholeBatchRefused(t *testing.T) {
	t.Parallel()
	many := make([]string, 101)
	for i := range many {
		many[i] = upsert(fmt.Sprintf("l%d", i), fmt.Sprintf("p%d@north.example", i))
	}
	for name, tc := range map[string]struct{ body, code string }{
		"unknown property": {batch(upsert("l1", "a@north.example"), upsert("l2", "b@north.example", `"sluice_score":"80"`)), "PROPERTY_DOESNT_EXIST"},
		"read-only":        {batch(upsert("l1", "a@north.example", `"createdate":"1"`)), "READ_ONLY_VALUE"},
		"same id twice":    {batch(upsert("l1", "a@north.example"), upsert("l1", "b@north.example")), ""},
		"too many":         {batch(many...), ""},
		"none":             {`{"inputs":[]}`, ""},
		"no idProperty":    {`{"inputs":[{"id":"l1","properties":{}}]}`, ""},
		"not unique":       {`{"inputs":[{"id":"l1","idProperty":"phone","properties":{}}]}`, ""},
		"null value":       {batch(upsert("l1", "a@north.example", `"phone":null`)), ""},
		"unknown member":   {`{"inputs":[{"id":"l1","idProperty":"sluice_lead_id","properties":{},"associations":[]}]}`, ""},
		"by address, one bad": {
			`{"inputs":[{"id":"a@north.example","idProperty":"email","objectWriteTraceId":"1","properties":{}},` +
				`{"id":"nonsense","idProperty":"email","objectWriteTraceId":"2","properties":{}}]}`, "INVALID_EMAIL",
		},
		"not JSON": {`{"inputs":`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, hubspot.Options{})
			status, body, _ := call(t, s, "POST", base+"/batch/upsert", tc.body)
			code := ""
			if list, ok := body["errors"].([]any); ok {
				code = list[0].(map[string]any)["code"].(string)
			}
			if status != 400 || code != tc.code || len(s.Contacts()) != 0 {
				t.Errorf("got %d, code %q, %d contacts; want 400, %q, none", status, code, len(s.Contacts()), tc.code)
			}
		})
	}
}

func TestBatchRead(t *testing.T) {
	t.Parallel()
	s := newServer(t, hubspot.Options{})
	upsertAll(t, s, upsert("l1", "a@north.example"), upsert("l2", "b@north.example"))
	read := func(idProperty string, ids ...string) (int, []string) {
		refs := make([]string, len(ids))
		for i, id := range ids {
			refs[i] = fmt.Sprintf(`{"id":%q}`, id)
		}
		status, body, _ := call(t, s, "POST", base+"/batch/read",
			fmt.Sprintf(`{"idProperty":%q,"inputs":[%s],"properties":["sluice_lead_id","city"],"propertiesWithHistory":[]}`, idProperty, strings.Join(refs, ",")))
		var leads []string
		for _, r := range body["results"].([]any) {
			props := r.(map[string]any)["properties"].(map[string]any)
			if city, present := props["city"]; city != nil || !present {
				t.Errorf("city = %v, want an explicit null", city)
			}
			leads = append(leads, props["sluice_lead_id"].(string))
		}
		return status, leads
	}
	status, leads := read("email", "A@NORTH.example", "b@north.example")
	if diff := cmp.Diff([]string{"l1", "l2"}, leads); diff != "" || status != 200 {
		t.Errorf("by address: %d %s", status, diff)
	}
	status, leads = read("sluice_lead_id", "l2", "l7")
	if diff := cmp.Diff([]string{"l2"}, leads); diff != "" || status != 207 {
		t.Errorf("by lead id with one missing: %d %s", status, diff)
	}
}

func TestCreateConflictAndStage(t *testing.T) {
	t.Parallel()
	s := newServer(t, hubspot.Options{})
	status, made, _ := call(t, s, "POST", base, `{"properties":{"email":"a@north.example","lifecyclestage":"opportunity"}}`)
	if status != 201 {
		t.Fatalf("create = %d %v", status, made)
	}
	id := made["id"].(string)
	status, body, _ := call(t, s, "POST", base, `{"properties":{"email":"a@north.example"}}`)
	if want := "Contact already exists. Existing ID: " + id; status != 409 || body["message"] != want || body["category"] != "CONFLICT" {
		t.Errorf("second create = %d %v, want 409 %q", status, body, want)
	}
	for _, stage := range []string{"lead", "customer"} {
		if status, _, _ := call(t, s, "PATCH", base+"/a@north.example?idProperty=email", `{"properties":{"lifecyclestage":"`+stage+`"}}`); status != 200 {
			t.Fatalf("patch stage = %d", status)
		}
		_, got, _ := call(t, s, "GET", base+"/"+id+"?properties=lifecyclestage", "")
		want := map[string]string{"lead": "opportunity", "customer": "customer"}[stage]
		if have := got["properties"].(map[string]any)["lifecyclestage"]; have != want {
			t.Errorf("stage after sending %s = %v, want %s", stage, have, want)
		}
	}
	if status, _, _ := call(t, s, "PATCH", base+"/999", `{"properties":{"city":"Lisbon"}}`); status != 404 {
		t.Errorf("patch of an unknown record = %d, want 404", status)
	}
	if status, _, _ := call(t, s, "PATCH", base+"/"+id, `{"properties":{"lifecyclestage":"warm"}}`); status != 400 {
		t.Errorf("unknown option = %d, want 400", status)
	}
}

func TestSearchLags(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, hubspot.Options{Lag: 3 * time.Second})
		find := func(city string) float64 {
			_, body, h := call(t, s, "POST", base+"/search", `{"filterGroups":[{"filters":[{"propertyName":"city","operator":"EQ","value":"`+city+`"}]}],"sorts":[],"properties":["city"],"limit":5,"after":"0"}`)
			if h.Get("X-HubSpot-RateLimit-Max") != "" {
				t.Error("search answers carry no limit headers")
			}
			return body["total"].(float64)
		}
		upsertAll(t, s, upsert("l1", "a@north.example", `"city":"Lisbon"`))
		time.Sleep(2 * time.Second)
		upsertAll(t, s, upsert("l1", "a@north.example", `"city":"Porto"`))
		got := []float64{find("Lisbon"), find("Porto")}
		time.Sleep(time.Second)
		got = append(got, find("Lisbon"), find("Porto"))
		time.Sleep(2 * time.Second)
		got = append(got, find("Lisbon"), find("Porto"))
		if diff := cmp.Diff([]float64{0, 0, 1, 0, 0, 1}, got); diff != "" {
			t.Errorf("found (Lisbon, Porto) at 2, 3 and 5 s: %s", diff)
		}
	})
}

func TestSearchFiltersAndPages(t *testing.T) {
	t.Parallel()
	s := newServer(t, hubspot.Options{Lag: -1})
	for i := range 5 {
		if _, err := s.AddContact(map[string]string{"firstname": fmt.Sprintf("Person %d", i), "annualrevenue": fmt.Sprint(i * 5)}); err != nil {
			t.Fatal(err)
		}
	}
	names := func(body string) (list []string, after string) {
		status, got, _ := call(t, s, "POST", base+"/search", body)
		if status != 200 {
			t.Fatalf("search = %d %v", status, got)
		}
		for _, r := range got["results"].([]any) {
			list = append(list, r.(map[string]any)["properties"].(map[string]any)["firstname"].(string))
		}
		if p, ok := got["paging"].(map[string]any); ok {
			after = p["next"].(map[string]any)["after"].(string)
		}
		return list, after
	}
	query := `{"filterGroups":[{"filters":[{"propertyName":"annualrevenue","operator":"GTE","value":"5"},{"propertyName":"annualrevenue","operator":"LT","value":"20"}]}],` +
		`"sorts":[{"propertyName":"annualrevenue","direction":"DESCENDING"}],"properties":["firstname"],"limit":2,"after":"%s"}`
	first, after := names(fmt.Sprintf(query, "0"))
	second, end := names(fmt.Sprintf(query, after))
	if diff := cmp.Diff([]any{[]string{"Person 3", "Person 2"}, "2", []string{"Person 1"}, ""}, []any{first, after, second, end}); diff != "" {
		t.Error(diff)
	}
	if list, _ := names(`{"query":"person 4","limit":10}`); len(list) != 1 {
		t.Errorf("free text found %v", list)
	}
	if list, _ := names(`{"filterGroups":[{"filters":[{"propertyName":"firstname","operator":"CONTAINS_TOKEN","value":"pers*"}]}],"properties":["firstname"]}`); len(list) != 5 {
		t.Errorf("token found %v", list)
	}
}

func TestAssociations(t *testing.T) {
	t.Parallel()
	s := newServer(t, hubspot.Options{})
	contact, err := s.AddContact(map[string]string{"email": "a@north.example"})
	if err != nil {
		t.Fatal(err)
	}
	company, err := s.AddCompany(map[string]string{"name": "North", "industry": "COMPUTER_SOFTWARE"})
	if err != nil {
		t.Fatal(err)
	}
	body := func(to string) string {
		return fmt.Sprintf(`{"inputs":[{"from":{"id":%q},"to":{"id":%q},"types":[{"associationCategory":"HUBSPOT_DEFINED","associationTypeId":279}]}]}`, contact, to)
	}
	var statuses []int
	for _, c := range []struct{ method, path, body string }{
		{"POST", "/crm/associations/2026-09/contacts/companies/batch/create", body(company)},
		{"POST", "/crm/associations/2026-03/0-1/0-2/batch/create", body(company)},
		{"POST", "/crm/associations/2026-09/contacts/companies/batch/create", body("77")},
		{"PUT", base + "/" + contact + "/associations/default/companies/" + company, ""},
		{"PUT", base + "/" + contact + "/associations/default/companies/77", ""},
	} {
		status, _, _ := call(t, s, c.method, c.path, c.body)
		statuses = append(statuses, status)
	}
	if diff := cmp.Diff([]int{200, 201, 207, 200, 404}, statuses); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]hubspot.Association{{ContactID: contact, CompanyID: company}}, s.Associations()); diff != "" {
		t.Error(diff)
	}
}

func TestProperties(t *testing.T) {
	t.Parallel()
	s := newServer(t, hubspot.Options{Seed: func(*hubspot.Server) error { return nil }})
	create := `{"name":"sluice_lead_id","label":"Lead","type":"string","fieldType":"text","groupName":"contactinformation","hasUniqueValue":true}`
	const path = "/crm/properties/2026-09/contacts"
	var statuses []int
	for _, c := range []struct{ method, path, body string }{
		{"GET", path + "/sluice_lead_id", ""},
		{"POST", base + "/batch/upsert", batch(upsert("l1", "a@north.example"))},
		{"POST", path, create},
		{"POST", path, create},
		{"POST", path, `{"name":"Upper","label":"x","type":"string","fieldType":"text","groupName":"contactinformation"}`},
		{"POST", path, `{"name":"x","label":"x","type":"string","fieldType":"text","groupName":"nowhere"}`},
		{"GET", path + "/sluice_lead_id", ""},
		{"POST", base + "/batch/upsert", batch(upsert("l1", "a@north.example"))},
	} {
		status, _, _ := call(t, s, c.method, c.path, c.body)
		statuses = append(statuses, status)
	}
	if diff := cmp.Diff([]int{404, 400, 201, 409, 400, 400, 200, 200}, statuses); diff != "" {
		t.Error(diff)
	}
	_, body, _ := call(t, s, "GET", path, "")
	unique := map[string]bool{}
	for _, p := range body["results"].([]any) {
		if p := p.(map[string]any); p["hasUniqueValue"] == true {
			unique[p["name"].(string)] = true
		}
	}
	if diff := cmp.Diff(map[string]bool{"email": true, "sluice_lead_id": true}, unique); diff != "" {
		t.Error(diff)
	}
}

func FuzzServe(f *testing.F) {
	f.Add("POST", base+"/batch/upsert", batch(upsert("l1", "a@north.example")))
	f.Add("POST", base+"/search", `{"filterGroups":[{"filters":[{"propertyName":"city","operator":"BETWEEN","value":"1","highValue":"2"}]}]}`)
	f.Add("PATCH", base+"/x?idProperty=email", `{"properties":{"city":1}}`)
	f.Add("POST", "/crm/associations/2026-09/contacts/companies/batch/create", `{"inputs":[{"from":{"id":1},"to":{"id":"2"},"types":[]}]}`)
	f.Fuzz(func(t *testing.T, method, path, body string) {
		r, err := http.NewRequestWithContext(t.Context(), method, "http://h.example"+path, strings.NewReader(body))
		if err != nil {
			t.Skip("not a request")
		}
		r.Header.Set("Authorization", "Bearer key")
		r.Header.Set("Content-Type", "application/json")
		s := newServer(t, hubspot.Options{})
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code == 0 || w.Code >= 500 || !json.Valid(w.Body.Bytes()) {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}
