// Package s3 is Amazon S3 on this machine: buckets and objects with conditional
// writes, checksums, ranges and ordered listing.
//
// The REST protocol, path style and virtual-hosted style, comes in through
// [Service.ServeHTTP]; Step Functions, which lives in the same process, calls
// [Service.Get], [Service.Put] and [Service.List]. With a folder, each object
// is a file in it and the journal has the names; without one, objects are in
// memory. Objects that a rule of [Service.SetLifecycle] lets expire are removed.
//
// It imports its siblings wire, iam, meter and journal. It is not for
// versioning, multipart uploads, copies, access control lists or bucket
// policies; asking for those is an error that names what was asked for.
package s3

import (
	"cmp"
	"encoding/xml"
	"errors"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/messageai/sluice/internal/localaws/iam"
	"github.com/messageai/sluice/internal/localaws/journal"
	"github.com/messageai/sluice/internal/localaws/meter"
	"github.com/messageai/sluice/internal/localaws/wire"
)

// Options configures a [Service].
type Options struct {
	Region  string
	Account string
	Meter   *meter.Meter     // nil counts nothing
	Journal *journal.Journal // nil remembers nothing; a journal needs Dir
	Dir     string           // folder for the objects' bytes, made if absent; "" keeps them in memory
}

// Service is the buckets of one account. Its methods may be called from many
// goroutines.
type Service struct {
	opts    Options
	mu      sync.RWMutex // guards buckets; taken before a bucket's lock
	buckets map[string]*bucket
}

// New returns the service with what its journal and folder remember.
func New(opts Options) (*Service, error) {
	if opts.Journal != nil && opts.Dir == "" {
		return nil, errors.New("s3: a journal without Options.Dir would remember objects without their bytes; name a folder")
	}
	s := &Service{opts: opts, buckets: map[string]*bucket{}}
	if err := s.replay(opts.Journal.Past(journalName)); err != nil {
		return nil, err
	}
	return s, s.sweep()
}

// request is an HTTP request and what it is about.
type request struct {
	*http.Request
	principal *iam.Principal
	id        string
	bucket    string
	key       string
}

// ServeHTTP answers one request; the caller is the [wire.Call] in its context.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	call := wire.FromContext(r.Context())
	req := &request{Request: r, principal: call.Principal, id: call.RequestID}
	req.bucket, req.key = target(r)
	if r.Body == nil {
		r.Body = http.NoBody
	}
	w.Header().Set("X-Amz-Request-Id", call.RequestID)
	if err := s.route(w, req); err != nil {
		writeError(w, req, err)
	}
}

// target returns the bucket and key that a request names by host and path.
func target(r *http.Request) (bucket, key string) {
	path := strings.TrimPrefix(r.URL.Path, "/")
	host := cmp.Or(r.Host, r.URL.Host)
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if name, ok := strings.CutSuffix(host, ".localhost"); ok {
		return name, path
	}
	if strings.HasSuffix(host, ".amazonaws.com") {
		for _, service := range []string{".s3.", ".s3-"} {
			if i := strings.LastIndex(host, service); i > 0 {
				return host[:i], path
			}
		}
	}
	bucket, key, _ = strings.Cut(path, "/")
	return bucket, key
}

// known are the query parameters that select or refine an available operation.
func known(parameter string) bool {
	switch parameter {
	case "x-id", "list-type", "prefix", "delimiter", "max-keys", "continuation-token", "start-after", "encoding-type", "fetch-owner", "delete":
		return true
	}
	return strings.HasPrefix(parameter, "X-Amz-") // a presigned URL
}

