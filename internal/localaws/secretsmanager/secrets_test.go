package secretsmanager_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssm "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/localaws/iam"
	"github.com/messageai/sluice/internal/localaws/journal"
	"github.com/messageai/sluice/internal/localaws/meter"
	"github.com/messageai/sluice/internal/localaws/secretsmanager"
	"github.com/messageai/sluice/internal/localaws/wire"
)

// httpFunc is an aws.HTTPClient that answers in process.
type httpFunc func(*http.Request) (*http.Response, error)

func (f httpFunc) Do(r *http.Request) (*http.Response, error) { return f(r) }

func start(t *testing.T, opts secretsmanager.Options) (*secretsmanager.Service, *awssm.Client) {
	t.Helper()
	opts.Region, opts.Account = "eu-west-1", "123456789012"
	s, err := secretsmanager.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	return s, client(s, nil)
}

// client returns the real SDK client, as called by principal.
func client(s *secretsmanager.Service, principal *iam.Principal) *awssm.Client {
	return awssm.New(awssm.Options{
		Region: "eu-west-1", Retryer: aws.NopRetryer{},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "id", SecretAccessKey: "secret"}, nil
		}),
		HTTPClient: httpFunc(func(r *http.Request) (*http.Response, error) {
			_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
			w := httptest.NewRecorder()
			wire.ServeJSON(w, r, s, &wire.Call{Service: "secretsmanager", Operation: operation, RequestID: "r1", Principal: principal})
			return w.Result(), nil
		}),
	})
}

// token returns a ClientRequestToken of legal length.
func token(n int) *string { return aws.String(fmt.Sprintf("token-%026d", n)) }

func create(t *testing.T, c *awssm.Client, name, value string) string {
	t.Helper()
	out, err := c.CreateSecret(t.Context(), &awssm.CreateSecretInput{Name: &name, SecretString: &value, ClientRequestToken: token(1)})
	if err != nil {
		t.Fatal(err)
	}
	return *out.ARN
}

func put(c *awssm.Client, id, value string, n int, stages ...string) error {
	_, err := c.PutSecretValue(context.Background(), &awssm.PutSecretValueInput{SecretId: &id, SecretString: &value, ClientRequestToken: token(n), VersionStages: stages})
	return err
}

// stages returns the staging labels as "token number: labels".
func stages(t *testing.T, c *awssm.Client, id string) []string {
	t.Helper()
	out, err := c.DescribeSecret(t.Context(), &awssm.DescribeSecretInput{SecretId: &id})
	if err != nil {
		t.Fatal(err)
	}
	list := []string{}
	for _, version := range slices.Sorted(maps.Keys(out.VersionIdsToStages)) {
		list = append(list, strings.TrimLeft(strings.TrimPrefix(version, "token-"), "0")+": "+strings.Join(out.VersionIdsToStages[version], " "))
	}
	return list
}

func wantCode(t *testing.T, err error, want string) {
	t.Helper()
	got := ""
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		got = api.ErrorCode()
	}
	if got != want {
		t.Fatalf("error code %q, want %q (error: %v)", got, want, err)
	}
}

func TestSecretIsFoundByNameAndARN(t *testing.T) {
	t.Parallel()
	s, c := start(t, secretsmanager.Options{})
	arn := create(t, c, "team/t-abcdef", "v1")
	create(t, c, "team/t", "other") // whose partial ARN is the start of the first one's
	if arn != s.ARN("team/t-abcdef") || len(arn) != len("arn:aws:secretsmanager:eu-west-1:123456789012:secret:team/t-abcdef-123456") {
		t.Errorf("ARN %s", arn)
	}
	for _, id := range []string{"team/t-abcdef", arn, arn[:len(arn)-7]} {
		got, err := c.GetSecretValue(t.Context(), &awssm.GetSecretValueInput{SecretId: &id})
		if err != nil {
			t.Fatalf("%s: %v", id, err)
		}
		want := []string{arn, "team/t-abcdef", "v1", *token(1), "AWSCURRENT"}
		if diff := cmp.Diff(want, []string{*got.ARN, *got.Name, *got.SecretString, *got.VersionId, strings.Join(got.VersionStages, " ")}); diff != "" {
			t.Errorf("by %s (-want +got):\n%s", id, diff)
		}
	}
	for _, id := range []string{"absent", arn[:len(arn)-6] + "AAAAAA", strings.Replace(arn, "eu-west-1", "us-east-1", 1)} {
		_, err := c.GetSecretValue(t.Context(), &awssm.GetSecretValueInput{SecretId: &id})
		wantCode(t, err, "ResourceNotFoundException")
	}
}

