// Package parity describes how AWS services behave as cases that run, through
// the AWS SDK, on any implementation: the local stack or another emulator. A
// case notes what it observes instead of asserting, so that two implementations
// can be compared; the tests of this package compare the local stack with what
// is kept in testdata. The folders below have the cases of one service each and
// compare is the command that runs them on others. It imports the SDK and the
// standard library only, never the local stack.
package parity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
)

// Case is one behaviour of one operation.
type Case struct {
	Service   string // signing name: dynamodb, sqs, s3, secretsmanager, kms, scheduler, states, lambda
	Operation string // the operation that the case is about, as the SDK names it
	Name      string // what is special about it: words with dashes
	// Run makes the calls and notes what it sees. An error means that the case
	// itself could not be carried out.
	Run func(ctx context.Context, p *Probe) error
}

// ID names the case: service/Operation/name.
func (c Case) ID() string { return c.Service + "/" + c.Operation + "/" + c.Name }

// Observation is what a case saw on one implementation.
type Observation struct {
	Notes []Note `json:"notes"`
	// Missing is the operation that the implementation does not have; the case
	// is not comparable then.
	Missing string `json:"missing,omitempty"`
	// Broken says why the case could not be carried out.
	Broken string `json:"broken,omitempty"`
}

// Note is one thing seen.
type Note struct {
	What  string `json:"what"`
	Value any    `json:"value"` // as JSON decodes it
}

// Observe runs a case. Names that the probe gives out begin with prefix, which
// must be new to the implementation.
func Observe(ctx context.Context, cfg aws.Config, prefix string, c Case) Observation {
	p := &Probe{Config: cfg, prefix: prefix}
	err := c.Run(ctx, p)
	o := Observation{Notes: p.notes, Missing: p.missing}
	if err != nil {
		p.Failure(err)
		o.Missing = p.missing
		o.Broken = p.plain(err.Error())
	}
	return o
}

// Probe is what a case works with.
type Probe struct {
	Config  aws.Config
	prefix  string
	notes   []Note
	missing string
}

// Name returns the name of a resource that is this case's own.
func (p *Probe) Name(what string) string { return p.prefix + "-" + what }

// Note notes a value, as JSON. Leave out what differs from call to call, such
// as tokens, times and request ids. A name from [Probe.Name] is noted without
// its prefix.
func (p *Probe) Note(what string, value any) {
	text, err := json.Marshal(value)
	if err != nil {
		value = "cannot be noted: " + err.Error()
	} else if err := json.Unmarshal([]byte(p.plain(string(text))), &value); err != nil {
		value = "cannot be noted: " + err.Error()
	}
	p.notes = append(p.notes, Note{What: what, Value: value})
}

// Failed notes how a call failed: the error's code and the HTTP status, or
// "no error". Texts are not noted: AWS changes them and they differ by region.
func (p *Probe) Failed(what string, err error) {
	p.notes = append(p.notes, Note{What: what, Value: p.Failure(err)})
}

// Failure is what [Probe.Failed] notes.
func (p *Probe) Failure(err error) string {
	if err == nil {
		return "no error"
	}
	status := 0
	if r, ok := errors.AsType[*awshttp.ResponseError](err); ok {
		status = r.HTTPStatusCode()
	}
	code := "client"
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		code = api.ErrorCode()
	}
	if code == "UnknownOperationException" || code == "NotImplemented" || status == http.StatusNotImplemented {
		if op, ok := errors.AsType[*smithy.OperationError](err); ok {
			p.missing = op.OperationName
		}
	}
	return fmt.Sprintf("%s (%d)", code, status)
}

func (p *Probe) plain(s string) string { return strings.ReplaceAll(s, p.prefix+"-", "") }
