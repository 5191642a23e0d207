package jsonata_test

import (
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/localaws/jsonata"
)

// evaluate returns the result, "undefined", or "error: " and the code or text.
func evaluate(t testing.TB, engine *jsonata.Engine, source string, scope jsonata.Scope) string {
	t.Helper()
	x, err := engine.Compile(source)
	var out json.RawMessage
	defined := false
	if err == nil {
		out, defined, err = x.Evaluate(t.Context(), scope)
	}
	switch e, ok := errors.AsType[*jsonata.Error](err); {
	case ok && e.Code != "":
		return "error: " + e.Code
	case err != nil:
		return "error: " + err.Error()
	case !defined:
		return "undefined"
	}
	return string(out)
}

func TestEvaluate(t *testing.T) {
	t.Parallel()
	engine := newEngine(t)
	scope := jsonata.Scope{
		States: map[string]json.RawMessage{
			"input":   json.RawMessage(`{"b":1,"a":[{"z":1,"y":"<é>"}],"n":12345678901,"f":0.1,"one":[7]}`),
			"context": json.RawMessage(`{"Task":{"Token":"T"}}`),
		},
		Variables: map[string]json.RawMessage{"v": json.RawMessage(`[1,2,3]`)},
	}
	for source, want := range map[string]string{
		// key order, numbers and unescaped text survive
		"$states.input":                    `{"b":1,"a":[{"z":1,"y":"<é>"}],"n":12345678901,"f":0.1,"one":[7]}`,
		"$states.input.one":                `[7]`,
		"$states.context.Task.Token & '!'": `"T!"`,
		"$states.result":                   `undefined`,
		"$sum($v)":                         `6`,
		"$v[$ > 1]":                        `[2,3]`,
		"$v[$ > 2]":                        `3`,
		"($x := 1; $x + 1)":                `2`,
		"$x":                               `undefined`,
		"1/0":                              `null`,
		"1/0 + 1":                          `error: D1001`,
		"$parseInteger('x', '0')":          `null`,
		"0" + strings.Repeat("+1", 99):     `99`,
		"0" + strings.Repeat("+1", 100):    `error: U1001`,
		"function($x){$x}":                 `error: the result is a function`,
		"{'a': [$sum]}":                    `error: the result is a function`,
		"$nothing()":                       `error: T1006`,
		"$eval('1')":                       `error: T1006`,
		"1 ?: 2":                           `error: S0211`,
		"$partition($v, 2)":                `[[1,2],[3]]`,
		"$partition($v, 0)":                `error: D3040`,
		"$range(0, 10, 3)":                 `[0,3,6,9]`,
		"$range(1, 9, 9)":                  `1`,
		"$range(3, 1, -1)":                 `[3,2,1]`,
		"$hash('a', 'MD5')":                `"0cc175b9c0f1b6a831c399e269772661"`,
		"$hash('a', 'SHA-1')":              `"86f7e437faa5a7fce15d1ddcb9eaeaea377667b8"`,
		"$length($hash('a', 'SHA-512'))":   `128`,
		"$parse('{\"b\":[1],\"a\":null}')": `{"b":[1],"a":null}`,
		"$parse('{')":                      `error: D3137`,
		"$random(42) = $random(42)":        `true`,
		"$random(42)":                      `0.7275636800328681`,
		"$match($uuid(), /^[0-9a-f-]{36}$/) ~> $count": `1`,
		"$f($f)": `error: T1006`,
		"($f := function($n){1 + $f($n)}; $f(1))": `error: U1001`,
		"$string({'a': 1, 'b': 'x'})":             `"{\"a\":1,\"b\":\"x\"}"`,
		"$base64decode($base64encode('hé'))":      `"hé"`,
	} {
		if got := evaluate(t, engine, source, scope); got != want {
			t.Errorf("%s: got %s, want %s", source, got, want)
		}
	}
}

