package normalize

import (
	"strings"

	"github.com/biter777/countries"
)

// Country returns the ISO 3166-1 alpha-2 code of a country that is given by
// code, English name, or a usual spelling in another language.
func Country(s string) (string, bool) {
	s = Clean(s)
	if len(s) < 2 || len(s) > 64 {
		return "", false
	}
	folded := Fold(s)
	if iso, ok := countryAliases[folded]; ok {
		return iso, true
	}
	folded = strings.TrimPrefix(folded, "the ")
	if iso, ok := countryAliases[folded]; ok {
		return iso, true
	}
	// The library also knows licence-plate and sports codes ("BAR" is
	// Barbados to it); of codes only the ISO ones are wanted here.
	for _, name := range [...]string{folded, s} {
		code := countries.ByName(name)
		if code == countries.Unknown || !code.IsValid() {
			continue
		}
		iso, iso3 := code.Alpha2(), code.Alpha3()
		if len(iso) != 2 || len(folded) == 2 && !strings.EqualFold(folded, iso) ||
			len(folded) == 3 && !strings.EqualFold(folded, iso3) {
			continue
		}
		return iso, true
	}
	return "", false
}

// CountryName returns the English name of an ISO code, or the code itself if it
// is not one.
func CountryName(iso string) string {
	if name, ok := shortNames[iso]; ok {
		return name
	}
	if code := countries.ByName(iso); code != countries.Unknown && code.Alpha2() == iso {
		return code.String()
	}
	return iso
}

// Location is a place in parts, as far as they could be told apart.
type Location struct {
	City, Region string
	Country      string // ISO code
}

// ParseLocation splits a place written in one cell: "Austin, Texas, United
// States", "München, DE", "San Francisco, CA", "Greater London Area, UK".
func ParseLocation(s string) Location {
	parts := nonEmpty(splitTrim(Clean(s), ',')...)
	var l Location
	if len(parts) == 0 {
		return l
	}
	last := parts[len(parts)-1]
	switch state := usState(last); {
	case last == "IN" && len(parts) > 1: // "Pune, IN" or "Gary, IN": nobody can tell
		parts = parts[:len(parts)-1]
	case state != "" && last != "DE" && (len(last) != 2 || len(parts) > 1):
		l.Region, l.Country = state, stateCountry(state)
		parts = parts[:len(parts)-1]
	default:
		if iso, ok := Country(last); ok {
			l.Country = iso
			parts = parts[:len(parts)-1]
		}
	}
	if n := len(parts); n > 1 && l.Region == "" {
		l.Region = parts[n-1]
		if state := usState(l.Region); state != "" && (l.Country == "US" || l.Country == "CA") {
			l.Region = state
		}
	}
	if len(parts) > 0 {
		l.City = parts[0]
	}
	return l
}

// usState returns the name of a state of the US or province of Canada that is
// given by name or capital-letter code, "" if it is none.
func usState(s string) string {
	if len(s) == 2 {
		return stateCodes[s]
	}
	f := Fold(s)
	if f == "georgia" { // the country is as likely
		return ""
	}
	for _, name := range stateCodes {
		if len(name) == len(s) && Fold(name) == f {
			return name
		}
	}
	return ""
}

func splitTrim(s string, sep byte) []string {
	var out []string
	for part := range strings.SplitSeq(s, string(sep)) {
		out = append(out, strings.TrimSpace(part))
	}
	return out
}

// Places is a set of places that somebody may be in.
type Places struct {
	Countries map[string]bool // ISO codes
	Names     map[string]bool // folded names of cities and regions
}

// Empty reports whether no place is named.
func (p Places) Empty() bool { return len(p.Countries) == 0 && len(p.Names) == 0 }

// ParsePlaces reads a list of countries, groups of countries ("DACH", "Western
// Europe") and cities, separated by commas, semicolons or "and". A state
// directly followed by its own country narrows it: "Texas, United States" is
// Texas, while "Texas, Canada" is both.
func ParsePlaces(s string) Places {
	p := Places{Countries: map[string]bool{}, Names: map[string]bool{}}
	var items []string
	for _, part := range strings.FieldsFunc(Clean(s), func(r rune) bool { return strings.ContainsRune(",;/|\n", r) }) {
		items = append(items, splitAnd(strings.TrimSpace(part))...)
	}
	for i := 0; i < len(items); i++ {
		item := items[i]
		folded := Fold(item)
		if folded == "" || folded == "remote" {
			continue
		}
		if list, ok := countryGroups[strings.TrimPrefix(folded, "the ")]; ok {
			for iso := range strings.FieldsSeq(list) {
				p.Countries[iso] = true
			}
			continue
		}
		if state := usState(item); state != "" && (len(item) != 2 || item != "CA" && item != "DE" && item != "IN") {
			p.Names[Fold(state)] = true
			if i+1 < len(items) {
				if next, ok := Country(items[i+1]); ok && next == stateCountry(state) {
					i++
				}
			}
			continue
		}
		if iso, ok := Country(item); ok {
			p.Countries[iso] = true
			continue
		}
		p.Names[folded] = true
	}
	return p
}

func stateCountry(state string) string {
	if _, ok := canadianProvinces[Fold(state)]; ok {
		return "CA"
	}
	return "US"
}

// splitAnd splits "France and Spain" but not "Trinidad and Tobago".
func splitAnd(s string) []string {
	if _, ok := Country(s); ok {
		return []string{s}
	}
	if _, ok := countryGroups[Fold(s)]; ok {
		return []string{s}
	}
	for _, word := range [...]string{" and ", " or ", " & ", " und "} {
		if before, after, ok := strings.Cut(s, word); ok {
			return append(splitAnd(before), splitAnd(after)...)
		}
	}
	return []string{s}
}

// Contains reports whether a place is in the set. Known is false if what is
// known of the place cannot decide it.
func (p Places) Contains(city, region, country string) (in, known bool) {
	city, region = Fold(city), Fold(region)
	if len(region) == 2 {
		if state := stateCodes[strings.ToUpper(region)]; state != "" {
			region = Fold(state)
		}
	}
	iso, hasCountry := Country(country)
	if hasCountry && p.Countries[iso] {
		return true, true
	}
	for name := range p.Names {
		if name == city || name == region || (city != "" && strings.Contains(" "+city+" ", " "+name+" ")) {
			return true, true
		}
	}
	switch {
	case hasCountry && (len(p.Names) == 0 || city != "" || region != ""):
		return false, true
	case !hasCountry && len(p.Countries) == 0 && (city != "" || region != ""):
		return false, true
	}
	return false, false
}
