package template

import (
	"maps"
	"slices"
	"time"

	"github.com/messageai/sluice/internal/localaws/iam"
)

// Schedule is an AWS::Scheduler::Schedule, or the one that SAM makes of an event
// of type ScheduleV2. Empty texts and nil mean AWS's defaults.
type Schedule struct {
	LogicalID             string
	Name                  string
	Description           string
	Expression, TimeZone  string
	Start, End            *time.Time
	State                 string
	ActionAfterCompletion string
	Window                int // minutes; zero is off
	TargetARN, RoleARN    string
	Input                 string
	DeadLetterARN         string
	MaxRetries, MaxAge    *int // attempts after the first, and seconds
}

// Rule is an AWS::Events::Rule on the events that this machine emits, or the one
// that SAM makes of an event of type EventBridgeRule.
type Rule struct {
	LogicalID string
	Name      string
	// Pattern has the values that an event may have, by the path of the member:
	// "source", "detail.status".
	Pattern   map[string][]string
	Functions []string // names of the targets
}

// What this machine emits: the end of executions (Step Functions developer
// guide, "Automating event delivery with EventBridge", November 2026).
const (
	EventSource     = "aws.states"
	EventDetailType = "Step Functions Execution Status Change"
)

// statuses are those that executions end with. Nothing here emits RUNNING.
var statuses = []string{"SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"}

// permission is an AWS::Lambda::Permission.
type permission struct{ function, principal, source string }

func (t *Template) schedule(r *resolver, res *resource, p *properties) {
	s := Schedule{LogicalID: res.id, Name: r.name(res.id, res)}
	p.ignore("Name")
	target := p.object("Target")
	s.TargetARN, s.Input = target.required("Arn"), target.text("Input", "")
	s.RoleARN = t.knownRole(target, "RoleArn", target.required("RoleArn"))
	t.deliveryOf(&s, target)
	target.done()
	if !slices.ContainsFunc(t.Functions, func(f Function) bool { return f.ARN == s.TargetARN }) &&
		!slices.ContainsFunc(t.StateMachines, func(m StateMachine) bool { return m.ARN == s.TargetARN }) {
		target.fail("Arn", "%q is neither a function nor a state machine of this template", s.TargetARN)
	}
	t.timesOf(&s, p, "")
}

// scheduleEvent reads an event of type ScheduleV2 of a function or a machine.
// SAM names the schedule after both and makes a role that may do one thing.
func (t *Template) scheduleEvent(r *resolver, owner, event, targetARN, action string, p *properties) {
	s := Schedule{LogicalID: owner + event, Name: p.text("Name", owner+event), TargetARN: targetARN, Input: p.text("Input", "")}
	if role := p.text("RoleArn", ""); role != "" {
		s.RoleARN = t.knownRole(p, "RoleArn", role)
	} else {
		id := s.LogicalID + "Role"
		role := &iam.Principal{
			Name: id, ARN: roleARN(r.opts, stackName(r.opts, id)),
			Statements: []iam.Statement{{Effect: "Allow", Actions: []string{action}, Resources: []string{targetARN}}},
		}
		t.Roles = append(t.Roles, role)
		s.RoleARN = role.ARN
	}
	t.deliveryOf(&s, p)
	t.timesOf(&s, p, off)
	p.done()
}

const (
	off      = "OFF"
	flexible = "FLEXIBLE"
)

