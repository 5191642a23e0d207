package sim_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httputil"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// renamed makes a mutation in which the second team's keys of a kind are the
// first team's.
func renamed(in, kind string) func(*world, string, *awsCall, aws.HTTPClient) (*http.Response, error) {
	return func(_ *world, function string, c *awsCall, next aws.HTTPClient) (*http.Response, error) {
		if in == "" || in == function {
			c.body = bytes.ReplaceAll(c.body, []byte(kind+teams[1].name), []byte(kind+teams[0].name))
		}
		return c.pass(next)
	}
}

// refused makes a mutation in which DynamoDB refuses whatever a function asks of
// it, from when on says.
func refused(in string, from func(*world) bool) func(*world, string, *awsCall, aws.HTTPClient) (*http.Response, error) {
	return func(w *world, function string, c *awsCall, next aws.HTTPClient) (*http.Response, error) {
		if function != in || c.service != "DynamoDB_20120810" || !from(w) {
			return c.pass(next)
		}
		resp := c.answer(`{"__type":"com.amazon.coral.validate#ValidationException","message":"no"}`)
		resp.Status, resp.StatusCode = "400 Bad Request", http.StatusBadRequest
		return resp, nil
	}
}

// wentWrong reports whether anything has happened so far.
func wentWrong(w *world) bool { return len(w.director.fired()) > 0 }

// twice makes every upsert of contacts twice, the first time under another id,
// as a product would whose ids are not the same at every attempt.
func twice(_ *world, r *http.Request, next http.RoundTripper) (*http.Response, error) {
	if !strings.HasSuffix(r.URL.Path, "/contacts/batch/upsert") {
		return next.RoundTrip(r)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	send := func(body []byte) (*http.Response, error) {
		again := r.Clone(r.Context())
		again.Body, again.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		return next.RoundTrip(again)
	}
	first, err := send(bytes.ReplaceAll(bytes.ReplaceAll(body, []byte(`"l_`), []byte(`"l_0`)), []byte("@"), []byte("@0.")))
	if err != nil {
		return nil, err
	}
	_ = first.Body.Close() // nobody waits for the first answer
	return send(body)
}

// shuffled rotates the properties of the contacts of a batch, all but the ids.
func shuffled(_ *world, r *http.Request, next http.RoundTripper) (*http.Response, error) {
	if !strings.HasSuffix(r.URL.Path, "/contacts/batch/upsert") {
		return next.RoundTrip(r)
	}
	c, err := readCall(r)
	if err != nil {
		return nil, err
	}
	c.edit(func(body map[string]any) {
		inputs, _ := body["inputs"].([]any)
		for i := 1; i < len(inputs); i++ {
			a, b := part(inputs[i-1], "properties"), part(inputs[i], "properties")
			a["lastname"], b["lastname"] = b["lastname"], a["lastname"]
		}
	})
	return next.RoundTrip(c.request())
}

// unsealed makes a mutation in which what is sealed is stored in the clear, by
// the calls that it concerns, and is given back as it was.
func unsealed(concerns func(*awsCall) bool) func(*world, string, *awsCall, aws.HTTPClient) (*http.Response, error) {
	return func(w *world, _ string, c *awsCall, next aws.HTTPClient) (*http.Response, error) {
		if concerns(c) {
			w.clear(c)
		}
		resp, err := c.pass(next)
		if err != nil || c.service != "TrentService" && !concerns(c) {
			return resp, err
		}
		body, err := readBody(&resp.Body)
		if err != nil {
			return nil, err
		}
		if c.service == "TrentService" {
			return resp, w.learn(c, body)
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		for plain, sealed := range w.plain {
			body = bytes.ReplaceAll(body, []byte(plain), []byte(sealed))
		}
		resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		resp.Header.Del("Content-Length")
		return resp, nil
	}
}

// learn keeps a team's data key that KMS has given out.
func (w *world) learn(c *awsCall, answer []byte) error {
	var asked struct{ EncryptionContext map[string]string }
	var told struct{ Plaintext []byte }
	if json.Unmarshal(c.body, &asked) != nil || json.Unmarshal(answer, &told) != nil || len(told.Plaintext) == 0 {
		return nil // it was refused
	}
	l, err := lockOf(told.Plaintext)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.keys[asked.EncryptionContext["team"]] = l
	return err
}

// clear opens what a call stores sealed.
func (w *world) clear(c *awsCall) {
	w.mu.Lock()
	defer w.mu.Unlock()
	open := func(sealed []byte, place string) (plain []byte) {
		for _, l := range w.keys {
			if n := l.seal.NonceSize(); len(sealed) > n {
				if out, err := l.seal.Open(nil, sealed[:n], sealed[n:], []byte(place)); err == nil {
					plain = out
				}
			}
		}
		return plain
	}
	if c.operation == "" {
		sealed, err := io.ReadAll(httputil.NewChunkedReader(bytes.NewReader(c.body)))                 // as the SDK sends what it adds a checksum to
		if plain := open(sealed, strings.TrimPrefix(c.r.URL.Path, "/")); plain != nil && err == nil { // the bucket is in the host
			w.plain[string(plain)], c.body = string(sealed), plain
			c.r = c.r.Clone(c.r.Context())
			for _, name := range []string{"Content-Encoding", "X-Amz-Trailer", "X-Amz-Decoded-Content-Length"} {
				c.r.Header.Del(name)
			}
			c.r.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")
		}
		return
	}
	c.edit(func(body map[string]any) {
		it := part(body, "Item")
		text := func(name string) string { s, _ := part(it, name)["S"].(string); return s }
		for _, v := range it {
			encoded, _ := part(v)["B"].(string)
			sealed, err := base64.StdEncoding.DecodeString(encoded)
			if err != nil {
				continue
			}
			for _, place := range []string{text("pk"), text("pk") + "/" + text("sk")} {
				if plain := open(sealed, place); plain != nil {
					clear := base64.StdEncoding.EncodeToString(plain)
					w.plain[clear], part(v)["B"] = encoded, clear
				}
			}
		}
	})
}
