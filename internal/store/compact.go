package store

import (
	"encoding"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A chunk's rows are most of what is stored and moved, and they say the same
// things over and over: field names, sources, times, the ICP's wishes. compact
// writes a value as encoding/json would, with the same names and the same
// omissions, but in binary and each distinct string once, which takes a tenth
// of the time and of the space. Like JSON it is read by names: a reader of
// another version skips what it does not know and leaves the rest zero.
//
// A value begins with a byte, its kind; from stringRef up, the byte itself
// refers to one of the first 128 strings.
type compact struct {
	types  sync.Map      // reflect.Type -> *shape
	fields atomic.Uint32 // of all shapes
}

// Kinds of a value.
const (
	kindNil byte = iota
	kindFalse
	kindTrue
	kindInt    // zigzag varint
	kindFloat  // 8 bytes, little endian
	kindString // length, bytes; gets the next number
	kindRef    // number of an earlier string, less 128
	kindList   // length, values
	kindMap    // length, strings and values in turn
	kindTime   // seconds since 1970 as zigzag varint, nanoseconds; read in UTC
	stringRef  = 0x80
)

// compactVersion is the first byte of what compact writes.
const compactVersion = 1

// shape is how a type is written and read.
type shape struct {
	write func(*compactWriter, reflect.Value)
	read  func(*compactReader, reflect.Value) error
}

type shapeField struct {
	name  string
	id    uint32 // among all fields of a compact
	index int
	shape *shape
	omit  func(reflect.Value) bool // nil: never
}

// compactWriter collects the bytes and the numbers of strings.
type compactWriter struct {
	out     []byte
	strings uint64            // how many have a number
	numbers map[string]uint64 // of values
	names   []uint64          // of fields, by id, plus one
}

// append appends v, a slice or pointer, which must be made of structs, maps by
// string, slices, pointers, times and plain values.
func (c *compact) append(out []byte, v any) ([]byte, error) {
	value := reflect.ValueOf(v)
	s, err := c.shape(value.Type())
	if err != nil {
		return nil, err
	}
	w := &compactWriter{out: append(out, compactVersion), numbers: map[string]uint64{}, names: make([]uint64, c.fields.Load())}
	s.write(w, value)
	return w.out, nil
}

func (w *compactWriter) string(s string) {
	if n, known := w.numbers[s]; known {
		w.ref(n)
		return
	}
	w.numbers[s] = w.strings
	w.newString(s)
}

func (w *compactWriter) name(f *shapeField) {
	if n := w.names[f.id]; n > 0 {
		w.ref(n - 1)
		return
	}
	w.newString(f.name)
	w.names[f.id] = w.strings
}

func (w *compactWriter) newString(s string) {
	w.strings++
	w.out = append(binary.AppendUvarint(append(w.out, kindString), uint64(len(s))), s...)
}

func (w *compactWriter) ref(n uint64) {
	if n < stringRef {
		w.out = append(w.out, stringRef|byte(n))
		return
	}
	w.out = binary.AppendUvarint(append(w.out, kindRef), n-stringRef)
}

func (w *compactWriter) time(t time.Time) {
	w.out = binary.AppendVarint(append(w.out, kindTime), t.Unix())
	w.out = binary.AppendUvarint(w.out, uint64(t.Nanosecond())) //nolint:gosec // never negative
}

// shape returns how a type is written and read.
func (c *compact) shape(t reflect.Type) (*shape, error) {
	if s, ok := c.types.Load(t); ok {
		return s.(*shape), nil
	}
	s, err := c.newShape(t)
	if err != nil {
		return nil, err
	}
	c.types.Store(t, s)
	return s, nil
}

func (c *compact) newShape(t reflect.Type) (*shape, error) {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return &shape{
			write: func(w *compactWriter, v reflect.Value) { w.time(*timeAt(v)) },
			read: func(r *compactReader, v reflect.Value) (err error) {
				*timeAt(v), err = r.time()
				return err
			},
		}, nil
	case reflect.PointerTo(t).Implements(reflect.TypeFor[json.Marshaler]()), reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextMarshaler]()):
		return nil, fmt.Errorf("compact: %s has a form of its own", t)
	}
	switch t.Kind() {
	case reflect.Bool:
		return &shape{write: writeBool, read: readBool}, nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return &shape{write: writeInt, read: readInt}, nil
	case reflect.Float64:
		return &shape{write: writeFloat, read: readFloat}, nil
	case reflect.String:
		return &shape{
			write: func(w *compactWriter, v reflect.Value) { w.string(v.String()) },
			read: func(r *compactReader, v reflect.Value) error {
				s, err := r.string()
				v.SetString(s)
				return err
			},
		}, nil
	case reflect.Struct:
		return c.structShape(t)
	case reflect.Pointer, reflect.Slice, reflect.Map:
		if t.Kind() == reflect.Map && t.Key().Kind() != reflect.String {
			break
		}
		element, err := c.shape(t.Elem())
		if err != nil {
			return nil, err
		}
		switch t.Kind() {
		case reflect.Pointer:
			return pointerShape(t, element), nil
		case reflect.Slice:
			return sliceShape(element), nil
		default:
			return mapShape(t, element), nil
		}
	}
	return nil, fmt.Errorf("compact: cannot store a %s", t)
}

