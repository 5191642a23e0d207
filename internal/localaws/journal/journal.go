// Package journal is the local stack's memory across a killed process: one
// append-only file of JSON lines. A service appends what it changed before it
// answers, so whatever a client saw happen is there after a restart; the last
// line may be torn by the kill and is then ignored, as an unanswered request.
//
// There is no fsync: the file guards against a killed process, not against a
// power cut.
package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
)

// Journal is an open journal. The nil journal remembers nothing, so that
// callers append without asking.
type Journal struct {
	mu   sync.Mutex
	file *os.File
	err  error // first failed write; reported by Close and by every Append after it
	past map[string][]json.RawMessage
}

type line struct {
	Service string          `json:"s"`
	Record  json.RawMessage `json:"r"`
}

// Open opens the journal at path, creating it if need be, and reads what an
// earlier process left there. It is an error if any line but the last is broken.
func Open(path string) (*Journal, error) {
	past := map[string][]json.RawMessage{}
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	keep := 0
	for rest := data; len(rest) > 0; {
		i := bytes.IndexByte(rest, '\n')
		if i < 0 {
			break // torn by a kill
		}
		var l line
		if err := json.Unmarshal(rest[:i], &l); err != nil {
			return nil, fmt.Errorf("open journal: record at byte %d is damaged; remove the state folder to start anew", keep)
		}
		past[l.Service] = append(past[l.Service], l.Record)
		keep += i + 1
		rest = rest[i+1:]
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	if err := file.Truncate(int64(keep)); err != nil {
		return nil, errors.Join(fmt.Errorf("open journal: %w", err), file.Close())
	}
	if _, err := file.Seek(int64(keep), 0); err != nil {
		return nil, errors.Join(fmt.Errorf("open journal: %w", err), file.Close())
	}
	return &Journal{file: file, past: past}, nil
}

// Past returns the records that service appended in earlier processes, oldest
// first, and forgets them.
func (j *Journal) Past(service string) []json.RawMessage {
	if j == nil {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	records := j.past[service]
	delete(j.past, service)
	return records
}

// Append writes one record of a service. It must be called before the change
// is acknowledged; a service holds its own lock meanwhile, so that the order
// in the file is the order of the changes.
func (j *Journal) Append(service string, record any) error {
	if j == nil {
		return nil
	}
	raw, err := json.Marshal(record)
	if err != nil {
		return fmt.Errorf("append to journal: %w", err)
	}
	entry, err := json.Marshal(line{Service: service, Record: raw})
	if err != nil {
		return fmt.Errorf("append to journal: %w", err)
	}
	entry = append(entry, '\n')
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err != nil {
		return j.err
	}
	if _, err := j.file.Write(entry); err != nil {
		j.err = fmt.Errorf("append to journal: %w", err)
	}
	return j.err
}

// Close closes the file.
func (j *Journal) Close() error {
	if j == nil {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return errors.Join(j.err, j.file.Close())
}
