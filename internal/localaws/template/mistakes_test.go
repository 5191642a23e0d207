package template_test

import (
	"strings"
	"testing"

	"github.com/messageai/sluice/internal/localaws/template"
)

const head = "Transform: AWS::Serverless-2016-10-31\n"

const queueAndFunction = `Resources:
  Q: {Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: 60}}
  T: {Type: AWS::DynamoDB::Table, Properties: {BillingMode: PAY_PER_REQUEST, AttributeDefinitions: [{AttributeName: pk, AttributeType: S}], KeySchema: [{AttributeName: pk, KeyType: HASH}]}}
  F:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: f
      Handler: bootstrap
      Runtime: provided.al2023
`

// mistakes are templates that AWS or this stack refuses, each with the line
// that says so.
var mistakes = []struct{ name, yaml, want string }{
	{"syntax", "Resources: [", "read template:"},
	{"no mapping", "- a", "read template:"},
	{"key twice", "Resources: {}\nResources: {}", `key "Resources" is there twice`},
	{"alias", "Resources: &a {}\nOutputs: *a", "YAML aliases are not supported"},
	{"tag", "Outputs: {A: {Value: !Base64 x}}", "intrinsic function !Base64 is not supported"},
	{"section", "Rules: {}", `template: unknown property "Rules"`},
	{"type", "Resources: {V: {Type: AWS::EC2::VPC}}", `V.Type: resource type "AWS::EC2::VPC" is not supported`},
	{"resource attribute", "Resources: {Q: {Type: AWS::SQS::Queue, Propertys: {}}}", `Q: unknown property "Propertys"`},
	{"property", "Resources: {Q: {Type: AWS::SQS::Queue, Properties: {VisibilityTimeOut: 3}}}", `Q: unknown property "VisibilityTimeOut"`},
	{"fifo", "Resources: {Q: {Type: AWS::SQS::Queue, Properties: {FifoQueue: true}}}", `Q: unknown property "FifoQueue"`},
	{"number", "Resources: {Q: {Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: 1h}}}", "Q.VisibilityTimeout: 1h is not a whole number"},
	{"ref", "Resources: {}\nOutputs: {A: {Value: !Ref Nothing}}", `Outputs.A: Ref to "Nothing"`},
	{"getatt", "Resources: {Q: {Type: AWS::SQS::Queue}}\nOutputs: {A: {Value: !GetAtt Q.Url}}", `AWS::SQS::Queue has no attribute "Url"`},
	{"sub", "Resources: {}\nOutputs: {A: {Value: !Sub 'a${B}'}}", `Outputs.A: Ref to "B"`},
	{"if", "Resources: {}\nOutputs: {A: {Value: !If [C, 1, 2]}}", `there is no condition "C"`},
	{"condition circle", "Conditions: {A: !Condition B, B: !Condition A}", "it depends on itself"},
	{"map", "Mappings: {M: {a: {b: 1}}}\nResources: {}\nOutputs: {A: {Value: !FindInMap [M, a, c]}}", `there is no "c" in the mapping`},
	{"select", "Resources: {}\nOutputs: {A: {Value: !Select [2, [a, b]]}}", "2 is not an index of a list of 2"},
	{"absent", "Conditions: {No: !Equals [a, b]}\nResources: {Q: {Type: AWS::SQS::Queue, Condition: No}}\nOutputs: {A: {Value: !Ref Q}}", "Ref to Q, which does not exist because its condition is false"},
	{"parameter", "Parameters: {P: {Type: String}}", "Parameters.P: it has no default"},
	{"parameter value", "Parameters: {P: {Type: String, Default: c, AllowedValues: [a, b]}}", `"c" is not one of`},
	{"parameter type", "Parameters: {P: {Type: 'AWS::SSM::Parameter::Value<String>', Default: c}}", "is not supported"},
	{"names", "Resources: {A: {Type: AWS::SQS::Queue, Properties: {QueueName: q}}, B: {Type: AWS::SQS::Queue, Properties: {QueueName: q}}}", "B: it has the same name as A"},
	{"name of itself", "Resources: {A: {Type: AWS::SQS::Queue, Properties: {QueueName: !Sub '${A}-x'}}}", "the name of A depends on itself"},
	{"dead letters", "Resources: {A: {Type: AWS::SQS::Queue, Properties: {RedrivePolicy: {deadLetterTargetArn: 'arn:aws:sqs:x', maxReceiveCount: 1}}}}", "A.RedrivePolicy"},
	{"table key", "Resources: {T: {Type: AWS::DynamoDB::Table, Properties: {BillingMode: PAY_PER_REQUEST, AttributeDefinitions: [], KeySchema: [{AttributeName: pk, KeyType: HASH}]}}}", "pk is not in AttributeDefinitions"},
	{"table attribute", "Resources: {T: {Type: AWS::DynamoDB::Table, Properties: {BillingMode: PAY_PER_REQUEST, AttributeDefinitions: [{AttributeName: pk, AttributeType: S}, {AttributeName: x, AttributeType: S}], KeySchema: [{AttributeName: pk, KeyType: HASH}]}}}", "x is in no key"},
	{"billing", "Resources: {T: {Type: AWS::DynamoDB::Table, Properties: {AttributeDefinitions: [{AttributeName: pk, AttributeType: S}], KeySchema: [{AttributeName: pk, KeyType: HASH}]}}}", "T.BillingMode"},
	{"bucket name", "Resources: {B: {Type: AWS::S3::Bucket, Properties: {BucketName: My_Bucket}}}", `"My_Bucket" is not a bucket name`},
	{"lifecycle without rules", "Resources: {B: {Type: AWS::S3::Bucket, Properties: {LifecycleConfiguration: {}}}}", "B.LifecycleConfiguration: property Rules is required"},
	{"lifecycle rule", "Resources: {B: {Type: AWS::S3::Bucket, Properties: {LifecycleConfiguration: {Rules: [{Status: Enabled, ExpirationInDays: 1, TagFilters: [{Key: a, Value: b}]}]}}}}", `B.LifecycleConfiguration.Rules[0]: unknown property "TagFilters"`},
	{"lifecycle status", "Resources: {B: {Type: AWS::S3::Bucket, Properties: {LifecycleConfiguration: {Rules: [{ExpirationInDays: 1}]}}}}", "B.LifecycleConfiguration.Rules[0]: property Status is required"},
	{"lifecycle days", "Resources: {B: {Type: AWS::S3::Bucket, Properties: {LifecycleConfiguration: {Rules: [{Status: Enabled, ExpirationInDays: 0}]}}}}", "Rules[0].ExpirationInDays: 0 is not a whole number"},
	{"lifecycle without action", "Resources: {B: {Type: AWS::S3::Bucket, Properties: {LifecycleConfiguration: {Rules: [{Status: Enabled, Prefix: a}]}}}}", "the rule does nothing"},
	{"lifecycle ids", "Resources: {B: {Type: AWS::S3::Bucket, Properties: {LifecycleConfiguration: {Rules: [{Id: a, Status: Enabled, ExpirationInDays: 1}, {Id: a, Status: Enabled, ExpirationInDays: 2}]}}}}", `Rules[1].Id: "a" is the id of another rule`},
	{"express", "Resources: {M: {Type: AWS::Serverless::StateMachine, Properties: {DefinitionUri: m.json, Type: EXPRESS}}}", `M.Type: "EXPRESS" is not supported`},
	{"alias target", "Resources: {A: {Type: AWS::KMS::Alias, Properties: {AliasName: alias/a, TargetKeyId: x}}}", `"x" is not a key of this template`},
	{"secret twice", "Resources: {S: {Type: AWS::SecretsManager::Secret, Properties: {SecretString: a, GenerateSecretString: {}}}}", "exclude each other"},
	{"alarm", "Resources: {A: {Type: AWS::CloudWatch::Alarm, Properties: {Namespace: AWS/SQS, Dimensions: [{Name: QueueName, Value: gone}]}}}", `A.Dimensions[0]: QueueName "gone" names nothing`},
	{"metric alarm", "Resources: {A: {Type: AWS::CloudWatch::Alarm, Properties: {Metrics: [{Id: m, MetricStat: {Metric: {Namespace: AWS/Lambda, Dimensions: [{Name: FunctionName, Value: gone}]}}}]}}}", `FunctionName "gone" names nothing`},
	{"composite", "Resources: {A: {Type: AWS::CloudWatch::CompositeAlarm, Properties: {AlarmRule: 'ALARM(\"gone\")'}}}", `"gone" is not an alarm`},
	{"dashboard", "Resources: {A: {Type: AWS::CloudWatch::Dashboard, Properties: {DashboardBody: '{'}}}", "it is not JSON"},
	{"bucket policy", "Resources: {A: {Type: AWS::S3::BucketPolicy, Properties: {Bucket: b, PolicyDocument: {Statement: [{Effect: Deny, Principal: '*', Action: 's3:*', Resource: '*'}]}}}}", `"b" is not a bucket`},
	{"policy condition", "Resources: {B: {Type: AWS::S3::Bucket}, A: {Type: AWS::S3::BucketPolicy, Properties: {Bucket: !Ref B, PolicyDocument: {Statement: [{Effect: Deny, Principal: '*', Action: 's3:*', Resource: '*', Condition: {IpAddress: {'aws:SourceIp': '10.0.0.0/8'}}}]}}}}", `unknown property "IpAddress"`},
	{"function property", queueAndFunction + "      VpcConfig: {}", `F: unknown property "VpcConfig"`},
	// What asynchronous invocation could be told: nothing of it is done here.
	{"destinations", queueAndFunction + "      EventInvokeConfig: {MaximumRetryAttempts: 0}", `F: unknown property "EventInvokeConfig"`},
	{"dead letters of a function", queueAndFunction + "      DeadLetterQueue: {Type: SQS, TargetArn: !GetAtt Q.Arn}", `F: unknown property "DeadLetterQueue"`},
	{"provisioned pollers", queueAndFunction + "      Events: {E: {Type: SQS, Properties: {Queue: !GetAtt Q.Arn, ProvisionedPollerConfig: {MinimumPollers: 2}}}}", `unknown property "ProvisionedPollerConfig"`},
	{"filters", queueAndFunction + "      Events: {E: {Type: SQS, Properties: {Queue: !GetAtt Q.Arn, FilterCriteria: {Filters: []}}}}", `unknown property "FilterCriteria"`},
	{"runtime", strings.Replace(queueAndFunction, "provided.al2023", "nodejs22.x", 1), "F.Runtime"},
	{"variable", queueAndFunction + "      Environment: {Variables: {A: !Ref Nothing}}", `F.Environment.Variables.A: Ref to "Nothing"`},
	{"variable object", queueAndFunction + "      Environment: {Variables: {A: {b: c}}}", "F.Environment.Variables.A: a string is needed, not an object"},
	{"reserved variable", queueAndFunction + "      Environment: {Variables: {AWS_REGION: x}}", "the name is reserved by Lambda"},
	{"large environment", queueAndFunction + "      Environment: {Variables: {A: " + strings.Repeat("x", 4096) + "}}", "are over Lambda's limit of 4 KB"},
	{"event", queueAndFunction + "      Events: {E: {Type: Kafka}}", `event type "Kafka" is not supported`},
	{"event queue", queueAndFunction + "      Events: {E: {Type: SQS, Properties: {Queue: 'arn:aws:sqs:x'}}}", "is not the ARN of a queue of this template"},
	{"event property", queueAndFunction + "      Events: {E: {Type: SQS, Properties: {Queue: !GetAtt Q.Arn, Batch: 1}}}", `unknown property "Batch"`},
	{"batch window", queueAndFunction + "      Events: {E: {Type: SQS, Properties: {Queue: !GetAtt Q.Arn, BatchSize: 11}}}", "needs a window"},
	{"concurrency", queueAndFunction + "      Events: {E: {Type: SQS, Properties: {Queue: !GetAtt Q.Arn, ScalingConfig: {MaximumConcurrency: 1}}}}", "F.Events.E.Properties.ScalingConfig.MaximumConcurrency"},
	{"visibility", queueAndFunction + "      Timeout: 61\n      Events: {E: {Type: SQS, Properties: {Queue: !GetAtt Q.Arn}}}", "is less than the function's time-out"},
	{"route twice", queueAndFunction + "      Events: {A: {Type: HttpApi, Properties: {Path: /a, Method: get}}, B: {Type: HttpApi, Properties: {Path: /a, Method: GET}}}", "the route GET /a is there twice"},
	{"half a route", queueAndFunction + "      Events: {A: {Type: HttpApi, Properties: {Path: /a}}}", "Path and Method go together"},
	{"managed policy", queueAndFunction + "      Policies: [AdministratorAccess]", `managed policy "AdministratorAccess" is not known`},
	{"policy template", queueAndFunction + "      Policies: [{DynamoDBCrudPolicy: {TableName: !Ref T}}]", `"DynamoDBCrudPolicy"`},
	{"iam condition", queueAndFunction + "      Policies: [{Statement: [{Effect: Allow, Action: 's3:*', Resource: '*', Condition: {}}]}]", "F.Policies[0].Statement[0].Condition: conditions of an identity policy are not evaluated"},
	{"iam not", queueAndFunction + "      Policies: [{Statement: [{Effect: Allow, NotAction: 's3:*', Resource: '*'}]}]", `unknown property "NotAction"`},
	{"iam resource", queueAndFunction + "      Policies: [{Statement: [{Effect: Allow, Action: 'sqs:SendMessage', Resource: !Ref Q}]}]", "is not an ARN"},
	{"role", queueAndFunction + "      Role: 'arn:aws:iam::1:role/x'", `"arn:aws:iam::1:role/x" is not a role of this template`},
	{"circle", queueAndFunction + "      Environment: {Variables: {M: !Ref M}}\n  M: {Type: AWS::Serverless::StateMachine, Properties: {DefinitionUri: m.json, DefinitionSubstitutions: {F: !GetAtt F.Arn}}}", "circular dependency: F needs M needs F"},
	{"machine needs itself", "Resources: {M: {Type: AWS::Serverless::StateMachine, Properties: {DefinitionUri: m.json, Policies: [{Statement: [{Effect: Allow, Action: 'states:StartExecution', Resource: !Ref M}]}]}}}", "circular dependency: M needs MRole needs M"},
	{"api circle", queueAndFunction + "      Environment: {Variables: {A: !GetAtt ServerlessHttpApi.ApiEndpoint}}\n      Events: {E: {Type: HttpApi, Properties: {Path: /a, Method: get}}}", "circular dependency: F needs ServerlessHttpApi needs F"},
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	for _, c := range mistakes {
		got, err := template.Load([]byte(head+c.yaml), template.Options{})
		if err == nil || got != nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want one with %q", c.name, err, c.want)
		}
	}
	if _, err := template.Load([]byte("Resources: {}"), template.Options{}); err == nil || !strings.Contains(err.Error(), "Transform") {
		t.Errorf("no transform: got error %v, want one that says so", err)
	}
	if _, err := template.Load([]byte(head+"Resources: {}"), template.Options{Parameters: map[string]string{"P": "x"}}); err == nil || !strings.Contains(err.Error(), `no parameter "P"`) {
		t.Errorf("a parameter too many: got error %v, want one that says so", err)
	}
}

// TestAllMistakesAtOnce: one run must show everything, once.
func TestAllMistakesAtOnce(t *testing.T) {
	t.Parallel()
	_, err := template.Load([]byte(head+queueAndFunction+"      VpcConfig: {}\n      Handlers: x\n      FunctionName: !Ref Nothing"), template.Options{})
	want := strings.Join([]string{
		`resolve template: F.FunctionName: Ref to "Nothing", which is neither a resource nor a parameter`,
		`F: unknown property "Handlers"`,
		`F: unknown property "VpcConfig"`,
	}, "\n")
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
