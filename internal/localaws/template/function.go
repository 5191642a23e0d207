package template

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/messageai/sluice/internal/localaws/iam"
)

// maxEnvironment is the limit of a function's own variables as a JSON object,
// in bytes (Lambda quotas page, November 2026).
const maxEnvironment = 4 << 10

// reservedVariables are set by Lambda and refused in a template, besides
// everything that begins with AWS_LAMBDA_ (Lambda developer guide, November 2026).
var reservedVariables = []string{
	"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
	"AWS_EXECUTION_ENV", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR", "_HANDLER", "_X_AMZN_TRACE_ID",
}

// implicitAPI is the logical id of the HttpApi that SAM adds.
const implicitAPI = "ServerlessHttpApi"

// function reads an AWS::Serverless::Function with its events.
func (t *Template) function(r *resolver, res *resource, p *properties) {
	name := r.name(res.id, res)
	f := Function{
		LogicalID: res.id, Name: name, ARN: arn("lambda", "function:%s")(r.opts, name),
		CodeURI:    p.required("CodeUri"),
		Handler:    p.required("Handler"),
		Runtime:    p.oneOf("Runtime", "provided.al2023"),
		MemoryMB:   p.number("MemorySize", 128, 128, 10240),
		Timeout:    p.seconds("Timeout", 3, 1, 900),
		AllowLoops: p.oneOf("RecursiveLoop", "Terminate", "Allow") == "Allow",
	}
	p.ignore("FunctionName", "Description", "Tags", "Tracing", "EphemeralStorage", "PackageType", "KmsKeyArn")
	f.Architecture = "x86_64"
	if list := p.texts("Architectures"); len(list) > 0 {
		f.Architecture = list[len(list)-1]
	}
	if f.Architecture != "arm64" && f.Architecture != "x86_64" {
		p.fail("Architectures", "%q is not an architecture", f.Architecture)
	}
	if p.has("ReservedConcurrentExecutions") {
		n := p.number("ReservedConcurrentExecutions", 0, 0, 1000)
		f.Reserved = &n
	}
	environment := p.object("Environment")
	f.Env = environment.textMap("Variables")
	environment.done()
	if size := len(encode(f.Env)); size > maxEnvironment {
		p.fail("Environment.Variables", "%d bytes are over Lambda's limit of 4 KB", size)
	}
	for _, k := range slices.Sorted(maps.Keys(f.Env)) {
		if strings.HasPrefix(k, "AWS_LAMBDA_") || slices.Contains(reservedVariables, k) {
			p.fail("Environment.Variables."+k, "the name is reserved by Lambda")
		}
	}
	logging := p.object("LoggingConfig")
	f.LogFormat = logging.oneOf("LogFormat", "Text", "JSON")
	logging.ignore("LogGroup", "ApplicationLogLevel", "SystemLogLevel")
	logging.done()
	metadata := r.read(res.id+".Metadata", res.metadata)
	f.BuildMethod = metadata.text("BuildMethod", "")

	polls := t.events(r, f, p)
	f.Role = t.roleOf(r, res, p, func() []iam.Statement {
		basic, _ := managed("AWSLambdaBasicExecutionRole")
		if polls {
			more, _ := managed("AWSLambdaSQSQueueExecutionRole")
			basic = append(basic, more...)
		}
		return basic
	})
	t.Functions = append(t.Functions, f)
}

// roleOf returns the role that a resource names, or the one SAM makes of its
// policies and what every function gets.
func (t *Template) roleOf(r *resolver, res *resource, p *properties, always func() []iam.Statement) *iam.Principal {
	statements := p.samPolicyList()
	if _, ok := p.any("Role"); ok {
		named := p.text("Role", "")
		for _, role := range t.Roles {
			if role.ARN == named {
				return role
			}
		}
		p.fail("Role", "%q is not a role of this template", named)
		return &iam.Principal{}
	}
	id := res.id + "Role"
	role := &iam.Principal{Name: id, ARN: roleARN(r.opts, r.name(res.id, r.resources[id])), Statements: append(always(), statements...)}
	t.Roles = append(t.Roles, role)
	return role
}

