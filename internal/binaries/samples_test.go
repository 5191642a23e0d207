package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const cause = `{"working_directory":"/","exceptions":[{"type":"InvalidInput","message":"m","stack":[]}],"paths":[]}`

// What would be wrong with a deployed function must not pass.
func TestCheck(t *testing.T) {
	t.Chdir("../..")
	const refusal = `{"errorMessage":"the input is not what this function takes; see events/ for samples","errorType":"InvalidInput"}`
	const rejected = `{"batchItemFailures":[{"itemIdentifier":"1f8b8a0c-6f6e-5b53-9b8a-0c9a3a1d2e00"}]}`
	for name, c := range map[string]struct {
		sample string
		answer answer
		said   []string
		ok     bool
	}{
		"error":           {"plan/wrong-type", answer{payload: []byte(refusal), failed: true, cause: cause}, nil, true},
		"not marked":      {"plan/wrong-type", answer{payload: []byte(refusal)}, nil, false},
		"no type":         {"plan/wrong-type", answer{payload: []byte(`{"errorMessage":"x"}`), failed: true, cause: cause}, nil, false},
		"no message":      {"plan/wrong-type", answer{payload: []byte(`{"errorType":"InvalidInput"}`), failed: true, cause: cause}, nil, false},
		"other type":      {"plan/wrong-type", answer{payload: []byte(`{"errorMessage":"the input is not what this function takes; see events/ for samples","errorType":"E"}`), failed: true, cause: `{"exceptions":[{"type":"E"}]}`}, nil, false},
		"no cause":        {"plan/wrong-type", answer{payload: []byte(refusal), failed: true}, nil, false},
		"no JSON":         {"enrich/not-a-task", answer{payload: []byte(`oh`)}, nil, false},
		"answer":          {"enrich/not-a-task", answer{payload: []byte(rejected)}, nil, true},
		"other answer":    {"enrich/not-a-task", answer{payload: []byte(`{"batchItemFailures":null}`)}, nil, false},
		"said too much":   {"enrich/not-a-task", answer{payload: []byte(rejected)}, []string{"states SendTaskSuccess"}, false},
		"said too little": {"discover/unknown-source", answer{payload: []byte(`{"batchItemFailures":null}`)}, nil, false},
		"said enough":     {"discover/unknown-source", answer{payload: []byte(`{"batchItemFailures":null}`)}, []string{"states SendTaskFailure"}, true},
	} {
		if err := check(c.sample, c.answer, c.said); (err == nil) != c.ok {
			t.Errorf("%s: got error %v, want none: %t", name, err, c.ok)
		}
	}
}

// The golden files were made by the tests of app: samples must find here what
// they found there.
func TestSamplesComeAfterTheSame(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "../app/events_test.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	literals := map[string]*ast.CompositeLit{}
	ast.Inspect(file, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok && len(v.Values) == 1 {
			if lit, ok := v.Values[0].(*ast.CompositeLit); ok {
				literals[v.Names[0].Name] = lit
			}
		}
		return true
	})
	if literals["path"] == nil || literals["after"] == nil {
		t.Fatal("internal/app/events_test.go has no path and after")
	}
	text := func(e ast.Expr) string {
		lit, ok := e.(*ast.BasicLit)
		if !ok {
			t.Fatalf("%T is not a literal", e)
		}
		if s, err := strconv.Unquote(lit.Value); err == nil {
			return s
		}
		return lit.Value
	}
	var there []string
	for _, e := range literals["path"].Elts {
		there = append(there, text(e))
	}
	if diff := cmp.Diff(there, path); diff != "" {
		t.Errorf("the path of app and of this command (-app +here):\n%s", diff)
	}
	late := map[string]int{}
	for _, e := range literals["after"].Elts {
		pair := e.(*ast.KeyValueExpr)
		if late[text(pair.Key)], err = strconv.Atoi(text(pair.Value)); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(late, after); diff != "" {
		t.Errorf("what comes before a sample in app and in this command (-app +here):\n%s", diff)
	}
}
