package money_test

import (
	"math"
	"strings"
	"testing"

	"github.com/messageai/sluice/internal/money"
)

func TestAmountsInWords(t *testing.T) {
	t.Parallel()
	for amount, want := range map[money.Micro]string{
		0: "$0.00", 1: "$0.000001", 625: "$0.000625", 10_000: "$0.01", 500_000: "$0.50", 999_999: "$0.999999",
		1_000_000: "$1.00", 12_340_000: "$12.34", 12_345_678: "$12.35", 1_999_999: "$2.00", 9_994_999: "$9.99",
		-1_000_000: "-$1.00", -625: "-$0.000625", 1_000_000_000_000: "$1000000.00",
	} {
		if got := amount.String(); got != want {
			t.Errorf("%d prints as %s, want %s", int64(amount), got, want)
		}
	}
}

func TestAmountsOfAPerson(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]money.Micro{
		"25": 25_000_000, "$2.50": 2_500_000, " 0.000625 ": 625, ".5": 500_000, "3.": 3_000_000, "999999999.999999": 999_999_999_999_999, "0": 0,
	} {
		if got, err := money.Parse(text); err != nil || got != want {
			t.Errorf("Parse(%q) = %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "$", ".", "-1", "+1", "1,000", "1.2.3", "1e3", "0.0000001", "1000000000", "ten", "٣", "1 0", "NaN"} {
		if got, err := money.Parse(text); err == nil {
			t.Errorf("Parse(%q) = %s, want an error", text, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"25", "$2.50", "0.000625", "999999999.999999", "-1", "1.2.3", "", "$.", "1_0"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := money.Parse(text)
		if err != nil {
			return
		}
		if got < 0 || got >= 1_000_000_000*money.Dollar {
			t.Errorf("Parse(%q) = %d, outside what is allowed", text, got)
		}
		if got >= money.Dollar {
			return // prints rounded to the cent
		}
		if again, err := money.Parse(got.String()); err != nil || again != got {
			t.Errorf("Parse(%q) = %s, which reads as %s, %v", text, got, again, err)
		}
		if strings.ContainsAny(text, "+-") {
			t.Errorf("Parse(%q) took a sign", text)
		}
	})
}

func TestPricesRoundUp(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		price money.Price
		units float64
		want  money.Micro
	}{
		{money.Price{Unit: 20_000, Units: 1}, 1, 20_000},
		{money.Price{Unit: 20_000, Units: 1}, 0, 0},
		{money.Price{Unit: 20_000, Units: 1}, 0.000_001, 1},
		{money.Price{Unit: 20_000, Units: 1}, 0.1, 2_000}, // not 2,001 for want of exactness
		{money.Price{Unit: 24_500, Units: 1}, 0.5, 12_250},
		{money.Price{Unit: 3, Units: 1}, 0.5, 2},
		{money.Price{}, 1e9, 0},
	} {
		if got := c.price.For(c.units); got != c.want {
			t.Errorf("%g units at %s = %d, want %d", c.units, c.price.Unit, got, c.want)
		}
	}
	if got := (money.Price{Unit: 20_000, Units: 2.5}).Max(); got != 50_000 {
		t.Errorf("the most of a call of 2.5 units = %s", got)
	}
	if got := money.Micro(1_234_567).Dollars(); math.Abs(got-1.234567) > 1e-12 {
		t.Errorf("dollars = %g", got)
	}
}
