package normalize

import (
	"bytes"
	"strconv"
	"strings"
	"unicode"

	"github.com/nyaruka/phonenumbers/v2"
	"golang.org/x/text/unicode/norm"
)

// PhoneNumber is one valid number of a cell.
type PhoneNumber struct {
	E164      string
	Extension string
}

// Phone returns the first valid number of a cell that is not a fax. Country is
// where a number without international prefix belongs (an ISO code or a name);
// "" leaves such numbers unread. "Valid" means that the number range exists,
// not that a line answers.
func Phone(cell, country string) (PhoneNumber, bool) {
	numbers := phones(cell, country, 1)
	if len(numbers) == 0 {
		return PhoneNumber{}, false
	}
	return numbers[0], true
}

// Phones returns every valid number of a cell, in order, without faxes.
func Phones(cell, country string) []PhoneNumber { return phones(cell, country, maxPhones) }

// maxPhones and maxPhoneCell bound the work on a cell that is really a document.
const (
	maxPhones    = 8
	maxPhoneCell = 250
)

func phones(cell, country string, most int) []PhoneNumber {
	cell = strings.TrimSpace(cell)
	if len(cell) < 4 || len(cell) > maxPhoneCell || strings.Contains(cell, "@") {
		return nil
	}
	region := country
	if len(country) != 2 || strings.ToUpper(country) != country {
		region, _ = Country(country)
	}
	if simplePhone(cell) {
		if n, ok := international(cell); ok {
			return []PhoneNumber{n}
		}
		if n, ok := parsePhone(cell, region); ok {
			return []PhoneNumber{n}
		}
		return nil
	}
	cell = Clean(norm.NFKC.String(cell))
	// The library reads most notes, labels and extensions by itself; the
	// splitter below is for cells that hold several things.
	if !severalPhones(cell) {
		if n, ok := parsePhone(cell, region); ok {
			return []PhoneNumber{n}
		}
	}
	var found []PhoneNumber
	for _, piece := range phonePieces(cell) {
		n, ok := parsePhone(piece, region)
		if !ok {
			continue
		}
		if !containsPhone(found, n.E164) {
			found = append(found, n)
		}
		if len(found) == most {
			break
		}
	}
	return found
}

func containsPhone(list []PhoneNumber, e164 string) bool {
	for _, n := range list {
		if n.E164 == e164 {
			return true
		}
	}
	return false
}

// simplePhone reports whether the cell holds nothing but one number.
func simplePhone(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && strings.IndexByte(" +-.()", c) < 0 || (c == '+' && i > 1) {
			return false
		}
	}
	return true
}

// international reads the commonest cell, a full number with "+", without the
// library's parser, whose search for labels, prefixes and extensions costs five
// times as much as the check of the range. What it does not find valid as it
// stands is left to the parser.
func international(s string) (PhoneNumber, bool) {
	if s[0] != '+' {
		return PhoneNumber{}, false
	}
	digits := make([]byte, 1, 20)
	digits[0] = '+'
	for i := 1; i < len(s); i++ {
		if s[i] >= '0' && s[i] <= '9' {
			digits = append(digits, s[i])
		}
	}
	code, ok := E164(string(digits))
	if !ok || bytes.Contains(digits, []byte("000000")) {
		return PhoneNumber{}, false
	}
	national := digits[1+len(strconv.Itoa(code)):]
	if len(national) == 0 || national[0] == '0' {
		return PhoneNumber{}, false // a trunk prefix, or Italy's zero, which is part of the number
	}
	value, err := strconv.ParseUint(string(national), 10, 64)
	if err != nil {
		return PhoneNumber{}, false
	}
	callingCode := int32(code) //nolint:gosec // G115: at most three digits
	if !phonenumbers.IsValidNumber(&phonenumbers.PhoneNumber{CountryCode: &callingCode, NationalNumber: &value}) {
		return PhoneNumber{}, false
	}
	return PhoneNumber{E164: string(digits)}, true
}

func parsePhone(s, region string) (PhoneNumber, bool) {
	if region == "" {
		region = "ZZ"
		// Outside its country a number starts with 00 almost everywhere.
		if bare := strings.TrimLeft(s, " ("); strings.HasPrefix(bare, "00") && len(bare) > 2 && bare[2] != '0' {
			s = "+" + bare[2:]
		}
	}
	n, err := phonenumbers.Parse(s, region)
	if err != nil || !phonenumbers.IsValidNumber(n) {
		return PhoneNumber{}, false
	}
	return PhoneNumber{E164: phonenumbers.Format(n, phonenumbers.E164), Extension: n.GetExtension()}, true
}

