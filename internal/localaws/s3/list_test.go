package s3_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/localaws/s3"
)

// pages lists everything and returns, per page, keys and common prefixes (with
// a "/" mark in front).
func pages(t *testing.T, c *awss3.Client, in awss3.ListObjectsV2Input) [][]string {
	t.Helper()
	in.Bucket = bucket
	var out [][]string
	for {
		got, err := c.ListObjectsV2(t.Context(), &in)
		if err != nil {
			t.Fatal(err)
		}
		page := []string{}
		for _, o := range got.Contents {
			page = append(page, *o.Key)
		}
		for _, p := range got.CommonPrefixes {
			page = append(page, "prefix "+*p.Prefix)
		}
		if int(*got.KeyCount) != len(page) {
			t.Errorf("KeyCount %d for %d entries", *got.KeyCount, len(page))
		}
		out = append(out, page)
		if !*got.IsTruncated {
			return out
		}
		in.ContinuationToken = got.NextContinuationToken
	}
}

func TestListing(t *testing.T) {
	t.Parallel()
	_, c := start(t, s3.Options{})
	for _, key := range []string{"b/2", "a", "b/1", "\U0001F600", "\uFB01", "b/c/1", "b0", "c&<>/x y", "a\tb"} {
		put(t, c, key, "x")
	}
	for _, test := range []struct {
		name string
		in   awss3.ListObjectsV2Input
		want [][]string
	}{
		// U+FB01 comes before U+1F600 in UTF-8, after it in UTF-16.
		{"all", awss3.ListObjectsV2Input{}, [][]string{{"a", "a\tb", "b/1", "b/2", "b/c/1", "b0", "c&<>/x y", "\uFB01", "\U0001F600"}}},
		{"prefix", awss3.ListObjectsV2Input{Prefix: aws.String("b/")}, [][]string{{"b/1", "b/2", "b/c/1"}}},
		{"delimiter", awss3.ListObjectsV2Input{Delimiter: aws.String("/")}, [][]string{{"a", "a\tb", "b0", "\uFB01", "\U0001F600", "prefix b/", "prefix c&<>/"}}},
		{"prefix and delimiter", awss3.ListObjectsV2Input{Prefix: aws.String("b/"), Delimiter: aws.String("/")}, [][]string{{"b/1", "b/2", "prefix b/c/"}}},
		{"pages", awss3.ListObjectsV2Input{MaxKeys: aws.Int32(3)}, [][]string{{"a", "a\tb", "b/1"}, {"b/2", "b/c/1", "b0"}, {"c&<>/x y", "\uFB01", "\U0001F600"}}},
		{"pages of prefixes", awss3.ListObjectsV2Input{MaxKeys: aws.Int32(2), Delimiter: aws.String("/")}, [][]string{{"a", "a\tb"}, {"b0", "prefix b/"}, {"\uFB01", "prefix c&<>/"}, {"\U0001F600"}}},
		{"start after", awss3.ListObjectsV2Input{StartAfter: aws.String("b/2")}, [][]string{{"b/c/1", "b0", "c&<>/x y", "\uFB01", "\U0001F600"}}},
		{"start after a prefix", awss3.ListObjectsV2Input{StartAfter: aws.String("b"), Prefix: aws.String("b/c")}, [][]string{{"b/c/1"}}},
		{"none wanted", awss3.ListObjectsV2Input{MaxKeys: aws.Int32(0)}, [][]string{{}}},
		{"none there", awss3.ListObjectsV2Input{Prefix: aws.String("zz")}, [][]string{{}}},
		{"exactly one page", awss3.ListObjectsV2Input{MaxKeys: aws.Int32(3), Prefix: aws.String("b/")}, [][]string{{"b/1", "b/2", "b/c/1"}}},
		{"encoded", awss3.ListObjectsV2Input{Prefix: aws.String("c"), EncodingType: "url"}, [][]string{{"c%26%3C%3E/x+y"}}},
	} {
		if diff := cmp.Diff(test.want, pages(t, c, test.in)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
	_, err := c.ListObjectsV2(t.Context(), &awss3.ListObjectsV2Input{Bucket: bucket, ContinuationToken: aws.String("***")})
	wantCode(t, err, "InvalidArgument")
}

// TestListingOfManyKeys compares random insertions and deletions with a sorted slice.
func TestListingOfManyKeys(t *testing.T) {
	t.Parallel()
	s, c := start(t, s3.Options{})
	r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a test's fixed sequence
	kept := map[string]bool{}
	for i := range 6000 {
		key := fmt.Sprintf("%04d", r.IntN(5000))
		if i < 2000 {
			key = fmt.Sprintf("in order %04d", i)
		}
		if i >= 4000 && kept[key] {
			if _, err := c.DeleteObject(t.Context(), &awss3.DeleteObjectInput{Bucket: bucket, Key: &key}); err != nil {
				t.Fatal(err)
			}
			delete(kept, key)
			continue
		}
		if err := s.Put(t.Context(), nil, "runs", key, nil); err != nil {
			t.Fatal(err)
		}
		kept[key] = true
	}
	want := []string{}
	for key := range kept {
		want = append(want, key)
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, slices.Concat(pages(t, c, awss3.ListObjectsV2Input{})...)); diff != "" {
		t.Errorf("listing (-want +got):\n%s", diff)
	}
	var got []string
	for token := ""; ; {
		objects, next, err := s.List(t.Context(), nil, "runs", "in", token)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range objects {
			got = append(got, o.Key)
		}
		if token = next; token == "" {
			break
		}
	}
	want = slices.DeleteFunc(want, func(key string) bool { return !strings.HasPrefix(key, "in") })
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("listing in process (-want +got):\n%s", diff)
	}
}

func BenchmarkList100k(b *testing.B) {
	s, err := s3.New(s3.Options{Region: "eu-west-1", Account: "1"})
	if err != nil {
		b.Fatal(err)
	}
	if err := s.CreateBucket("runs"); err != nil {
		b.Fatal(err)
	}
	for i := range 100_000 {
		if err := s.Put(b.Context(), nil, "runs", fmt.Sprintf("%d/%06d", i%10, i), nil); err != nil {
			b.Fatal(err)
		}
	}
	c := client(s, nil)
	for b.Loop() {
		out, err := c.ListObjectsV2(b.Context(), &awss3.ListObjectsV2Input{Bucket: bucket, Delimiter: aws.String("/")})
		if err != nil || len(out.CommonPrefixes) != 10 {
			b.Fatal(out, err)
		}
	}
}
