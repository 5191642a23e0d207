package stepfunctions

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/messageai/sluice/internal/localaws/iam"
	"github.com/messageai/sluice/internal/localaws/wire"
)

// call is one attempt of a Task state, evaluated.
type call struct {
	arguments          json.RawMessage
	token              string // if the attempt waits for it
	role               *iam.Principal
	timeout, heartbeat time.Duration // 0 is none
	lambda             bool          // the resource is a function's ARN
	resource, kind     string        // "invoke.waitForTaskToken", "lambda"
}

// task makes one attempt of a Task state.
func (f *frame) task(input json.RawMessage) (json.RawMessage, error) {
	c, err := f.prepare(input)
	if err != nil {
		return nil, err
	}
	var known *record // what became of the attempt
	if c.token == "" {
		if known, err = f.learn(f.key); err != nil {
			return nil, err
		}
		if known == nil {
			if known, err = f.perform(c); err == nil {
				known, err = f.remember(f.key, known)
			}
			if err != nil {
				return nil, err
			}
		}
		f.began(c)
	} else if known, err = f.callback(c); err != nil {
		return nil, err
	}
	return f.conclude(c, known)
}

// prepare evaluates what the attempt needs and emits that it is scheduled.
func (f *frame) prepare(input json.RawMessage) (*call, error) {
	st := f.st
	c := &call{lambda: strings.HasPrefix(st.resource, "arn:aws:lambda:"), arguments: input}
	ev := f.evaluation(map[string]json.RawMessage{"input": input})
	defer ev.close()
	if strings.HasSuffix(st.resource, waitForToken) {
		c.token = f.token()
		ev.token = c.token
	}
	if !c.lambda {
		parts := strings.SplitN(strings.TrimPrefix(st.resource, "arn:aws:states:::"), ":", 2)
		c.kind, c.resource = parts[0], parts[1]
	}
	var err error
	if st.arguments != nil {
		if c.arguments, err = ev.value(st.arguments, "Arguments"); err != nil {
			return nil, err
		}
	}
	if fail := f.limit(c.arguments); fail != nil {
		return nil, fail
	}
	timeout, err := ev.count(st.timeout, "TimeoutSeconds", 0)
	if err != nil {
		return nil, err
	}
	heartbeat, err := ev.count(st.heartbeat, "HeartbeatSeconds", 0)
	if err != nil {
		return nil, err
	}
	c.timeout, c.heartbeat = time.Duration(timeout*float64(time.Second)), time.Duration(heartbeat*float64(time.Second))
	roleArn := f.x.revision.roleArn
	var credentials *credentialDetails
	if st.credentials != nil {
		value, err := ev.value(st.credentials, "Credentials")
		if err != nil {
			return nil, err
		}
		credentials = &credentialDetails{}
		if err := json.Unmarshal(value, &struct{ RoleArn *string }{&credentials.RoleArn}); err != nil {
			return nil, f.evaluationFailed("Credentials", "The field must be an object with a RoleArn")
		}
		roleArn = credentials.RoleArn
	}
	c.role = f.x.service.role(roleArn)
	if c.lambda {
		f.follow("LambdaFunctionScheduled", lambdaScheduledDetails{
			Input: text(c.arguments), Resource: st.resource, Timeout: int64(timeout), Credentials: credentials,
		})
	} else {
		f.follow("TaskScheduled", scheduledDetails{
			Parameters: text(c.arguments), Region: f.x.service.opts.Region, Resource: c.resource, Type: c.kind,
			Timeout: int64(timeout), Heartbeat: int64(heartbeat), Credentials: credentials,
		})
	}
	return c, nil
}

// began emits that the attempt has started.
func (f *frame) began(c *call) {
	if c.lambda {
		f.follow("LambdaFunctionStarted", nil)
	} else {
		f.follow("TaskStarted", resourceDetails{Resource: c.resource, Type: c.kind})
	}
}

// perform calls the service and returns what became of it; errStopped if the
// frame was stopped meanwhile, so that a new process calls again.
func (f *frame) perform(c *call) (*record, error) {
	if f.ctx.Err() != nil {
		return nil, errStopped
	}
	ctx := f.ctx
	if c.timeout > 0 && c.token == "" {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.timeout)
		defer cancel()
	}
	output, fail := f.x.service.integrate(ctx, f.st.resource, c)
	switch {
	case fail != nil && f.ctx.Err() != nil:
		return nil, errStopped
	case fail != nil && errors.Is(ctx.Err(), context.DeadlineExceeded):
		return &record{Kind: recordTimedOut, Error: "States.Timeout"}, nil
	case fail != nil:
		return &record{Kind: recordFailed, Error: fail.name, Cause: fail.cause}, nil
	}
	return &record{Output: text(output)}, nil
}

