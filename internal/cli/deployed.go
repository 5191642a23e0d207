package cli

import (
	"context"
	"errors"
	"regexp"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go"

	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/store"
)

// deployment names what a command of the account's owner works on.
type deployment struct {
	Team  string `required:"" help:"Team that it is about."`
	Stage string `default:"dev" help:"Stage that was deployed."`
}

var teamName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`)

// open returns the deployment's store, with the AWS credentials of the
// environment. Whatever is missing is an error of one line.
func (d deployment) open(ctx context.Context) (*store.Store, error) {
	cfg, err := d.account(ctx)
	if err != nil {
		return nil, err
	}
	return store.New(cfg, tables(d.Stage)), nil
}

// account is the AWS account of the environment.
func (d deployment) account(ctx context.Context) (none aws.Config, err error) {
	if !teamName.MatchString(d.Team) {
		return none, fault.New(fault.InvalidInput, "cli.team", "--team wants lower-case letters, digits and hyphens, at most 40")
	}
	cfg, err := awsconfig.LoadDefaultConfig(ctx)
	if err != nil {
		return none, fault.New(fault.Unauthenticated, "cli.account", "the AWS configuration cannot be read: check AWS_PROFILE and ~/.aws/config")
	}
	if cfg.Region == "" {
		return none, fault.New(fault.InvalidInput, "cli.account", "no AWS region is set: set AWS_REGION to that of the deployment")
	}
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
		return none, fault.New(fault.Unauthenticated, "cli.account", "no AWS credentials: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, of the account that Sluice is deployed in")
	}
	return cfg, nil
}

// tables are what the account's owner works on directly.
func tables(stage string) store.Options {
	return store.Options{Core: "sluice-" + stage + "-core", Ledger: "sluice-" + stage + "-ledger"}
}

// refusal says what to do about an error of AWS.
func (d deployment) refusal(err error) error {
	e, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return err
	}
	switch e.ErrorCode() {
	case "ResourceNotFoundException":
		return fault.New(fault.NotFound, "cli.account", "this account has no stage "+d.Stage+" in this region: deploy it with \"make deploy STAGE="+d.Stage+"\", or set AWS_REGION and --stage")
	case "UnrecognizedClientException", "InvalidSignatureException", "ExpiredTokenException", "InvalidClientTokenId", "InvalidAccessKeyId":
		return fault.New(fault.Unauthenticated, "cli.account", "AWS does not accept these credentials: they are wrong or have expired; sign in again")
	case "AccessDeniedException", "AccessDenied":
		return fault.New(fault.Forbidden, "cli.account", "these AWS credentials may not use the tables of stage "+d.Stage+"; use an administrator's")
	}
	return err
}
