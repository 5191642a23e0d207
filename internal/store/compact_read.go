package store

import (
	"encoding/binary"
	"errors"
	"math"
	"reflect"
	"time"
)

var errCompact = errors.New("compact: the stored value is damaged, or of a newer version")

// compactReader reads what compactWriter wrote. All strings are parts of one,
// so that they cost nothing each.
type compactReader struct {
	all     string
	at      int
	strings []string
}

// parse reads data into v, a pointer.
func (c *compact) parse(data []byte, v any) error {
	value := reflect.ValueOf(v).Elem()
	s, err := c.shape(value.Type())
	if err != nil {
		return err
	}
	r := &compactReader{all: string(data)}
	if version, err := r.byte(); err != nil || version != compactVersion {
		return errCompact
	}
	if err := s.read(r, value); err != nil {
		return err
	}
	if r.at != len(r.all) {
		return errCompact
	}
	return nil
}

func (r *compactReader) byte() (byte, error) {
	if r.at >= len(r.all) {
		return 0, errCompact
	}
	r.at++
	return r.all[r.at-1], nil
}

func (r *compactReader) uvarint() (uint64, error) {
	var n uint64
	for shift := 0; shift < 64; shift += 7 {
		b, err := r.byte()
		if err != nil {
			return 0, err
		}
		n |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return n, nil
		}
	}
	return 0, errCompact
}

func (r *compactReader) varint() (int64, error) {
	n, err := r.uvarint()
	return int64(n>>1) ^ -int64(n&1), err //nolint:gosec // zigzag
}

// null takes a nil, if there is one.
func (r *compactReader) null() bool {
	if r.at < len(r.all) && r.all[r.at] == kindNil {
		r.at++
		return true
	}
	return false
}

func (r *compactReader) expect(kind byte) error {
	if b, err := r.byte(); err != nil || b != kind {
		return errCompact
	}
	return nil
}

// length reads the length of a list or map. What each element needs is a byte
// at least, so no length is larger than what is left.
func (r *compactReader) length(kind byte) (int, error) {
	if err := r.expect(kind); err != nil {
		return 0, err
	}
	n, err := r.uvarint()
	if err != nil || n > uint64(len(r.all)-r.at) { //nolint:gosec // never negative
		return 0, errCompact
	}
	return int(n), nil //nolint:gosec // below the length of a string
}

func (r *compactReader) string() (string, error) {
	b, err := r.byte()
	if err != nil {
		return "", err
	}
	n := uint64(b &^ stringRef)
	switch {
	case b >= stringRef:
	case b == kindString:
		return r.newString()
	case b == kindRef:
		if n, err = r.uvarint(); err != nil {
			return "", err
		}
		n += stringRef
	default:
		return "", errCompact
	}
	if n >= uint64(len(r.strings)) {
		return "", errCompact
	}
	return r.strings[n], nil
}

func (r *compactReader) newString() (string, error) {
	n, err := r.uvarint()
	if err != nil || n > uint64(len(r.all)-r.at) { //nolint:gosec // never negative
		return "", errCompact
	}
	s := r.all[r.at : r.at+int(n)] //nolint:gosec // below the length of a string
	r.at += len(s)
	r.strings = append(r.strings, s)
	return s, nil
}

func (r *compactReader) time() (time.Time, error) {
	if err := r.expect(kindTime); err != nil {
		return time.Time{}, err
	}
	seconds, err := r.varint()
	if err != nil {
		return time.Time{}, err
	}
	nanos, err := r.uvarint()
	if err != nil || nanos >= 1e9 {
		return time.Time{}, errCompact
	}
	return time.Unix(seconds, int64(nanos)).UTC(), nil //nolint:gosec // below a billion
}

func readBool(r *compactReader, v reflect.Value) error {
	b, err := r.byte()
	if err != nil || b != kindTrue && b != kindFalse {
		return errCompact
	}
	v.SetBool(b == kindTrue)
	return nil
}

func readInt(r *compactReader, v reflect.Value) error {
	if err := r.expect(kindInt); err != nil {
		return err
	}
	n, err := r.varint()
	if err != nil || v.OverflowInt(n) {
		return errCompact
	}
	v.SetInt(n)
	return nil
}

func readFloat(r *compactReader, v reflect.Value) error {
	x, err := r.float()
	v.SetFloat(x)
	return err
}

func (r *compactReader) float() (float64, error) {
	if err := r.expect(kindFloat); err != nil || len(r.all)-r.at < 8 {
		return 0, errCompact
	}
	bits := binary.LittleEndian.Uint64([]byte(r.all[r.at : r.at+8]))
	r.at += 8
	return math.Float64frombits(bits), nil
}

// fields reads a struct. Fields come in the order of the writer's struct, which
// mostly is the reader's.
func (r *compactReader) fields(v reflect.Value, fields []shapeField, byName map[string]int) error {
	v.SetZero()
	n, err := r.length(kindMap)
	if err != nil {
		return err
	}
	next := 0
	for range n {
		name, err := r.string()
		if err != nil {
			return err
		}
		for next < len(fields) && fields[next].name != name {
			next++
		}
		if next == len(fields) {
			known := false
			if next, known = byName[name]; !known {
				next = len(fields)
			}
		}
		if next == len(fields) {
			err = r.skip(0)
			next = 0
		} else {
			err = fields[next].shape.read(r, v.Field(fields[next].index))
			next++
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// maxDepth bounds how deep a skipped value may be nested.
const maxDepth = 32

// skip reads a value of a field that this version does not have.
func (r *compactReader) skip(depth int) error {
	if r.at >= len(r.all) || depth > maxDepth {
		return errCompact
	}
	kind := r.all[r.at]
	var err error
	switch {
	case kind >= stringRef || kind == kindString || kind == kindRef:
		_, err = r.string()
	case kind == kindNil || kind == kindFalse || kind == kindTrue:
		r.at++
	case kind == kindInt:
		r.at++
		_, err = r.varint()
	case kind == kindFloat:
		_, err = r.float()
	case kind == kindTime:
		_, err = r.time()
	case kind == kindList || kind == kindMap:
		var n int
		if n, err = r.length(kind); err != nil {
			return err
		}
		if kind == kindMap {
			n *= 2
		}
		for range n {
			if err := r.skip(depth + 1); err != nil {
				return err
			}
		}
	default:
		err = errCompact
	}
	return err
}
