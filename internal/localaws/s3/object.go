package s3

import (
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/messageai/sluice/internal/localaws/iam"
	"github.com/messageai/sluice/internal/localaws/meter"
	"github.com/messageai/sluice/internal/localaws/wire"
)

const (
	maxKeyBytes    = 1024
	maxDeletedKeys = 1000
	maxDeleteBody  = 2 << 20
)

// Put stores an object for a caller in this process, as PutObject does,
// replacing one that is there. Errors are [*wire.Error] with S3's codes.
func (s *Service) Put(_ context.Context, principal *iam.Principal, bucketName, key string, body []byte) error {
	r := &http.Request{Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body))}
	_, err := s.put(&request{Request: r, principal: principal, bucket: bucketName, key: key})
	return err
}

// Get returns an object's bytes for a caller in this process. Errors are
// [*wire.Error] with S3's codes.
func (s *Service) Get(_ context.Context, principal *iam.Principal, bucketName, key string) ([]byte, error) {
	o, body, err := s.find(principal, bucketName, key)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	out := make([]byte, o.Size)
	if _, err := io.ReadFull(io.NewSectionReader(body, 0, o.Size), out); err != nil {
		return nil, fmt.Errorf("read object: %w", err)
	}
	return out, nil
}

func (s *Service) putObject(w http.ResponseWriter, r *request) error {
	o, err := s.put(r)
	if err != nil {
		return err
	}
	w.Header().Set("ETag", quoted(o.ETag))
	o.writeChecksum(w.Header())
	w.WriteHeader(http.StatusOK)
	return nil
}

func (s *Service) put(r *request) (*object, error) {
	if err := authorize(r.principal, "s3:PutObject", objectARN(r.bucket, r.key)); err != nil {
		return nil, err
	}
	s.opts.Meter.Add(meter.S3Writes, 1)
	if r.Header.Get("X-Amz-Copy-Source") != "" {
		return nil, notImplemented("PUT with x-amz-copy-source")
	}
	if len(r.key) > maxKeyBytes {
		return nil, wire.Errorf(http.StatusBadRequest, "KeyTooLongError", "Your key is too long")
	}
	ifMatch, ifNoneMatch := r.Header.Get("If-Match"), r.Header.Get("If-None-Match")
	switch { // what S3 itself does not implement (recorded in February 2026)
	case ifNoneMatch != "" && ifNoneMatch != "*":
		return nil, notImplemented("PUT with If-None-Match other than *")
	case ifMatch == "*":
		return nil, notImplemented("PUT with If-Match: *")
	case ifMatch != "" && ifNoneMatch != "":
		return nil, notImplemented("PUT with If-Match and If-None-Match")
	}
	b, err := s.bucket(r.bucket)
	if err != nil {
		return nil, err
	}
	in, err := receive(r.Request)
	if err != nil {
		return nil, err
	}
	o := &object{Key: r.key, Headers: storedHeaders(r.Header), Algorithm: in.algorithm}
	if err := s.save(o, b.name, in, in.md5, in.sum); err != nil {
		return nil, err
	}
	if o.Checksum, err = in.verify(o.Size); err != nil {
		s.discard(o)
		return nil, err
	}
	o.ETag, o.Modified = hexSum(in.md5), time.Now().UnixNano()
	return o, s.commit(b, o, func(existing *object) error {
		switch {
		case ifNoneMatch != "" && existing != nil:
			return errPrecondition("If-None-Match")
		case ifMatch != "" && existing == nil:
			return wire.Errorf(http.StatusNotFound, "NoSuchKey", "The specified key does not exist.")
		case ifMatch != "" && !matches(ifMatch, existing.ETag):
			return errPrecondition("If-Match")
		}
		return nil
	})
}

// storedHeaders returns what an object's readers get back of the writer's
// headers, with names in canonical form.
func storedHeaders(h http.Header) map[string]string {
	stored := map[string]string{"Content-Type": "binary/octet-stream"}
	for name, values := range h {
		switch name {
		case "Content-Type", "Cache-Control", "Content-Disposition", "Content-Language", "Expires":
			stored[name] = values[0]
		case "Content-Encoding":
			encoding := strings.Trim(strings.TrimPrefix(values[0], "aws-chunked"), ", ")
			if encoding != "" {
				stored[name] = encoding
			}
		default:
			if strings.HasPrefix(name, "X-Amz-Meta-") {
				stored[name] = strings.Join(values, ",")
			}
		}
	}
	return stored
}

// find authorises and meters a read and opens the object.
func (s *Service) find(p *iam.Principal, bucketName, key string) (*object, content, error) {
	if err := authorize(p, "s3:GetObject", objectARN(bucketName, key)); err != nil {
		return nil, nil, err
	}
	s.opts.Meter.Add(meter.S3Reads, 1)
	b, err := s.bucket(bucketName)
	if err != nil {
		return nil, nil, err
	}
	o, body, err := s.open(b, key)
	if err == nil && o == nil {
		err = errNoKey(p, bucketName)
	}
	return o, body, err
}

