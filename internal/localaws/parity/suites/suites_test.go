package suites_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/localaws"
	"github.com/messageai/sluice/internal/localaws/parity"
	lambdacases "github.com/messageai/sluice/internal/localaws/parity/lambda"
	"github.com/messageai/sluice/internal/localaws/parity/suites"
	"github.com/messageai/sluice/internal/localaws/shapes"
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
	checker, err := shapes.NewChecker()
	if err != nil {
		t.Fatal(err)
	}
	for service, cases := range byService {
		t.Run(service, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join("testdata", service+".json")
			size := len(cases)
			if service == "states" || service == "lambda" {
				size = 1 // machines are listed for the whole account, functions share its concurrency, and there is no partner
			}
			got, used := map[string]parity.Observation{}, map[string][]string{}
			for some := range slices.Chunk(cases, size) {
				observe(t, checker, some, got, used)
			}
			if service == "dynamodb" {
				expressions(t, used)
			}
			if *update {
				save(t, path, got)
				return
			}
			want := load[parity.Observation](t, path)
			for _, id := range slices.Sorted(maps.Keys(got)) {
				if diff := cmp.Diff(want[id], got[id]); diff != "" {
					t.Errorf("%s (-kept +now):\n%s", id, diff)
				}
				delete(want, id)
			}
			for id := range want {
				t.Errorf("%s is kept, but there is no such case", id)
			}
		})
	}
}

// expressions keeps what the cases have in expressions, with which the tests of
// package shapes compare the product's.
func expressions(t *testing.T, got map[string][]string) {
	t.Helper()
	for member, parts := range got {
		slices.Sort(parts)
		got[member] = slices.Compact(parts)
	}
	path := filepath.Join("testdata", "expressions.json")
	if *update {
		save(t, path, got)
		return
	}
	if diff := cmp.Diff(load[[]string](t, path), got); diff != "" {
		t.Errorf("expressions (-kept +now):\n%s", diff)
	}
}

// resources is the stack that cases begin with.
func resources(service string) localaws.Options {
	opts := localaws.Options{Dir: fstest.MapFS{}, Template: []byte(empty)}
	if service == "lambda" {
		opts.Template = []byte(lambdacases.Template)
		opts.Functions = map[string]localaws.Factory{"subject": lambdacases.NewSubject().New}
	}
	return opts
}

// observe runs cases one after the other on one stack, in simulated time, as
// compare does on a partner. Every answer that they get must have the shape
// that AWS publishes. used gets what they have in expressions.
func observe(t *testing.T, checker *shapes.Checker, cases []parity.Case, got map[string]parity.Observation, used map[string][]string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		stack, err := localaws.New(t.Context(), resources(cases[0].Service))
		if err != nil {
			t.Fatal(err)
		}
		stack.Start()
		defer func() {
			if err := stack.Close(); err != nil {
				t.Error(err)
			}
		}()
		for n, c := range cases {
			if _, twice := got[c.ID()]; twice {
				t.Errorf("two cases are called %s", c.ID())
			}
			got[c.ID()] = one(t, stack, checker, fmt.Sprintf("case%03d", n), c, used)
		}
	})
}

func one(t *testing.T, stack *localaws.Stack, checker *shapes.Checker, prefix string, c parity.Case, used map[string][]string) parity.Observation {
	t.Helper()
	recorder := shapes.NewRecorder(checker)
	cfg, err := stack.Config("")
	if err != nil {
		t.Fatal(err)
	}
	cfg.RetryMaxAttempts, cfg.HTTPClient = 1, recorder.Wrap(cfg.HTTPClient)
	o := parity.Observe(t.Context(), cfg, prefix, c)
	if o.Broken != "" || o.Missing != "" {
		t.Errorf("%s cannot be carried out: %s%s", c.ID(), o.Missing, o.Broken)
	}
	for _, complaint := range recorder.Complaints() {
		t.Errorf("%s: %s", c.ID(), complaint)
	}
	if !called(recorder.Seen(), c) {
		t.Errorf("%s is about %s and does not call it: %v", c.ID(), c.Operation, recorder.Seen())
	}
	for member, parts := range recorder.Expressions() {
		used[member] = append(used[member], parts...)
	}
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

// services are the SDK's ids of services, by the names in cases.
var services = map[string]string{
	"dynamodb": "DynamoDB", "sqs": "SQS", "s3": "S3", "secretsmanager": "Secrets Manager", "kms": "KMS", "scheduler": "Scheduler", "states": "SFN", "lambda": "Lambda",
}

// called reports whether there was an answer of the operation that a case says it
// is about: which operations have cases is read from what they say.
func called(seen map[string]int, c parity.Case) bool {
	for answer := range seen {
		if strings.HasPrefix(answer, services[c.Service]+" "+c.Operation+" ") {
			return true
		}
	}
	return false
}

func load[T any](t *testing.T, path string) map[string]T {
	t.Helper()
	kept := map[string]T{}
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

func save[T any](t *testing.T, path string, got map[string]T) {
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
