package store

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/messageai/sluice/internal/fault"
)

// sealer encrypts personal data under one data key per team (AES-256-GCM),
// itself wrapped by the KMS key of the deployment. Forgetting a team's data key
// makes everything sealed under it unreadable.
type sealer struct {
	store *Store
	kms   *kms.Client

	turn chan struct{} // held while a key is fetched, so that concurrent callers share it
	mu   sync.RWMutex
	keys map[string]*dataKey
}

type dataKey struct {
	aead cipher.AEAD
	mac  []byte // for keyed hashes
}

// key returns the team's data key, making it at the team's first use. Two
// workers that make it at once agree: the loser of the conditional write reads
// the winner's.
func (s *sealer) key(ctx context.Context, team string) (*dataKey, error) {
	if k := s.known(team); k != nil {
		return k, nil
	}
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if k := s.known(team); k != nil {
		return k, nil
	}
	wrapped, err := s.wrapped(ctx, team)
	if err != nil {
		return nil, failure("store.data_key", err)
	}
	out, err := s.kms.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: wrapped, KeyId: s.keyID(), EncryptionContext: map[string]string{"team": team}})
	if err != nil {
		return nil, failure("store.data_key", err)
	}
	k, err := newDataKey(out.Plaintext)
	if err != nil {
		return nil, failure("store.data_key", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys[team] = k
	return k, nil
}

// keyID is the key that a wrapped key must be of; nil leaves it to KMS to find it.
func (s *sealer) keyID() *string {
	if s.store.opts.KeyID == "" {
		return nil
	}
	return &s.store.opts.KeyID
}

func (s *sealer) known(team string) *dataKey {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.keys[team]
}

func (s *sealer) wrapped(ctx context.Context, team string) ([]byte, error) {
	type record struct {
		Wrapped []byte `dynamodbav:"wrapped"`
	}
	var rec record
	pk := "TEAM#" + team
	for {
		found, err := s.store.get(ctx, s.store.opts.Core, pk, "DATAKEY", &rec)
		if err != nil || found {
			return rec.Wrapped, err
		}
		out, err := s.kms.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{
			KeyId: &s.store.opts.KeyID, KeySpec: kmstypes.DataKeySpecAes256, EncryptionContext: map[string]string{"team": team},
		})
		if err != nil {
			return nil, err
		}
		err = s.store.put(ctx, s.store.opts.Core, pk, "DATAKEY", record{Wrapped: out.CiphertextBlob}, notExists)
		if _, lost := conditionFailed(err); err != nil && !lost {
			return nil, err
		}
	}
}

func newDataKey(plain []byte) (*dataKey, error) {
	if len(plain) != 32 {
		return nil, fmt.Errorf("data key has %d bytes, want 32", len(plain))
	}
	derive := func(purpose string) []byte {
		h := hmac.New(sha256.New, plain)
		h.Write([]byte(purpose))
		return h.Sum(nil)
	}
	block, err := aes.NewCipher(derive("sluice seal v1"))
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	return &dataKey{aead: aead, mac: derive("sluice hash v1")}, nil
}

// seal encrypts plain; context is bound to the result and must be given again
// to open it, so that a sealed value cannot be moved to another place.
func (s *sealer) seal(ctx context.Context, team, context string, plain []byte) ([]byte, error) {
	k, err := s.key(ctx, team)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, k.aead.NonceSize(), k.aead.NonceSize()+len(plain)+k.aead.Overhead())
	if _, err := rand.Read(nonce); err != nil {
		return nil, err
	}
	return k.aead.Seal(nonce, nonce, plain, []byte(context)), nil
}

func (s *sealer) open(ctx context.Context, team, context string, sealed []byte) ([]byte, error) {
	k, err := s.key(ctx, team)
	if err != nil {
		return nil, err
	}
	n := k.aead.NonceSize()
	if len(sealed) < n {
		return nil, errSealed
	}
	plain, err := k.aead.Open(nil, sealed[:n], sealed[n:], []byte(context))
	if err != nil {
		return nil, errSealed
	}
	return plain, nil
}

var errSealed = fault.Wrap(fault.Internal, "store.open", errors.New("sealed data does not open with this team's key"))

// hash returns a keyed hash of s: equal for equal values within a team, useless
// to anybody without the team's key.
func (s *sealer) hash(ctx context.Context, team, value string) (string, error) {
	k, err := s.key(ctx, team)
	if err != nil {
		return "", err
	}
	h := hmac.New(sha256.New, k.mac)
	h.Write([]byte(value))
	return hex.EncodeToString(h.Sum(nil)[:16]), nil
}
