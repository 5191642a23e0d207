package s3

import (
	"bufio"
	"crypto/md5" //nolint:gosec // the ETag and Content-MD5 are defined as MD5
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/messageai/sluice/internal/localaws/wire"
)

const checksumPrefix = "X-Amz-Checksum-"

// nvme is the CRC-64/NVME polynomial's table, reversed as Go wants it.
var nvme = crc64.MakeTable(0x9a6c9329ac4bc9b5)

// newSum returns the hash for a checksum algorithm in lower case.
func newSum(algorithm string) (hash.Hash, error) {
	switch algorithm {
	case "crc32":
		return crc32.NewIEEE(), nil
	case "crc32c":
		return crc32.New(crc32.MakeTable(crc32.Castagnoli)), nil
	case "crc64nvme":
		return crc64.New(nvme), nil
	case "sha256":
		return sha256.New(), nil
	}
	return nil, wire.Errorf(http.StatusBadRequest, "InvalidRequest", "The checksum algorithm %q is not available on this machine; use CRC32, CRC32C, CRC64NVME or SHA256.", algorithm)
}

// received is a request body on its way in: decoded, and with the checksums
// that the request announces to compare it with.
type received struct {
	io.Reader
	header    http.Header
	chunks    *chunkReader // nil if the body is not aws-chunked
	algorithm string       // lower case
	sum       hash.Hash
	md5       hash.Hash
	length    int64 // announced, -1 if not
}

// receive looks at a request's headers. Without a checksum S3 computes a
// CRC-64/NVME itself (user guide, checking object integrity).
func receive(r *http.Request) (*received, error) {
	in := &received{Reader: r.Body, header: r.Header, length: r.ContentLength, md5: md5.New()} //nolint:gosec // see the import
	in.algorithm = strings.ToLower(r.Header.Get("X-Amz-Sdk-Checksum-Algorithm"))
	if trailer, ok := strings.CutPrefix(strings.ToLower(r.Header.Get("X-Amz-Trailer")), "x-amz-checksum-"); ok {
		in.algorithm = trailer
	}
	for name := range r.Header {
		if algorithm, ok := strings.CutPrefix(name, checksumPrefix); ok && algorithm != "Mode" && algorithm != "Type" {
			in.algorithm = strings.ToLower(algorithm)
		}
	}
	if in.algorithm == "" {
		in.algorithm = "crc64nvme"
	}
	var err error
	if in.sum, err = newSum(in.algorithm); err != nil {
		return nil, err
	}
	if strings.HasPrefix(r.Header.Get("X-Amz-Content-Sha256"), "STREAMING-") {
		in.chunks = &chunkReader{r: bufio.NewReader(r.Body), trailers: http.Header{}}
		in.Reader, in.length = in.chunks, -1
		if n, err := strconv.ParseInt(r.Header.Get("X-Amz-Decoded-Content-Length"), 10, 64); err == nil {
			in.length = n
		}
	}
	return in, nil
}

// verify compares a body of size bytes, read to its end, with what was
// announced, and returns its checksum in base64.
func (in *received) verify(size int64) (string, error) {
	if in.length >= 0 && size != in.length {
		return "", errIncomplete()
	}
	sum := base64.StdEncoding.EncodeToString(in.sum.Sum(nil))
	announced := in.header.Get(checksumPrefix + in.algorithm)
	if in.chunks != nil && announced == "" {
		announced = in.chunks.trailers.Get(checksumPrefix + in.algorithm)
	}
	if announced != "" && announced != sum {
		if raw, err := base64.StdEncoding.DecodeString(announced); err != nil || len(raw) != in.sum.Size() {
			return "", wire.Errorf(http.StatusBadRequest, "InvalidRequest", "Value for x-amz-checksum-%s header is invalid.", in.algorithm)
		}
		return "", wire.Errorf(http.StatusBadRequest, "BadDigest", "The %s you specified did not match the calculated checksum.", strings.ToUpper(in.algorithm))
	}
	if want := in.header.Get("Content-Md5"); want != "" && want != base64.StdEncoding.EncodeToString(in.md5.Sum(nil)) {
		if raw, err := base64.StdEncoding.DecodeString(want); err != nil || len(raw) != in.md5.Size() {
			return "", wire.Errorf(http.StatusBadRequest, "InvalidDigest", "The Content-MD5 you specified was invalid.")
		}
		return "", wire.Errorf(http.StatusBadRequest, "BadDigest", "The Content-MD5 you specified did not match what we received.")
	}
	return sum, nil
}

func errIncomplete() error {
	return wire.Errorf(http.StatusBadRequest, "IncompleteBody", "You did not provide the number of bytes specified by the Content-Length HTTP header.")
}

// errBody is the error for a body that could not be taken in.
func errBody(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return errIncomplete()
	}
	return err
}

// chunkReader decodes the aws-chunked content encoding: each chunk is its
// length in hex, perhaps a signature, its bytes; after an empty chunk come
// trailers. Signatures are not checked.
type chunkReader struct {
	r        *bufio.Reader
	left     int64 // of the current chunk
	started  bool
	ended    bool
	trailers http.Header
}

func (c *chunkReader) Read(p []byte) (int, error) {
	if c.ended {
		return 0, io.EOF
	}
	if c.left == 0 {
		if err := c.nextChunk(); err != nil {
			return 0, err
		}
		if c.ended {
			return 0, io.EOF
		}
	}
	n, err := c.r.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF // the empty chunk has not come
	}
	return n, err
}

func (c *chunkReader) nextChunk() error {
	if c.started {
		if line, err := c.line(); err != nil || line != "" {
			return errors.Join(err, errChunk())
		}
	}
	c.started = true
	line, err := c.line()
	if err != nil {
		return err
	}
	size, _, _ := strings.Cut(line, ";")
	if c.left, err = strconv.ParseInt(size, 16, 64); err != nil || c.left < 0 {
		return errChunk()
	}
	if c.left > 0 {
		return nil
	}
	c.ended = true
	for {
		line, err := c.line()
		if err != nil {
			return err
		}
		if line == "" {
			return nil
		}
		name, value, _ := strings.Cut(line, ":")
		c.trailers.Set(strings.TrimSpace(name), strings.TrimSpace(value))
	}
}

// line reads up to a line end, which it removes.
func (c *chunkReader) line() (string, error) {
	raw, err := c.r.ReadSlice('\n')
	if errors.Is(err, io.EOF) {
		return "", io.ErrUnexpectedEOF
	}
	if err != nil {
		return "", errChunk()
	}
	return strings.TrimRight(string(raw), "\r\n"), nil
}

func errChunk() error {
	return wire.Errorf(http.StatusBadRequest, "InvalidRequest", "The aws-chunked body is malformed.")
}
