package suites_test

import (
	"encoding/json"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/localaws"
	"github.com/messageai/sluice/internal/localaws/parity"
	"github.com/messageai/sluice/internal/localaws/parity/suites"
)

var update = flag.Bool("update", false, "write what the local stack does to testdata")

// empty is a stack without resources: cases make their own.
const empty = `
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
`

// The local stack behaves as testdata says, which `make parity` compares with
// other implementations.
func TestTheLocalStackBehavesAsKept(t *testing.T) {
	byService := map[string][]parity.Case{}
	for _, c := range suites.Cases() {
		byService[c.Service] = append(byService[c.Service], c)
	}
	for service, cases := range byService {
		t.Run(service, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join("testdata", service+".json")
			want, got := load(t, path), map[string]parity.Observation{}
			for _, c := range cases {
				if _, twice := got[c.ID()]; twice {
					t.Errorf("two cases are called %s", c.ID())
				}
				got[c.ID()] = observe(t, c)
				if o := got[c.ID()]; o.Broken != "" || o.Missing != "" {
					t.Errorf("%s cannot be carried out: %s%s", c.ID(), o.Missing, o.Broken)
				}
			}
			if *update {
				save(t, path, got)
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("behaviour (-kept +now):\n%s", diff)
			}
		})
	}
}

// observe runs a case on a stack of its own, in simulated time.
func observe(t *testing.T, c parity.Case) (o parity.Observation) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		stack, err := localaws.New(t.Context(), localaws.Options{Dir: fstest.MapFS{}, Template: []byte(empty)})
		if err != nil {
			t.Fatal(err)
		}
		stack.Start()
		defer func() {
			if err := stack.Close(); err != nil {
				t.Error(err)
			}
		}()
		cfg, err := stack.Config("")
		if err != nil {
			t.Fatal(err)
		}
		cfg.RetryMaxAttempts = 1
		o = parity.Observe(t.Context(), cfg, "case", c)
	})
	data, err := json.Marshal(o) // as testdata has it
	if err == nil {
		o = parity.Observation{}
		err = json.Unmarshal(data, &o)
	}
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func load(t *testing.T, path string) map[string]parity.Observation {
	t.Helper()
	kept := map[string]parity.Observation{}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return kept
	}
	if err == nil {
		err = json.Unmarshal(data, &kept)
	}
	if err != nil {
		t.Fatal(err)
	}
	return kept
}

func save(t *testing.T, path string, got map[string]parity.Observation) {
	t.Helper()
	data, err := json.MarshalIndent(got, "", " ")
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o755)
	}
	if err == nil {
		err = os.WriteFile(path, append(data, '\n'), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}
