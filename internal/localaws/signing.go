package localaws

import (
	"context"
	"fmt"

	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// stamp takes the place of SigV4 in calls to DynamoDB, by far the most
// frequent, from clients made by [Stack.Config]: it says who calls in the form
// of a signature, without computing one. Nobody checks signatures here.
type stamp struct{ host, authorization string }

func newStamp(region, key string) *stamp {
	return &stamp{
		host:          "dynamodb." + region + ".amazonaws.com",
		authorization: fmt.Sprintf("AWS4-HMAC-SHA256 Credential=%s/20260101/%s/dynamodb/aws4_request, SignedHeaders=host, Signature=none", key, region),
	}
}

// shorten is an API option of [aws.Config]. It leaves of a call to DynamoDB what
// decides what is sent and what the answer means: validation, serialisation,
// retries and deserialisation. Gone are the choice among endpoints and ways to
// sign, which have one outcome here, and what only adds headers, metrics and
// logs. Other services' calls stay as they are.
func (s *stamp) shorten(stack *middleware.Stack) error {
	if _, ok := stack.Deserialize.Get("DynamoDB:ResponseChecksumValidation"); !ok {
		return nil // only DynamoDB's client has it
	}
	retry, ok := stack.Finalize.Get("Retry")
	if !ok {
		return fmt.Errorf("%s: the SDK does not retry in a middleware of that name", stack.ID())
	}
	stack.Build.Clear()
	stack.Finalize.Clear()
	if err := stack.Finalize.Add(retry, middleware.After); err != nil {
		return err
	}
	if err := stack.Finalize.Add(s, middleware.After); err != nil {
		return err
	}
	for _, id := range []string{"AddRawResponseToMetadata", "RecordResponseTiming", "DynamoDB:ResponseChecksumValidation", "RequestResponseLogger"} {
		if _, err := stack.Deserialize.Remove(id); err != nil {
			return err
		}
	}
	return nil
}

// ID implements middleware.FinalizeMiddleware.
func (*stamp) ID() string { return "Signing" }

// HandleFinalize implements middleware.FinalizeMiddleware.
func (s *stamp) HandleFinalize(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
	r, ok := in.Request.(*smithyhttp.Request)
	if !ok {
		return middleware.FinalizeOutput{}, middleware.Metadata{}, fmt.Errorf("unexpected request %T", in.Request)
	}
	r.URL.Scheme, r.URL.Host = "https", s.host
	r.Header.Set("Authorization", s.authorization)
	return next.HandleFinalize(ctx, in)
}
