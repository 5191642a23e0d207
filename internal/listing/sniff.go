package listing

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/messageai/sluice/internal/fault"
	"golang.org/x/text/encoding/unicode"
)

// sampleSize is how much of the input is looked at to tell its form.
const sampleSize = 1 << 16

func userError(format string, args ...any) error {
	return fault.New(fault.InvalidInput, "listing.run", fmt.Sprintf(format, args...))
}

// form is what was found out about the input.
type form struct {
	delim    byte
	eol      byte
	bom      bool // outputs get one too: whoever wrote it needs it
	encoding string
	preamble int // rows before the header
	header   []string
	columns  columns
}

// open tells the form of the input and returns a reader of its data rows. What
// is not CSV, or has no usable column, is a user error.
func open(in io.Reader, overrides map[string]string) (*records, form, error) {
	f := form{encoding: "UTF-8", eol: '\n'}
	raw := bufio.NewReaderSize(in, sampleSize)
	head, err := raw.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, f, fmt.Errorf("read the input: %w", err)
	}
	if err := notCSV(head); err != nil {
		return nil, f, err
	}
	var text io.Reader = raw
	switch {
	case bytes.HasPrefix(head, []byte{0xEF, 0xBB, 0xBF}):
		f.bom = true
		_, _ = raw.Discard(3) // cannot fail: it was peeked
	case bytes.HasPrefix(head, []byte{0xFF, 0xFE}), bytes.HasPrefix(head, []byte{0xFE, 0xFF}):
		f.bom, f.encoding = true, "UTF-16"
		text = unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM).NewDecoder().Reader(raw)
	}
	buffered := bufio.NewReaderSize(text, sampleSize)
	sample, err := buffered.Peek(sampleSize)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
		return nil, f, fmt.Errorf("read the input: %w", err)
	}
	whole := errors.Is(err, io.EOF)
	switch {
	case len(bytes.TrimSpace(sample)) == 0:
		return nil, f, userError("the input is empty; it needs a line of column names and at least one row")
	case bytes.Count(sample, []byte{0})*20 > len(sample):
		return nil, f, userError("the input is not a text file; export the list as CSV (UTF-8) and try again")
	}
	if err := notMarkup(sample); err != nil {
		return nil, f, err
	}
	if bytes.IndexByte(sample, '\n') < 0 && bytes.IndexByte(sample, '\r') >= 0 {
		f.eol = '\r'
	}
	skip := f.separatorLine(sample)
	best := -1.0
	for _, delim := range delimiters(f.delim) {
		candidate, score := f.try(sample[skip:], delim, overrides, whole)
		if score > best {
			best = score
			candidate.delim = delim
			f = candidate
		}
	}
	rows := newRecords(buffered, f.delim, f.eol)
	if skip > 0 {
		_, _ = buffered.Discard(skip) // cannot fail: it was peeked
		rows.line, rows.bytes = 2, int64(skip)
	}
	for range f.preamble {
		if _, err := rows.next(); err != nil {
			return nil, f, fmt.Errorf("read the input: %w", err)
		}
	}
	header, err := rows.next()
	if errors.Is(err, io.EOF) {
		return nil, f, userError("the input is empty; it needs a line of column names and at least one row")
	}
	if err != nil {
		return nil, f, fmt.Errorf("read the input: %w", err)
	}
	if header.bad != "" {
		return nil, f, userError("the line of column names cannot be read: %s", header.bad)
	}
	f.header = header.fields
	f.columns, err = mapColumns(f.header, overrides)
	return rows, f, err
}

// separatorLine reads Excel's "sep=;" line and returns its length.
func (f *form) separatorLine(sample []byte) int {
	end := bytes.IndexByte(sample, f.eol)
	if end < 0 {
		return 0
	}
	line := strings.ToLower(strings.Trim(string(sample[:end]), "\r\" "))
	if len(line) != 5 || !strings.HasPrefix(line, "sep=") {
		return 0
	}
	f.delim = line[4]
	return end + 1
}

func delimiters(given byte) []byte {
	if given != 0 {
		return []byte{given}
	}
	return []byte{',', ';', '\t', '|'}
}

// maxPreamble is how many rows may stand before the column names, as in
// LinkedIn's Connections.csv (notes and an empty line; observed 2026-11).
const maxPreamble = 8

// try reads the sample with a delimiter and says how well that goes: by the
// number of column names that are understood, then by how even the rows are.
func (f form) try(sample []byte, delim byte, overrides map[string]string, whole bool) (form, float64) {
	r := newRecords(bytes.NewReader(sample), delim, f.eol)
	widths, rows := map[int]int{}, 0
	mostUsed, mostUseful := 0, 0
	for i := range 60 {
		rec, err := r.next()
		if err != nil || rec.bad != "" && !whole {
			break
		}
		if i <= maxPreamble {
			used := understood(rec.fields, overrides)
			// Later rows must know clearly more: a data row may hold a word
			// that is also the name of a column.
			if i == 0 || used >= 2 && used > mostUsed+1 {
				f.preamble, mostUsed = i, used
			}
		}
		widths[len(rec.fields)]++
		rows++
	}
	for width, n := range widths {
		if width > 1 {
			mostUseful = max(mostUseful, n)
		}
	}
	even := 0.0
	if rows > 0 {
		even = float64(mostUseful) / float64(rows)
	}
	return f, float64(mostUsed) + even*0.9
}

// notCSV recognises files of other programs by their first bytes.
func notCSV(head []byte) error {
	for _, kind := range []struct{ magic, advice string }{
		{"PK\x03\x04", "the input is a workbook or ZIP archive, not CSV; open it and save it as \"CSV UTF-8\""},
		{"\xD0\xCF\x11\xE0", "the input is an old Excel workbook, not CSV; open it and save it as \"CSV UTF-8\""},
		{"%PDF", "the input is a PDF, not CSV; export the list as CSV"},
		{"\x1F\x8B", "the input is compressed; unpack it first"},
		{"PAR1", "the input is a Parquet file, not CSV; export the list as CSV"},
	} {
		if bytes.HasPrefix(head, []byte(kind.magic)) {
			return userError("%s", kind.advice)
		}
	}
	return nil
}

func notMarkup(sample []byte) error {
	text := bytes.TrimSpace(sample)
	lower := bytes.ToLower(text[:min(len(text), 64)])
	switch {
	case text[0] == '{' || bytes.HasPrefix(text, []byte("[{")) || bytes.HasPrefix(text, []byte("[\n")) || bytes.HasPrefix(text, []byte("[\r")):
		return userError("the input is JSON, not CSV; export the list as CSV")
	case bytes.HasPrefix(lower, []byte("<!doctype")), bytes.HasPrefix(lower, []byte("<html")), bytes.HasPrefix(lower, []byte("<?xml")), bytes.HasPrefix(lower, []byte("<table")):
		return userError("the input is a web page or XML, not CSV; export the list as CSV")
	case bytes.HasPrefix(lower, []byte("begin:vcard")):
		return userError("the input is a vCard file, not CSV; export the contacts as CSV")
	}
	return nil
}
