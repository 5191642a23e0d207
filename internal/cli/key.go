package cli

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"regexp"
	"time"

	awsconfig "github.com/aws/aws-sdk-go-v2/config"

	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/store"
)

type keyCreateCommand struct {
	Team  string        `required:"" help:"Team that the key speaks for."`
	Name  string        `required:"" help:"What the key is for."`
	Stage string        `default:"dev" help:"Stage that was deployed."`
	Read  bool          `help:"The key may only read."`
	Life  time.Duration `default:"2160h" help:"How long the key is valid."`
}

var teamName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`)

// Run creates an API key with the AWS credentials of the environment. The key
// is shown once; only its hash is stored.
func (k *keyCreateCommand) Run(ctx context.Context, t terminal) error {
	if !teamName.MatchString(k.Team) {
		return fault.New(fault.InvalidInput, "cli.key", "--team wants lower-case letters, digits and hyphens, at most 40")
	}
	cfg, err := awsconfig.LoadDefaultConfig(ctx)
	if err != nil {
		return fmt.Errorf("find AWS credentials: %w", err)
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
	s := store.New(cfg, store.Options{Core: "sluice-" + k.Stage + "-core"})
	if err := s.PutAPIKey(ctx, key, store.APIKey{Team: k.Team, Name: k.Name, Scopes: scopes, ExpiresAt: time.Now().Add(k.Life).Unix()}); err != nil {
		return err
	}
	_, _ = fmt.Fprintln(t.err, "This key is shown once. Keep it like a password.")
	_, err = fmt.Fprintln(t.out, key)
	return err
}
