package store_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/store"
)

// fill sets everything in v to something, or to nothing.
func fill(r *rand.Rand, v reflect.Value) {
	if r.IntN(5) == 0 {
		return
	}
	if v.Type() == reflect.TypeFor[time.Time]() {
		v.Set(reflect.ValueOf(time.Unix(r.Int64N(4e9), r.Int64N(1e9)).UTC()))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(r, v.Field(i))
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(r, v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), r.IntN(4), 4))
		for i := range v.Len() {
			fill(r, v.Index(i))
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range r.IntN(4) {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			fill(r, key)
			fill(r, value)
			v.SetMapIndex(key, value)
		}
	case reflect.String:
		v.SetString(fmt.Sprint("text ", r.IntN(300)))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Float64:
		v.SetFloat(r.NormFloat64())
	case reflect.Int, reflect.Int64:
		v.SetInt(r.Int64() >> r.IntN(64))
	default:
		panic("rows have a field of kind " + v.Kind().String() + ", which this test does not know")
	}
}

func rowsOf(seed uint64, n int) []domain.Row {
	r := rand.New(rand.NewPCG(seed, 0))
	rows := make([]domain.Row, n)
	for i := range rows {
		fill(r, reflect.ValueOf(&rows[i]).Elem())
	}
	return rows
}

func TestRowsComeBackAsJSONWouldGiveThem(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		rows := rowsOf(seed, int(seed)*20)
		text, err := json.Marshal(rows)
		if err != nil {
			t.Fatal(err)
		}
		var want, got []domain.Row
		if err := json.Unmarshal(text, &want); err != nil {
			t.Fatal(err)
		}
		data, err := store.Encode(rows)
		if err != nil {
			t.Fatal(err)
		}
		if err := store.Decode(data, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("seed %d (-JSON +compact):\n%s", seed, diff)
		}
		if len(rows) > 100 && 2*len(data) > len(text) {
			t.Errorf("seed %d: %d bytes, JSON has %d", seed, len(data), len(text))
		}
	}
}

func TestAnotherVersionReadsRows(t *testing.T) {
	t.Parallel()
	type inner struct {
		A string `json:"a"`
	}
	type before struct {
		Gone  []map[string]*inner `json:"gone"`
		Time  time.Time           `json:"time"`
		Same  string              `json:"same"`
		Float float64             `json:"float"`
		Moved int                 `json:"moved"`
		Yes   bool                `json:"yes"`
		Last  string              `json:"last"`
	}
	type after struct {
		Last  string  `json:"last"`
		New   *string `json:"new"`
		Same  string  `json:"same"`
		Moved int     `json:"moved"`
	}
	data, err := store.Encode([]before{{
		Gone: []map[string]*inner{{"x": {A: "learnt while skipped"}}, nil}, Time: time.Unix(1, 2), Same: "s", Float: 1.5, Moved: -7, Yes: true, Last: "learnt while skipped",
	}})
	if err != nil {
		t.Fatal(err)
	}
	var got []after
	if err := store.Decode(data, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]after{{Last: "learnt while skipped", Same: "s", Moved: -7}}, got); diff != "" {
		t.Error(diff)
	}
}

func TestWhatCannotBeStoredOrReadIsAnError(t *testing.T) {
	t.Parallel()
	for name, v := range map[string]any{
		"interface": []struct {
			A any `json:"a"`
		}{},
		"own JSON form": []struct {
			A json.RawMessage `json:"a"`
		}{},
		"no JSON name": []struct{ A int }{},
		"map by number": []struct {
			A map[int]string `json:"a"`
		}{},
	} {
		if _, err := store.Encode(v); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	data, err := store.Encode(rowsOf(1, 3))
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string][]byte{
		"nothing": {}, "cut short": data[:len(data)-1], "more behind it": append(bytes.Clone(data), 0),
		"another version": append([]byte{9}, data[1:]...), "JSON": []byte(`[{"state":"queued"}]`),
	} {
		var rows []domain.Row
		if err := store.Decode(bad, &rows); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func FuzzDecodeRows(f *testing.F) {
	for seed := range uint64(4) {
		data, err := store.Encode(rowsOf(seed, 2))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte{1, 7, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, data []byte) {
		var rows, again []domain.Row
		if store.Decode(data, &rows) != nil {
			return
		}
		out, err := store.Encode(rows)
		if err != nil {
			t.Fatal(err)
		}
		if err := store.Decode(out, &again); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(rows, again, cmp.Comparer(func(a, b float64) bool { return a == b || a != a && b != b })); diff != "" {
			t.Error(diff)
		}
	})
}
