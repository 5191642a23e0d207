package neverbounce

import (
	"strings"
	"testing"
	"time"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
)

func TestStartJob(t *testing.T) {
	t.Parallel()
	c, d := newClient(t, fixture(t, "job_created.json"))
	id, err := c.StartJob(t.Context(), "leads", []provider.JobAddress{{ID: "1", Email: "a@x.example"}, {ID: "2", Email: "b@x.example"}})
	if id != "150970" || err != nil {
		t.Errorf("job %q, %v", id, err)
	}
	same(t, "request", []transport.Request{{Op: "verify_in_bulk", Method: "POST", Path: "/jobs/create", Body: wireCreate{
		InputLocation: "supplied", Filename: "leads", AutoParse: true, AutoStart: true,
		Input: []wireRow{{ID: "1", Email: "a@x.example"}, {ID: "2", Email: "b@x.example"}},
	}}}, d.asked)

	c, _ = newClient(t, `{"status":"success"}`)
	if id, err := c.StartJob(t.Context(), "leads", []provider.JobAddress{{ID: "1", Email: "a@x.example"}}); id != "" || fault.KindOf(err) != fault.BadResponse {
		t.Errorf("without a job id: %q, %v, want BadResponse", id, err)
	}
}

// What is charged and brings nothing, or cannot be joined, is not sent.
func TestStartJobRefuses(t *testing.T) {
	t.Parallel()
	huge := make([]provider.JobAddress, mostAddresses+1)
	for i := range huge {
		id := strings.Repeat("0", 5) + time.Unix(int64(i), 0).UTC().Format("20060102150405")
		huge[i] = provider.JobAddress{ID: id, Email: id + "@x.example"}
	}
	long := make([]provider.JobAddress, 60_000)
	for i := range long {
		long[i] = provider.JobAddress{ID: huge[i].ID, Email: strings.Repeat("&", 64) + huge[i].Email} // each & is six bytes of JSON
	}
	for what, list := range map[string][]provider.JobAddress{
		"no address":            nil,
		"too many":              huge,
		"over 25 MB":            long,
		"an address twice":      {{ID: "1", Email: "a@x.example"}, {ID: "2", Email: " A@x.example"}},
		"an id twice":           {{ID: "1", Email: "a@x.example"}, {ID: "1", Email: "b@x.example"}},
		"a line without id":     {{Email: "a@x.example"}},
		"a line without e-mail": {{ID: "1", Email: " "}},
	} {
		c, d := newClient(t, fixture(t, "job_created.json"))
		if _, err := c.StartJob(t.Context(), "leads", list); fault.KindOf(err) != fault.InvalidInput || len(d.asked) > 0 {
			t.Errorf("%s: %v after %d requests, want InvalidInput and none", what, err, len(d.asked))
		}
	}
	c, _ := newClient(t, fixture(t, "job_created.json"))
	if _, err := c.StartJob(t.Context(), "", huge[:1]); fault.KindOf(err) != fault.InvalidInput {
		t.Errorf("without a name: %v, want InvalidInput", err)
	}
	if _, err := c.StartJob(t.Context(), "leads", huge[:mostAddresses]); err != nil {
		t.Errorf("the largest job: %v", err)
	}
}

func TestSearchNamesTheStateTwoWays(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"job_search_status.json", "job_search_job_status.json"} {
		c, d := newClient(t, fixture(t, name))
		// The newest of two jobs that were made in one second; a job of a similar
		// name is another.
		if id, err := c.FindJob(t.Context(), "leads-2026-11-22"); id != "150971" || err != nil {
			t.Errorf("%s: job %q, %v, want 150971", name, id, err)
		}
		same(t, "request", []transport.Request{{
			Op: "read_job", Method: "POST", Path: "/jobs/search", Idempotent: true,
			Body: map[string]any{"filename": "leads-2026-11-22", "page": 1, "items_per_page": 100},
		}}, d.asked)
	}
}

func TestFindJobOverPages(t *testing.T) {
	t.Parallel()
	page := func(id, created string) string {
		return `{"status":"success","total_pages":2,"results":[{"id":` + id + `,"filename":"n","created_at":"` + created + `"}]}`
	}
	c, d := newClient(t, page("7", "2026-11-22 10:00:00"), page("9", "2026-11-21 10:00:00"))
	if id, err := c.FindJob(t.Context(), "n"); id != "7" || err != nil || len(d.asked) != 2 {
		t.Errorf("job %q, %v after %d pages, want the newer 7 after 2", id, err, len(d.asked))
	}
	// Not to find a job that exists would be to pay for it again.
	for body, want := range map[string]fault.Kind{
		`{"status":"success","total_pages":0,"results":[]}`:                                "",
		`{"status":"success","total_pages":1}`:                                             fault.BadResponse,
		`{"status":"success","total_pages":999999999,"results":[{"id":1,"filename":"m"}]}`: fault.BadResponse,
	} {
		c, d := newClient(t, body)
		if id, err := c.FindJob(t.Context(), "n"); id != "" || fault.KindOf(err) != want || len(d.asked) > 20 {
			t.Errorf("%s: job %q, %v after %d pages; want none and %q", body, id, err, len(d.asked), want)
		}
	}
}