// severalPhones reports whether a cell may hold more than one number or a fax.
func severalPhones(s string) bool {
	if strings.ContainsAny(s, ";|,/") || strings.LastIndexByte(s, '+') > 0 && strings.Count(s, "+") > 1 {
		return true
	}
	for _, w := range strings.Fields(Fold(s)) {
		if phoneLabel(w) == labelFax || w == "or" || w == "oder" || w == "ou" || w == "und" || w == "and" {
			return true
		}
	}
	return false
}

type phoneLabelKind int

const (
	labelNone phoneLabelKind = iota
	labelLine
	labelFax
	labelExtension
)

func phoneLabel(word string) phoneLabelKind {
	switch word {
	case "fax", "telefax", "faks", "fx", "telecopie", "telecopieur", "f":
		return labelFax
	case "tel", "telefon", "telephone", "telefono", "phone", "ph", "fon", "mobile", "mobil", "mob", "cell", "cellphone",
		"handy", "movil", "portable", "office", "work", "home", "direct", "main", "switchboard", "buro", "zentrale", "durchwahl",
		"hq", "desk", "private", "business", "t", "p", "m", "c", "o", "d", "w", "h", "gsm", "whatsapp", "or", "oder", "ou", "und", "and", "call":
		return labelLine
	case "ext", "extn", "extension", "x", "poste", "dw", "anexo", "int", "interno":
		return labelExtension
	}
	return labelNone
}

// phonePieces cuts a cell where one number ends and the next begins: at
// separators, at a second "+", and at labels. What follows a fax label is left
// out. An extension stays with its number. A slash separates two numbers only
// if both sides are long enough to be one ("089/1234567" is one).
func phonePieces(s string) []string {
	var pieces []string
	var piece strings.Builder
	fax := false
	flush := func() {
		if digitsIn(piece.String()) >= 5 && !fax {
			pieces = append(pieces, strings.Trim(piece.String(), " :.-"))
		}
		piece.Reset()
	}
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == ';' && strings.HasPrefix(s[i:], ";ext="):
			piece.WriteString(s[i : i+5])
			i += 5
			continue
		case c == ';' || c == '|' || c == ',' && !strings.Contains(strings.ToLower(s[i:min(len(s), i+6)]), "x"):
			flush()
			fax = false
		case c == '/':
			if digitsIn(piece.String()) >= 7 && digitsIn(s[i:]) >= 5 {
				flush()
				fax = false
			} else {
				piece.WriteByte(' ')
			}
		case c == '+' && digitsIn(piece.String()) > 0:
			flush()
			fax = false
			continue
		case isLetter(c):
			end := i
			for end < len(s) && isLetter(s[end]) {
				end++
			}
			switch phoneLabel(strings.ToLower(s[i:end])) {
			case labelExtension:
				piece.WriteString(" ext ")
			case labelFax:
				flush()
				fax = true
			case labelLine:
				flush()
				fax = false
			case labelNone:
				if digitsIn(piece.String()) >= 5 { // a note after the number
					flush()
				}
				piece.Reset()
			}
			i = end
			continue
		default:
			piece.WriteByte(c)
		}
		i++
	}
	flush()
	return pieces
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= 0x80 }

func digitsIn(s string) int {
	n := 0
	for _, r := range s {
		if unicode.IsDigit(r) {
			n++
		}
	}
	return n
}

// E164 reports whether s has the form of an international number ("+" and 8 to
// 15 digits of an assigned calling code), and the calling code. It does not
// look at number ranges: use it for values that [Phone] produced.
func E164(s string) (callingCode int, ok bool) {
	if len(s) < 9 || len(s) > 16 || s[0] != '+' || s[1] == '0' {
		return 0, false
	}
	for i := 1; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
	}
	code := 0
	for i := 1; i <= 3; i++ {
		code = code*10 + int(s[i]-'0')
		if phonenumbers.GetRegionCodeForCountryCode(code) != "ZZ" {
			return code, true
		}
	}
	return 0, false
}

// CallingCode returns the calling code of a country, zero if it is not known.
func CallingCode(country string) int {
	iso, ok := Country(country)
	if !ok {
		return 0
	}
	return phonenumbers.GetCountryCodeForRegion(iso)
}
