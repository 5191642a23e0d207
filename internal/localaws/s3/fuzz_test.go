package s3_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/messageai/sluice/internal/localaws/s3"
)

// FuzzChunkedBody: an aws-chunked body is stored whole or not at all.
func FuzzChunkedBody(f *testing.F) {
	for _, seed := range []string{
		"0\r\n\r\n", "5\r\nhello\r\n0\r\n\r\n", "5;chunk-signature=a\r\nhello\r\n0;x\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n",
		"5\nhello\n0\n\n", "ffffffffffffffff\r\n", "-1\r\n\r\n", "5\r\nhel", "", "\r\n", "1\r\na\r\n", strings.Repeat("a", 5000),
	} {
		f.Add(seed)
	}
	s, err := s3.New(s3.Options{Region: "eu-west-1", Account: "1"})
	if err != nil {
		f.Fatal(err)
	}
	if err := s.CreateBucket("runs"); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body string) {
		const sentinel = "before"
		if err := s.Put(t.Context(), nil, "runs", "k", []byte(sentinel)); err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPut, "https://s3.amazonaws.com/runs/k", strings.NewReader(body))
		r.Header.Set("X-Amz-Content-Sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		got, err := s.Get(t.Context(), nil, "runs", "k")
		if err != nil {
			t.Fatal(err)
		}
		switch w.Code {
		case http.StatusOK:
			if !strings.Contains(body, string(got)) && len(got) >= len(body) {
				t.Errorf("stored %q of body %q", got, body)
			}
		case http.StatusBadRequest:
			if string(got) != sentinel {
				t.Errorf("a refused body %q left %q", body, got)
			}
		default:
			t.Errorf("status %d for body %q", w.Code, body)
		}
	})
}

// FuzzRange: what comes back is the part that Content-Range says.
func FuzzRange(f *testing.F) {
	for _, seed := range []string{"", "bytes=0-0", "bytes=-1", "bytes=9-", "bytes=10-", "bytes=3-1", "bytes=-0", "bytes=--1", "bytes=0-99999999999999999999", "bytes=1-2,4-5"} {
		f.Add(seed)
	}
	s, err := s3.New(s3.Options{Region: "eu-west-1", Account: "1"})
	if err != nil {
		f.Fatal(err)
	}
	if err := s.CreateBucket("runs"); err != nil {
		f.Fatal(err)
	}
	const content = "0123456789"
	if err := s.Put(f.Context(), nil, "runs", "k", []byte(content)); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, header string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://runs.s3.eu-west-1.amazonaws.com/k", nil)
		r.Header.Set("Range", header)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		body, err := io.ReadAll(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		switch w.Code {
		case http.StatusOK:
			if string(body) != content {
				t.Errorf("range %q: whole object is %q", header, body)
			}
		case http.StatusPartialContent:
			var from, to, size int
			if _, err := fmt.Sscanf(w.Header().Get("Content-Range"), "bytes %d-%d/%d", &from, &to, &size); err != nil || size != len(content) || content[from:to+1] != string(body) {
				t.Errorf("range %q: %q is %q", header, w.Header().Get("Content-Range"), body)
			}
		case http.StatusRequestedRangeNotSatisfiable:
		default:
			t.Errorf("range %q: status %d", header, w.Code)
		}
	})
}
