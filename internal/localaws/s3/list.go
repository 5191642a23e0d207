package s3

import (
	"context"
	"encoding/base64"
	"encoding/xml"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/messageai/sluice/internal/localaws/iam"
	"github.com/messageai/sluice/internal/localaws/meter"
	"github.com/messageai/sluice/internal/localaws/wire"
)

const maxListed = 1000

// ObjectInfo is an object as listings show it.
type ObjectInfo struct {
	Key      string
	Size     int64 // bytes
	ETag     string
	Modified time.Time
}

// List returns one page of up to 1,000 objects whose keys start with prefix,
// ordered by the bytes of their keys, for a caller in this process. token is ""
// or the next of the page before; next is "" after the last page.
func (s *Service) List(_ context.Context, principal *iam.Principal, bucketName, prefix, token string) (objects []ObjectInfo, next string, err error) {
	p, err := s.list(principal, bucketName, listing{prefix: prefix, token: token, limit: maxListed})
	return p.objects, p.next, err
}

// listing is what to list.
type listing struct {
	prefix, delimiter, token, startAfter string
	limit                                int
}

// page is what was found; next is a token.
type page struct {
	objects  []ObjectInfo
	prefixes []string
	next     string
}

func (s *Service) list(p *iam.Principal, bucketName string, l listing) (page, error) {
	if err := authorize(p, "s3:ListBucket", bucketARN(bucketName)); err != nil {
		return page{}, err
	}
	s.opts.Meter.Add(meter.S3Writes, 1) // LIST is billed with the writes
	b, err := s.bucket(bucketName)
	if err != nil {
		return page{}, err
	}
	from := l.prefix
	if l.startAfter != "" {
		from = max(from, l.startAfter+"\x00")
	}
	if l.token != "" {
		raw, err := base64.URLEncoding.DecodeString(l.token)
		if err != nil {
			return page{}, wire.Errorf(http.StatusBadRequest, "InvalidArgument", "The continuation token provided is incorrect")
		}
		from = max(l.prefix, string(raw))
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.list(l, from), nil
}

// list collects a page from the first key that is not below from. A token is
// the place to go on from, so a common prefix is passed over as one step.
func (b *bucket) list(l listing, from string) page {
	var out page
	for {
		key, ok := b.keys.next(from)
		if !ok || !strings.HasPrefix(key, l.prefix) {
			return out
		}
		if len(out.objects)+len(out.prefixes) == l.limit {
			if l.limit > 0 {
				out.next = base64.URLEncoding.EncodeToString([]byte(from))
			}
			return out
		}
		if l.delimiter != "" {
			if i := strings.Index(key[len(l.prefix):], l.delimiter); i >= 0 {
				common := key[:len(l.prefix)+i+len(l.delimiter)]
				out.prefixes = append(out.prefixes, common)
				if from, ok = successor(common); !ok {
					return out
				}
				continue
			}
		}
		o := b.objects[key]
		out.objects = append(out.objects, ObjectInfo{Key: key, Size: o.Size, ETag: o.ETag, Modified: o.modified()})
		from = key + "\x00"
	}
}

// successor returns the least string above all that start with prefix; there
// is none if prefix is all 0xFF.
func successor(prefix string) (string, bool) {
	b := []byte(prefix)
	for len(b) > 0 && b[len(b)-1] == 0xff {
		b = b[:len(b)-1]
	}
	if len(b) == 0 {
		return "", false
	}
	b[len(b)-1]++
	return string(b), true
}

func (s *Service) listObjects(w http.ResponseWriter, r *request) error {
	q := r.URL.Query()
	l := listing{
		prefix: q.Get("prefix"), delimiter: q.Get("delimiter"), token: q.Get("continuation-token"),
		startAfter: q.Get("start-after"), limit: maxListed,
	}
	if text := q.Get("max-keys"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return wire.Errorf(http.StatusBadRequest, "InvalidArgument", "Provided max-keys not an integer or within integer range")
		}
		l.limit = min(n, maxListed)
	}
	p, err := s.list(r.principal, r.bucket, l)
	if err != nil {
		return err
	}
	encode := func(text string) string { return text }
	if q.Get("encoding-type") == "url" {
		encode = func(text string) string { return strings.ReplaceAll(url.QueryEscape(text), "%2F", "/") }
	}
	type entry struct {
		Key          string
		LastModified string
		ETag         string
		Size         int64
		StorageClass string
	}
	type common struct{ Prefix string }
	out := struct {
		XMLName               xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListBucketResult"`
		Name                  string
		Prefix                string
		Delimiter             string `xml:",omitempty"`
		StartAfter            string `xml:",omitempty"`
		EncodingType          string `xml:",omitempty"`
		ContinuationToken     string `xml:",omitempty"`
		NextContinuationToken string `xml:",omitempty"`
		MaxKeys               int
		KeyCount              int
		IsTruncated           bool
		Contents              []entry
		CommonPrefixes        []common
	}{
		Name: r.bucket, Prefix: encode(l.prefix), Delimiter: encode(l.delimiter), StartAfter: encode(l.startAfter), EncodingType: q.Get("encoding-type"),
		ContinuationToken: l.token, NextContinuationToken: p.next, MaxKeys: l.limit, KeyCount: len(p.objects) + len(p.prefixes), IsTruncated: p.next != "",
	}
	for _, o := range p.objects {
		out.Contents = append(out.Contents, entry{encode(o.Key), timestamp(o.Modified), quoted(o.ETag), o.Size, "STANDARD"})
	}
	for _, prefix := range p.prefixes {
		out.CommonPrefixes = append(out.CommonPrefixes, common{encode(prefix)})
	}
	return writeXML(w, http.StatusOK, out)
}
