package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// path are the samples that a run sends one after the other: each finds what
// the earlier ones left.
var path = []string{
	"plan/run", "discover/shard", "score/prescore", "enrich/apollo", "enrich/hunter", "score/score", "convert/chunk", "push-hubspot/chunk", "finalize/run",
	"api/status", "api/prospects", "api/create",
}

// after says how much of the path must have come before a sample that is not
// on it; what is not listed needs nothing.
var after = map[string]int{"score/skipped-enricher": 4, "score/unknown-phase": 2, "finalize/failed-chunk": 2, "finalize/stopped-by-hand": 4, "finalize/reopen": 9}

// alone lists the samples that are not on the path.
func alone() ([]string, error) {
	files, err := filepath.Glob("events/*/*.json")
	if err != nil || len(files) == 0 {
		return nil, errors.New("there are no sample events; run this from the repository's root")
	}
	var out []string
	for _, file := range files {
		name := strings.TrimSuffix(strings.TrimPrefix(filepath.ToSlash(file), "events/"), ".json")
		if !slices.Contains(path, name) {
			out = append(out, name)
		}
	}
	return out, nil
}

// outcome is what a golden file says that can be seen from outside a process.
type outcome struct {
	Answer any      `json:"answer"`
	Error  string   `json:"error"`
	Said   []string `json:"said"`
}

// drawn are ids and times, which differ from run to run.
var drawn = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z`)

func plain(text []byte) []byte {
	return drawn.ReplaceAllFunc(text, func(found []byte) []byte {
		if s := string(found); s == campaignID || s == runID {
			return found
		}
		return []byte("drawn")
	})
}

// check compares an answer with the golden file of its sample.
func check(name string, a answer, said []string) error {
	data, err := os.ReadFile("events/" + name + ".golden")
	if err != nil {
		return err
	}
	var want outcome
	if err := json.Unmarshal(plain(data), &want); err != nil {
		return fmt.Errorf("read golden file: %w", err)
	}
	got := outcome{Said: said}
	if a.failed {
		got.Error = "Unhandled"
		if err := a.checkError(); err != nil {
			return err
		}
	}
	if err := json.Unmarshal(plain(a.payload), &got.Answer); err != nil {
		return fmt.Errorf("the answer is not JSON: %s", a.payload)
	}
	if !reflect.DeepEqual(want, got) {
		return fmt.Errorf("it came out otherwise than its golden file says:\n  want %s\n  got  %s", line(want), line(got))
	}
	return nil
}

func line(o outcome) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(o); err != nil {
		return err.Error()
	}
	return strings.TrimSpace(b.String())
}

func copyTo(w io.Writer, r *http.Response) error {
	_, err := io.Copy(w, r.Body)
	return err
}
