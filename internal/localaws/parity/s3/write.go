package s3

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/messageai/sluice/internal/localaws/parity"
)

// write notes what putting an object at "a" answers.
func (b bench) write(ctx context.Context, what string, in s3.PutObjectInput) {
	in.Bucket, in.Body = b.bucket, strings.NewReader("0123456789")
	if in.Key == nil {
		in.Key = aws.String("a")
	}
	out, err := b.client.PutObject(ctx, &in)
	b.Failed(what, err)
	if err == nil {
		b.Note("etag", out.ETag)
	}
}

func putCases() []parity.Case {
	return []parity.Case{
		on("PutObject", "etag-and-checksum", func(ctx context.Context, b bench) error {
			out, err := b.client.PutObject(ctx, &s3.PutObjectInput{Bucket: b.bucket, Key: aws.String("a"), Body: strings.NewReader("0123456789")})
			if err != nil {
				return err
			}
			b.Note("etag", out.ETag)
			b.Note("CRC32", out.ChecksumCRC32)
			b.Note("type", out.ChecksumType)
			return nil
		}),
		on("PutObject", "length", func(ctx context.Context, b bench) error {
			b.write(ctx, "as it is", s3.PutObjectInput{ContentLength: aws.Int64(10)})
			out, err := b.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: b.bucket, Key: aws.String("a")})
			if err != nil {
				return err
			}
			b.Note("length", out.ContentLength)
			return nil
		}),
		on("PutObject", "checksum-of-choice", func(ctx context.Context, b bench) error {
			for _, algorithm := range []types.ChecksumAlgorithm{types.ChecksumAlgorithmCrc32c, types.ChecksumAlgorithmSha256} {
				b.write(ctx, string(algorithm), s3.PutObjectInput{ChecksumAlgorithm: algorithm})
				out, err := b.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: b.bucket, Key: aws.String("a"), ChecksumMode: types.ChecksumModeEnabled})
				if err != nil {
					return err
				}
				b.Note("kept", []*string{out.ChecksumCRC32, out.ChecksumCRC32C, out.ChecksumCRC64NVME, out.ChecksumSHA256})
			}
			return nil
		}),
		on("PutObject", "headers-and-metadata", func(ctx context.Context, b bench) error {
			b.write(ctx, "put", s3.PutObjectInput{
				ContentType: aws.String("application/x-ndjson"), CacheControl: aws.String("no-store"), ContentEncoding: aws.String("identity"),
				ContentDisposition: aws.String("attachment"), Metadata: map[string]string{"run": "1", "team": "a b"},
			})
			out, err := b.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: b.bucket, Key: aws.String("a")})
			if err != nil {
				return err
			}
			b.Note("kept", []*string{out.ContentType, out.CacheControl, out.ContentEncoding, out.ContentDisposition})
			b.Note("metadata", out.Metadata)
			b.Note("length", out.ContentLength)
			return nil
		}),
		on("PutObject", "replaces", func(ctx context.Context, b bench) error {
			b.write(ctx, "first", s3.PutObjectInput{Metadata: map[string]string{"run": "1"}})
			b.write(ctx, "second", s3.PutObjectInput{})
			b.get(ctx, "get", s3.GetObjectInput{})
			return nil
		}),
		on("PutObject", "wrong-checksum", func(ctx context.Context, b bench) error {
			b.write(ctx, "CRC32", s3.PutObjectInput{ChecksumCRC32: aws.String("AAAAAA==")})
			b.write(ctx, "no CRC32 at all", s3.PutObjectInput{ChecksumCRC32: aws.String("nothing")})
			b.get(ctx, "get", s3.GetObjectInput{})
			return nil
		}),
		on("PutObject", "wrong-MD5", func(ctx context.Context, b bench) error {
			b.write(ctx, "another's", s3.PutObjectInput{ContentMD5: aws.String("1B2M2Y8AsgTpgAmY7PhCfg==")})
			b.get(ctx, "get", s3.GetObjectInput{})
			return nil
		}),
		on("PutObject", "no-MD5-at-all", func(ctx context.Context, b bench) error {
			b.write(ctx, "put", s3.PutObjectInput{ContentMD5: aws.String("nothing")})
			return nil
		}),
		on("PutObject", "no-such-bucket", func(ctx context.Context, b bench) error {
			b.bucket = aws.String(b.Name("none"))
			_, err := b.client.PutObject(ctx, &s3.PutObjectInput{Bucket: b.bucket, Key: aws.String("a"), Body: strings.NewReader("x")})
			b.Failed("put", err)
			return nil
		}),
		on("PutObject", "keys", func(ctx context.Context, b bench) error {
			for _, key := range []string{"a b+c%20/ü?&=#;:@", "dir/", "-", "a//b", "\U0001F600"} {
				b.write(ctx, key, s3.PutObjectInput{Key: &key})
				b.get(ctx, key, s3.GetObjectInput{Key: &key})
			}
			return b.list(ctx, "all", s3.ListObjectsV2Input{})
		}),
		on("PutObject", "key-too-long", func(ctx context.Context, b bench) error {
			b.write(ctx, "1,025 bytes", s3.PutObjectInput{Key: aws.String(strings.Repeat("k", 1025))})
			b.write(ctx, "1,024 bytes", s3.PutObjectInput{Key: aws.String(strings.Repeat("k", 1024))})
			return nil
		}),
		on("PutObject", "empty", func(ctx context.Context, b bench) error {
			out, err := b.client.PutObject(ctx, &s3.PutObjectInput{Bucket: b.bucket, Key: aws.String("a"), Body: strings.NewReader("")})
			if err != nil {
				return err
			}
			b.Note("etag", out.ETag)
			b.get(ctx, "get", s3.GetObjectInput{})
			b.get(ctx, "range", s3.GetObjectInput{Range: aws.String("bytes=0-0")})
			return nil
		}),
	}
}