func TestRootless(t *testing.T) {
	t.Parallel()
	engine := newEngine(t)
	for source, want := range map[string]string{
		"$states.input.a":                         "",
		"$states.input.items[price > 1].name":     "",
		"$states.input.items.{'n': name, 'i': $}": "",
		"$map($states.input.a, function($v){$v})": "",
		"$states.input.a^(<price)":                "",
		"$states.input.a@$x.b[c = $x.d]":          "",
		"$states.input{a: $sum(b)}":               "",
		"$states.input ~> |a|{'b': c}|":           "",
		"name":                                    "name",
		"$":                                       "$",
		"$.a":                                     "$",
		"$$.a":                                    "$$",
		"$states.input[a = $$.b]":                 "$$",
		"{'x': a.b}":                              "a",
		"$sum(prices)":                            "prices",
		"true ? a : 1":                            "a",
	} {
		x, err := engine.Compile(source)
		if err != nil {
			t.Fatalf("%s: %v", source, err)
		}
		if want != "" {
			want = "Reference to '" + want + "' at the top level is not supported."
		}
		got := ""
		if err := x.Rootless(); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("Rootless(%s) = %q, want %q", source, got, want)
		}
	}
}

func TestClockAndRandomAreTheScopes(t *testing.T) {
	t.Parallel()
	engine := newEngine(t)
	scope := jsonata.Scope{
		Now:    func() time.Time { return time.Date(2030, 1, 2, 3, 4, 5, 6e6, time.UTC) },
		Random: func() float64 { return 0.5 },
	}
	got := evaluate(t, engine, "[$now(), $millis(), $random(), $uuid()]", scope)
	want := `["2030-01-02T03:04:05.006Z",1893553445006,0.5,"80808080-8080-4080-8080-808080808080"]`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// An endless loop is stopped, also where time stands still, and neither its
// session nor its interpreter is worse for it.
func TestEndlessLoop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		engine := newEngine(t)
		engine.LimitSteps(10_000)
		loop, err := engine.Compile("($f := function(){$f()}; $f())")
		if err != nil {
			t.Fatal(err)
		}
		one, err := engine.Compile("$a + 0")
		if err != nil {
			t.Fatal(err)
		}
		s := engine.Session(t.Context(), jsonata.Scope{Variables: map[string]json.RawMessage{"a": json.RawMessage("1")}})
		defer s.Close()
		if _, _, err := s.Evaluate(loop); err == nil || err.Error() != "U1001: Expression evaluation timeout: Check for infinite loop" {
			t.Errorf("endless loop: %v", err)
		}
		if got, _, err := s.Evaluate(one); err != nil || string(got) != "1" {
			t.Errorf("after the loop: %s, %v", got, err)
		}
	})
}

// A range costs steps by its length, four numbers each, or a short expression
// could go on for as long as there is time and memory.
func TestRangesAreLimited(t *testing.T) {
	t.Parallel()
	engine := newEngine(t)
	engine.LimitSteps(1000)
	for source, want := range map[string]string{
		"$count([1..3900])":                `3900`,
		"$count([1..4100])":                `error: U1001`,
		"$count($range(1, 3900, 1))":       `3900`,
		"$count($range(1, 4100, 1))":       `error: U1001`,
		"$sum([1..9].([1..100]))":          `45450`,
		"$sum([1..90].([1..100]))":         `error: U1001`,
		"$sum([1..9].($range(1, 900, 1)))": `error: U1001`,
	} {
		if got := evaluate(t, engine, source, jsonata.Scope{}); got != want {
			t.Errorf("%s: got %s, want %s", source, got, want)
		}
	}
}

