// Package secretsmanager has the behaviour cases of its service; see package
// parity.
package secretsmanager

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/messageai/sluice/internal/localaws/parity"
)

// Cases returns all cases of the service.
func Cases() []parity.Case {
	return slices.Concat(createCases(), readCases(), writeCases(), stageCases(), deleteCases())
}

// Tokens that are version ids, so that an observation can name versions.
const (
	token1 = "11111111-1111-4111-8111-111111111111"
	token2 = "22222222-2222-4222-8222-222222222222"
	token3 = "33333333-3333-4333-8333-333333333333"
)

// bench is what a case works on: a client and the name of the case's secret.
type bench struct {
	*parity.Probe
	client *secretsmanager.Client
	name   *string
}

// bare is a case that begins without a secret.
func bare(operation, name string, run func(ctx context.Context, b bench) error) parity.Case {
	return parity.Case{Service: "secretsmanager", Operation: operation, Name: name, Run: func(ctx context.Context, p *parity.Probe) error {
		return run(ctx, bench{Probe: p, client: secretsmanager.NewFromConfig(p.Config), name: aws.String(p.Name("secret"))})
	}}
}

// on is a case that begins with a secret whose version is token1 and value "one".
func on(operation, name string, run func(ctx context.Context, b bench) error) parity.Case {
	return bare(operation, name, func(ctx context.Context, b bench) error {
		if err := b.create(ctx, token1, "one"); err != nil {
			return err
		}
		return run(ctx, b)
	})
}

func (b bench) create(ctx context.Context, token, value string) error {
	_, err := b.client.CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: b.name, ClientRequestToken: &token, SecretString: &value})
	return err
}

func (b bench) put(ctx context.Context, token, value string, stages ...string) (*secretsmanager.PutSecretValueOutput, error) {
	return b.client.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{
		SecretId: b.name, ClientRequestToken: &token, SecretString: &value, VersionStages: stages,
	})
}

// value notes the value that a request finds.
func (b bench) value(ctx context.Context, what string, in secretsmanager.GetSecretValueInput) {
	if in.SecretId == nil {
		in.SecretId = b.name
	}
	out, err := b.client.GetSecretValue(ctx, &in)
	b.Failed(what, err)
	if err != nil {
		return
	}
	slices.Sort(out.VersionStages)
	b.Note("value", map[string]any{
		"string": out.SecretString, "binary": out.SecretBinary, "version": out.VersionId, "stages": out.VersionStages, "name": out.Name, "has a time": out.CreatedDate != nil,
	})
}

// versions notes the labels of every version.
func (b bench) versions(ctx context.Context, what string) error {
	out, err := b.client.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: b.name})
	if err != nil {
		return err
	}
	for _, stages := range out.VersionIdsToStages {
		slices.Sort(stages)
	}
	b.Note(what, out.VersionIdsToStages)
	return nil
}

// named is an ARN without the account and the six characters that AWS draws.
func named(arn *string) string {
	text := aws.ToString(arn)
	text = text[strings.LastIndexByte(text, ':')+1:]
	return text[:max(0, len(text)-7)]
}
