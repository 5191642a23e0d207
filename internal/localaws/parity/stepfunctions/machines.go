package stepfunctions

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/messageai/sluice/internal/localaws/parity"
)

func machines() []parity.Case {
	return []parity.Case{
		on("CreateStateMachine", "again", func(ctx context.Context, b bench) error {
			in := &sfn.CreateStateMachineInput{Name: aws.String(b.Name("m")), Definition: aws.String(echo), RoleArn: aws.String(role)}
			first, err := b.client.CreateStateMachine(ctx, in)
			if err != nil {
				return err
			}
			same, err := b.client.CreateStateMachine(ctx, in)
			b.Failed("the same", err)
			b.Note("the same machine", same != nil && *same.StateMachineArn == *first.StateMachineArn && same.CreationDate.Equal(*first.CreationDate))
			in.RoleArn = aws.String(role + "2")
			_, err = b.client.CreateStateMachine(ctx, in)
			b.Failed("with another role", err)
			kept, err := b.client.DescribeStateMachine(ctx, &sfn.DescribeStateMachineInput{StateMachineArn: first.StateMachineArn})
			if err != nil {
				return err
			}
			b.Note("keeps its role", *kept.RoleArn == role)
			in.Definition = aws.String(pause)
			_, err = b.client.CreateStateMachine(ctx, in)
			b.Failed("with another definition", err)
			return nil
		}),
		on("CreateStateMachine", "refused", func(ctx context.Context, b bench) error {
			for _, name := range []string{"a b", "a<b", "a[b]", "a?b", "a*b", "a\"b", "a#b", "a%b", "a\\b", "a^b", "a|b", "a~b", "a`b", "a$b", "a&b", "a,b", "a;b", "a:b", "a/b", "a\tb"} {
				_, err := b.client.CreateStateMachine(ctx, &sfn.CreateStateMachineInput{Name: &name, Definition: aws.String(echo), RoleArn: aws.String(role)})
				b.Failed("name "+name, err)
			}
			_, err := b.create(ctx, "dots.and=signs@are!fine", echo)
			b.Failed("a name with other signs", err)
			_, err = b.create(ctx, strings.Repeat("n", 81), echo)
			b.Failed("a long name", err)
			_, err = b.client.CreateStateMachine(ctx, &sfn.CreateStateMachineInput{Name: aws.String("m"), Definition: aws.String(echo), RoleArn: aws.String("role")})
			b.Failed("a role that is no ARN", err)
			return nil
		}),
		on("UpdateStateMachine", "while-it-runs", func(ctx context.Context, b bench) error {
			machine, x, err := b.began(ctx, machineOf(`"A":{"Type":"Wait","Seconds":1,"Next":"B"},"B":{"Type":"Pass","Output":"old","End":true}`), `{}`)
			if err != nil {
				return err
			}
			if _, err := b.client.UpdateStateMachine(ctx, &sfn.UpdateStateMachineInput{StateMachineArn: machine, Definition: aws.String(machineOf(`"A":{"Type":"Pass","Output":"new","End":true}`))}); err != nil {
				return err
			}
			out, err := b.ended(ctx, x)
			if err != nil {
				return err
			}
			b.noteEnd(out)
			return nil
		}),
		on("UpdateStateMachine", "refused", func(ctx context.Context, b bench) error {
			machine, err := b.create(ctx, "m", echo)
			if err != nil {
				return err
			}
			update := func(what string, in sfn.UpdateStateMachineInput) {
				_, err := b.client.UpdateStateMachine(ctx, &in)
				b.Failed(what, err)
			}
			update("with nothing", sfn.UpdateStateMachineInput{StateMachineArn: machine})
			update("with a broken definition", sfn.UpdateStateMachineInput{StateMachineArn: machine, Definition: aws.String(machineOf(`"A":{"Type":"Pass"}`))})
			update("of an unknown machine", sfn.UpdateStateMachineInput{StateMachineArn: aws.String(*machine + "x"), Definition: aws.String(echo)})
			return nil
		}),
		on("DescribeStateMachine", "of-all-kinds", func(ctx context.Context, b bench) error {
			machine, err := b.create(ctx, "m", echo)
			if err != nil {
				return err
			}
			out, err := b.client.DescribeStateMachine(ctx, &sfn.DescribeStateMachineInput{StateMachineArn: machine})
			if err != nil {
				return err
			}
			b.Note("machine", []any{*out.Name, out.Status, out.Type, *out.Definition == echo, *out.RoleArn == role})
			for _, arn := range []string{*machine + "x", "m", strings.Replace(*machine, ":stateMachine:", ":execution:", 1)} {
				_, err := b.client.DescribeStateMachine(ctx, &sfn.DescribeStateMachineInput{StateMachineArn: &arn})
				b.Failed("of "+arn[strings.LastIndexByte(arn, '-')+1:], err)
			}
			return nil
		}),
		on("DeleteStateMachine", "with-executions", func(ctx context.Context, b bench) error {
			machine, x, err := b.began(ctx, pause, `{}`)
			if err != nil {
				return err
			}
			remove := func(what string) {
				_, err := b.client.DeleteStateMachine(ctx, &sfn.DeleteStateMachineInput{StateMachineArn: machine})
				b.Failed(what, err)
			}
			remove("once")
			out, err := b.ended(ctx, x)
			if err != nil {
				return err
			}
			b.Note("its execution", out.Status)
			remove("again")
			_, err = b.client.DescribeStateMachine(ctx, &sfn.DescribeStateMachineInput{StateMachineArn: machine})
			b.Failed("describe it", err)
			_, err = b.start(ctx, machine, "two", `{}`)
			b.Failed("start it", err)
			return nil
		}),
		on("ListStateMachines", "pages", func(ctx context.Context, b bench) error {
			for _, name := range []string{"b", "a", "c"} {
				if _, err := b.create(ctx, name, echo); err != nil {
					return err
				}
			}
			var sizes []int
			var names []string
			pages := sfn.NewListStateMachinesPaginator(b.client, &sfn.ListStateMachinesInput{MaxResults: 2})
			for pages.HasMorePages() {
				page, err := pages.NextPage(ctx)
				if err != nil {
					return err
				}
				sizes = append(sizes, len(page.StateMachines))
				for _, m := range page.StateMachines {
					names = append(names, *m.Name)
				}
			}
			slices.Sort(names)
			b.Note("pages", sizes)
			b.Note("machines", names)
			_, err := b.client.ListStateMachines(ctx, &sfn.ListStateMachinesInput{MaxResults: 1001})
			b.Failed("1001 at once", err)
			_, err = b.client.ListStateMachines(ctx, &sfn.ListStateMachinesInput{NextToken: aws.String("nothing")})
			b.Failed("a made-up token", err)
			return nil
		}),
	}
}

