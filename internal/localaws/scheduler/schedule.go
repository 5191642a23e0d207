package scheduler

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/messageai/sluice/internal/localaws/wire"
)

const (
	defaultGroup = "default"
	enabled      = "ENABLED"
	disabled     = "DISABLED"
	off          = "OFF"
	flexible     = "FLEXIBLE"
	keep         = "NONE"
	remove       = "DELETE"
)

// The defaults and limits of the API reference (CreateSchedule, RetryPolicy,
// November 2026).
const (
	defaultAttempts = 185
	defaultAge      = 86400 // seconds
	maxWindow       = 1440  // minutes
	maxInput        = 256 << 10
	maxDescription  = 512
	lateStart       = 5 * time.Minute // how far a start date may lie back
)

var (
	namePattern = regexp.MustCompile(`^[0-9a-zA-Z_.-]{1,64}$`)
	rolePattern = regexp.MustCompile(`^arn:aws:iam::[0-9]{12}:role/[\w+=,.@/-]+$`)
)

// Schedule is a schedule in the API's own form: the input of CreateSchedule and
// the output of GetSchedule. Dates are seconds since 1970.
type Schedule struct {
	Name                       string
	GroupName                  string // "default" if empty
	Arn                        string // set by the service, as are the dates below
	CreationDate               float64
	LastModificationDate       float64
	Description                string   `json:",omitempty"`
	ScheduleExpression         string   // at(...), rate(...) or cron(...)
	ScheduleExpressionTimezone string   // UTC if empty
	StartDate                  *float64 `json:",omitempty"`
	EndDate                    *float64 `json:",omitempty"`
	State                      string   // ENABLED if empty
	ActionAfterCompletion      string   // NONE if empty
	FlexibleTimeWindow         Window
	Target                     Target
}

// Window is how late a schedule may fire: not at all if the mode is OFF.
type Window struct {
	Mode                   string
	MaximumWindowInMinutes int `json:",omitempty"`
}

// Target is what a schedule invokes.
type Target struct {
	Arn              string // of a function or a state machine
	RoleArn          string
	Input            string            `json:",omitempty"` // "" sends a Scheduled Event
	DeadLetterConfig *DeadLetterConfig `json:",omitempty"`
	RetryPolicy      *RetryPolicy      `json:",omitempty"`
}

// DeadLetterConfig names the queue for what could not be delivered.
type DeadLetterConfig struct{ Arn string }

// RetryPolicy limits the attempts after the first; nil members mean 185
// attempts and a day.
type RetryPolicy struct {
	MaximumEventAgeInSeconds *int
	MaximumRetryAttempts     *int
}

func invalid(format string, args ...any) error {
	return wire.Errorf(http.StatusBadRequest, "ValidationException", format, args...)
}

// check validates a request and fills in the defaults and what the service
// itself sets. A new schedule may not begin or end in the past.
func (s *Service) check(in *Schedule, fresh bool) error {
	setDefault(&in.GroupName, defaultGroup)
	setDefault(&in.State, enabled)
	setDefault(&in.ActionAfterCompletion, keep)
	setDefault(&in.ScheduleExpressionTimezone, "UTC")
	zone, zoneErr := location(in.ScheduleExpressionTimezone)
	now := time.Now()
	switch {
	case !namePattern.MatchString(in.Name):
		return invalid("1 validation error detected: Value '%s' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[0-9a-zA-Z-_.]+$", in.Name)
	case in.GroupName != defaultGroup:
		return wire.Errorf(http.StatusNotFound, "ResourceNotFoundException", "Schedule group %s does not exist.", in.GroupName)
	case in.State != enabled && in.State != disabled:
		return notOneOf("state", in.State, enabled, disabled)
	case in.ActionAfterCompletion != keep && in.ActionAfterCompletion != remove:
		return notOneOf("actionAfterCompletion", in.ActionAfterCompletion, keep, remove)
	case len(in.Description) > maxDescription:
		return invalid("1 validation error detected: Value at 'description' failed to satisfy constraint: Member must have length less than or equal to %d", maxDescription)
	case zoneErr != nil:
		return invalid("Invalid Schedule Expression Timezone %s.", in.ScheduleExpressionTimezone)
	case parse(in.ScheduleExpression, zone) == nil:
		return invalid("Invalid Schedule Expression %s.", in.ScheduleExpression)
	case fresh && in.StartDate != nil && date(*in.StartDate).Before(now.Add(-lateStart)):
		return invalid("The StartDate you specify cannot be earlier than 5 minutes ago.")
	case in.EndDate != nil && in.StartDate != nil && *in.EndDate <= *in.StartDate:
		return invalid("The EndDate you specify cannot be earlier than the StartDate.")
	case fresh && in.EndDate != nil && date(*in.EndDate).Before(now):
		return invalid("The EndDate you specify cannot be in the past.")
	}
	if err := in.FlexibleTimeWindow.check(); err != nil {
		return err
	}
	if err := in.Target.check(); err != nil {
		return err
	}
	in.Arn = s.arn(in.Name)
	in.LastModificationDate = seconds(now)
	in.CreationDate = in.LastModificationDate
	return nil
}

