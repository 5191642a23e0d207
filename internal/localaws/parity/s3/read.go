package s3

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/messageai/sluice/internal/localaws/parity"
)

func getCases() []parity.Case {
	return []parity.Case{
		on("GetObject", "whole", func(ctx context.Context, b bench) error {
			if err := b.put(ctx, "a"); err != nil {
				return err
			}
			b.get(ctx, "get", s3.GetObjectInput{})
			return nil
		}),
		on("GetObject", "missing", func(ctx context.Context, b bench) error {
			b.get(ctx, "key", s3.GetObjectInput{})
			b.bucket = aws.String(b.Name("none"))
			b.get(ctx, "bucket", s3.GetObjectInput{})
			return nil
		}),
		on("GetObject", "range", func(ctx context.Context, b bench) error {
			if err := b.put(ctx, "a"); err != nil {
				return err
			}
			for _, r := range []string{"0-0", "2-4", "5-", "-3", "-20", "8-20", "0-9"} {
				b.get(ctx, r, s3.GetObjectInput{Range: aws.String("bytes=" + r)})
			}
			return nil
		}),
		on("GetObject", "range-beyond-the-end", func(ctx context.Context, b bench) error {
			if err := b.put(ctx, "a"); err != nil {
				return err
			}
			b.get(ctx, "from ten", s3.GetObjectInput{Range: aws.String("bytes=10-")})
			b.get(ctx, "the last none", s3.GetObjectInput{Range: aws.String("bytes=-0")})
			return nil
		}),
		on("GetObject", "range-that-is-none", func(ctx context.Context, b bench) error {
			if err := b.put(ctx, "a"); err != nil {
				return err
			}
			for _, r := range []string{"bytes=4-2", "bytes=a-b", "lines=0-1", "bytes=0-1,3-4"} {
				b.get(ctx, r, s3.GetObjectInput{Range: &r})
			}
			return nil
		}),
		on("GetObject", "checksum", func(ctx context.Context, b bench) error {
			if err := b.put(ctx, "a"); err != nil {
				return err
			}
			out, err := b.client.GetObject(ctx, &s3.GetObjectInput{Bucket: b.bucket, Key: aws.String("a"), ChecksumMode: types.ChecksumModeEnabled})
			if err != nil {
				return err
			}
			b.Note("CRC32", out.ChecksumCRC32)
			b.Note("type", out.ChecksumType)
			return out.Body.Close()
		}),
		on("HeadObject", "found-and-not", func(ctx context.Context, b bench) error {
			if err := b.put(ctx, "a"); err != nil {
				return err
			}
			out, err := b.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: b.bucket, Key: aws.String("a")})
			if err != nil {
				return err
			}
			b.Note("etag", out.ETag)
			b.Note("length", out.ContentLength)
			b.Note("type", out.ContentType)
			_, err = b.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: b.bucket, Key: aws.String("none")})
			b.Failed("no such key", err)
			_, err = b.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: aws.String(b.Name("none")), Key: aws.String("a")})
			b.Failed("no such bucket", err)
			return nil
		}),
	}
}

// list notes every page of a listing.
func (b bench) list(ctx context.Context, what string, in s3.ListObjectsV2Input) error {
	in.Bucket = b.bucket
	for page := 1; page <= 10; page++ {
		out, err := b.client.ListObjectsV2(ctx, &in)
		if err != nil {
			return err
		}
		keys, prefixes := []string{}, []string{}
		for _, o := range out.Contents {
			keys = append(keys, *o.Key)
		}
		for _, p := range out.CommonPrefixes {
			prefixes = append(prefixes, *p.Prefix)
		}
		b.Note(fmt.Sprintf("%s, page %d", what, page), map[string]any{
			"keys": keys, "prefixes": prefixes, "count": out.KeyCount, "most": out.MaxKeys, "more": out.IsTruncated,
			"prefix": out.Prefix, "delimiter": out.Delimiter, "start after": out.StartAfter,
		})
		if in.ContinuationToken = out.NextContinuationToken; in.ContinuationToken == nil {
			return nil
		}
	}
	return nil
}

// tree is the keys of listings.
var tree = [...]string{"a", "a/b", "a/c/d", "a/c/e", "aa", "b", "B", "b/c", "é", "\U0001F600", "\uFFFD"}

