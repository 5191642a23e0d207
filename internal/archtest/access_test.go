package archtest_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/messageai/sluice/internal/localaws/iam"
	"github.com/messageai/sluice/internal/localaws/template"
)

// anyResource lists the actions for which IAM knows no resource, with the
// reason why the template needs them.
var anyResource = map[string]string{
	"logs:CreateLogDelivery":        "Step Functions sets up log delivery with its own role; these actions have no resource",
	"logs:GetLogDelivery":           "as above",
	"logs:UpdateLogDelivery":        "as above",
	"logs:DeleteLogDelivery":        "as above",
	"logs:ListLogDeliveries":        "as above",
	"logs:PutResourcePolicy":        "as above",
	"logs:DescribeResourcePolicies": "as above",
	"logs:DescribeLogGroups":        "as above",
}

// statements returns the statements that the template itself writes for a
// resource with a role, as they are written.
func (s stack) statements(t *testing.T, id string) []map[string]any {
	t.Helper()
	var out []map[string]any
	policies, _ := s.resources[id].Properties["Policies"].([]any)
	for _, p := range policies {
		document, ok := p.(map[string]any)
		if !ok || document["Statement"] == nil {
			t.Errorf("%s: policy %v is not written out; least privilege is seen in statements only", id, p)
			continue
		}
		list, _ := document["Statement"].([]any)
		for _, e := range list {
			if statement, ok := e.(map[string]any); ok {
				out = append(out, statement)
			}
		}
	}
	return out
}

func list(v any) []any {
	if many, ok := v.([]any); ok {
		return many
	}
	return []any{v}
}

func TestRolesAllowNoMoreThanTheyName(t *testing.T) {
	t.Parallel()
	s := deployment(t)
	for _, id := range slices.Concat(s.ofType("AWS::Serverless::Function"), s.ofType("AWS::Serverless::StateMachine")) {
		statements := s.statements(t, id)
		if len(statements) == 0 {
			t.Errorf("%s has no statement of its own", id)
		}
		for _, statement := range statements {
			everywhere := slices.Contains(list(statement["Resource"]), any("*"))
			for _, a := range list(statement["Action"]) {
				action, _ := a.(string)
				if strings.Contains(action, "*") {
					t.Errorf("%s allows %s; name the actions", id, action)
				}
				if everywhere && anyResource[action] == "" {
					t.Errorf("%s allows %s on every resource; name it, or say in anyResource why not", id, action)
				}
			}
		}
	}
}

// Every ARN that a role names is one that the template creates, and of the
// service that the action belongs to.
func TestRolesNameExistingResources(t *testing.T) {
	t.Parallel()
	s := deployment(t)
	known := s.arns()
	for _, role := range s.Roles {
		for _, statement := range role.Statements {
			for _, arn := range statement.Resources {
				if arn == "*" {
					continue // TestRolesAllowNoMoreThanTheyName, or what SAM adds
				}
				if !slices.ContainsFunc(known, func(pattern string) bool {
					return pattern == arn || strings.HasSuffix(pattern, "/") && strings.HasPrefix(arn, pattern)
				}) {
					t.Errorf("%s names %s, which the template does not create", role.Name, arn)
				}
				service := strings.SplitN(arn, ":", 4)[2]
				for _, action := range statement.Actions {
					if of, _, _ := strings.Cut(action, ":"); of != service {
						t.Errorf("%s allows %s on %s, which is of another service", role.Name, action, arn)
					}
				}
			}
		}
	}
}

// arns returns the ARN of everything, and prefixes of what is inside buckets
// and machines.
func (s stack) arns() []string {
	var all []string
	for _, x := range s.Tables {
		all = append(all, x.ARN)
	}
	for _, x := range s.Queues {
		all = append(all, x.ARN)
	}
	for _, x := range s.Secrets {
		all = append(all, x.ARN)
	}
	if len(s.Secrets) > 0 { // those of teams are made while the stack lives
		before, _, _ := strings.Cut(s.Secrets[0].ARN, "/providers/")
		all = append(all, before+"/teams/")
	}
	for _, x := range s.Keys {
		all = append(all, x.ARN)
	}
	for _, x := range s.Functions {
		all = append(all, x.ARN)
	}
	for _, x := range s.Buckets {
		all = append(all, "arn:aws:s3:::"+x.Name, "arn:aws:s3:::"+x.Name+"/")
	}
	for _, x := range s.StateMachines {
		// Callbacks of children of a distributed map come from machine/label.
		all = append(all, x.ARN, x.ARN+"/", strings.Replace(x.ARN, ":stateMachine:", ":execution:", 1)+"/")
	}
	return all
}

