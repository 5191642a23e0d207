package sqs

import (
	"crypto/md5" //nolint:gosec // the protocol's checksum, not a security measure
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Attribute is a message attribute. DataType is String, Number or Binary, each
// optionally with a label ("Number.int").
type Attribute struct {
	DataType    string
	StringValue string `json:",omitempty"`
	BinaryValue []byte `json:",omitempty"`
}

func (a Attribute) binary() bool { return strings.HasPrefix(a.DataType, "Binary") }

// Message is a received message, with the fields that ReceiveMessage answers
// and a Lambda SQS event needs. Attributes are the system attributes
// (ApproximateReceiveCount, SentTimestamp, ...); nil maps mean none.
type Message struct {
	MessageID              string               `json:"MessageId"`
	ReceiptHandle          string               `json:"ReceiptHandle"`
	Body                   string               `json:"Body"`
	MD5OfBody              string               `json:"MD5OfBody"`
	Attributes             map[string]string    `json:"Attributes,omitempty"`
	MessageAttributes      map[string]Attribute `json:"MessageAttributes,omitempty"`
	MD5OfMessageAttributes string               `json:"MD5OfMessageAttributes,omitempty"`
}

// wanted says which attributes a receiver asked for.
type wanted struct {
	system  []string // names or All
	message []string // names, prefixes ending in ".*", or All
}

// view returns m as its receiver sees it.
func (m *message) view(queue string, want wanted) Message {
	out := Message{
		MessageID: m.ID, Body: m.Body, MD5OfBody: m.md5,
		ReceiptHandle: receipt{Queue: queue, ID: m.ID, Key: m.Key, Count: m.Count}.String(),
	}
	if len(want.system) > 0 {
		all := map[string]string{
			"SenderId":                         m.Sender,
			"SentTimestamp":                    milliseconds(m.SentAt),
			"ApproximateReceiveCount":          strconv.Itoa(m.Count),
			"ApproximateFirstReceiveTimestamp": milliseconds(m.FirstReceived),
		}
		for _, optional := range [...]struct{ name, value string }{{"MessageGroupId", m.Group}, {"AWSTraceHeader", m.Trace}, {"DeadLetterQueueSourceArn", m.Source}} {
			if optional.value != "" {
				all[optional.name] = optional.value
			}
		}
		if !slices.Contains(want.system, "All") {
			maps.DeleteFunc(all, func(name, _ string) bool { return !slices.Contains(want.system, name) })
		}
		out.Attributes = all
	}
	for name, a := range m.Attributes {
		if !slices.ContainsFunc(want.message, func(w string) bool {
			prefix, isPrefix := strings.CutSuffix(w, ".*")
			return w == name || w == "All" || isPrefix && strings.HasPrefix(name, prefix)
		}) {
			continue
		}
		if out.MessageAttributes == nil {
			out.MessageAttributes = map[string]Attribute{}
		}
		out.MessageAttributes[name] = a
	}
	out.MD5OfMessageAttributes = md5OfAttributes(out.MessageAttributes)
	return out
}

func milliseconds(nanos int64) string { return strconv.FormatInt(nanos/int64(time.Millisecond), 10) }

// receipt is what a receipt handle says. It finds the message after a restart
// too; Key and ID together tell a message from one of an earlier queue of the
// same name.
type receipt struct {
	Queue string
	ID    string
	Key   uint64
	Count int
}

func (r receipt) String() string {
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%s %d %d %s", r.ID, r.Key, r.Count, r.Queue))
}

// parseReceipt reads a handle that queue gave out.
func parseReceipt(handle, queue string) (receipt, error) {
	raw, err := base64.StdEncoding.DecodeString(handle)
	if err != nil {
		return receipt{}, errReceipt(handle)
	}
	parts := strings.Split(string(raw), " ")
	if len(parts) != 4 || parts[3] != queue {
		return receipt{}, errReceipt(handle)
	}
	key, keyErr := strconv.ParseUint(parts[1], 10, 64)
	count, countErr := strconv.Atoi(parts[2])
	r := receipt{Queue: queue, ID: parts[0], Key: key, Count: count}
	if keyErr != nil || countErr != nil || r.String() != handle {
		return receipt{}, errReceipt(handle)
	}
	return r, nil
}

// find returns the message that a receipt is of, or nil when it is gone.
func (q *queue) find(r receipt) *message {
	if m, ok := q.messages[r.Key]; ok && m.ID == r.ID && r.Count <= m.Count {
		return m
	}
	return nil
}

func md5Hex(s string) string {
	sum := md5.Sum([]byte(s)) //nolint:gosec // the protocol's checksum, not a security measure
	return hex.EncodeToString(sum[:])
}

// md5OfAttributes is the checksum that the developer guide describes ("Calculating
// the MD5 message digest for message attributes"); "" without attributes.
func md5OfAttributes(attributes map[string]Attribute) string {
	if len(attributes) == 0 {
		return ""
	}
	h := md5.New() //nolint:gosec // the protocol's checksum, not a security measure
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		a := attributes[name]
		writeSized(h, []byte(name))
		writeSized(h, []byte(a.DataType))
		if a.binary() {
			h.Write([]byte{2})
			writeSized(h, a.BinaryValue)
		} else {
			h.Write([]byte{1})
			writeSized(h, []byte(a.StringValue))
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

func writeSized(h hash.Hash, b []byte) {
	h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(b)))) //nolint:gosec // a message is at most 1 MiB
	h.Write(b)
}

// checkAttributes refuses attributes that SQS refuses.
func checkAttributes(attributes map[string]Attribute) error {
	if len(attributes) > 10 {
		return errParameter("Number of message attributes [%d] exceeds the allowed maximum [10].", len(attributes))
	}
	for name, a := range attributes {
		kind, _, _ := strings.Cut(a.DataType, ".")
		switch {
		case name == "" || len(name) > 256 || strings.Trim(name, nameRunes+".") != "":
			return errParameter("Message (user) attribute name '%s' is invalid. It can contain up to 256 alphanumeric characters, hyphens, underscores and periods.", name)
		case kind != "String" && kind != "Number" && kind != "Binary":
			return errParameter("The message attribute '%s' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String.", name)
		case a.binary() && len(a.BinaryValue) == 0, !a.binary() && a.StringValue == "":
			return errParameter("Message (user) attribute '%s' must contain a non-empty value of type '%s'.", name, kind)
		}
		if kind == "Number" {
			if _, err := strconv.ParseFloat(a.StringValue, 64); err != nil {
				return errParameter("Can't cast the value of message (user) attribute '%s' to a number.", name)
			}
		}
	}
	return nil
}

// nameRunes are the characters of queue names and batch entry ids.
const nameRunes = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

// isGroup reports whether a MessageGroupId has 1 to 128 letters, digits and
// punctuation marks of ASCII.
func isGroup(id string) bool {
	return id != "" && len(id) <= 128 && strings.IndexFunc(id, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}

// legible reports whether a body has only the characters that SQS lets in.
func legible(body string) bool {
	if !utf8.ValidString(body) {
		return false
	}
	return strings.IndexFunc(body, func(r rune) bool {
		return r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF
	}) < 0
}
