package cli_test

import (
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/practice"
)

// Without --buy a list is read, its price told, and nothing is spent; what needs
// no verifier has its verdict already.
func TestAListHasAPriceBeforeItIsVerified(t *testing.T) {
	state := t.TempDir()
	w, err := practice.Open(t.Context(), practice.Options{Seed: 11, Generous: true, StateDir: filepath.Join(state, "world")})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "list.csv")
	text := "Name,E-Mail,Note\nAnn,info@gmail.com,=1+1\nBob,bob@,\nCat,,nobody\nDan,Bob@ ,x\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := sluice(t, "email", "verify", file, "--state", state, "--json")
	var got struct {
		Lines, Repeated, Free int
		ForTheProvider        int
		Out                   string
	}
	if err := json.Unmarshal([]byte(stdout), &got); code != 0 || err != nil {
		t.Fatalf("%d %v %s%s", code, err, stdout, stderr)
	}
	if got.Lines != 3 || got.Repeated != 1 || got.Free != 2 || got.ForTheProvider != 0 {
		t.Errorf("%+v", got)
	}
	data, err := os.ReadFile(got.Out)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(strings.NewReader(string(data))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for i := range lines {
		lines[i] = lines[i][:4] // without confidence and reasons
	}
	want := [][]string{
		{"Name", "E-Mail", "Note", "email_status"},
		{"Ann", "info@gmail.com", "'=1+1", "risky"},
		{"Bob", "bob@", "", "invalid"},
		{"Cat", "", "nobody", ""},
		{"Dan", "Bob@ ", "x", "invalid"},
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
	for _, bad := range [][]string{{"--column", "Phone"}, {"--team", "Über"}} {
		if code, _, stderr := sluice(t, append([]string{"email", "verify", file, "--state", state}, bad...)...); code != 2 || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%v = %d: %s", bad, code, stderr)
		}
	}
}
