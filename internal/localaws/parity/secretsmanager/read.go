package secretsmanager

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/messageai/sluice/internal/localaws/parity"
)

func readCases() []parity.Case {
	return []parity.Case{
		on("GetSecretValue", "by-name-id-and-stage", func(ctx context.Context, b bench) error {
			b.value(ctx, "by name", secretsmanager.GetSecretValueInput{})
			b.value(ctx, "by version", secretsmanager.GetSecretValueInput{VersionId: aws.String(token1)})
			b.value(ctx, "by stage", secretsmanager.GetSecretValueInput{VersionStage: aws.String("AWSCURRENT")})
			b.value(ctx, "by both", secretsmanager.GetSecretValueInput{VersionId: aws.String(token1), VersionStage: aws.String("AWSCURRENT")})
			return nil
		}),
		on("GetSecretValue", "by-ARN", func(ctx context.Context, b bench) error {
			out, err := b.client.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: b.name})
			if err != nil {
				return err
			}
			whole := aws.ToString(out.ARN)
			b.value(ctx, "whole", secretsmanager.GetSecretValueInput{SecretId: out.ARN})
			b.value(ctx, "without the suffix", secretsmanager.GetSecretValueInput{SecretId: aws.String(whole[:len(whole)-7])})
			b.value(ctx, "with another suffix", secretsmanager.GetSecretValueInput{SecretId: aws.String(whole[:len(whole)-6] + "000000")})
			return nil
		}),
		on("GetSecretValue", "missing", func(ctx context.Context, b bench) error {
			b.value(ctx, "secret", secretsmanager.GetSecretValueInput{SecretId: aws.String(b.Name("none"))})
			b.value(ctx, "version", secretsmanager.GetSecretValueInput{VersionId: aws.String(token2)})
			b.value(ctx, "stage", secretsmanager.GetSecretValueInput{VersionStage: aws.String("AWSPREVIOUS")})
			return nil
		}),
		on("GetSecretValue", "version-and-stage-differ", func(ctx context.Context, b bench) error {
			if _, err := b.put(ctx, token2, "two"); err != nil {
				return err
			}
			b.value(ctx, "get", secretsmanager.GetSecretValueInput{VersionId: aws.String(token1), VersionStage: aws.String("AWSCURRENT")})
			return nil
		}),
		on("DescribeSecret", "members", func(ctx context.Context, b bench) error {
			out, err := b.client.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: b.name})
			if err != nil {
				return err
			}
			b.Note("name", out.Name)
			b.Note("ARN", named(out.ARN))
			b.Note("description", out.Description)
			b.Note("created", out.CreatedDate != nil)
			b.Note("changed", out.LastChangedDate != nil)
			b.Note("accessed", out.LastAccessedDate != nil)
			b.Note("deleted", out.DeletedDate != nil)
			b.value(ctx, "then", secretsmanager.GetSecretValueInput{})
			out, err = b.client.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: b.name})
			if err != nil {
				return err
			}
			b.Note("accessed", out.LastAccessedDate != nil)
			_, err = b.client.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: aws.String(b.Name("none"))})
			b.Failed("no such secret", err)
			return nil
		}),
		bare("ListSecrets", "prefix-and-pages", listSecrets),
	}
}

func listSecrets(ctx context.Context, b bench) error {
	for _, name := range []string{"list/a", "list/b", "list/c", "other"} {
		if _, err := b.client.CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: aws.String(b.Name(name)), SecretString: aws.String("x")}); err != nil {
			return err
		}
	}
	if _, err := b.client.DeleteSecret(ctx, &secretsmanager.DeleteSecretInput{SecretId: aws.String(b.Name("list/b"))}); err != nil {
		return err
	}
	list := func(what string, in *secretsmanager.ListSecretsInput) (*string, error) {
		in.Filters = []types.Filter{{Key: types.FilterNameStringTypeName, Values: []string{b.Name("list/")}}}
		out, err := b.client.ListSecrets(ctx, in)
		if err != nil {
			return nil, err
		}
		names := []string{}
		for _, s := range out.SecretList {
			names = append(names, aws.ToString(s.Name))
		}
		slices.Sort(names)
		b.Note(what, names)
		return out.NextToken, nil
	}
	if _, err := list("all", &secretsmanager.ListSecretsInput{}); err != nil {
		return err
	}
	if _, err := list("and those to be deleted", &secretsmanager.ListSecretsInput{IncludePlannedDeletion: aws.Bool(true)}); err != nil {
		return err
	}
	found := 0
	in := &secretsmanager.ListSecretsInput{MaxResults: aws.Int32(1)}
	for {
		token, err := list("page", in)
		if err != nil {
			return err
		}
		found++
		if token == nil || found == 5 {
			b.Note("pages", found)
			return nil
		}
		in = &secretsmanager.ListSecretsInput{MaxResults: aws.Int32(1), NextToken: token}
	}
}
