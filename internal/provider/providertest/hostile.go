package providertest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/provider"
)

// checkBodies: a success whose body is not what was promised is BadResponse.
func checkBodies(t *testing.T, c Case, call Call) {
	truncated := string(call.Found[:len(call.Found)*2/3])
	for _, reply := range []Reply{
		{Name: "truncated JSON", Status: 200, Body: truncated},
		{Name: "no body", Status: 200},
		{Name: "HTML", Status: 200, Header: map[string]string{"Content-Type": "text/html"}, Body: "<html><body>" + canary + "</body></html>"},
		{Name: "a string", Status: 200, Body: `"` + canary + `"`},
		{Name: "a list", Status: 200, Body: `["` + canary + `"]`},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, c, call, key, reply.response)
			_, err := call.Invoke(t.Context(), r.client)
			if fault.KindOf(err) != fault.BadResponse {
				t.Errorf("%s: %v, want BadResponse", reply.Name, err)
			}
			r.discreet(t, call, err)
			r.sparing(t, c, call, reply.Name)
		})
	}
	synctest.Test(t, func(t *testing.T) {
		var read int64
		r := newRig(t, c, call, key, func(req *http.Request) (*http.Response, error) {
			return respond(req, 200, http.Header{"Content-Type": {"application/json"}}, &endless{read: &read}), nil
		})
		_, err := call.Invoke(t.Context(), r.client)
		if fault.KindOf(err) != fault.BadResponse {
			t.Errorf("endless body: %v, want BadResponse", err)
		}
		if read > 64<<20 {
			t.Errorf("read %d bytes of an endless body", read)
		}
	})
}

// endless is a JSON list of spaces that never closes.
type endless struct{ read *int64 }

func (e *endless) Read(p []byte) (int, error) {
	copy(p, bytes.Repeat([]byte{' '}, len(p)))
	*e.read += int64(len(p))
	return len(p), nil
}

func (e *endless) Close() error { return nil }

// checkLost: the answer never arrives although the provider acted.
func checkLost(t *testing.T, c Case, call Call) {
	want := fault.Unclear
	if c.mayRepeat(call.Op) {
		want = fault.Unavailable
	}
	for name, reply := range map[string]func(*http.Request) (*http.Response, error){
		"reset": func(*http.Request) (*http.Response, error) {
			return nil, &net.OpError{Op: "read", Net: "tcp", Err: errors.New("connection reset by peer " + key)}
		},
		"broken body": func(r *http.Request) (*http.Response, error) {
			half := io.MultiReader(bytes.NewReader(call.Found[:len(call.Found)/2]), broken{})
			return respond(r, 200, http.Header{}, io.NopCloser(half)), nil
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, c, call, key, reply)
			_, err := call.Invoke(t.Context(), r.client)
			if got := fault.KindOf(err); got != want {
				t.Errorf("%s: %v, want %s", name, err, want)
			}
			r.discreet(t, call, err)
			r.sparing(t, c, call, name)
		})
	}
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, c, call, key, func(*http.Request) (*http.Response, error) {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
		})
		if _, err := call.Invoke(t.Context(), r.client); fault.KindOf(err) != fault.Unavailable {
			t.Errorf("refused connection: %v, want Unavailable, as nothing was sent", err)
		}
	})
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// silent is a body of which nothing comes until the request is given up.
type silent struct{ ctx context.Context }

func (s silent) Read([]byte) (int, error) {
	<-s.ctx.Done()
	return 0, s.ctx.Err()
}

func (s silent) Close() error { return nil }

// checkSilence: a provider that stops in the middle is given up on in time.
func checkSilence(t *testing.T, c Case, call Call) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, c, call, key, func(req *http.Request) (*http.Response, error) {
			return respond(req, 200, http.Header{}, silent{req.Context()}), nil
		})
		began := time.Now()
		_, err := call.Invoke(t.Context(), r.client)
		if !fault.Is(err, fault.Unavailable, fault.Unclear) || fault.Is(err, fault.Unclear) == c.mayRepeat(call.Op) {
			t.Errorf("silent body: %v; may be repeated: %v", err, c.mayRepeat(call.Op))
		}
		if took := time.Since(began); took < timeout || took > 2*timeout+time.Second {
			t.Errorf("gave up after %v, want one or two times %v", took, timeout)
		}
	})
}

func checkCancel(t *testing.T, c Case, call Call) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, c, call, key, func(req *http.Request) (*http.Response, error) {
			return respond(req, 200, http.Header{}, silent{req.Context()}), nil
		})
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		began := time.Now()
		_, err := call.Invoke(ctx, r.client)
		if err == nil {
			t.Error("cancelled call: no error")
		}
		if took := time.Since(began); took != 1500*time.Millisecond {
			t.Errorf("returned %v after the start, want when it was cancelled at 1.5s", took)
		}
		if n := len(r.up.seen()); n != 1 {
			t.Errorf("sent %d requests, want 1", n)
		}
	})
}

func checkConcurrent(t *testing.T, c Case, call Call) {
	const callers = 16
	r := newRig(t, c, call, key, call.found)
	answers := make([]Answer, callers)
	errs := make([]error, callers)
	var group sync.WaitGroup
	for i := range callers {
		group.Go(func() { answers[i], errs[i] = call.Invoke(t.Context(), r.client) })
	}
	group.Wait()
	for i := range callers {
		if errs[i] != nil || !reflect.DeepEqual(answers[i].Value, answers[0].Value) {
			t.Fatalf("caller %d got %+v, %v; caller 0 got %+v", i, answers[i].Value, errs[i], answers[0].Value)
		}
	}
}

// checkPages: asking for page after page ends, even if the provider always says
// that there is one more, and a cursor of somebody else is refused.
func checkPages(t *testing.T, c Case) {
	at := -1
	for i, call := range c.Calls {
		if call.Op == provider.OpDiscover {
			at = i
		}
	}
	if at < 0 {
		t.Skip("finds no pages")
	}
	r := newRig(t, c, c.Calls[at], key, c.Calls[at].found)
	d := r.client.(provider.Discoverer)
	q := provider.Query{Titles: []string{"CTO"}, Industries: []string{"Software"}, Locations: []string{"Leeds"}}
	cursor, pages := "", 0
	for {
		page, err := d.Discover(t.Context(), q, cursor)
		if err != nil {
			t.Fatalf("page %d: %v", pages+1, err)
		}
		if pages++; pages > 1000 {
			t.Fatal("still pages after 1000")
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	for _, cursor := range []string{"x", "-1", "0", "\x00", "999999999999999999999", strings.Repeat("9", 5000)} {
		if _, err := d.Discover(t.Context(), q, cursor); fault.KindOf(err) != fault.InvalidInput {
			t.Errorf("cursor of %d characters that no page gave: %v, want InvalidInput", len(cursor), err)
		}
	}
}
