package store

import (
	"bytes"
	"compress/flate"
	"io"
	"sync"
)

// packer compresses what is stored: DynamoDB bills by the kilobyte. Compressors
// are large, so they are used again.
type packer struct{ writers sync.Pool }

func newPacker() *packer {
	return &packer{writers: sync.Pool{New: func() any {
		w, err := flate.NewWriter(nil, flate.BestSpeed)
		if err != nil {
			panic(err) // only an invalid level fails
		}
		return w
	}}}
}

// pack compresses what fill writes.
func (p *packer) pack(fill func(io.Writer) error) ([]byte, error) {
	var out bytes.Buffer
	w := p.writers.Get().(*flate.Writer)
	defer p.writers.Put(w)
	w.Reset(&out)
	if err := fill(w); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// unpack reads what pack wrote, up to limit bytes.
func unpack(packed []byte, limit int64) io.Reader {
	return io.LimitReader(flate.NewReader(bytes.NewReader(packed)), limit)
}
