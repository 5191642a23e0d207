package sqs

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/messageai/sluice/internal/localaws/wire"
)

const (
	maxMessageBytes   = 1_048_576
	maxVisibility     = 12 * time.Hour
	maxInFlight       = 120_000
	maxBatchEntries   = 10
	maxWait           = 20 * time.Second
	purgeInterval     = time.Minute
	maxDelaySeconds   = 900
	maxRedriveSources = 10
	noisyMinInFlight  = 30 // fair queues: below this nobody is noisy (AWS, Amazon SQS fair queues, 2025)
)

// numeric lists the attributes that are whole numbers with their bounds and
// defaults, as the reference of SetQueueAttributes has them.
var numeric = map[string]struct {
	low, high int
	preset    string
}{
	"DelaySeconds":                  {0, maxDelaySeconds, "0"},
	"MaximumMessageSize":            {1024, maxMessageBytes, "1048576"},
	"MessageRetentionPeriod":        {60, 1_209_600, "345600"},
	"ReceiveMessageWaitTimeSeconds": {0, 20, "0"},
	"VisibilityTimeout":             {0, 43_200, "30"},
}

// settings is a queue's attributes and what they mean.
type settings struct {
	values      map[string]string // every attribute that can be set and is
	delay       time.Duration
	retention   time.Duration
	wait        time.Duration
	visibility  time.Duration
	maxBytes    int
	deadLetter  string // ARN; "" is no dead-letter queue
	maxReceives int
}

func presets() map[string]string {
	values := map[string]string{"SqsManagedSseEnabled": "true"}
	for name, n := range numeric {
		values[name] = n.preset
	}
	return values
}

// newSettings returns base changed by changes. A policy set to "" is removed.
func newSettings(base, changes map[string]string) (settings, error) {
	set := settings{values: maps.Clone(base)}
	for name, value := range changes {
		if err := checkAttribute(name, value); err != nil {
			return set, err
		}
		if value == "" {
			delete(set.values, name)
		} else {
			set.values[name] = value
		}
	}
	seconds := func(name string) time.Duration {
		n, _ := strconv.Atoi(set.values[name]) // checked when it was set
		return time.Duration(n) * time.Second
	}
	set.delay, set.retention = seconds("DelaySeconds"), seconds("MessageRetentionPeriod")
	set.wait, set.visibility = seconds("ReceiveMessageWaitTimeSeconds"), seconds("VisibilityTimeout")
	set.maxBytes = int(seconds("MaximumMessageSize") / time.Second)
	if policy, ok := set.values["RedrivePolicy"]; ok {
		var err error
		if set.deadLetter, set.maxReceives, err = parseRedrive(policy); err != nil {
			return set, err
		}
	}
	return set, nil
}

func checkAttribute(name, value string) error {
	invalid := fail(http.StatusBadRequest, "InvalidAttributeValue", "InvalidAttributeValue", "Invalid value for the parameter %s.", name)
	if n, ok := numeric[name]; ok {
		if v, err := strconv.Atoi(value); err != nil || v < n.low || v > n.high {
			return invalid
		}
		return nil
	}
	switch name {
	case "Policy", "RedrivePolicy":
		if value != "" && !json.Valid([]byte(value)) {
			return invalid
		}
	case "RedriveAllowPolicy":
		if value != "" {
			_, err := parseRedriveAllow(value)
			return err
		}
	case "SqsManagedSseEnabled":
		if value != "true" && value != "false" {
			return invalid
		}
	case "KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds":
	default:
		return fail(http.StatusBadRequest, "InvalidAttributeName", "InvalidAttributeName", "Unknown Attribute %s.", name)
	}
	return nil
}

// parseRedrive reads a RedrivePolicy; maxReceiveCount comes as a number or as
// a string, CloudFormation sends both.
func parseRedrive(policy string) (deadLetter string, maxReceives int, err error) {
	var p map[string]any // a struct's names would be found in other letter case, which SQS refuses
	if json.Unmarshal([]byte(policy), &p) == nil {
		deadLetter, _ = p["deadLetterTargetArn"].(string)
		maxReceives, _ = strconv.Atoi(fmt.Sprint(p["maxReceiveCount"])) // 0 is refused below
	}
	if deadLetter == "" || maxReceives < 1 || maxReceives > 1000 {
		return "", 0, errParameter("Value %s for parameter RedrivePolicy is invalid. Reason: it needs deadLetterTargetArn and a maxReceiveCount from 1 to 1000.", policy)
	}
	return deadLetter, maxReceives, nil
}

// The permissions of a RedriveAllowPolicy.
const (
	redriveAllowAll = "allowAll" // also that of a queue without a policy
	redriveDenyAll  = "denyAll"
	redriveByQueue  = "byQueue"
)

// redriveAllow is a RedriveAllowPolicy: which queues may name the queue that has
// it as their dead-letter queue.
type redriveAllow struct {
	permission string
	sources    []string // ARNs, of byQueue alone
}

