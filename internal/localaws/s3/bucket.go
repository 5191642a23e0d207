package s3

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
)

// bucket is one bucket; mu guards all but name and created. An object is never changed
// once it is there, only replaced.
type bucket struct {
	name    string
	created time.Time

	mu      sync.RWMutex
	objects map[string]*object
	keys    index
	rules   []Rule
	tidied  int64 // day since 1970 on which what had expired was removed last
}

func newBucket(name string, created time.Time) *bucket {
	return &bucket{name: name, created: created, objects: map[string]*object{}}
}

// object is one object; its exported fields are what the journal keeps.
type object struct {
	Key       string            `json:"k"`
	Size      int64             `json:"n"`
	ETag      string            `json:"e"` // hex MD5, without quotes
	Algorithm string            `json:"ca,omitempty"`
	Checksum  string            `json:"c,omitempty"` // base64
	Headers   map[string]string `json:"h,omitempty"` // Content-Type, x-amz-meta-... to answer with
	Modified  int64             `json:"t"`           // Unix nanoseconds
	File      string            `json:"f,omitempty"` // path below Options.Dir

	body []byte // without Options.Dir
}

func (o *object) modified() time.Time { return time.Unix(0, o.Modified) }

// content is what can be read of an object at any offset.
type content interface {
	io.ReaderAt
	io.Closer
}

type inMemory struct{ *bytes.Reader }

func (inMemory) Close() error { return nil }

// open finds an object and opens its bytes; nil if there is no such key. The
// bytes stay readable when the object is replaced meanwhile.
func (s *Service) open(b *bucket, key string) (*object, content, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	o, ok := b.objects[key]
	if !ok {
		return nil, nil, nil
	}
	if o.File == "" {
		return o, inMemory{bytes.NewReader(o.body)}, nil
	}
	f, err := os.Open(filepath.Join(s.opts.Dir, o.File))
	if err != nil {
		return nil, nil, fmt.Errorf("open object: %w", err)
	}
	return o, f, nil
}

// save writes body to where objects are kept and notes size, file or bytes in
// o. The file's name is new each time, so nothing refers to a torn one.
func (s *Service) save(o *object, bucketName string, body io.Reader, sums ...hash.Hash) (err error) {
	writers := make([]io.Writer, 0, len(sums)+1)
	for _, h := range sums {
		writers = append(writers, h)
	}
	if s.opts.Dir == "" {
		var buf bytes.Buffer
		if o.Size, err = io.Copy(io.MultiWriter(append(writers, &buf)...), body); err != nil {
			return errBody(err)
		}
		o.body = buf.Bytes()
		return nil
	}
	id := uuid.NewString()
	o.File = filepath.Join(bucketName, id[:2], id)
	path := filepath.Join(s.opts.Dir, o.File)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("write object: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("write object: %w", err)
	}
	o.Size, err = io.Copy(io.MultiWriter(append(writers, f)...), body)
	if err != nil {
		err = errBody(err)
	}
	if cerr := f.Close(); err == nil && cerr != nil {
		err = fmt.Errorf("write object: %w", cerr)
	}
	if err != nil {
		s.discard(o)
	}
	return err
}

// discard removes the bytes of an object that nothing refers to. What cannot
// be removed now is swept when the service starts again.
func (s *Service) discard(o *object) {
	if o != nil && o.File != "" {
		_ = os.Remove(filepath.Join(s.opts.Dir, o.File))
	}
}

// commit puts a saved object in its place if allowed, which is asked about the
// object that is there (nil for none), has no objection.
func (s *Service) commit(b *bucket, o *object, allowed func(existing *object) error) error {
	b.mu.Lock()
	existing := b.objects[o.Key]
	err := allowed(existing)
	if err == nil {
		err = s.append(record{Kind: recordPut, Bucket: b.name, Object: o})
	}
	if err == nil {
		b.put(o)
	}
	b.mu.Unlock()
	if err != nil {
		s.discard(o)
		return err
	}
	s.discard(existing)
	return nil
}

func (b *bucket) put(o *object) {
	if _, ok := b.objects[o.Key]; !ok {
		b.keys.insert(o.Key)
	}
	b.objects[o.Key] = o
}

// erase deletes the objects with these keys; keys that are not there are passed over.
func (s *Service) erase(b *bucket, keys []string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return s.eraseLocked(b, keys)
}

func (s *Service) eraseLocked(b *bucket, keys []string) error {
	keys = slices.DeleteFunc(slices.Clone(keys), func(key string) bool { return b.objects[key] == nil })
	if len(keys) == 0 {
		return nil
	}
	if err := s.append(record{Kind: recordDeleted, Bucket: b.name, Keys: keys}); err != nil {
		return err
	}
	for _, key := range keys {
		s.discard(b.objects[key])
		b.remove(key)
	}
	return nil
}

func (b *bucket) remove(key string) {
	if b.objects[key] != nil {
		b.keys.remove(key)
		delete(b.objects, key)
	}
}

func hexSum(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }
