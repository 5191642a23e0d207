package dynamodb

import (
	"strconv"
	"strings"

	"github.com/cockroachdb/apd/v3"
)

// Limits of the Number type: DynamoDB Developer Guide, "Supported data types
// and naming rules", read November 2026.
const (
	maxDigits   = 38
	maxExponent = 125
	minExponent = -130
)

// canonicalNumber returns the one text that stands for the number written in
// text: plain notation, no superfluous zeros. Equal numbers have equal
// canonical texts.
func canonicalNumber(text string) (string, error) {
	rest := text
	neg := false
	if rest != "" && (rest[0] == '-' || rest[0] == '+') {
		neg = rest[0] == '-'
		rest = rest[1:]
	}
	if !neg && len(text) == len(rest) && plainInteger(rest) {
		return text, nil
	}
	exp := 0
	if i := strings.IndexAny(rest, "eE"); i >= 0 {
		e, err := strconv.Atoi(rest[i+1:])
		if err != nil || e > 1_000_000 || e < -1_000_000 {
			return "", notANumber(text)
		}
		exp, rest = e, rest[:i]
	}
	whole, fraction, _ := strings.Cut(rest, ".")
	if whole == "" && fraction == "" || !allDigits(whole) || !allDigits(fraction) {
		return "", notANumber(text)
	}
	digits := whole + fraction
	exp -= len(fraction)
	digits = strings.TrimLeft(digits, "0")
	trimmed := strings.TrimRight(digits, "0")
	exp += len(digits) - len(trimmed)
	digits = trimmed
	if digits == "" {
		return "0", nil
	}
	switch magnitude := len(digits) + exp - 1; {
	case magnitude > maxExponent:
		return "", invalid("Number overflow. Attempting to store a number with magnitude larger than supported range")
	case magnitude < minExponent:
		return "", invalid("Number underflow. Attempting to store a number with magnitude smaller than supported range")
	case len(digits) > maxDigits:
		return "", invalid("Attempting to store more than 38 significant digits in a Number")
	}
	return plainText(neg, digits, exp), nil
}

func notANumber(text string) error {
	if text == "" {
		return invalid("The parameter cannot be converted to a numeric value")
	}
	return invalid("The parameter cannot be converted to a numeric value: %s", text)
}

// plainInteger reports whether s is a short non-negative integer that is
// already canonical, which nearly all numbers are.
func plainInteger(s string) bool {
	return s != "" && len(s) <= maxDigits && (s[0] != '0' || s == "0") && allDigits(s)
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// plainText writes digits * 10^exp without an exponent.
func plainText(neg bool, digits string, exp int) string {
	var b strings.Builder
	if neg {
		b.WriteByte('-')
	}
	switch point := len(digits) + exp; {
	case exp >= 0:
		b.WriteString(digits)
		b.WriteString(strings.Repeat("0", exp))
	case point > 0:
		b.WriteString(digits[:point])
		b.WriteByte('.')
		b.WriteString(digits[point:])
	default:
		b.WriteString("0.")
		b.WriteString(strings.Repeat("0", -point))
		b.WriteString(digits)
	}
	return b.String()
}

// decompose splits a canonical number into its sign, its significant digits
// and the exponent of the first digit. Zero has no digits.
func decompose(canonical string) (neg bool, digits string, exponent int) {
	if canonical == "0" {
		return false, "", 0
	}
	if canonical[0] == '-' {
		neg, canonical = true, canonical[1:]
	}
	whole, fraction, _ := strings.Cut(canonical, ".")
	if whole != "0" {
		return neg, strings.TrimRight(whole+fraction, "0"), len(whole) - 1
	}
	digits = strings.TrimLeft(fraction, "0")
	return neg, digits, -(len(fraction) - len(digits)) - 1
}

// numberKey returns bytes that sort as the numbers do: a byte for the sign,
// one for the exponent, then the digits. For negative numbers everything is
// complemented and ended by a high byte, so that the longer, smaller one comes
// first.
func numberKey(canonical string) string {
	neg, digits, exponent := decompose(canonical)
	if digits == "" {
		return "\x01"
	}
	b := make([]byte, 0, len(digits)+3)
	biased := byte(exponent - minExponent) // 0..255
	if !neg {
		b = append(b, 2, biased)
		return string(append(b, digits...))
	}
	b = append(b, 0, 255-biased)
	for i := range len(digits) {
		b = append(b, '0'+'9'-digits[i])
	}
	return string(append(b, 0xFF))
}

// numberSize is what a number counts towards an item's size: one byte and one
// for each started pair of digits, counted from the decimal point, and one
// for a minus sign. AWS publishes it as an approximation.
func numberSize(canonical string) int {
	neg, digits, exponent := decompose(canonical)
	if digits == "" {
		return 1
	}
	size := 1 + (len(digits)+1)/2
	if len(digits)%2 == 0 && exponent%2 == 0 {
		size++ // the pairs straddle the decimal point
	}
	if neg {
		size++
	}
	return size
}

// addNumbers returns a+b, or a-b, of canonical numbers, exactly: a result that
// needs more than 38 digits is refused, as a stored number would be.
func addNumbers(a, b string, subtract bool) (string, error) {
	var x, y, sum apd.Decimal
	if _, _, err := x.SetString(a); err != nil {
		return "", notANumber(a)
	}
	if _, _, err := y.SetString(b); err != nil {
		return "", notANumber(b)
	}
	exact := apd.BaseContext.WithPrecision(maxExponent - minExponent + maxDigits + 2)
	operation := exact.Add
	if subtract {
		operation = exact.Sub
	}
	if _, err := operation(&sum, &x, &y); err != nil {
		return "", notANumber(a)
	}
	return canonicalNumber(sum.Text('f'))
}
