package localaws_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	runtime "github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/localaws"
	"github.com/messageai/sluice/internal/localaws/lambda"
	"github.com/messageai/sluice/internal/localaws/meter"
	localsqs "github.com/messageai/sluice/internal/localaws/sqs"
)

// put sends PUT /items/{id} to the HTTP API.
func put(s *localaws.Stack, id string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.HTTPAPI().ServeHTTP(w, httptest.NewRequest(http.MethodPut, "/items/"+id, strings.NewReader("content of "+id)))
	return w
}

// done returns how often an item was worked on, "" if it is not there.
func done(t *testing.T, s *localaws.Stack, id string) string {
	t.Helper()
	out, err := dynamodb.NewFromConfig(config(t, s, "")).GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String("app-ItemsTable"), Key: keyOf(id)})
	if err != nil {
		t.Fatal(err)
	}
	n, _ := out.Item["done"].(*types.AttributeValueMemberN)
	if n == nil {
		return ""
	}
	return n.Value
}

func send(t *testing.T, s *localaws.Stack, bodies ...string) {
	t.Helper()
	queues := sqs.NewFromConfig(config(t, s, ""))
	for _, body := range bodies {
		if _, err := queues.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: aws.String(s.Output("QueueUrl")), MessageBody: aws.String(body)}); err != nil {
			t.Fatal(err)
		}
	}
}

// left counts a queue's messages, visible and not.
func left(t *testing.T, s *localaws.Stack, name string) string {
	t.Helper()
	out, err := sqs.NewFromConfig(config(t, s, "")).GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{
		QueueUrl:       aws.String("https://sqs.us-east-1.amazonaws.com/123456789012/app-" + name),
		AttributeNames: []sqstypes.QueueAttributeName{"ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.Attributes["ApproximateNumberOfMessages"] + "+" + out.Attributes["ApproximateNumberOfMessagesNotVisible"]
}

func status(t *testing.T, s *localaws.Stack, execution string) string {
	t.Helper()
	out, err := sfn.NewFromConfig(config(t, s, "")).DescribeExecution(t.Context(), &sfn.DescribeExecutionInput{ExecutionArn: aws.String(execution)})
	if err != nil {
		t.Fatal(err)
	}
	return string(out.Status) + " " + aws.ToString(out.Output)
}

func TestEverythingTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, localaws.Options{})
		defer closeStack(t, s)
		w := put(s, "a1")
		if w.Code != 202 || w.Header().Get("X-User") != "api" || w.Header().Get("X-Length") != "24" {
			t.Fatalf("got status %d, body %s, headers %v", w.Code, w.Body, w.Header())
		}
		time.Sleep(time.Second)
		if got := status(t, s, w.Body.String()); got != `SUCCEEDED {"ok":true}` {
			t.Errorf("execution: got %s", got)
		}
		if got := done(t, s, "a1"); got != "1" {
			t.Errorf("worked %q times on the item, want 1", got)
		}
		object, err := s3.NewFromConfig(config(t, s, "")).GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("app-filesbucket-123456789012"), Key: aws.String("in/a1")})
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(object.Body)
		if err := errors.Join(err, object.Body.Close()); err != nil || string(content) != "content of a1" {
			t.Errorf("object: got %q and error %v", content, err)
		}
		if got := left(t, s, "WorkQueue"); got != "0+0" {
			t.Errorf("queue has %s messages left, want none", got)
		}
		key, err := kms.NewFromConfig(config(t, s, "")).DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: aws.String("alias/data")})
		if err != nil || *key.KeyMetadata.KeyId != s.Template().Keys[0].ID {
			t.Errorf("key: got %v and error %v, want the template's", key, err)
		}
		r := s.Meter().Read()
		got := map[string]float64{}
		for _, u := range []meter.Unit{meter.HTTPAPIRequests, meter.LambdaRequests, meter.WriteUnits, meter.S3Writes, meter.SecretsRequests} {
			got[u.String()] = r.Count(u)
		}
		want := map[string]float64{"httpAPIRequests": 1, "lambdaInvocations": 3, "writeUnits": 2, "s3Writes": 1, "secretsRequests": 1}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("metered: %s", diff)
		}
	})
}

func TestDeniedCallReachesTheHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, localaws.Options{})
		defer closeStack(t, s)
		w := httptest.NewRecorder()
		s.HTTPAPI().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/forbidden", nil))
		if w.Code != 502 || w.Body.String() != "AccessDeniedException" {
			t.Errorf("got status %d with %s, want the SDK's AccessDeniedException", w.Code, w.Body)
		}
		api := config(t, s, "ApiFunction")
		_, putErr := s3.NewFromConfig(api).PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("app-filesbucket-123456789012"), Key: aws.String("out/x"), Body: strings.NewReader("")})
		_, sendErr := sqs.NewFromConfig(api).SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: aws.String(s.Output("QueueUrl")), MessageBody: aws.String("x")})
		_, invokeErr := awslambda.NewFromConfig(api).Invoke(t.Context(), &awslambda.InvokeInput{FunctionName: aws.String("app-CheckFunction")})
		_, machineErr := awslambda.NewFromConfig(config(t, s, "Flow")).Invoke(t.Context(), &awslambda.InvokeInput{FunctionName: aws.String("app-CheckFunction"), Payload: []byte(`{}`)})
		got := []string{code(putErr), code(sendErr), code(invokeErr), code(machineErr)}
		if diff := cmp.Diff([]string{"AccessDenied", "AccessDenied", "AccessDeniedException", ""}, got); diff != "" {
			t.Error(diff)
		}
		if _, err := s.Config("Nobody"); err == nil {
			t.Error("configuration of an unknown principal: no error")
		}
	})
}

func code(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode()
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

func TestItemFailuresEndInTheDeadLetterQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, localaws.Options{})
		defer closeStack(t, s)
		send(t, s, `{"id":"good1"}`, `{"id":"bad"}`, `{"id":"good2"}`)
		time.Sleep(5 * time.Second)
		send(t, s, `not JSON`) // an error of the handler fails the whole batch
		time.Sleep(20 * time.Second)
		got := []string{left(t, s, "WorkQueue")}
		time.Sleep(10 * time.Minute)
		got = append(got, left(t, s, "WorkQueue"), left(t, s, "WorkDeadLetters"), done(t, s, "good1"), done(t, s, "good2"), done(t, s, "bad"))
		if diff := cmp.Diff([]string{"0+2", "0+0", "2+0", "1", "1", ""}, got); diff != "" {
			t.Error(diff)
		}
	})
}

// once is a plan that makes one thing go wrong at the first call of a service's
// operation, and notes the calls.
type once struct {
	service, operation string
	fault              localaws.Fault

	mu    sync.Mutex
	calls []string
	spent bool
}

func (o *once) BeforeCall(_ context.Context, service, operation, caller string) localaws.Fault {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.calls = append(o.calls, caller+" "+service+" "+operation)
	if o.spent || service != o.service || operation != o.operation {
		return localaws.Fault{}
	}
	o.spent = true
	return o.fault
}

func TestFaults(t *testing.T) {
	type result struct {
		Done        string
		Invocations int
		Took        bool // a visibility time-out
	}
	for name, c := range map[string]struct {
		mishap localaws.Mishap
		want   result
	}{
		"none":        {localaws.NoMishap, result{"1", 1, false}},
		"throttle":    {localaws.Throttle, result{"1", 1, false}}, // the SDK tries again
		"error":       {localaws.ServerError, result{"1", 1, false}},
		"lost answer": {localaws.LoseAnswer, result{"2", 1, false}}, // and so counts twice
		"kill before": {localaws.KillBefore, result{"1", 2, true}},
		"kill after":  {localaws.KillAfter, result{"2", 2, true}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				plan := &once{service: "dynamodb", operation: "UpdateItem", fault: localaws.Fault{Mishap: c.mishap}}
				s := open(t, localaws.Options{Faults: plan})
				defer closeStack(t, s)
				send(t, s, `{"id":"x"}`)
				time.Sleep(25 * time.Second)
				took := left(t, s, "WorkQueue") != "0+0"
				time.Sleep(time.Minute)
				invocations, inits := s.Functions().Counts("app-WorkFunction")
				if diff := cmp.Diff(c.want, result{done(t, s, "x"), invocations, took}); diff != "" {
					t.Error(diff)
				}
				if inits != c.want.Invocations {
					t.Errorf("got %d sandboxes, want a new one after a kill: %d", inits, c.want.Invocations)
				}
				if got := left(t, s, "WorkQueue") + " " + left(t, s, "WorkDeadLetters"); got != "0+0 0+0" {
					t.Errorf("messages left: %s", got)
				}
			})
		})
	}
}

