package kms_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"

	"github.com/messageai/sluice/internal/localaws/iam"
	"github.com/messageai/sluice/internal/localaws/journal"
	"github.com/messageai/sluice/internal/localaws/kms"
	"github.com/messageai/sluice/internal/localaws/meter"
	"github.com/messageai/sluice/internal/localaws/wire"
)

// httpFunc is an aws.HTTPClient that answers in process.
type httpFunc func(*http.Request) (*http.Response, error)

func (f httpFunc) Do(r *http.Request) (*http.Response, error) { return f(r) }

// start returns a service with the real SDK client, as called by principal.
func start(t *testing.T, opts kms.Options) (*kms.Service, *awskms.Client) {
	t.Helper()
	opts.Region, opts.Account = "eu-west-1", "123456789012"
	s, err := kms.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	return s, client(s, nil)
}

func client(s *kms.Service, principal *iam.Principal) *awskms.Client {
	return awskms.New(awskms.Options{
		Region: "eu-west-1", Retryer: aws.NopRetryer{},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "id", SecretAccessKey: "secret"}, nil
		}),
		HTTPClient: httpFunc(func(r *http.Request) (*http.Response, error) {
			_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
			w := httptest.NewRecorder()
			wire.ServeJSON(w, r, s, &wire.Call{Service: "kms", Operation: operation, RequestID: "r1", Principal: principal})
			return w.Result(), nil
		}),
	})
}

func newKey(t *testing.T, c *awskms.Client) *types.KeyMetadata {
	t.Helper()
	out, err := c.CreateKey(t.Context(), &awskms.CreateKeyInput{Description: aws.String("contact data")})
	if err != nil {
		t.Fatal(err)
	}
	return out.KeyMetadata
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

func TestDataKeySurvivesRestart(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "journal")
	reopen := func() *awskms.Client {
		j, err := journal.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = j.Close() })
		_, c := start(t, kms.Options{Journal: j})
		return c
	}
	c := reopen()
	key := newKey(t, c)
	if _, err := c.CreateAlias(t.Context(), &awskms.CreateAliasInput{AliasName: aws.String("alias/contact"), TargetKeyId: key.KeyId}); err != nil {
		t.Fatal(err)
	}
	team := map[string]string{"team": "t1", "purpose": "contact"}
	data, err := c.GenerateDataKey(t.Context(), &awskms.GenerateDataKeyInput{KeyId: aws.String("alias/contact"), KeySpec: types.DataKeySpecAes256, EncryptionContext: team})
	if err != nil {
		t.Fatal(err)
	}
	if len(data.Plaintext) != 32 || *data.KeyId != *key.Arn || bytes.Contains(data.CiphertextBlob, data.Plaintext) {
		t.Errorf("data key of %d bytes under %s", len(data.Plaintext), *data.KeyId)
	}
	c = reopen()
	out, err := c.Decrypt(t.Context(), &awskms.DecryptInput{CiphertextBlob: data.CiphertextBlob, EncryptionContext: team})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(out.Plaintext, data.Plaintext) || *out.KeyId != *key.Arn {
		t.Errorf("decrypted to %x under %s", out.Plaintext, *out.KeyId)
	}
	for _, name := range []string{*key.KeyId, *key.Arn, "alias/contact", "arn:aws:kms:eu-west-1:123456789012:alias/contact"} {
		got, err := c.DescribeKey(t.Context(), &awskms.DescribeKeyInput{KeyId: &name})
		if err != nil || *got.KeyMetadata.Arn != *key.Arn || *got.KeyMetadata.Description != "contact data" {
			t.Errorf("describe by %s: %v", name, err)
		}
	}
}

