package stepfunctions_test

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/localaws/meter"
	"github.com/messageai/sluice/internal/localaws/stepfunctions"
)

// spread is a machine with one distributed map over X.
func spread(more, processor string) string {
	return machineOf(`"A":{"Type":"Map","Label":"kid",` + more + `"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"X","States":{"X":` + processor + `}},"End":true}`)
}

func TestItemReaders(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ object, reader, more, want string }{
		"JSON":      {`[1, {"a": 2}]`, `"InputType":"JSON"`, "", `[1,{"a":2}]`},
		"JSONL":     {"{\"a\": 1}\n\n[2]\n", `"InputType":"JSONL"`, "", `[{"a":1},[2]]`},
		"max items": {"1\n2\n3", `"InputType":"JSONL","MaxItems":"{% 2 %}"`, "", `[1,2]`},
		"CSV":       {"\ufeffa,b\n1,\"x, y\"\n2\n", `"InputType":"CSV"`, "", `[{"a":"1","b":"x, y"},{"a":"2","b":""}]`},
		"CSV given": {"1|2\n", `"InputType":"CSV","CSVHeaderLocation":"GIVEN","CSVHeaders":["p","q"],"CSVDelimiter":"PIPE"`, "", `[{"p":"1","q":"2"}]`},
		"selector": {
			"1\n2", `"InputType":"JSONL"`, `"ItemSelector":{"i":"{% $states.context.Map.Item.Index %}","s":"{% $states.context.Map.Item.Source %}"},`,
			`[{"i":0,"s":"S3://b/k"},{"i":1,"s":"S3://b/k"}]`,
		},
		"batches": {
			"1\n2\n3", `"InputType":"JSONL"`, `"ItemBatcher":{"MaxItemsPerBatch":2,"BatchInput":{"z":"{% 1+1 %}"}},`,
			`[{"BatchInput":{"z":2},"Items":[1,2]},{"BatchInput":{"z":2},"Items":[3]}]`,
		},
		"batches by size": {"\"aaaaa\"\n\"bbbbb\"\n\"c\"", `"InputType":"JSONL"`, `"ItemBatcher":{"MaxInputBytesPerBatch":30},`, `[{"Items":["aaaaa","bbbbb"]},{"Items":["c"]}]`},
		"empty":           {"", `"InputType":"JSONL"`, "", `[]`},
		"not JSON":        {"{", `"InputType":"JSONL"`, "", `States.ItemReaderFailed: item 1 of the object is not valid JSON`},
		"not an array":    {`{"a":1}`, `"InputType":"JSON"`, "", `States.ItemReaderFailed: the object is not a JSON array`},
		"no object":       {"-", `"InputType":"JSON"`, "", `States.ItemReaderFailed: The specified key does not exist. (Service: S3, Status Code: 404, Error Code: NoSuchKey)`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			if c.object != "-" {
				w.objects["b/k"] = []byte(c.object)
			}
			d, _ := run(t, w, spread(c.more+`"ItemReader":{"Resource":"arn:aws:states:::s3:getObject","ReaderConfig":{`+c.reader+`},"Arguments":{"Bucket":"b","Key":"{% 'k' %}"}},`, `{"Type":"Succeed"}`), `{}`)
			got := d.Output
			if d.Status != "SUCCEEDED" {
				got = d.Error + ": " + d.Cause
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Whoever asks about an execution at the moment at which its map begins waits
// for nobody who waits for him.
func TestAskedWhileItsMapBegins(t *testing.T) {
	t.Parallel()
	s := newWorld().start(t, stepfunctions.Options{})
	defer closeService(t, s)
	arn, err := createMachine(t, s, "machine", spread("", `{"Type":"Succeed"}`))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 300 {
		x := start(t, s, arn, fmt.Sprint(i), `[1]`)
		for describe(t, s, x).Status == "RUNNING" {
			runtime.Gosched()
		}
	}
}

// The whole campaign: listing over several pages, results in S3, transitions
// as billed, and no more children at once than allowed.
func TestCampaign(t *testing.T) {
	t.Parallel()
	const chunks = 1100
	synctest.Test(t, func(t *testing.T) {
		w, input := newCampaign(t, chunks, 20)
		var m meter.Meter
		s := w.start(t, stepfunctions.Options{Meter: &m, KeepHistories: 5})
		defer closeService(t, s)
		atOnce := 0
		w.answer = func(s *stepfunctions.Service, queue, body string) {
			if queue != "enrich" {
				succeed(t, s, tokenOf(body), `{}`)
				return
			}
			w.mu.Lock()
			atOnce++
			if atOnce > 20 {
				t.Errorf("%d children at once", atOnce)
			}
			w.mu.Unlock()
			time.Sleep(time.Hour)
			w.mu.Lock()
			atOnce--
			w.mu.Unlock()
			succeed(t, s, tokenOf(body), `{}`)
		}
		arn, err := createMachine(t, s, "campaign", campaign)
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		x := start(t, s, arn, "r1", input)
		time.Sleep(90 * time.Minute)
		var runs struct{ MapRuns []struct{ MapRunArn string } }
		if err := do(t, s, "ListMapRuns", map[string]any{"executionArn": x}, &runs); err != nil || len(runs.MapRuns) != 1 {
			t.Fatalf("%v %v", runs, err)
		}
		counts := func() (c struct {
			Status          string
			ExecutionCounts map[string]int
		},
		) {
			if err := do(t, s, "DescribeMapRun", map[string]any{"mapRunArn": runs.MapRuns[0].MapRunArn}, &c); err != nil {
				t.Fatal(err)
			}
			return c
		}
		if c := counts(); c.Status != "RUNNING" || c.ExecutionCounts["succeeded"] != 20 || c.ExecutionCounts["running"] != 20 || c.ExecutionCounts["pending"] != chunks-40 {
			t.Errorf("after 90 minutes: %+v", c)
		}
		for describe(t, s, x).Status == "RUNNING" {
			time.Sleep(time.Minute)
		}
		d := describe(t, s, x)
		if d.Status != "SUCCEEDED" || d.Output != `{"done":true}` {
			t.Fatalf("%+v", d)
		}
		if took := time.Since(begun).Round(time.Hour); took != chunks/20*time.Hour {
			t.Errorf("took %s", took)
		}
		// Plan, Chunks, Finalize; a start and seven states per child.
		if got, want := m.Read().Count(meter.StateTransitions), float64(3+8*chunks); got != want {
			t.Errorf("%v transitions, want %v", got, want)
		}
		folder := "runs/r1/results/" + runs.MapRuns[0].MapRunArn[strings.LastIndexByte(runs.MapRuns[0].MapRunArn, ':')+1:]
		rows := strings.Split(strings.TrimSpace(string(w.objects["b/"+folder+"/SUCCEEDED_0.jsonl"])), "\n")
		if len(rows) != chunks || rows[7] != `[{"ok":1}]` && rows[7] != `[{}]` {
			t.Errorf("%d rows, one is %s", len(rows), rows[7])
		}
		manifest := fmt.Sprintf(`{"DestinationBucket":"b","MapRunArn":%q,"ResultFiles":{"FAILED":[],"PENDING":[],"SUCCEEDED":[{"Key":%q,"Size":%d}]}}`,
			runs.MapRuns[0].MapRunArn, folder+"/SUCCEEDED_0.jsonl", len(w.objects["b/"+folder+"/SUCCEEDED_0.jsonl"]))
		if diff := cmp.Diff(manifest, string(w.objects["b/"+folder+"/manifest.json"])); diff != "" {
			t.Errorf("manifest (-want +got):\n%s", diff)
		}
		kept := 0
		var list struct {
			Executions []struct{ ExecutionArn, Status string }
		}
		if err := do(t, s, "ListExecutions", map[string]any{"mapRunArn": runs.MapRuns[0].MapRunArn, "maxResults": 1000}, &list); err != nil {
			t.Fatal(err)
		}
		for _, e := range list.Executions {
			if len(history(t, s, e.ExecutionArn)) > 0 {
				kept++
			}
		}
		if len(list.Executions) != 1000 || kept > 5 {
			t.Errorf("%d children listed, %d histories kept", len(list.Executions), kept)
		}
		w.consumer.Wait()
	})
}

func TestToleratedFailures(t *testing.T) {
	t.Parallel()
	for more, want := range map[string]string{
		``:                                 `States.ExceedToleratedFailureThreshold`,
		`"ToleratedFailureCount":1,`:       `States.ExceedToleratedFailureThreshold`,
		`"ToleratedFailureCount":2,`:       `["ok","ok","ok"]`,
		`"ToleratedFailurePercentage":40,`: `["ok","ok","ok"]`,
		`"ToleratedFailurePercentage":39,`: `States.ExceedToleratedFailureThreshold`,
	} {
		w := newWorld()
		w.functions = func(_ string, payload json.RawMessage) (stepfunctions.LambdaResult, error) {
			if string(payload) == "1" || string(payload) == "3" {
				return stepfunctions.LambdaResult{FunctionError: "Unhandled", Payload: json.RawMessage(`{}`)}, nil
			}
			return stepfunctions.LambdaResult{Payload: json.RawMessage(`"ok"`)}, nil
		}
		d, events := run(t, w, spread(more+`"Items":"{% [0..4] %}",`, `{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Arguments":{"FunctionName":"f","Payload":"{% $states.input %}"},"Output":"{% $states.result.Payload %}","End":true}`), `{}`)
		if got := d.Error + d.Output; got != want {
			t.Errorf("%s: got %s, want %s", more, got, want)
		}
		if d.Error != "" && (events[len(events)-3]["type"] != "MapRunFailed" || events[len(events)-2]["type"] != "MapStateFailed") {
			t.Errorf("%s: events end with %v", more, events[len(events)-3:])
		}
	}
}

func TestResultWriters(t *testing.T) {
	t.Parallel()
	for config, want := range map[string]string{
		`"Transformation":"COMPACT","OutputType":"JSON"`:  `[[1,2],[3]]`,
		`"Transformation":"FLATTEN","OutputType":"JSON"`:  `[1,2,3]`,
		`"Transformation":"FLATTEN","OutputType":"JSONL"`: "1\n2\n3\n",
	} {
		w := newWorld()
		d, _ := run(t, w, spread(`"Items":[[1,2],[3]],"ResultWriter":{"Resource":"arn:aws:states:::s3:putObject","Arguments":{"Bucket":"b","Prefix":"p/"},"WriterConfig":{`+config+`}},`, `{"Type":"Succeed"}`), `{}`)
		var out struct {
			ResultWriterDetails struct{ Bucket, Key string }
		}
		if err := json.Unmarshal([]byte(d.Output), &out); err != nil || out.ResultWriterDetails.Bucket != "b" || w.objects["b/"+out.ResultWriterDetails.Key] == nil {
			t.Fatalf("%+v, %v", d, err)
		}
		for key, body := range w.objects {
			if strings.Contains(key, "SUCCEEDED_0") && string(body) != want {
				t.Errorf("%s: %s has %q, want %q", config, key, body, want)
			}
		}
		if len(w.objects) != 2 {
			t.Errorf("%s: %d objects", config, len(w.objects))
		}
	}
	w := newWorld()
	if _, _ = run(t, w, spread(`"Items":[5],"ResultWriter":{"Resource":"arn:aws:states:::s3:putObject","Arguments":{"Bucket":"b","Prefix":"p"}},`, `{"Type":"Succeed"}`), `{}`); len(w.objects) != 2 {
		t.Errorf("%d objects", len(w.objects))
	}
	for key, body := range w.objects {
		var rows []struct{ Input, Output, Status string }
		if strings.Contains(key, "SUCCEEDED_0") && (json.Unmarshal(body, &rows) != nil || len(rows) != 1 || rows[0].Input != "5" || rows[0].Output != "5" || rows[0].Status != "SUCCEEDED") {
			t.Errorf("full results %s", body)
		}
	}
}

// What failed and what was not begun is written too, in files of their own
// (developer guide, "ResultWriter (Map)"), also when the run fails for it.
func TestResultsOfFailures(t *testing.T) {
	t.Parallel()
	for more, want := range map[string]map[string][]string{
		`"ToleratedFailureCount":1,`: {"SUCCEEDED": {"1", "3", "4"}, "FAILED": {"2"}},
		``:                           {"SUCCEEDED": {"1"}, "FAILED": {"2"}, "PENDING": {"3", "4"}},
	} {
		w := newWorld()
		w.functions = func(_ string, payload json.RawMessage) (stepfunctions.LambdaResult, error) {
			if string(payload) == "2" {
				return stepfunctions.LambdaResult{FunctionError: "Unhandled", Payload: json.RawMessage(`{"errorType":"Broken"}`)}, nil
			}
			return stepfunctions.LambdaResult{Payload: payload}, nil
		}
		d, _ := run(t, w, spread(more+`"MaxConcurrency":1,"Items":[1,2,3,4],"ResultWriter":{"Resource":"arn:aws:states:::s3:putObject","Arguments":{"Bucket":"b","Prefix":"p"}},`,
			`{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Arguments":{"FunctionName":"f","Payload":"{% $states.input %}"},"Output":"{% $states.result.Payload %}","End":true}`), `{}`)
		if failed := d.Error == "States.ExceedToleratedFailureThreshold"; failed != (more == "") {
			t.Errorf("%s: %+v", more, d)
		}
		got := map[string][]string{}
		manifests := 0
		for key, body := range w.objects {
			if strings.HasSuffix(key, "/manifest.json") {
				manifests++
				continue
			}
			var rows []struct{ Input, Output, Status, Error, Cause, ExecutionArn, Name, StartDate, StopDate string }
			if err := json.Unmarshal(body, &rows); err != nil {
				t.Fatalf("%s: %v", key, err)
			}
			for _, r := range rows {
				got[r.Status] = append(got[r.Status], r.Input)
				begun := r.ExecutionArn != "" && r.Name != "" && r.StartDate != "" && r.StopDate != ""
				if !strings.Contains(key, "/"+r.Status+"_0.json") || begun != (r.Status != "PENDING") || (r.Error == "Broken") != (r.Status == "FAILED") || (r.Output != "") != (r.Status == "SUCCEEDED") {
					t.Errorf("%s has %+v", key, r)
				}
			}
		}
		if diff := cmp.Diff(want, got); diff != "" || manifests != 1 {
			t.Errorf("%s: %d manifests, rows (-want +got):\n%s", more, manifests, diff)
		}
	}
}
