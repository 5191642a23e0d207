package journal_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/localaws/journal"
)

func open(t *testing.T, path string) *journal.Journal {
	t.Helper()
	j, err := journal.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func past(t *testing.T, j *journal.Journal, service string) []string {
	t.Helper()
	records := []string{}
	for _, raw := range j.Past(service) {
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			t.Fatal(err)
		}
		records = append(records, s)
	}
	return records
}

func add(t *testing.T, j *journal.Journal, service string, records ...string) {
	t.Helper()
	for _, r := range records {
		if err := j.Append(service, r); err != nil {
			t.Fatal(err)
		}
	}
}

func TestARestartFindsWhatWasAppended(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	j := open(t, path)
	if got := past(t, j, "sqs"); len(got) != 0 {
		t.Errorf("a new journal remembers %v", got)
	}
	add(t, j, "sqs", "a", "line\nbreak", "c")
	add(t, j, "dynamodb", "x")
	if got := past(t, j, "sqs"); len(got) != 0 {
		t.Errorf("this process's own records are past: %v", got)
	}
	// Not closed: the process is killed.
	j = open(t, path)
	if diff := cmp.Diff([]string{"a", "line\nbreak", "c"}, past(t, j, "sqs")); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	if got := past(t, j, "sqs"); len(got) != 0 {
		t.Errorf("records are given out twice: %v", got)
	}
	add(t, j, "sqs", "d")
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open(t, path)
	if diff := cmp.Diff([]string{"a", "line\nbreak", "c", "d"}, past(t, j, "sqs")); diff != "" {
		t.Errorf("records after a second restart (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"x"}, past(t, j, "dynamodb")); diff != "" {
		t.Errorf("records of another service (-want +got):\n%s", diff)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

// Wherever a kill tears the last line, the others are kept and the file can be
// appended to.
func TestATornLastLineIsAnUnansweredRequest(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	j := open(t, path)
	add(t, j, "s", "first", "second")
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	end := strings.IndexByte(string(whole), '\n') + 1
	for cut := end; cut < len(whole); cut++ {
		if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		j := open(t, path)
		if diff := cmp.Diff([]string{"first"}, past(t, j, "s")); diff != "" {
			t.Fatalf("torn at byte %d: records (-want +got):\n%s", cut, diff)
		}
		add(t, j, "s", "third")
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		j = open(t, path)
		if diff := cmp.Diff([]string{"first", "third"}, past(t, j, "s")); diff != "" {
			t.Fatalf("torn at byte %d: records afterwards (-want +got):\n%s", cut, diff)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDamageBeforeTheEndIsAnError(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	good := `{"s":"a","r":1}` + "\n"
	if err := os.WriteFile(path, []byte(good+"{torn\n"+good), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := journal.Open(path)
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("byte %d", len(good))) {
		t.Errorf("opening a damaged journal = %v, want an error that says where", err)
	}
	if _, err := journal.Open(filepath.Join(t.TempDir(), "none", "journal.jsonl")); err == nil {
		t.Error("a journal in a folder that does not exist was opened")
	}
}

func TestManyAppendAtOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	j := open(t, path)
	var wg sync.WaitGroup
	for n := range 20 {
		wg.Go(func() {
			for i := range 20 {
				if err := j.Append(fmt.Sprint("service", n), i); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open(t, path)
	for n := range 20 {
		records := j.Past(fmt.Sprint("service", n))
		for i, raw := range records {
			if string(raw) != fmt.Sprint(i) {
				t.Fatalf("service %d: record %d is %s", n, i, raw)
			}
		}
		if len(records) != 20 {
			t.Errorf("service %d has %d records", n, len(records))
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

// A service must not acknowledge what it could not write, then or later.
func TestAFailedWriteIsToldToEverybody(t *testing.T) {
	t.Parallel()
	j := open(t, filepath.Join(t.TempDir(), "journal.jsonl"))
	if err := j.Append("s", func() {}); err == nil {
		t.Error("a record that is no JSON was appended")
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := j.Append("s", "late"); err == nil {
			t.Error("appended to a closed file")
		}
	}
}

func TestNoJournalRemembersNothing(t *testing.T) {
	t.Parallel()
	var j *journal.Journal
	if err := j.Append("s", 1); err != nil || j.Past("s") != nil || j.Close() != nil {
		t.Errorf("the nil journal: %v", err)
	}
}
