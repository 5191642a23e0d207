package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/replay"
)

// A run of practice mode is computed again from its state folder, with the same
// result, and its cache is forgotten and filled again.
func TestAPractisedRunIsReplayed(t *testing.T) {
	state := t.TempDir()
	code, stdout, stderr := sluice(t, "demo", "--json", "--prospects", "60", "--latency", "0s", "--state", state)
	if code != 0 {
		t.Fatal(stderr)
	}
	var run struct {
		RunID string `json:"runId"`
	}
	if err := json.Unmarshal([]byte(stdout), &run); err != nil {
		t.Fatal(err)
	}
	again := func(args ...string) (report replay.Report) {
		t.Helper()
		code, stdout, stderr := sluice(t, append([]string{"run", "replay", run.RunID, "--json", "--state", state}, args...)...)
		if code != 0 {
			t.Fatal(stderr)
		}
		if err := json.Unmarshal([]byte(stdout), &report); err != nil {
			t.Fatal(err)
		}
		return report
	}
	first := again()
	if diff := cmp.Diff(first, again()); diff != "" || !first.Same || first.Rows.Replay.In == 0 {
		t.Errorf("%+v\n%s", first, diff)
	}
	weights := filepath.Join(state, "weights.json")
	if err := os.WriteFile(weights, []byte(`{"firmographics":1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if other := again("--with", "weights="+weights, "--with", "order=hunter,apollo"); other.Same || len(other.Changed) != 2 {
		t.Errorf("%+v", other)
	}
	if code, stdout, stderr := sluice(t, "run", "replay", run.RunID, "--state", state); code != 0 || !strings.Contains(stdout, "the same as the run's") {
		t.Errorf("%d %s %s", code, stdout, stderr)
	}
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"run", "replay", "none", "--state", state}, 5, "no such run"},
		{[]string{"run", "replay", run.RunID, "--state", t.TempDir()}, 5, "sluice demo"},
		{[]string{"run", "replay", run.RunID, "--with", "order"}, 2, "icp=FILE"},
		{[]string{"run", "replay", run.RunID, "--with", "mood=good"}, 2, "mood"},
		{[]string{"run", "replay", run.RunID, "--with", "order=nobody", "--state", state}, 2, "nobody"},
		{[]string{"run", "replay", run.RunID, "--with", "weights=" + filepath.Join(state, "none")}, 2, "cannot be read"},
		{[]string{"cache", "forget", "--state", state}, 2, "--person"},
		{[]string{"run", "replay", run.RunID, "--team", "No Team"}, 2, "--team"},
	} {
		if code, _, stderr := sluice(t, c.args...); code != c.code || !strings.Contains(stderr, c.says) {
			t.Errorf("%v = %d %s, want %d with %q", c.args, code, stderr, c.code, c.says)
		}
	}
	var forgotten struct{ Forgotten int }
	code, stdout, stderr = sluice(t, "cache", "forget", "--provider", "hunter", "--state", state, "--json")
	if err := json.Unmarshal([]byte(stdout), &forgotten); err != nil || code != 0 || forgotten.Forgotten == 0 {
		t.Errorf("%d %s %s", code, stdout, stderr)
	}
	var warmed replay.Warmed
	code, stdout, stderr = sluice(t, "cache", "warm", run.RunID, "--state", state, "--json")
	if err := json.Unmarshal([]byte(stdout), &warmed); err != nil || code != 0 || warmed.Forgotten == 0 || warmed.There == 0 || warmed.Answers != 0 {
		t.Errorf("%d %+v %s", code, warmed, stderr)
	}
}
