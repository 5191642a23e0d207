// Package kms is AWS KMS on this machine: symmetric keys, aliases, and
// encryption with AES-256-GCM under a master key that never leaves the process
// but for the journal.
//
// It imports its siblings wire, meter and journal. It is a development tool and
// keeps no secret from whoever can read the state folder. It is not for
// asymmetric keys, HMAC, grants or key policies.
package kms

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/messageai/sluice/internal/localaws/journal"
	"github.com/messageai/sluice/internal/localaws/meter"
	"github.com/messageai/sluice/internal/localaws/wire"
)

const journalName = "kms"

// Options configures a [Service].
type Options struct {
	Region  string
	Account string
	Meter   *meter.Meter     // nil counts nothing
	Journal *journal.Journal // nil remembers nothing
}

// Service is the keys of one account in one region. Its methods may be called
// from many goroutines.
type Service struct {
	opts    Options
	mu      sync.RWMutex
	keys    map[string]*key   // by id
	aliases map[string]string // "alias/name" to key id
}

// key is a key as the journal keeps it; it never changes.
type key struct {
	ID          string `json:"id"`
	Master      []byte `json:"master"` // 32 bytes
	Description string `json:"description,omitempty"`
	Created     int64  `json:"created"` // Unix milliseconds
}

// record is one change, as the journal keeps it: a new key, or an alias.
type record struct {
	Key    *key   `json:"key,omitempty"`
	Alias  string `json:"alias,omitempty"`
	Target string `json:"target,omitempty"`
}

// New returns the service with the keys that its journal remembers.
func New(opts Options) (*Service, error) {
	s := &Service{opts: opts, keys: map[string]*key{}, aliases: map[string]string{}}
	for _, raw := range opts.Journal.Past(journalName) {
		var r record
		if err := json.Unmarshal(raw, &r); err != nil {
			return nil, fmt.Errorf("replay kms journal: %w", err)
		}
		if r.Key != nil {
			s.keys[r.Key.ID] = r.Key
		} else {
			s.aliases[r.Alias] = r.Target
		}
	}
	return s, nil
}

// Handle answers one call of the JSON protocol.
func (s *Service) Handle(_ context.Context, call *wire.Call) (any, error) {
	switch call.Operation {
	case "CreateKey":
		return s.createKey(call)
	case "CreateAlias":
		return s.createAlias(call)
	case "DescribeKey":
		return s.describeKey(call)
	case "Encrypt":
		return s.encrypt(call)
	case "GenerateDataKey":
		return s.generateDataKey(call)
	case "Decrypt":
		return s.decrypt(call)
	}
	return nil, wire.Errorf(http.StatusBadRequest, "UnknownOperationException", "KMS operation %q is not available on this machine", call.Operation)
}

func (s *Service) arn(resource string) string {
	return "arn:aws:kms:" + s.opts.Region + ":" + s.opts.Account + ":" + resource
}

func (s *Service) keyARN(id string) string { return s.arn("key/" + id) }

func errNotFound(format string, args ...any) error {
	return wire.Errorf(http.StatusBadRequest, "NotFoundException", format, args...)
}

func errInvalid(format string, args ...any) error {
	return wire.Errorf(http.StatusBadRequest, "ValidationException", format, args...)
}

// lookup finds a key by id, ARN, alias or alias ARN.
func (s *Service) lookup(name string) (*key, error) {
	resource := strings.TrimPrefix(name, s.arn(""))
	s.mu.RLock()
	defer s.mu.RUnlock()
	id := strings.TrimPrefix(resource, "key/")
	if strings.HasPrefix(resource, "alias/") {
		var ok bool
		if id, ok = s.aliases[resource]; !ok {
			return nil, errNotFound("Alias %s is not found.", s.arn(resource))
		}
	}
	if k, ok := s.keys[id]; ok {
		return k, nil
	}
	return nil, errNotFound("Key '%s' does not exist", s.keyARN(id))
}

