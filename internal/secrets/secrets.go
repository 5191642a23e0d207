// Package secrets reads provider keys from Secrets Manager and keeps them in
// memory for a while: one read per function instance and ten minutes, and at
// once after a provider refused a key. It imports the AWS SDK and fault.
package secrets

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/messageai/sluice/internal/fault"
)

// life is how long a secret is believed without asking again.
const life = 10 * time.Minute

// Store reads secrets. Safe for concurrent use.
type Store struct {
	client *secretsmanager.Client
	prefix string
	now    func() time.Time

	turn  chan struct{} // held while reading, so that concurrent callers share one read
	cache map[string]entry
}

type entry struct {
	fields map[string]string
	until  time.Time
}

// New makes a store of the secrets below prefix. It does no I/O.
func New(cfg aws.Config, prefix string, now func() time.Time) *Store {
	return &Store{client: secretsmanager.NewFromConfig(cfg), prefix: prefix, now: now, turn: make(chan struct{}, 1), cache: map[string]entry{}}
}

// Name returns the name of a provider's secret.
func (s *Store) Name(provider string) string { return s.prefix + "/providers/" + provider }

// Fields returns a provider's secret: a JSON object of strings. refresh asks
// Secrets Manager even if a cached value is still young. A secret that does
// not exist is an empty object: the provider is not connected.
func (s *Store) Fields(ctx context.Context, provider string, refresh bool) (map[string]string, error) {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return nil, fault.Wrap(fault.Unavailable, "secrets.fields", ctx.Err())
	}
	if e, ok := s.cache[provider]; ok && !refresh && s.now().Before(e.until) {
		return e.fields, nil
	}
	fields := map[string]string{}
	out, err := s.client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String(s.Name(provider))})
	if _, missing := errors.AsType[*types.ResourceNotFoundException](err); missing {
		err = nil
	} else if err != nil {
		return nil, fault.Wrap(fault.Unavailable, "secrets.fields", err)
	} else if err := json.Unmarshal([]byte(aws.ToString(out.SecretString)), &fields); err != nil {
		// The cause would quote the secret.
		return nil, fault.New(fault.Unauthenticated, "secrets.fields", "the secret "+s.Name(provider)+" is not a JSON object of strings such as {\"apiKey\":\"...\"}; put it again")
	}
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, "secrets.fields", err)
	}
	s.cache[provider] = entry{fields: fields, until: s.now().Add(life)}
	return fields, nil
}