func TestWaitingAndUnderReviewAreHeld(t *testing.T) {
	t.Parallel()
	const held, running = provider.JobHeld, provider.JobRunning
	for state, want := range map[string]provider.Job{
		"waiting":          {State: held, Reason: "waiting"},
		"waiting_analyzed": {State: held, Reason: "waiting_analyzed"},
		"under_review":     {State: held, Reason: "under_review"},
		"queued":           {State: running, Reason: "queued"},
		"running":          {State: running, Reason: "running"},
		"parsing":          {State: running, Reason: "parsing"},
		"uploading":        {State: running, Reason: "uploading"},
		"failed":           {State: provider.JobFailed, Reason: "failed"},
		"brand-new":        {State: running, Reason: "undocumented"},
	} {
		c, _ := newClient(t, `{"status":"success","job_status":"`+state+`","failure_reason":"of dana@x.example","total":null}`)
		got, err := c.Job(t.Context(), "150970")
		if err != nil {
			t.Errorf("%s: %v", state, err)
		}
		same(t, state, want, got)
	}
	c, d := newClient(t, fixture(t, "job_status.json"))
	got, err := c.Job(t.Context(), "150970")
	if err != nil {
		t.Error(err)
	}
	same(t, "complete", provider.Job{State: provider.JobComplete, Reason: "complete", Done: 2, Of: 2}, got)
	same(t, "request", []transport.Request{{
		Op: "read_job", Method: "POST", Path: "/jobs/status", Body: map[string]any{"job_id": int64(150970)}, Idempotent: true,
	}}, d.asked)
	for _, id := range []string{"", "x", "-1", "0", "1.5", strings.Repeat("9", 40)} {
		_, statusErr := c.Job(t.Context(), id)
		_, _, resultsErr := c.JobVerdicts(t.Context(), id, 1)
		for _, err := range []error{statusErr, resultsErr, c.DeleteJob(t.Context(), id)} {
			if fault.KindOf(err) != fault.InvalidInput {
				t.Errorf("job id of %d characters: %v, want InvalidInput", len(id), err)
			}
		}
	}
}

func TestResultsAreJoinedByOurID(t *testing.T) {
	t.Parallel()
	c, d := newClient(t, fixture(t, "job_results.json"))
	got, more, err := c.JobVerdicts(t.Context(), "150970", 1)
	if err != nil || more {
		t.Errorf("more %v, %v", more, err)
	}
	usage := provider.Usage{Op: "verify_in_bulk", Cost: 8_000}
	same(t, "verdicts", map[string]provider.Verification{
		"lead-001": {Status: domain.EmailSafe, Reason: "valid", Usage: usage},
		"lead-002": {Status: domain.EmailInvalid, Reason: "invalid", Usage: usage},
	}, got)
	same(t, "request", []transport.Request{{
		Op: "read_job", Method: "POST", Path: "/jobs/results", Idempotent: true,
		Body: map[string]any{"job_id": int64(150970), "page": int64(1), "items_per_page": int64(100)},
	}}, d.asked)
}

// The page may hold fewer results than were asked for, so that only total_pages
// tells the end.
func TestResultsEndWithTotalPages(t *testing.T) {
	t.Parallel()
	const row = `{"data":{"id":"1"},"verification":{"result":"valid"}}`
	for _, test := range []struct {
		body string
		page int
		more bool
		want fault.Kind
	}{
		{`"total_pages":2,"results":[` + row + `]`, 1, true, ""},
		{`"total_pages":2,"results":[` + row + `]`, 2, false, ""},
		{`"total_pages":0,"results":[]`, 1, false, ""},
		{`"total_pages":2,"results":[]`, 1, false, fault.BadResponse},
		{`"total_pages":1`, 1, false, fault.BadResponse},
		{`"total_pages":1,"results":[` + row + `,` + row + `]`, 1, false, fault.BadResponse},
		{`"total_pages":1,"results":[{"data":{},"verification":{"result":"valid"}}]`, 1, false, fault.BadResponse},
		{`"total_pages":1,"results":[` + row + `]`, 0, false, fault.InvalidInput},
	} {
		c, _ := newClient(t, `{"status":"success",`+test.body+`}`)
		_, more, err := c.JobVerdicts(t.Context(), "7", test.page)
		if more != test.more || fault.KindOf(err) != test.want {
			t.Errorf("page %d of %s: more %v, %v; want %v, %q", test.page, test.body, more, err, test.more, test.want)
		}
	}
	c, _ := newClient(t, `{"status":"success","total_pages":1,"results":[`+row+`,{"data":{"id":"2"},"verification":{}}]}`)
	got, _, err := c.JobVerdicts(t.Context(), "7", 1)
	if err != nil || got["1"].Err != nil || fault.KindOf(got["2"].Err) != fault.BadResponse || got["2"].Usage.Cost != 8_000 {
		t.Errorf("a result without verdict: %+v, %v; want a fault of its own, charged", got, err)
	}
}