func TestWrongContextKeyOrBlob(t *testing.T) {
	t.Parallel()
	_, c := start(t, kms.Options{})
	ctx := t.Context()
	key, other := newKey(t, c), newKey(t, c)
	team := map[string]string{"team": "t1"}
	sealed, err := c.Encrypt(ctx, &awskms.EncryptInput{KeyId: key.Arn, Plaintext: []byte("secret"), EncryptionContext: team})
	if err != nil {
		t.Fatal(err)
	}
	again, err := c.Encrypt(ctx, &awskms.EncryptInput{KeyId: key.Arn, Plaintext: []byte("secret"), EncryptionContext: team})
	if err != nil || bytes.Equal(again.CiphertextBlob, sealed.CiphertextBlob) {
		t.Errorf("encrypting twice gave the same blob (%v)", err)
	}
	decrypt := func(blob []byte, context map[string]string, keyID *string) error {
		out, err := c.Decrypt(ctx, &awskms.DecryptInput{CiphertextBlob: blob, EncryptionContext: context, KeyId: keyID})
		if err == nil && string(out.Plaintext) != "secret" {
			t.Errorf("decrypted to %q", out.Plaintext)
		}
		return err
	}
	if err := decrypt(sealed.CiphertextBlob, team, key.KeyId); err != nil {
		t.Fatal(err)
	}
	const invalid = "InvalidCiphertextException"
	wantCode(t, decrypt(sealed.CiphertextBlob, nil, nil), invalid)
	wantCode(t, decrypt(sealed.CiphertextBlob, map[string]string{"team": "t2"}, nil), invalid)
	wantCode(t, decrypt(sealed.CiphertextBlob, map[string]string{"team": "t1", "x": ""}, nil), invalid)
	wantCode(t, decrypt(sealed.CiphertextBlob, team, other.KeyId), "IncorrectKeyException")
	wantCode(t, decrypt([]byte("short"), team, nil), invalid)
	for i := range sealed.CiphertextBlob { // every byte is authenticated
		torn := bytes.Clone(sealed.CiphertextBlob)
		torn[i] ^= 1
		wantCode(t, decrypt(torn, team, nil), invalid)
	}
	_, elsewhere := start(t, kms.Options{})
	_, err = elsewhere.Decrypt(ctx, &awskms.DecryptInput{CiphertextBlob: sealed.CiphertextBlob, EncryptionContext: team})
	wantCode(t, err, invalid)
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	_, c := start(t, kms.Options{})
	ctx := t.Context()
	key := newKey(t, c)
	_, err := c.DescribeKey(ctx, &awskms.DescribeKeyInput{KeyId: aws.String("alias/absent")})
	wantCode(t, err, "NotFoundException")
	_, err = c.Encrypt(ctx, &awskms.EncryptInput{KeyId: key.KeyId, Plaintext: make([]byte, 4097)})
	wantCode(t, err, "ValidationException")
	_, err = c.GenerateDataKey(ctx, &awskms.GenerateDataKeyInput{KeyId: key.KeyId})
	wantCode(t, err, "ValidationException")
	_, err = c.CreateAlias(ctx, &awskms.CreateAliasInput{AliasName: aws.String("alias/aws/s3"), TargetKeyId: key.KeyId})
	wantCode(t, err, "InvalidAliasNameException")
	for _, want := range []string{"", "AlreadyExistsException"} {
		_, err = c.CreateAlias(ctx, &awskms.CreateAliasInput{AliasName: aws.String("alias/a"), TargetKeyId: key.KeyId})
		wantCode(t, err, want)
	}
	_, err = c.CreateKey(ctx, &awskms.CreateKeyInput{KeySpec: types.KeySpecRsa2048})
	wantCode(t, err, "UnsupportedOperationException")
	_, err = c.ListKeys(ctx, &awskms.ListKeysInput{})
	wantCode(t, err, "UnknownOperationException")
}

func TestRolesAreHeldToTheirPolicy(t *testing.T) {
	t.Parallel()
	var m meter.Meter
	s, root := start(t, kms.Options{Meter: &m})
	key, other := newKey(t, root), newKey(t, root)
	c := client(s, &iam.Principal{Name: "Worker", ARN: "arn:aws:iam::1:role/Worker", Statements: []iam.Statement{
		{Effect: "Allow", Actions: []string{"kms:GenerateDataKey"}, Resources: []string{*key.Arn}},
	}})
	data, err := c.GenerateDataKey(t.Context(), &awskms.GenerateDataKeyInput{KeyId: key.KeyId, NumberOfBytes: aws.Int32(16)})
	if err != nil || len(data.Plaintext) != 16 {
		t.Fatalf("allowed data key: %v", err)
	}
	if got := m.Read().Count(meter.KMSRequests); got != 3 {
		t.Errorf("%v requests metered, want 3", got)
	}
	_, err = c.GenerateDataKey(t.Context(), &awskms.GenerateDataKeyInput{KeyId: other.KeyId, NumberOfBytes: aws.Int32(16)})
	wantCode(t, err, "AccessDeniedException")
	_, err = c.Decrypt(t.Context(), &awskms.DecryptInput{CiphertextBlob: data.CiphertextBlob})
	wantCode(t, err, "AccessDeniedException")
	_, err = c.CreateKey(t.Context(), &awskms.CreateKeyInput{})
	wantCode(t, err, "AccessDeniedException")
}
