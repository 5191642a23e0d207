package s3

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"
)

const journalName = "s3"

// The kinds of journal records.
const (
	recordBucket  = "bucket"
	recordPut     = "put"
	recordDeleted = "deleted"
)

// record is one change, as the journal keeps it.
type record struct {
	Kind   string   `json:"t"`
	Bucket string   `json:"b"`
	At     int64    `json:"at,omitempty"` // Unix nanoseconds
	Object *object  `json:"o,omitempty"`
	Keys   []string `json:"k,omitempty"`
}

func (s *Service) append(r record) error { return s.opts.Journal.Append(journalName, r) }

func (s *Service) replay(past []json.RawMessage) error {
	for _, raw := range past {
		var r record
		if err := json.Unmarshal(raw, &r); err != nil {
			return fmt.Errorf("replay s3 journal: %w", err)
		}
		b := s.buckets[r.Bucket]
		switch {
		case r.Kind == recordBucket:
			s.buckets[r.Bucket] = newBucket(r.Bucket, time.Unix(0, r.At))
		case b == nil:
			return fmt.Errorf("replay s3 journal: record of kind %q for a bucket that does not exist", r.Kind)
		case r.Kind == recordPut && r.Object != nil:
			b.put(r.Object)
		case r.Kind == recordDeleted:
			for _, key := range r.Keys {
				b.remove(key)
			}
		default:
			return fmt.Errorf("replay s3 journal: unknown record kind %q", r.Kind)
		}
	}
	return nil
}

// sweep removes files of objects that no bucket has: those a killed process
// had written without recording them, or replaced without removing them. It
// touches only files whose path is of the form that save writes.
func (s *Service) sweep() error {
	if s.opts.Dir == "" {
		return nil
	}
	used := map[string]bool{}
	for _, b := range s.buckets {
		for _, o := range b.objects {
			used[o.File] = true
		}
	}
	for name := range s.buckets {
		err := filepath.WalkDir(filepath.Join(s.opts.Dir, name), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			file, err := filepath.Rel(s.opts.Dir, path)
			if err != nil {
				return err
			}
			id := filepath.Base(file)
			if !isUUID(id) || file != filepath.Join(name, id[:2], id) || used[file] {
				return nil
			}
			return os.Remove(path)
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("sweep s3 folder: %w", err)
		}
	}
	return nil
}

func isUUID(s string) bool { return uuid.Validate(s) == nil }
