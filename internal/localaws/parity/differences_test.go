package parity_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/localaws/parity"
)

func seen(notes ...parity.Note) parity.Observation { return parity.Observation{Notes: notes} }

// Every place that differs is named, so that a decision about one forgives no
// other.
func TestPlaces(t *testing.T) {
	t.Parallel()
	item := func(v, w any) map[string]any {
		return map[string]any{"Items": []any{map[string]any{"v": v}, map[string]any{"v": "b", "w": w}}, "Count": 2.0}
	}
	query := func(v, w any) parity.Note { return parity.Note{What: "query", Value: item(v, w)} }
	put := func(value any) parity.Note { return parity.Note{What: "put", Value: value} }
	broken := seen(put("no error"))
	broken.Broken = "InternalError (500)"
	for name, c := range map[string]struct {
		local, partner parity.Observation
		want           []string
	}{
		"same":                    {seen(put("x"), query("a", 1.0)), seen(put("x"), query("a", 1.0)), nil},
		"one member":              {seen(put("x"), query("a", 1.0)), seen(put("x"), query("z", 1.0)), []string{"query.Items[0].v"}},
		"two members":             {seen(query("a", 1.0)), seen(query("z", 2.0)), []string{"query.Items[0].v", "query.Items[1].w"}},
		"a member less":           {seen(query("a", 1.0)), seen(parity.Note{What: "query", Value: map[string]any{"Count": 2.0}}), []string{"query.Items"}},
		"lists of other length":   {seen(put([]any{1.0})), seen(put([]any{1.0, 2.0})), []string{"put"}},
		"failed":                  {seen(put("no error"), query("a", 1.0)), seen(put("no error"), parity.Note{What: "query", Value: "Other (400)"}), []string{"query"}},
		"the second of a name":    {seen(put("x"), put("x")), seen(put("x"), put("y")), []string{"put#2"}},
		"a note more":             {seen(put("x")), seen(put("x"), query("a", 1.0)), []string{"query"}},
		"a note less":             {seen(put("x"), query("a", 1.0)), seen(put("x")), []string{"query"}},
		"not all after the first": {seen(put("x"), put("x"), query("a", 1.0)), seen(query("a", 1.0)), []string{"put", "put#2"}},
		"other notes":             {seen(put("x")), seen(query("a", 1.0)), []string{"put", "query"}},
		"broken":                  {seen(put("no error"), query("a", 1.0)), broken, []string{"broken after put"}},
		"broken and different":    {seen(put("x"), query("a", 1.0)), broken, []string{"broken after put", "put"}},
	} {
		verdict, places, detail := parity.Compare(c.local, c.partner)
		if diff := cmp.Diff(c.want, places); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if same := verdict == parity.Same; same != (c.want == nil) || same != (detail == "") {
			t.Errorf("%s: got %s, %q", name, verdict, detail)
		}
	}
	verdict, places, _ := parity.Compare(seen(put("x")), parity.Observation{Missing: "Put"})
	if diff := cmp.Diff([]string{"lacks Put"}, places); diff != "" || verdict != parity.NotComparable {
		t.Errorf("a partner without the operation: got %s\n%s", verdict, diff)
	}
}

func TestDecisionsThatAreIncomplete(t *testing.T) {
	t.Parallel()
	got, err := parity.Differences("| case | partner | places | decision |\n|---|---|---|---|\n| `sqs/SendMessage/x` | moto | `send`, `get.Body` | the reference |\n")
	want := []parity.Difference{{Case: "sqs/SendMessage/x", Partner: "moto", Places: []string{"get.Body", "send"}, Decision: "the reference"}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	got, err = parity.Differences("| `sqs/SendMessage/x`, `sqs/SendMessage/y` | moto | `lacks SendMessage` | its source |\n")
	want = []parity.Difference{
		{Case: "sqs/SendMessage/x", Partner: "moto", Places: []string{"lacks SendMessage"}, Decision: "its source"},
		{Case: "sqs/SendMessage/y", Partner: "moto", Places: []string{"lacks SendMessage"}, Decision: "its source"},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	for _, row := range []string{
		"| `sqs/SendMessage/x` | moto | the reference |", "| `sqs/SendMessage/x` | moto | all of it | the reference |",
		"| `sqs/SendMessage/x` |  | `send` | the reference |", "| `sqs/SendMessage/x` | moto | `send` | |",
		"| `sqs/SendMessage/x`, `y` | moto | `send` | the reference |",
		"| `sqs/SendMessage/x` | moto | `send` | one |\n| `sqs/SendMessage/x` | moto | `get` | two |",
	} {
		if got, err := parity.Differences(row); err == nil {
			t.Errorf("%s: got %v, want an error", row, got)
		}
	}
}
