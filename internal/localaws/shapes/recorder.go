package shapes

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
)

// Recorder checks the answers that clients get. It may be used by many
// goroutines.
type Recorder struct {
	checker *Checker

	mu         sync.Mutex
	seen       map[string]int // answers by "service operation status"
	complaints map[string]int
	parts      map[string]map[string]bool // of expressions, by the member's name
}

// NewRecorder returns a recorder that has seen nothing.
func NewRecorder(c *Checker) *Recorder {
	return &Recorder{checker: c, seen: map[string]int{}, complaints: map[string]int{}, parts: map[string]map[string]bool{}}
}

// Wrap returns a client that calls another and checks what it gets.
func (r *Recorder) Wrap(c aws.HTTPClient) aws.HTTPClient { return &recording{recorder: r, next: c} }

// Seen says how many answers there were, by "service operation status".
func (r *Recorder) Seen() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.seen)
}

// Complaints are the different faults found, sorted.
func (r *Recorder) Complaints() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Sorted(maps.Keys(r.complaints))
}

// Expressions are the [Parts] of the expressions in requests to DynamoDB that it
// did not refuse, sorted, by the name of the request's member.
func (r *Recorder) Expressions() map[string][]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := map[string][]string{}
	for member, parts := range r.parts {
		out[member] = slices.Sorted(maps.Keys(parts))
	}
	return out
}

func (r *Recorder) note(a Answer, used map[string][]string) {
	complaints := r.checker.Check(a)
	r.mu.Lock()
	defer r.mu.Unlock()
	for member, texts := range used {
		if r.parts[member] == nil {
			r.parts[member] = map[string]bool{}
		}
		for _, text := range texts {
			for _, part := range Parts(text) {
				r.parts[member][part] = true
			}
		}
	}
	r.seen[fmt.Sprintf("%s %s %d", a.Service, a.Operation, a.Status)]++
	for _, c := range complaints {
		r.complaints[a.Service+" "+c]++
	}
}

type recording struct {
	recorder *Recorder
	next     aws.HTTPClient
}

// Do implements aws.HTTPClient.
func (c *recording) Do(r *http.Request) (*http.Response, error) {
	service := awsmiddleware.GetServiceID(r.Context())
	var sent []byte
	if service == "DynamoDB" && r.Body != nil {
		var err error
		if sent, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		if err := r.Body.Close(); err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(sent))
	}
	response, err := c.next.Do(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(response.Body)
	if cerr := response.Body.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return nil, err
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	var used map[string][]string
	if !refused(response.StatusCode, body) {
		used = expressions(sent)
	}
	c.recorder.note(Answer{
		Service: service, Operation: awsmiddleware.GetOperationName(r.Context()),
		Status: response.StatusCode, Header: response.Header, Body: body, Headless: r.Method == http.MethodHead,
	}, used)
	return response, nil
}
