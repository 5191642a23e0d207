package localaws

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"maps"
	"path"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go/middleware"

	"github.com/messageai/sluice/internal/localaws/iam"
	"github.com/messageai/sluice/internal/localaws/lambda"
	"github.com/messageai/sluice/internal/localaws/template"
)

// hosted pairs the template's functions with their code.
func (s *Stack) hosted() ([]lambda.Function, error) {
	var out []lambda.Function
	for _, f := range s.tmpl.Functions {
		folder := path.Base(path.Clean(f.CodeURI))
		start, ok := s.opts.Functions[folder]
		if s.opts.Functions == nil {
			start, ok = noCode, true
		}
		if !ok {
			return nil, fmt.Errorf("function %s: there is no code for CodeUri %q (folder %q)", f.LogicalID, f.CodeURI, folder)
		}
		out = append(out, lambda.Function{
			Name: f.Name, ARN: f.ARN, Env: s.environment(f), Role: f.Role, MemoryMB: f.MemoryMB, Timeout: f.Timeout, Reserved: f.Reserved, AllowLoops: f.AllowLoops,
			New: func(ctx context.Context, env map[string]string) (lambda.Handler, error) {
				return start(ctx, env, s.config(f.Role, f.Name, lambda.SandboxFrom(ctx)))
			},
		})
	}
	return out, nil
}

// noCode stands for every function of a stack that is there for its data.
func noCode(context.Context, map[string]string, aws.Config) (lambda.Handler, error) {
	return nil, errors.New("this stack was started without its functions' code")
}

// environment is the template's variables and those that Lambda adds (Lambda
// developer guide, "Defined runtime environment variables", November 2026),
// without those that only a process of its own could use.
func (s *Stack) environment(f template.Function) map[string]string {
	env := map[string]string{
		"AWS_REGION": s.opts.Region, "AWS_DEFAULT_REGION": s.opts.Region,
		"AWS_LAMBDA_FUNCTION_NAME": f.Name, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": strconv.Itoa(f.MemoryMB), "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
		"AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/" + f.Name, "AWS_LAMBDA_LOG_FORMAT": f.LogFormat, "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
		"AWS_EXECUTION_ENV": "AWS_Lambda_" + f.Runtime, "_HANDLER": f.Handler, "LAMBDA_TASK_ROOT": "/var/task", "TZ": ":UTC",
	}
	maps.Copy(env, f.Env)
	return env
}

// accessKey is the access key id of a role. It says who calls; there is no
// secret behind it.
func accessKey(role *iam.Principal) string {
	if role == nil {
		return "AKIAROOT000000000000"
	}
	sum := sha256.Sum256([]byte(role.ARN))
	return "ASIA" + base32.StdEncoding.EncodeToString(sum[:])[:16]
}

// config builds by hand what config.LoadDefaultConfig would find in the
// environment of a deployed function, with its defaults. Calls are made
// from sandbox, if that is not nil.
func (s *Stack) config(role *iam.Principal, caller string, sandbox *lambda.Sandbox) aws.Config {
	credentials := aws.Credentials{AccessKeyID: accessKey(role), SecretAccessKey: "unused", SessionToken: "unused", AccountID: s.opts.Account, Source: "localaws"}
	return aws.Config{
		Region:                     s.opts.Region,
		Credentials:                aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return credentials, nil }),
		HTTPClient:                 &client{door: s.door, faults: s.opts.Faults, sandbox: sandbox, caller: caller},
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenSupported,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenSupported,
		DisableClockSkewCorrection: true,
		APIOptions:                 []func(*middleware.Stack) error{newStamp(s.opts.Region, credentials.AccessKeyID).shorten},
	}
}