// open finds the key that a request names and authorises action on it.
func (s *Service) open(call *wire.Call, action, name string) (*key, error) {
	if name == "" {
		return nil, errInvalid("1 validation error detected: Value null at 'keyId' failed to satisfy constraint: Member must not be null")
	}
	k, err := s.lookup(name)
	if err != nil {
		// Whoever may not use the key does not learn whether it exists.
		if denied := call.Authorize(action, cmp.Or(arnOf(name), s.keyARN(name))); denied != nil {
			return nil, denied
		}
		return nil, err
	}
	if err := call.Authorize(action, s.keyARN(k.ID)); err != nil {
		return nil, err
	}
	s.opts.Meter.Add(meter.KMSRequests, 1)
	return k, nil
}

// arnOf returns name if it is an ARN, and "" if not.
func arnOf(name string) string {
	if strings.HasPrefix(name, "arn:") {
		return name
	}
	return ""
}

func (s *Service) createKey(call *wire.Call) (any, error) {
	var in struct{ Description, KeySpec, KeyUsage string }
	if err := call.Decode(&in); err != nil {
		return nil, err
	}
	if err := call.Authorize("kms:CreateKey", "*"); err != nil {
		return nil, err
	}
	s.opts.Meter.Add(meter.KMSRequests, 1)
	if cmp.Or(in.KeySpec, "SYMMETRIC_DEFAULT") != "SYMMETRIC_DEFAULT" || cmp.Or(in.KeyUsage, "ENCRYPT_DECRYPT") != "ENCRYPT_DECRYPT" {
		return nil, wire.Errorf(http.StatusBadRequest, "UnsupportedOperationException", "Only symmetric encryption keys are available on this machine.")
	}
	k := &key{ID: uuid.NewString(), Master: randomBytes(32), Description: in.Description, Created: time.Now().UnixMilli()}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.opts.Journal.Append(journalName, record{Key: k}); err != nil {
		return nil, err
	}
	s.keys[k.ID] = k
	return s.metadata(k), nil
}

func (s *Service) describeKey(call *wire.Call) (any, error) {
	var in struct {
		KeyID string `json:"KeyId"`
	}
	if err := call.Decode(&in); err != nil {
		return nil, err
	}
	k, err := s.open(call, "kms:DescribeKey", in.KeyID)
	if err != nil {
		return nil, err
	}
	return s.metadata(k), nil
}

func (s *Service) metadata(k *key) any {
	return map[string]any{"KeyMetadata": map[string]any{
		"AWSAccountId": s.opts.Account, "KeyId": k.ID, "Arn": s.keyARN(k.ID), "CreationDate": float64(k.Created) / 1000, "Enabled": true,
		"Description": k.Description, "KeyUsage": "ENCRYPT_DECRYPT", "KeyState": "Enabled", "Origin": "AWS_KMS", "KeyManager": "CUSTOMER",
		"CustomerMasterKeySpec": "SYMMETRIC_DEFAULT", "KeySpec": "SYMMETRIC_DEFAULT", "EncryptionAlgorithms": []string{"SYMMETRIC_DEFAULT"}, "MultiRegion": false,
	}}
}

func (s *Service) createAlias(call *wire.Call) (any, error) {
	var in struct {
		AliasName   string
		TargetKeyID string `json:"TargetKeyId"`
	}
	if err := call.Decode(&in); err != nil {
		return nil, err
	}
	if err := call.Authorize("kms:CreateAlias", s.arn(in.AliasName)); err != nil {
		return nil, err
	}
	if name, ok := strings.CutPrefix(in.AliasName, "alias/"); !ok || name == "" || strings.HasPrefix(name, "aws/") {
		return nil, wire.Errorf(http.StatusBadRequest, "InvalidAliasNameException", "Alias must start with the prefix \"alias/\" and not with \"alias/aws/\".")
	}
	k, err := s.open(call, "kms:CreateAlias", in.TargetKeyID)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, taken := s.aliases[in.AliasName]; taken {
		return nil, wire.Errorf(http.StatusBadRequest, "AlreadyExistsException", "An alias with the name %s already exists", s.arn(in.AliasName))
	}
	if err := s.opts.Journal.Append(journalName, record{Alias: in.AliasName, Target: k.ID}); err != nil {
		return nil, err
	}
	s.aliases[in.AliasName] = k.ID
	return nil, nil
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails (crypto/rand, Go 1.24)
	return b
}
