// Package secrets reads and writes provider keys in Secrets Manager. A team has
// keys of its own, <prefix>/teams/<team>/<provider>; where it has none, the
// deployment's stands in, <prefix>/providers/<provider>. The team comes with the
// context.
//
// Values stay in memory, but no call is made on the word of a memory alone:
// which version of which key is in use stands in a record that all workers share
// and look at every few seconds, so that a key that was rotated or revoked is
// out of use everywhere within ten seconds ([Store.Key], docs/adr/0014-keys.md).
//
// It imports the AWS SDK, domain and fault. It is not for checking keys at their
// provider, and logs nothing.
package secrets

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
)

const (
	// life is how long the deployment's secret is believed without asking again.
	life = 10 * time.Minute
	// look is how old the record may be when a key is used.
	look = 4 * time.Second
	// believe is how old it may be while it cannot be read. After that no key is
	// used: one of them may have been revoked.
	believe = 7 * time.Second
	// patience is how long one look may take.
	patience = 2 * time.Second
)

// Record is the shared record of the teams' keys.
type Record interface {
	// ProviderKeys returns the keys that a team has, by provider. Unless it shall be
	// fresh it costs less and may miss what was written within the last second or so.
	ProviderKeys(ctx context.Context, team string, fresh bool) (map[string]domain.ProviderKey, error)
	// SetProviderKey writes one, if it is still what was given (nil: whatever it
	// is); otherwise it returns a fault Conflict.
	SetProviderKey(ctx context.Context, team, provider string, was *domain.ProviderKey, next domain.ProviderKey) error
}

// Store reads and writes secrets. Safe for concurrent use.
type Store struct {
	client *secretsmanager.Client
	record Record
	prefix string
	now    func() time.Time

	turn  chan struct{} // held while reading, so that concurrent callers share one read
	cache map[place]entry
	teams map[string]known
}

// place is where a secret is: "" is the deployment.
type place struct{ team, provider string }

type entry struct {
	fields  map[string]string
	version string // of a team's secret
	at      time.Time
}

// known is a team's part of the record as it was at a time.
type known struct {
	keys map[string]domain.ProviderKey
	at   time.Time
}

// Key is a provider's key and whose it is.
type Key struct {
	Fields map[string]string // empty: there is none
	// Account is whose key it is: the team's, or "" for the deployment's.
	Account string
	Revoked bool // there is none because the team has taken it back
}

// New makes a store of the secrets below prefix. It does no I/O.
func New(cfg aws.Config, prefix string, record Record, now func() time.Time) *Store {
	return &Store{
		client: secretsmanager.NewFromConfig(cfg), record: record, prefix: prefix, now: now,
		turn: make(chan struct{}, 1), cache: map[place]entry{}, teams: map[string]known{},
	}
}

// Name returns the name of the deployment's secret of a provider.
func (s *Store) Name(provider string) string { return s.name(place{"", provider}) }

func (s *Store) name(p place) string {
	if p.team == "" {
		return s.prefix + "/providers/" + p.provider
	}
	return s.prefix + "/teams/" + p.team + "/" + p.provider
}

// Fields is the key of the context's team, empty if there is none.
func (s *Store) Fields(ctx context.Context, provider string, refresh bool) (map[string]string, error) {
	k, err := s.Key(ctx, provider, refresh)
	return k.Fields, err
}

// Key returns the key that a call for the context's team is made with now: a
// JSON object of strings. refresh looks at the record and at the deployment's
// secret even if what is in memory is young.
func (s *Store) Key(ctx context.Context, provider string, refresh bool) (Key, error) {
	asked := s.clock()
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return Key{}, fault.Wrap(fault.Unavailable, "secrets.key", ctx.Err())
	}
	team := domain.TeamOf(ctx)
	keys, err := s.keys(ctx, team, asked, refresh)
	for err == nil {
		key, own := keys[provider]
		if !own {
			break
		}
		if key.Revoked() {
			return Key{Account: team, Revoked: true, Fields: map[string]string{}}, nil
		}
		at := place{team, provider}
		if e, ok := s.cache[at]; ok { // s.keys drops what is of another version
			return Key{Account: team, Fields: e.fields}, nil
		}
		if _, err = s.read(ctx, at, key.Version); err == nil {
			keys, err = s.keys(ctx, team, asked, false) // reading took time
		}
	}
	if err != nil {
		return Key{}, err
	}
	at := place{"", provider}
	if e, ok := s.cache[at]; ok && s.young(e.at, life) && (!refresh || e.at.After(asked)) {
		return Key{Fields: e.fields}, nil
	}
	fields, err := s.read(ctx, at, "")
	return Key{Fields: fields}, err
}

// clock is the time without its monotonic part, which stands still while a
// function's sandbox is frozen.
func (s *Store) clock() time.Time { return s.now().Round(0) }

// young reports whether something that was true at a time may still be believed.
func (s *Store) young(at time.Time, life time.Duration) bool {
	age := s.clock().Sub(at)
	return age >= 0 && age < life
}

// keys returns a team's part of the record; s.turn is held.
func (s *Store) keys(ctx context.Context, team string, asked time.Time, refresh bool) (map[string]domain.ProviderKey, error) {
	if team == "" {
		return nil, nil
	}
	had := s.teams[team]
	if s.young(had.at, look) && (!refresh || had.at.After(asked)) {
		return had.keys, nil
	}
	now := known{at: s.clock()} // before the read: what is written during it may be missed
	read, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var err error
	if now.keys, err = s.record.ProviderKeys(read, team, refresh); err != nil {
		if s.young(had.at, believe) {
			return had.keys, nil
		}
		return nil, &fault.Error{Kind: fault.Unavailable, Op: "secrets.key", Message: "it cannot be told which provider keys are still good; try again", Err: err}
	}
	s.teams[team] = now
	maps.DeleteFunc(s.cache, func(p place, e entry) bool { // a key that is out of use has no business in memory
		return p.team == team && e.version != now.keys[p.provider].Version
	})
	return now.keys, nil
}

// read fetches a secret, in a version if one is given. One that does not exist
// is empty: the provider is not connected. s.turn is held.
func (s *Store) read(ctx context.Context, at place, version string) (map[string]string, error) {
	now := s.clock()
	in := &secretsmanager.GetSecretValueInput{SecretId: aws.String(s.name(at))}
	if version != "" {
		in.VersionId = &version
	}
	fields := map[string]string{}
	out, err := s.client.GetSecretValue(ctx, in)
	if _, missing := errors.AsType[*types.ResourceNotFoundException](err); missing && version == "" {
		err = nil
	} else if err != nil {
		return nil, fault.Wrap(fault.Unavailable, "secrets.key", err)
	} else if err := json.Unmarshal([]byte(aws.ToString(out.SecretString)), &fields); err != nil {
		// The cause would quote the secret.
		return nil, fault.New(fault.Unauthenticated, "secrets.key", "the secret "+s.name(at)+" is not a JSON object of strings such as {\"apiKey\":\"...\"}; put it again")
	}
	if err != nil {
		return nil, err
	}
	s.cache[at] = entry{fields: fields, version: version, at: now}
	return fields, nil
}
