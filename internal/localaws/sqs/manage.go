package sqs

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/messageai/sluice/internal/localaws/wire"
)

func (s *Service) createQueue(call *wire.Call) (any, error) {
	var in struct {
		QueueName  string
		Attributes map[string]string
	}
	if err := call.Decode(&in); err != nil {
		return nil, err
	}
	if in.QueueName == "" {
		return nil, errMissing("QueueName")
	}
	if err := authorize(call, "sqs:CreateQueue", s.ARN(in.QueueName)); err != nil {
		return nil, err
	}
	s.bill(0)
	if len(in.QueueName) > 80 || strings.Trim(in.QueueName, nameRunes) != "" {
		return nil, errParameter("Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length. FIFO queues are not available on this machine.")
	}
	set, err := newSettings(presets(), in.Attributes)
	if err != nil {
		return nil, err
	}
	if err := s.checkRedrive(s.ARN(in.QueueName), set); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if q, ok := s.queues[in.QueueName]; ok {
		has := q.settings().values
		for name, value := range in.Attributes {
			if has[name] != value {
				return nil, fail(http.StatusBadRequest, "QueueNameExists", "QueueAlreadyExists", "A queue already exists with the same name and a different value for attribute %s", name)
			}
		}
		return s.located(q), nil
	}
	now := time.Now()
	if err := s.append(record{Kind: recordCreated, Queue: in.QueueName, Attributes: set.values, At: now.UnixNano()}); err != nil {
		return nil, err
	}
	q := newQueue(in.QueueName, set, now)
	s.queues[in.QueueName] = q
	return s.located(q), nil
}

func (s *Service) located(q *queue) any { return map[string]string{"QueueUrl": s.URL(q.name)} }

func (s *Service) deleteQueue(call *wire.Call) (any, error) {
	q, err := s.openOnly(call, "sqs:DeleteQueue")
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.deleted {
		return nil, errNoQueue()
	}
	if err := s.append(record{Kind: recordDropped, Queue: q.name}); err != nil {
		return nil, err
	}
	q.deleted = true
	q.purge(time.Now())
	q.wake(len(q.waiters))
	delete(s.queues, q.name)
	return nil, nil
}

func (s *Service) purgeQueue(call *wire.Call) (any, error) {
	q, err := s.openOnly(call, "sqs:PurgeQueue")
	if err != nil {
		return nil, err
	}
	now := time.Now()
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.deleted {
		return nil, errNoQueue()
	}
	if now.Sub(q.purged) < purgeInterval {
		return nil, fail(http.StatusForbidden, "PurgeQueueInProgress", legacy+"PurgeQueueInProgress", "Only one PurgeQueue operation on %s is allowed every 60 seconds.", q.name)
	}
	if err := s.append(record{Kind: recordPurged, Queue: q.name, At: now.UnixNano()}); err != nil {
		return nil, err
	}
	q.purge(now)
	return nil, nil
}

// openOnly is open for a request that has nothing but a queue URL; it bills.
func (s *Service) openOnly(call *wire.Call, action string) (*queue, error) {
	var in struct {
		QueueURL string `json:"QueueUrl"`
	}
	if err := call.Decode(&in); err != nil {
		return nil, err
	}
	q, err := s.open(call, action, in.QueueURL)
	if err == nil {
		s.bill(0)
	}
	return q, err
}

func (s *Service) queueURL(call *wire.Call) (any, error) {
	var in struct{ QueueName string }
	if err := call.Decode(&in); err != nil {
		return nil, err
	}
	if err := authorize(call, "sqs:GetQueueUrl", s.ARN(in.QueueName)); err != nil {
		return nil, err
	}
	s.bill(0)
	q, err := s.queue(in.QueueName)
	if err != nil {
		return nil, err
	}
	return s.located(q), nil
}

func (s *Service) listQueues(call *wire.Call) (any, error) {
	var in struct {
		QueueNamePrefix string
		MaxResults      *int
		NextToken       string // the last name of the page before
	}
	if err := call.Decode(&in); err != nil {
		return nil, err
	}
	if err := authorize(call, "sqs:ListQueues", s.ARN("*")); err != nil {
		return nil, err
	}
	s.bill(0)
	limit := 1000
	if in.MaxResults != nil {
		if limit = *in.MaxResults; limit < 1 || limit > 1000 {
			return nil, errParameter("Value for parameter MaxResults is invalid. Reason: MaxResults must be an integer between 1 and 1000.")
		}
	}
	names := slices.DeleteFunc(s.names(), func(name string) bool {
		return !strings.HasPrefix(name, in.QueueNamePrefix) || name <= in.NextToken
	})
	out := map[string]any{}
	if len(names) > limit {
		names = names[:limit]
		if in.MaxResults != nil { // without it AWS answers the first thousand and no token
			out["NextToken"] = names[limit-1]
		}
	}
	urls := make([]string, len(names))
	for i, name := range names {
		urls[i] = s.URL(name)
	}
	if len(urls) > 0 {
		out["QueueUrls"] = urls
	}
	return out, nil
}
