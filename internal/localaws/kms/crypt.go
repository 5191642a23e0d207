package kms

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/google/uuid"

	"github.com/messageai/sluice/internal/localaws/wire"
)

// A ciphertext blob is a version byte, the key's id (16 bytes), a nonce (12)
// and what AES-256-GCM sealed, with the encryption context authenticated.
const (
	blobVersion  = 1
	blobKey      = 1
	blobNonce    = blobKey + 16
	blobSealed   = blobNonce + 12
	maxPlaintext = 4096 // bytes
)

func errCiphertext() error {
	return &wire.Error{Status: http.StatusBadRequest, Code: "InvalidCiphertextException"}
}

func (s *Service) encrypt(call *wire.Call) (any, error) {
	var in struct {
		KeyID             string `json:"KeyId"`
		Plaintext         []byte
		EncryptionContext map[string]string
	}
	if err := call.Decode(&in); err != nil {
		return nil, err
	}
	k, err := s.open(call, "kms:Encrypt", in.KeyID)
	if err != nil {
		return nil, err
	}
	if len(in.Plaintext) == 0 || len(in.Plaintext) > maxPlaintext {
		return nil, errInvalid("1 validation error detected: Value at 'plaintext' failed to satisfy constraint: Member must have length between 1 and %d", maxPlaintext)
	}
	blob, err := k.seal(in.Plaintext, in.EncryptionContext)
	if err != nil {
		return nil, err
	}
	return map[string]any{"CiphertextBlob": blob, "KeyId": s.keyARN(k.ID), "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"}, nil
}

func (s *Service) generateDataKey(call *wire.Call) (any, error) {
	var in struct {
		KeyID             string `json:"KeyId"`
		KeySpec           string
		NumberOfBytes     int
		EncryptionContext map[string]string
	}
	if err := call.Decode(&in); err != nil {
		return nil, err
	}
	k, err := s.open(call, "kms:GenerateDataKey", in.KeyID)
	if err != nil {
		return nil, err
	}
	size := in.NumberOfBytes
	switch {
	case in.KeySpec == "AES_256" && size == 0:
		size = 32
	case in.KeySpec == "AES_128" && size == 0:
		size = 16
	case in.KeySpec != "" || size < 1 || size > 1024:
		return nil, errInvalid("Please specify either number of bytes (1 to 1024) or key spec (AES_256 or AES_128).")
	}
	plain := randomBytes(size)
	blob, err := k.seal(plain, in.EncryptionContext)
	if err != nil {
		return nil, err
	}
	return map[string]any{"Plaintext": plain, "CiphertextBlob": blob, "KeyId": s.keyARN(k.ID)}, nil
}

func (s *Service) decrypt(call *wire.Call) (any, error) {
	var in struct {
		KeyID             string `json:"KeyId"`
		CiphertextBlob    []byte
		EncryptionContext map[string]string
	}
	if err := call.Decode(&in); err != nil {
		return nil, err
	}
	if len(in.CiphertextBlob) < blobSealed || in.CiphertextBlob[0] != blobVersion {
		return nil, errCiphertext()
	}
	id := uuid.UUID(in.CiphertextBlob[blobKey:blobNonce]).String()
	k, err := s.open(call, "kms:Decrypt", id)
	if wire.CodeOf(err) == "NotFoundException" {
		return nil, errCiphertext()
	}
	if err != nil {
		return nil, err
	}
	if in.KeyID != "" {
		named, err := s.lookup(in.KeyID)
		if err != nil {
			return nil, err
		}
		if named != k {
			return nil, wire.Errorf(http.StatusBadRequest, "IncorrectKeyException", "The key ID in the request does not identify a CMK that can perform this operation.")
		}
	}
	plain, err := k.unseal(in.CiphertextBlob, in.EncryptionContext)
	if err != nil {
		return nil, err
	}
	return map[string]any{"Plaintext": plain, "KeyId": s.keyARN(k.ID), "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"}, nil
}

func (k *key) aead() (cipher.AEAD, error) {
	block, err := aes.NewCipher(k.Master)
	if err != nil {
		return nil, fmt.Errorf("use master key: %w", err)
	}
	return cipher.NewGCM(block)
}

func (k *key) seal(plain []byte, context map[string]string) ([]byte, error) {
	aead, err := k.aead()
	if err != nil {
		return nil, err
	}
	id, err := uuid.Parse(k.ID)
	if err != nil {
		return nil, fmt.Errorf("use key id: %w", err)
	}
	blob := append([]byte{blobVersion}, id[:]...)
	blob = append(blob, randomBytes(blobSealed-blobNonce)...)
	return aead.Seal(blob, blob[blobNonce:], plain, authenticated(context)), nil
}

func (k *key) unseal(blob []byte, context map[string]string) ([]byte, error) {
	aead, err := k.aead()
	if err != nil {
		return nil, err
	}
	plain, err := aead.Open(nil, blob[blobNonce:blobSealed], blob[blobSealed:], authenticated(context))
	if err != nil {
		return nil, errCiphertext()
	}
	return plain, nil
}

// authenticated is the context's pairs in order, each string with its length.
// The key needs no part in it, as each has a master key of its own.
func authenticated(context map[string]string) []byte {
	var out []byte
	for _, name := range slices.Sorted(maps.Keys(context)) {
		for _, text := range []string{name, context[name]} {
			out = binary.BigEndian.AppendUint32(out, uint32(len(text))) //nolint:gosec // a request is far below 4 GiB
			out = append(out, text...)
		}
	}
	return out
}
