package sqs_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/localaws/sqs"
)

func TestVisibilityTimeOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := start(t, sqs.Options{}, nil)
		s.send("x")
		first := s.receive()
		wantBodies(t, first, "x")
		time.Sleep(30*time.Second - 1)
		wantBodies(t, s.receive())
		if got := s.counts(s.url); got != "0 1 0" {
			t.Errorf("counts %q in flight", got)
		}
		time.Sleep(1)
		second := s.receive()
		wantBodies(t, second, "x")
		if *first[0].ReceiptHandle == *second[0].ReceiptHandle {
			t.Error("the second receive has the first one's handle")
		}
		if got := second[0].Attributes["ApproximateReceiveCount"]; got != "2" {
			t.Errorf("receive count %s, want 2", got)
		}
		if got, want := second[0].Attributes["ApproximateFirstReceiveTimestamp"], first[0].Attributes["ApproximateFirstReceiveTimestamp"]; got != want {
			t.Errorf("first receive at %s, want %s", got, want)
		}
		if err := s.hide(*second[0].ReceiptHandle, 0); err != nil {
			t.Fatal(err)
		}
		wantBodies(t, s.receive(), "x")
		if err := s.hide(*second[0].ReceiptHandle, 100); err != nil {
			t.Fatal(err)
		}
		time.Sleep(99 * time.Second)
		wantBodies(t, s.receive())
		wantCode(t, s.hide(*second[0].ReceiptHandle, 43_200), "InvalidParameterValue")
		time.Sleep(time.Second)
		wantCode(t, s.hide(*second[0].ReceiptHandle, 5), "") // it is visible and stays so
		s.delete(*first[0].ReceiptHandle)                    // an old handle still deletes
		wantBodies(t, s.receive())
		wantCode(t, s.hide(*second[0].ReceiptHandle, 5), "InvalidParameterValue")
		s.delete(*first[0].ReceiptHandle) // deleting twice is no error
	})
}

func TestDelaysAndRetention(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := start(t, sqs.Options{}, map[string]string{"DelaySeconds": "10", "MessageRetentionPeriod": "60"})
		s.send("queue's delay")
		if _, err := s.SendMessage(t.Context(), &awssqs.SendMessageInput{QueueUrl: &s.url, MessageBody: aws.String("own delay"), DelaySeconds: 5}); err != nil {
			t.Fatal(err)
		}
		if got := s.counts(s.url); got != "0 0 2" {
			t.Errorf("counts %q", got)
		}
		time.Sleep(5 * time.Second)
		wantBodies(t, s.receive(), "own delay")
		time.Sleep(5 * time.Second)
		wantBodies(t, s.receive(), "queue's delay")
		time.Sleep(50*time.Second - 1)
		if got := s.counts(s.url); got != "2 0 0" {
			t.Errorf("counts %q before the retention period ends", got)
		}
		time.Sleep(1)
		if got := s.counts(s.url); got != "0 0 0" {
			t.Errorf("counts %q after it", got)
		}
		wantBodies(t, s.receive())
	})
}

// TestDeadLetterOutlivesSource: a dead letter has nothing to do any more with
// the queue it came from.
func TestDeadLetterOutlivesSource(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := open(t, sqs.Options{})
		dead := s.create("dead", nil)
		s.create("jobs", map[string]string{"VisibilityTimeout": "1", "MessageRetentionPeriod": "60", "RedrivePolicy": redrive(s, 1)})
		s.send("x")
		handle := *s.receive()[0].ReceiptHandle
		time.Sleep(time.Second)
		wantBodies(t, s.receive())
		s.delete(handle)
		time.Sleep(time.Minute)
		if got := s.counts(s.url) + ", " + s.counts(dead); got != "0 0 0, 1 0 0" {
			t.Errorf("counts %q after the source's retention period", got)
		}
		time.Sleep(4*24*time.Hour - 61*time.Second)
		if got := s.counts(dead); got != "0 0 0" { // counted from when it was first sent
			t.Errorf("counts %q after the dead-letter queue's", got)
		}
	})
}

func redrive(s *stand, maxReceives int) string {
	return fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":"%d"}`, s.svc.ARN("dead"), maxReceives)
}

