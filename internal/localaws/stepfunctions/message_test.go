package stepfunctions_test

import (
	"context"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/localaws/iam"
	"github.com/messageai/sluice/internal/localaws/stepfunctions"
	"github.com/messageai/sluice/internal/localaws/wire"
)

// queue takes messages, or refuses them.
type queue struct {
	*world
	refuses bool
}

func (q *queue) SendMessage(ctx context.Context, role *iam.Principal, input json.RawMessage) (json.RawMessage, error) {
	if q.refuses {
		return nil, wire.Errorf(400, "QueueDoesNotExist", "The specified queue does not exist.")
	}
	_, err := q.world.SendMessage(ctx, role, input)
	return json.RawMessage(`{"MessageId":"5fea7756-0ea4-451a-a703-a558b933e274","MD5OfMessageBody":"fafb00f5732ab283681e124bf8747ed1"}`), err
}

// What a state gets for a message that it sent, with and without a token, is what
// AWS was recorded to give machines in JSONPath (LocalStack's
// test_sqs_task_service and test_callback, April 2024), letter by letter.
func TestSentMessages(t *testing.T) {
	t.Parallel()
	const recorded = `{"MD5OfMessageBody":"fafb00f5732ab283681e124bf8747ed1","MessageId":"5fea7756-0ea4-451a-a703-a558b933e274",` +
		`"SdkHttpMetadata":{"AllHttpHeaders":{"x-amzn-RequestId":["<id>"],"connection":["keep-alive"],"Content-Length":["106"],"Date":["<date>"],"Content-Type":["application/x-amz-json-1.0"]},` +
		`"HttpHeaders":{"connection":"keep-alive","Content-Length":"106","Content-Type":"application/x-amz-json-1.0","Date":"<date>","x-amzn-RequestId":"<id>"},"HttpStatusCode":200},` +
		`"SdkResponseMetadata":{"RequestId":"<id>"}}`
	for resource, c := range map[string]struct {
		refuses bool
		want    string // events of the task
		fails   string
	}{
		"sendMessage":                  {false, "TaskScheduled TaskStarted TaskSucceeded", ""},
		"sendMessage.waitForTaskToken": {false, "TaskScheduled TaskStarted TaskSubmitted TaskSucceeded", ""},
		// The event is what the API reference calls a task that failed to submit; it
		// was seen where Batch refused a job (ASFHyP3/hyp3 pull request 805, January 2022).
		"sendMessage.waitForTaskToken, refused": {true, "TaskScheduled TaskStarted TaskSubmitFailed", "SQS.QueueDoesNotExistException"},
		"sendMessage, refused":                  {true, "TaskScheduled TaskStarted TaskFailed", "SQS.QueueDoesNotExistException"},
	} {
		t.Run(resource, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				name, _, _ := strings.Cut(resource, ",")
				w, body := newWorld(), `"b"`
				if strings.HasSuffix(name, "Token") {
					body = `{"token":"{% $states.context.Task.Token %}"}`
					w.answer = func(s *stepfunctions.Service, _, body string) { succeed(t, s, tokenOf(body), `"answer"`) }
				}
				s := newService(t, stepfunctions.Options{Integrations: &queue{world: w, refuses: c.refuses}})
				w.service = s
				defer closeService(t, s)
				arn, err := createMachine(t, s, "machine", machineOf(`"A":{"Type":"Task","Resource":"arn:aws:states:::sqs:`+name+`","Arguments":{"QueueUrl":"q","MessageBody":`+body+`},"End":true}`))
				if err != nil {
					t.Fatal(err)
				}
				x := start(t, s, arn, "one", `{}`)
				if d := waitEnded(t, s, x); d.Error != c.fails {
					t.Errorf("%+v", d)
				}
				events := history(t, s, x)
				task := events[2 : len(events)-1]
				if c.fails == "" {
					task = events[2 : len(events)-2]
					output, _ := task[2].details()["output"].(string)
					var all struct {
						SdkResponseMetadata struct{ RequestId string } //nolint:revive // AWS's name
					}
					if err := json.Unmarshal([]byte(output), &all); err != nil {
						t.Error(err)
					}
					output = strings.ReplaceAll(output, all.SdkResponseMetadata.RequestId, "<id>")
					output = regexp.MustCompile(`\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT`).ReplaceAllString(output, "<date>")
					if diff := cmp.Diff(recorded, output); diff != "" {
						t.Errorf("result (-want +got):\n%s", diff)
					}
				} else if diff := cmp.Diff(map[string]any{
					"error": c.fails, "cause": "The specified queue does not exist. (Service: SQS, Status Code: 400)", "resource": name, "resourceType": "sqs",
				}, task[2].details()); diff != "" {
					t.Errorf("failure (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(c.want, sequence(task)); diff != "" {
					t.Errorf("events (-want +got):\n%s", diff)
				}
			})
		})
	}
}
