// Package secretsmanager is AWS Secrets Manager on this machine: secrets with
// versions, staging labels, idempotent writes and a recovery window.
//
// It imports its siblings wire, meter and journal. It is a development tool:
// values are in the journal as they are. It is not for rotation, replication,
// resource policies or tags.
package secretsmanager

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/messageai/sluice/internal/localaws/journal"
	"github.com/messageai/sluice/internal/localaws/meter"
	"github.com/messageai/sluice/internal/localaws/wire"
)

const journalName = "secretsmanager"

// Options configures a [Service].
type Options struct {
	Region  string
	Account string
	Meter   *meter.Meter     // nil counts nothing
	Journal *journal.Journal // nil remembers nothing
}

// Service is the secrets of one account in one region. Its methods may be
// called from many goroutines.
type Service struct {
	opts    Options
	mu      sync.Mutex
	secrets map[string]*secret // by name
}

// New returns the service with the secrets that its journal remembers.
func New(opts Options) (*Service, error) {
	s := &Service{opts: opts, secrets: map[string]*secret{}}
	for _, raw := range opts.Journal.Past(journalName) {
		var sec secret
		if err := json.Unmarshal(raw, &sec); err != nil {
			return nil, fmt.Errorf("replay secretsmanager journal: %w", err)
		}
		s.secrets[sec.Name] = &sec
	}
	return s, nil
}

// Handle answers one call of the JSON protocol.
func (s *Service) Handle(_ context.Context, call *wire.Call) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	maps.DeleteFunc(s.secrets, func(_ string, sec *secret) bool { return sec.ended(now) })
	switch call.Operation {
	case "CreateSecret":
		return s.create(call, now)
	case "GetSecretValue":
		return s.value(call, now)
	case "PutSecretValue":
		return s.putValue(call, now)
	case "DescribeSecret":
		return s.describe(call)
	case "UpdateSecret":
		return s.update(call, now)
	case "DeleteSecret":
		return s.remove(call, now)
	case "RestoreSecret":
		return s.restore(call, now)
	case "ListSecrets":
		return s.list(call)
	case "UpdateSecretVersionStage":
		return s.moveStage(call, now)
	}
	return nil, wire.Errorf(http.StatusBadRequest, "UnknownOperationException", "Secrets Manager operation %q is not available on this machine", call.Operation)
}

// suffix is the six characters that end a secret's ARN. AWS draws them; here
// they follow from the name, so that an ARN is the same in every stack.
func suffix(name string) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	sum := sha256.Sum256([]byte(name))
	out := make([]byte, 6)
	for i := range out {
		out[i] = letters[int(sum[i])%len(letters)]
	}
	return string(out)
}

// ARN returns the ARN of the secret called name, whether it exists or not.
func (s *Service) ARN(name string) string {
	return s.partialARN(name) + "-" + suffix(name)
}

func (s *Service) partialARN(name string) string {
	return "arn:aws:secretsmanager:" + s.opts.Region + ":" + s.opts.Account + ":secret:" + name
}

// open finds a secret by name, ARN or ARN without the suffix, and authorises
// action on it.
func (s *Service) open(call *wire.Call, action, id string) (*secret, error) {
	if id == "" {
		return nil, wire.Errorf(http.StatusBadRequest, "ValidationException", "1 validation error detected: Value null at 'secretId' failed to satisfy constraint: Member must not be null")
	}
	name := strings.TrimPrefix(id, s.partialARN(""))
	sec, ok := s.secrets[name]
	if !ok && name != id && len(name) > 7 {
		sec, ok = s.secrets[name[:len(name)-7]]
		ok = ok && s.ARN(sec.Name) == id
	}
	resource := s.ARN(name)
	if ok {
		resource = s.ARN(sec.Name)
	}
	if err := call.Authorize("secretsmanager:"+action, resource); err != nil {
		return nil, err
	}
	s.opts.Meter.Add(meter.SecretsRequests, 1)
	if !ok {
		return nil, errNotFound("Secrets Manager can't find the specified secret.")
	}
	return sec, nil
}

