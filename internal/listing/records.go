package listing

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// maxRecord is the longest row that is read, in bytes. A quote that is not
// closed within it was never meant to open anything.
const maxRecord = 1 << 18

// record is one row of the input.
type record struct {
	fields []string
	line   int    // where it begins, from 1
	bad    string // why it could not be read; then fields holds its text only
}

// records reads rows. It is lenient where programs that write CSV are: quotes
// inside unquoted fields, text after a closing quote, blanks before an opening
// one. Only an unclosed quote, an endless line and NUL bytes make a bad row, and
// reading goes on with the next line.
type records struct {
	in    io.Reader
	delim byte
	eol   byte // '\n', or '\r' for files of old Macs

	buf   []byte
	pos   int
	eof   bool
	line  int
	bytes int64 // consumed so far
	ends  []int // scratch: ends of fields in flat
	flat  []byte
}

func newRecords(in io.Reader, delim, eol byte) *records {
	return &records{in: in, delim: delim, eol: eol, line: 1}
}

// next returns the next row that is not blank, or io.EOF.
func (r *records) next() (record, error) {
	for {
		n, lines, state := r.parse()
		switch state {
		case parseMore:
			if len(r.buf)-r.pos < maxRecord {
				if err := r.fill(); err != nil {
					return record{}, err
				}
				continue
			}
			return r.skipLine("the row is longer than 256 KB, or a quotation mark is never closed")
		case parseOpen:
			return r.skipLine("a quotation mark is opened and never closed")
		case parseEnd:
			return record{}, io.EOF
		case parseDone:
		}
		at := r.line
		r.line += lines
		r.advance(n)
		if len(r.ends) == 1 && len(bytes.TrimSpace(r.flat)) == 0 {
			continue
		}
		return r.record(at), nil
	}
}

func (r *records) record(line int) record {
	rec := record{line: line}
	if bytes.IndexByte(r.flat, 0) >= 0 {
		rec.bad = "the row contains NUL bytes"
		rec.fields = []string{strings.ToValidUTF8(strings.ReplaceAll(string(r.flat), "\x00", ""), "")}
		return rec
	}
	text, ends := string(r.flat), r.ends
	rec.fields = make([]string, len(ends))
	start := 0
	for i, end := range ends {
		rec.fields[i] = text[start:end]
		start = end
	}
	if !utf8.ValidString(text) {
		for i, f := range rec.fields {
			rec.fields[i] = fromWindows(f)
		}
	}
	return rec
}

// fromWindows reads bytes that are no UTF-8 as Windows-1252, which is what
// spreadsheets in Western Europe write.
func fromWindows(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	out, err := charmap.Windows1252.NewDecoder().String(s)
	if err != nil {
		return strings.ToValidUTF8(s, "\uFFFD")
	}
	return out
}

// skipLine takes the current line as a bad row.
func (r *records) skipLine(why string) (record, error) {
	rec := record{line: r.line, bad: why}
	var text []byte
	for {
		chunk := r.buf[r.pos:]
		end := bytes.IndexByte(chunk, r.eol)
		if end >= 0 {
			chunk = chunk[:end]
		}
		if room := maxBadText - len(text); room > 0 {
			text = append(text, chunk[:min(room, len(chunk))]...)
		}
		r.advance(len(chunk))
		if end >= 0 {
			r.advance(1)
			break
		}
		if r.eof {
			break
		}
		if err := r.fill(); err != nil {
			return record{}, err
		}
	}
	r.line++
	rec.fields = []string{fromWindows(strings.TrimRight(strings.ReplaceAll(string(text), "\x00", ""), "\r"))}
	return rec, nil
}

// maxBadText is how much of a bad row is kept.
const maxBadText = 2000

func (r *records) advance(n int) {
	r.pos += n
	r.bytes += int64(n)
}

func (r *records) fill() error {
	if r.pos > 0 {
		r.buf = append(r.buf[:0], r.buf[r.pos:]...)
		r.pos = 0
	}
	const chunk = 1 << 16
	old := len(r.buf)
	if cap(r.buf)-old < chunk {
		r.buf = append(make([]byte, 0, 2*cap(r.buf)+chunk), r.buf...)
	}
	n, err := r.in.Read(r.buf[old : old+chunk])
	r.buf = r.buf[:old+n]
	if errors.Is(err, io.EOF) {
		r.eof = true
		return nil
	}
	return err
}

type parseState int

const (
	parseMore parseState = iota // the row may go on beyond the buffer
	parseOpen                   // the input ends inside quotes
	parseEnd                    // nothing is left
	parseDone
)

// parse reads one row from the buffer into flat and ends. It returns the bytes
// and lines that the row takes.
func (r *records) parse() (n, lines int, state parseState) {
	data := r.buf[r.pos:]
	if len(data) == 0 {
		if r.eof {
			return 0, 0, parseEnd
		}
		return 0, 0, parseMore
	}
	r.flat, r.ends = r.flat[:0], r.ends[:0]
	i := 0
	for { // once per field
		start := i
		for i < len(data) && (data[i] == ' ' || data[i] == '\t' && r.delim != '\t') {
			i++
		}
		if i == len(data) && !r.eof {
			return 0, 0, parseMore
		}
		if i < len(data) && data[i] == '"' {
			end, nl, closed := r.quoted(data, i+1)
			if !closed {
				if r.eof {
					return 0, 0, parseOpen
				}
				return 0, 0, parseMore
			}
			i, lines = end, lines+nl
		} else {
			i = start
		}
		// The rest of the field, up to a delimiter or the end of the line.
		end := i
		for end < len(data) && data[end] != r.delim && data[end] != r.eol {
			end++
		}
		if end == len(data) && !r.eof {
			return 0, 0, parseMore
		}
		rest := data[i:end]
		if end == len(data) || data[end] == r.eol {
			rest = bytes.TrimSuffix(rest, []byte{'\r'})
		}
		r.flat = append(r.flat, rest...)
		r.ends = append(r.ends, len(r.flat))
		switch {
		case end == len(data):
			return end, lines + 1, parseDone
		case data[end] == r.eol:
			return end + 1, lines + 1, parseDone
		}
		i = end + 1
	}
}

// quoted appends the text of a quoted field that begins at i and returns the
// place after the closing quote.
func (r *records) quoted(data []byte, i int) (end, lines int, closed bool) {
	for {
		q := bytes.IndexByte(data[i:], '"')
		if q < 0 || i+q+1 == len(data) && !r.eof { // a second quote may follow
			return 0, 0, false
		}
		r.flat = append(r.flat, data[i:i+q]...)
		lines += bytes.Count(data[i:i+q], []byte{r.eol})
		i += q + 1
		if i == len(data) || data[i] != '"' {
			return i, lines, true
		}
		r.flat = append(r.flat, '"')
		i++
	}
}