const (
	etag  = `"781e5e245d69b566979b86e28d23f2c7"` // of 0123456789
	other = `"00000000000000000000000000000000"`
)

func conditionCases() []parity.Case {
	return []parity.Case{
		on("PutObject", "if-none-match", func(ctx context.Context, b bench) error {
			b.write(ctx, "new", s3.PutObjectInput{IfNoneMatch: aws.String("*")})
			b.write(ctx, "exists", s3.PutObjectInput{IfNoneMatch: aws.String("*")})
			if _, err := b.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: b.bucket, Key: aws.String("a")}); err != nil {
				return err
			}
			b.write(ctx, "deleted", s3.PutObjectInput{IfNoneMatch: aws.String("*")})
			return nil
		}),
		on("PutObject", "if-match", func(ctx context.Context, b bench) error {
			if err := b.put(ctx, "a"); err != nil {
				return err
			}
			b.write(ctx, "right", s3.PutObjectInput{IfMatch: aws.String(etag)})
			b.write(ctx, "wrong", s3.PutObjectInput{IfMatch: aws.String(other)})
			return nil
		}),
		on("PutObject", "if-match-of-no-object", func(ctx context.Context, b bench) error {
			b.write(ctx, "put", s3.PutObjectInput{IfMatch: aws.String(etag)})
			return nil
		}),
		on("GetObject", "if-none-match", func(ctx context.Context, b bench) error {
			if err := b.put(ctx, "a"); err != nil {
				return err
			}
			b.get(ctx, "the same", s3.GetObjectInput{IfNoneMatch: aws.String(etag)})
			b.get(ctx, "another", s3.GetObjectInput{IfNoneMatch: aws.String(other)})
			return nil
		}),
		on("GetObject", "if-match", func(ctx context.Context, b bench) error {
			if err := b.put(ctx, "a"); err != nil {
				return err
			}
			b.get(ctx, "the same", s3.GetObjectInput{IfMatch: aws.String(etag)})
			b.get(ctx, "another", s3.GetObjectInput{IfMatch: aws.String(other)})
			return nil
		}),
	}
}