// callback sends the message with the token, unless it was sent before, and
// waits for the token to come back.
func (f *frame) callback(c *call) (*record, error) {
	known := f.x.lookup(f.key)
	sent := f.x.lookup(f.key + ":s")
	if sent == nil && known == nil {
		if f.ghost {
			return nil, errGhost
		}
		f.wake()
		r, err := f.perform(c)
		if err != nil {
			return nil, err
		}
		key := f.key
		switch r.Kind {
		case recordSucceeded:
			r.Kind, r.Number, key = recordSubmitted, f.x.redriveCount(), f.key+":s"
		case recordFailed:
			r.Kind = recordRefused
		}
		if r, err = f.remember(key, r); err != nil {
			return nil, err
		}
		f.began(c)
		if r.Kind != recordSubmitted {
			return r, nil
		}
		sent = r
	} else {
		if sent != nil {
			f.heed(sent)
		}
		f.began(c)
	}
	if sent != nil {
		f.follow("TaskSubmitted", outputDetails{Output: sent.Output, Resource: c.resource, Type: c.kind})
	}
	return f.answer(c, sent)
}

// answer waits for the token, a heartbeat that does not come, or the time-out.
func (f *frame) answer(c *call, sent *record) (*record, error) {
	for {
		known := f.x.lookup(f.key)
		if known != nil {
			f.heed(known)
			return known, nil
		}
		if f.ghost {
			return nil, errGhost
		}
		f.wake()
		deadline, reason := c.deadline(sent, f.x.lookup(f.key+":h"))
		if !deadline.IsZero() && !time.Now().Before(deadline) {
			if _, err := f.remember(f.key, &record{Kind: recordTimedOut, Error: reason}); err != nil {
				return nil, err
			}
			continue
		}
		if err := f.sleep(deadline, f.x.await(f.key)); err != nil { // a heartbeat may move the deadline
			return nil, err
		}
	}
}

// deadline returns when an attempt that waits for its token fails, and with
// which error; zero if never.
func (c *call) deadline(sent, beat *record) (at time.Time, reason string) {
	if c.timeout > 0 {
		at, reason = sent.at().Add(c.timeout), "States.Timeout"
	}
	if c.heartbeat > 0 {
		if beat == nil {
			beat = sent
		}
		if t := beat.at().Add(c.heartbeat); at.IsZero() || t.Before(at) {
			at, reason = t, heartbeatTimeout
		}
	}
	return at, reason
}

// conclude emits what became of an attempt and returns its result.
func (f *frame) conclude(c *call, r *record) (json.RawMessage, error) {
	prefix, resource, kind := "Task", c.resource, c.kind
	if c.lambda {
		prefix, resource, kind = "LambdaFunction", "", ""
	}
	if r.Kind == recordSucceeded {
		if fail := f.limit(json.RawMessage(r.Output)); fail != nil {
			r = &record{Kind: recordFailed, Error: "States.DataLimitExceeded", Cause: fail.cause}
		}
	}
	fail := &failure{name: r.Error, cause: r.Cause}
	if r.Kind == recordTimedOut {
		fail.name, fail.heartbeat = "States.Timeout", r.Error == heartbeatTimeout
	}
	details := failedDetails{Error: fail.name, Cause: fail.cause, Resource: resource, Type: kind}
	switch r.Kind {
	case recordSucceeded:
		f.follow(prefix+"Succeeded", outputDetails{Output: r.Output, Resource: resource, Type: kind})
		return json.RawMessage(r.Output), nil
	case recordTimedOut:
		f.follow(prefix+"TimedOut", details)
	case recordRefused:
		f.follow("TaskSubmitFailed", details)
	default:
		f.follow(prefix+"Failed", details)
	}
	return nil, fail
}

// token returns the task token of the current attempt: the execution, the
// redrive and the attempt's key, with a proof that this service made it.
func (f *frame) token() string {
	return makeToken(f.x, f.x.redriveCount(), f.key)
}

func makeToken(x *execution, redrive int, key string) string {
	body := fmt.Sprintf("%d.%d.%s", x.id, redrive, key)
	sum := sha256.Sum256([]byte(x.salt + "\x00" + body))
	return base64.StdEncoding.EncodeToString([]byte(hex.EncodeToString(sum[:16]) + "." + body))
}

