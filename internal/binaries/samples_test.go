package main

import (
	"testing"
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
