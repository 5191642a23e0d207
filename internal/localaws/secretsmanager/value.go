package secretsmanager

import (
	"cmp"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/messageai/sluice/internal/localaws/meter"
	"github.com/messageai/sluice/internal/localaws/wire"
)

const (
	maxValueBytes = 65_536
	day           = 24 * time.Hour
)

// written is the part of a request that brings a value.
type written struct {
	ClientRequestToken string
	SecretString       *string
	SecretBinary       []byte
}

func (w *written) present() bool { return w.SecretString != nil || len(w.SecretBinary) > 0 }

// version returns the new version that a request describes. The token becomes
// its id; the SDKs always send one.
func (w *written) version(now time.Time) (version, error) {
	v := version{ID: cmp.Or(w.ClientRequestToken, uuid.NewString()), String: w.SecretString, Binary: w.SecretBinary, Created: now.UnixMilli()}
	size := len(v.Binary)
	if v.String != nil {
		size += len(*v.String)
	}
	switch {
	case len(v.ID) < 32 || len(v.ID) > 64:
		return v, errParameter("ClientRequestToken must be 32-64 characters long.")
	case v.String != nil && len(v.Binary) > 0:
		return v, errParameter("You can't specify both a binary secret value and a string secret value in the same secret.")
	case size > maxValueBytes:
		return v, wire.Errorf(http.StatusBadRequest, "ValidationException", "1 validation error detected: Value at 'secretString' failed to satisfy constraint: Member must have length less than or equal to %d", maxValueBytes)
	}
	return v, nil
}

func (s *Service) create(call *wire.Call, now time.Time) (any, error) {
	var in struct {
		Name        string
		Description string
		KMSKeyID    string `json:"KmsKeyId"`
		written
	}
	if err := call.Decode(&in); err != nil {
		return nil, err
	}
	if err := call.Authorize("secretsmanager:CreateSecret", s.ARN(in.Name)); err != nil {
		return nil, err
	}
	s.opts.Meter.Add(meter.SecretsRequests, 1)
	const legal = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/_+=.@-"
	if in.Name == "" || len(in.Name) > 512 || strings.Trim(in.Name, legal) != "" {
		return nil, wire.Errorf(http.StatusBadRequest, "ValidationException", "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!")
	}
	v, err := in.version(now)
	if err != nil {
		return nil, err
	}
	if sec, ok := s.secrets[in.Name]; ok {
		if sec.DeleteAt != 0 {
			return nil, errRequest("You can't create this secret because a secret with this name is already scheduled for deletion.")
		}
		if had := sec.find(v.ID); had != nil && had.same(v) {
			return s.versioned(sec, v.ID), nil // the same request again
		}
		return nil, wire.Errorf(http.StatusBadRequest, "ResourceExistsException", "The operation failed because the secret %s already exists.", in.Name)
	}
	sec := &secret{Name: in.Name, Description: in.Description, KMSKeyID: in.KMSKeyID, Created: now.UnixMilli(), Changed: now.UnixMilli()}
	if !in.present() {
		return s.identity(sec), s.keep(sec)
	}
	sec.add(v, []string{stageCurrent})
	return s.versioned(sec, v.ID), s.keep(sec)
}

// versioned is identity with a version's id.
func (s *Service) versioned(sec *secret, id string) map[string]any {
	out := s.identity(sec)
	out["VersionId"] = id
	return out
}

func (s *Service) value(call *wire.Call, now time.Time) (any, error) {
	var in struct {
		SecretID     string `json:"SecretId"`
		VersionID    string `json:"VersionId"`
		VersionStage string
	}
	if err := call.Decode(&in); err != nil {
		return nil, err
	}
	sec, err := s.openLive(call, "GetSecretValue", in.SecretID)
	if err != nil {
		return nil, err
	}
	var v *version
	if in.VersionID != "" {
		v = sec.find(in.VersionID)
		if v == nil {
			return nil, errNotFound("Secrets Manager can't find the specified secret value for VersionId: %s", in.VersionID)
		}
		if in.VersionStage != "" && v != sec.labelled(in.VersionStage) {
			return nil, errRequest("You provided a VersionStage that is not associated to the provided VersionId.")
		}
	} else {
		stage := cmp.Or(in.VersionStage, stageCurrent)
		if v = sec.labelled(stage); v == nil {
			return nil, errNotFound("Secrets Manager can't find the specified secret value for staging label: %s", stage)
		}
	}
	sec.Accessed = now.UTC().Truncate(day).UnixMilli()
	out := s.versioned(sec, v.ID)
	out["CreatedDate"] = seconds(v.Created)
	out["VersionStages"] = v.Stages
	if v.String != nil {
		out["SecretString"] = *v.String
	} else {
		out["SecretBinary"] = v.Binary
	}
	return out, nil
}

func (s *Service) putValue(call *wire.Call, now time.Time) (any, error) {
	var in struct {
		SecretID      string `json:"SecretId"`
		VersionStages []string
		written
	}
	if err := call.Decode(&in); err != nil {
		return nil, err
	}
	sec, err := s.openLive(call, "PutSecretValue", in.SecretID)
	if err != nil {
		return nil, err
	}
	if !in.present() {
		return nil, errRequest("You must provide either SecretString or SecretBinary.")
	}
	stages := in.VersionStages
	if len(stages) == 0 {
		stages = []string{stageCurrent}
	}
	sec = sec.copy()
	id, err := sec.write(in.written, stages, now)
	if err != nil {
		return nil, err
	}
	out := s.versioned(sec, id)
	out["VersionStages"] = sec.find(id).Stages
	return out, s.keep(sec)
}

