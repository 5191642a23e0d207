package parity

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Comparison compares cases on a partner with what the local stack did.
type Comparison struct {
	Partner string     // as the decisions name it
	Config  aws.Config // of the partner
	// Of has the services and operations to compare: "sqs" or
	// "dynamodb/TransactWriteItems".
	Of      []string
	Cases   []Case
	Kept    map[string]Observation // what the local stack did, by case
	Decided []Difference           // about any partner
}

// Tally counts verdicts.
type Tally map[Verdict]int

// Run runs the cases one after the other. What is wrong are places that differ
// and are not decided, a case that is not comparable among them, decided places
// that do not differ, and names in Of that no case has.
func (c Comparison) Run(ctx context.Context) (operations map[string]Tally, wrong []string) {
	open := map[string][]string{} // places decided, by case
	for _, d := range c.Decided {
		if d.Partner == c.Partner && slices.ContainsFunc(c.Of, within(d.Case)) {
			open[d.Case] = d.Places
		}
	}
	for _, name := range c.Of {
		if !slices.ContainsFunc(c.Cases, func(k Case) bool { return within(k.ID())(name) }) {
			wrong = append(wrong, name+": no case is about it")
		}
	}
	operations = map[string]Tally{}
	for n, k := range c.Cases {
		id := k.ID()
		if !slices.ContainsFunc(c.Of, within(id)) {
			continue
		}
		prefix := fmt.Sprintf("p%d-%d", time.Now().UnixMilli()%1e9, n)
		verdict, places, detail := Compare(c.Kept[id], observe(ctx, c.Config, prefix, k))
		op := k.Service + " " + k.Operation
		if operations[op] == nil {
			operations[op] = Tally{}
		}
		operations[op][verdict]++
		// What is decided is forgiven, neither more nor less.
		if !slices.Equal(places, open[id]) {
			wrong = append(wrong, fmt.Sprintf("%s\n\tdiffers at  %q\n\tdecided are %q\n\t%s", id, places, open[id], detail))
		}
		delete(open, id)
	}
	for _, id := range slices.Sorted(maps.Keys(open)) {
		wrong = append(wrong, id+": a decision is about a case that there is not")
	}
	return operations, wrong
}

// within reports whether a case belongs to a service or an operation.
func within(id string) func(name string) bool {
	return func(name string) bool { return strings.HasPrefix(id, name+"/") }
}

// observe gives a partner the time that a case with visibility time-outs needs.
func observe(ctx context.Context, cfg aws.Config, prefix string, c Case) Observation {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	data, err := json.Marshal(Observe(ctx, cfg, prefix, c)) // as it is kept
	var o Observation
	if err == nil {
		err = json.Unmarshal(data, &o)
	}
	if err != nil {
		return Observation{Broken: err.Error()}
	}
	return o
}
