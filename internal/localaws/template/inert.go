package template

import (
	"encoding/json"
	"regexp"
	"slices"
)

// inertProperties are the properties that an inert type may have, beyond those
// that [Template.inert] looks into.
var inertProperties = map[string][]string{
	"AWS::Lambda::Permission": nil,
	"AWS::SQS::QueuePolicy":   nil,
	"AWS::S3::BucketPolicy":   nil,
	"AWS::Logs::LogGroup":     {"LogGroupName", "RetentionInDays", "KmsKeyId", "LogGroupClass", "DeletionProtectionEnabled", "Tags"},
	"AWS::CloudWatch::Alarm": {
		"AlarmName", "AlarmDescription", "ActionsEnabled", "AlarmActions", "OKActions", "InsufficientDataActions", "ComparisonOperator",
		"DatapointsToAlarm", "EvaluationPeriods", "EvaluateLowSampleCountPercentile", "ExtendedStatistic", "MetricName", "Period", "Statistic",
		"Threshold", "ThresholdMetricId", "TreatMissingData", "Unit", "Tags",
	},
	"AWS::CloudWatch::CompositeAlarm": {
		"AlarmName", "AlarmDescription", "ActionsEnabled", "AlarmActions", "OKActions", "InsufficientDataActions",
		"ActionsSuppressor", "ActionsSuppressorWaitPeriod", "ActionsSuppressorExtensionPeriod", "Tags",
	},
	"AWS::CloudWatch::Dashboard": {"DashboardName"},
	"AWS::SNS::Topic":            {"TopicName", "DisplayName", "Subscription", "KmsMasterKeyId", "Tags", "TracingConfig", "SignatureVersion"},
}

// dimension is a metric's dimension that must name a resource.
type dimension struct{ path, namespace, name, value string }

var alarmInRule = regexp.MustCompile(`(?:ALARM|OK|INSUFFICIENT_DATA)\(\s*"?([^")]+?)"?\s*\)`)

// inert checks a resource that does nothing here. Checks that need the other
// resources are returned, to be made when all are known.
func (t *Template) inert(r *resolver, res *resource, p *properties) (later func()) {
	p.ignore(inertProperties[res.kind]...)
	later = func() {}
	name := r.name(res.id, res)
	switch res.kind {
	case "AWS::Lambda::Permission":
		t.permissionOf(r, p)
	case "AWS::SQS::QueuePolicy":
		queues := p.texts("Queues")
		p.resourcePolicy("PolicyDocument")
		later = func() {
			for _, url := range queues {
				if !slices.ContainsFunc(t.Queues, func(q Queue) bool { return queueURL(r.opts, q.Name) == url }) {
					p.fail("Queues", "%q is not the URL of a queue of this template", url)
				}
			}
		}
	case "AWS::S3::BucketPolicy":
		bucket := p.required("Bucket")
		p.resourcePolicy("PolicyDocument")
		later = func() {
			if !slices.ContainsFunc(t.Buckets, func(b Bucket) bool { return b.Name == bucket }) {
				p.fail("Bucket", "%q is not a bucket of this template", bucket)
			}
		}
	case "AWS::CloudWatch::Alarm":
		dimensions := p.alarmDimensions()
		later = func() {
			for _, d := range dimensions {
				t.checkDimension(r, d)
			}
		}
	case "AWS::CloudWatch::CompositeAlarm":
		rule := p.required("AlarmRule")
		later = func() {
			for _, match := range alarmInRule.FindAllStringSubmatch(rule, -1) {
				if !slices.ContainsFunc(t.Inert, func(i Inert) bool {
					return i.Name == match[1] && (i.Type == "AWS::CloudWatch::Alarm" || i.Type == "AWS::CloudWatch::CompositeAlarm")
				}) {
					p.fail("AlarmRule", "%q is not an alarm of this template", match[1])
				}
			}
		}
	case "AWS::CloudWatch::Dashboard":
		if !json.Valid([]byte(p.required("DashboardBody"))) {
			p.fail("DashboardBody", "it is not JSON")
		}
	}
	t.Inert = append(t.Inert, Inert{LogicalID: res.id, Type: res.kind, Name: name})
	return later
}

// alarmDimensions reads the dimensions of an alarm on one metric or on several.
func (p *properties) alarmDimensions() []dimension {
	var out []dimension
	read := func(m *properties) {
		namespace := m.text("Namespace", "")
		for _, d := range m.objects("Dimensions") {
			out = append(out, dimension{d.path, namespace, d.required("Name"), d.required("Value")})
			d.done()
		}
	}
	read(p)
	for _, query := range p.objects("Metrics") {
		stat := query.object("MetricStat")
		metric := stat.object("Metric")
		read(metric)
		metric.ignore("MetricName")
		metric.done()
		stat.ignore("Period", "Stat", "Unit")
		stat.done()
		query.ignore("Id", "Expression", "Label", "ReturnData", "Period", "AccountId")
		query.done()
	}
	return out
}

// checkDimension fails if a dimension by which a service names its resources
// names none: such an alarm would never ring.
func (t *Template) checkDimension(r *resolver, d dimension) {
	found := true
	switch d.namespace + " " + d.name {
	case "AWS/SQS QueueName":
		found = slices.ContainsFunc(t.Queues, func(q Queue) bool { return q.Name == d.value })
	case "AWS/Lambda FunctionName":
		found = slices.ContainsFunc(t.Functions, func(f Function) bool { return f.Name == d.value })
	case "AWS/States StateMachineArn":
		found = slices.ContainsFunc(t.StateMachines, func(m StateMachine) bool { return m.ARN == d.value })
	case "AWS/DynamoDB TableName":
		found = slices.ContainsFunc(t.Tables, func(t Table) bool { return t.Name == d.value })
	case "AWS/ApiGateway ApiId":
		found = slices.ContainsFunc(t.APIs, func(a HTTPAPI) bool { return a.ID == d.value })
	case "AWS/S3 BucketName":
		found = slices.ContainsFunc(t.Buckets, func(b Bucket) bool { return b.Name == d.value })
	}
	if !found {
		r.fail(d.path, "%s %q names nothing in this template", d.name, d.value)
	}
}