// timeAt needs an addressable value, which everything in a slice, behind a
// pointer or in the copy of a map's element is.
func timeAt(v reflect.Value) *time.Time { return v.Addr().Interface().(*time.Time) }

func writeBool(w *compactWriter, v reflect.Value) {
	kind := kindFalse
	if v.Bool() {
		kind = kindTrue
	}
	w.out = append(w.out, kind)
}

func writeInt(w *compactWriter, v reflect.Value) {
	w.out = binary.AppendVarint(append(w.out, kindInt), v.Int())
}

func writeFloat(w *compactWriter, v reflect.Value) {
	w.out = binary.LittleEndian.AppendUint64(append(w.out, kindFloat), math.Float64bits(v.Float()))
}

func pointerShape(t reflect.Type, element *shape) *shape {
	return &shape{
		write: func(w *compactWriter, v reflect.Value) {
			if v.IsNil() {
				w.out = append(w.out, kindNil)
				return
			}
			element.write(w, v.Elem())
		},
		read: func(r *compactReader, v reflect.Value) error {
			if r.null() {
				v.SetZero()
				return nil
			}
			v.Set(reflect.New(t.Elem()))
			return element.read(r, v.Elem())
		},
	}
}

func sliceShape(element *shape) *shape {
	return &shape{
		write: func(w *compactWriter, v reflect.Value) {
			if v.IsNil() {
				w.out = append(w.out, kindNil)
				return
			}
			w.out = binary.AppendUvarint(append(w.out, kindList), uint64(v.Len())) //nolint:gosec // never negative
			for i := range v.Len() {
				element.write(w, v.Index(i))
			}
		},
		read: func(r *compactReader, v reflect.Value) error {
			v.SetZero()
			if r.null() {
				return nil
			}
			n, err := r.length(kindList)
			if err != nil {
				return err
			}
			v.Set(reflect.MakeSlice(v.Type(), 0, min(n, 1024))) // n is only a claim
			for i := range n {
				if i == v.Cap() {
					v.Grow(1)
				}
				v.SetLen(i + 1)
				if err := element.read(r, v.Index(i)); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func mapShape(t reflect.Type, element *shape) *shape {
	return &shape{
		write: func(w *compactWriter, v reflect.Value) {
			if v.IsNil() {
				w.out = append(w.out, kindNil)
				return
			}
			w.out = binary.AppendUvarint(append(w.out, kindMap), uint64(v.Len())) //nolint:gosec // never negative
			key, value := reflect.New(t.Key()).Elem(), reflect.New(t.Elem()).Elem()
			for all := v.MapRange(); all.Next(); {
				key.SetIterKey(all)
				value.SetIterValue(all)
				w.string(key.String())
				element.write(w, value)
			}
		},
		read: func(r *compactReader, v reflect.Value) error {
			v.SetZero()
			if r.null() {
				return nil
			}
			n, err := r.length(kindMap)
			if err != nil {
				return err
			}
			v.Set(reflect.MakeMapWithSize(t, min(n, 64)))
			key, value := reflect.New(t.Key()).Elem(), reflect.New(t.Elem()).Elem()
			for range n {
				name, err := r.string()
				if err != nil {
					return err
				}
				key.SetString(name)
				value.SetZero()
				if err := element.read(r, value); err != nil {
					return err
				}
				v.SetMapIndex(key, value)
			}
			return nil
		},
	}
}

// maxFields of a struct: writeFields keeps a bit for each.
const maxFields = 64

func (c *compact) structShape(t reflect.Type) (*shape, error) {
	if t.NumField() > maxFields {
		return nil, fmt.Errorf("compact: %s has more than %d fields", t, maxFields)
	}
	var fields []shapeField
	byName := map[string]int{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous || !f.IsExported() || name == "" || name == "-" {
			return nil, fmt.Errorf("compact: field %s of %s has no JSON name", f.Name, t)
		}
		s, err := c.shape(f.Type)
		if err != nil {
			return nil, err
		}
		field := shapeField{name: name, id: c.fields.Add(1) - 1, index: i, shape: s}
		switch {
		case strings.Contains(options, "omitzero"):
			field.omit = reflect.Value.IsZero
			if f.Type == reflect.TypeFor[time.Time]() {
				field.omit = func(v reflect.Value) bool { return timeAt(v).IsZero() }
			}
		case strings.Contains(options, "omitempty"):
			field.omit = isEmpty
		}
		byName[name] = len(fields)
		fields = append(fields, field)
	}
	return &shape{
		write: func(w *compactWriter, v reflect.Value) { writeFields(w, v, fields) },
		read:  func(r *compactReader, v reflect.Value) error { return r.fields(v, fields, byName) },
	}, nil
}

// isEmpty is what JSON's omitempty leaves out.
func isEmpty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Slice, reflect.Map:
		return v.Len() == 0
	case reflect.Struct:
		return false
	default:
		return v.IsZero()
	}
}

func writeFields(w *compactWriter, v reflect.Value, fields []shapeField) {
	var skip uint64 // by field
	n := uint64(len(fields))
	for i := range fields {
		if f := &fields[i]; f.omit != nil && f.omit(v.Field(f.index)) {
			skip |= 1 << i
			n--
		}
	}
	w.out = binary.AppendUvarint(append(w.out, kindMap), n)
	for i := range fields {
		if skip&(1<<i) == 0 {
			w.name(&fields[i])
			fields[i].shape.write(w, v.Field(fields[i].index))
		}
	}
}
