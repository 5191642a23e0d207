package store_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

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

func TestRowsComeBackAsJSONWouldGiveThem(t *testing.T) {
	inBubble(t, func(t *testing.T, s *store.Store) {
		r := rand.New(rand.NewPCG(1, 2))
		rows := make([]domain.Row, 200)
		for i := range rows {
			fill(r, reflect.ValueOf(&rows[i]).Elem())
		}
		if err := s.PutRows(t.Context(), "acme", "k", rows); err != nil {
			t.Fatal(err)
		}
		got, err := s.Rows(t.Context(), "acme", "k")
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(rows)
		if err != nil {
			t.Fatal(err)
		}
		var want []domain.Row
		if err := json.Unmarshal(text, &want); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("rows (-JSON +stored):\n%s", diff)
		}
	})
}

// A provider's text may be cut in the middle of a character.
func TestABrokenTextDoesNotLoseItsChunk(t *testing.T) {
	inBubble(t, func(t *testing.T, s *store.Store) {
		want := []domain.Row{{Reason: "Z\xc3"}, {Reason: "whole"}}
		if err := s.PutRows(t.Context(), "acme", "k", want); err != nil {
			t.Fatal(err)
		}
		got, err := s.Rows(t.Context(), "acme", "k")
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%v\n%s", err, diff)
		}
	})
}
