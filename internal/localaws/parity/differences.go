package parity

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Difference is what a source, an AWS document or a recording, decides about a
// case on a partner. Anything else in which the local stack and the partner
// differ there is not decided.
type Difference struct {
	Case, Partner string
	Places        []string // as [Compare] names them, sorted
	Decision      string
}

// Differences reads the decided differences from docs/localaws.md: the rows
// `| case | partner | places | decision |` of any table whose first column has
// a case in backquotes, or several with the same places. Places are in
// backquotes too.
func Differences(document string) ([]Difference, error) {
	var out []Difference
	for n, line := range strings.Split(document, "\n") {
		if !strings.HasPrefix(line, "| `") {
			continue
		}
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		cases := quoted(cells[0])
		if !slices.ContainsFunc(cases, isCase) {
			continue
		}
		if len(cells) != 4 {
			return nil, fmt.Errorf("line %d: a difference has a case, a partner, places and a decision", n+1)
		}
		partner, places, decision := strings.TrimSpace(cells[1]), quoted(cells[2]), strings.TrimSpace(cells[3])
		slices.Sort(places)
		for _, id := range cases {
			if !isCase(id) || partner == "" || decision == "" || len(places) == 0 {
				return nil, fmt.Errorf("line %d: the difference in %s needs service/operation/name, a partner, the places and the source that decides", n+1, id)
			}
			if slices.ContainsFunc(out, func(d Difference) bool { return d.Case == id && d.Partner == partner }) {
				return nil, fmt.Errorf("line %d: %s on %s is decided twice", n+1, id, partner)
			}
			out = append(out, Difference{Case: id, Partner: partner, Places: places, Decision: decision})
		}
	}
	return out, nil
}

// quoted are the parts of a cell that are in backquotes.
func quoted(cell string) []string {
	var out []string
	for i, part := range strings.Split(cell, "`") {
		if i%2 == 1 {
			out = append(out, part)
		}
	}
	return out
}

func isCase(id string) bool { return strings.Count(id, "/") == 2 }

// Verdict is how a case on a partner compares with the local stack.
type Verdict string

// The verdicts of [Compare].
const (
	Same          Verdict = "same"
	Different     Verdict = "different"
	NotComparable Verdict = "not comparable" // the partner does not have the operation
)

// Compare compares what one case saw on two implementations. The places are
// where they differ, sorted: a note and the way to the value in it, such as
// "query.Items[1].v" or, for the second note called page, "page#2"; only the
// note if one of them failed or did not come so far. The detail shows the first
// place. A case that could not be carried out differs at "broken after" its
// last note; one that is not comparable differs at "lacks" the operation.
func Compare(local, partner Observation) (v Verdict, places []string, detail string) {
	if partner.Missing != "" {
		return NotComparable, []string{"lacks " + partner.Missing}, "the partner answers that it does not have " + partner.Missing
	}
	d := differing{}
	left, right := named(local.Notes), named(partner.Notes)
	for _, n := range left {
		i := slices.IndexFunc(right, func(m Note) bool { return m.What == n.What })
		switch {
		case i >= 0:
			d.values(n.What, n.Value, right[i].Value)
		case partner.Broken == "":
			d.at(n.What, n.Value, "nothing")
		}
	}
	for _, n := range right {
		if !slices.ContainsFunc(left, func(m Note) bool { return m.What == n.What }) {
			d.at(n.What, "nothing", n.Value)
		}
	}
	if local.Broken != partner.Broken {
		after := "the beginning"
		if n := min(len(left), len(right)); n > 0 {
			after = right[n-1].What
		}
		d.at("broken after "+after, local.Broken, partner.Broken)
	}
	if len(d.places) == 0 {
		return Same, nil, ""
	}
	slices.Sort(d.places)
	return Different, slices.Compact(d.places), d.detail
}

// named numbers notes of the same name.
func named(notes []Note) []Note {
	out, count := slices.Clone(notes), map[string]int{}
	for i, n := range notes {
		if count[n.What]++; count[n.What] > 1 {
			out[i].What += fmt.Sprintf("#%d", count[n.What])
		}
	}
	return out
}

// differing collects places.
type differing struct {
	places []string
	detail string
}

func (d *differing) at(place string, local, partner any) {
	// Texts of expressions may hold what ends a cell of the document's table.
	place = strings.NewReplacer("`", "'", "|", "/").Replace(place)
	if d.detail == "" {
		d.detail = fmt.Sprintf("at %s: local: %v, partner: %v", place, local, partner)
	}
	d.places = append(d.places, place)
}

func (d *differing) values(place string, local, partner any) {
	if reflect.DeepEqual(local, partner) {
		return
	}
	switch a := local.(type) {
	case map[string]any:
		if b, ok := partner.(map[string]any); ok {
			names := slices.Concat(slices.Collect(maps.Keys(a)), slices.Collect(maps.Keys(b)))
			slices.Sort(names)
			for _, name := range slices.Compact(names) {
				d.values(place+"."+name, a[name], b[name])
			}
			return
		}
	case []any:
		if b, ok := partner.([]any); ok && len(a) == len(b) {
			for i := range a {
				d.values(fmt.Sprintf("%s[%d]", place, i), a[i], b[i])
			}
			return
		}
	}
	d.at(place, local, partner)
}
