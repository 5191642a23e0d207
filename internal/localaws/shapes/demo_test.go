package shapes_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/messageai/sluice/internal/api"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/localaws/parity/suites"
	"github.com/messageai/sluice/internal/localaws/shapes"
	"github.com/messageai/sluice/internal/practice"
)

// Every answer in a campaign has the shape that AWS publishes, and the campaign
// calls every service.
func TestAnswersOfACampaignHaveTheirShapes(t *testing.T) {
	t.Parallel()
	recorder := newRecorder(t)
	synctest.Test(t, func(t *testing.T) {
		w, err := practice.Open(t.Context(), practice.Options{Seed: 1, People: 5_000, Latency: 50 * time.Millisecond, Wrap: func(_ string, next aws.HTTPClient) aws.HTTPClient { return recorder.Wrap(next) }})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := w.Close(); err != nil {
				t.Error(err)
			}
		}()
		w.Start()
		data, err := os.ReadFile("../../cli/sample-icp.json")
		if err != nil {
			t.Fatal(err)
		}
		var icp domain.ICP
		ask(t, w, http.MethodPost, "icps", json.RawMessage(data), &icp)
		var started api.CampaignStarted
		ask(t, w, http.MethodPost, "campaigns", api.CampaignRequest{
			ICPID: icp.ID, Name: "shapes", Platforms: []string{"apollo", "googleplaces"},
		}, &started)
		status := api.CampaignStatus{Status: string(domain.RunRunning)}
		for n := 0; status.Status == string(domain.RunRunning) && n < 10_000; n++ {
			time.Sleep(10 * time.Second)
			ask(t, w, http.MethodGet, "campaigns/"+started.CampaignID, nil, &status)
		}
		if !status.Rows.Balanced {
			t.Errorf("rows do not balance: %+v", status.Rows)
		}
		look(t, w, recorder.Wrap)
	})
	for _, complaint := range recorder.Complaints() {
		t.Error(complaint)
	}
	// The product's own calls; those of the state machine do not go through HTTP.
	seen := recorder.Seen()
	for _, answer := range []string{
		"DynamoDB GetItem 200", "DynamoDB PutItem 200", "DynamoDB Query 200", "DynamoDB TransactWriteItems 200", "DynamoDB UpdateItem 200",
		"KMS Decrypt 200", "KMS GenerateDataKey 200", "S3 GetObject 200", "S3 PutObject 200", "SFN DescribeMapRun 200", "SFN GetExecutionHistory 200",
		"SFN SendTaskSuccess 200", "SFN StartExecution 200", "Secrets Manager GetSecretValue 200", "Secrets Manager ListSecrets 200",
	} {
		if seen[answer] == 0 {
			t.Errorf("%s was not seen in %v", answer, seen)
		}
	}
	covered(t, seen)
	cases := expressionsOfCases(t)
	for member, parts := range recorder.Expressions() {
		for _, part := range parts {
			if !slices.Contains(cases[member], part) {
				t.Errorf("the product has %q in a %s, which no behaviour case has", part, member)
			}
		}
	}
	for _, member := range []string{"ConditionExpression", "KeyConditionExpression", "UpdateExpression"} {
		if len(recorder.Expressions()[member]) == 0 {
			t.Errorf("no %s was seen", member)
		}
	}
}

// expressionsOfCases are the parts of expressions with which the behaviour cases
// call DynamoDB, by the name of the request's member, as the suite keeps them.
func expressionsOfCases(t *testing.T) map[string][]string {
	t.Helper()
	data, err := os.ReadFile("../parity/suites/testdata/expressions.json")
	var kept map[string][]string
	if err == nil {
		err = json.Unmarshal(data, &kept)
	}
	if err != nil {
		t.Fatal(err)
	}
	return kept
}

// covered proves that the behaviour suite has cases for every operation that
// was called.
func covered(t *testing.T, seen map[string]int) {
	t.Helper()
	ids := map[string]string{"DynamoDB": "dynamodb", "S3": "s3", "SQS": "sqs", "SFN": "states", "Secrets Manager": "secretsmanager", "KMS": "kms", "Scheduler": "scheduler"}
	has := map[string]bool{}
	for _, c := range suites.Cases() {
		has[c.Service+" "+c.Operation] = true
	}
	for answer := range seen {
		words := strings.Split(answer, " ")
		service, operation := strings.Join(words[:len(words)-2], " "), words[len(words)-2]
		if !has[ids[service]+" "+operation] {
			t.Errorf("the product calls %s of %s, which no behaviour case covers", operation, service)
		}
	}
}

func newRecorder(t *testing.T) *shapes.Recorder {
	t.Helper()
	checker, err := shapes.NewChecker()
	if err != nil {
		t.Fatal(err)
	}
	return shapes.NewRecorder(checker)
}

// ask makes a request to the product's API, as its user.
func ask(t *testing.T, w *practice.World, method, path string, in, out any) {
	t.Helper()
	var body bytes.Buffer
	if in != nil {
		if err := json.NewEncoder(&body).Encode(in); err != nil {
			t.Fatal(err)
		}
	}
	r := httptest.NewRequestWithContext(t.Context(), method, "/api/v1/prospecting/"+path, &body)
	r.Header.Set("Authorization", "Bearer "+practice.Key)
	answer := httptest.NewRecorder()
	w.API().ServeHTTP(answer, r)
	if answer.Code >= http.StatusBadRequest {
		t.Fatalf("%s %s = %d: %s", method, path, answer.Code, answer.Body)
	}
	if err := json.Unmarshal(answer.Body.Bytes(), out); err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
}

// look reads what a user with the aws command would: executions with their
// histories and map runs, and the secrets.
func look(t *testing.T, w *practice.World, watch func(aws.HTTPClient) aws.HTTPClient) {
	t.Helper()
	cfg, err := w.Stack.Config("")
	if err != nil {
		t.Fatal(err)
	}
	cfg.HTTPClient = watch(cfg.HTTPClient)
	states := sfn.NewFromConfig(cfg)
	machines, err := states.ListStateMachines(t.Context(), &sfn.ListStateMachinesInput{})
	if err != nil {
		t.Fatal(err)
	}
	for _, machine := range machines.StateMachines {
		executions, err := states.ListExecutions(t.Context(), &sfn.ListExecutionsInput{StateMachineArn: machine.StateMachineArn})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range executions.Executions {
			if _, err := states.DescribeExecution(t.Context(), &sfn.DescribeExecutionInput{ExecutionArn: e.ExecutionArn}); err != nil {
				t.Fatal(err)
			}
			pages := sfn.NewGetExecutionHistoryPaginator(states, &sfn.GetExecutionHistoryInput{ExecutionArn: e.ExecutionArn})
			for pages.HasMorePages() {
				if _, err := pages.NextPage(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			runs, err := states.ListMapRuns(t.Context(), &sfn.ListMapRunsInput{ExecutionArn: e.ExecutionArn})
			if err != nil {
				t.Fatal(err)
			}
			for _, run := range runs.MapRuns {
				if _, err := states.DescribeMapRun(t.Context(), &sfn.DescribeMapRunInput{MapRunArn: run.MapRunArn}); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if _, err := secretsmanager.NewFromConfig(cfg).ListSecrets(t.Context(), &secretsmanager.ListSecretsInput{}); err != nil {
		t.Fatal(err)
	}
}
