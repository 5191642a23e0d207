package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/cli"
)

// asChild makes the test binary behave as the sluice command, so that a test
// can kill a real process.
const asChild = "SLUICE_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(asChild) != "" {
		os.Exit(cli.Run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// sluice runs the command in this process.
func sluice(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errOut bytes.Buffer
	code = cli.Run(t.Context(), args, strings.NewReader(""), &out, &errOut)
	return code, out.String(), errOut.String()
}

// outcome is the part of the demo's JSON that the seed alone decides.
type outcome struct {
	Rows  map[string]any `json:"rows"`
	Spend struct {
		CapMicroUSD     int64            `json:"capMicroUsd"`
		SettledMicroUSD int64            `json:"settledMicroUsd"`
		ByProvider      map[string]int64 `json:"byProvider"`
	} `json:"spend"`
	CRM   map[string]map[string]int `json:"crm"`
	Truth map[string]float64        `json:"truth"`
}

func demo(t *testing.T, args ...string) outcome {
	t.Helper()
	code, stdout, stderr := sluice(t, append([]string{"demo", "--json"}, args...)...)
	if code != 0 {
		t.Fatalf("demo ended with %d: %s", code, stderr)
	}
	if stderr != "" {
		t.Errorf("demo --json wrote to standard error off a terminal: %s", stderr)
	}
	dec := json.NewDecoder(strings.NewReader(stdout))
	var o outcome
	if err := dec.Decode(&o); err != nil {
		t.Fatalf("demo --json: %v: %s", err, stdout)
	}
	if dec.More() {
		t.Errorf("demo --json printed more than one object: %s", stdout)
	}
	return o
}

func TestAKilledDemoIsResumedWithoutLoss(t *testing.T) {
	size := []string{"--prospects", "120", "--seed", "11", "--latency", "30ms"}
	want := demo(t, append(size, "--state", t.TempDir())...)
	if want.Rows["balanced"] != true || want.CRM["hubspot"]["created"] == 0 {
		t.Fatalf("the uninterrupted demo: %+v", want)
	}

	state := t.TempDir()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), exe, append([]string{"demo", "--json", "--state", state}, size...)...) //nolint:gosec // this very test binary
	child.Env = append(os.Environ(), asChild+"=1")
	var printed bytes.Buffer
	child.Stdout = &printed
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	waitForBills(t, filepath.Join(state, "world", "providers.jsonl"))
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := child.Wait(); err == nil || printed.Len() > 0 {
		t.Fatalf("the demo was over before it could be killed: %s", printed.String())
	}

	for flag, value := range map[string]string{"--prospects": "300", "--seed": "12", "--latency": "1s"} {
		code, _, stderr := sluice(t, "demo", "--resume", "--state", state, flag, value)
		if code != 2 || !strings.Contains(stderr, flag) || !strings.Contains(stderr, "leave it out") {
			t.Errorf("--resume with another %s = %d: %s", flag, code, stderr)
		}
	}
	got := demo(t, "--resume", "--state", state, "--seed", "11", "--cap", "500") // the same, and a cap that holds from now on
	if got.Spend.CapMicroUSD != 500_000_000 {
		t.Errorf("the cap after --resume --cap 500 is %d micro-dollars", got.Spend.CapMicroUSD)
	}
	if code, _, stderr := sluice(t, "demo", "--resume", "--state", state, "--cap", "600"); code != 6 || !strings.Contains(stderr, "has ended") {
		t.Errorf("a cap for a run that has ended = %d: %s", code, stderr)
	}
	// Answers that were out when their worker died are not bought again, so up
	// to eight rows of each of the two chunks, each with a worker of its own,
	// may end without what they would have told; none is lost.
	const out = 2 * 8
	for _, field := range []string{"in", "balanced", "duplicate", "failed", "held"} {
		if got.Rows[field] != want.Rows[field] {
			t.Errorf("rows.%s = %v after a kill, %v without", field, got.Rows[field], want.Rows[field])
		}
	}
	if q, w := got.Rows["qualified"].(float64), want.Rows["qualified"].(float64); q > w || q < w-out {
		t.Errorf("qualified = %v after a kill, %v without: more than the %d lost answers explain", q, w, out)
	}
	crm := got.CRM["hubspot"]
	if n := int(got.Rows["qualified"].(float64)); crm["created"] != n || crm["verified"] != n || crm["missing"]+crm["duplicates"] != 0 {
		t.Errorf("push after a kill = %v, want %d created and verified", crm, n)
	}
	// Nothing is paid twice; a lost answer counts as paid even if it would have
	// been a free miss.
	const apolloCredit = 20_000
	if extra := got.Spend.SettledMicroUSD - want.Spend.SettledMicroUSD; extra > out*apolloCredit {
		t.Errorf("the killed run settled %d micro-dollars more than the uninterrupted one", extra)
	}
}

// waitForBills returns when the providers have charged some of what the run
// will cost: it is then in the middle of enrichment.
func waitForBills(t *testing.T, journal string) {
	t.Helper()
	const some = 25
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for {
		data, err := os.ReadFile(journal)
		if err == nil && bytes.Count(data, []byte(`"sandbox.apollo"`)) > some {
			return
		}
		select {
		case <-t.Context().Done():
			t.Fatal("the demo never got to enrichment")
		case <-ticker.C:
		}
	}
}

