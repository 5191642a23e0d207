package sqs

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/messageai/sluice/internal/localaws/wire"
)

// outgoing is a message to send: a SendMessage request, or an entry of a batch.
type outgoing struct {
	ID                      string `json:"Id"`
	MessageBody             *string
	DelaySeconds            *int
	MessageAttributes       map[string]Attribute
	MessageSystemAttributes map[string]Attribute
	MessageGroupID          *string `json:"MessageGroupId"`
	MessageDeduplicationID  string  `json:"MessageDeduplicationId"`
}

// sent is the answer to one message sent.
type sent struct {
	ID                           string `json:"Id,omitempty"`
	MessageID                    string `json:"MessageId"`
	MD5OfMessageBody             string
	MD5OfMessageAttributes       string `json:",omitempty"`
	MD5OfMessageSystemAttributes string `json:",omitempty"`
}

// failed is the answer to an entry of a batch that was refused.
type failed struct {
	ID          string `json:"Id"`
	Code        string
	Message     string
	SenderFault bool
}

// size is what counts towards the limits and the bill, in bytes.
func (o *outgoing) size() int {
	n := 0
	if o.MessageBody != nil {
		n = len(*o.MessageBody)
	}
	for name, a := range o.MessageAttributes {
		n += len(name) + len(a.DataType) + len(a.StringValue) + len(a.BinaryValue)
	}
	return n
}

// check refuses what SQS refuses in one message.
func (o *outgoing) check(set settings) error {
	switch {
	case o.MessageBody == nil || *o.MessageBody == "":
		return errMissing("MessageBody")
	case o.size() > set.maxBytes:
		return errParameter("One or more parameters are invalid. Reason: Message must be shorter than %d bytes.", set.maxBytes)
	case !legible(*o.MessageBody):
		return fail(http.StatusBadRequest, "InvalidMessageContents", "InvalidMessageContents", "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF.")
	case o.DelaySeconds != nil && (*o.DelaySeconds < 0 || *o.DelaySeconds > maxDelaySeconds):
		return errParameter("Value %d for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= %d.", *o.DelaySeconds, maxDelaySeconds)
	case o.MessageDeduplicationID != "":
		return errParameter("Value %s for parameter MessageDeduplicationId is invalid. Reason: The request includes a parameter that is not valid for this queue type.", o.MessageDeduplicationID)
	case o.MessageGroupID != nil && !isGroup(*o.MessageGroupID):
		return errParameter("Value %s for parameter MessageGroupId is invalid. Reason: MessageGroupId can only include alphanumeric and punctuation characters. 1 to 128 in length.", *o.MessageGroupID)
	}
	for name := range o.MessageSystemAttributes {
		if name != "AWSTraceHeader" {
			return errParameter("Message system attribute name '%s' is invalid.", name)
		}
	}
	return checkAttributes(o.MessageAttributes)
}

// message returns o as a message without key and times.
func (o *outgoing) message(sender string) *message {
	group := ""
	if o.MessageGroupID != nil {
		group = *o.MessageGroupID
	}
	return &message{
		ID: uuid.NewString(), Body: *o.MessageBody, Attributes: o.MessageAttributes, Group: group,
		Trace: o.MessageSystemAttributes["AWSTraceHeader"].StringValue, Sender: sender, md5: md5Hex(*o.MessageBody), size: o.size(),
	}
}

func (o *outgoing) answer(m *message) sent {
	return sent{
		ID: o.ID, MessageID: m.ID, MD5OfMessageBody: m.md5,
		MD5OfMessageAttributes:       md5OfAttributes(o.MessageAttributes),
		MD5OfMessageSystemAttributes: md5OfAttributes(o.MessageSystemAttributes),
	}
}

func (s *Service) sendMessage(call *wire.Call) (any, error) {
	var in struct {
		QueueURL string `json:"QueueUrl"`
		outgoing
	}
	if err := call.Decode(&in); err != nil {
		return nil, err
	}
	q, err := s.open(call, "sqs:SendMessage", in.QueueURL)
	if err != nil {
		return nil, err
	}
	if err := in.check(q.settings()); err != nil {
		return nil, err
	}
	in.ID = ""
	m := in.message(s.sender(call))
	if err := s.enqueue(q, []*message{m}, []*int{in.DelaySeconds}); err != nil {
		return nil, err
	}
	s.bill(m.size)
	return in.answer(m), nil
}

