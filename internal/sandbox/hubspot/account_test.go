package hubspot_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/messageai/sluice/internal/sandbox/hubspot"
)

func TestRefusals(t *testing.T) {
	t.Parallel()
	s := newServer(t, hubspot.Options{Key: "other"})
	if status, body, _ := call(t, s, "GET", base+"/1", ""); status != 401 || body["category"] != "INVALID_AUTHENTICATION" {
		t.Errorf("wrong key = %d %v", status, body)
	}
	s = newServer(t, hubspot.Options{Key: "key", Scopes: []string{"crm.objects.contacts.read"}})
	if status, body, _ := call(t, s, "POST", base, `{"properties":{}}`); status != 403 || body["category"] != "MISSING_SCOPES" {
		t.Errorf("missing scope = %d %v", status, body)
	}
	for path, want := range map[string]int{
		"/crm/objects/v3/contacts/1": 404, "/crm/objects/2025-09/contacts/1": 404, "/crm/objects/2026-09/tickets/1": 400, "/other": 404,
		"/crm/objects/2026-03/contacts/1": 404, "/crm/objects/2026-03/0-1/1/x": 404,
	} {
		if status, _, _ := call(t, s, "GET", path, ""); status != want {
			t.Errorf("GET %s = %d, want %d", path, status, want)
		}
	}
	type form struct {
		status                    int
		policy, category, retryIn string
	}
	r := httptest.NewRequestWithContext(t.Context(), "GET", base, nil)
	var got []form
	for _, write := range []func(http.ResponseWriter){
		func(w http.ResponseWriter) { s.Throttled(w, r) },
		func(w http.ResponseWriter) { s.Exhausted(w, r) },
		func(w http.ResponseWriter) { s.Locked(w, r) },
		func(w http.ResponseWriter) { s.Migrating(w, r, 90*time.Second) },
	} {
		w := httptest.NewRecorder()
		write(w)
		var body struct{ PolicyName, Category string }
		if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
			t.Fatal(err)
		}
		got = append(got, form{w.Code, body.PolicyName, body.Category, w.Header().Get("Retry-After")})
	}
	want := []form{{429, "TEN_SECONDLY_ROLLING", "", ""}, {429, "DAILY", "", ""}, {423, "", "LOCKED", ""}, {477, "", "MIGRATION_IN_PROGRESS", "90"}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(form{})); diff != "" {
		t.Error(diff)
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, hubspot.Options{Limits: hubspot.Limits{TenSecondly: 3, Daily: 5}})
		var got []string
		ask := func() {
			status, body, h := call(t, s, "GET", base+"/1", "")
			got = append(got, fmt.Sprintf("%d %v %s %s", status, body["policyName"], h.Get("X-HubSpot-RateLimit-Remaining"), h.Get("X-HubSpot-RateLimit-Daily-Remaining")))
		}
		for range 4 {
			ask()
		}
		time.Sleep(10 * time.Second)
		for range 3 {
			ask()
		}
		time.Sleep(24 * time.Hour)
		ask()
		want := []string{
			"404 <nil> 2 4", "404 <nil> 1 3", "404 <nil> 0 2", "429 TEN_SECONDLY_ROLLING 0 2",
			"404 <nil> 2 1", "404 <nil> 1 0", "429 DAILY 1 0", "404 <nil> 2 4",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

// memory is a journal that a next server can be opened on.
type memory struct {
	past   []json.RawMessage
	broken bool
}

func (m *memory) Append(_ string, record any) error {
	if m.broken {
		return errors.New("disk full")
	}
	data, err := json.Marshal(record)
	m.past = append(m.past, data)
	return err
}

func (m *memory) Past(string) []json.RawMessage { return m.past }

func TestJournal(t *testing.T) {
	t.Parallel()
	j := &memory{}
	seeded := 0
	opts := hubspot.Options{Journal: j, Seed: func(s *hubspot.Server) error {
		seeded++
		if err := s.AddProperty("contacts", leadID); err != nil {
			return err
		}
		_, err := s.AddCompany(map[string]string{"name": "North"})
		return err
	}}
	s := newServer(t, opts)
	upsertAll(t, s, upsert("l1", "a@north.example"))
	upsertAll(t, s, upsert("l1", "b@north.example"), upsert("l2", "a@north.example"))
	call(t, s, "PUT", base+"/208840000002/associations/default/companies/208840000001", "")

	j.broken = true
	if got := upsertAll(t, s, upsert("l3", "c@north.example")); got.Status != 500 {
		t.Errorf("write that could not be journalled = %d, want 500", got.Status)
	}
	j.broken = false

	again := newServer(t, opts)
	if seeded != 1 {
		t.Errorf("seeded %d times, want once", seeded)
	}
	if len(s.Contacts()) != 2 || len(s.Associations()) != 1 {
		t.Fatalf("%d contacts and %d associations, want 2 and 1", len(s.Contacts()), len(s.Associations()))
	}
	for _, diff := range []string{
		cmp.Diff(s.Contacts(), again.Contacts()), cmp.Diff(s.Companies(), again.Companies()), cmp.Diff(s.Associations(), again.Associations()),
	} {
		if diff != "" {
			t.Error(diff)
		}
	}
	got := upsertAll(t, again, upsert("l2", "a@north.example"), upsert("l3", "c@north.example"))
	if diff := cmp.Diff(map[string]bool{"l2": false, "l3": true}, got.New); diff != "" {
		t.Errorf("upsert after restart: %s", diff)
	}
	if dup := again.DuplicateContacts("email"); dup != nil {
		t.Errorf("duplicates: %v", dup)
	}
}

func TestDuplicateContacts(t *testing.T) {
	t.Parallel()
	s := newServer(t, hubspot.Options{})
	for _, name := range []string{"Ana", "ana", "Bo"} {
		if _, err := s.AddContact(map[string]string{"firstname": name}); err != nil {
			t.Fatal(err)
		}
	}
	want := []hubspot.Duplicate{{Value: "ana", IDs: []string{"208840000001", "208840000002"}}}
	if diff := cmp.Diff(want, s.DuplicateContacts("firstname")); diff != "" {
		t.Error(diff)
	}
}
