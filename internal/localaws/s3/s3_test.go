package s3_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/localaws/iam"
	"github.com/messageai/sluice/internal/localaws/journal"
	"github.com/messageai/sluice/internal/localaws/meter"
	"github.com/messageai/sluice/internal/localaws/s3"
	"github.com/messageai/sluice/internal/localaws/wire"
)

// httpFunc is an aws.HTTPClient that answers in process.
type httpFunc func(*http.Request) (*http.Response, error)

func (f httpFunc) Do(r *http.Request) (*http.Response, error) { return f(r) }

// client returns the real SDK client, as called by principal.
func client(s *s3.Service, principal *iam.Principal, change ...func(*awss3.Options)) *awss3.Client {
	return awss3.New(awss3.Options{
		Region: "eu-west-1", Retryer: aws.NopRetryer{},
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenSupported, ResponseChecksumValidation: aws.ResponseChecksumValidationWhenSupported,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "id", SecretAccessKey: "secret"}, nil
		}),
		HTTPClient: httpFunc(func(r *http.Request) (*http.Response, error) {
			w := httptest.NewRecorder()
			call := &wire.Call{Service: "s3", RequestID: "r1", Principal: principal}
			s.ServeHTTP(w, r.WithContext(wire.WithCall(r.Context(), call)))
			return w.Result(), nil
		}),
	}, change...)
}

// start returns a service and a client that has made the bucket "runs".
func start(t *testing.T, opts s3.Options) (*s3.Service, *awss3.Client) {
	t.Helper()
	opts.Region, opts.Account = "eu-west-1", "123456789012"
	s, err := s3.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.CreateBucket("runs"); err != nil {
		t.Fatal(err)
	}
	return s, client(s, nil)
}

var bucket = aws.String("runs")

