package normalize

import "strings"

// Industry returns the canonical industry that a label means: LinkedIn's and
// Apollo's labels, common short forms, and labels in German, French and
// Spanish. A label of several ("Software, Internet") gives the first that is
// understood.
func Industry(label string) (string, bool) {
	folded := Fold(strings.ReplaceAll(label, "&", " and "))
	if name, ok := industryOf(folded); ok {
		return name, true
	}
	for part := range strings.FieldsFuncSeq(label, func(r rune) bool { return strings.ContainsRune(",;/|>", r) }) {
		if name, ok := industryOf(Fold(strings.ReplaceAll(part, "&", " and "))); ok {
			return name, true
		}
	}
	return "", false
}

func industryOf(folded string) (string, bool) {
	if folded == "" {
		return "", false
	}
	if name, ok := industryLabels[folded]; ok {
		return name, true
	}
	for _, ending := range [...]string{" industry", " sector", " services", " company", " companies", " and services"} {
		if name, ok := industryLabels[strings.TrimSuffix(folded, ending)]; ok {
			return name, true
		}
	}
	return "", false
}

// Sector returns the part of the economy that a canonical industry belongs to,
// "" for an unknown one.
func Sector(industry string) string {
	if i, ok := industryIndex[industry]; ok {
		return industries[i].sector
	}
	return ""
}

// NeighbourIndustries reports whether two canonical industries sell or work so
// much alike that one often stands for the other.
func NeighbourIndustries(a, b string) bool {
	for _, pair := range [2][2]string{{a, b}, {b, a}} {
		if i, ok := industryIndex[pair[0]]; ok {
			for n := range strings.SplitSeq(industries[i].neighbours, ", ") {
				if n == pair[1] {
					return true
				}
			}
		}
	}
	return false
}

// Industries returns the canonical industries, in a fixed order.
func Industries() []string {
	out := make([]string, len(industries))
	for i, row := range industries {
		out[i] = row.name
	}
	return out
}

// IndustryLabels returns the folded labels that mean a canonical industry, its
// own name first; nil for an unknown one.
func IndustryLabels(industry string) []string {
	i, ok := industryIndex[industry]
	if !ok {
		return nil
	}
	return append([]string{Fold(industry)}, splitTrim(industries[i].labels, ',')...)
}

var (
	industryIndex  = indexIndustries()
	industryLabels = labelIndustries()
)

func indexIndustries() map[string]int {
	m := make(map[string]int, len(industries))
	for i, row := range industries {
		m[row.name] = i
	}
	return m
}

func labelIndustries() map[string]string {
	m := make(map[string]string, 700)
	for _, row := range industries {
		m[Fold(row.name)] = row.name
		for _, label := range splitTrim(row.labels, ',') {
			if label != "" {
				m[label] = row.name
			}
		}
	}
	return m
}
