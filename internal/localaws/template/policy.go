package template

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/messageai/sluice/internal/localaws/iam"
)

// managedPolicies are the AWS managed policies that SAM attaches by itself or
// that a template may name, as far as this stack's services go (AWS managed
// policy reference, November 2026).
var managedPolicies = map[string][]string{
	"AWSLambdaBasicExecutionRole":    {"logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"},
	"AWSLambdaSQSQueueExecutionRole": {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"},
	"AWSXRayDaemonWriteAccess":       {"xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules", "xray:GetSamplingTargets", "xray:GetSamplingStatisticSummaries"},
}

func managed(name string) ([]iam.Statement, bool) {
	actions, ok := managedPolicies[name[strings.LastIndexByte(name, '/')+1:]]
	return []iam.Statement{{Effect: "Allow", Actions: actions, Resources: []string{"*"}}}, ok
}

// samPolicies are SAM's policy templates: the parameter, what of it is the
// resource, and the actions (policy_templates.json of the SAM translator 1.103).
var samPolicies = map[string]struct {
	parameter string
	resource  func(Options, string) string
	actions   []string
}{
	"SQSPollerPolicy": {"QueueName", arn("sqs", "%s"), []string{
		"sqs:ChangeMessageVisibility", "sqs:ChangeMessageVisibilityBatch", "sqs:DeleteMessage",
		"sqs:DeleteMessageBatch", "sqs:GetQueueAttributes", "sqs:ReceiveMessage",
	}},
	"SQSSendMessagePolicy":                  {"QueueName", arn("sqs", "%s"), []string{"sqs:SendMessage*"}},
	"AWSSecretsManagerGetSecretValuePolicy": {"SecretArn", same, []string{"secretsmanager:GetSecretValue"}},
	"StepFunctionsExecutionPolicy":          {"StateMachineName", arn("states", "stateMachine:%s"), []string{"states:StartExecution"}},
	"StepFunctionsCallbackPolicy":           {"StateMachineName", arn("states", "stateMachine:%s"), []string{"states:SendTaskFailure", "states:SendTaskSuccess", "states:SendTaskHeartbeat"}},
	"LambdaInvokePolicy":                    {"FunctionName", func(o Options, name string) string { return arn("lambda", "function:%s*")(o, name) }, []string{"lambda:InvokeFunction"}},
}

// samPolicyList reads SAM's Policies property: names, documents and policy
// templates, alone or in a list.
func (p *properties) samPolicyList() []iam.Statement {
	var out []iam.Statement
	for i, v := range p.list("Policies") {
		path := p.path + ".Policies[" + strconv.Itoa(i) + "]"
		switch v := v.(type) {
		case string:
			statements, ok := managed(v)
			if !ok {
				p.r.fail(path, "managed policy %q is not known here; write its statements", v)
			}
			out = append(out, statements...)
		case map[string]any:
			if _, ok := v["Statement"]; ok {
				out = append(out, p.r.document(path, v)...)
				continue
			}
			out = append(out, p.r.samPolicy(path, v)...)
		default:
			p.r.fail(path, "a policy is a name, a document or a policy template, not %s", describe(v))
		}
	}
	return out
}

func (r *resolver) samPolicy(path string, v map[string]any) []iam.Statement {
	names := slices.Sorted(maps.Keys(v))
	if len(names) == 1 && samPolicies[names[0]].resource != nil {
		name := names[0]
		policy := samPolicies[name]
		args := r.read(path, v).object(name)
		value := args.required(policy.parameter)
		args.done()
		return []iam.Statement{{Effect: "Allow", Actions: policy.actions, Resources: []string{policy.resource(r.opts, value)}}}
	}
	r.fail(path, "%q is not one known policy template", names)
	return nil
}

// document reads an identity policy. Conditions are refused, because nothing
// here would evaluate them.
func (r *resolver) document(path string, v map[string]any) []iam.Statement {
	doc := r.read(path, v)
	doc.ignore("Version", "Id")
	var out []iam.Statement
	for _, s := range doc.objects("Statement") {
		s.ignore("Sid")
		statement := iam.Statement{
			Effect:    s.oneOf("Effect", "Allow", "Deny"),
			Actions:   s.texts("Action"),
			Resources: s.texts("Resource"),
		}
		if s.has("Condition") {
			s.ignore("Condition")
			s.fail("Condition", "conditions of an identity policy are not evaluated here and would be ignored silently")
		}
		if len(statement.Actions) == 0 || len(statement.Resources) == 0 {
			s.fail("", "a statement needs Action and Resource")
		}
		for _, a := range statement.Actions {
			if service, _, ok := strings.Cut(a, ":"); a != "*" && (!ok || service == "") {
				s.fail("Action", "%q is not an action", a)
			}
		}
		for _, a := range statement.Resources {
			if a != "*" && !strings.HasPrefix(a, "arn:") {
				s.fail("Resource", "%q is not an ARN", a)
			}
		}
		s.done()
		out = append(out, statement)
	}
	doc.done()
	return out
}

// resourcePolicy checks the shape of a policy attached to a queue, a bucket or
// a key. Its statements have no effect here: the account owns everything. The
// one condition that is accepted asks for TLS, which every call has.
func (p *properties) resourcePolicy(name string) {
	doc := p.object(name)
	doc.ignore("Version", "Id")
	statements := doc.objects("Statement")
	if len(statements) == 0 {
		doc.fail("", "property Statement is required")
	}
	for _, s := range statements {
		s.ignore("Sid")
		s.oneOf("Effect", "Allow", "Deny")
		if _, ok := s.any("Principal"); !ok {
			s.fail("", "property Principal is required")
		}
		if len(s.texts("Action")) == 0 {
			s.fail("", "property Action is required")
		}
		s.texts("Resource")
		condition := s.object("Condition")
		for _, op := range []string{"Bool", "BoolIfExists"} {
			test := condition.object(op)
			test.ignore("aws:SecureTransport")
			test.done()
		}
		condition.done()
		s.done()
	}
	doc.done()
}

// role reads an AWS::IAM::Role.
func (r *resolver) role(p *properties, name string) *iam.Principal {
	p.ignore("Description", "MaxSessionDuration", "Path", "Tags", "RoleName")
	if _, ok := p.any("AssumeRolePolicyDocument"); !ok {
		p.fail("", "property AssumeRolePolicyDocument is required")
	}
	role := &iam.Principal{Name: p.path, ARN: roleARN(r.opts, name)}
	for i, policy := range p.texts("ManagedPolicyArns") {
		statements, ok := managed(policy)
		if !ok {
			p.fail("ManagedPolicyArns["+strconv.Itoa(i)+"]", "managed policy %q is not known here; write its statements", policy)
		}
		role.Statements = append(role.Statements, statements...)
	}
	for _, policy := range p.objects("Policies") {
		policy.required("PolicyName")
		doc := policy.object("PolicyDocument")
		role.Statements = append(role.Statements, r.document(doc.path, doc.values)...)
		policy.done()
	}
	return role
}
