package template_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/localaws/iam"
	"github.com/messageai/sluice/internal/localaws/template"
)

func load(t *testing.T, opts template.Options) *template.Template {
	t.Helper()
	data, err := os.ReadFile("../testdata/app/template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	got, err := template.Load(data, opts)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestLoad(t *testing.T) {
	t.Parallel()
	got := load(t, template.Options{StackName: "app"})

	const lambdaARN, sqsARN = "arn:aws:lambda:us-east-1:123456789012:function:", "arn:aws:sqs:us-east-1:123456789012:"
	const tableARN, flowARN = "arn:aws:dynamodb:us-east-1:123456789012:table/app-ItemsTable", "arn:aws:states:us-east-1:123456789012:stateMachine:app-Flow"
	const bucket, queueURL = "app-filesbucket-123456789012", "https://sqs.us-east-1.amazonaws.com/123456789012/app-WorkQueue"
	allow := func(resource string, actions ...string) iam.Statement {
		return iam.Statement{Effect: "Allow", Actions: actions, Resources: []string{resource}}
	}
	role := func(id string, statements ...iam.Statement) *iam.Principal {
		return &iam.Principal{Name: id, ARN: "arn:aws:iam::123456789012:role/app-" + id, Statements: statements}
	}
	logs := allow("*", "logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents")
	poll := allow("*", "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents")

	secret, key, api := got.Secrets[0].ARN, got.Keys[0].ID, got.APIs[0].ID
	if !strings.HasPrefix(secret, "arn:aws:secretsmanager:us-east-1:123456789012:secret:app-ApiSecret-") || len(key) != 36 || len(api) != 10 {
		t.Errorf("got secret %q, key %q, API %q: not as AWS names them", secret, key, api)
	}
	apiRole := role("ApiFunctionRole", logs,
		allow(tableARN, "dynamodb:GetItem", "dynamodb:PutItem"), allow("arn:aws:s3:::"+bucket+"/in/*", "s3:PutObject"),
		allow(secret, "secretsmanager:GetSecretValue"), allow(flowARN, "states:StartExecution"))
	checkRole := role("CheckFunctionRole", logs)
	workRole := role("WorkFunctionRole", logs, poll, allow(tableARN, "dynamodb:UpdateItem"), allow(sqsARN+"app-WorkQueue", "sqs:SendMessage*"),
		allow(flowARN, "states:SendTaskFailure", "states:SendTaskSuccess", "states:SendTaskHeartbeat"))
	flowRole := role("FlowRole", allow(sqsARN+"app-WorkQueue", "sqs:SendMessage"), allow(lambdaARN+"app-CheckFunction", "lambda:InvokeFunction"))
	five := 5
	function := func(id, code string, r *iam.Principal, env map[string]string) template.Function {
		env["STAGE"] = "dev"
		return template.Function{
			LogicalID: id, Name: "app-" + id, ARN: lambdaARN + "app-" + id, CodeURI: code, Handler: "bootstrap", Runtime: "provided.al2023",
			Architecture: "arm64", MemoryMB: 128, Timeout: 10 * time.Second, Env: env, Role: r, LogFormat: "JSON",
		}
	}
	apiFunction := function("ApiFunction", "functions/api/", apiRole, map[string]string{
		"TABLE": "app-ItemsTable", "MACHINE": flowARN, "BUCKET": bucket, "SECRET": secret, "KEY": key,
	})
	apiFunction.BuildMethod = "makefile"
	work := function("WorkFunction", "functions/work", workRole, map[string]string{"TABLE": "app-ItemsTable"})
	work.Reserved, work.AllowLoops = &five, true

	want := &template.Template{
		Region: "us-east-1", Account: "123456789012", StackName: "app",
		Functions: []template.Function{apiFunction, function("CheckFunction", "functions/check", checkRole, map[string]string{"TABLE": "overridden"}), work},
		Mappings: []template.Mapping{{
			Function: "app-WorkFunction", QueueARN: sqsARN + "app-WorkQueue", BatchSize: 4, MaximumConcurrency: 2, ReportBatchItemFailures: true,
		}},
		APIs: []template.HTTPAPI{{
			LogicalID: "Api", ID: api, Endpoint: "https://" + api + ".execute-api.us-east-1.amazonaws.com",
			CORS:   &template.CORS{AllowOrigins: []string{"https://app.example"}, AllowMethods: []string{"GET", "PUT"}, AllowHeaders: []string{"content-type"}, MaxAge: 600},
			Routes: []template.Route{{Method: "PUT", Path: "/items/{id}", Function: "app-ApiFunction"}, {Method: "ANY", Path: "/{proxy+}", Function: "app-ApiFunction"}},
		}},
		StateMachines: []template.StateMachine{{
			LogicalID: "Flow", Name: "app-Flow", ARN: flowARN, DefinitionURI: "statemachines/flow.asl.json", Role: flowRole, LogLevel: "ERROR",
			Substitutions: map[string]string{"WorkQueueUrl": queueURL, "CheckArn": lambdaARN + "app-CheckFunction"},
		}},
		Roles: []*iam.Principal{apiRole, checkRole, workRole, flowRole},
		Tables: []template.Table{{
			LogicalID: "ItemsTable", Name: "app-ItemsTable", ARN: tableARN, TTLAttribute: "expires",
			Attributes: []template.Attribute{{"pk", "S"}, {"sk", "S"}, {"rank", "N"}},
			Keys:       []template.Attribute{{"pk", "HASH"}, {"sk", "RANGE"}},
			Indexes: []template.Index{{
				Name: "byRank", Keys: []template.Attribute{{"pk", "HASH"}, {"rank", "RANGE"}}, Projection: "INCLUDE", Included: []string{"name"},
			}},
		}},
		Queues: []template.Queue{
			{
				LogicalID: "WorkDeadLetters", Name: "app-WorkDeadLetters", ARN: sqsARN + "app-WorkDeadLetters", Visibility: 30 * time.Second,
				Attributes: map[string]string{"MessageRetentionPeriod": "1209600"},
			},
			{
				LogicalID: "WorkQueue", Name: "app-WorkQueue", ARN: sqsARN + "app-WorkQueue", Visibility: 30 * time.Second,
				DeadLetterARN: sqsARN + "app-WorkDeadLetters", MaxReceiveCount: 3,
				Attributes: map[string]string{
					"VisibilityTimeout": "30",
					"RedrivePolicy":     `{"deadLetterTargetArn":"` + sqsARN + `app-WorkDeadLetters","maxReceiveCount":3}`,
				},
			},
		},
		Buckets: []template.Bucket{{LogicalID: "FilesBucket", Name: bucket}},
		Secrets: []template.Secret{{
			LogicalID: "ApiSecret", Name: "app-ApiSecret", ARN: secret,
			Generate: &template.Generate{Template: `{"user":"api"}`, Key: "password", Length: 24, ExcludePunctuation: true},
		}},
		Keys:    []template.Key{{LogicalID: "DataKey", ID: key, ARN: "arn:aws:kms:us-east-1:123456789012:key/" + key}},
		Aliases: []template.Alias{{LogicalID: "DataKeyAlias", Name: "alias/data", KeyID: key}},
		Inert: []template.Inert{
			{LogicalID: "Alarms", Type: "AWS::SNS::Topic", Name: "app-Alarms"},
			{LogicalID: "DeadLettersAlarm", Type: "AWS::CloudWatch::Alarm", Name: "app-DeadLettersAlarm"},
			{LogicalID: "WorkQueuePolicy", Type: "AWS::SQS::QueuePolicy", Name: "app-WorkQueuePolicy"},
		},
		Outputs: map[string]string{"ApiUrl": "https://" + api + ".execute-api.us-east-1.amazonaws.com/items", "QueueUrl": queueURL},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Of lifecycle rules what is enabled and makes objects expire is kept; what has
// to do with versions and parts of uploads is accepted.
func TestLifecycleRules(t *testing.T) {
	t.Parallel()
	got, err := template.Load([]byte(head+`Resources:
  B:
    Type: AWS::S3::Bucket
    Properties:
      LifecycleConfiguration:
        Rules:
          - {Id: one, Status: Enabled, Prefix: runs/, ExpirationInDays: 90, NoncurrentVersionExpiration: {NoncurrentDays: 7}}
          - {Status: Enabled, ExpirationInDays: "365"}
          - {Status: Disabled, Prefix: off/, ExpirationInDays: 1}
          - {Status: Enabled, AbortIncompleteMultipartUpload: {DaysAfterInitiation: 1}}
`), template.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]template.Expiration{{Prefix: "runs/", Days: 90}, {Days: 365}}, got.Buckets[0].Expirations); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestParametersAndConditions(t *testing.T) {
	t.Parallel()
	got := load(t, template.Options{Parameters: map[string]string{"Stage": "prod", "Visibility": "60"}, Region: "eu-west-1", Account: "000000000007"})
	_, hasKey := got.Functions[0].Env["KEY"]
	type facts struct {
		Memory     int
		Visibility string
		Keys       int
		HasKey     bool
		Output     string
		Queue      string
	}
	want := facts{512, "60", 0, false, "yes", "https://sqs.eu-west-1.amazonaws.com/000000000007/sluice-WorkQueue"}
	if diff := cmp.Diff(want, facts{
		got.Functions[0].MemoryMB, got.Queues[1].Attributes["VisibilityTimeout"], len(got.Keys), hasKey, got.Outputs["ProdOnly"], got.Outputs["QueueUrl"],
	}); diff != "" {
		t.Error(diff)
	}
}

func TestDefine(t *testing.T) {
	t.Parallel()
	m := template.StateMachine{LogicalID: "Flow", DefinitionURI: "flow.asl.json", Substitutions: map[string]string{"A": "one", "B_2": "two"}}
	got, err := m.Define([]byte(`{"x":"${A}-${B_2}","y":"{% $a %}"}`))
	if err != nil || string(got) != `{"x":"one-two","y":"{% $a %}"}` {
		t.Errorf("got %s and error %v", got, err)
	}
	if _, err := m.Define([]byte(`"${C}"`)); err == nil || !strings.Contains(err.Error(), `"C"`) {
		t.Errorf("a placeholder without a substitution: got error %v, want one that names it", err)
	}
}

func FuzzLoad(f *testing.F) {
	data, err := os.ReadFile("../testdata/app/template.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	for _, c := range mistakes {
		f.Add([]byte(head + c.yaml))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := template.Load(data, template.Options{})
		if (got == nil) == (err == nil) {
			t.Errorf("got template %v with error %v, want one of the two", got, err)
		}
	})
}