// A dead-letter queue says which queues may name it. The policy counts when it
// is named: a queue that was let in before stays.
func TestDeadLetterQueueChoosesItsSources(t *testing.T) {
	t.Parallel()
	s := open(t, sqs.Options{})
	jobs, other := s.svc.ARN("jobs"), s.svc.ARN("other")
	for name, c := range map[string]struct{ policy, code string }{
		"all":              {`{"redrivePermission":"allowAll"}`, ""},
		"none":             {`{"redrivePermission":"denyAll"}`, "InvalidParameterValue"},
		"this one":         {fmt.Sprintf(`{"redrivePermission":"byQueue","sourceQueueArns":[%q,%q]}`, other, jobs), ""},
		"another":          {fmt.Sprintf(`{"redrivePermission":"byQueue","sourceQueueArns":[%q]}`, other), "InvalidParameterValue"},
		"no policy at all": {"", ""},
	} {
		s.create("dead", nil)
		if _, err := s.SetQueueAttributes(t.Context(), &awssqs.SetQueueAttributesInput{
			QueueUrl: aws.String(s.svc.URL("dead")), Attributes: map[string]string{"RedriveAllowPolicy": c.policy},
		}); err != nil {
			t.Fatal(name, err)
		}
		naming := map[string]string{"RedrivePolicy": redrive(s, 2)}
		_, created := s.CreateQueue(t.Context(), &awssqs.CreateQueueInput{QueueName: aws.String("jobs"), Attributes: naming})
		s.create("jobs", nil)
		_, set := s.SetQueueAttributes(t.Context(), &awssqs.SetQueueAttributesInput{QueueUrl: &s.url, Attributes: naming})
		if codeOf(created) != c.code || codeOf(set) != c.code {
			t.Errorf("%s: created %v, set %v, want %q", name, created, set, c.code)
		}
		for _, url := range []string{s.svc.URL("dead"), s.url} {
			if _, err := s.DeleteQueue(t.Context(), &awssqs.DeleteQueueInput{QueueUrl: &url}); err != nil {
				t.Fatal(name, err)
			}
		}
	}
	dead := s.create("dead", nil)
	s.create("jobs", map[string]string{"RedrivePolicy": redrive(s, 2)})
	for _, url := range []string{dead, s.url} {
		if _, err := s.SetQueueAttributes(t.Context(), &awssqs.SetQueueAttributesInput{QueueUrl: &url, Attributes: map[string]string{
			"RedriveAllowPolicy": `{"redrivePermission":"denyAll"}`,
		}}); err != nil {
			t.Errorf("a queue closes itself to new sources: %v", err)
		}
	}
}

func TestRedriveAllowPoliciesAreChecked(t *testing.T) {
	t.Parallel()
	s := open(t, sqs.Options{})
	arns := func(n int) string {
		return "[" + strings.TrimSuffix(strings.Repeat(fmt.Sprintf("%q,", s.svc.ARN("jobs")), n), ",") + "]"
	}
	for policy, code := range map[string]string{
		`{"redrivePermission":"byQueue","sourceQueueArns":` + arns(10) + `}`: "",
		`{"redrivePermission":"byQueue","sourceQueueArns":` + arns(11) + `}`: "InvalidAttributeValue",
		`{"redrivePermission":"byQueue","sourceQueueArns":[]}`:               "InvalidAttributeValue",
		`{"redrivePermission":"byQueue","sourceQueueArns":"x"}`:              "InvalidAttributeValue",
		`{"redrivePermission":"byQueue"}`:                                    "InvalidAttributeValue",
		`{"redrivePermission":"allowAll","sourceQueueArns":` + arns(1) + `}`: "InvalidAttributeValue",
		`{"redrivePermission":"denyAll","sourceQueueArns":[]}`:               "InvalidAttributeValue",
		`{"redrivePermission":"Allow"}`:                                      "InvalidAttributeValue",
		`{"RedrivePermission":"denyAll"}`:                                    "InvalidAttributeValue",
		`{"redrivePermission":"denyAll","x":1}`:                              "InvalidAttributeValue",
		`{}`:                                                                 "InvalidAttributeValue",
		`null`:                                                               "InvalidAttributeValue",
		`no JSON`:                                                            "InvalidAttributeValue",
	} {
		_, err := s.CreateQueue(t.Context(), &awssqs.CreateQueueInput{QueueName: aws.String("dead"), Attributes: map[string]string{"RedriveAllowPolicy": policy}})
		if got := codeOf(err); got != code {
			t.Errorf("%s: %v, want %q", policy, err, code)
		}
	}
	s.create("letters", nil)
	wrong := fmt.Sprintf(`{"DeadLetterTargetArn":%q,"maxReceiveCount":2}`, s.svc.ARN("letters"))
	_, err := s.CreateQueue(t.Context(), &awssqs.CreateQueueInput{QueueName: aws.String("jobs"), Attributes: map[string]string{"RedrivePolicy": wrong}})
	wantCode(t, err, "InvalidParameterValue")
}