// timesOf reads when a schedule fires. presetMode is the flexible window's
// mode if there is none; "" requires one.
func (t *Template) timesOf(s *Schedule, p *properties, presetMode string) {
	s.Expression, s.TimeZone = p.required("ScheduleExpression"), p.text("ScheduleExpressionTimezone", "")
	s.Description, s.State = p.text("Description", ""), p.oneOf("State", "ENABLED", "DISABLED")
	s.ActionAfterCompletion = p.oneOf("ActionAfterCompletion", "NONE", "DELETE")
	s.Start, s.End = p.timestamp("StartDate"), p.timestamp("EndDate")
	p.oneOf("GroupName", "default")
	window := p.object("FlexibleTimeWindow")
	switch mode := window.text("Mode", presetMode); mode {
	case off:
	case flexible:
		s.Window = window.number("MaximumWindowInMinutes", 0, 1, 1440)
		if s.Window == 0 {
			window.fail("", "property MaximumWindowInMinutes is required")
		}
	default:
		window.fail("Mode", "%q is neither OFF nor FLEXIBLE", mode)
	}
	window.done()
	t.Schedules = append(t.Schedules, *s)
}

// deliveryOf reads what happens if a target cannot be invoked.
func (t *Template) deliveryOf(s *Schedule, p *properties) {
	dead := p.object("DeadLetterConfig")
	if s.DeadLetterARN = dead.text("Arn", ""); s.DeadLetterARN != "" {
		t.knownQueue(dead, "Arn", s.DeadLetterARN)
	}
	dead.done()
	s.MaxRetries, s.MaxAge = p.retryPolicy("RetryPolicy", 185, 86400)
}

// retryPolicy reads a RetryPolicy; nil is what it does not say.
func (p *properties) retryPolicy(name string, mostRetries, mostAge int) (retries, age *int) {
	policy := p.object(name)
	if policy.has("MaximumRetryAttempts") {
		n := policy.number("MaximumRetryAttempts", 0, 0, mostRetries)
		retries = &n
	}
	if policy.has("MaximumEventAgeInSeconds") {
		n := policy.number("MaximumEventAgeInSeconds", 60, 60, mostAge)
		age = &n
	}
	policy.done()
	return retries, age
}

func (p *properties) timestamp(name string) *time.Time {
	text := p.text(name, "")
	if text == "" {
		return nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		p.fail(name, "%q is not a time such as 2026-11-22T10:00:00Z", text)
	}
	return &t
}

func (t *Template) knownRole(p *properties, name, arn string) string {
	if !slices.ContainsFunc(t.Roles, func(role *iam.Principal) bool { return role.ARN == arn }) {
		p.fail(name, "%q is not a role of this template", arn)
	}
	return arn
}

func (t *Template) knownQueue(p *properties, name, arn string) {
	if !slices.ContainsFunc(t.Queues, func(q Queue) bool { return q.ARN == arn }) {
		p.fail(name, "%q is not the ARN of a queue of this template", arn)
	}
}

// rule reads an AWS::Events::Rule. When all resources are known it is checked
// that EventBridge may invoke its functions: without a permission it would not,
// and nobody would be told.
func (t *Template) rule(r *resolver, res *resource, p *properties) {
	rule := Rule{LogicalID: res.id, Name: r.name(res.id, res)}
	arn := kinds[res.kind].attributes["Arn"](r.opts, rule.Name)
	p.ignore("Name", "Description", "Tags")
	enabled := p.oneOf("State", "ENABLED", "DISABLED") == "ENABLED"
	p.oneOf("EventBusName", "default")
	rule.Pattern = t.pattern(p, "EventPattern")
	for _, target := range p.objects("Targets") {
		target.required("Id")
		name := t.functionOf(target, "Arn", target.required("Arn"))
		t.deliveryOf(&Schedule{}, target) // Lambda always accepts the event
		target.done()
		rule.Functions = append(rule.Functions, name)
		r.later = append(r.later, func() {
			if name != "" && !slices.ContainsFunc(r.permissions, func(may permission) bool {
				return may.function == name && may.principal == "events.amazonaws.com" && (may.source == "" || may.source == arn)
			}) {
				target.fail("Arn", "no AWS::Lambda::Permission lets events.amazonaws.com invoke %s for this rule: it would never run", name)
			}
		})
	}
	if len(rule.Functions) == 0 {
		p.fail("Targets", "a rule without targets does nothing")
	}
	if enabled {
		t.Rules = append(t.Rules, rule)
	}
}

