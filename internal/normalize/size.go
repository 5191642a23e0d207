package normalize

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Range is a range of whole numbers, both ends included.
type Range struct {
	Min, Max int64 // Max is [Unbounded] for "1,000+"
}

// Unbounded is the upper end of an open range.
const Unbounded = math.MaxInt64

// Middle returns the number that stands for the range where only one can be
// kept: the geometric mean, because sizes of firms spread over magnitudes; for
// an open range its lower end.
func (r Range) Middle() int64 {
	if r.Max == Unbounded || r.Min == r.Max {
		return r.Min
	}
	return int64(math.Round(math.Sqrt(float64(max(r.Min, 1)) * float64(r.Max))))
}

// Contains reports whether n is in the range.
func (r Range) Contains(n int64) bool { return n >= r.Min && n <= r.Max }

// String writes the range as "51-200", "1000+" or "200".
func (r Range) String() string {
	switch {
	case r.Max == Unbounded:
		return strconv.FormatInt(r.Min, 10) + "+"
	case r.Min == r.Max:
		return strconv.FormatInt(r.Min, 10)
	}
	return fmt.Sprintf("%d-%d", r.Min, r.Max)
}

// Employees reads a head count or a range of it: "51-200", "1,000+", "11–50
// employees", "200", "2.5k", "< 10", "more than 500", "5 bis 10 Mitarbeiter".
func Employees(s string) (Range, bool) {
	if n, err := strconv.Atoi(s); err == nil {
		return Range{int64(n), int64(n)}, n > 0 && n <= maxHeadCount
	}
	amounts, open, below := readAmounts(s)
	for i := range amounts {
		amounts[i] = math.Round(amounts[i])
	}
	return rangeOf(amounts, open, below, maxHeadCount)
}

// maxHeadCount is above the largest employer there is, a few millions.
const maxHeadCount = 10_000_000

func rangeOf(amounts []float64, open, below bool, most float64) (Range, bool) {
	for _, a := range amounts {
		if !(a >= 0 && a <= most) {
			return Range{}, false
		}
	}
	switch {
	case len(amounts) == 0, len(amounts) > 2:
		return Range{}, false
	case len(amounts) == 2:
		lo, hi := int64(amounts[0]), int64(amounts[1])
		return Range{lo, hi}, lo <= hi && hi > 0
	}
	n := int64(amounts[0])
	switch {
	case n == 0:
		return Range{}, false
	case open:
		return Range{n, Unbounded}, true
	case below:
		return Range{1, n}, true
	}
	return Range{n, n}, true
}

// Revenue reads a yearly revenue or a range of it, in whole US dollars:
// "$10M-$100M ARR", "10 Mio EUR", "1,5 Mrd. €", "£500k", "12000000". Other
// currencies are converted at fixed rates: a size band needs no better.
func Revenue(s string) (Range, bool) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return Range{n, n}, n > 0 && n <= maxRevenue
	}
	amounts, open, below := readAmounts(s)
	rate := usdPer(s)
	for i := range amounts {
		amounts[i] = math.Round(amounts[i] * rate)
	}
	return rangeOf(amounts, open, below, maxRevenue)
}

// maxRevenue is above the largest firm's, some 700 billion dollars.
const maxRevenue = 10_000_000_000_000

// usdPer returns dollars per unit of the currency named in s: yearly averages
// of 2025, rounded, from the ECB's reference rates. No currency means dollars.
func usdPer(s string) float64 {
	lower := strings.ToLower(s)
	for _, c := range currencies {
		for _, sign := range c.signs {
			if strings.Contains(lower, sign) {
				return c.usd
			}
		}
	}
	return 1
}

// currencies are searched in order, so that "C$" is found before "$".
var currencies = []struct {
	signs []string
	usd   float64
}{
	{[]string{"ca$", "c$", "cad"}, 0.72},
	{[]string{"au$", "a$", "aud"}, 0.65},
	{[]string{"r$", "brl"}, 0.18},
	{[]string{"€", "eur"}, 1.13},
	{[]string{"£", "gbp"}, 1.32},
	{[]string{"chf"}, 1.20},
	{[]string{"₹", "inr", "rs."}, 0.0115},
	{[]string{"cny", "rmb"}, 0.139},
	{[]string{"¥", "jpy"}, 0.0067},
	{[]string{"sek"}, 0.10},
	{[]string{"nok"}, 0.096},
	{[]string{"dkk"}, 0.15},
	{[]string{"pln"}, 0.27},
}

