package listing

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/messageai/sluice/internal/normalize"
)

// columns is the map from our fields to the input's columns.
type columns struct {
	at       map[string]int // field -> column
	notes    []string       // what the user should know about the choice
	unmapped []string
}

// value returns the cell of a field, cleaned; "" if there is no such column.
func (c *columns) value(fields []string, field string) string {
	i, ok := c.at[field]
	if !ok || i >= len(fields) {
		return ""
	}
	s := Unguarded(fields[i])
	if len(s) > 3 && strings.HasPrefix(s, `="`) && strings.HasSuffix(s, `"`) { // Excel's way to keep zeros: ="00123"
		s = s[2 : len(s)-1]
	}
	return normalize.Clean(s)
}

// Fields returns the names that [Options].Map takes, sorted.
func Fields() []string { return slices.Sorted(maps.Keys(columnWords)) }

// identifying are the fields of which a list needs at least one.
var identifying = []string{"email", "profile_url", "full_name", "last_name", "company", "domain", "website"}

// mapColumns chooses a column for each field: by the user's word, else by name.
func mapColumns(header []string, overrides map[string]string) (columns, error) {
	c := columns{at: map[string]int{}}
	taken := map[int]bool{}
	for _, field := range slices.Sorted(maps.Keys(overrides)) {
		if _, ok := columnWords[field]; !ok {
			return c, userError("--map: there is no field %q; the fields are %s", field, strings.Join(Fields(), ", "))
		}
		at := slices.IndexFunc(header, func(h string) bool { return headerKey(h) == headerKey(overrides[field]) })
		if at < 0 {
			return c, userError("--map: the input has no column %q; %s", overrides[field], found(header))
		}
		c.at[field], taken[at] = at, true
	}
	ranking := map[string][]rankedColumn{}
	for i, h := range header {
		if taken[i] {
			continue
		}
		for _, match := range fieldsOf(h) {
			if _, set := c.at[match.field]; !set {
				ranking[match.field] = append(ranking[match.field], match.at(i))
			}
		}
	}
	for _, field := range slices.Sorted(maps.Keys(ranking)) {
		candidates := ranking[field]
		slices.SortStableFunc(candidates, func(a, b rankedColumn) int { return a.rank - b.rank })
		c.at[field] = candidates[0].column
		taken[candidates[0].column] = true
		if len(candidates) > 1 {
			var others []string
			for _, o := range candidates[1:] {
				taken[o.column] = true
				others = append(others, fmt.Sprintf("%q", header[o.column]))
			}
			c.notes = append(c.notes, fmt.Sprintf("%s is read from column %q, not from %s; choose with --map %s=Column",
				field, header[candidates[0].column], strings.Join(others, ", "), field))
		}
	}
	c.settleAmbiguous(header, taken)
	for i, h := range header {
		if !taken[i] && strings.TrimSpace(h) != "" && !strings.HasPrefix(h, Prefix) {
			c.unmapped = append(c.unmapped, h)
		}
	}
	for _, field := range identifying {
		if _, ok := c.at[field]; ok {
			return c, nil
		}
	}
	return c, userError("no column says who the row is about (%s); %s; name one with --map, for example --map email=Column",
		strings.Join(identifying, ", "), found(header))
}

// found names the columns, unless the line looks like data: then the list has
// no line of names, and the message must not repeat what may be about people.
func found(header []string) string {
	var names []string
	for _, h := range header {
		if _, isEmail := normalize.Email(h); isEmail || strings.Contains(h, "://") || digits(h) > 5 {
			return "its first line looks like data, so it seems to have no column names"
		}
		if h = normalize.Clean(h); h != "" && len(names) < 40 {
			if len(h) > 40 {
				h = strings.ToValidUTF8(h[:40], "") + "…"
			}
			names = append(names, h)
		}
	}
	return "the columns found are " + strings.Join(names, ", ")
}

func digits(s string) int {
	n := 0
	for _, r := range s {
		if r >= '0' && r <= '9' {
			n++
		}
	}
	return n
}

// understood counts the columns of a header that are known by name.
func understood(header []string, overrides map[string]string) int {
	n := 0
	for _, h := range header {
		key := headerKey(h)
		known := len(fieldsOf(h)) > 0 || ambiguous[key]
		for _, name := range overrides {
			known = known || key != "" && headerKey(name) == key
		}
		if known {
			n++
		}
	}
	return n
}

func headerKey(h string) string { return strings.ReplaceAll(normalize.Fold(h), " ", "") }

// ranked is a field that a header may mean; the lower the rank, the more surely.
type ranked struct {
	field string
	rank  int
}

type rankedColumn struct{ column, rank int }

func (r ranked) at(column int) rankedColumn { return rankedColumn{column, r.rank} }

// fieldsOf returns the fields that a column name may mean.
func fieldsOf(header string) []ranked {
	key := headerKey(header)
	if key == "" || strings.HasPrefix(strings.ToLower(header), Prefix) {
		return nil
	}
	if out := lookup(key, 0); out != nil {
		return out
	}
	for _, prefix := range [...]string{"contact", "lead", "person", "prospect", "properties", "primary", "main", "user"} {
		if rest, ok := strings.CutPrefix(key, prefix); ok && rest != "" {
			if out := lookup(rest, 100); out != nil {
				return out
			}
		}
	}
	return nil
}

func lookup(key string, penalty int) []ranked {
	match, ok := headerWords[key]
	if !ok {
		return nil
	}
	match.rank += penalty
	return []ranked{match}
}

// settleAmbiguous decides about names that mean one thing beside some columns
// and another beside others.
func (c *columns) settleAmbiguous(header []string, taken map[int]bool) {
	set := func(field string, i int) {
		if _, ok := c.at[field]; !ok && !taken[i] {
			c.at[field], taken[i] = i, true
		}
	}
	has := func(field string) bool { _, ok := c.at[field]; return ok }
	person := has("title") || has("email") || has("profile_url") || has("first_name") || has("last_name")
	for i, h := range header {
		if taken[i] {
			continue
		}
		switch key := headerKey(h); key {
		case "nom":
			if has("first_name") {
				set("last_name", i)
			} else {
				set("full_name", i)
			}
		case "nombre":
			if has("last_name") {
				set("first_name", i)
			} else {
				set("full_name", i)
			}
		case "name", "displayname":
			switch {
			case has("first_name") && !has("last_name"):
				set("last_name", i)
			case has("last_name"):
			case person || has("company"):
				set("full_name", i)
			default:
				set("company", i)
			}
		case "url", "link":
			if slices.ContainsFunc(header, func(other string) bool { return headerKey(other) == "connectedon" }) {
				set("profile_url", i)
			} else {
				set("website", i)
			}
		}
	}
}
