package s3_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/messageai/sluice/internal/localaws/s3"
)

func TestChecksumsInHeaderAndTrailer(t *testing.T) {
	both(t, func(t *testing.T, opts s3.Options) {
		s, _ := start(t, opts)
		body := strings.Repeat("0123456789", 20_000) // several chunks
		for name, c := range map[string]*awss3.Client{
			"trailer over https": client(s, nil),
			"header over http":   client(s, nil, func(o *awss3.Options) { o.BaseEndpoint = aws.String("http://127.0.0.1:4566") }),
		} {
			for _, algorithm := range []types.ChecksumAlgorithm{"", types.ChecksumAlgorithmCrc32, types.ChecksumAlgorithmCrc32c, types.ChecksumAlgorithmCrc64nvme, types.ChecksumAlgorithmSha256} {
				key := name + string(algorithm)
				if _, err := c.PutObject(t.Context(), &awss3.PutObjectInput{Bucket: bucket, Key: &key, Body: strings.NewReader(body), ChecksumAlgorithm: algorithm}); err != nil {
					t.Fatalf("put %s: %v", key, err)
				}
				if got := get(t, c, key); got != body {
					t.Errorf("%s: got %d bytes, want %d", key, len(got), len(body))
				}
			}
		}
		c := client(s, nil)
		key := aws.String("unseekable")
		if _, err := c.PutObject(t.Context(), &awss3.PutObjectInput{Bucket: bucket, Key: key, Body: io.MultiReader(strings.NewReader(body)), ContentLength: aws.Int64(int64(len(body)))}); err != nil {
			t.Fatalf("put of a stream: %v", err)
		}
		if got := get(t, c, *key); got != body {
			t.Errorf("stream: got %d bytes, want %d", len(got), len(body))
		}
		_, err := c.PutObject(t.Context(), &awss3.PutObjectInput{Bucket: bucket, Key: aws.String("wrong"), Body: strings.NewReader(body), ChecksumCRC32: aws.String("AAAAAA==")})
		wantCode(t, err, "BadDigest")
		_, err = c.PutObject(t.Context(), &awss3.PutObjectInput{Bucket: bucket, Key: aws.String("wrong"), Body: strings.NewReader(body), ContentMD5: aws.String("AAAAAAAAAAAAAAAAAAAAAA==")})
		wantCode(t, err, "BadDigest")
		_, err = c.HeadObject(t.Context(), &awss3.HeadObjectInput{Bucket: bucket, Key: aws.String("wrong")})
		wantCode(t, err, "NotFound")
	})
}

// TestTornBodies: what a client that dies in the middle sends is not stored.
func TestTornBodies(t *testing.T) {
	both(t, func(t *testing.T, opts s3.Options) {
		s, c := start(t, opts)
		for name, r := range map[string]struct {
			body   string
			header http.Header
			length int64
			want   string
		}{
			"short":           {"hel", http.Header{}, 5, "IncompleteBody"},
			"no last chunk":   {"5\r\nhello\r\n", http.Header{"X-Amz-Content-Sha256": {"STREAMING-UNSIGNED-PAYLOAD-TRAILER"}}, -1, "IncompleteBody"},
			"torn chunk":      {"5\r\nhel", http.Header{"X-Amz-Content-Sha256": {"STREAMING-UNSIGNED-PAYLOAD-TRAILER"}}, -1, "IncompleteBody"},
			"not hexadecimal": {"zz\r\nhello\r\n", http.Header{"X-Amz-Content-Sha256": {"STREAMING-UNSIGNED-PAYLOAD-TRAILER"}}, -1, "InvalidRequest"},
			"negative":        {"-5\r\nhello\r\n", http.Header{"X-Amz-Content-Sha256": {"STREAMING-UNSIGNED-PAYLOAD-TRAILER"}}, -1, "InvalidRequest"},
			"overlong chunk":  {"3\r\nhello\r\n0\r\n\r\n", http.Header{"X-Amz-Content-Sha256": {"STREAMING-UNSIGNED-PAYLOAD-TRAILER"}}, -1, "InvalidRequest"},
			"wrong trailer":   {"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n", http.Header{"X-Amz-Content-Sha256": {"STREAMING-UNSIGNED-PAYLOAD-TRAILER"}, "X-Amz-Trailer": {"x-amz-checksum-crc32"}}, -1, "BadDigest"},
			"bad algorithm":   {"hello", http.Header{"X-Amz-Checksum-Xxhash3": {"AAAA"}}, 5, "InvalidRequest"},
		} {
			req := httptest.NewRequestWithContext(t.Context(), http.MethodPut, "https://s3.eu-west-1.amazonaws.com/runs/torn", strings.NewReader(r.body))
			req.Header, req.ContentLength = r.header, r.length
			w := httptest.NewRecorder()
			s.ServeHTTP(w, req)
			if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "<Code>"+r.want+"</Code>") {
				t.Errorf("%s: %d %s, want %s", name, w.Code, w.Body, r.want)
			}
		}
		_, err := c.HeadObject(t.Context(), &awss3.HeadObjectInput{Bucket: bucket, Key: aws.String("torn")})
		wantCode(t, err, "NotFound")
		if opts.Dir != "" {
			if n := len(files(t, opts.Dir)); n != 0 {
				t.Errorf("%d files left behind", n)
			}
		}
		// A signed stream, as other SDKs send it.
		req := httptest.NewRequestWithContext(t.Context(), http.MethodPut, "https://runs.s3.eu-west-1.amazonaws.com/signed",
			strings.NewReader("5;chunk-signature=ab\r\nhello\r\n1;chunk-signature=cd\r\n!\r\n0;chunk-signature=ef\r\n\r\n"))
		req.Header = http.Header{"X-Amz-Content-Sha256": {"STREAMING-AWS4-HMAC-SHA256-PAYLOAD"}, "X-Amz-Decoded-Content-Length": {"6"}}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, req)
		if got := get(t, c, "signed"); w.Code != http.StatusOK || got != "hello!" {
			t.Errorf("signed stream: %d, stored %q", w.Code, got)
		}
	})
}