func TestStagesMove(t *testing.T) {
	t.Parallel()
	_, c := start(t, secretsmanager.Options{})
	create(t, c, "s", "v1")
	steps := []struct {
		do   func() error
		want []string
	}{
		{func() error { return put(c, "s", "v2", 2) }, []string{"1: AWSPREVIOUS", "2: AWSCURRENT"}},
		{func() error { return put(c, "s", "v3", 3, "AWSPENDING") }, []string{"1: AWSPREVIOUS", "2: AWSCURRENT", "3: AWSPENDING"}},
		{func() error {
			_, err := c.UpdateSecretVersionStage(t.Context(), &awssm.UpdateSecretVersionStageInput{SecretId: aws.String("s"), VersionStage: aws.String("AWSCURRENT"), MoveToVersionId: token(3), RemoveFromVersionId: token(2)})
			return err
		}, []string{"2: AWSPREVIOUS", "3: AWSCURRENT AWSPENDING"}},
		{func() error {
			_, err := c.UpdateSecretVersionStage(t.Context(), &awssm.UpdateSecretVersionStageInput{SecretId: aws.String("s"), VersionStage: aws.String("AWSPENDING"), RemoveFromVersionId: token(3)})
			return err
		}, []string{"2: AWSPREVIOUS", "3: AWSCURRENT"}},
		{func() error { // back to the version before
			_, err := c.UpdateSecretVersionStage(t.Context(), &awssm.UpdateSecretVersionStageInput{SecretId: aws.String("s"), VersionStage: aws.String("AWSCURRENT"), MoveToVersionId: token(2), RemoveFromVersionId: token(3)})
			return err
		}, []string{"2: AWSCURRENT", "3: AWSPREVIOUS"}},
		{func() error {
			_, err := c.UpdateSecret(t.Context(), &awssm.UpdateSecretInput{SecretId: aws.String("s"), SecretString: aws.String("v4"), ClientRequestToken: token(4)})
			return err
		}, []string{"2: AWSPREVIOUS", "4: AWSCURRENT"}},
	}
	for i, step := range steps {
		if err := step.do(); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
		if diff := cmp.Diff(step.want, stages(t, c, "s")); diff != "" {
			t.Fatalf("after step %d (-want +got):\n%s", i, diff)
		}
	}
	for stage, want := range map[string]string{"": "v4", "AWSPREVIOUS": "v2"} {
		in := &awssm.GetSecretValueInput{SecretId: aws.String("s")}
		if stage != "" {
			in.VersionStage = &stage
		}
		if got, err := c.GetSecretValue(t.Context(), in); err != nil || *got.SecretString != want {
			t.Errorf("stage %q: %v, want %s", stage, err, want)
		}
	}
	got, err := c.GetSecretValue(t.Context(), &awssm.GetSecretValueInput{SecretId: aws.String("s"), VersionId: token(1)})
	if err != nil || *got.SecretString != "v1" {
		t.Errorf("a version without labels: %v", err)
	}
	_, err = c.GetSecretValue(t.Context(), &awssm.GetSecretValueInput{SecretId: aws.String("s"), VersionStage: aws.String("AWSPENDING")})
	wantCode(t, err, "ResourceNotFoundException")
	_, err = c.UpdateSecretVersionStage(t.Context(), &awssm.UpdateSecretVersionStageInput{SecretId: aws.String("s"), VersionStage: aws.String("AWSCURRENT"), MoveToVersionId: token(3)})
	wantCode(t, err, "InvalidParameterException")
}