func (w Window) check() error {
	switch {
	case w.Mode != off && w.Mode != flexible:
		return notOneOf("flexibleTimeWindow.mode", w.Mode, off, flexible)
	case w.Mode == off && w.MaximumWindowInMinutes != 0:
		return invalid("Maximum window must not be set when flexible time window is set to OFF.")
	case w.Mode == flexible && (w.MaximumWindowInMinutes < 1 || w.MaximumWindowInMinutes > maxWindow):
		return invalid("A maximum window of %d minutes is not within 1 and %d.", w.MaximumWindowInMinutes, maxWindow)
	}
	return nil
}

func (t *Target) check() error {
	kind := targetKind(t.Arn)
	if t.RetryPolicy == nil {
		t.RetryPolicy = &RetryPolicy{}
	}
	attempts, age := defaultAttempts, defaultAge
	if t.RetryPolicy.MaximumRetryAttempts == nil {
		t.RetryPolicy.MaximumRetryAttempts = &attempts
	}
	if t.RetryPolicy.MaximumEventAgeInSeconds == nil {
		t.RetryPolicy.MaximumEventAgeInSeconds = &age
	}
	switch {
	case kind == "":
		return invalid("Provided Arn is not in correct format or not a target on this machine: %s", t.Arn)
	case !rolePattern.MatchString(t.RoleArn):
		return invalid("1 validation error detected: Value '%s' at 'target.roleArn' failed to satisfy constraint: Member must satisfy regular expression pattern: %s", t.RoleArn, rolePattern)
	case len(t.Input) > maxInput:
		return invalid("Target input is longer than %d bytes.", maxInput)
	case t.Input != "" && !json.Valid([]byte(t.Input)):
		return invalid("Target input is not valid JSON.")
	case t.DeadLetterConfig != nil && !strings.HasPrefix(t.DeadLetterConfig.Arn, "arn:aws:sqs:"):
		return invalid("The dead-letter queue's ARN is not in correct format: %s", t.DeadLetterConfig.Arn)
	case *t.RetryPolicy.MaximumRetryAttempts < 0 || *t.RetryPolicy.MaximumRetryAttempts > defaultAttempts:
		return invalid("%d retry attempts are not within 0 and %d.", *t.RetryPolicy.MaximumRetryAttempts, defaultAttempts)
	case *t.RetryPolicy.MaximumEventAgeInSeconds < 60 || *t.RetryPolicy.MaximumEventAgeInSeconds > defaultAge:
		return invalid("A maximum event age of %d seconds is not within 60 and %d.", *t.RetryPolicy.MaximumEventAgeInSeconds, defaultAge)
	}
	return nil
}

// targetKind is lambda, states or "" for what is no target here.
func targetKind(arn string) string {
	parts := strings.Split(arn, ":")
	switch {
	case len(parts) < 7 || parts[0] != "arn":
		return ""
	case parts[2] == "lambda" && parts[5] == "function", parts[2] == "states" && parts[5] == "stateMachine":
		return parts[2]
	}
	return ""
}

func notOneOf(name, value string, choices ...string) error {
	return invalid("1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: Member must satisfy enum value set: %v", value, name, choices)
}

func setDefault(v *string, preset string) {
	if *v == "" {
		*v = preset
	}
}

// location finds a zone of the IANA database; "Local" is none of its names.
func location(name string) (*time.Location, error) {
	if name == "Local" {
		return nil, invalid("Local is no time zone.")
	}
	return time.LoadLocation(name)
}

func date(s float64) time.Time { return time.UnixMilli(int64(s * 1000)).UTC() }

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
