package store

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"sync"
)

// What is stored is compressed, since DynamoDB bills by the kilobyte. Compressors
// are large and expensive to make, so all stores of a process share theirs.
var (
	packers   = sync.Pool{New: func() any { return must(flate.NewWriter(io.Discard, flate.BestSpeed)) }}
	unpackers = sync.Pool{New: func() any { return &unpacker{flate: flate.NewReader(bytes.NewReader(nil))} }}
)

// must is for an error that only an unknown level of compression causes.
func must(w *flate.Writer, err error) *flate.Writer {
	if err != nil {
		panic(err)
	}
	return w
}

// unpacker is a decompressor and the space for what it unpacks.
type unpacker struct {
	flate io.ReadCloser
	out   bytes.Buffer
}

// pack compresses what fill writes; fill must not wait for anything.
func pack(fill func(io.Writer) error) ([]byte, error) {
	w := packers.Get().(*flate.Writer)
	defer packers.Put(w)
	var out bytes.Buffer
	w.Reset(&out)
	if err := fill(w); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// smallPack is up to what size a value is not worth compressing: DynamoDB bills
// it as one kilobyte either way, with room for its key, its seal and what stands
// beside it.
const smallPack = 600

// packSmall is pack for a value that is there already, mostly a small one. That
// is put into a stored block, which every reader of compressed values reads.
func packSmall(plain []byte) ([]byte, error) {
	if n := len(plain); n <= smallPack {
		const final = 1 // the last block, of the kind that is stored
		return append([]byte{final, byte(n), byte(n >> 8), ^byte(n), ^byte(n >> 8)}, plain...), nil
	}
	return pack(func(w io.Writer) error {
		_, err := w.Write(plain)
		return err
	})
}

// unpack lets read see what pack compressed; the bytes are only lent. More
// than limit bytes are an error.
func unpack(packed []byte, limit int64, read func([]byte) error) error {
	u := unpackers.Get().(*unpacker)
	defer unpackers.Put(u)
	u.out.Reset()
	u.out.Grow(int(min(8*int64(len(packed)), limit))) // what rows mostly need; more is no error
	if err := u.flate.(flate.Resetter).Reset(bytes.NewReader(packed), nil); err != nil {
		return err
	}
	n, err := u.out.ReadFrom(io.LimitReader(u.flate, limit+1))
	if err != nil {
		return err
	}
	if n > limit {
		return errors.New("the unpacked value is too large")
	}
	return read(u.out.Bytes())
}