// getObject answers GetObject and HeadObject.
func (s *Service) getObject(w http.ResponseWriter, r *request) error {
	o, body, err := s.find(r.principal, r.bucket, r.key)
	if err != nil {
		return err
	}
	defer body.Close()
	h := w.Header()
	h.Set("ETag", quoted(o.ETag))
	h.Set("Last-Modified", o.modified().UTC().Format(http.TimeFormat))
	if match := r.Header.Get("If-Match"); match != "" && !matches(match, o.ETag) {
		return errPrecondition("If-Match")
	}
	if match := r.Header.Get("If-None-Match"); match != "" && matches(match, o.ETag) {
		return wire.Errorf(http.StatusNotModified, "NotModified", "Not Modified")
	}
	span, err := parseRange(r.Header.Get("Range"), o.Size)
	if err != nil {
		return err
	}
	for name, value := range o.Headers {
		h.Set(name, value)
	}
	h.Set("Accept-Ranges", "bytes")
	h.Set("Content-Length", fmt.Sprint(span.length))
	status := http.StatusOK
	if span.partial {
		status = http.StatusPartialContent
		h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", span.start, span.start+span.length-1, o.Size))
	} else if strings.EqualFold(r.Header.Get("X-Amz-Checksum-Mode"), "ENABLED") {
		o.writeChecksum(h)
	}
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = io.CopyN(w, io.NewSectionReader(body, span.start, span.length), span.length) // a client that hung up is not our error
	}
	return nil
}

func (o *object) writeChecksum(h http.Header) {
	h.Set(checksumPrefix+o.Algorithm, o.Checksum)
	h.Set(checksumPrefix+"Type", "FULL_OBJECT")
}

func quoted(etag string) string { return `"` + etag + `"` }

// matches reports whether an If-Match or If-None-Match header names etag.
func matches(header, etag string) bool {
	for one := range strings.SplitSeq(header, ",") {
		if one = strings.TrimSpace(one); one == "*" || strings.Trim(one, `"`) == etag {
			return true
		}
	}
	return false
}

// span is the part of an object that a request wants.
type span struct {
	start, length int64
	partial       bool
}

// parseRange reads a Range header with one range. Like S3 it ignores what it
// cannot read, and more than one range.
func parseRange(header string, size int64) (span, error) {
	whole := span{length: size}
	first, last, ok := strings.Cut(strings.TrimPrefix(header, "bytes="), "-")
	if header == "" || !ok || !strings.HasPrefix(header, "bytes=") {
		return whole, nil
	}
	from, fromErr := parseOffset(first)
	to, toErr := parseOffset(last)
	switch {
	case fromErr != nil || toErr != nil || from < 0 && to < 0:
		return whole, nil
	case from < 0: // the last "to" bytes
		from, to = max(0, size-to), size-1
	case to < 0:
		to = size - 1
	case to < from:
		return whole, nil
	}
	to = min(to, size-1)
	if from > to {
		return span{}, wire.Errorf(http.StatusRequestedRangeNotSatisfiable, "InvalidRange", "The requested range is not satisfiable")
	}
	return span{start: from, length: to - from + 1, partial: true}, nil
}

func (s *Service) deleteObject(w http.ResponseWriter, r *request) error {
	if err := authorize(r.principal, "s3:DeleteObject", objectARN(r.bucket, r.key)); err != nil {
		return err
	}
	if r.Header.Get("If-Match") != "" {
		return notImplemented("DELETE with If-Match")
	}
	b, err := s.bucket(r.bucket)
	if err != nil {
		return err
	}
	if err := s.erase(b, []string{r.key}); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Service) deleteObjects(w http.ResponseWriter, r *request) error {
	in, err := receive(r.Request)
	if err != nil {
		return err
	}
	var body bytes.Buffer
	n, err := io.Copy(io.MultiWriter(&body, in.md5, in.sum), io.LimitReader(in, maxDeleteBody))
	if err != nil {
		return errBody(err)
	}
	if _, err := in.verify(n); err != nil {
		return err
	}
	type named struct{ Key string }
	var want struct {
		Quiet   bool
		Objects []named `xml:"Object"`
	}
	if err := xml.Unmarshal(body.Bytes(), &want); err != nil || len(want.Objects) == 0 || len(want.Objects) > maxDeletedKeys {
		return wire.Errorf(http.StatusBadRequest, "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")
	}
	b, err := s.bucket(r.bucket)
	if err != nil {
		return err
	}
	type refused struct{ Key, Code, Message string }
	out := struct {
		XMLName xml.Name  `xml:"http://s3.amazonaws.com/doc/2006-03-01/ DeleteResult"`
		Deleted []named   `xml:"Deleted"`
		Errors  []refused `xml:"Error"`
	}{}
	keys := make([]string, 0, len(want.Objects))
	for _, o := range want.Objects {
		if authorize(r.principal, "s3:DeleteObject", objectARN(r.bucket, o.Key)) != nil {
			out.Errors = append(out.Errors, refused{o.Key, "AccessDenied", "Access Denied"})
			continue
		}
		keys = append(keys, o.Key)
		if !want.Quiet {
			out.Deleted = append(out.Deleted, o)
		}
	}
	if err := s.erase(b, keys); err != nil {
		return err
	}
	return writeXML(w, http.StatusOK, out)
}

// parseOffset reads a byte offset; "" is -1.
func parseOffset(text string) (int64, error) {
	if text == "" {
		return -1, nil
	}
	n, err := strconv.ParseUint(text, 10, 62)
	return int64(n), err //nolint:gosec // at most 62 bits
}
