package secrets

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
)

// Known returns the record of a team's own keys, by provider.
func (s *Store) Known(ctx context.Context, team string) (map[string]domain.ProviderKey, error) {
	return s.record.ProviderKeys(ctx, team, true)
}

// Put makes fields the team's key at a provider, in place of the one that was
// there. Workers change over when the record says so, which is the last step: a
// Put that was cut off has changed nothing, and is finished by its repetition.
// The fault is Conflict if the key is not the one that was given any more.
func (s *Store) Put(ctx context.Context, team, provider string, was domain.ProviderKey, fields map[string]string, verified bool) (domain.ProviderKey, error) {
	value, err := json.Marshal(fields)
	if err != nil {
		return domain.ProviderKey{}, fault.New(fault.Internal, "secrets.put", "the key cannot be written as JSON") // the cause may quote it
	}
	sum := sha256.Sum256(value)
	next := domain.ProviderKey{Version: newVersion(), Fingerprint: hex.EncodeToString(sum[:4]), Verified: verified, ChangedAt: s.clock().UTC().Truncate(time.Second)}
	if err := s.put(ctx, place{team, provider}, next.Version, string(value)); err != nil {
		return domain.ProviderKey{}, err
	}
	return next, s.record.SetProviderKey(ctx, team, provider, &was, next)
}

// Revoke takes a team's key out of use, everywhere within ten seconds, and then
// takes the labels off its value, so that nobody gets it by the secret's name. AWS
// deletes such versions in its own time: it keeps those of the last day and up to a
// hundred, and until then who may read the secret can ask for one by its id (API
// reference of PutSecretValue). A key that has leaked must be taken back at the
// provider, too. The deployment's key does not stand in for it. It does not
// matter whether the team has a key at all: afterwards nothing is sent to the
// provider for it.
func (s *Store) Revoke(ctx context.Context, team, provider string) error {
	next := domain.ProviderKey{ChangedAt: s.clock().UTC().Truncate(time.Second)}
	if err := s.record.SetProviderKey(ctx, team, provider, nil, next); err != nil {
		return err
	}
	// The secret itself stays: a name is not free for days after a secret was
	// deleted. Two empty values take both labels off the key.
	for range 2 {
		err := s.write(ctx, place{team, provider}, newVersion(), "{}")
		if _, missing := errors.AsType[*types.ResourceNotFoundException](err); missing {
			return nil // there was none
		}
		if err != nil {
			return refusal("secrets.revoke", s.name(place{team, provider}), err)
		}
	}
	return nil
}

// put writes a secret and makes it if it is new.
func (s *Store) put(ctx context.Context, at place, version, value string) error {
	err := s.write(ctx, at, version, value)
	if _, missing := errors.AsType[*types.ResourceNotFoundException](err); !missing {
		return refusal("secrets.put", s.name(at), err)
	}
	_, err = s.client.CreateSecret(ctx, &secretsmanager.CreateSecretInput{
		Name: aws.String(s.name(at)), SecretString: &value, ClientRequestToken: &version,
		Description: aws.String("Key of team " + at.team + " at " + at.provider + "; change it with \"sluice provider\", or workers do not notice."),
	})
	if _, exists := errors.AsType[*types.ResourceExistsException](err); exists { // somebody else was first
		err = s.write(ctx, at, version, value)
	}
	return refusal("secrets.put", s.name(at), err)
}

func (s *Store) write(ctx context.Context, at place, version, value string) error {
	_, err := s.client.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: aws.String(s.name(at)), SecretString: &value, ClientRequestToken: &version})
	return err
}

// refusal is the fault of a write. The SDK's errors hold no values.
func refusal(op, name string, err error) error {
	if err == nil {
		return nil
	}
	if _, deleted := errors.AsType[*types.InvalidRequestException](err); deleted {
		return fault.New(fault.Conflict, op, "the secret "+name+" is marked for deletion; restore it in Secrets Manager and try again")
	}
	return fault.Wrap(fault.Unavailable, op, err)
}

// newVersion draws the id of a version: 32 characters, as AWS wants at least.
func newVersion() string {
	id := make([]byte, 16)
	_, _ = rand.Read(id) // never fails
	return hex.EncodeToString(id)
}
