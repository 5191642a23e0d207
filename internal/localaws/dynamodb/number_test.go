package dynamodb

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/apd/v3"

	"github.com/messageai/sluice/internal/localaws/wire"
)

func TestCanonicalNumber(t *testing.T) {
	t.Parallel()
	digits38 := strings.Repeat("9", 38)
	for _, c := range []struct{ in, want string }{
		{"0", "0"},
		{"-0", "0"},
		{"0.000", "0"},
		{"0e500", "0"},
		{"007", "7"},
		{"+5", "5"},
		{"1.500", "1.5"},
		{".5", "0.5"},
		{"5.", "5"},
		{"1e3", "1000"},
		{"1.25E+1", "12.5"},
		{"12E-4", "0.0012"},
		{"-100", "-100"},
		{digits38, digits38},
		{digits38 + "00", digits38 + "00"},
		{"1E-130", "0." + strings.Repeat("0", 129) + "1"},
		{"9.9999999999999999999999999999999999999E+125", digits38 + strings.Repeat("0", 88)},
		{"1E126", "error: Number overflow"},
		{"-1E126", "error: Number overflow"},
		{"1E-131", "error: Number underflow"},
		{"1e99999999999999", "error: The parameter"},
		{digits38 + "9", "error: Attempting to store more than 38"},
		{"1." + digits38, "error: Attempting"},
		{"", "error: The parameter"},
		{"-", "error: The parameter"},
		{"1e", "error: The parameter"},
		{"NaN", "error: The parameter"},
		{"Infinity", "error: The parameter"},
		{"0x10", "error: The parameter"},
		{"1 ", "error: The parameter"},
		{"1.2.3", "error: The parameter"},
	} {
		got, err := canonicalNumber(c.in)
		if message, ok := strings.CutPrefix(c.want, "error: "); ok {
			if wire.CodeOf(err) != "ValidationException" || !strings.Contains(err.Error(), message) {
				t.Errorf("canonicalNumber(%q) = %q, %v; want error %s", c.in, got, err, message)
			}
		} else if err != nil || got != c.want {
			t.Errorf("canonicalNumber(%q) = %q, %v; want %q", c.in, got, err, c.want)
		}
	}
}

// randomNumber draws from all magnitudes, with short and long mantissas.
func randomNumber(r *rand.Rand) string {
	var b strings.Builder
	if r.IntN(2) == 0 {
		b.WriteByte('-')
	}
	for range 1 + r.IntN(1+r.IntN(maxDigits)) {
		b.WriteByte(byte('0' + r.IntN(10)))
	}
	exponents := []int{0, -1, 1, -5, 5, -60, 60}
	return b.String() + "E" + fmtInt(exponents[r.IntN(len(exponents))])
}

func fmtInt(n int) string {
	if n < 0 {
		return "-" + fmtInt(-n)
	}
	if n >= 10 {
		return fmtInt(n/10) + string(rune('0'+n%10))
	}
	return string(rune('0' + n))
}

// TestNumberLaws checks against apd: canonical texts and keys order as numbers
// do, and sums are exact.
func TestNumberLaws(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a test
	for range 20_000 {
		a, b := randomNumber(r), randomNumber(r)
		if r.IntN(10) == 0 {
			b = strings.Replace(a, "E", ".0E", 1) // equal, written differently
		}
		x, _, errX := apd.NewFromString(a)
		y, _, errY := apd.NewFromString(b)
		if errX != nil || errY != nil {
			t.Fatal(errX, errY)
		}
		ca, errA := canonicalNumber(a)
		cb, errB := canonicalNumber(b)
		if errA != nil || errB != nil {
			t.Fatalf("%s, %s: %v, %v", a, b, errA, errB)
		}
		if got, want := strings.Compare(numberKey(ca), numberKey(cb)), x.Cmp(y); got != want {
			t.Fatalf("order of %s and %s is %d, want %d", a, b, got, want)
		}
		if (ca == cb) != (x.Cmp(y) == 0) {
			t.Fatalf("%s and %s: canonical %s and %s", a, b, ca, cb)
		}
		back, _, err := apd.NewFromString(ca)
		if err != nil || back.Cmp(x) != 0 {
			t.Fatalf("canonical form of %s is %s, %v", a, ca, err)
		}
		var sum apd.Decimal
		if _, err := apd.BaseContext.WithPrecision(300).Sub(&sum, x, y); err != nil {
			t.Fatal(err)
		}
		got, err := addNumbers(ca, cb, true)
		want, wantErr := canonicalNumber(sum.Text('f'))
		if got != want || wire.CodeOf(err) != wire.CodeOf(wantErr) {
			t.Fatalf("%s - %s = %s, %v; want %s, %v", a, b, got, err, want, wantErr)
		}
	}
}

// TestTreeLaws checks the tree against a map and a sorted slice.
func TestTreeLaws(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4)) //nolint:gosec // a test
	var tr tree
	model := map[string]*record{}
	keyOf := func(n int) *record {
		part := fmtInt(n % 37)
		return &record{hash: hashOf(part), part: part, sort: fmtInt(n), size: n % 11}
	}
	check := func() {
		var want, up, down []string
		bytes := int64(0)
		for _, rec := range model {
			want = append(want, string([]byte{
				byte(rec.hash >> 56), byte(rec.hash >> 48), byte(rec.hash >> 40), byte(rec.hash >> 32),
			})+rec.part+"/"+rec.sort)
			bytes += int64(rec.size)
		}
		name := func(rec *record) string {
			return string([]byte{byte(rec.hash >> 56), byte(rec.hash >> 48), byte(rec.hash >> 40), byte(rec.hash >> 32)}) + rec.part + "/" + rec.sort
		}
		tr.ascend(position{depth: 1}, func(rec *record) bool { up = append(up, name(rec)); return true })
		tr.descend(position{hash: ^uint64(0), depth: 1, after: true}, func(rec *record) bool { down = append(down, name(rec)); return true })
		slices.Sort(want)
		slices.Reverse(down)
		if !slices.Equal(up, want) || !slices.Equal(down, want) || tr.count != len(want) || tr.bytes != bytes {
			t.Fatalf("tree has %d up, %d down, count %d, bytes %d; want %d, %d bytes", len(up), len(down), tr.count, tr.bytes, len(want), bytes)
		}
	}
	for phase, removals := range []int{2, 8, 3, 9} { // of ten steps
		for range 6000 {
			k := keyOf(r.IntN(4000))
			if r.IntN(10) < removals {
				tr.remove(k)
				delete(model, k.sort)
			} else {
				tr.set(k)
				model[k.sort] = k
			}
		}
		check()
		for _, rec := range model {
			if tr.get(keyOfRecord(rec)) != rec {
				t.Fatalf("phase %d: record %s is not found", phase, rec.sort)
			}
		}
	}
	for _, rec := range model {
		tr.remove(rec)
	}
	model = map[string]*record{}
	check()
}

func keyOfRecord(r *record) *record { return &record{hash: r.hash, part: r.part, sort: r.sort} }
