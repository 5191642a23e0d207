package transport

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"

	"github.com/messageai/sluice/internal/fault"
)

// encode marshals a body; nil stays nil.
func encode(body any) ([]byte, error) {
	if body == nil {
		return nil, nil
	}
	data, err := json.Marshal(body)
	if err != nil {
		return nil, errors.New("the body of the request is not JSON") // the cause may quote the value
	}
	return data, nil
}

// send makes one HTTP exchange with the key.
func (c *Client) send(ctx context.Context, hr *http.Request, body []byte, key, op string, idempotent bool) (*Response, error) {
	body, err := c.keyed(body, key)
	if err != nil {
		return nil, c.internal(op, err.Error())
	}
	c.authorize(hr, body != nil, key)
	return c.exchange(ctx, hr, body, op, idempotent, c.opts.Classify)
}

// exchange makes one HTTP exchange: no redirects (they would carry the key
// elsewhere), the whole body or an error.
func (c *Client) exchange(ctx context.Context, hr *http.Request, body []byte, op string, idempotent bool, classify Classify) (*Response, error) {
	var wire progress
	hr = hr.WithContext(httptrace.WithClientTrace(ctx, wire.trace()))
	hr.Body, hr.GetBody, hr.ContentLength = http.NoBody, nil, 0
	if body != nil {
		hr.Body = io.NopCloser(bytes.NewReader(body))
		hr.ContentLength = int64(len(body))
	}
	answer, err := c.opts.RoundTripper.RoundTrip(hr)
	if err != nil {
		return nil, c.broken(ctx, op, err, idempotent, wire.mayHaveTakenEffect(err))
	}
	defer func() { _ = answer.Body.Close() }() // read or given up: nothing is lost
	resp := &Response{Provider: c.opts.Name, Op: op, Status: answer.StatusCode, Header: answer.Header, At: c.opts.Now()}
	var whole bytes.Buffer
	if known := answer.ContentLength; known > 0 && known <= c.opts.BodyCap {
		whole.Grow(int(known) + bytes.MinRead) // ReadFrom wants room for one more read
	}
	_, err = whole.ReadFrom(io.LimitReader(answer.Body, c.opts.BodyCap+1))
	resp.Body = whole.Bytes()
	if err != nil {
		return nil, c.broken(ctx, op, err, idempotent, true)
	}
	resp.At = c.opts.Now()
	if int64(len(resp.Body)) > c.opts.BodyCap {
		resp.Body = nil
		return resp, resp.Fault(fault.BadResponse, fmt.Sprintf("the answer is longer than %d bytes", c.opts.BodyCap))
	}
	return resp, judge(resp, idempotent, classify)
}

// judge asks the adapter what the answer means and completes its fault.
func judge(resp *Response, idempotent bool, classify Classify) error {
	err := classify(resp.Op, resp)
	if err == nil {
		return nil
	}
	e, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return resp.Fault(fault.BadResponse, "the answer could not be understood")
	}
	if e.Op == "" {
		e.Op = resp.Provider + "." + resp.Op
	}
	e.Provider = resp.Provider
	// A gateway that lost its backend does not know whether the backend acted.
	if e.Kind == fault.Unavailable && (resp.Status == http.StatusBadGateway || resp.Status == http.StatusGatewayTimeout) {
		acted(e, idempotent)
	}
	return err
}

const unclear = "the connection failed after the request was sent; look before repeating it"

// acted notes on a fault that the request may have taken effect.
func acted(e *fault.Error, idempotent bool) {
	if e.Acted = idempotent; !idempotent {
		e.Kind, e.Message = fault.Unclear, unclear
	}
}

// broken is the fault of an exchange without a complete answer. Its text holds
// nothing of err, which quotes URLs.
func (c *Client) broken(ctx context.Context, op string, err error, idempotent, effect bool) error {
	e := &fault.Error{Kind: fault.Unavailable, Op: c.opts.Name + "." + op, Provider: c.opts.Name}
	_, dns := errors.AsType[*net.DNSError](err)
	switch {
	case ctx.Err() != nil:
		e.Message, e.Err = "no complete answer in time", ctx.Err()
	case dns:
		e.Message = "the provider's host name does not resolve; check the base URL and the network"
	case refused(err):
		e.Message = "the provider cannot be reached; check the base URL and the network"
	default:
		e.Message = "the connection broke before the answer was complete"
	}
	if effect {
		acted(e, idempotent)
	}
	return e
}

// refused reports that no connection came about.
func refused(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}

// progress watches how far an exchange got.
type progress struct{ asked, wrote atomic.Bool }

func (p *progress) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn:      func(string) { p.asked.Store(true) },
		WroteHeaders: func() { p.wrote.Store(true) },
	}
}

// mayHaveTakenEffect reports whether the provider may have seen the request. A
// round tripper that tells nothing (an in-memory one) is assumed to have
// delivered it, unless its error says that it could not dial.
func (p *progress) mayHaveTakenEffect(err error) bool {
	if p.asked.Load() {
		return p.wrote.Load()
	}
	return !refused(err)
}

func statusOf(resp *Response) int {
	if resp == nil {
		return 0
	}
	return resp.Status
}
