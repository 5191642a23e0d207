package secretsmanager

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/messageai/sluice/internal/localaws/parity"
)

func createCases() []parity.Case {
	return []parity.Case{
		bare("CreateSecret", "answer", func(ctx context.Context, b bench) error {
			out, err := b.client.CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: b.name, ClientRequestToken: aws.String(token1), SecretString: aws.String("one")})
			if err != nil {
				return err
			}
			b.Note("name", out.Name)
			b.Note("version", out.VersionId)
			b.Note("ARN", named(out.ARN))
			return b.versions(ctx, "versions")
		}),
		bare("CreateSecret", "binary", func(ctx context.Context, b bench) error {
			_, err := b.client.CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: b.name, ClientRequestToken: aws.String(token1), SecretBinary: []byte{0, 255}})
			if err != nil {
				return err
			}
			b.value(ctx, "get", secretsmanager.GetSecretValueInput{})
			return nil
		}),
		bare("CreateSecret", "without-a-value", func(ctx context.Context, b bench) error {
			out, err := b.client.CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: b.name, Description: aws.String("later")})
			if err != nil {
				return err
			}
			b.Note("version", out.VersionId)
			b.value(ctx, "get", secretsmanager.GetSecretValueInput{})
			got, err := b.client.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: b.name})
			if err != nil {
				return err
			}
			b.Note("description", got.Description)
			return nil
		}),
		bare("CreateSecret", "exists", func(ctx context.Context, b bench) error {
			b.Failed("first", b.create(ctx, token1, "one"))
			b.Failed("another token", b.create(ctx, token2, "one"))
			return nil
		}),
		bare("CreateSecret", "the-same-request-again", func(ctx context.Context, b bench) error {
			b.Failed("first", b.create(ctx, token1, "one"))
			b.Failed("again", b.create(ctx, token1, "one"))
			b.Failed("another value", b.create(ctx, token1, "two"))
			return nil
		}),
		bare("CreateSecret", "refused", func(ctx context.Context, b bench) error {
			_, err := b.client.CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: aws.String(b.Name("not allowed!")), SecretString: aws.String("one")})
			b.Failed("name", err)
			return nil
		}),
		bare("CreateSecret", "value-too-long", func(ctx context.Context, b bench) error {
			b.Failed("65,537 bytes", b.create(ctx, token1, strings.Repeat("x", 65_537)))
			b.Failed("65,536 bytes", b.create(ctx, token1, strings.Repeat("x", 65_536)))
			return nil
		}),
		bare("CreateSecret", "string-and-binary", func(ctx context.Context, b bench) error {
			_, err := b.client.CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: b.name, SecretString: aws.String("one"), SecretBinary: []byte("one")})
			b.Failed("create", err)
			return nil
		}),
	}
}