// openLive is open for operations that a secret marked for deletion refuses.
func (s *Service) openLive(call *wire.Call, action, id string) (*secret, error) {
	sec, err := s.open(call, action, id)
	if err == nil && sec.DeleteAt != 0 {
		return nil, errDeleted()
	}
	return sec, err
}

// keep records a secret's new state and puts it in its place.
func (s *Service) keep(sec *secret) error {
	if err := s.opts.Journal.Append(journalName, sec); err != nil {
		return err
	}
	s.secrets[sec.Name] = sec
	return nil
}

func errNotFound(format string, args ...any) error {
	return wire.Errorf(http.StatusBadRequest, "ResourceNotFoundException", format, args...)
}

func errParameter(format string, args ...any) error {
	return wire.Errorf(http.StatusBadRequest, "InvalidParameterException", format, args...)
}

func errRequest(format string, args ...any) error {
	return wire.Errorf(http.StatusBadRequest, "InvalidRequestException", format, args...)
}

func errDeleted() error {
	return errRequest("You can't perform this operation on the secret because it was marked for deletion.")
}

// identity is the start of almost every answer.
func (s *Service) identity(sec *secret) map[string]any {
	return map[string]any{"ARN": s.ARN(sec.Name), "Name": sec.Name}
}

func (s *Service) describe(call *wire.Call) (any, error) {
	var in struct {
		SecretID string `json:"SecretId"`
	}
	if err := call.Decode(&in); err != nil {
		return nil, err
	}
	sec, err := s.open(call, "DescribeSecret", in.SecretID)
	if err != nil {
		return nil, err
	}
	out := s.outline(sec)
	if stages := sec.stages(); len(stages) > 0 {
		out["VersionIdsToStages"] = stages
	}
	return out, nil
}

// outline is what DescribeSecret and ListSecrets have in common.
func (s *Service) outline(sec *secret) map[string]any {
	out := s.identity(sec)
	out["CreatedDate"] = seconds(sec.Created)
	out["LastChangedDate"] = seconds(sec.Changed)
	if sec.Accessed != 0 {
		out["LastAccessedDate"] = seconds(sec.Accessed)
	}
	if sec.Description != "" {
		out["Description"] = sec.Description
	}
	if sec.KMSKeyID != "" {
		out["KmsKeyId"] = sec.KMSKeyID
	}
	if sec.DeletedAt != 0 {
		out["DeletedDate"] = seconds(sec.DeletedAt)
	}
	return out
}

func (s *Service) list(call *wire.Call) (any, error) {
	var in struct {
		MaxResults             *int
		NextToken              string // the last name of the page before
		IncludePlannedDeletion bool
		Filters                []struct {
			Key    string
			Values []string
		}
	}
	if err := call.Decode(&in); err != nil {
		return nil, err
	}
	if err := call.Authorize("secretsmanager:ListSecrets", "*"); err != nil {
		return nil, err
	}
	s.opts.Meter.Add(meter.SecretsRequests, 1)
	limit := 100
	if in.MaxResults != nil {
		if limit = *in.MaxResults; limit < 1 || limit > 100 {
			return nil, errParameter("MaxResults must be between 1 and 100.")
		}
	}
	for _, f := range in.Filters {
		if f.Key != "name" {
			return nil, errParameter("Filter %q is not available on this machine; use name.", f.Key)
		}
	}
	out := map[string]any{}
	page := []map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(s.secrets)) {
		sec := s.secrets[name]
		wanted := name > in.NextToken && (sec.DeleteAt == 0 || in.IncludePlannedDeletion)
		for _, f := range in.Filters {
			wanted = wanted && slices.ContainsFunc(f.Values, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
		}
		if !wanted {
			continue
		}
		if len(page) == limit {
			out["NextToken"] = page[limit-1]["Name"]
			break
		}
		entry := s.outline(sec)
		if stages := sec.stages(); len(stages) > 0 {
			entry["SecretVersionsToStages"] = stages
		}
		page = append(page, entry)
	}
	out["SecretList"] = page
	return out, nil
}