func TestTokenMakesWritesIdempotent(t *testing.T) {
	t.Parallel()
	_, c := start(t, secretsmanager.Options{})
	create(t, c, "s", "v1")
	create(t, c, "s", "v1")
	_, err := c.CreateSecret(t.Context(), &awssm.CreateSecretInput{Name: aws.String("s"), SecretString: aws.String("v1"), ClientRequestToken: token(9)})
	wantCode(t, err, "ResourceExistsException")
	for range 2 {
		if err := put(c, "s", "v2", 2); err != nil {
			t.Fatal(err)
		}
	}
	if err := put(c, "s", "v1", 1); err != nil { // the first one again, late: moves no label
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"1: AWSPREVIOUS", "2: AWSCURRENT"}, stages(t, c, "s")); diff != "" {
		t.Errorf("stages (-want +got):\n%s", diff)
	}
	wantCode(t, put(c, "s", "another", 2), "ResourceExistsException")
	_, err = c.PutSecretValue(t.Context(), &awssm.PutSecretValueInput{SecretId: aws.String("s"), SecretString: aws.String("x"), ClientRequestToken: aws.String("short")})
	wantCode(t, err, "InvalidParameterException")
	out, err := c.PutSecretValue(t.Context(), &awssm.PutSecretValueInput{SecretId: aws.String("s"), SecretBinary: []byte{0, 255}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.GetSecretValue(t.Context(), &awssm.GetSecretValueInput{SecretId: aws.String("s"), VersionId: out.VersionId})
	if err != nil || !slices.Equal(got.SecretBinary, []byte{0, 255}) || got.SecretString != nil {
		t.Errorf("binary value: %+v, %v", got, err)
	}
}

func TestDeletionAndRecovery(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "journal")
		reopen := func() *awssm.Client {
			j, err := journal.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = j.Close() })
			_, c := start(t, secretsmanager.Options{Journal: j})
			return c
		}
		c := reopen()
		create(t, c, "s", "v1")
		create(t, c, "forced", "v1")
		remove := func() {
			t.Helper()
			out, err := c.DeleteSecret(t.Context(), &awssm.DeleteSecretInput{SecretId: aws.String("s"), RecoveryWindowInDays: aws.Int64(7)})
			if err != nil {
				t.Fatal(err)
			}
			if got := time.Until(*out.DeletionDate); got != 7*24*time.Hour {
				t.Errorf("deletion in %s", got)
			}
		}
		remove()
		c = reopen()
		_, err := c.GetSecretValue(t.Context(), &awssm.GetSecretValueInput{SecretId: aws.String("s")})
		wantCode(t, err, "InvalidRequestException")
		wantCode(t, put(c, "s", "v2", 2), "InvalidRequestException")
		_, err = c.CreateSecret(t.Context(), &awssm.CreateSecretInput{Name: aws.String("s"), SecretString: aws.String("v1")})
		wantCode(t, err, "InvalidRequestException")
		describe, err := c.DescribeSecret(t.Context(), &awssm.DescribeSecretInput{SecretId: aws.String("s")})
		if err != nil || !describe.DeletedDate.Equal(time.Now()) {
			t.Errorf("describe: %+v, %v", describe, err)
		}
		names := func(planned bool) []string {
			out, err := c.ListSecrets(t.Context(), &awssm.ListSecretsInput{IncludePlannedDeletion: &planned})
			if err != nil {
				t.Fatal(err)
			}
			list := []string{}
			for _, s := range out.SecretList {
				list = append(list, *s.Name)
			}
			return list
		}
		if diff := cmp.Diff([][]string{{"forced"}, {"forced", "s"}}, [][]string{names(false), names(true)}); diff != "" {
			t.Errorf("lists (-want +got):\n%s", diff)
		}
		if _, err := c.RestoreSecret(t.Context(), &awssm.RestoreSecretInput{SecretId: aws.String("s")}); err != nil {
			t.Fatal(err)
		}
		if got, err := c.GetSecretValue(t.Context(), &awssm.GetSecretValueInput{SecretId: aws.String("s")}); err != nil || *got.SecretString != "v1" {
			t.Errorf("restored: %v", err)
		}
		remove()
		time.Sleep(7*24*time.Hour - 1)
		if got := names(true); len(got) != 2 {
			t.Errorf("just before the end: %v", got)
		}
		time.Sleep(1)
		if got := names(true); len(got) != 1 {
			t.Errorf("after the end: %v", got)
		}
		_, err = c.DeleteSecret(t.Context(), &awssm.DeleteSecretInput{SecretId: aws.String("forced"), ForceDeleteWithoutRecovery: aws.Bool(true)})
		wantCode(t, err, "")
		_, err = c.DescribeSecret(t.Context(), &awssm.DescribeSecretInput{SecretId: aws.String("forced")})
		wantCode(t, err, "ResourceNotFoundException")
		c = reopen()
		if got := names(true); len(got) != 0 {
			t.Errorf("after a restart: %v", got)
		}
	})
}