func (s *Service) route(w http.ResponseWriter, r *request) error {
	query := r.URL.Query()
	for parameter := range query {
		if !known(parameter) {
			return notImplemented(r.Method + " with ?" + parameter)
		}
	}
	if r.bucket == "" {
		if r.Method == http.MethodGet {
			return s.listBuckets(w, r)
		}
		return notImplemented(r.Method + " without a bucket")
	}
	if r.key == "" {
		switch {
		case r.Method == http.MethodPut:
			return s.createBucket(w, r)
		case r.Method == http.MethodHead:
			return s.headBucket(w, r)
		case r.Method == http.MethodGet && query.Get("list-type") == "2":
			return s.listObjects(w, r)
		case r.Method == http.MethodPost && query.Has("delete"):
			return s.deleteObjects(w, r)
		}
		return notImplemented(r.Method + " on a bucket")
	}
	switch r.Method {
	case http.MethodPut:
		return s.putObject(w, r)
	case http.MethodGet, http.MethodHead:
		return s.getObject(w, r)
	case http.MethodDelete:
		return s.deleteObject(w, r)
	}
	return notImplemented(r.Method + " on an object")
}

// CreateBucket makes a bucket, as the account's root. One that exists is no
// error.
func (s *Service) CreateBucket(name string) error {
	_, err := s.makeBucket(name)
	return err
}

func (s *Service) makeBucket(name string) (made bool, err error) {
	legal := strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-.") == ""
	if len(name) < 3 || len(name) > 63 || !legal || strings.Trim(name, "-.") != name || strings.Contains(name, "..") {
		return false, wire.Errorf(http.StatusBadRequest, "InvalidBucketName", "The specified bucket is not valid.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.buckets[name] != nil {
		return false, nil
	}
	now := time.Now()
	if err := s.append(record{Kind: recordBucket, Bucket: name, At: now.UnixNano()}); err != nil {
		return false, err
	}
	s.buckets[name] = newBucket(name, now)
	return true, nil
}

func (s *Service) createBucket(w http.ResponseWriter, r *request) error {
	if err := authorize(r.principal, "s3:CreateBucket", bucketARN(r.bucket)); err != nil {
		return err
	}
	s.opts.Meter.Add(meter.S3Writes, 1)
	made, err := s.makeBucket(r.bucket)
	if err != nil {
		return err
	}
	if !made && s.opts.Region != "us-east-1" { // us-east-1 answers 200, says the reference of CreateBucket
		return wire.Errorf(http.StatusConflict, "BucketAlreadyOwnedByYou", "Your previous request to create the named bucket succeeded and you already own it.")
	}
	w.Header().Set("Location", "/"+r.bucket)
	w.WriteHeader(http.StatusOK)
	return nil
}

func (s *Service) headBucket(w http.ResponseWriter, r *request) error {
	if err := authorize(r.principal, "s3:ListBucket", bucketARN(r.bucket)); err != nil {
		return err
	}
	s.opts.Meter.Add(meter.S3Reads, 1)
	if _, err := s.bucket(r.bucket); err != nil {
		return err
	}
	w.Header().Set("X-Amz-Bucket-Region", s.opts.Region)
	w.WriteHeader(http.StatusOK)
	return nil
}

func (s *Service) listBuckets(w http.ResponseWriter, r *request) error {
	if err := authorize(r.principal, "s3:ListAllMyBuckets", "*"); err != nil {
		return err
	}
	s.opts.Meter.Add(meter.S3Writes, 1)
	type entry struct{ Name, CreationDate string }
	out := struct {
		XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListAllMyBucketsResult"`
		Buckets []entry  `xml:"Buckets>Bucket"`
	}{}
	s.mu.RLock()
	for _, name := range slices.Sorted(maps.Keys(s.buckets)) {
		out.Buckets = append(out.Buckets, entry{name, timestamp(s.buckets[name].created)})
	}
	s.mu.RUnlock()
	return writeXML(w, http.StatusOK, out)
}

// bucket returns a bucket without what has expired in it, or NoSuchBucket.
func (s *Service) bucket(name string) (*bucket, error) {
	s.mu.RLock()
	b, ok := s.buckets[name]
	s.mu.RUnlock()
	if ok {
		return b, s.tidy(b)
	}
	return nil, wire.Errorf(http.StatusNotFound, "NoSuchBucket", "The specified bucket does not exist")
}
