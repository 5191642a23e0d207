package template

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"strings"
)

// kind says how a resource type is named and what its references give.
type kind struct {
	nameProperty string // "" if the type has none
	generated    func(o Options, id string) string
	ref          func(o Options, name string) string // nil is the name itself
	attributes   map[string]func(o Options, name string) string
	inert        bool
}

func stackName(o Options, id string) string { return o.StackName + "-" + id }

func bucketName(o Options, id string) string {
	return strings.ToLower(o.StackName + "-" + id + "-" + o.Account)
}

// digest is where AWS would put random characters.
func digest(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return strings.ToLower(base32.StdEncoding.EncodeToString(sum[:]))
}

func digestID(o Options, id string) string { return digest(o.StackName, id)[:10] }

func keyID(o Options, id string) string {
	if o.KeyID != nil {
		return o.KeyID(id)
	}
	h := fmt.Sprintf("%x", sha256.Sum256([]byte(o.StackName+"\x00"+id)))
	return h[:8] + "-" + h[8:12] + "-4" + h[13:16] + "-8" + h[17:20] + "-" + h[20:32]
}

// arn returns a function that builds an ARN of a service; %s in resource is
// the name.
func arn(service, resource string) func(Options, string) string {
	return func(o Options, name string) string {
		return "arn:aws:" + service + ":" + o.Region + ":" + o.Account + ":" + strings.ReplaceAll(resource, "%s", name)
	}
}

func same(_ Options, name string) string { return name }

func queueURL(o Options, name string) string {
	return "https://sqs." + o.Region + ".amazonaws.com/" + o.Account + "/" + name
}

func apiEndpoint(o Options, id string) string {
	return "https://" + id + ".execute-api." + o.Region + ".amazonaws.com"
}

func secretARN(o Options, name string) string {
	if o.SecretARN != nil {
		return o.SecretARN(name)
	}
	return "arn:aws:secretsmanager:" + o.Region + ":" + o.Account + ":secret:" + name + "-" + digest(name)[:6]
}

func roleARN(o Options, name string) string {
	return "arn:aws:iam::" + o.Account + ":role/" + name
}

type attributes = map[string]func(Options, string) string

// kinds are the resource types that the stack knows.
var kinds = map[string]kind{
	"AWS::Serverless::Function": {
		nameProperty: "FunctionName", generated: stackName, attributes: attributes{"Arn": arn("lambda", "function:%s")},
	},
	"AWS::Serverless::StateMachine": {
		nameProperty: "Name", generated: stackName, ref: arn("states", "stateMachine:%s"),
		attributes: attributes{"Arn": arn("states", "stateMachine:%s"), "Name": same},
	},
	"AWS::Serverless::HttpApi": {
		generated: digestID, attributes: attributes{"ApiId": same, "ApiEndpoint": apiEndpoint},
	},
	"AWS::DynamoDB::Table": {
		nameProperty: "TableName", generated: stackName, attributes: attributes{"Arn": arn("dynamodb", "table/%s")},
	},
	"AWS::SQS::Queue": {
		nameProperty: "QueueName", generated: stackName, ref: queueURL,
		attributes: attributes{"Arn": arn("sqs", "%s"), "QueueName": same, "QueueUrl": queueURL},
	},
	"AWS::S3::Bucket": {
		nameProperty: "BucketName", generated: bucketName,
		attributes: attributes{
			"Arn":                func(_ Options, name string) string { return "arn:aws:s3:::" + name },
			"DomainName":         func(_ Options, name string) string { return name + ".s3.amazonaws.com" },
			"RegionalDomainName": func(o Options, name string) string { return name + ".s3." + o.Region + ".amazonaws.com" },
		},
	},
	"AWS::SecretsManager::Secret": {
		nameProperty: "Name", generated: stackName, ref: secretARN, attributes: attributes{"Id": secretARN},
	},
	"AWS::KMS::Key": {
		generated: keyID, attributes: attributes{"Arn": arn("kms", "key/%s"), "KeyId": same},
	},
	"AWS::KMS::Alias": {nameProperty: "AliasName"},
	"AWS::IAM::Role": {
		nameProperty: "RoleName", generated: stackName,
		attributes: attributes{
			"Arn":    roleARN,
			"RoleId": func(_ Options, name string) string { return "AROA" + strings.ToUpper(digest(name)[:17]) },
		},
	},
	"AWS::Scheduler::Schedule": {
		nameProperty: "Name", generated: stackName, attributes: attributes{"Arn": arn("scheduler", "schedule/default/%s")},
	},
	"AWS::Events::Rule": {
		nameProperty: "Name", generated: stackName, attributes: attributes{"Arn": arn("events", "rule/%s")},
	},
	"AWS::Lambda::Permission": {generated: stackName, inert: true},
	"AWS::SQS::QueuePolicy":   {generated: stackName, inert: true},
	"AWS::S3::BucketPolicy":   {generated: stackName, inert: true},
	"AWS::Logs::LogGroup": {
		nameProperty: "LogGroupName", generated: stackName, inert: true,
		attributes: attributes{"Arn": arn("logs", "log-group:%s:*")},
	},
	"AWS::CloudWatch::Alarm": {
		nameProperty: "AlarmName", generated: stackName, inert: true,
		attributes: attributes{"Arn": arn("cloudwatch", "alarm:%s")},
	},
	"AWS::CloudWatch::CompositeAlarm": {
		nameProperty: "AlarmName", generated: stackName, inert: true,
		attributes: attributes{"Arn": arn("cloudwatch", "alarm:%s")},
	},
	"AWS::CloudWatch::Dashboard": {nameProperty: "DashboardName", generated: stackName, inert: true},
	"AWS::SNS::Topic": {
		nameProperty: "TopicName", generated: stackName, inert: true, ref: arn("sns", "%s"),
		attributes: attributes{"TopicArn": arn("sns", "%s"), "TopicName": same},
	},
}
