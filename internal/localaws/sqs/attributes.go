package sqs

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"time"

	"github.com/messageai/sluice/internal/localaws/wire"
)

const (
	maxMessageBytes  = 1_048_576
	maxVisibility    = 12 * time.Hour
	maxInFlight      = 120_000
	maxBatchEntries  = 10
	maxWait          = 20 * time.Second
	purgeInterval    = time.Minute
	maxDelaySeconds  = 900
	noisyMinInFlight = 30 // fair queues: below this nobody is noisy (AWS, Amazon SQS fair queues, 2025)
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
	case "Policy", "RedriveAllowPolicy", "RedrivePolicy":
		if value != "" && !json.Valid([]byte(value)) {
			return invalid
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
	var p struct {
		DeadLetterTargetArn string `json:"deadLetterTargetArn"`
		MaxReceiveCount     any    `json:"maxReceiveCount"`
	}
	if json.Unmarshal([]byte(policy), &p) == nil {
		maxReceives, _ = strconv.Atoi(fmt.Sprint(p.MaxReceiveCount)) // 0 is refused below
	}
	if p.DeadLetterTargetArn == "" || maxReceives < 1 || maxReceives > 1000 {
		return "", 0, errParameter("Value %s for parameter RedrivePolicy is invalid. Reason: it needs deadLetterTargetArn and a maxReceiveCount from 1 to 1000.", policy)
	}
	return p.DeadLetterTargetArn, maxReceives, nil
}

// checkRedrive refuses a dead-letter queue that is not there.
func (s *Service) checkRedrive(set settings) error {
	if set.deadLetter == "" {
		return nil
	}
	if _, err := s.queueByARN(set.deadLetter); err != nil {
		return errParameter("Value %s for parameter RedrivePolicy is invalid. Reason: Dead letter target does not exist.", set.values["RedrivePolicy"])
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
	if err := s.checkRedrive(change); err != nil {
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