// integrate calls the service behind a resource.
func (s *Service) integrate(ctx context.Context, resource string, c *call) (json.RawMessage, *failure) {
	if s.opts.Integrations == nil {
		return nil, &failure{name: "States.TaskFailed", cause: "This stack has no integrations."}
	}
	switch {
	case c.lambda:
		return s.invoke(ctx, c.role, resource, c.arguments, false)
	case c.kind == "lambda":
		var arguments struct {
			FunctionName string
			Payload      json.RawMessage
		}
		if err := json.Unmarshal(c.arguments, &arguments); err != nil || arguments.FunctionName == "" {
			return nil, &failure{name: "States.Runtime", cause: "The Arguments of lambda:invoke must be an object with a FunctionName"}
		}
		if arguments.Payload == nil {
			arguments.Payload = json.RawMessage("{}")
		}
		return s.invoke(ctx, c.role, arguments.FunctionName, arguments.Payload, true)
	}
	var message map[string]json.RawMessage
	if err := json.Unmarshal(c.arguments, &message); err != nil {
		return nil, &failure{name: "States.Runtime", cause: "The Arguments of sqs:sendMessage must be an object"}
	}
	if body := message["MessageBody"]; len(body) > 0 && body[0] != '"' {
		message["MessageBody"] = quoted(string(body)) // an object is sent as its text
	}
	raw, err := json.Marshal(message)
	if err == nil {
		raw, err = s.opts.Integrations.SendMessage(ctx, c.role, raw)
	}
	var result map[string]json.RawMessage
	if err == nil {
		err = json.Unmarshal(raw, &result)
	}
	if err != nil {
		return nil, serviceFailure("SQS", "SQS.AmazonSQSException", err)
	}
	id := newID()
	result["SdkHttpMetadata"], result["SdkResponseMetadata"] = metadata(id, http.StatusOK, []header{
		{"x-amzn-RequestId", id},
		{"connection", "keep-alive"},
		{"Content-Length", strconv.Itoa(len(raw))},
		{"Date", time.Now().UTC().Format(http.TimeFormat)},
		{"Content-Type", "application/x-amz-json-1.0"},
	})
	if raw, err = json.Marshal(result); err != nil {
		return nil, serviceFailure("SQS", "SQS.AmazonSQSException", err)
	}
	return raw, nil
}

func (s *Service) invoke(ctx context.Context, role *iam.Principal, function string, payload json.RawMessage, envelope bool) (json.RawMessage, *failure) {
	result, err := s.opts.Integrations.InvokeLambda(ctx, role, function, payload)
	if err != nil {
		return nil, serviceFailure("Lambda", "Lambda.AWSLambdaException", err)
	}
	answer := result.Payload
	if len(answer) == 0 {
		answer = json.RawMessage("null")
	}
	if result.FunctionError != "" {
		var thrown struct {
			ErrorType string `json:"errorType"`
		}
		if json.Unmarshal(answer, &thrown) != nil || thrown.ErrorType == "" {
			thrown.ErrorType = "Lambda.Unknown"
		}
		return nil, &failure{name: thrown.ErrorType, cause: string(answer)}
	}
	if !json.Valid(answer) {
		return nil, &failure{name: "Lambda.Unknown", cause: "The function returned something that is not JSON."}
	}
	if !envelope {
		return answer, nil
	}
	status := result.StatusCode
	if status == 0 {
		status = http.StatusOK
	}
	id := newID()
	trace := "Root=1-" + strconv.FormatInt(time.Now().Unix(), 16) + "-" + strings.ReplaceAll(id, "-", "")[:24]
	about, from := metadata(id, status, []header{
		{"X-Amz-Executed-Version", "$LATEST"},
		{"x-amzn-Remapped-Content-Length", "0"},
		{"Connection", "keep-alive"},
		{"x-amzn-RequestId", id},
		{"Content-Length", strconv.Itoa(len(answer))},
		{"Date", time.Now().UTC().Format(http.TimeFormat)},
		{"X-Amzn-Trace-Id", trace},
		{"Content-Type", "application/json"},
	})
	return fmt.Appendf(nil, `{"ExecutedVersion":"$LATEST","Payload":%s,"SdkHttpMetadata":%s,"SdkResponseMetadata":%s,"StatusCode":%d}`,
		answer, about, from, status), nil
}

// header is one HTTP header of a service's answer.
type header struct{ name, value string }

// metadata returns what the result of a task tells of the service's answer:
// SdkHttpMetadata, with the headers in the order and with the letters that the
// service sends, and SdkResponseMetadata.
func metadata(id string, status int, headers []header) (about, from json.RawMessage) {
	var all, sorted []byte
	for _, h := range headers {
		all = fmt.Appendf(all, `,%s:[%s]`, quoted(h.name), quoted(h.value))
	}
	slices.SortFunc(headers, func(a, b header) int { return strings.Compare(strings.ToLower(a.name), strings.ToLower(b.name)) })
	for _, h := range headers {
		sorted = fmt.Appendf(sorted, `,%s:%s`, quoted(h.name), quoted(h.value))
	}
	about = fmt.Appendf(nil, `{"AllHttpHeaders":{%s},"HttpHeaders":{%s},"HttpStatusCode":%d}`, all[1:], sorted[1:], status)
	return about, fmt.Appendf(nil, `{"RequestId":"%s"}`, id)
}

// serviceFailure is the failure of a task whose service refused the call.
func serviceFailure(service, denied string, err error) *failure {
	e, ok := errors.AsType[*wire.Error](err)
	if !ok {
		return &failure{name: service + ".SdkClientException", cause: err.Error()}
	}
	name := service + "." + strings.TrimSuffix(e.Code, "Exception") + "Exception"
	if strings.HasPrefix(e.Code, "AccessDenied") {
		name = denied
	}
	return &failure{name: name, cause: fmt.Sprintf("%s (Service: %s, Status Code: %d)", e.Message, service, e.Status)}
}
