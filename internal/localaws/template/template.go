// Package template reads a SAM template and resolves it into what the local
// stack must create: functions with their environment and role, queues with
// their redrive policy, tables, buckets, secrets, keys, state machines, HTTP
// APIs, event source mappings, schedules, event rules, outputs.
//
// It is strict, because a template that only looks right fails in the cloud and
// not on the laptop: an unknown resource type, an unknown property of a known
// type, a reference that does not resolve, a circular dependency and a policy
// condition that would have to be evaluated are all errors that name resource
// and property. Types that do nothing on one machine (alarms, log groups,
// dashboards, topics, resource policies) are checked as strictly and listed.
//
// It imports go.yaml.in/yaml/v3 and its sibling iam, does no I/O, and is NOT for
// deploying or for templates without the SAM transform.
package template

import (
	"time"

	"github.com/messageai/sluice/internal/localaws/iam"
)

// Template is a resolved template: every value is final. Resources are in
// order of their logical ids.
type Template struct {
	Region, Account, StackName string

	Functions     []Function
	Mappings      []Mapping
	APIs          []HTTPAPI
	StateMachines []StateMachine
	Roles         []*iam.Principal // of functions, state machines, and roles of their own
	Tables        []Table
	Queues        []Queue // a dead-letter queue comes before the queues that use it
	Buckets       []Bucket
	Secrets       []Secret
	Keys          []Key
	Aliases       []Alias
	Schedules     []Schedule
	Rules         []Rule
	Inert         []Inert
	Outputs       map[string]string
}

// Function is an AWS::Serverless::Function.
type Function struct {
	LogicalID    string
	Name         string
	ARN          string
	CodeURI      string
	Handler      string
	Runtime      string
	Architecture string // x86_64 or arm64
	BuildMethod  string // of the resource's metadata
	MemoryMB     int
	Timeout      time.Duration
	Env          map[string]string
	Role         *iam.Principal
	Reserved     *int // reserved concurrency; nil is none
	AllowLoops   bool // RecursiveLoop: Allow
	LogFormat    string
}

// Mapping is an event of type SQS. Its zero numbers mean AWS's defaults.
type Mapping struct {
	Function                string // name
	QueueARN                string
	BatchSize               int
	Window                  time.Duration
	MaximumConcurrency      int
	ReportBatchItemFailures bool
}

// HTTPAPI is an AWS::Serverless::HttpApi, or the one that SAM adds for HttpApi
// events that name none.
type HTTPAPI struct {
	LogicalID string
	ID        string
	Endpoint  string // URL without a trailing slash
	CORS      *CORS  // nil leaves CORS to the functions
	Routes    []Route
}

// CORS is the API's own answer to preflight requests.
type CORS struct {
	AllowOrigins     []string
	AllowMethods     []string
	AllowHeaders     []string
	ExposeHeaders    []string
	AllowCredentials bool
	MaxAge           int // seconds; zero sends none
}

// Route is an event of type HttpApi. The catch-all route $default has neither
// method nor path.
type Route struct {
	Method   string // upper case, or ANY
	Path     string // "/a/{id}/{rest+}"
	Function string // name
}

// StateMachine is an AWS::Serverless::StateMachine.
type StateMachine struct {
	LogicalID     string
	Name          string
	ARN           string
	DefinitionURI string
	Substitutions map[string]string
	Role          *iam.Principal
	LogLevel      string // OFF, ERROR, FATAL or ALL
}

// Attribute is an attribute definition (Type S, N or B) or a key element (Type
// HASH or RANGE).
type Attribute struct{ Name, Type string }

// Index is a global secondary index.
type Index struct {
	Name       string
	Keys       []Attribute
	Projection string // ALL, KEYS_ONLY or INCLUDE
	Included   []string
}

// Table is an AWS::DynamoDB::Table.
type Table struct {
	LogicalID    string
	Name         string
	ARN          string
	Attributes   []Attribute
	Keys         []Attribute
	Indexes      []Index
	TTLAttribute string // "" is none
}

// Queue is an AWS::SQS::Queue.
type Queue struct {
	LogicalID       string
	Name            string
	ARN             string
	Attributes      map[string]string // as CreateQueue takes them
	DeadLetterARN   string            // "" is none
	MaxReceiveCount int
	Visibility      time.Duration
}

// Bucket is an AWS::S3::Bucket.
type Bucket struct {
	LogicalID   string
	Name        string
	Expirations []Expiration // of its enabled lifecycle rules
}

// Expiration is the ExpirationInDays of a lifecycle rule.
type Expiration struct {
	Prefix string // "" is every object
	Days   int    // from 1
}

// Secret is an AWS::SecretsManager::Secret.
type Secret struct {
	LogicalID   string
	Name        string
	ARN         string
	Description string
	Value       string // as the template has it; "" if generated or left empty
	Generate    *Generate
}

// Generate is a secret's GenerateSecretString.
type Generate struct {
	Template           string // JSON object to put the password into
	Key                string // under this key
	Length             int
	ExcludeCharacters  string
	ExcludeLowercase   bool
	ExcludeUppercase   bool
	ExcludeNumbers     bool
	ExcludePunctuation bool
	IncludeSpace       bool
}

// Key is an AWS::KMS::Key.
type Key struct{ LogicalID, ID, ARN, Description string }

// Alias is an AWS::KMS::Alias.
type Alias struct{ LogicalID, Name, KeyID string }

// Inert is a resource that was checked and does nothing on this machine.
type Inert struct{ LogicalID, Type, Name string }

// Options are the choices that a deployment makes.
type Options struct {
	Region     string            // "" is us-east-1
	Account    string            // "" is 123456789012
	StackName  string            // "" is sluice; the first part of generated names
	Parameters map[string]string // override the template's defaults

	// SecretARN and KeyID say what the services call a secret of a name and the
	// key of a logical id; they draw these themselves. Nil computes stand-ins.
	SecretARN func(name string) string
	KeyID     func(logicalID string) string
}

// WithDefaults returns o with its empty fields filled in.
func (o Options) WithDefaults() Options {
	if o.Region == "" {
		o.Region = "us-east-1"
	}
	if o.Account == "" {
		o.Account = "123456789012"
	}
	if o.StackName == "" {
		o.StackName = "sluice"
	}
	return o
}
