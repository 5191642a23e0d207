package store_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/store"
)

// Scores are computed from what is kept here: to the last bit, and a row
// without text stays without.
func TestMeaningComesBackAsItWas(t *testing.T) {
	type meaning struct {
		Batch   string               `json:"batch"`
		Cosines []map[string]float64 `json:"cosines"`
	}
	inBubble(t, func(t *testing.T, s *store.Store) {
		want := meaning{Batch: "b", Cosines: []map[string]float64{{"title": 1.0 / 3, "psychographics": -0.1}, nil}}
		var got meaning
		if found, err := s.Meaning(t.Context(), ref("c"), &got); found || err != nil {
			t.Errorf("before anything was kept: %t, %v", found, err)
		}
		if err := s.PutMeaning(t.Context(), ref("c"), want); err != nil {
			t.Fatal(err)
		}
		found, err := s.Meaning(t.Context(), ref("c"), &got)
		if diff := cmp.Diff(want, got); diff != "" || !found || err != nil {
			t.Errorf("%t, %v (-want +got):\n%s", found, err, diff)
		}
		if found, err := s.Meaning(t.Context(), ref("d"), &got); found || err != nil {
			t.Errorf("another chunk's: %t, %v", found, err)
		}
	})
}