// ruleEvent reads an event of type EventBridgeRule; SAM adds the permission.
func (t *Template) ruleEvent(r *resolver, f Function, event string, p *properties) {
	id := f.LogicalID + event
	rule := Rule{LogicalID: id, Name: p.text("RuleName", stackName(r.opts, id)), Functions: []string{f.Name}, Pattern: t.pattern(p, "Pattern")}
	enabled := p.oneOf("State", "ENABLED", "DISABLED") == "ENABLED"
	p.oneOf("EventBusName", "default")
	t.deliveryOf(&Schedule{}, p) // Lambda always accepts the event
	p.done()
	if enabled {
		t.Rules = append(t.Rules, rule)
	}
}

// functionOf returns the name of the template's function that a name or an ARN
// stands for.
func (t *Template) functionOf(p *properties, name, ref string) string {
	for _, f := range t.Functions {
		if ref == f.ARN || ref == f.Name {
			return f.Name
		}
	}
	p.fail(name, "%q is not a function of this template", ref)
	return ""
}

// permissionOf reads an AWS::Lambda::Permission.
func (t *Template) permissionOf(r *resolver, p *properties) {
	p.oneOf("Action", "lambda:InvokeFunction")
	r.permissions = append(r.permissions, permission{
		function: t.functionOf(p, "FunctionName", p.required("FunctionName")), principal: p.required("Principal"), source: p.text("SourceArn", ""),
	})
	p.ignore("SourceAccount")
}

// pattern reads an event pattern and refuses one that no event here can match,
// and everything but lists of plain texts.
func (t *Template) pattern(p *properties, name string) map[string][]string {
	out := map[string][]string{}
	pattern := p.object(name)
	for _, key := range []string{"source", "detail-type", "account", "region", "resources"} {
		pattern.choices(key, key, out)
	}
	detail := pattern.object("detail")
	for _, key := range []string{"executionArn", "stateMachineArn", "name", "status"} {
		detail.choices(key, "detail."+key, out)
	}
	detail.done()
	pattern.done()
	for key, known := range map[string][]string{"source": {EventSource}, "detail-type": {EventDetailType}, "detail.status": statuses} {
		for _, v := range out[key] {
			if !slices.Contains(known, v) {
				pattern.fail(key, "nothing on this machine emits an event with %q, only %q", v, known)
			}
		}
	}
	for _, v := range out["detail.stateMachineArn"] {
		if !slices.ContainsFunc(t.StateMachines, func(m StateMachine) bool { return m.ARN == v }) {
			pattern.fail("detail.stateMachineArn", "%q is not a state machine of this template", v)
		}
	}
	if out["source"] == nil || out["detail-type"] == nil {
		pattern.fail("", "a pattern needs source and detail-type")
	}
	return out
}

// choices reads the list of values that a pattern allows a member.
func (p *properties) choices(name, path string, into map[string][]string) {
	v, ok := p.any(name)
	if !ok {
		return
	}
	list, isList := v.([]any)
	if !isList || len(list) == 0 {
		p.fail(name, "a pattern needs a list of values, not %s", describe(v))
		return
	}
	for _, e := range list {
		text, isText := e.(string)
		if !isText {
			p.fail(name, "only texts are matched here, not %s", describe(e))
		}
		into[path] = append(into[path], text)
	}
}

// machineEvents reads a state machine's events.
func (t *Template) machineEvents(r *resolver, m StateMachine, p *properties) {
	all := p.object("Events")
	for _, name := range slices.Sorted(maps.Keys(all.values)) {
		event := all.object(name)
		detail := event.object("Properties")
		if kind := event.required("Type"); kind != "ScheduleV2" {
			event.fail("Type", "event type %q is not supported", kind)
		} else {
			t.scheduleEvent(r, m.LogicalID, name, m.ARN, "states:StartExecution", detail)
		}
		event.done()
	}
}