// write adds a value; the same token with the same value changes nothing. The
// first value of a secret is AWSCURRENT whatever labels were asked for.
func (s *secret) write(w written, stages []string, now time.Time) (id string, err error) {
	v, err := w.version(now)
	if err != nil {
		return "", err
	}
	if had := s.find(v.ID); had != nil {
		if !had.same(v) {
			return "", wire.Errorf(http.StatusBadRequest, "ResourceExistsException", "The operation failed because the version %s already exists with another value.", v.ID)
		}
		return v.ID, nil
	}
	s.add(v, stages)
	if s.labelled(stageCurrent) == nil {
		s.label(v.ID, stageCurrent)
	}
	s.Changed = now.UnixMilli()
	return v.ID, nil
}

func (s *Service) update(call *wire.Call, now time.Time) (any, error) {
	var in struct {
		SecretID    string `json:"SecretId"`
		Description *string
		KMSKeyID    *string `json:"KmsKeyId"`
		written
	}
	if err := call.Decode(&in); err != nil {
		return nil, err
	}
	sec, err := s.openLive(call, "UpdateSecret", in.SecretID)
	if err != nil {
		return nil, err
	}
	sec = sec.copy()
	if in.Description != nil {
		sec.Description = *in.Description
	}
	if in.KMSKeyID != nil {
		sec.KMSKeyID = *in.KMSKeyID
	}
	sec.Changed = now.UnixMilli()
	out := s.identity(sec)
	if in.present() {
		id, err := sec.write(in.written, []string{stageCurrent}, now)
		if err != nil {
			return nil, err
		}
		out["VersionId"] = id
	}
	return out, s.keep(sec)
}

func (s *Service) moveStage(call *wire.Call, now time.Time) (any, error) {
	var in struct {
		SecretID            string `json:"SecretId"`
		VersionStage        string
		MoveToVersionID     string `json:"MoveToVersionId"`
		RemoveFromVersionID string `json:"RemoveFromVersionId"`
	}
	if err := call.Decode(&in); err != nil {
		return nil, err
	}
	sec, err := s.openLive(call, "UpdateSecretVersionStage", in.SecretID)
	if err != nil {
		return nil, err
	}
	sec = sec.copy()
	from := sec.labelled(in.VersionStage)
	switch {
	case in.VersionStage == "":
		return nil, errParameter("You must provide VersionStage.")
	case in.MoveToVersionID == "" && in.RemoveFromVersionID == "":
		return nil, errParameter("You must provide MoveToVersionId or RemoveFromVersionId.")
	case in.MoveToVersionID != "" && sec.find(in.MoveToVersionID) == nil:
		return nil, errNotFound("Secrets Manager can't find the specified secret version: %s", in.MoveToVersionID)
	case in.RemoveFromVersionID != "" && (from == nil || from.ID != in.RemoveFromVersionID):
		return nil, errParameter("The staging label %s isn't attached to version %s.", in.VersionStage, in.RemoveFromVersionID)
	case in.RemoveFromVersionID == "" && from != nil && from.ID != in.MoveToVersionID:
		return nil, errParameter("The parameter RemoveFromVersionId can't be empty. Staging label %s is currently attached to version %s, so you must explicitly reference that version in RemoveFromVersionId.", in.VersionStage, from.ID)
	case in.MoveToVersionID == "" && in.VersionStage == stageCurrent:
		return nil, errParameter("You can't remove the staging label AWSCURRENT; move it to another version.")
	case in.MoveToVersionID == "":
		from.drop(in.VersionStage)
	default:
		sec.label(in.MoveToVersionID, in.VersionStage)
	}
	sec.Changed = now.UnixMilli()
	return s.identity(sec), s.keep(sec)
}

func (s *Service) remove(call *wire.Call, now time.Time) (any, error) {
	var in struct {
		SecretID                   string `json:"SecretId"`
		RecoveryWindowInDays       *int
		ForceDeleteWithoutRecovery bool
	}
	if err := call.Decode(&in); err != nil {
		return nil, err
	}
	sec, err := s.open(call, "DeleteSecret", in.SecretID)
	if err != nil {
		return nil, err
	}
	if sec.DeleteAt != 0 && !in.ForceDeleteWithoutRecovery {
		return nil, errDeleted()
	}
	window := 30 * day
	if n := in.RecoveryWindowInDays; n != nil {
		if in.ForceDeleteWithoutRecovery {
			return nil, errParameter("You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.")
		}
		if *n < 7 || *n > 30 {
			return nil, errParameter("The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).")
		}
		window = time.Duration(*n) * day
	}
	if in.ForceDeleteWithoutRecovery {
		window = 0
	}
	sec = sec.copy()
	sec.DeletedAt, sec.DeleteAt = now.UnixMilli(), now.Add(window).UnixMilli()
	out := s.identity(sec)
	out["DeletionDate"] = seconds(sec.DeleteAt)
	return out, s.keep(sec)
}

func (s *Service) restore(call *wire.Call, now time.Time) (any, error) {
	var in struct {
		SecretID string `json:"SecretId"`
	}
	if err := call.Decode(&in); err != nil {
		return nil, err
	}
	sec, err := s.open(call, "RestoreSecret", in.SecretID)
	if err != nil {
		return nil, err
	}
	sec = sec.copy()
	sec.DeletedAt, sec.DeleteAt, sec.Changed = 0, 0, now.UnixMilli()
	return s.identity(sec), s.keep(sec)
}