func listed(name string, in s3.ListObjectsV2Input) parity.Case {
	return on("ListObjectsV2", name, func(ctx context.Context, b bench) error {
		if err := b.put(ctx, tree[:]...); err != nil {
			return err
		}
		return b.list(ctx, "list", in)
	})
}

func listCases() []parity.Case {
	return []parity.Case{
		listed("by-bytes", s3.ListObjectsV2Input{}),
		listed("prefix", s3.ListObjectsV2Input{Prefix: aws.String("a/")}),
		listed("delimiter", s3.ListObjectsV2Input{Delimiter: aws.String("/")}),
		listed("prefix-and-delimiter", s3.ListObjectsV2Input{Prefix: aws.String("a/"), Delimiter: aws.String("/")}),
		listed("long-delimiter", s3.ListObjectsV2Input{Delimiter: aws.String("/c")}),
		listed("pages", s3.ListObjectsV2Input{MaxKeys: aws.Int32(4)}),
		listed("pages-with-prefixes", s3.ListObjectsV2Input{MaxKeys: aws.Int32(2), Delimiter: aws.String("/")}),
		listed("start-after", s3.ListObjectsV2Input{StartAfter: aws.String("aa")}),
		listed("start-after-and-prefix", s3.ListObjectsV2Input{StartAfter: aws.String("a/b"), Prefix: aws.String("a/")}),
		listed("no-keys-wanted", s3.ListObjectsV2Input{MaxKeys: aws.Int32(0)}),
		listed("nothing-found", s3.ListObjectsV2Input{Prefix: aws.String("z")}),
		on("ListObjectsV2", "entries", func(ctx context.Context, b bench) error {
			if err := b.put(ctx, "a"); err != nil {
				return err
			}
			out, err := b.client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: b.bucket})
			if err != nil {
				return err
			}
			for _, o := range out.Contents {
				b.Note(*o.Key, map[string]any{"etag": o.ETag, "size": o.Size, "class": o.StorageClass, "has a time": o.LastModified != nil})
			}
			b.Note("name", out.Name)
			return nil
		}),
		on("ListObjectsV2", "refused", func(ctx context.Context, b bench) error {
			_, err := b.client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: b.bucket, MaxKeys: aws.Int32(-1)})
			b.Failed("negative page", err)
			_, err = b.client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: aws.String(b.Name("none"))})
			b.Failed("no such bucket", err)
			return nil
		}),
	}
}

func deleteCases() []parity.Case {
	return []parity.Case{
		on("DeleteObject", "twice", func(ctx context.Context, b bench) error {
			if err := b.put(ctx, "a", "b"); err != nil {
				return err
			}
			for _, what := range []string{"once", "again"} {
				_, err := b.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: b.bucket, Key: aws.String("a")})
				b.Failed(what, err)
			}
			b.get(ctx, "get", s3.GetObjectInput{})
			return b.list(ctx, "left", s3.ListObjectsV2Input{})
		}),
		on("DeleteObject", "no-such-bucket", func(ctx context.Context, b bench) error {
			_, err := b.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: aws.String(b.Name("none")), Key: aws.String("a")})
			b.Failed("delete", err)
			return nil
		}),
		on("DeleteObjects", "some-missing", func(ctx context.Context, b bench) error {
			if err := b.put(ctx, "a", "b", "c"); err != nil {
				return err
			}
			for _, quiet := range []bool{false, true} {
				out, err := b.client.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: b.bucket, Delete: &types.Delete{
					Quiet: &quiet, Objects: []types.ObjectIdentifier{{Key: aws.String("a")}, {Key: aws.String("none")}},
				}})
				if err != nil {
					return err
				}
				keys := []string{}
				for _, d := range out.Deleted {
					keys = append(keys, *d.Key)
				}
				b.Note("deleted", keys)
				b.Note("errors", len(out.Errors))
			}
			return b.list(ctx, "left", s3.ListObjectsV2Input{})
		}),
		on("DeleteObjects", "none-named", func(ctx context.Context, b bench) error {
			_, err := b.client.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: b.bucket, Delete: &types.Delete{Objects: []types.ObjectIdentifier{}}})
			b.Failed("delete", err)
			return nil
		}),
	}
}
