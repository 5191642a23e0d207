// Package s3 has the behaviour cases of its service; see package parity.
package s3

import (
	"context"
	"io"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/messageai/sluice/internal/localaws/parity"
)

// Cases returns all cases of the service.
func Cases() []parity.Case {
	return slices.Concat(bucketCases(), putCases(), conditionCases(), getCases(), listCases(), deleteCases())
}

// bench is what a case works on: a client and a bucket of the case's own.
type bench struct {
	*parity.Probe
	client *s3.Client
	bucket *string
}

// on is a case that begins with a bucket.
func on(operation, name string, run func(ctx context.Context, b bench) error) parity.Case {
	return parity.Case{Service: "s3", Operation: operation, Name: name, Run: func(ctx context.Context, p *parity.Probe) error {
		client := s3.NewFromConfig(p.Config, func(o *s3.Options) { // as a configuration that is loaded has it
			o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenSupported
			o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenSupported
		})
		b := bench{Probe: p, client: client, bucket: aws.String(p.Name("bucket"))}
		if _, err := b.client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: b.bucket}); err != nil {
			return err
		}
		return run(ctx, b)
	}}
}

func (b bench) put(ctx context.Context, keys ...string) error {
	for _, key := range keys {
		if _, err := b.client.PutObject(ctx, &s3.PutObjectInput{Bucket: b.bucket, Key: &key, Body: strings.NewReader("0123456789")}); err != nil {
			return err
		}
	}
	return nil
}

// get notes what a read of "a" answers.
func (b bench) get(ctx context.Context, what string, in s3.GetObjectInput) {
	in.Bucket = b.bucket
	if in.Key == nil {
		in.Key = aws.String("a")
	}
	out, err := b.client.GetObject(ctx, &in)
	b.Failed(what, err)
	if err != nil {
		return
	}
	body, err := io.ReadAll(out.Body)
	_ = out.Body.Close() // it was read to its end
	b.Failed("read", err)
	b.Note("answer", map[string]any{
		"body": string(body), "length": out.ContentLength, "range": out.ContentRange, "etag": out.ETag, "type": out.ContentType,
		"accepts": out.AcceptRanges, "metadata": out.Metadata, "has a time": out.LastModified != nil,
	})
}

func bucketCases() []parity.Case {
	return []parity.Case{
		on("CreateBucket", "again", func(ctx context.Context, b bench) error {
			_, err := b.client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: b.bucket})
			b.Failed("in us-east-1", err)
			return nil
		}),
		on("CreateBucket", "refused", func(ctx context.Context, b bench) error {
			_, err := b.client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String(b.Name("Upper"))})
			b.Failed("upper case", err)
			_, err = b.client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("ab")})
			b.Failed("two letters", err)
			return nil
		}),
		on("HeadBucket", "found-and-not", func(ctx context.Context, b bench) error {
			out, err := b.client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: b.bucket})
			if err != nil {
				return err
			}
			b.Note("region", out.BucketRegion)
			_, err = b.client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: aws.String(b.Name("none"))})
			b.Failed("no such bucket", err)
			return nil
		}),
	}
}