func writeCases() []parity.Case {
	return []parity.Case{
		on("PutSecretValue", "moves-the-labels", func(ctx context.Context, b bench) error {
			out, err := b.put(ctx, token2, "two")
			if err != nil {
				return err
			}
			b.Note("version", out.VersionId)
			b.Note("stages", out.VersionStages)
			if err := b.versions(ctx, "versions"); err != nil {
				return err
			}
			b.value(ctx, "current", secretsmanager.GetSecretValueInput{})
			b.value(ctx, "previous", secretsmanager.GetSecretValueInput{VersionStage: aws.String("AWSPREVIOUS")})
			if _, err := b.put(ctx, token3, "three"); err != nil {
				return err
			}
			if err := b.versions(ctx, "after a third"); err != nil {
				return err
			}
			b.value(ctx, "the first by its id", secretsmanager.GetSecretValueInput{VersionId: aws.String(token1)})
			return nil
		}),
		on("PutSecretValue", "the-same-request-again", func(ctx context.Context, b bench) error {
			for _, c := range []struct{ what, value string }{{"first", "two"}, {"again", "two"}, {"another value", "three"}} {
				_, err := b.put(ctx, token2, c.value)
				b.Failed(c.what, err)
			}
			b.value(ctx, "current", secretsmanager.GetSecretValueInput{})
			return b.versions(ctx, "versions")
		}),
		on("PutSecretValue", "with-a-label-of-its-own", func(ctx context.Context, b bench) error {
			out, err := b.put(ctx, token2, "two", "AWSPENDING")
			if err != nil {
				return err
			}
			b.Note("stages", out.VersionStages)
			b.value(ctx, "current", secretsmanager.GetSecretValueInput{})
			b.value(ctx, "pending", secretsmanager.GetSecretValueInput{VersionStage: aws.String("AWSPENDING")})
			return b.versions(ctx, "versions")
		}),
		bare("PutSecretValue", "first-value", func(ctx context.Context, b bench) error {
			if _, err := b.client.CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: b.name}); err != nil {
				return err
			}
			out, err := b.put(ctx, token1, "one")
			if err != nil {
				return err
			}
			b.Note("stages", out.VersionStages)
			b.value(ctx, "current", secretsmanager.GetSecretValueInput{})
			return nil
		}),
		on("PutSecretValue", "missing", func(ctx context.Context, b bench) error {
			b.name = aws.String(b.Name("none"))
			_, err := b.put(ctx, token1, "one")
			b.Failed("no such secret", err)
			return nil
		}),
		on("PutSecretValue", "without-a-value", func(ctx context.Context, b bench) error {
			_, err := b.client.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: b.name})
			b.Failed("neither string nor binary", err)
			return nil
		}),
		on("PutSecretValue", "token-without-dashes", func(ctx context.Context, b bench) error {
			_, err := b.put(ctx, "0123456789abcdef0123456789abcdef", "two")
			b.Failed("32 characters", err)
			_, err = b.put(ctx, "0123456789abcdef0123456789abcde", "three")
			b.Failed("31 characters", err)
			b.value(ctx, "current", secretsmanager.GetSecretValueInput{})
			return nil
		}),
		// A key that is taken back: both labels leave its version, which can still be
		// read by its id until Secrets Manager deletes it.
		on("PutSecretValue", "twice-empty", func(ctx context.Context, b bench) error {
			for _, token := range []string{token2, token3} {
				if _, err := b.put(ctx, token, "{}"); err != nil {
					return err
				}
			}
			for _, stage := range []string{"AWSCURRENT", "AWSPREVIOUS"} {
				b.value(ctx, stage, secretsmanager.GetSecretValueInput{VersionStage: aws.String(stage)})
			}
			b.value(ctx, "by its id", secretsmanager.GetSecretValueInput{VersionId: aws.String(token1)})
			return nil
		}),
		on("PutSecretValue", "short-token", func(ctx context.Context, b bench) error {
			_, err := b.put(ctx, "short", "two")
			b.Failed("put", err)
			return nil
		}),
		on("UpdateSecret", "description", func(ctx context.Context, b bench) error {
			out, err := b.client.UpdateSecret(ctx, &secretsmanager.UpdateSecretInput{SecretId: b.name, Description: aws.String("keys")})
			if err != nil {
				return err
			}
			b.Note("version", out.VersionId)
			got, err := b.client.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: b.name})
			if err != nil {
				return err
			}
			b.Note("description", got.Description)
			return b.versions(ctx, "versions")
		}),
		on("UpdateSecret", "value", func(ctx context.Context, b bench) error {
			out, err := b.client.UpdateSecret(ctx, &secretsmanager.UpdateSecretInput{SecretId: b.name, ClientRequestToken: aws.String(token2), SecretString: aws.String("two")})
			if err != nil {
				return err
			}
			b.Note("version", out.VersionId)
			b.value(ctx, "current", secretsmanager.GetSecretValueInput{})
			return b.versions(ctx, "versions")
		}),
		on("UpdateSecret", "missing", func(ctx context.Context, b bench) error {
			_, err := b.client.UpdateSecret(ctx, &secretsmanager.UpdateSecretInput{SecretId: aws.String(b.Name("none")), Description: aws.String("keys")})
			b.Failed("no such secret", err)
			return nil
		}),
	}
}