// refusedDefinitions notes what the service says of definitions: the codes and
// places, not the texts.
func refusedDefinitions() []parity.Case {
	const next = `"Next":"B"},"B":{"Type":"Succeed"}`
	parallel := func(fields, assign string) string {
		return machineOf(`"A":{"Type":"Parallel","Branches":[{"StartAt":"X","States":{"X":{"Type":"Pass",` + assign + `"End":true}}}],` + fields + next)
	}
	mapped := func(fields, processor string) string {
		return machineOf(`"A":{"Type":"Map",` + fields + `"ItemProcessor":{` + processor + `"StartAt":"X","States":{"X":{"Type":"Pass","End":true}}},` + next)
	}
	task := func(fields string) string {
		return machineOf(`"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke",` + fields + next)
	}
	function := `"Arguments":{"FunctionName":"f"},`
	pass := func(fields string) string { return machineOf(`"A":{"Type":"Pass",` + fields + next) }
	groups := []struct {
		name  string
		cases [][2]string
	}{
		{"targets", [][2]string{
			{"fine", pass("")},
			{"not JSON", "{"},
			{"an unknown Next", machineOf(`"A":{"Type":"Pass","Next":"B"}`)},
			{"an unreachable state", machineOf(`"A":{"Type":"Succeed"},"B":{"Type":"Succeed"}`)},
			{"no StartAt", `{"QueryLanguage":"JSONata","States":{"A":{"Type":"Succeed"}}}`},
			{"no end", machineOf(`"A":{"Type":"Pass","Next":"B"},"B":{"Type":"Pass","Next":"A"}`)},
			{"no Next and no End", machineOf(`"A":{"Type":"Pass"}`)},
			{"a Next out of a branch", machineOf(`"A":{"Type":"Parallel","Branches":[{"StartAt":"X","States":{"X":{"Type":"Pass","Next":"B"},"Y":{"Type":"Succeed"}}}],` + next)},
			{"two states of one name", machineOf(`"A":{"Type":"Parallel","Branches":[{"StartAt":"B","States":{"B":{"Type":"Succeed"}}}],` + next)},
		}},
		{"fields", [][2]string{
			{"of JSONPath", pass(`"InputPath":"$.a",`)},
			{"a state in JSONPath", pass(`"QueryLanguage":"JSONPath",`)},
			{"unknown", pass(`"Foo":1,`)},
			{"Assign on Succeed", machineOf(`"A":{"Type":"Succeed","Assign":{"a":1}}`)},
			{"TimeoutSeconds on Map", mapped(`"TimeoutSeconds":1,`, "")},
			{"TimeoutSeconds on Parallel", parallel(`"TimeoutSeconds":1,`, "")},
			{"Retry on Pass", pass(`"Retry":[{"ErrorEquals":["States.ALL"]}],`)},
			{"QueryLanguage on ItemProcessor", mapped("", `"QueryLanguage":"JSONata",`)},
			{"a reader without mode", mapped(`"ItemReader":{},`, "")},
			{"an unknown type", machineOf(`"A":{"Type":"Task2","End":true}`)},
			{"no Choices", machineOf(`"A":{"Type":"Choice","Choices":[],"Default":"B"},"B":{"Type":"Succeed"}`)},
			{"both Seconds and Timestamp", machineOf(`"A":{"Type":"Wait","Seconds":1,"Timestamp":"2030-01-01T00:00:00Z",` + next)},
		}},
		{"expressions", [][2]string{
			{"syntax", pass(`"Output":"{% 1 + %}",`)},
			{"an operator of 2.1", pass(`"Output":"{% $states.input.a ?? 1 %}",`)},
			{"a root", pass(`"Output":{"a":["{% name %}"]},`)},
			{"$$", pass(`"Output":"{% $$.a %}",`)},
			{"not closed", pass(`"Output":"{% 1",`)},
			{"not opened", pass(`"Output":"1 %}",`)},
			{"spaces around", pass(`"Output":" {% 1 %} ",`)},
			{"a result before it is there", task(`"Arguments":{"FunctionName":"{% $states.result %}"},`)},
			{"a result of a Pass", pass(`"Output":"{% $states.result %}",`)},
			{"a result", task(function + `"Output":"{% $states.result %}","Assign":{"a":"{% $states.result %}"},`)},
			{"an error without Catch", task(function + `"Output":"{% $states.errorOutput %}",`)},
			{"an error in Catch", task(function + `"Catch":[{"ErrorEquals":["States.ALL"],"Output":"{% $states.errorOutput %}","Next":"B"}],`)},
		}},
		{"variables", [][2]string{
			{"of a reserved name", pass(`"Assign":{"states":1},`)},
			{"beginning with a digit", pass(`"Assign":{"1a":1},`)},
			{"of 81 letters", pass(`"Assign":{"` + strings.Repeat("v", 81) + `":1},`)},
			{"that a branch assigns, too", parallel(`"Assign":{"v":1},`, `"Assign":{"v":2},`)},
			{"that a branch and a Catch assign", parallel(`"Catch":[{"ErrorEquals":["States.ALL"],"Assign":{"v":1},"Next":"B"}],`, `"Assign":{"v":2},`)},
			{"not an object", pass(`"Assign":"{% {} %}",`)},
		}},
		{"numbers", [][2]string{
			{"Seconds -1", machineOf(`"A":{"Type":"Wait","Seconds":-1,` + next)},
			{"Seconds 1.5", machineOf(`"A":{"Type":"Wait","Seconds":1.5,` + next)},
			{"Seconds of a year and more", machineOf(`"A":{"Type":"Wait","Seconds":100000000,` + next)},
			{"a Timestamp without offset", machineOf(`"A":{"Type":"Wait","Timestamp":"2030-01-01T00:00:00",` + next)},
			{"TimeoutSeconds 0", task(function + `"TimeoutSeconds":0,`)},
			{"HeartbeatSeconds not below TimeoutSeconds", task(function + `"TimeoutSeconds":5,"HeartbeatSeconds":5,`)},
			{"ToleratedFailurePercentage 101", mapped(`"ToleratedFailurePercentage":101,`, `"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},`)},
			{"MaxConcurrency -1", mapped(`"MaxConcurrency":-1,`, "")},
			{"IntervalSeconds 0.5", task(function + `"Retry":[{"ErrorEquals":["E"],"IntervalSeconds":0.5}],`)},
			{"BackoffRate 0.5", task(function + `"Retry":[{"ErrorEquals":["E"],"BackoffRate":0.5}],`)},
			{"MaxDelaySeconds 0", task(function + `"Retry":[{"ErrorEquals":["E"],"MaxDelaySeconds":0}],`)},
			{"MaxAttempts -1", task(function + `"Retry":[{"ErrorEquals":["E"],"MaxAttempts":-1}],`)},
			{"JitterStrategy HALF", task(function + `"Retry":[{"ErrorEquals":["E"],"JitterStrategy":"HALF"}],`)},
			{"States.ALL before another", task(function + `"Retry":[{"ErrorEquals":["States.ALL"]},{"ErrorEquals":["E"]}],`)},
			{"States.ALL beside another", task(function + `"Retry":[{"ErrorEquals":["States.ALL","E"]}],`)},
		}},
		{"arguments", [][2]string{
			{"none", task("")}, {"without function", task(`"Arguments":{"Payload":1},`)}, {"unknown", task(`"Arguments":{"FunctionName":"f","Foo":1},`)}, {"evaluated", task(`"Arguments":"{% {'FunctionName': 'f'} %}",`)},
		}},
	}
	var all []parity.Case
	for _, g := range groups {
		all = append(all, on("ValidateStateMachineDefinition", g.name, func(ctx context.Context, b bench) error {
			for i, c := range g.cases {
				out, err := b.client.ValidateStateMachineDefinition(ctx, &sfn.ValidateStateMachineDefinitionInput{Definition: &c[1]})
				if err != nil {
					return err
				}
				found := []string{}
				for _, d := range out.Diagnostics {
					found = append(found, aws.ToString(d.Code)+" at "+aws.ToString(d.Location))
				}
				slices.Sort(found)
				b.Note(c[0], []any{out.Result, found})
				_, err = b.create(ctx, string(rune('a'+i)), c[1])
				if (err == nil) != (out.Result == types.ValidateStateMachineDefinitionResultCodeOk) {
					b.Failed(c[0]+": created all the same", err)
				}
			}
			return nil
		}))
	}
	return all
}
