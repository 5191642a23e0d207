package s3_test

import (
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/localaws/journal"
	"github.com/messageai/sluice/internal/localaws/s3"
)

var lifecycle = []s3.Rule{{Prefix: "runs/", Days: 3}, {Prefix: "answers/", Days: 1}}

// keys are what a listing shows.
func keys(t *testing.T, s *s3.Service) []string {
	t.Helper()
	objects, _, err := s.List(t.Context(), nil, "runs", "", "")
	if err != nil {
		t.Fatal(err)
	}
	out := []string{}
	for _, o := range objects {
		out = append(out, o.Key)
	}
	return out
}

// until sleeps until a moment of January 2000, which a bubble begins with.
func until(day, hour, second int) {
	time.Sleep(time.Until(time.Date(2000, 1, day, hour, 0, second, 0, time.UTC)))
}

// An object expires at the midnight after its last day, whatever asks for it first.
func TestObjectsExpire(t *testing.T) {
	both(t, func(t *testing.T, opts s3.Options) {
		synctest.Test(t, func(t *testing.T) {
			s, c := start(t, opts)
			if err := s.SetLifecycle("runs", lifecycle); err != nil {
				t.Fatal(err)
			}
			until(1, 10, 30)
			for _, key := range []string{"answers/a", "kept/a", "runs/a", "runs/b", "runs/c", "runs/d"} {
				put(t, c, key, key)
			}
			until(2, 23, 3599)
			if diff := cmp.Diff([]string{"answers/a", "kept/a", "runs/a", "runs/b", "runs/c", "runs/d"}, keys(t, s)); diff != "" {
				t.Errorf("a second before the answer expires (-want +got):\n%s", diff)
			}
			until(3, 0, 0)
			if diff := cmp.Diff([]string{"kept/a", "runs/a", "runs/b", "runs/c", "runs/d"}, keys(t, s)); diff != "" {
				t.Errorf("when the answer has expired (-want +got):\n%s", diff)
			}
			put(t, c, "runs/b", "again") // its days begin anew
			until(4, 23, 3599)
			if got := get(t, c, "runs/a"); got != "runs/a" {
				t.Errorf("a second before it expires: %q", got)
			}
			until(5, 0, 0)
			_, err := c.GetObject(t.Context(), &awss3.GetObjectInput{Bucket: bucket, Key: aws.String("runs/a")})
			wantCode(t, err, "NoSuchKey")
			_, err = c.HeadObject(t.Context(), &awss3.HeadObjectInput{Bucket: bucket, Key: aws.String("runs/d")})
			wantCode(t, err, "NotFound")
			if _, err := c.DeleteObject(t.Context(), &awss3.DeleteObjectInput{Bucket: bucket, Key: aws.String("runs/a")}); err != nil {
				t.Errorf("deletion of what has expired: %v", err)
			}
			if _, err := c.PutObject(t.Context(), &awss3.PutObjectInput{
				Bucket: bucket, Key: aws.String("runs/c"), Body: strings.NewReader("new"), IfNoneMatch: aws.String("*"),
			}); err != nil {
				t.Errorf("a new object in place of one that has expired: %v", err)
			}
			if diff := cmp.Diff([]string{"kept/a", "runs/b", "runs/c"}, keys(t, s)); diff != "" {
				t.Errorf("what is left (-want +got):\n%s", diff)
			}
			if opts.Dir != "" {
				if n := len(files(t, opts.Dir)); n != 3 {
					t.Errorf("%d files for three objects", n)
				}
			}
			if err := s.SetLifecycle("runs", []s3.Rule{{Days: 1}}); err != nil { // what is older goes at once
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{"runs/c"}, keys(t, s)); diff != "" {
				t.Errorf("by another rule (-want +got):\n%s", diff)
			}
		})
	})
}

// Time passes while nobody runs the service, and what has expired stays away.
func TestObjectsExpireOverRestarts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		reopen := func(rules ...s3.Rule) (*s3.Service, *awss3.Client) {
			j, err := journal.Open(filepath.Join(dir, "journal"))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = j.Close() })
			s, c := start(t, s3.Options{Journal: j, Dir: filepath.Join(dir, "objects")})
			if err := s.SetLifecycle("runs", rules); err != nil {
				t.Fatal(err)
			}
			return s, c
		}
		_, c := reopen(lifecycle...)
		put(t, c, "runs/a", "a")
		put(t, c, "kept/a", "a")
		until(4, 23, 0)
		s, _ := reopen(lifecycle...)
		if diff := cmp.Diff([]string{"kept/a", "runs/a"}, keys(t, s)); diff != "" {
			t.Errorf("within its days (-want +got):\n%s", diff)
		}
		until(5, 1, 0)
		s, _ = reopen(lifecycle...)
		if diff := cmp.Diff([]string{"kept/a"}, keys(t, s)); diff != "" {
			t.Errorf("after them (-want +got):\n%s", diff)
		}
		if n := len(files(t, filepath.Join(dir, "objects"))); n != 1 {
			t.Errorf("%d files for one object", n)
		}
		s, _ = reopen()
		if diff := cmp.Diff([]string{"kept/a"}, keys(t, s)); diff != "" {
			t.Errorf("opened without rules (-want +got):\n%s", diff)
		}
	})
}
