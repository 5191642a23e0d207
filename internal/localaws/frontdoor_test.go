package localaws_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/localaws"
)

func TestLambdaAPI(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, localaws.Options{})
		defer closeStack(t, s)
		client := awslambda.NewFromConfig(config(t, s, ""))
		invoke := func(name, payload string, kind types.InvocationType) string {
			out, err := client.Invoke(t.Context(), &awslambda.InvokeInput{FunctionName: aws.String(name), Payload: []byte(payload), InvocationType: kind})
			if err != nil {
				return code(err)
			}
			return strings.TrimSpace(http.StatusText(int(out.StatusCode)) + " " + aws.ToString(out.FunctionError) + " " + string(out.Payload))
		}
		const arn = "arn:aws:lambda:us-east-1:123456789012:function:app-CheckFunction"
		got := []string{
			invoke("app-CheckFunction", `{"a":1}`, types.InvocationTypeRequestResponse),
			invoke(arn, `{"a":2}`, ""),
			invoke("app-CheckFunction", `{"id":"rejected"}`, ""),
			invoke("app-CheckFunction", `{}`, types.InvocationTypeEvent),
			invoke("app-CheckFunction", `{}`, types.InvocationTypeDryRun),
			invoke("absent", `{}`, ""),
			invoke("app-CheckFunction", `{`, ""),
		}
		want := []string{
			`OK  {"a":1}`, `OK  {"a":2}`, `OK Unhandled {"errorMessage":"no","errorType":"errorString"}`, "Accepted", "No Content",
			"ResourceNotFoundException", "InvalidRequestContentException",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		time.Sleep(time.Second)
		if n, _ := s.Functions().Counts("app-CheckFunction"); n != 4 {
			t.Errorf("got %d invocations, want 4", n)
		}
		list, err := client.ListFunctions(t.Context(), &awslambda.ListFunctionsInput{})
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, f := range list.Functions {
			names = append(names, *f.FunctionName)
		}
		if diff := cmp.Diff([]string{"app-ApiFunction", "app-CheckFunction", "app-WorkFunction"}, names); diff != "" {
			t.Error(diff)
		}
		one, err := client.GetFunction(t.Context(), &awslambda.GetFunctionInput{FunctionName: aws.String("app-WorkFunction")})
		if err != nil || *one.Concurrency.ReservedConcurrentExecutions != 5 || one.Configuration.Environment.Variables["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] != "128" {
			t.Errorf("got %+v and error %v", one, err)
		}
	})
}

func TestFrontDoor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, localaws.Options{})
		defer closeStack(t, s)
		ask := func(change func(*http.Request)) string {
			r := httptest.NewRequest(http.MethodPost, "https://localhost:4566/", strings.NewReader(`{"TableName":"app-ItemsTable"}`))
			r.Header.Set("X-Amz-Target", "DynamoDB_20120810.DescribeTable")
			change(r)
			w := httptest.NewRecorder()
			s.Handler().ServeHTTP(w, r)
			return http.StatusText(w.Code) + " " + w.Header().Get("X-Amzn-Errortype")
		}
		signed := func(key, service string) func(*http.Request) {
			return func(r *http.Request) {
				r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+key+"/20260101/us-east-1/"+service+"/aws4_request, SignedHeaders=host, Signature=0")
			}
		}
		host := strings.TrimSuffix(strings.TrimPrefix(s.Output("ApiUrl"), "https://"), "/items")
		credentials, err := config(t, s, "CheckFunction").Credentials.Retrieve(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got := []string{
			ask(signed("test", "dynamodb")),
			ask(signed(credentials.AccessKeyID, "dynamodb")),
			ask(signed("test", "ec2")),
			ask(func(*http.Request) {}),
			ask(func(r *http.Request) {
				r.URL.RawQuery = "X-Amz-Credential=test%2F20260101%2Fus-east-1%2Fdynamodb%2Faws4_request"
			}),
			ask(func(r *http.Request) { r.Host, r.URL.Path = host, "/x" }),
		}
		want := []string{"OK ", "Bad Request AccessDeniedException", "Bad Request UnknownOperationException", "Forbidden MissingAuthenticationTokenException", "OK ", "Bad Gateway "}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

// TestRestart stops a stack with work in every service and goes on with it in
// another one, as after a kill.
func TestRestart(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := open(t, localaws.Options{StateDir: dir})
		secrets := secretsmanager.NewFromConfig(config(t, s, ""))
		if _, err := secrets.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{
			SecretId: aws.String("app-ApiSecret"), SecretString: aws.String(`{"user":"changed","password":"x"}`),
		}); err != nil {
			t.Fatal(err)
		}
		key := s.Template().Keys[0].ID
		first := put(s, "a1")
		if first.Code != 202 {
			t.Fatalf("got status %d with %s", first.Code, first.Body)
		}
		closeStack(t, s) // perhaps before the queue's message was worked on

		s = open(t, localaws.Options{StateDir: dir})
		time.Sleep(2 * time.Minute)
		if got := status(t, s, first.Body.String()); got != `SUCCEEDED {"ok":true}` {
			t.Errorf("execution: got %s", got)
		}
		if got := done(t, s, "a1"); got == "" {
			t.Error("the item was not worked on")
		}
		second := put(s, "a2")
		if second.Code != 202 || second.Header().Get("X-User") != "changed" || s.Template().Keys[0].ID != key {
			t.Errorf("got status %d, user %q, key %s, want 202, the changed secret and key %s", second.Code, second.Header().Get("X-User"), s.Template().Keys[0].ID, key)
		}
		if first.Header().Get("X-Amzn-Requestid") != "" && slices.Equal(first.Header().Values("X-Amzn-Requestid"), second.Header().Values("X-Amzn-Requestid")) {
			t.Error("request ids come again after a restart")
		}
		closeStack(t, s)

		changed, err := os.ReadFile("testdata/app/template.yaml")
		if err != nil {
			t.Fatal(err)
		}
		changed = []byte(strings.Replace(string(changed), "NonKeyAttributes: [name]", "NonKeyAttributes: [other]", 1))
		_, err = localaws.New(t.Context(), localaws.Options{Dir: os.DirFS("testdata/app"), Template: changed, StackName: "app", Functions: factories(), StateDir: dir})
		if err == nil || !strings.Contains(err.Error(), "app-ItemsTable") {
			t.Errorf("a changed table: got error %v, want one that names it", err)
		}
	})
}

func TestStacksThatCannotBe(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/app/template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	without := factories()
	delete(without, "work")
	for name, c := range map[string]struct {
		opts localaws.Options
		want string
	}{
		"no template":   {localaws.Options{Dir: os.DirFS(t.TempDir())}, "read template"},
		"no code":       {localaws.Options{Dir: os.DirFS("testdata/app"), Functions: without}, "WorkFunction"},
		"no definition": {localaws.Options{Dir: os.DirFS(t.TempDir()), Template: text, Functions: factories()}, "Flow"},
		"substitution": {localaws.Options{
			Dir: os.DirFS("testdata/app"), Functions: factories(), Template: []byte(strings.Replace(string(text), "WorkQueueUrl:", "QueueUrl:", 1)),
		}, "WorkQueueUrl"},
		"template": {localaws.Options{Dir: os.DirFS("testdata/app"), Template: []byte("Resources: {}")}, "Transform"},
	} {
		s, err := localaws.New(t.Context(), c.opts)
		if err == nil || s != nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want one with %q", name, err, c.want)
		}
	}
}
