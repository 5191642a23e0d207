package sim_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// tap sees every call of a function to AWS, and is where mutations sit.
type tap struct {
	world    *world
	function string
	next     aws.HTTPClient
	change   func(w *world, function string, call *awsCall, next aws.HTTPClient) (*http.Response, error)
}

// Do implements aws.HTTPClient.
func (t *tap) Do(r *http.Request) (*http.Response, error) {
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	watched := operation == "SendMessage" || operation == "SendTaskFailure" || operation == "UpdateItem" && t.world.anyPaused()
	if t.change == nil && !watched {
		return t.next.Do(r)
	}
	call, err := readCall(r)
	if err != nil {
		return nil, err
	}
	switch operation {
	case "SendMessage", "SendTaskFailure":
		_, _ = t.world.Write(call.body) // a buffer takes it
	case "UpdateItem":
		t.world.checkLease(t.function, call)
	}
	if t.change == nil {
		return t.next.Do(call.request())
	}
	return t.change(t.world, t.function, call, t.next)
}

// outside stands between the functions and the providers. It looks for keys
// that a provider must not see, and makes the providers talkative: their errors
// quote everything that they were asked, as some real ones do, so that a product
// which repeats errors shows people and keys.
func (w *world) outside(next http.RoundTripper) http.RoundTripper {
	if m := w.mutation; m != nil && m.provider != nil {
		inner := next
		next = roundTripper(func(r *http.Request) (*http.Response, error) { return m.provider(w, r, inner) })
	}
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		r = r.Clone(r.Context())
		body, err := readBody(&r.Body)
		if err != nil {
			return nil, err
		}
		w.checkKey(r, &body)
		resp, err := next.RoundTrip(r)
		if err != nil {
			return nil, &url.Error{Op: r.Method, URL: r.URL.String(), Err: err} // as net/http's client words it
		}
		if resp.StatusCode < http.StatusBadRequest {
			return resp, nil
		}
		answer, err := readBody(&resp.Body)
		if rest, ok := bytes.CutPrefix(answer, []byte("{")); ok && err == nil {
			asked := fmt.Sprintf("%s %s %s %s", r.Method, r.URL, r.Header, body)
			quoted, err := json.Marshal(asked)
			if err != nil {
				return nil, err
			}
			quoted = fmt.Appendf(nil, `{"asked":%s,`, quoted)
			if resp.ContentLength >= 0 {
				resp.ContentLength = int64(len(quoted) + len(rest))
			}
			resp.Header.Del("Content-Length")
			resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(quoted), bytes.NewReader(rest)))
		}
		return resp, nil // a body that breaks off breaks off again
	})
}

// hosts are the providers' domains.
var hosts = map[string]string{
	"apollo.io": "apollo", "hunter.io": "hunter", "googleapis.com": "googleplaces", "hubapi.com": "hubspot", "openai.com": "openai",
	"clearbit.com": "clearbit", "lusha.com": "lusha", "neverbounce.com": "neverbounce", "zerobounce.net": "zerobounce", "zoominfo.com": "zoominfo",
}

// ownerOf is the provider that a request goes to.
func ownerOf(r *http.Request) string {
	labels := strings.Split(r.URL.Hostname(), ".")
	return hosts[strings.Join(labels[max(0, len(labels)-2):], ".")]
}

// readBody reads a body and puts it back, with the error that it ended in.
func readBody(body *io.ReadCloser) ([]byte, error) {
	if *body == nil {
		return nil, nil
	}
	data, err := io.ReadAll(*body)
	_ = (*body).Close() // it was read
	rest := io.Reader(bytes.NewReader(data))
	if err != nil {
		rest = io.MultiReader(rest, failing{err})
	}
	*body = io.NopCloser(rest)
	return data, err
}

// failing is a reader that only fails.
type failing struct{ err error }

// Read implements io.Reader.
func (f failing) Read([]byte) (int, error) { return 0, f.err }
