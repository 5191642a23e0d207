package transport

import (
	"bytes"
	"context"
	"io"
	"net/http"
)

// Call names an operation of a vendor's SDK, which makes requests of its own.
type Call struct {
	Op         string
	Idempotent bool // as in [Request]
}

// HTTPClient returns a client for a vendor's SDK on the same path as
// [Client.Do]. call says what a request of the SDK is. The key that the SDK
// sends is replaced by the provider's; give it any text, and [Client.BaseURL].
//
// An answer that is a fault arrives at the SDK as an error, which http.Client
// wraps together with the URL; adapters take the fault out of it with
// errors.AsType[*fault.Error].
func (c *Client) HTTPClient(call func(*http.Request) Call) *http.Client {
	return &http.Client{
		Transport: sdk{client: c, call: call},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // a redirect would carry the key elsewhere
		},
	}
}

type sdk struct {
	client *Client
	call   func(*http.Request) Call
}

func (s sdk) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		data, err := io.ReadAll(r.Body)
		_ = r.Body.Close() // a reader in memory
		if err != nil {
			return nil, s.client.internal("sdk", "the request's body cannot be read")
		}
		if len(data) > 0 {
			body = data
		}
	}
	call := s.call(r)
	var resp *Response
	err := s.client.run(r.Context(), call.Op, call.Idempotent, func(ctx context.Context, key credential) (int, error) {
		hr := r.Clone(ctx)
		hr.Header.Set("User-Agent", userAgent)
		var err error
		resp, err = s.client.send(ctx, hr, body, key.value, call.Op, call.Idempotent)
		return statusOf(resp), err
	})
	if err != nil {
		return nil, err
	}
	return &http.Response{
		Status: http.StatusText(resp.Status), StatusCode: resp.Status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: resp.Header, Body: io.NopCloser(bytes.NewReader(resp.Body)), ContentLength: int64(len(resp.Body)), Request: r,
	}, nil
}