// readAmounts finds the numbers of a text with their magnitudes. A magnitude
// that only the last one carries holds for both: "10-50M".
func readAmounts(s string) (amounts []float64, open, below bool) {
	s = strings.ToLower(Clean(s))
	var scales []float64
	for i := 0; i < len(s) && len(amounts) < 4; {
		if s[i] < '0' || s[i] > '9' {
			i++
			continue
		}
		end := i
		for end < len(s) && (s[end] >= '0' && s[end] <= '9' || strings.IndexByte(".,' ", s[end]) >= 0 && end+1 < len(s) && s[end+1] >= '0' && s[end+1] <= '9') {
			end++
		}
		value, ok := number(s[i:end])
		if !ok {
			return nil, false, false
		}
		scale, rest := magnitude(s[end:])
		if strings.HasPrefix(strings.TrimLeft(rest, " "), "+") {
			open = true
		}
		amounts, scales = append(amounts, value), append(scales, scale)
		i = len(s) - len(rest)
	}
	if len(scales) == 2 && scales[0] == 1 && scales[1] > 1 && amounts[0] < 1000 {
		scales[0] = scales[1]
	}
	for i := range amounts {
		amounts[i] *= scales[i]
	}
	folded := " " + Fold(s) + " "
	for _, w := range [...]string{" more than ", " over ", " at least ", " above ", " uber ", " mehr als ", " ab ", " plus de ", " mas de ", " greater than ", " and above ", " or more ", " and up "} {
		open = open || strings.Contains(folded, w)
	}
	open = open || strings.Contains(s, ">")
	for _, w := range [...]string{" less than ", " under ", " up to ", " below ", " unter ", " bis zu ", " weniger als ", " moins de ", " menos de ", " fewer than "} {
		below = below || strings.Contains(folded, w)
	}
	return amounts, open, below || strings.Contains(s, "<")
}

// number reads digits with thousands and decimal marks of either convention. A
// single mark before exactly three digits is a thousands mark.
func number(s string) (float64, bool) {
	s = without(s, " '")
	dot, comma := strings.LastIndexByte(s, '.'), strings.LastIndexByte(s, ',')
	mark := max(dot, comma)
	decimals := mark >= 0 && len(s)-mark-1 != 3
	if dot >= 0 && comma >= 0 {
		decimals = true
	}
	if mark >= 0 && strings.Count(s, s[mark:mark+1]) > 1 {
		decimals = false
	}
	if mark == 1 && s[0] == '0' {
		decimals = true
	}
	fraction := ""
	if decimals {
		s, fraction = s[:mark], "."+s[mark+1:]
	}
	value, err := strconv.ParseFloat(without(s, ".,")+fraction, 64)
	return value, err == nil && !math.IsInf(value, 0)
}

func without(s, marks string) string {
	if !strings.ContainsAny(s, marks) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(marks, r) {
			return -1
		}
		return r
	}, s)
}

// magnitude reads "k", "Mio", "billion" at the start of s.
func magnitude(s string) (scale float64, rest string) {
	word := strings.TrimLeft(s, " ")
	end := 0
	for end < len(word) && (isLetter(word[end])) {
		end++
	}
	if end > 0 {
		if scale, ok := magnitudes[word[:end]]; ok {
			return scale, word[end:]
		}
	}
	return 1, s
}

var magnitudes = map[string]float64{
	"k": 1e3, "tsd": 1e3, "thousand": 1e3, "mil": 1e3, "tausend": 1e3, "mille": 1e3,
	"m": 1e6, "mm": 1e6, "mn": 1e6, "mio": 1e6, "million": 1e6, "millions": 1e6, "millionen": 1e6, "millones": 1e6, "meur": 1e6, "musd": 1e6, "mill": 1e6,
	"b": 1e9, "bn": 1e9, "bil": 1e9, "billion": 1e9, "billions": 1e9, "mrd": 1e9, "md": 1e9, "mds": 1e9, "milliarde": 1e9, "milliarden": 1e9, "milliard": 1e9, "milliards": 1e9,
	"t": 1e12, "trillion": 1e12, "cr": 1e7, "crore": 1e7, "lakh": 1e5,
}
