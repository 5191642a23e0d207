// Package money is amounts and prices: micro-US-dollars in whole numbers, so
// that sums are exact, and the reservation arithmetic of a spending cap. It
// imports the standard library only and does no I/O.
package money

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Micro is an amount in micro-US-dollars: 1,000,000 is one dollar.
type Micro int64

// Dollar is one US dollar.
const Dollar Micro = 1_000_000

// Dollars returns the amount as a decimal number of dollars, for display.
func (m Micro) Dollars() float64 { return float64(m) / float64(Dollar) }

// String prints dollars with two decimals, or up to six where they matter:
// "$12.34", "$0.000625", "-$1.00".
func (m Micro) String() string {
	sign := ""
	if m < 0 {
		sign, m = "-", -m
	}
	frac := fmt.Sprintf("%06d", int64(m%Dollar))
	for len(frac) > 2 && frac[len(frac)-1] == '0' {
		frac = frac[:len(frac)-1]
	}
	if m >= Dollar {
		frac = fmt.Sprintf("%02d", int64(math.Round(float64(m%Dollar)/10_000)))
		if frac == "100" {
			return sign + "$" + strconv.FormatInt(int64(m/Dollar)+1, 10) + ".00"
		}
	}
	return sign + "$" + strconv.FormatInt(int64(m/Dollar), 10) + "." + frac
}

// Parse reads an amount of dollars such as "25", "$2.50" or "0.000625". It
// refuses signs, more than six decimals and amounts over a billion dollars.
func Parse(s string) (Micro, error) {
	text := strings.TrimPrefix(strings.TrimSpace(s), "$")
	whole, frac, _ := strings.Cut(text, ".")
	if whole == "" && frac == "" || len(frac) > 6 || len(whole) > 9 {
		return 0, fmt.Errorf("parse amount %q: want dollars such as 25 or 2.50", s)
	}
	digits := whole + frac + strings.Repeat("0", 6-len(frac))
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, fmt.Errorf("parse amount %q: want dollars such as 25 or 2.50", s)
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("parse amount %q: %w", s, err)
	}
	return Micro(n), nil
}

// Price is what one operation of a provider costs.
type Price struct {
	Unit  Micro   // price of one unit
	Units float64 // the most units that one call can use; 1 for a plain call
	Per   string  // what a unit is, for people: "e-mail found", "call", "1M tokens"
}

// Max returns the most that one call can cost, rounded up.
func (p Price) Max() Micro { return p.For(p.Units) }

// For returns the price of that many units, rounded up to a whole micro-dollar.
func (p Price) For(units float64) Micro {
	return Micro(math.Ceil(float64(p.Unit)*units - 1e-9))
}

// Table is the prices of one provider's operations on one date.
type Table struct {
	Date       string // when the prices were read, YYYY-MM-DD
	Source     string // where: the contract section or the vendor's page
	Operations map[string]Price
}