func TestDeadLetterQueueAndMoveTask(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "journal")
		s := open(t, sqs.Options{Journal: openJournal(t, path)})
		dead := s.create("dead", nil)
		s.create("jobs", map[string]string{"VisibilityTimeout": "1", "RedrivePolicy": redrive(s, 2)})
		id := s.send("poison")
		var sentAt string
		for range 2 {
			m := s.receive()
			wantBodies(t, m, "poison")
			sentAt = m[0].Attributes["SentTimestamp"]
			time.Sleep(time.Second)
		}
		if got := s.counts(s.url) + ", " + s.counts(dead); got != "1 0 0, 0 0 0" {
			t.Errorf("counts %q before the receive that moves it", got)
		}
		wantBodies(t, s.receive())
		s = open(t, sqs.Options{Journal: openJournal(t, path)})
		if got := s.counts(s.url) + ", " + s.counts(dead); got != "0 0 0, 1 0 0" {
			t.Errorf("counts %q after it, and a restart", got)
		}
		m := s.receiveFrom(dead, 0)
		wantBodies(t, m, "poison")
		got := []string{*m[0].MessageId, m[0].Attributes["SentTimestamp"], m[0].Attributes["DeadLetterQueueSourceArn"]}
		if diff := cmp.Diff([]string{id, sentAt, s.svc.ARN("jobs")}, got); diff != "" {
			t.Errorf("dead letter (-want +got):\n%s", diff)
		}
		time.Sleep(30 * time.Second)
		if _, err := s.StartMessageMoveTask(t.Context(), &awssqs.StartMessageMoveTaskInput{SourceArn: aws.String(s.svc.ARN("dead"))}); err != nil {
			t.Fatal(err)
		}
		m = s.receive()
		wantBodies(t, m, "poison")
		if m[0].Attributes["ApproximateReceiveCount"] != "1" || m[0].Attributes["DeadLetterQueueSourceArn"] != "" || *m[0].MessageId == id {
			t.Errorf("a redriven message is not a new one: %v", m[0].Attributes)
		}
		_, err := s.StartMessageMoveTask(t.Context(), &awssqs.StartMessageMoveTaskInput{SourceArn: aws.String(s.svc.ARN("jobs"))})
		wantCode(t, err, "InvalidParameterValue")
	})
}

func TestMoveTaskKeepsItsRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := open(t, sqs.Options{})
		dead := s.create("dead", nil)
		s.create("jobs", map[string]string{"RedrivePolicy": redrive(s, 1)})
		jobs := s.url
		s.url = dead
		for range 5 {
			s.send("x")
		}
		arn := aws.String(s.svc.ARN("dead"))
		list := func() string {
			out, err := s.ListMessageMoveTasks(t.Context(), &awssqs.ListMessageMoveTasksInput{SourceArn: arn})
			if err != nil || len(out.Results) != 1 {
				t.Fatalf("tasks %+v, %v", out, err)
			}
			r := out.Results[0]
			return fmt.Sprint(*r.Status, " ", r.ApproximateNumberOfMessagesMoved, " of ", *r.ApproximateNumberOfMessagesToMove, " ", aws.ToString(r.FailureReason))
		}
		if _, err := s.StartMessageMoveTask(t.Context(), &awssqs.StartMessageMoveTaskInput{SourceArn: arn}); err != nil {
			t.Fatal(err)
		}
		if got := list(); got[:13] != "FAILED 0 of 5" { // sent here, not dead-lettered: no way back
			t.Errorf("task without destination: %s", got)
		}
		if got := s.counts(dead); got != "5 0 0" {
			t.Errorf("counts %q after the failed task", got)
		}
		_, err := s.StartMessageMoveTask(t.Context(), &awssqs.StartMessageMoveTaskInput{SourceArn: arn, DestinationArn: aws.String(s.svc.ARN("jobs")), MaxNumberOfMessagesPerSecond: aws.Int32(2)})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for range 3 {
			synctest.Wait()
			got = append(got, list()+s.counts(jobs))
			time.Sleep(time.Second)
		}
		want := []string{"RUNNING 2 of 5 2 0 0", "RUNNING 4 of 5 4 0 0", "COMPLETED 5 of 5 5 0 0"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("progress (-want +got):\n%s", diff)
		}
	})
}

