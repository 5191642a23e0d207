// Package shapes checks answers of AWS services against the shapes that AWS
// publishes: required members, types, enumerations, error names, and nothing
// that is not described. The shapes come from botocore's service models, trimmed
// by internal/tools/parity/models.py to what the local stack answers.
//
// [Recorder] goes around the HTTP client of an aws.Config and checks every
// answer. It keeps which operations were called and what DynamoDB's expressions
// had in them ([Parts]), so that those of a campaign can be compared with those of
// the behaviour cases. The package is for tests; it imports the SDK's middleware
// and the standard library only. It does not check what requests mean, nor texts.
package shapes

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
)

//go:embed testdata/*.json
var published embed.FS

// model is one service.
type model struct {
	Service    string               `json:"service"`  // the SDK's service id
	Protocol   string               `json:"protocol"` // json, rest-json, rest-xml
	Operations map[string]operation `json:"operations"`
	Shapes     map[string]*shape    `json:"shapes"`
}

type operation struct {
	Output string   `json:"output"` // "" answers nothing
	Errors []string `json:"errors"`
}

type shape struct {
	Type            string            `json:"type"`
	Required        []string          `json:"required"`
	Members         map[string]member `json:"members"`
	Member          member            `json:"member"` // of a list
	Key             member            `json:"key"`    // of a map, as Value
	Value           member            `json:"value"`
	Enum            []string          `json:"enum"`
	Union           bool              `json:"union"`
	Flattened       bool              `json:"flattened"`
	Payload         string            `json:"payload"` // the member that is the body
	TimestampFormat string            `json:"timestampFormat"`
	Code            string            `json:"code"` // of an error, if it is not the shape's name
}

type member struct {
	Shape           string `json:"shape"`
	Location        string `json:"location"` // "" is the body
	LocationName    string `json:"locationName"`
	Flattened       bool   `json:"flattened"`
	TimestampFormat string `json:"timestampFormat"`
}

// load reads the models, by service id.
func load() (map[string]*model, error) {
	out := map[string]*model{}
	files, err := fs.Glob(published, "testdata/*.json")
	if err != nil {
		return nil, err
	}
	for _, name := range files {
		data, err := published.ReadFile(name)
		if err != nil {
			return nil, err
		}
		var m model
		if err := json.Unmarshal(data, &m); err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		out[m.Service] = &m
	}
	return out, nil
}

// unmodelled are the errors that a service answers though its model does not
// list them: those that its reference has under "common errors", and of S3 those
// under "error responses". By service id, "" is every service with JSON.
func unmodelled(service string) []string {
	common := []string{"AccessDeniedException", "InternalServerError", "SerializationException", "ThrottlingException", "UnknownOperationException", "ValidationException"}
	switch service {
	case "S3":
		return []string{
			"AccessDenied", "BadDigest", "BucketAlreadyOwnedByYou", "IncompleteBody", "InternalError", "InvalidArgument", "InvalidBucketName", "InvalidDigest",
			"InvalidRange", "InvalidRequest", "KeyTooLongError", "MalformedXML", "NoSuchBucket", "NoSuchKey", "NotImplemented", "PreconditionFailed", "SlowDown",
		}
	case "Lambda": // recorded for payloads that are too large; the model has RequestTooLargeException
		return append(common, "RequestEntityTooLargeException")
	case "SQS": // and what AWS answers besides, recorded in 2024 and 2025
		return append(common, "InvalidParameterValueException", "MissingRequiredParameterException")
	}
	return common
}