// stubborn goes on after a failed call, as code with a detached context does.
type stubborn struct {
	tables  *dynamodb.Client
	secrets *secretsmanager.Client
	tried   *atomic.Int64
}

func (h stubborn) Invoke(ctx context.Context, _ []byte) ([]byte, error) {
	_, err := h.secrets.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String("app-ApiSecret")})
	for err != nil && h.tried.Load() < 2 {
		h.tried.Add(1)
		_, err = h.tables.PutItem(context.WithoutCancel(ctx), &dynamodb.PutItemInput{TableName: aws.String("app-ItemsTable"), Item: keyOf("x")})
	}
	return []byte(`{"statusCode":200}`), nil
}

func TestAKilledWorkerHasNoFurtherEffect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		plan := &once{service: "secretsmanager", operation: "GetSecretValue", fault: localaws.Fault{Mishap: localaws.KillAfter, Delay: time.Second}}
		functions, tried := factories(), atomic.Int64{}
		functions["api"] = func(_ context.Context, _ map[string]string, cfg aws.Config) (lambda.Handler, error) {
			return stubborn{dynamodb.NewFromConfig(cfg), secretsmanager.NewFromConfig(cfg), &tried}, nil
		}
		s := open(t, localaws.Options{Faults: plan, Functions: functions})
		defer closeStack(t, s)
		began := time.Now()
		if w := put(s, "x"); w.Code != 500 {
			t.Errorf("got status %d, want 500 from a killed worker", w.Code)
		}
		if took := time.Since(began); took != time.Second {
			t.Errorf("took %s, want the delay of a second", took)
		}
		time.Sleep(5 * time.Minute)
		out, err := dynamodb.NewFromConfig(config(t, s, "")).GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String("app-ItemsTable"), Key: keyOf("x")})
		if err != nil || len(out.Item) > 0 || tried.Load() != 2 {
			t.Errorf("after %d calls of a dead worker: got item %v and error %v, want 2 calls and nothing", tried.Load(), out.Item, err)
		}
		if diff := cmp.Diff([]string{"app-ApiFunction secretsmanager GetSecretValue", " dynamodb GetItem"}, plan.calls); diff != "" {
			t.Errorf("calls that could go wrong: %s", diff)
		}
	})
}

func TestDuplicateDelivery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, localaws.Options{Disturb: func(queue string) localsqs.Disturbance {
			if queue != "app-WorkQueue" {
				return localsqs.Disturbance{}
			}
			return localsqs.Disturbance{Duplicates: 1, Delay: time.Minute}
		}})
		defer closeStack(t, s)
		send(t, s, `{"id":"x"}`)
		time.Sleep(59 * time.Second)
		early := done(t, s, "x")
		time.Sleep(2 * time.Second)
		if got := done(t, s, "x"); early != "" || got != "2" {
			t.Errorf("worked %q times before the delay and %q after it, want none and 2", early, got)
		}
	})
}

// roundTripper counts what reaches a provider.
type roundTripper struct{ reached int }

func (r *roundTripper) RoundTrip(*http.Request) (*http.Response, error) {
	r.reached++
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
}

