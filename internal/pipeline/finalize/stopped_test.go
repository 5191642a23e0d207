package finalize_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/pipeline/finalize"
	"github.com/messageai/sluice/internal/store"
)

// event is what EventBridge sends of an execution.
func event(t *testing.T, status, input string) finalize.Input {
	t.Helper()
	quoted, err := json.Marshal(input)
	if err != nil {
		t.Fatal(err)
	}
	payload := fmt.Sprintf(`{"version":"0","source":"aws.states","detail-type":"Step Functions Execution Status Change",
		"detail":{"executionArn":"arn:aws:states:us-east-1:123456789012:execution:sluice-dev-campaign:r1","status":%q,"stopDate":1795341600000,"input":%s,"output":null}}`, status, quoted)
	var in finalize.Input
	if err := json.Unmarshal([]byte(payload), &in); err != nil {
		t.Fatal(err)
	}
	return in
}

const started = `{"team":"acme","campaignId":"c1","runId":"r1"}`

func TestARunWhoseExecutionStoppedIsEnded(t *testing.T) {
	t.Parallel()
	for execution, want := range map[string]domain.RunStatus{
		"ABORTED": domain.RunCancelled, "TIMED_OUT": domain.RunFailed, "FAILED": domain.RunFailed,
	} {
		for _, was := range []domain.RunStatus{domain.RunRunning, domain.RunPaused} {
			t.Run(execution+" while "+string(was), func(t *testing.T) {
				t.Parallel()
				s := good()
				s.run = domain.Run{ID: "r1", Status: was}
				delete(s.ledger.Chunks, "s0000-00001") // three rows that no step had begun
				for n := range 3 {                     // events come more than once
					out, err := stage(s).Run(t.Context(), event(t, execution, started))
					if err != nil || out.Status != want || out.Totals == nil || !cmp.Equal(*out.Totals, s.totals) {
						t.Fatalf("the event ends the run as %+v, %v", out, err)
					}
					if s.ended != 1 || s.settled != n+1 || s.dropped != n+1 {
						t.Errorf("after %d events: ended %d times, settled %d, dropped %d", n+1, s.ended, s.settled, s.dropped)
					}
				}
				rows := domain.Counts{In: 10, Qualified: 2, Rejected: 3, Failed: 3, Duplicate: 2}
				if diff := cmp.Diff(rows, s.totals.Rows); diff != "" || s.status != want || !strings.Contains(s.reason, "execution") {
					t.Errorf("%s: %q; rows (-want +got):\n%s", s.status, s.reason, diff)
				}
			})
		}
	}
}

// A run that ended as the machine tells keeps its end; what it left is cleared.
func TestARunThatHasItsEndKeepsIt(t *testing.T) {
	t.Parallel()
	s := good()
	s.run = domain.Run{ID: "r1", Status: domain.RunPartial, Totals: &domain.Totals{Converted: 2}}
	out, err := stage(s).Run(t.Context(), event(t, "FAILED", started))
	if err != nil || out.Status != domain.RunPartial || s.ended != 0 || s.settled != 1 || s.dropped != 1 {
		t.Errorf("%+v, %v: ended %d times, settled %d, dropped %d", out, err, s.ended, s.settled, s.dropped)
	}
}

// An execution that somebody started by hand is none of ours to end, and no
// reason to be called again.
func TestExecutionsOfNoRunAreLeftAlone(t *testing.T) {
	t.Parallel()
	for _, input := range []string{"", "{}", "[]", `"x"`, `{"team":"acme","campaignId":"c1","runId":"other"}`, `{"team":"acme","runId":"r1"}`} {
		s := good()
		if out, err := stage(s).Run(t.Context(), event(t, "FAILED", input)); err != nil || out != (finalize.Output{}) || s.ended+s.settled+s.dropped != 0 {
			t.Errorf("input %q: %+v, %v, ended %d, settled %d, dropped %d", input, out, err, s.ended, s.settled, s.dropped)
		}
	}
}

// The reason of a partial run is the same each time, its most frequent cause
// first.
func TestTheReasonOfAPartialRunIsTheSameEachTime(t *testing.T) {
	t.Parallel()
	for range 20 {
		s := &shelf{ledger: store.Ledger{Shards: []store.Shard{{ID: "s0000", Source: "apollo", Done: true}}, Chunks: map[string]store.Chunk{}}}
		for n, failure := range []string{"Internal", "Unavailable", "States.Timeout", "Unavailable", "Conflict"} {
			name := store.ChunkName("s0000", n)
			s.ledger.Chunks[name] = store.Chunk{Name: name, Counts: &domain.Counts{}, Failure: failure}
		}
		if _, err := stage(s).Run(t.Context(), finalize.Input{Ref: run}); err != nil {
			t.Fatal(err)
		}
		const want = "a chunk ended early: Unavailable, Conflict, Internal, States.Timeout; 5 in all"
		if s.reason != want {
			t.Fatalf("reason %q, want %q", s.reason, want)
		}
	}
}
