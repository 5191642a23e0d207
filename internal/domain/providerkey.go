package domain

import "time"

// ProviderKey is what is known of a team's key at a provider, apart from the
// key itself.
type ProviderKey struct {
	// Version of the value in the secret store that is in use; "" for a key that
	// was revoked.
	Version string `json:"version,omitempty"`
	// Fingerprint tells two keys apart and tells nothing of either.
	Fingerprint string    `json:"fingerprint,omitempty"`
	Verified    bool      `json:"verified,omitempty"` // the provider has accepted it
	ChangedAt   time.Time `json:"changedAt"`
}

// Revoked reports whether the team has taken the key back. The deployment's key
// then does not stand in for it.
func (k ProviderKey) Revoked() bool { return k.Version == "" }