func TestUsersAreToldWhatToDo(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	icp := write("icp.json", `{"name":"x","demographics":{"jobTitles":["CTO"]}}`)
	broken := write("broken.json", `{"name":`)
	empty := write("empty.csv", "")
	binary := write("binary.csv", "\x00\x01\x02\x03PNG\x00\x00")
	useless := write("useless.csv", "colour,shape\nred,round\n")
	good := write("good.csv", "name,email\nDana Okafor,dana@acme.example\n")
	out := filepath.Join(dir, "leads.csv")
	for _, c := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"unknown command", []string{"frobnicate"}, 2, "sluice --help"},
		{"unknown flag", []string{"demo", "--colour"}, 2, "sluice --help"},
		{"cap 0", []string{"demo", "--cap", "0", "--state", t.TempDir()}, 2, "cap is zero"},
		{"cap nonsense", []string{"demo", "--cap", "lots", "--state", t.TempDir()}, 2, "want dollars"},
		{"no prospects", []string{"demo", "--prospects", "0", "--state", t.TempDir()}, 2, "--prospects"},
		{"nothing to resume", []string{"demo", "--resume", "--state", t.TempDir()}, 5, "sluice demo"},
		{"no ICP file", []string{"run", "--icp", filepath.Join(dir, "none.json"), "--input", good, "--out", out}, 2, "--icp"},
		{"broken ICP", []string{"run", "--icp", broken, "--input", good, "--out", out}, 2, "not valid JSON"},
		{"empty list", []string{"run", "--icp", icp, "--input", empty, "--out", out}, 2, "empty"},
		{"not a CSV", []string{"run", "--icp", icp, "--input", binary, "--out", out}, 2, "CSV"},
		{"no usable column", []string{"run", "--icp", icp, "--input", useless, "--out", out}, 2, "colour"},
		{"unknown map field", []string{"run", "--icp", icp, "--input", good, "--out", out, "--map", "shoe=email"}, 2, "shoe"},
		{"open to others", []string{"dev", "--listen", "0.0.0.0:8787"}, 2, "loopback"},
		{"unknown receipt", []string{"lead", "why", "p_none", "--state", t.TempDir()}, 5, "sluice demo"},
	} {
		code, stdout, stderr := sluice(t, c.args...)
		if code != c.code || !strings.Contains(stderr, c.says) || stdout != "" {
			t.Errorf("%s = %d, want %d and a message with %q; got %q on standard error and %q on standard output", c.name, code, c.code, c.says, stderr, stdout)
		}
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("a refused run left an output file")
	}
}

func TestAListIsScoredAndExplained(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	list := "\ufeffFull Name;Job Title;Work Email;Company;Industry;Employees;Country\r\n" +
		"\"Okafor, Dana\";CTO;dana.okafor@acme.example;Acme;Software;240;United States\r\n" +
		"Dana Okafor;CTO;DANA.OKAFOR@acme.example;Acme Inc.;Software;240;USA\r\n" +
		"Luis Prat;Florist;luis@blooms.example;Blooms;Retail;4;Spain\r\n" +
		";;;;;;\r\n"
	if err := os.WriteFile(path("people.csv"), []byte(list), 0o600); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := sluice(t, "run", "--icp", "sample-icp.json", "--input", path("people.csv"), "--out", path("leads.csv"), "--json")
	if code != 0 {
		t.Fatalf("run ended with %d: %s", code, stderr)
	}
	var result struct {
		Rows  map[string]any    `json:"rows"`
		Files map[string]string `json:"files"`
	}
	if err := json.Unmarshal([]byte(stdout), &result); err != nil {
		t.Fatal(err)
	}
	if result.Files["leads"] != path("leads.csv") || result.Files["receipts"] != path("leads.receipts.jsonl.gz") || len(result.Files) != 6 {
		t.Errorf("files = %v, want six, their names in lower case", result.Files)
	}
	want := map[string]any{
		"in": 4.0, "qualified": 1.0, "review": 0.0, "rejected": 1.0, "duplicate": 1.0, "suppressed": 0.0, "failed": 1.0, "held": 0.0, "balanced": true,
	}
	if diff := cmp.Diff(want, result.Rows); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	leads, err := os.ReadFile(path("leads.csv"))
	if err != nil {
		t.Fatal(err)
	}
	header, rest, _ := strings.Cut(strings.TrimPrefix(string(leads), "\ufeff"), "\n")
	at := -1
	for i, name := range strings.Split(strings.TrimSpace(header), ";") {
		if name == "sluice_id" {
			at = i
		}
	}
	if at < 0 {
		t.Fatalf("no sluice_id column in %q", header)
	}
	row, _, _ := strings.Cut(rest, "\n")
	cells := strings.Split(strings.Replace(row, "\"Okafor, Dana\"", "x", 1), ";")
	code, stdout, stderr = sluice(t, "lead", "why", strings.TrimSpace(cells[at]), "--receipts", path("leads.receipts.jsonl.gz"))
	if code != 0 || !strings.Contains(stdout, "title") || !strings.Contains(stdout, "Recomputed from this receipt") {
		t.Errorf("lead why = %d: %s%s", code, stdout, stderr)
	}
}