// parseRedriveAllow reads a RedriveAllowPolicy and checks it as the reference of
// SetQueueAttributes describes it. The wording of refusals is SQS's.
func parseRedriveAllow(policy string) (redriveAllow, error) {
	refused := func(reason string) (redriveAllow, error) {
		return redriveAllow{}, fail(http.StatusBadRequest, "InvalidAttributeValue", "InvalidAttributeValue",
			"Invalid value for the parameter RedriveAllowPolicy. Reason: Amazon SQS can't create the redrive allow policy%s", reason)
	}
	const unsupported = ", as it’s in an unsupported format."
	var members map[string]json.RawMessage // not a struct, for the same reason as above
	if json.Unmarshal([]byte(policy), &members) != nil {
		return refused(unsupported)
	}
	var p redriveAllow
	_, named := members["sourceQueueArns"]
	for name, value := range members {
		var err error
		switch name {
		case "redrivePermission":
			err = json.Unmarshal(value, &p.permission)
		case "sourceQueueArns":
			err = json.Unmarshal(value, &p.sources)
		default:
			return refused(unsupported)
		}
		if err != nil {
			return refused(unsupported)
		}
	}
	switch p.permission {
	case redriveAllowAll, redriveDenyAll:
		if named {
			return refused(". You can specify source queue ARNs only when the permission type is byQueue.")
		}
	case redriveByQueue:
		if len(p.sources) < 1 || len(p.sources) > maxRedriveSources {
			return refused(". When you specify the byQueue permission type, you must also specify between 1 and 10 source queue ARNs.")
		}
	default:
		return refused(unsupported)
	}
	return p, nil
}

func (p redriveAllow) allows(source string) bool {
	return p.permission == redriveAllowAll || slices.Contains(p.sources, source)
}

// checkRedrive refuses a dead-letter queue that is not there, or does not let
// the queue with the ARN source name it. One that stops letting it later keeps
// it: the policy is asked when a queue names its dead-letter queue.
func (s *Service) checkRedrive(source string, set settings) error {
	if set.deadLetter == "" {
		return nil
	}
	dead, err := s.queueByARN(set.deadLetter)
	if err != nil {
		return errParameter("Value %s for parameter RedrivePolicy is invalid. Reason: Dead letter target does not exist.", set.values["RedrivePolicy"])
	}
	if policy, ok := dead.settings().values["RedriveAllowPolicy"]; ok {
		if p, err := parseRedriveAllow(policy); err != nil || !p.allows(source) {
			return errParameter("Value %s for parameter RedrivePolicy is invalid. Reason: The dead-letter queue's RedriveAllowPolicy does not allow this queue.", set.values["RedrivePolicy"])
		}
	}
	return nil
}

func (s *Service) queueAttributes(call *wire.Call) (any, error) {
	var in struct {
		QueueURL       string   `json:"QueueUrl"`
		AttributeNames []string // empty asks for none
	}
	if err := call.Decode(&in); err != nil {
		return nil, err
	}
	q, err := s.open(call, "sqs:GetQueueAttributes", in.QueueURL)
	if err != nil {
		return nil, err
	}
	s.bill(0)
	all := q.describe(s.ARN(q.name))
	picked := map[string]string{}
	for _, name := range in.AttributeNames {
		switch value, ok := all[name]; {
		case name == "All":
			picked = all
		case ok:
			picked[name] = value
		default:
			// Known but not set on this queue: left out.
			if err := checkAttribute(name, ""); err != nil {
				if wire.CodeOf(err) == "InvalidAttributeName" {
					return nil, err
				}
			}
		}
	}
	if len(picked) == 0 {
		return nil, nil
	}
	return map[string]any{"Attributes": picked}, nil
}

func (s *Service) setQueueAttributes(call *wire.Call) (any, error) {
	var in struct {
		QueueURL   string `json:"QueueUrl"`
		Attributes map[string]string
	}
	if err := call.Decode(&in); err != nil {
		return nil, err
	}
	q, err := s.open(call, "sqs:SetQueueAttributes", in.QueueURL)
	if err != nil {
		return nil, err
	}
	s.bill(0)
	change, err := newSettings(presets(), in.Attributes)
	if err != nil {
		return nil, err
	}
	if err := s.checkRedrive(s.ARN(q.name), change); err != nil {
		return nil, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.deleted {
		return nil, errNoQueue()
	}
	set, err := newSettings(q.set.values, in.Attributes)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	q.advance(now) // what the old retention period ended stays ended
	if err := s.append(record{Kind: recordAttributes, Queue: q.name, Attributes: set.values, At: now.UnixNano()}); err != nil {
		return nil, err
	}
	q.set, q.modified = set, now
	q.wake(len(q.waiters))
	return nil, nil
}

// describe returns every attribute of the queue that GetQueueAttributes knows.
func (q *queue) describe(arn string) map[string]string {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.advance(time.Now())
	all := maps.Clone(q.set.values)
	all["QueueArn"] = arn
	all["CreatedTimestamp"] = strconv.FormatInt(q.created.Unix(), 10)
	all["LastModifiedTimestamp"] = strconv.FormatInt(q.modified.Unix(), 10)
	all["ApproximateNumberOfMessages"] = strconv.Itoa(q.ready)
	all["ApproximateNumberOfMessagesNotVisible"] = strconv.Itoa(q.inFlight)
	all["ApproximateNumberOfMessagesDelayed"] = strconv.Itoa(len(q.hidden.items) - q.inFlight)
	return all
}