func allows(role *iam.Principal, action, arn string) bool {
	return slices.ContainsFunc(role.Statements, func(s iam.Statement) bool {
		return s.Effect == "Allow" && slices.Contains(s.Actions, action) && slices.ContainsFunc(s.Resources, func(r string) bool {
			prefix, wild := strings.CutSuffix(r, "*")
			return r == arn || wild && prefix != "" && strings.HasPrefix(arn, prefix)
		})
	})
}

// What the wiring of the template makes happen, the roles allow.
func TestRolesAllowTheWiring(t *testing.T) {
	t.Parallel()
	s := deployment(t)
	functions := map[string]template.Function{}
	for _, f := range s.Functions {
		functions[f.Name] = f
	}
	must := func(id string, role *iam.Principal, arn string, actions ...string) {
		for _, action := range actions {
			if !allows(role, action, arn) {
				t.Errorf("%s needs %s on %s", id, action, arn)
			}
		}
	}
	for _, m := range s.Mappings {
		f := functions[m.Function]
		must(f.LogicalID, f.Role, m.QueueARN, "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
		for _, machine := range s.StateMachines { // it answers the task that waits
			must(f.LogicalID, f.Role, machine.ARN, "states:SendTaskFailure")
		}
		if s.isWork(m.QueueARN) { // a step that must wait sends its message again
			must(f.LogicalID, f.Role, m.QueueARN, "sqs:SendMessage")
			for _, machine := range s.StateMachines {
				must(f.LogicalID, f.Role, machine.ARN, "states:SendTaskSuccess")
			}
		}
	}
	for _, machine := range s.StateMachines {
		for name, value := range machine.Substitutions {
			if i := slices.IndexFunc(s.Functions, func(f template.Function) bool { return f.ARN == value }); i >= 0 {
				must(machine.LogicalID, machine.Role, value, "lambda:InvokeFunction")
				if name != s.Functions[i].LogicalID {
					t.Errorf("%s calls %s by the name ${%s}", machine.LogicalID, s.Functions[i].LogicalID, name)
				}
			}
		}
		for _, q := range s.Queues {
			if s.isWork(q.ARN) {
				must(machine.LogicalID, machine.Role, q.ARN, "sqs:SendMessage")
			}
		}
		// A distributed map starts its children as executions of the same machine.
		must(machine.LogicalID, machine.Role, machine.ARN, "states:StartExecution")
		must(machine.LogicalID, machine.Role, strings.Replace(machine.ARN, ":stateMachine:", ":execution:", 1)+"/x", "states:DescribeExecution", "states:StopExecution")
	}
}

// isWork reports whether a queue is one that work goes through: it has a
// dead-letter queue.
func (s stack) isWork(arn string) bool {
	return slices.ContainsFunc(s.Queues, func(q template.Queue) bool { return q.ARN == arn && q.DeadLetterARN != "" })
}

// Who may read the deployment's key of a provider may read a team's, and no
// other provider's.
func TestRolesReadTeamsKeysOfTheirProviders(t *testing.T) {
	t.Parallel()
	s := deployment(t)
	const read = "secretsmanager:GetSecretValue"
	for _, f := range s.Functions {
		for _, secret := range s.Secrets {
			_, provider, _ := strings.Cut(secret.Name, "/providers/")
			before, _, _ := strings.Cut(secret.ARN, "/providers/")
			shared, own := f.Role.Allows(read, secret.ARN), f.Role.Allows(read, before+"/teams/acme/"+provider+"-AbCdEf")
			if shared != own {
				t.Errorf("%s may read the key of %s: the deployment's %v, a team's %v", f.LogicalID, provider, shared, own)
			}
		}
	}
}