func (s *Service) sendMessageBatch(call *wire.Call) (any, error) {
	var in struct {
		QueueURL string `json:"QueueUrl"`
		Entries  []outgoing
	}
	if err := call.Decode(&in); err != nil {
		return nil, err
	}
	q, err := s.open(call, "sqs:SendMessage", in.QueueURL)
	if err != nil {
		return nil, err
	}
	ids, total := make([]string, len(in.Entries)), 0
	for i := range in.Entries {
		ids[i] = in.Entries[i].ID
		total += in.Entries[i].size()
	}
	if err := checkBatch(ids); err != nil {
		return nil, err
	}
	if total > maxMessageBytes {
		return nil, errBatch("BatchRequestTooLong", "Batch requests cannot be longer than %d bytes. You have sent %d bytes.", maxMessageBytes, total)
	}
	var out batchAnswer[sent]
	set, sender := q.settings(), s.sender(call)
	messages, delays := make([]*message, 0, len(ids)), make([]*int, 0, len(ids))
	for i := range in.Entries {
		o := &in.Entries[i]
		if err := o.check(set); err != nil {
			out.refuse(o.ID, err)
			continue
		}
		m := o.message(sender)
		messages, delays = append(messages, m), append(delays, o.DelaySeconds)
		out.Successful = append(out.Successful, o.answer(m))
	}
	if err := s.enqueue(q, messages, delays); err != nil {
		return nil, err
	}
	s.bill(total)
	return out, nil
}

// enqueue sends messages, each with its delay or the queue's, undisturbed or not.
func (s *Service) enqueue(q *queue, messages []*message, delays []*int) error {
	if len(messages) == 0 {
		return nil
	}
	now := time.Now()
	all := make([]*message, 0, len(messages))
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.deleted {
		return errNoQueue()
	}
	for i, m := range messages {
		delay := q.set.delay
		if delays[i] != nil {
			delay = time.Duration(*delays[i]) * time.Second
		}
		var d Disturbance
		if s.opts.Disturb != nil {
			d = s.opts.Disturb(q.name)
		}
		visible := now.Add(delay + d.Delay)
		m.SentAt, m.VisibleAt = now.UnixNano(), visible.UnixNano()
		all = append(all, m)
		for range d.Duplicates {
			twin := *m
			twin.VisibleAt = visible.Add(d.Behind).UnixNano()
			all = append(all, &twin)
		}
	}
	return s.add(q, all)
}

// add numbers messages, records them and puts them into q, whose lock is held.
func (s *Service) add(q *queue, messages []*message) error {
	for i, m := range messages {
		m.Key = q.nextKey + uint64(i) //nolint:gosec // an index
	}
	if err := s.append(record{Kind: recordSent, Queue: q.name, Messages: messages}); err != nil {
		return err
	}
	for _, m := range messages {
		q.insert(m)
	}
	q.wake(len(messages))
	return nil
}

// sender is the caller as the SenderId attribute names it.
func (s *Service) sender(call *wire.Call) string {
	if call.Principal == nil {
		return s.opts.Account
	}
	return call.Principal.Name
}

// settings returns the queue's attributes as they are now.
func (q *queue) settings() settings {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.set
}

// batchAnswer is the response to a batch request.
type batchAnswer[T any] struct {
	Successful []T      `json:",omitempty"`
	Failed     []failed `json:",omitempty"`
}

// refuse notes an entry's error with the code of the query protocol.
func (b *batchAnswer[T]) refuse(id string, err error) {
	e, ok := errors.AsType[*wire.Error](err)
	if !ok {
		e = fail(http.StatusInternalServerError, "InternalFailure", "InternalFailure", "%v", err)
	}
	b.Failed = append(b.Failed, failed{ID: id, Code: e.QueryCode, Message: e.Message, SenderFault: e.Status < http.StatusInternalServerError})
}

// checkBatch refuses a batch as a whole for its ids.
func checkBatch(ids []string) error {
	if len(ids) == 0 {
		return errBatch("EmptyBatchRequest", "There should be at least one entry in the request.")
	}
	if len(ids) > maxBatchEntries {
		return errBatch("TooManyEntriesInBatchRequest", "Maximum number of entries per request are %d. You have sent %d.", maxBatchEntries, len(ids))
	}
	seen := map[string]bool{}
	for _, id := range ids {
		if id == "" || len(id) > 80 || strings.Trim(id, nameRunes) != "" {
			return errBatch("InvalidBatchEntryId", "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.")
		}
		if seen[id] {
			return errBatch("BatchEntryIdsNotDistinct", "Id %s repeated.", id)
		}
		seen[id] = true
	}
	return nil
}