func put(t *testing.T, c *awss3.Client, key, body string) *awss3.PutObjectOutput {
	t.Helper()
	out, err := c.PutObject(t.Context(), &awss3.PutObjectInput{Bucket: bucket, Key: &key, Body: strings.NewReader(body)})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func get(t *testing.T, c *awss3.Client, key string) string {
	t.Helper()
	out, err := c.GetObject(t.Context(), &awss3.GetObjectInput{Bucket: bucket, Key: &key, ChecksumMode: types.ChecksumModeEnabled})
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(out.Body) // also compares the checksum
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func wantCode(t *testing.T, err error, want string) {
	t.Helper()
	got := ""
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		got = api.ErrorCode()
	}
	if got != want {
		t.Fatalf("error code %q, want %q (error: %v)", got, want, err)
	}
}

// both runs a test with objects in memory and in files.
func both(t *testing.T, test func(t *testing.T, opts s3.Options)) {
	t.Parallel()
	t.Run("memory", func(t *testing.T) { t.Parallel(); test(t, s3.Options{}) })
	t.Run("files", func(t *testing.T) { t.Parallel(); test(t, s3.Options{Dir: t.TempDir()}) })
}

func TestObjectComesAsStored(t *testing.T) {
	both(t, func(t *testing.T, opts s3.Options) {
		_, c := start(t, opts)
		// Keys that must survive the way through the URL.
		for _, key := range []string{"a", "dir/b c+d", "uml\u00e4ut/%2F?x=1#y", "//double//", "trailing/"} {
			out, err := c.PutObject(t.Context(), &awss3.PutObjectInput{
				Bucket: bucket, Key: &key, Body: strings.NewReader("hello"), ContentType: aws.String("text/plain"), ContentEncoding: aws.String("identity"),
				Metadata: map[string]string{"run-id": "r 1", "upper": "Value"},
			})
			if err != nil {
				t.Fatal(err)
			}
			if *out.ETag != `"5d41402abc4b2a76b9719d911017c592"` || *out.ChecksumCRC32 != "NhCmhg==" {
				t.Errorf("ETag %s, CRC32 %s", *out.ETag, *out.ChecksumCRC32)
			}
			got, err := c.GetObject(t.Context(), &awss3.GetObjectInput{Bucket: bucket, Key: &key, ChecksumMode: types.ChecksumModeEnabled})
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(got.Body)
			if err != nil {
				t.Fatal(err)
			}
			type seen struct {
				Body, Type, Encoding, ETag, CRC string
				Length                          int64
				Metadata                        map[string]string
			}
			want := seen{"hello", "text/plain", "identity", *out.ETag, "NhCmhg==", 5, map[string]string{"run-id": "r 1", "upper": "Value"}}
			have := seen{string(body), *got.ContentType, *got.ContentEncoding, *got.ETag, *got.ChecksumCRC32, *got.ContentLength, got.Metadata}
			if diff := cmp.Diff(want, have); diff != "" {
				t.Errorf("object %q (-want +got):\n%s", key, diff)
			}
			head, err := c.HeadObject(t.Context(), &awss3.HeadObjectInput{Bucket: bucket, Key: &key})
			if err != nil {
				t.Fatal(err)
			}
			if *head.ContentLength != 5 || *head.ETag != *out.ETag || time.Since(*head.LastModified) > time.Minute {
				t.Errorf("head of %q: %+v", key, head)
			}
		}
	})
}

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

func TestConditions(t *testing.T) {
	both(t, func(t *testing.T, opts s3.Options) {
		_, c := start(t, opts)
		ctx := t.Context()
		write := func(body string, ifMatch, ifNoneMatch *string) error {
			_, err := c.PutObject(ctx, &awss3.PutObjectInput{Bucket: bucket, Key: aws.String("k"), Body: strings.NewReader(body), IfMatch: ifMatch, IfNoneMatch: ifNoneMatch})
			return err
		}
		wantCode(t, write("a", aws.String(`"x"`), nil), "NoSuchKey")
		if err := write("a", nil, aws.String("*")); err != nil {
			t.Fatal(err)
		}
		wantCode(t, write("b", nil, aws.String("*")), "PreconditionFailed")
		wantCode(t, write("b", aws.String(`"0123"`), nil), "PreconditionFailed")
		if got := get(t, c, "k"); got != "a" {
			t.Errorf("after refused writes: %q", got)
		}
		const etagOfA = `"0cc175b9c0f1b6a831c399e269772661"`
		if err := write("b", aws.String(etagOfA), nil); err != nil {
			t.Fatal(err)
		}
		_, err := c.GetObject(ctx, &awss3.GetObjectInput{Bucket: bucket, Key: aws.String("k"), IfMatch: aws.String(etagOfA)})
		wantCode(t, err, "PreconditionFailed")
		_, err = c.GetObject(ctx, &awss3.GetObjectInput{Bucket: bucket, Key: aws.String("k"), IfNoneMatch: aws.String(`"92eb5ffee6ae2fec3ad71c777531578f"`)})
		wantCode(t, err, "NotModified")
		if opts.Dir != "" {
			if n := len(files(t, opts.Dir)); n != 1 {
				t.Errorf("%d files for one object", n)
			}
		}
	})
}

// TestOneOfManyCreates: If-None-Match is decided where the object is put.
func TestOneOfManyCreates(t *testing.T) {
	both(t, func(t *testing.T, opts s3.Options) {
		_, c := start(t, opts)
		var won sync.Map
		var writers sync.WaitGroup
		for i := range 16 {
			writers.Go(func() {
				body := fmt.Sprint(i)
				if _, err := c.PutObject(t.Context(), &awss3.PutObjectInput{Bucket: bucket, Key: aws.String("k"), Body: strings.NewReader(body), IfNoneMatch: aws.String("*")}); err == nil {
					won.Store(body, true)
				}
			})
		}
		writers.Wait()
		var winners []string
		won.Range(func(body, _ any) bool { winners = append(winners, fmt.Sprint(body)); return true })
		if diff := cmp.Diff([]string{get(t, c, "k")}, winners); diff != "" {
			t.Errorf("winners (-stored +won):\n%s", diff)
		}
	})
}

func TestRanges(t *testing.T) {
	both(t, func(t *testing.T, opts s3.Options) {
		_, c := start(t, opts)
		put(t, c, "k", "0123456789")
		put(t, c, "empty", "")
		for _, want := range []struct{ header, body, contentRange string }{
			{"bytes=0-3", "0123", "bytes 0-3/10"},
			{"bytes=8-", "89", "bytes 8-9/10"},
			{"bytes=-3", "789", "bytes 7-9/10"},
			{"bytes=5-99", "56789", "bytes 5-9/10"},
			{"bytes=-99", "0123456789", "bytes 0-9/10"},
			{"bytes=4-2", "0123456789", ""},
			{"lines=1-2", "0123456789", ""},
		} {
			out, err := c.GetObject(t.Context(), &awss3.GetObjectInput{Bucket: bucket, Key: aws.String("k"), Range: &want.header, ChecksumMode: types.ChecksumModeEnabled})
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(out.Body)
			if err != nil {
				t.Fatal(err)
			}
			if string(body) != want.body || aws.ToString(out.ContentRange) != want.contentRange || int(*out.ContentLength) != len(want.body) {
				t.Errorf("%s: %q %q, want %q %q", want.header, body, aws.ToString(out.ContentRange), want.body, want.contentRange)
			}
		}
		for key, header := range map[string]string{"k": "bytes=10-", "empty": "bytes=0-1"} {
			_, err := c.GetObject(t.Context(), &awss3.GetObjectInput{Bucket: bucket, Key: &key, Range: &header})
			wantCode(t, err, "InvalidRange")
		}
		if got := get(t, c, "empty"); got != "" {
			t.Errorf("empty object: %q", got)
		}
	})
}

func TestErrorsAndDeletes(t *testing.T) {
	both(t, func(t *testing.T, opts s3.Options) {
		_, c := start(t, opts)
		ctx := t.Context()
		_, err := c.GetObject(ctx, &awss3.GetObjectInput{Bucket: bucket, Key: aws.String("absent")})
		wantCode(t, err, "NoSuchKey")
		_, err = c.GetObject(ctx, &awss3.GetObjectInput{Bucket: aws.String("absent"), Key: aws.String("k")})
		wantCode(t, err, "NoSuchBucket")
		_, err = c.HeadBucket(ctx, &awss3.HeadBucketInput{Bucket: aws.String("absent")})
		wantCode(t, err, "NotFound")
		_, err = c.CreateBucket(ctx, &awss3.CreateBucketInput{Bucket: bucket})
		wantCode(t, err, "BucketAlreadyOwnedByYou")
		if _, err = c.CreateBucket(ctx, &awss3.CreateBucketInput{Bucket: aws.String("more")}); err != nil {
			t.Fatal(err)
		}
		if _, err = c.HeadBucket(ctx, &awss3.HeadBucketInput{Bucket: aws.String("more")}); err != nil {
			t.Fatal(err)
		}
		_, err = c.GetBucketAcl(ctx, &awss3.GetBucketAclInput{Bucket: bucket})
		wantCode(t, err, "NotImplemented")
		_, err = c.CopyObject(ctx, &awss3.CopyObjectInput{Bucket: bucket, Key: aws.String("k"), CopySource: aws.String("runs/a")})
		wantCode(t, err, "NotImplemented")
		for _, key := range []string{"a", "b", "c"} {
			put(t, c, key, key)
		}
		for range 2 { // deleting what is gone is no error
			if _, err := c.DeleteObject(ctx, &awss3.DeleteObjectInput{Bucket: bucket, Key: aws.String("a")}); err != nil {
				t.Fatal(err)
			}
		}
		out, err := c.DeleteObjects(ctx, &awss3.DeleteObjectsInput{Bucket: bucket, Delete: &types.Delete{Objects: []types.ObjectIdentifier{{Key: aws.String("b")}, {Key: aws.String("zz")}}}})
		if err != nil {
			t.Fatal(err)
		}
		if len(out.Deleted) != 2 || len(out.Errors) != 0 {
			t.Errorf("deleted %v, errors %v", out.Deleted, out.Errors)
		}
		list, err := c.ListObjectsV2(ctx, &awss3.ListObjectsV2Input{Bucket: bucket})
		if err != nil || len(list.Contents) != 1 || *list.Contents[0].Key != "c" {
			t.Errorf("left: %+v, %v", list, err)
		}
		buckets, err := c.ListBuckets(ctx, &awss3.ListBucketsInput{})
		if err != nil || len(buckets.Buckets) != 2 || *buckets.Buckets[0].Name != "more" {
			t.Errorf("buckets: %+v, %v", buckets, err)
		}
	})
}

func TestRolesAreHeldToTheirPolicy(t *testing.T) {
	t.Parallel()
	s, root := start(t, s3.Options{})
	put(t, root, "in/a", "a")
	put(t, root, "out/a", "a")
	role := &iam.Principal{Name: "Worker", ARN: "arn:aws:iam::1:role/Worker", Statements: []iam.Statement{
		{Effect: "Allow", Actions: []string{"s3:GetObject", "s3:DeleteObject"}, Resources: []string{"arn:aws:s3:::runs/in/*"}},
	}}
	c := client(s, role)
	ctx := t.Context()
	if got := get(t, c, "in/a"); got != "a" {
		t.Errorf("allowed read: %q", got)
	}
	_, err := c.GetObject(ctx, &awss3.GetObjectInput{Bucket: bucket, Key: aws.String("out/a")})
	wantCode(t, err, "AccessDenied")
	_, err = c.PutObject(ctx, &awss3.PutObjectInput{Bucket: bucket, Key: aws.String("in/a"), Body: strings.NewReader("b")})
	wantCode(t, err, "AccessDenied")
	_, err = c.ListObjectsV2(ctx, &awss3.ListObjectsV2Input{Bucket: bucket})
	wantCode(t, err, "AccessDenied")
	// Without s3:ListBucket a missing key is not told from a forbidden one.
	_, err = c.GetObject(ctx, &awss3.GetObjectInput{Bucket: bucket, Key: aws.String("in/absent")})
	wantCode(t, err, "AccessDenied")
	if _, err = s.Get(ctx, role, "runs", "out/a"); wire.CodeOf(err) != "AccessDenied" {
		t.Errorf("Get: %v", err)
	}
	if err = s.Put(ctx, role, "runs", "in/a", nil); wire.CodeOf(err) != "AccessDenied" {
		t.Errorf("Put: %v", err)
	}
	if _, _, err = s.List(ctx, role, "runs", "", ""); wire.CodeOf(err) != "AccessDenied" {
		t.Errorf("List: %v", err)
	}
	out, err := c.DeleteObjects(ctx, &awss3.DeleteObjectsInput{Bucket: bucket, Delete: &types.Delete{Objects: []types.ObjectIdentifier{{Key: aws.String("in/a")}, {Key: aws.String("out/a")}}}})
	if err != nil || len(out.Deleted) != 1 || len(out.Errors) != 1 || *out.Errors[0].Code != "AccessDenied" || *out.Errors[0].Key != "out/a" {
		t.Errorf("batch delete: %+v, %v", out, err)
	}
}

func TestCallsAreMetered(t *testing.T) {
	t.Parallel()
	var m meter.Meter
	s, c := start(t, s3.Options{Meter: &m})
	put(t, c, "a", "a")
	get(t, c, "a")
	if _, err := c.HeadObject(t.Context(), &awss3.HeadObjectInput{Bucket: bucket, Key: aws.String("a")}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.List(t.Context(), nil, "runs", "", ""); err != nil {
		t.Fatal(err)
	}
	if _, err := c.DeleteObject(t.Context(), &awss3.DeleteObjectInput{Bucket: bucket, Key: aws.String("a")}); err != nil {
		t.Fatal(err)
	}
	got := [2]float64{m.Read().Count(meter.S3Writes), m.Read().Count(meter.S3Reads)}
	if want := [2]float64{2, 2}; got != want { // PUT and LIST; GET and HEAD; deleting is free
		t.Errorf("writes and reads %v, want %v", got, want)
	}
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	if err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			out = append(out, path)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestRestartKeepsObjects(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	reopen := func() (*s3.Service, *awss3.Client) {
		j, err := journal.Open(filepath.Join(dir, "journal"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = j.Close() })
		return start(t, s3.Options{Journal: j, Dir: filepath.Join(dir, "objects")})
	}
	s, c := reopen()
	put(t, c, "kept", "old")
	etag := *put(t, c, "kept", "new").ETag
	put(t, c, "deleted", "x")
	if err := s.Put(t.Context(), nil, "runs", "by the state machine", []byte("{}")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.DeleteObject(t.Context(), &awss3.DeleteObjectInput{Bucket: bucket, Key: aws.String("deleted")}); err != nil {
		t.Fatal(err)
	}
	// What a kill leaves behind goes; what is not ours stays.
	orphan := filepath.Join(dir, "objects", "runs", "0a", "0a000000-0000-4000-8000-000000000000")
	foreign := filepath.Join(dir, "objects", "runs", "notes.txt")
	for _, path := range []string{orphan, foreign} {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, c = reopen()
	if got := get(t, c, "kept"); got != "new" {
		t.Errorf("kept: %q", got)
	}
	objects, next, err := s.List(t.Context(), nil, "runs", "", "")
	if err != nil || next != "" {
		t.Fatal(next, err)
	}
	var got []string
	for _, o := range objects {
		got = append(got, fmt.Sprintf("%s %d %q", o.Key, o.Size, o.ETag))
	}
	want := []string{`by the state machine 2 "99914b932bd37a50b983c5e7c90ae93b"`, fmt.Sprintf("kept 3 %s", etag)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("listing (-want +got):\n%s", diff)
	}
	left := files(t, filepath.Join(dir, "objects"))
	if _, err := os.Stat(orphan); err == nil || len(left) != 3 {
		t.Errorf("files left: %d, want two objects and the foreign one", len(left))
	}
	if _, err := os.Stat(foreign); err != nil {
		t.Errorf("a file that is not ours was removed: %v", err)
	}
	if _, err := s3.New(s3.Options{Journal: &journal.Journal{}}); err == nil {
		t.Error("a journal without a folder was accepted")
	}
}

func BenchmarkPutGet(b *testing.B) {
	for name, dir := range map[string]string{"memory": "", "files": b.TempDir()} {
		b.Run(name, func(b *testing.B) {
			s, err := s3.New(s3.Options{Region: "eu-west-1", Account: "1", Dir: dir})
			if err != nil {
				b.Fatal(err)
			}
			if err := s.CreateBucket("runs"); err != nil {
				b.Fatal(err)
			}
			c := client(s, nil)
			body := bytes.Repeat([]byte("0123456789abcdef"), 4096) // 64 KiB, about a chunk of prospects
			b.SetBytes(int64(len(body)))
			i := 0
			for b.Loop() {
				key := fmt.Sprint("run/", i)
				i++
				if _, err := c.PutObject(b.Context(), &awss3.PutObjectInput{Bucket: bucket, Key: &key, Body: bytes.NewReader(body)}); err != nil {
					b.Fatal(err)
				}
				out, err := c.GetObject(b.Context(), &awss3.GetObjectInput{Bucket: bucket, Key: &key})
				if err != nil {
					b.Fatal(err)
				}
				if n, err := io.Copy(io.Discard, out.Body); err != nil || n != int64(len(body)) {
					b.Fatal(n, err)
				}
			}
		})
	}
}