func TestRestartKeepsEveryMessage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "journal")
		s := start(t, sqs.Options{Journal: openJournal(t, path)}, nil)
		for _, body := range []string{"deleted", "in flight", "changed"} {
			s.send(body)
		}
		taken := s.receive()
		s.delete(*taken[0].ReceiptHandle)
		if err := s.hide(*taken[2].ReceiptHandle, 60); err != nil {
			t.Fatal(err)
		}
		s.send("ready")
		if _, err := s.SendMessage(t.Context(), &awssqs.SendMessageInput{QueueUrl: &s.url, MessageBody: aws.String("delayed"), DelaySeconds: 100}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		s = open(t, sqs.Options{Journal: openJournal(t, path)})
		if got := s.counts(s.url); got != "1 2 1" {
			t.Errorf("counts %q after the restart", got)
		}
		wantBodies(t, s.receive(), "ready")
		time.Sleep(29 * time.Second)
		m := s.receive()
		wantBodies(t, m, "in flight")
		if m[0].Attributes["ApproximateReceiveCount"] != "2" {
			t.Errorf("receive count %s, want 2", m[0].Attributes["ApproximateReceiveCount"])
		}
		s.delete(*taken[1].ReceiptHandle) // a handle from before the restart
		time.Sleep(30 * time.Second)
		wantBodies(t, s.receive(), "ready", "changed")
		time.Sleep(40 * time.Second)
		wantBodies(t, s.receive(), "changed", "ready", "delayed")
	})
}

func TestDisturbedDelivery(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := start(t, sqs.Options{Disturb: func(queue string) sqs.Disturbance {
			if queue != "jobs" {
				return sqs.Disturbance{}
			}
			return sqs.Disturbance{Duplicates: 1, Delay: 3 * time.Second, Behind: time.Hour}
		}}, nil)
		id := s.send("x")
		wantBodies(t, s.receive())
		time.Sleep(3 * time.Second)
		first, err := s.ReceiveMessage(t.Context(), &awssqs.ReceiveMessageInput{QueueUrl: &s.url})
		if err != nil {
			t.Fatal(err)
		}
		wantBodies(t, first.Messages, "x")
		s.delete(*first.Messages[0].ReceiptHandle)
		wantBodies(t, s.receive())
		time.Sleep(time.Hour)
		second := s.receive()
		wantBodies(t, second, "x")
		if *first.Messages[0].MessageId != id || *second[0].MessageId != id {
			t.Error("the duplicate has another message id")
		}
		s.delete(*second[0].ReceiptHandle)
		if got := s.counts(s.url); got != "0 0 0" {
			t.Errorf("counts %q", got)
		}
	})
}

func TestQuietGroupsGoFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := start(t, sqs.Options{}, nil)
		send := func(group string, n int) {
			for range n {
				if _, err := s.SendMessage(t.Context(), &awssqs.SendMessageInput{QueueUrl: &s.url, MessageBody: &group, MessageGroupId: &group}); err != nil {
					t.Fatal(err)
				}
			}
		}
		send("noisy", 45)
		send("quiet", 3)
		var got []string
		for range 5 {
			got = append(got, bodies(s.receive())...)
		}
		if len(got) != 48 {
			t.Fatalf("received %d messages, want 48", len(got))
		}
		// 30 in flight make a group noisy; what it holds comes last, but comes.
		if want := []string{"noisy", "quiet", "quiet", "quiet", "noisy"}; !slices.Equal(got[29:34], want) {
			t.Errorf("order around the 30th receive: %v, want %v", got[29:34], want)
		}
		time.Sleep(30 * time.Second)
		if got := len(s.receive()); got != 10 {
			t.Errorf("%d messages after the time-out, want 10", got)
		}
	})
}
