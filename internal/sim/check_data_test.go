package sim_test

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/money"
)

// tables is everything that the stack holds, but for what is sealed.
type tables struct {
	core, prospects, ledger, control []item
	objects                          []string // keys in the bucket
}

// item is an item's attributes.
type item map[string]types.AttributeValue

func (it item) text(name string) string {
	if v, ok := it[name].(*types.AttributeValueMemberS); ok {
		return v.Value
	}
	return ""
}

func (it item) number(name string) money.Micro {
	if v, ok := it[name].(*types.AttributeValueMemberN); ok {
		if n, err := strconv.ParseInt(v.Value, 10, 64); err == nil {
			return money.Micro(n)
		}
	}
	return 0
}

func (it item) lead() (l domain.Lead, err error) {
	return l, json.Unmarshal([]byte(it.text("doc")), &l)
}

// readable is whatever of the item is not sealed.
func (it item) readable() string {
	var b strings.Builder
	for _, v := range it {
		if s, ok := v.(*types.AttributeValueMemberS); ok {
			b.WriteString(s.Value)
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// book is the spend item of a run or month, nil if there is none.
func (t tables) book(pk string) item {
	for _, it := range t.ledger {
		if it.text("pk") == pk && it.text("sk") == "SPEND" {
			return it
		}
	}
	return nil
}

// scan reads all tables and lists the bucket.
func (w *world) scan(ctx context.Context) (t tables, err error) {
	cfg, err := w.Stack.Config("")
	if err != nil {
		return t, err
	}
	db := dynamodb.NewFromConfig(cfg)
	for name, into := range map[string]*[]item{"CoreTable": &t.core, "ProspectsTable": &t.prospects, "LedgerTable": &t.ledger, "ControlTable": &t.control} {
		table := w.Stack.Output(name)
		pages := dynamodb.NewScanPaginator(db, &dynamodb.ScanInput{TableName: &table, ConsistentRead: aws.Bool(true)})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return t, fmt.Errorf("scan %s: %w", table, err)
			}
			for _, it := range page.Items {
				*into = append(*into, it)
			}
		}
	}
	bucket := w.Stack.Output("RunsBucket")
	pages := s3.NewListObjectsV2Paginator(s3.NewFromConfig(cfg), &s3.ListObjectsV2Input{Bucket: &bucket})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return t, fmt.Errorf("list bucket: %w", err)
		}
		for _, o := range page.Contents {
			t.objects = append(t.objects, aws.ToString(o.Key))
		}
	}
	return t, nil
}

// checkTeams checks that no item and no object belongs to two teams or to
// none's run. What is sealed was opened with its team's key before.
func (w *world) checkTeams(ctx context.Context, t tables) {
	owner := map[string]string{} // by what gives a team away
	for _, team := range teams {
		owner[team.name] = team.name
	}
	for _, r := range w.runs {
		if r.ref.Run != "" {
			owner[r.ref.Run], owner[r.ref.Campaign] = r.ref.Team, r.ref.Team
		}
	}
	whose := func(text string) (found []string) {
		for trace, team := range owner {
			if strings.Contains(text, trace) && (len(found) == 0 || found[0] != team) {
				found = append(found, team)
			}
		}
		return found
	}
	for _, items := range [][]item{t.core, t.prospects, t.ledger, t.control} {
		for _, it := range items {
			if found := whose(it.readable()); len(found) > 1 {
				w.fail("item %s %s belongs to %v", it.text("pk"), it.text("sk"), found)
			}
		}
	}
	for _, key := range t.objects {
		if found := whose(key); len(found) != 1 {
			w.fail("object %s belongs to %v", key, found)
		}
	}
	for _, r := range w.runs {
		if r.ref.Run == "" {
			continue
		}
		other := 1 - r.Team
		for _, path := range []string{"", "/prospects"} {
			if code, _ := w.call(ctx, other, "GET", campaigns+"/"+r.ref.Campaign+path, "", nil); code != 404 {
				w.fail("%s gets %d for campaign %d of %s", teams[other].name, code, r.number, r.ref.Team)
			}
		}
	}
}

// checkPrivacy looks for people and keys in everything that can be seen: logs,
// problems, messages, histories, and what of the tables is not sealed.
func (w *world) checkPrivacy(ctx context.Context, t tables) {
	seen := map[string]string{"a history": w.histories(ctx)}
	w.mu.Lock()
	seen["a log, a problem or a message"] = w.spoken.String()
	w.mu.Unlock()
	for _, items := range [][]item{t.core, t.prospects, t.ledger, t.control} {
		for _, it := range items {
			seen["a table"] += it.readable()
		}
	}
	people := map[string]bool{}
	market := w.Sandbox.Market()
	for p := range market.People() {
		person := market.Person(p)
		people[strings.ToLower(person.First+" "+person.Last)] = true
	}
	for where, text := range seen {
		for _, trace := range traces {
			for _, found := range trace.FindAllString(text, 3) {
				w.fail("%s shows what matches %s (%d letters)", where, trace, len(found))
			}
		}
		if name := named(text, people); name {
			w.fail("%s shows somebody's name", where)
		}
	}
}

// traces are what identifies people of the market, and the keys. Each begins
// with fixed text, which is found fast.
var traces = []*regexp.Regexp{
	regexp.MustCompile(`@[\w-]+\.(?:example|test)`), regexp.MustCompile(`linkedin\.com/in/[\w-]+`), regexp.MustCompile(`\+\d{8,15}\b`),
	regexp.MustCompile(`sandbox-[a-z]+-key`), regexp.MustCompile(`sk_(?:q7amber|q8birch|practice)`),
}

// named reports whether a text has first and last name of one of the people.
func named(text string, people map[string]bool) bool {
	last := ""
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return !unicode.IsLetter(r) && r != '\'' && r != '-' }) {
		word = strings.ToLower(word)
		if last != "" && people[last+" "+word] {
			return true
		}
		last = word
	}
	return false
}

// histories are the histories of all executions.
func (w *world) histories(ctx context.Context) string {
	cfg, err := w.Stack.Config("")
	if err != nil {
		w.fail("look into the histories: %v", err)
		return ""
	}
	client := sfn.NewFromConfig(cfg)
	var b strings.Builder
	history := func(arn *string) error {
		pages := sfn.NewGetExecutionHistoryPaginator(client, &sfn.GetExecutionHistoryInput{ExecutionArn: arn, MaxResults: 1000})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return err
			}
			for _, e := range page.Events {
				tell(&b, e)
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
		w.fail("look into the histories: %v", err)
	}
	return b.String()
}

// tell writes the texts of an event that a data leak would be in.
func tell(b *strings.Builder, e sfntypes.HistoryEvent) {
	for _, text := range []*string{
		at(e.TaskScheduledEventDetails, func(d *sfntypes.TaskScheduledEventDetails) *string { return d.Parameters }),
		at(e.TaskSucceededEventDetails, func(d *sfntypes.TaskSucceededEventDetails) *string { return d.Output }),
		at(e.TaskFailedEventDetails, func(d *sfntypes.TaskFailedEventDetails) *string { return d.Cause }),
		at(e.StateExitedEventDetails, func(d *sfntypes.StateExitedEventDetails) *string { return d.Output }),
		at(e.ExecutionFailedEventDetails, func(d *sfntypes.ExecutionFailedEventDetails) *string { return d.Cause }),
	} {
		if text != nil {
			b.WriteString(*text)
			b.WriteByte('\n')
		}
	}
}

func at[T any](details *T, text func(*T) *string) *string {
	if details == nil {
		return nil
	}
	return text(details)
}
