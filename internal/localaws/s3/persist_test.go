package s3_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/localaws/journal"
	"github.com/messageai/sluice/internal/localaws/s3"
)

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