func TestListPagesAndFilters(t *testing.T) {
	t.Parallel()
	_, c := start(t, secretsmanager.Options{})
	for _, name := range []string{"b/2", "a", "b/1", "b/3"} {
		create(t, c, name, "x")
	}
	in := &awssm.ListSecretsInput{MaxResults: aws.Int32(2), Filters: []types.Filter{{Key: types.FilterNameStringTypeName, Values: []string{"b/"}}}}
	var got [][]string
	for {
		out, err := c.ListSecrets(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		page := []string{}
		for _, s := range out.SecretList {
			page = append(page, *s.Name)
		}
		got = append(got, page)
		if in.NextToken = out.NextToken; in.NextToken == nil {
			break
		}
	}
	if diff := cmp.Diff([][]string{{"b/1", "b/2"}, {"b/3"}}, got); diff != "" {
		t.Errorf("pages (-want +got):\n%s", diff)
	}
	_, err := c.ListSecrets(t.Context(), &awssm.ListSecretsInput{Filters: []types.Filter{{Key: types.FilterNameStringTypeTagKey, Values: []string{"x"}}}})
	wantCode(t, err, "InvalidParameterException")
}

func TestRolesAreHeldToTheirPolicy(t *testing.T) {
	t.Parallel()
	var m meter.Meter
	s, root := start(t, secretsmanager.Options{Meter: &m})
	create(t, root, "mine", "v")
	create(t, root, "other", "v")
	before := m.Read()
	c := client(s, &iam.Principal{Name: "Worker", ARN: "arn:aws:iam::1:role/Worker", Statements: []iam.Statement{
		{Effect: "Allow", Actions: []string{"secretsmanager:GetSecretValue"}, Resources: []string{"arn:aws:secretsmanager:eu-west-1:123456789012:secret:mine-??????"}},
	}})
	if _, err := c.GetSecretValue(t.Context(), &awssm.GetSecretValueInput{SecretId: aws.String("mine")}); err != nil {
		t.Errorf("allowed read: %v", err)
	}
	for _, id := range []string{"other", "absent"} {
		_, err := c.GetSecretValue(t.Context(), &awssm.GetSecretValueInput{SecretId: &id})
		wantCode(t, err, "AccessDeniedException")
	}
	wantCode(t, put(c, "mine", "v2", 2), "AccessDeniedException")
	if got := m.Read().Sub(before).Count(meter.SecretsRequests); got != 1 {
		t.Errorf("%v requests metered, want 1", got)
	}
}

// TestOldVersionsAreForgotten: what nothing refers to does not grow for ever.
func TestOldVersionsAreForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, c := start(t, secretsmanager.Options{})
		create(t, c, "s", "v1")
		write := func(n int) {
			t.Helper()
			if err := put(c, "s", fmt.Sprint(n), n); err != nil {
				t.Fatal(err)
			}
		}
		want := func(n int, code string) {
			t.Helper()
			_, err := c.GetSecretValue(t.Context(), &awssm.GetSecretValueInput{SecretId: aws.String("s"), VersionId: token(n)})
			wantCode(t, err, code)
		}
		for n := 2; n <= 110; n++ {
			write(n)
		}
		want(1, "") // too many, but not old enough
		time.Sleep(24 * time.Hour)
		write(111)
		want(9, "ResourceNotFoundException")
		want(10, "")
		want(111, "")
	})
}
