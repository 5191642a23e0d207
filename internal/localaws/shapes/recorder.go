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
}

// NewRecorder returns a recorder that has seen nothing.
func NewRecorder(c *Checker) *Recorder {
	return &Recorder{checker: c, seen: map[string]int{}, complaints: map[string]int{}}
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

func (r *Recorder) note(a Answer) {
	complaints := r.checker.Check(a)
	r.mu.Lock()
	defer r.mu.Unlock()
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
	c.recorder.note(Answer{
		Service: awsmiddleware.GetServiceID(r.Context()), Operation: awsmiddleware.GetOperationName(r.Context()),
		Status: response.StatusCode, Header: response.Header, Body: body, Headless: r.Method == http.MethodHead,
	})
	return response, nil
}
