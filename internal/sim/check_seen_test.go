package sim_test

import (
	"context"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
)

// checkSeen looks for people and keys in everything that can be seen: logs,
// problems, messages, histories, and what of the tables and objects is not
// sealed.
func (w *world) checkSeen(ctx context.Context, t tables) {
	seen := map[string]string{"a history": w.histories(ctx)}
	w.mu.Lock()
	seen["a log, a problem or a message"] = w.spoken.String()
	w.mu.Unlock()
	var b strings.Builder
	for _, it := range t.all() {
		it.readable(&b)
	}
	seen["a table"] = b.String()
	b.Reset()
	for key, body := range t.objects {
		b.WriteString(key + "\n")
		if unsealedObject(key) {
			b.Write(body)
		}
	}
	seen["an object's key, the plan or a result"] = b.String()
	market := w.Sandbox.Market()
	people := map[string][]string{}
	for p := range market.People() {
		person := market.Person(p)
		first := strings.ToLower(person.First)
		people[first] = append(people[first], strings.ToLower(person.Last))
	}
	for where, text := range seen {
		for _, trace := range append(traces, keys) {
			for _, found := range trace.FindAllString(text, 3) {
				w.fail(thatNothingLeaks, "%s shows what matches %s (%d letters)", where, trace, len(found))
			}
		}
		if named(text, people) {
			w.fail(thatNothingLeaks, "%s shows somebody's name", where)
		}
	}
}

// traces are what identifies people of the market, keys the secrets. Each begins
// with fixed text, which is found fast.
var (
	traces = []*regexp.Regexp{regexp.MustCompile(`@[\w-]+\.(?:example|test)`), regexp.MustCompile(`linkedin\.com/in/[\w-]+`), regexp.MustCompile(`\+\d{8,15}\b`)}
	keys   = regexp.MustCompile(`sandbox-[a-z]+-key|sk_(?:q7amber|q8birch|practice)`)
)

// named reports whether a text has first and last name of one of the people, who
// are last names by first name, in small letters.
func named(text string, people map[string][]string) bool {
	var lasts []string // of who has the first name that stands before
	for word := range strings.FieldsFuncSeq(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && r != '\'' && r != '-' }) {
		if slices.Contains(lasts, word) {
			return true
		}
		lasts = people[word]
	}
	return false
}

// histories are the histories of all executions.
func (w *world) histories(ctx context.Context) string {
	cfg, err := w.Stack.Config("")
	if err != nil {
		w.fail(thatItWorks, "look into the histories: %v", err)
		return ""
	}
	client := sfn.NewFromConfig(cfg)
	var b strings.Builder
	out := json.NewEncoder(&b)
	history := func(arn *string) error {
		pages := sfn.NewGetExecutionHistoryPaginator(client, &sfn.GetExecutionHistoryInput{ExecutionArn: arn, MaxResults: 1000})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return err
			}
			if err := out.Encode(page.Events); err != nil {
				return err
			}
		}
		return nil
	}
	list := func(in *sfn.ListExecutionsInput) (arns []*string, err error) {
		pages := sfn.NewListExecutionsPaginator(client, in)
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, err
			}
			for _, x := range page.Executions {
				arns = append(arns, x.ExecutionArn)
			}
		}
		return arns, nil
	}
	machine := w.Stack.Output("StateMachine")
	parents, err := list(&sfn.ListExecutionsInput{StateMachineArn: &machine})
	started := 0
	for _, r := range w.runs {
		if r.ref.Run != "" {
			started += 1 + r.again
		}
	}
	if err == nil && len(parents) != started {
		w.fail(thatRequestsHappenOnce, "%d attempts were started, there are %d executions", started, len(parents))
	}
	for _, parent := range parents {
		if err == nil {
			err = history(parent)
		}
		if err != nil {
			break
		}
		maps, merr := client.ListMapRuns(ctx, &sfn.ListMapRunsInput{ExecutionArn: parent})
		if err = merr; err != nil {
			break
		}
		for _, m := range maps.MapRuns {
			children, lerr := list(&sfn.ListExecutionsInput{MapRunArn: m.MapRunArn})
			if err = lerr; err != nil {
				break
			}
			for _, child := range children {
				if err = history(child); err != nil {
					break
				}
			}
		}
	}
	if err != nil {
		w.fail(thatItWorks, "look into the histories: %v", err)
	}
	return b.String()
}