// events reads a function's events and reports whether one of them polls SQS.
func (t *Template) events(r *resolver, f Function, p *properties) (polls bool) {
	all := p.object("Events")
	for _, name := range slices.Sorted(maps.Keys(all.values)) {
		event := all.object(name)
		detail := event.object("Properties")
		switch kind := event.required("Type"); kind {
		case "SQS":
			t.sqsEvent(f, detail)
			polls = true
		case "HttpApi":
			t.httpEvent(r, f, detail)
		case "ScheduleV2":
			t.scheduleEvent(r, f.LogicalID, name, f.ARN, "lambda:InvokeFunction", detail)
		case "EventBridgeRule":
			r.later = append(r.later, func() { t.ruleEvent(r, f, name, detail) }) // a pattern may name a machine
		default:
			event.fail("Type", "event type %q is not supported", kind)
		}
		event.done()
	}
	return polls
}

func (t *Template) sqsEvent(f Function, p *properties) {
	m := Mapping{
		Function:  f.Name,
		QueueARN:  p.required("Queue"),
		BatchSize: p.number("BatchSize", 10, 1, 10000),
		Window:    p.seconds("MaximumBatchingWindowInSeconds", 0, 0, 300),
	}
	scaling := p.object("ScalingConfig")
	m.MaximumConcurrency = scaling.number("MaximumConcurrency", 0, 2, 1000)
	scaling.done()
	for _, kind := range p.texts("FunctionResponseTypes") {
		if kind != "ReportBatchItemFailures" {
			p.fail("FunctionResponseTypes", "%q is not a response type", kind)
		}
		m.ReportBatchItemFailures = true
	}
	if m.BatchSize > 10 && m.Window < time.Second {
		p.fail("MaximumBatchingWindowInSeconds", "a batch size over 10 needs a window of at least 1 s")
	}
	enabled := p.flag("Enabled", true)
	p.done()
	i := slices.IndexFunc(t.Queues, func(q Queue) bool { return q.ARN == m.QueueARN })
	if i < 0 {
		p.fail("Queue", "%q is not the ARN of a queue of this template", m.QueueARN)
		return
	}
	if q := t.Queues[i]; q.Visibility < f.Timeout {
		p.fail("Queue", "visibility time-out of %s (%s) is less than the function's time-out of %s, which Lambda refuses", q.LogicalID, q.Visibility, f.Timeout)
	}
	if enabled {
		t.Mappings = append(t.Mappings, m)
	}
}

func (t *Template) httpEvent(r *resolver, f Function, p *properties) {
	id := p.text("ApiId", kinds["AWS::Serverless::HttpApi"].generated(r.opts, implicitAPI))
	route := Route{Function: f.Name, Method: strings.ToUpper(p.text("Method", "")), Path: p.text("Path", "")}
	p.oneOf("PayloadFormatVersion", "2.0")
	p.number("TimeoutInMillis", 30000, 30000, 30000)
	p.done()
	if (route.Method == "") != (route.Path == "") {
		p.fail("", "Path and Method go together")
	}
	if route.Method == "X-AMAZON-APIGATEWAY-ANY-METHOD" {
		route.Method = "ANY"
	}
	if route.Path != "" && route.Path[0] != '/' {
		p.fail("Path", "%q does not begin with a slash", route.Path)
	}
	for i := range t.APIs {
		api := &t.APIs[i]
		if api.ID != id {
			continue
		}
		if slices.ContainsFunc(api.Routes, func(o Route) bool { return o.Method == route.Method && o.Path == route.Path }) {
			p.fail("", "the route %s %s is there twice", route.Method, route.Path)
		}
		api.Routes = append(api.Routes, route)
		return
	}
	p.fail("ApiId", "%q is not an HTTP API of this template", id)
}
