package cli

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/messageai/sluice/internal/store"
)

type keyCreateCommand struct {
	deployment
	Name string        `required:"" help:"What the key is for."`
	Read bool          `help:"The key may only read."`
	Life time.Duration `default:"2160h" help:"How long the key is valid."`
}

// Run creates an API key with the AWS credentials of the environment. The key
// is shown once; only its hash is stored.
func (k *keyCreateCommand) Run(ctx context.Context, t terminal) error {
	s, err := k.open(ctx)
	if err != nil {
		return err
	}
	secret := make([]byte, 32)
	if _, err := rand.Read(secret); err != nil {
		return err
	}
	key := "sk_" + base64.RawURLEncoding.EncodeToString(secret)
	scopes := []string{"read", "write"}
	if k.Read {
		scopes = scopes[:1]
	}
	if err := s.PutAPIKey(ctx, key, store.APIKey{Team: k.Team, Name: k.Name, Scopes: scopes, ExpiresAt: time.Now().Add(k.Life).Unix()}); err != nil {
		return k.refusal(err)
	}
	_, _ = fmt.Fprintln(t.err, "This key is shown once. Keep it like a password.")
	_, err = fmt.Fprintln(t.out, key)
	return err
}