func TestProviderCallsOfAKilledWorker(t *testing.T) {
	for _, c := range []struct {
		mishap  localaws.Mishap
		reached int
	}{{localaws.KillBefore, 0}, {localaws.KillAfter, 1}} {
		synctest.Test(t, func(t *testing.T) {
			plan := &once{service: "api.provider.example", operation: "GET /v1/person", fault: localaws.Fault{Mishap: c.mishap}}
			provider := &roundTripper{}
			through := localaws.Transport(provider, plan)
			functions := factories()
			var errs []error
			functions["check"] = func(context.Context, map[string]string, aws.Config) (lambda.Handler, error) {
				return runtime.NewHandler(func(ctx context.Context) error {
					for range 2 {
						r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://api.provider.example/v1/person?key=x", nil)
						if err != nil {
							return err
						}
						res, err := through.RoundTrip(r)
						if err == nil {
							err = res.Body.Close()
						}
						errs = append(errs, err)
					}
					return nil
				}), nil
			}
			s := open(t, localaws.Options{Functions: functions})
			defer closeStack(t, s)
			result, err := s.Functions().Invoke(t.Context(), "app-CheckFunction", []byte(`{}`))
			synctest.Wait()
			if err != nil || result.FunctionError != "Unhandled" || !strings.Contains(string(result.Payload), "Runtime.ExitError") {
				t.Errorf("got %s and error %v, want Runtime.ExitError", result.Payload, err)
			}
			if provider.reached != c.reached || len(errs) != 2 || !errors.Is(errs[0], lambda.ErrDead) || !errors.Is(errs[1], lambda.ErrDead) {
				t.Errorf("%d calls reached the provider with errors %v, want %d and two of a dead worker", provider.reached, errs, c.reached)
			}
		})
	}
}

// always makes the same thing go wrong with every call.
type always localaws.Mishap

func (a always) BeforeCall(context.Context, string, string, string) localaws.Fault {
	return localaws.Fault{Mishap: localaws.Mishap(a)}
}

// TestRefusals: a refused call must look to the SDK as the service's own error,
// so that it is tried again or not as on AWS.
func TestRefusals(t *testing.T) {
	calls := map[string]func(context.Context, aws.Config) error{
		"dynamodb": func(ctx context.Context, cfg aws.Config) error {
			_, err := dynamodb.NewFromConfig(cfg).ListTables(ctx, &dynamodb.ListTablesInput{})
			return err
		},
		"sqs": func(ctx context.Context, cfg aws.Config) error {
			_, err := sqs.NewFromConfig(cfg).ListQueues(ctx, &sqs.ListQueuesInput{})
			return err
		},
		"s3": func(ctx context.Context, cfg aws.Config) error {
			_, err := s3.NewFromConfig(cfg).ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: aws.String("b")})
			return err
		},
		"lambda": func(ctx context.Context, cfg aws.Config) error {
			_, err := awslambda.NewFromConfig(cfg).ListFunctions(ctx, &awslambda.ListFunctionsInput{})
			return err
		},
		"secretsmanager": func(ctx context.Context, cfg aws.Config) error {
			_, err := secretsmanager.NewFromConfig(cfg).ListSecrets(ctx, &secretsmanager.ListSecretsInput{})
			return err
		},
	}
	for mishap, want := range map[localaws.Mishap]map[string]string{
		localaws.Throttle: {
			"dynamodb": "ThrottlingException", "sqs": "RequestThrottled", "s3": "SlowDown", "lambda": "TooManyRequestsException", "secretsmanager": "ThrottlingException",
		},
		localaws.ServerError: {
			"dynamodb": "InternalServerError", "sqs": "InternalServerError", "s3": "InternalError", "lambda": "ServiceException", "secretsmanager": "InternalServerError",
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := open(t, localaws.Options{Faults: always(mishap)})
			defer closeStack(t, s)
			cfg := config(t, s, "")
			got := map[string]string{}
			for service, call := range calls {
				began := time.Now()
				got[service] = code(call(t.Context(), cfg))
				if time.Since(began) == 0 {
					t.Errorf("%s: the SDK did not try again", service)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
