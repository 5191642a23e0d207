// Package kms has the behaviour cases of its service; see package parity.
package kms

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/messageai/sluice/internal/localaws/parity"
)

// Cases returns all cases of the service.
func Cases() []parity.Case {
	return []parity.Case{
		on("DescribeKey", "made-by-create", describe),
		on("DescribeKey", "absent", func(ctx context.Context, p *parity.Probe, c *sdk.Client, _ string) error {
			_, err := c.DescribeKey(ctx, &sdk.DescribeKeyInput{KeyId: aws.String("00000000-0000-0000-0000-000000000000")})
			p.Failed("describe", err)
			return nil
		}),
		on("GenerateDataKey", "opens-again", generate),
		on("GenerateDataKey", "other-context", otherContext),
		on("GenerateDataKey", "both-lengths", func(ctx context.Context, p *parity.Probe, c *sdk.Client, key string) error {
			_, err := c.GenerateDataKey(ctx, &sdk.GenerateDataKeyInput{KeyId: &key, KeySpec: types.DataKeySpecAes256, NumberOfBytes: aws.Int32(32)})
			p.Failed("generate", err)
			return nil
		}),
		on("Decrypt", "bent", bent),
		on("Decrypt", "other-key", otherKey),
	}
}

// on makes a case that has a client and a key of its own.
func on(operation, name string, run func(ctx context.Context, p *parity.Probe, c *sdk.Client, key string) error) parity.Case {
	return parity.Case{Service: "kms", Operation: operation, Name: name, Run: func(ctx context.Context, p *parity.Probe) error {
		c := sdk.NewFromConfig(p.Config)
		key, err := c.CreateKey(ctx, &sdk.CreateKeyInput{Description: aws.String("data keys")})
		if err != nil {
			return err
		}
		return run(ctx, p, c, aws.ToString(key.KeyMetadata.KeyId))
	}}
}

func describe(ctx context.Context, p *parity.Probe, c *sdk.Client, key string) error {
	out, err := c.DescribeKey(ctx, &sdk.DescribeKeyInput{KeyId: &key})
	if err != nil {
		return err
	}
	m := out.KeyMetadata
	p.Note("key", map[string]any{
		"description": m.Description, "usage": m.KeyUsage, "spec": m.KeySpec, "state": m.KeyState, "enabled": m.Enabled, "origin": m.Origin,
		"manager": m.KeyManager, "algorithms": m.EncryptionAlgorithms, "regions": aws.ToBool(m.MultiRegion), "same": aws.ToString(m.KeyId) == key,
	})
	return nil
}

// newDataKey makes a data key for the team acme.
func newDataKey(ctx context.Context, c *sdk.Client, key string) (*sdk.GenerateDataKeyOutput, error) {
	return c.GenerateDataKey(ctx, &sdk.GenerateDataKeyInput{
		KeyId: &key, KeySpec: types.DataKeySpecAes256, EncryptionContext: map[string]string{"team": "acme"},
	})
}

func generate(ctx context.Context, p *parity.Probe, c *sdk.Client, key string) error {
	made, err := newDataKey(ctx, c, key)
	if err != nil {
		return err
	}
	p.Note("bytes", len(made.Plaintext))
	opened, err := c.Decrypt(ctx, &sdk.DecryptInput{CiphertextBlob: made.CiphertextBlob, EncryptionContext: map[string]string{"team": "acme"}})
	if err != nil {
		return err
	}
	p.Note("opened", map[string]any{
		"same": string(opened.Plaintext) == string(made.Plaintext), "algorithm": opened.EncryptionAlgorithm, "key": aws.ToString(opened.KeyId) == aws.ToString(made.KeyId),
	})
	return nil
}

func otherContext(ctx context.Context, p *parity.Probe, c *sdk.Client, key string) error {
	made, err := newDataKey(ctx, c, key)
	if err != nil {
		return err
	}
	for _, with := range []map[string]string{{"team": "rival"}, {"team": "acme", "more": "x"}, nil} {
		_, err := c.Decrypt(ctx, &sdk.DecryptInput{CiphertextBlob: made.CiphertextBlob, KeyId: &key, EncryptionContext: with})
		p.Failed("decrypt", err)
	}
	return nil
}

func bent(ctx context.Context, p *parity.Probe, c *sdk.Client, key string) error {
	made, err := newDataKey(ctx, c, key)
	if err != nil {
		return err
	}
	made.CiphertextBlob[len(made.CiphertextBlob)-1] ^= 1
	_, err = c.Decrypt(ctx, &sdk.DecryptInput{CiphertextBlob: made.CiphertextBlob, KeyId: &key, EncryptionContext: map[string]string{"team": "acme"}})
	p.Failed("one bit", err)
	_, err = c.Decrypt(ctx, &sdk.DecryptInput{CiphertextBlob: []byte("no ciphertext"), KeyId: &key})
	p.Failed("not a ciphertext", err)
	return nil
}

func otherKey(ctx context.Context, p *parity.Probe, c *sdk.Client, key string) error {
	made, err := newDataKey(ctx, c, key)
	if err != nil {
		return err
	}
	second, err := c.CreateKey(ctx, &sdk.CreateKeyInput{})
	if err != nil {
		return err
	}
	_, err = c.Decrypt(ctx, &sdk.DecryptInput{CiphertextBlob: made.CiphertextBlob, KeyId: second.KeyMetadata.KeyId, EncryptionContext: map[string]string{"team": "acme"}})
	p.Failed("decrypt", err)
	return nil
}
