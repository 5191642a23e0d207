package stepfunctions

import "time"

// graph is one scope of states: a machine, a branch or an item processor.
type graph struct {
	startAt string
	states  map[string]*state
	timeout time.Duration // of an execution; 0 is none; machines only
}

// state is one parsed state. Fields that its type does not have are zero.
type state struct {
	name, kind string
	next       string // empty if the state ends its graph
	end        bool
	arguments  *template
	output     *template
	assign     *template

	resource           string    // Task
	timeout, heartbeat *template // Task
	credentials        *template // Task
	retry              []retrier // Task, Parallel, Map
	catch              []catcher // Task, Parallel, Map

	choices            []choice // Choice
	fallback           string   // Choice: Default
	seconds, timestamp *template
	errorName, cause   *template // Fail
	branches           []*graph  // Parallel
	each               *mapping  // Map
}

type retrier struct {
	errors      []string
	interval    int // seconds
	maxAttempts int
	backoff     float64
	maxDelay    int // seconds
	jitter      bool
}

type catcher struct {
	errors         []string
	next           string
	output, assign *template
}

type choice struct {
	condition      *template
	next           string
	output, assign *template
}

// mapping is what a Map state has of its own.
type mapping struct {
	items          *template // nil: the state's input
	selector       *template
	processor      *graph
	distributed    bool
	label          string
	maxConcurrency *template
	toleratedCount *template
	toleratedShare *template // ToleratedFailurePercentage
	reader         *reader
	batcher        *batcher
	writer         *writer
}

type reader struct {
	list       bool   // s3:listObjectsV2 rather than s3:getObject
	inputType  string // JSON, JSONL or CSV
	arguments  *template
	maxItems   *template
	headers    []string // CSV with given headers; nil: the first row
	csvColumns rune     // the delimiter
}

type batcher struct {
	maxItems, maxBytes, input *template
}

type writer struct {
	arguments      *template // nil: results stay in the output
	transformation string    // NONE, COMPACT or FLATTEN
	lines          bool      // JSONL rather than JSON
}

// resources that a Task state may call, apart from a Lambda function's ARN.
const (
	resourceLambda = "arn:aws:states:::lambda:invoke"
	resourceSQS    = "arn:aws:states:::sqs:sendMessage"
	waitForToken   = ".waitForTaskToken"
	resourceGet    = "arn:aws:states:::s3:getObject"
	resourceList   = "arn:aws:states:::s3:listObjectsV2"
	resourcePut    = "arn:aws:states:::s3:putObject"
)

// Fields of each type of state. All have Type, Comment and QueryLanguage.
var stateFields = map[string][]string{
	"Pass":     {"Next", "End", "Output", "Assign"},
	"Task":     {"Next", "End", "Output", "Assign", "Resource", "Arguments", "TimeoutSeconds", "HeartbeatSeconds", "Credentials", "Retry", "Catch"},
	"Choice":   {"Output", "Assign", "Choices", "Default"},
	"Wait":     {"Next", "End", "Output", "Assign", "Seconds", "Timestamp"},
	"Succeed":  {"Output"},
	"Fail":     {"Error", "Cause"},
	"Parallel": {"Next", "End", "Output", "Assign", "Arguments", "Branches", "Retry", "Catch"},
	"Map": {
		"Next", "End", "Output", "Assign", "Items", "ItemSelector", "ItemProcessor", "ItemReader", "ItemBatcher", "ResultWriter",
		"MaxConcurrency", "ToleratedFailureCount", "ToleratedFailurePercentage", "Label", "Retry", "Catch",
	},
}

// Fields that only JSONPath states have, for a better message than "unknown".
var jsonPathFields = []string{
	"InputPath", "OutputPath", "ResultPath", "Parameters", "ResultSelector", "Result", "ItemsPath", "Iterator",
	"SecondsPath", "TimestampPath", "ErrorPath", "CausePath", "TimeoutSecondsPath", "HeartbeatSecondsPath",
	"MaxConcurrencyPath", "ToleratedFailureCountPath", "ToleratedFailurePercentagePath",
}
