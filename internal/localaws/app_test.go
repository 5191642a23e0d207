package localaws_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	awslambda "github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/smithy-go"

	"github.com/messageai/sluice/internal/localaws"
	"github.com/messageai/sluice/internal/localaws/lambda"
)

// factories are the functions of testdata/app, written as product code would
// be: clients from the configuration, names from the environment.
func factories() map[string]localaws.Factory {
	return map[string]localaws.Factory{"api": newAPI, "check": newCheck, "work": newWork}
}

// open returns a running stack of testdata/app.
func open(t *testing.T, opts localaws.Options) *localaws.Stack {
	t.Helper()
	opts.Dir, opts.StackName = os.DirFS("testdata/app"), "app"
	if opts.Functions == nil {
		opts.Functions = factories()
	}
	s, err := localaws.New(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	return s
}

func closeStack(t *testing.T, s *localaws.Stack) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func config(t *testing.T, s *localaws.Stack, principal string) aws.Config {
	t.Helper()
	cfg, err := s.Config(principal)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func keyOf(id string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: id}, "sk": &types.AttributeValueMemberS{Value: "-"}}
}

// newAPI takes PUT /items/{id}: it keeps the item and a file, and starts the
// state machine. Any other path tries what the role does not allow.
func newAPI(_ context.Context, env map[string]string, cfg aws.Config) (lambda.Handler, error) {
	tables, files, secrets, machines := dynamodb.NewFromConfig(cfg), s3.NewFromConfig(cfg), secretsmanager.NewFromConfig(cfg), sfn.NewFromConfig(cfg)
	return awslambda.NewHandler(func(ctx context.Context, e events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
		fail := func(err error) (events.APIGatewayV2HTTPResponse, error) {
			if e, ok := errors.AsType[smithy.APIError](err); ok {
				return events.APIGatewayV2HTTPResponse{StatusCode: 502, Body: e.ErrorCode()}, nil
			}
			return events.APIGatewayV2HTTPResponse{}, err
		}
		id := e.PathParameters["id"]
		if id == "" {
			_, err := tables.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: aws.String(env["TABLE"]), Key: keyOf("x")})
			return fail(err)
		}
		secret, err := secrets.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String(env["SECRET"])})
		if err != nil {
			return fail(err)
		}
		if _, err := tables.PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String(env["TABLE"]), Item: keyOf(id)}); err != nil {
			return fail(err)
		}
		if _, err := files.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(env["BUCKET"]), Key: aws.String("in/" + id), Body: strings.NewReader(e.Body)}); err != nil {
			return fail(err)
		}
		run, err := machines.StartExecution(ctx, &sfn.StartExecutionInput{
			StateMachineArn: aws.String(env["MACHINE"]), Name: aws.String(id), Input: aws.String(fmt.Sprintf(`{"id":%q}`, id)),
		})
		if err != nil {
			return fail(err)
		}
		var value struct{ User, Password string }
		if err := json.Unmarshal([]byte(*secret.SecretString), &value); err != nil {
			return fail(err)
		}
		return events.APIGatewayV2HTTPResponse{StatusCode: 202, Body: *run.ExecutionArn, Headers: map[string]string{
			"x-user": value.User, "x-length": fmt.Sprint(len(value.Password)),
		}}, nil
	}), nil
}

func newCheck(context.Context, map[string]string, aws.Config) (lambda.Handler, error) {
	return awslambda.NewHandler(func(_ context.Context, in map[string]any) (map[string]any, error) {
		if in["id"] == "rejected" {
			return nil, errors.New("no")
		}
		return in, nil
	}), nil
}

// newWork counts each message in its item and answers its token. An id that
// begins with "bad" is an item failure.
func newWork(_ context.Context, env map[string]string, cfg aws.Config) (lambda.Handler, error) {
	tables, machines := dynamodb.NewFromConfig(cfg), sfn.NewFromConfig(cfg)
	return awslambda.NewHandler(func(ctx context.Context, e events.SQSEvent) (events.SQSEventResponse, error) {
		var out events.SQSEventResponse
		for _, m := range e.Records {
			var job struct{ ID, Token string }
			if err := json.Unmarshal([]byte(m.Body), &job); err != nil {
				return out, err
			}
			if strings.HasPrefix(job.ID, "bad") {
				out.BatchItemFailures = append(out.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: m.MessageId})
				continue
			}
			if _, err := tables.UpdateItem(ctx, &dynamodb.UpdateItemInput{
				TableName: aws.String(env["TABLE"]), Key: keyOf(job.ID), UpdateExpression: aws.String("ADD done :one"),
				ExpressionAttributeValues: map[string]types.AttributeValue{":one": &types.AttributeValueMemberN{Value: "1"}},
			}); err != nil {
				return out, err
			}
			if job.Token == "" {
				continue
			}
			if _, err := machines.SendTaskSuccess(ctx, &sfn.SendTaskSuccessInput{TaskToken: aws.String(job.Token), Output: aws.String(`{"ok":true}`)}); err != nil {
				return out, err
			}
		}
		return out, nil
	}), nil
}
