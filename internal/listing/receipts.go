package listing

import (
	"bufio"
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
)

// The receipts file is gzip, as any tool reads it: one member per batch of
// rows, each row a line of JSON. Every member carries in its header's extra field
// ("SL", RFC 1952 section 2.3.1.1) its own length and a hash of each id in it,
// so that one row is found by skipping from header to header, without
// inflating the file and without an index in memory.
const (
	headerFixed = 12 // gzip header up to and including the length of the extra field
	extraFixed  = 8  // "SL", length of the data, length of the member
	hashSize    = 8
	trailerSize = 8
)

// packer compresses batches. Each worker has its own.
type packer struct {
	lines bytes.Buffer
	enc   *json.Encoder
	flate *flate.Writer
	ids   []uint64
}

func newPacker() *packer {
	p := &packer{}
	p.enc = json.NewEncoder(&p.lines)
	p.enc.SetEscapeHTML(false)
	p.flate, _ = flate.NewWriter(io.Discard, flate.BestSpeed) // fails only for an unknown level
	return p
}

func (p *packer) add(row domain.Row) error {
	row.Prospect.Provenance = nil // the receipt's criteria carry it
	if err := p.enc.Encode(row); err != nil {
		return fmt.Errorf("write a receipt: %w", err)
	}
	p.ids = append(p.ids, idHash(row.Prospect.ID))
	return nil
}

func idHash(id string) uint64 {
	sum := sha256.Sum256([]byte(id))
	return binary.LittleEndian.Uint64(sum[:])
}

// member returns the rows added since the last call as one gzip member; nil if
// there are none.
func (p *packer) member() ([]byte, error) {
	if len(p.ids) == 0 {
		return nil, nil
	}
	var out bytes.Buffer
	extra := extraFixed + hashSize*len(p.ids)
	header := make([]byte, headerFixed+extra)
	copy(header, []byte{0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 4, 255}) // deflate, extra field, no time, fastest, any system
	binary.LittleEndian.PutUint16(header[10:], uint16(extra))  //nolint:gosec // G115: batches are far below 8,000 rows
	copy(header[12:], "SL")
	binary.LittleEndian.PutUint16(header[14:], uint16(extra-4)) //nolint:gosec // G115: as above
	for i, id := range p.ids {
		binary.LittleEndian.PutUint64(header[20+hashSize*i:], id)
	}
	out.Write(header)
	p.flate.Reset(&out)
	if _, err := p.flate.Write(p.lines.Bytes()); err != nil {
		return nil, fmt.Errorf("compress receipts: %w", err)
	}
	if err := p.flate.Close(); err != nil {
		return nil, fmt.Errorf("compress receipts: %w", err)
	}
	var trailer [trailerSize]byte
	binary.LittleEndian.PutUint32(trailer[:], crc32.ChecksumIEEE(p.lines.Bytes()))
	binary.LittleEndian.PutUint32(trailer[4:], uint32(p.lines.Len())) //nolint:gosec // G115: a batch is a few megabytes
	out.Write(trailer[:])
	member := out.Bytes()
	binary.LittleEndian.PutUint32(member[16:], uint32(len(member))) //nolint:gosec // G115: as above
	p.lines.Reset()
	p.ids = p.ids[:0]
	return member, nil
}

// Why returns the row with an id, with its receipt, from the receipts file of a
// run; the path may also be that of the leads file beside it. An id that is not
// there is a fault NotFound; a file that is none of ours, InvalidInput.
func Why(path, id string) (domain.Row, error) {
	if !strings.HasSuffix(path, receiptsEnding) {
		path = filesFor(path).Receipts
	}
	f, err := os.Open(path) //nolint:gosec // G304: the user names the file
	if errors.Is(err, os.ErrNotExist) {
		return domain.Row{}, fault.New(fault.NotFound, "listing.why", "there is no receipts file beside this list; run it again, or give the path of the receipts file")
	}
	if err != nil {
		return domain.Row{}, fmt.Errorf("open receipts: %w", err)
	}
	defer func() { _ = f.Close() }()
	want := idHash(id)
	for offset := int64(0); ; {
		length, ids, err := memberHead(f, offset)
		if errors.Is(err, io.EOF) {
			return domain.Row{}, fault.New(fault.NotFound, "listing.why", "no row of this list has that id; ids are in the column "+Prefix+"id")
		}
		if err != nil {
			return domain.Row{}, err
		}
		if slices.Contains(ids, want) {
			head := int64(headerFixed + extraFixed + hashSize*len(ids))
			row, found, err := findRow(io.NewSectionReader(f, offset+head, length-head-trailerSize), id)
			if found || err != nil {
				return row, err
			}
		}
		offset += length
	}
}

func memberHead(f io.ReaderAt, offset int64) (length int64, ids []uint64, err error) {
	damaged := fault.New(fault.InvalidInput, "listing.why", "this is not a receipts file of this program, or it is damaged; run the list again")
	var head [headerFixed + extraFixed]byte
	switch n, err := f.ReadAt(head[:], offset); {
	case n == 0 && errors.Is(err, io.EOF):
		return 0, nil, io.EOF
	case n < len(head):
		return 0, nil, damaged
	}
	extra := int(binary.LittleEndian.Uint16(head[10:]))
	length = int64(binary.LittleEndian.Uint32(head[16:]))
	if head[0] != 0x1f || head[1] != 0x8b || head[3] != 4 || string(head[12:14]) != "SL" || extra < extraFixed ||
		length < int64(headerFixed+extra+trailerSize) {
		return 0, nil, damaged
	}
	raw := make([]byte, extra-extraFixed)
	if _, err := f.ReadAt(raw, offset+int64(len(head))); err != nil {
		return 0, nil, damaged
	}
	for i := 0; i+hashSize <= len(raw); i += hashSize {
		ids = append(ids, binary.LittleEndian.Uint64(raw[i:]))
	}
	return length, ids, nil
}

func findRow(deflated io.Reader, id string) (domain.Row, bool, error) {
	lines := bufio.NewReader(flate.NewReader(deflated))
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var row domain.Row
			if err := json.Unmarshal(line, &row); err != nil {
				return row, false, fault.New(fault.InvalidInput, "listing.why", "the receipts file is damaged; run the list again")
			}
			if row.Prospect.ID == id {
				return row, true, nil
			}
		}
		if errors.Is(err, io.EOF) {
			return domain.Row{}, false, nil
		}
		if err != nil {
			return domain.Row{}, false, fault.New(fault.InvalidInput, "listing.why", "the receipts file is damaged; run the list again")
		}
	}
}