// What an expression names of $states is what Step Functions checks when a
// machine is created; the same word elsewhere in its text is not meant.
func TestNames(t *testing.T) {
	t.Parallel()
	engine := newEngine(t)
	for source, want := range map[string]string{
		"$states.input.result":                                "input",
		"$states.result.a[b = $states.errorOutput.Error]":     "result errorOutput",
		"$map($states.result, function($r){$r.x})":            "result",
		"'$states.result'":                                    "",
		"/* $states.result */ 1":                              "",
		"$states[0].result":                                   "result",
		"{'a': [$states.`result`]}":                           "result",
		"$lookup($states, 'result')":                          "", // found when it is evaluated
		"$states.input.states.result":                         "input",
		"($states.result; function(){$states.context.State})": "result context",
	} {
		x, err := engine.Compile(source)
		if err != nil {
			t.Fatalf("%s: %v", source, err)
		}
		var got []string
		for _, section := range []string{"input", "result", "errorOutput", "context"} {
			if x.Names(section) {
				got = append(got, section)
			}
		}
		if diff := cmp.Diff(want, strings.Join(got, " ")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", source, diff)
		}
	}
	scope := jsonata.Scope{States: map[string]json.RawMessage{"input": json.RawMessage(`1`), "result": json.RawMessage(`2`)}}
	if got := evaluate(t, engine, "$lookup($states, 'result') + $states.input", scope); got != "3" {
		t.Errorf("all of $states is there if it is used otherwise: got %s", got)
	}
}

func TestConcurrentSessions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		engine := newEngine(t)
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				for range 5 {
					if got := evaluate(t, engine, "$now()", jsonata.Scope{}); got != `"2000-01-01T00:00:00.000Z"` {
						t.Errorf("$now() = %s in a bubble", got)
					}
				}
			})
		}
		wg.Wait()
	})
}

// FuzzPlainPath compares values that are cut out of the scope with what the
// library makes of the same path; parentheses keep it from being a plain one.
func FuzzPlainPath(f *testing.F) {
	for _, value := range []string{
		`{"a":{"b":1}}`, `{"a":{"b":[]}}`, `{"a":{"b":[[1]]}}`, `{"a":{"b":[1]}}`, `{"a":[{"b":1},{"b":2}]}`, `{"a":[{"b":[1]}]}`, `{"a":{"b":null}}`,
		`{"a":{"b":1.0}}`, `{"a":{"b":1e3}}`, `{"a":{"b":-0}}`, `{"a":{"b":12345678901234567890}}`, `{"a":{"b":0.1}}`, `{"a":{"b":" \u00e9\n"}}`,
		`{"a":{"b":{"2":1,"1":2}}}`, `{"a":{"b":{"x":1,"x":2}}}`, `{"a":1,"a":{"b":2}}`, `{ "a" : {"b":1}}`, `{"a":{"b": 1}}`, `{"a":"b"}`, `{"a":{}}`, `[]`, `null`,
		`{"a":{"b":{"__proto__":1}}}`, `{"a":{"b":{"_jsonata_lambda":true}}}`, `{"a":{"b":true,"c":"}"}}`, `{"a":{"b":{"k":"v","l":[1,{"m":false}]}}}`,
	} {
		f.Add(value)
	}
	engine := newEngine(f)
	f.Fuzz(func(t *testing.T, value string) {
		if !json.Valid([]byte(value)) {
			t.Skip()
		}
		scope := jsonata.Scope{
			States:    map[string]json.RawMessage{"input": json.RawMessage(value)},
			Variables: map[string]json.RawMessage{"v": json.RawMessage(value)},
		}
		for _, path := range []string{"$v", "$v.a", "$v.a.b", "$states.input", "$states.input.a.b"} {
			if got, want := evaluate(t, engine, path, scope), evaluate(t, engine, "("+path+")", scope); got != want {
				t.Errorf("%s of %s: got %s, want %s", path, value, got, want)
			}
		}
	})
}

func BenchmarkEvaluate(b *testing.B) {
	engine := newEngine(b)
	scope := jsonata.Scope{States: map[string]json.RawMessage{
		"input":   json.RawMessage(`{"runId":"r-1","shard":{"n":1},"chunkKey":"runs/r-1/chunks/1.jsonl","crms":[{"name":"a","queueUrl":"u"}]}`),
		"context": json.RawMessage(`{"Task":{"Token":"T"}}`),
	}}
	for _, source := range []string{"$states.input", "$states.input.chunkKey", "$string({'token': $states.context.Task.Token, 'runId': $states.input.runId, 'chunkKey': $states.input.chunkKey})"} {
		x, err := engine.Compile(source)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(source[:min(len(source), 20)], func(b *testing.B) {
			for b.Loop() {
				if _, _, err := x.Evaluate(b.Context(), scope); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
