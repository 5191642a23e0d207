package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"
)

// initLimit is how long Lambda waits for a function to ask for work.
const initLimit = 10 * time.Second

const runtimePath = "/2018-06-01/runtime/"

// answer is what a function posted for an event.
type answer struct {
	payload []byte
	failed  bool // to .../error
	cause   string
	took    time.Duration
}

// process is a started bootstrap and the Runtime API that it talks to
// (Lambda developer guide, "Runtime API", November 2026).
type process struct {
	command  *exec.Cmd
	server   *http.Server
	output   bytes.Buffer // both of the process's; read it once exited is closed
	asked    chan struct{}
	once     sync.Once
	events   chan []byte
	answers  chan answer
	exited   chan struct{}
	timeout  time.Duration
	arn      string
	initTook time.Duration

	mu sync.Mutex
	id int
}

// start runs a bootstrap and waits until it asks for its first event.
func start(ctx context.Context, bootstrap, arn string, timeout time.Duration, env map[string]string) (*process, error) {
	p := &process{
		asked: make(chan struct{}), events: make(chan []byte), answers: make(chan answer, 1), exited: make(chan struct{}), timeout: timeout, arn: arn,
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p.server = &http.Server{Handler: p, ReadHeaderTimeout: initLimit}
	go func() { _ = p.server.Serve(listener) }()    // ends with stop
	p.command = exec.CommandContext(ctx, bootstrap) //nolint:gosec // it was built here
	p.command.Stdout, p.command.Stderr = &p.output, &p.output
	p.command.Env = []string{"AWS_LAMBDA_RUNTIME_API=" + listener.Addr().String()}
	for k, v := range env {
		p.command.Env = append(p.command.Env, k+"="+v)
	}
	began := time.Now()
	if err := p.command.Start(); err != nil {
		return nil, errors.Join(err, p.server.Close())
	}
	go func() {
		_ = p.command.Wait() // how it ended is told by what it did before
		close(p.exited)
	}()
	limit := time.NewTimer(initLimit)
	defer limit.Stop()
	select {
	case <-p.asked:
		p.initTook = time.Since(began)
		return p, nil
	case <-p.exited:
		err = fmt.Errorf("it exited instead of asking for work: %s", strings.TrimSpace(p.output.String()))
	case <-limit.C:
		err = fmt.Errorf("it did not ask for work within %s", initLimit)
	}
	p.stop()
	return nil, err
}

// stop ends the process and its server.
func (p *process) stop() {
	_ = p.command.Process.Kill() // it may have ended
	<-p.exited
	_ = p.server.Close() // nobody listens any more
}

// invoke hands one event over and waits for the answer.
func (p *process) invoke(ctx context.Context, payload []byte) (answer, error) {
	limit := time.NewTimer(p.timeout)
	defer limit.Stop()
	began := time.Now()
	select {
	case p.events <- payload:
	case <-p.exited:
		return answer{}, fmt.Errorf("the process has exited: %s", strings.TrimSpace(p.output.String()))
	case <-ctx.Done():
		return answer{}, ctx.Err()
	}
	select {
	case a := <-p.answers:
		a.took = time.Since(began)
		return a, nil
	case <-p.exited:
		return answer{}, fmt.Errorf("the process exited without an answer: %s", strings.TrimSpace(p.output.String()))
	case <-limit.C:
		return answer{}, fmt.Errorf("no answer within the function's time-out of %s", p.timeout)
	case <-ctx.Done():
		return answer{}, ctx.Err()
	}
}

// ServeHTTP is the Runtime API.
func (p *process) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	call, ok := strings.CutPrefix(r.URL.Path, runtimePath)
	if !ok {
		http.NotFound(w, r)
		return
	}
	if call == "invocation/next" && r.Method == http.MethodGet {
		p.once.Do(func() { close(p.asked) })
		select {
		case event := <-p.events:
			p.next(w, event)
		case <-r.Context().Done():
		case <-p.exited:
		}
		return
	}
	p.mu.Lock()
	current := "invocation/" + requestID(p.id) + "/"
	p.mu.Unlock()
	kind, ok := strings.CutPrefix(call, current)
	body, err := io.ReadAll(r.Body)
	if err != nil || !ok || r.Method != http.MethodPost || kind != "response" && kind != "error" {
		http.Error(w, `{"errorType":"InvalidRequestID"}`, http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusAccepted)
	select {
	case p.answers <- answer{payload: body, failed: kind == "error", cause: r.Header.Get("Lambda-Runtime-Function-Xray-Error-Cause")}:
	default: // a second answer to one event
	}
}

func requestID(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", n) }

func (p *process) next(w http.ResponseWriter, event []byte) {
	p.mu.Lock()
	p.id++
	id := requestID(p.id)
	p.mu.Unlock()
	h := w.Header()
	h.Set("Lambda-Runtime-Aws-Request-Id", id)
	h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(time.Now().Add(p.timeout).UnixMilli(), 10))
	h.Set("Lambda-Runtime-Invoked-Function-Arn", p.arn)
	h.Set("Lambda-Runtime-Trace-Id", "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0")
	h.Set("Content-Type", "application/json")
	_, _ = w.Write(event) // a process that is gone is noticed by its exit
}

// memory is the most that the process had resident, in kilobytes; 0 where the
// system does not say.
func (p *process) memory() int {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(p.command.Process.Pid) + "/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0
	}
	n, err := strconv.Atoi(fields[0])
	if err != nil {
		return 0
	}
	return n
}

// checkError fails unless an error has the shape that aws-lambda-go gives it.
func (a answer) checkError() error {
	var shape struct {
		Type    *string `json:"errorType"`
		Message *string `json:"errorMessage"`
	}
	if err := json.Unmarshal(a.payload, &shape); err != nil || shape.Type == nil || *shape.Type == "" || shape.Message == nil {
		return fmt.Errorf("an error is not {errorType, errorMessage}: %s", a.payload)
	}
	var cause struct {
		Exceptions []struct{ Type string } `json:"exceptions"`
	}
	if err := json.Unmarshal([]byte(a.cause), &cause); err != nil || len(cause.Exceptions) != 1 || cause.Exceptions[0].Type != *shape.Type {
		return fmt.Errorf("the cause for X-Ray does not name %s: %s", *shape.Type, a.cause)
	}
	return nil
}
