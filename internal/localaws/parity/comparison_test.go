package parity_test

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/localaws/parity"
)

// lacking is a DynamoDB that answers {} to everything, but says of some
// operations that it does not know them.
type lacking []string

func (l lacking) Do(r *http.Request) (*http.Response, error) {
	status, body := http.StatusOK, "{}"
	if _, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), "."); slices.Contains(l, operation) {
		status, body = http.StatusBadRequest, `{"__type":"com.amazonaws.dynamodb.v20120810#UnknownOperationException"}`
	}
	return &http.Response{
		StatusCode: status, Header: http.Header{"Content-Type": {"application/x-amz-json-1.0"}},
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: r,
	}, nil
}

// about is a case that makes one call.
func about(operation string, call func(ctx context.Context, db *dynamodb.Client) error) parity.Case {
	return parity.Case{Service: "dynamodb", Operation: operation, Name: "x", Run: func(ctx context.Context, p *parity.Probe) error {
		p.Failed("call", call(ctx, dynamodb.NewFromConfig(p.Config)))
		return nil
	}}
}

// A case that a partner does not have the operation for was passed over in
// silence once: a partner that knew nothing agreed with everything. Now it has
// to be decided, as other differences have.
func TestWhatIsNotComparableIsDecided(t *testing.T) {
	t.Parallel()
	put := about("PutItem", func(ctx context.Context, db *dynamodb.Client) error {
		_, err := db.PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String("t"), Item: map[string]types.AttributeValue{}})
		return err
	})
	list := about("ListTables", func(ctx context.Context, db *dynamodb.Client) error {
		_, err := db.ListTables(ctx, &dynamodb.ListTablesInput{})
		return err
	})
	const lacksPut = "| `dynamodb/PutItem/x` | other | `lacks PutItem` | the partner's list of operations |\n"
	kept := map[string]parity.Observation{put.ID(): seen(parity.Note{What: "call", Value: "no error"}), list.ID(): seen(parity.Note{What: "call", Value: "no error"})}
	for name, c := range map[string]struct {
		lacks   lacking
		decided string
		of      string
		want    []string // what is wrong begins with
		tally   map[string]parity.Tally
	}{
		"all is there": {
			of: "dynamodb", tally: map[string]parity.Tally{"dynamodb PutItem": {parity.Same: 1}, "dynamodb ListTables": {parity.Same: 1}},
		},
		"not decided": {
			lacks: lacking{"PutItem"}, of: "dynamodb", want: []string{"dynamodb/PutItem/x"},
			tally: map[string]parity.Tally{"dynamodb PutItem": {parity.NotComparable: 1}, "dynamodb ListTables": {parity.Same: 1}},
		},
		"decided": {
			lacks: lacking{"PutItem"}, of: "dynamodb", decided: lacksPut,
			tally: map[string]parity.Tally{"dynamodb PutItem": {parity.NotComparable: 1}, "dynamodb ListTables": {parity.Same: 1}},
		},
		"decided about another operation": {
			lacks: lacking{"PutItem", "ListTables"}, of: "dynamodb", decided: lacksPut, want: []string{"dynamodb/ListTables/x"},
			tally: map[string]parity.Tally{"dynamodb PutItem": {parity.NotComparable: 1}, "dynamodb ListTables": {parity.NotComparable: 1}},
		},
		"decided about another partner": {
			lacks: lacking{"PutItem"}, of: "dynamodb", decided: strings.Replace(lacksPut, "other", "another", 1), want: []string{"dynamodb/PutItem/x"},
			tally: map[string]parity.Tally{"dynamodb PutItem": {parity.NotComparable: 1}, "dynamodb ListTables": {parity.Same: 1}},
		},
		"there by now": {
			of: "dynamodb", decided: lacksPut, want: []string{"dynamodb/PutItem/x"},
			tally: map[string]parity.Tally{"dynamodb PutItem": {parity.Same: 1}, "dynamodb ListTables": {parity.Same: 1}},
		},
		"a case that is not there": {
			of: "dynamodb", decided: strings.Replace(lacksPut, "/x", "/y", 1), want: []string{"dynamodb/PutItem/y"},
			tally: map[string]parity.Tally{"dynamodb PutItem": {parity.Same: 1}, "dynamodb ListTables": {parity.Same: 1}},
		},
		"another operation": {
			lacks: lacking{"PutItem"}, of: "dynamodb/ListTables", decided: strings.Replace(lacksPut, "/x", "/y", 1),
			tally: map[string]parity.Tally{"dynamodb ListTables": {parity.Same: 1}},
		},
		"no such operation": {of: "dynamodb/List", want: []string{"dynamodb/List:"}, tally: map[string]parity.Tally{}},
	} {
		decided, err := parity.Differences(c.decided)
		if err != nil {
			t.Fatal(err)
		}
		tally, wrong := parity.Comparison{
			Partner: "other", Of: []string{c.of}, Cases: []parity.Case{put, list}, Kept: kept, Decided: decided,
			Config: aws.Config{
				Region: "us-east-1", BaseEndpoint: aws.String("http://127.0.0.1:1"), HTTPClient: c.lacks, RetryMaxAttempts: 1,
				Credentials: credentials.NewStaticCredentialsProvider("AKIAEXAMPLE", "secret", ""),
			},
		}.Run(t.Context())
		if diff := cmp.Diff(c.tally, tally); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if !slices.EqualFunc(wrong, c.want, strings.HasPrefix) {
			t.Errorf("%s: got %q, want %q", name, wrong, c.want)
		}
	}
}
