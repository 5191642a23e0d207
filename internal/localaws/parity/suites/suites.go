// Package suites lists the behaviour cases of all services.
package suites

import (
	"slices"

	"github.com/messageai/sluice/internal/localaws/parity"
	"github.com/messageai/sluice/internal/localaws/parity/dynamodb"
	"github.com/messageai/sluice/internal/localaws/parity/kms"
	"github.com/messageai/sluice/internal/localaws/parity/lambda"
	"github.com/messageai/sluice/internal/localaws/parity/s3"
	"github.com/messageai/sluice/internal/localaws/parity/scheduler"
	"github.com/messageai/sluice/internal/localaws/parity/secretsmanager"
	"github.com/messageai/sluice/internal/localaws/parity/sqs"
	"github.com/messageai/sluice/internal/localaws/parity/stepfunctions"
)

// Cases returns all cases, by service.
func Cases() []parity.Case {
	return slices.Concat(
		dynamodb.Cases(), sqs.Cases(), s3.Cases(), secretsmanager.Cases(), kms.Cases(), lambda.Cases(), scheduler.Cases(), stepfunctions.Cases(),
	)
}
