package s3_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
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
