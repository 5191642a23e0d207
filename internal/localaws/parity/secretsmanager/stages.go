package secretsmanager

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/messageai/sluice/internal/localaws/parity"
)

// move moves a label and notes whether that is allowed; "" leaves a version out.
func (b bench) move(ctx context.Context, what, stage, from, to string) {
	in := &secretsmanager.UpdateSecretVersionStageInput{SecretId: b.name, VersionStage: &stage}
	if from != "" {
		in.RemoveFromVersionId = &from
	}
	if to != "" {
		in.MoveToVersionId = &to
	}
	_, err := b.client.UpdateSecretVersionStage(ctx, in)
	b.Failed(what, err)
}

func stageCases() []parity.Case {
	return []parity.Case{
		on("UpdateSecretVersionStage", "back-to-the-previous", func(ctx context.Context, b bench) error {
			if _, err := b.put(ctx, token2, "two"); err != nil {
				return err
			}
			b.move(ctx, "move", "AWSCURRENT", token2, token1)
			b.value(ctx, "current", secretsmanager.GetSecretValueInput{})
			return b.versions(ctx, "versions")
		}),
		on("UpdateSecretVersionStage", "a-label-of-its-own", func(ctx context.Context, b bench) error {
			if _, err := b.put(ctx, token2, "two"); err != nil {
				return err
			}
			b.move(ctx, "attach", "GOOD", "", token1)
			if err := b.versions(ctx, "attached"); err != nil {
				return err
			}
			b.move(ctx, "move", "GOOD", token1, token2)
			if err := b.versions(ctx, "moved"); err != nil {
				return err
			}
			b.move(ctx, "remove", "GOOD", token2, "")
			return b.versions(ctx, "removed")
		}),
		on("UpdateSecretVersionStage", "from-must-be-named", func(ctx context.Context, b bench) error {
			if _, err := b.put(ctx, token2, "two"); err != nil {
				return err
			}
			b.move(ctx, "move", "AWSCURRENT", "", token1)
			return nil
		}),
		on("UpdateSecretVersionStage", "from-must-have-it", func(ctx context.Context, b bench) error {
			if _, err := b.put(ctx, token2, "two"); err != nil {
				return err
			}
			b.move(ctx, "move", "AWSCURRENT", token1, token1)
			return nil
		}),
		on("UpdateSecretVersionStage", "version-missing", func(ctx context.Context, b bench) error {
			b.move(ctx, "move", "AWSCURRENT", token1, token3)
			return nil
		}),
	}
}

func deleteCases() []parity.Case {
	remove := func(ctx context.Context, b bench, in secretsmanager.DeleteSecretInput) error {
		if in.SecretId == nil {
			in.SecretId = b.name
		}
		_, err := b.client.DeleteSecret(ctx, &in)
		return err
	}
	return []parity.Case{
		on("DeleteSecret", "then-use", func(ctx context.Context, b bench) error {
			b.Failed("delete", remove(ctx, b, secretsmanager.DeleteSecretInput{}))
			b.value(ctx, "get", secretsmanager.GetSecretValueInput{})
			_, err := b.put(ctx, token2, "two")
			b.Failed("put", err)
			_, err = b.client.UpdateSecret(ctx, &secretsmanager.UpdateSecretInput{SecretId: b.name, Description: aws.String("x")})
			b.Failed("update", err)
			out, err := b.client.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: b.name})
			if err != nil {
				return err
			}
			b.Note("has a deletion date", out.DeletedDate != nil)
			return nil
		}),
		on("DeleteSecret", "name-stays-taken", func(ctx context.Context, b bench) error {
			if err := remove(ctx, b, secretsmanager.DeleteSecretInput{}); err != nil {
				return err
			}
			b.Failed("create", b.create(ctx, token2, "two"))
			return nil
		}),
		on("DeleteSecret", "window", func(ctx context.Context, b bench) error {
			b.Failed("six days", remove(ctx, b, secretsmanager.DeleteSecretInput{RecoveryWindowInDays: aws.Int64(6)}))
			b.Failed("31 days", remove(ctx, b, secretsmanager.DeleteSecretInput{RecoveryWindowInDays: aws.Int64(31)}))
			b.Failed("with force", remove(ctx, b, secretsmanager.DeleteSecretInput{RecoveryWindowInDays: aws.Int64(7), ForceDeleteWithoutRecovery: aws.Bool(true)}))
			b.Failed("seven days", remove(ctx, b, secretsmanager.DeleteSecretInput{RecoveryWindowInDays: aws.Int64(7)}))
			return nil
		}),
		on("DeleteSecret", "at-once", func(ctx context.Context, b bench) error {
			b.Failed("force", remove(ctx, b, secretsmanager.DeleteSecretInput{ForceDeleteWithoutRecovery: aws.Bool(true)}))
			b.value(ctx, "get", secretsmanager.GetSecretValueInput{})
			b.Failed("create again", b.create(ctx, token2, "two"))
			b.value(ctx, "get", secretsmanager.GetSecretValueInput{})
			return nil
		}),
		on("DeleteSecret", "twice", func(ctx context.Context, b bench) error {
			b.Failed("delete", remove(ctx, b, secretsmanager.DeleteSecretInput{}))
			b.Failed("now at once", remove(ctx, b, secretsmanager.DeleteSecretInput{ForceDeleteWithoutRecovery: aws.Bool(true)}))
			return nil
		}),
		on("DeleteSecret", "missing", func(ctx context.Context, b bench) error {
			b.Failed("no such secret", remove(ctx, b, secretsmanager.DeleteSecretInput{SecretId: aws.String(b.Name("none"))}))
			return nil
		}),
		on("RestoreSecret", "deleted", func(ctx context.Context, b bench) error {
			if err := remove(ctx, b, secretsmanager.DeleteSecretInput{}); err != nil {
				return err
			}
			out, err := b.client.RestoreSecret(ctx, &secretsmanager.RestoreSecretInput{SecretId: b.name})
			if err != nil {
				return err
			}
			b.Note("name", out.Name)
			b.value(ctx, "get", secretsmanager.GetSecretValueInput{})
			return nil
		}),
		on("RestoreSecret", "missing", func(ctx context.Context, b bench) error {
			_, err := b.client.RestoreSecret(ctx, &secretsmanager.RestoreSecretInput{SecretId: aws.String(b.Name("none"))})
			b.Failed("no such secret", err)
			return nil
		}),
	}
}
