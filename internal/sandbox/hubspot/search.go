package hubspot

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

type filter struct {
	Property string   `json:"propertyName"`
	Operator string   `json:"operator"`
	Value    string   `json:"value"`
	High     string   `json:"highValue"`
	Values   []string `json:"values"`
}

type filterGroup struct {
	Filters []filter `json:"filters"`
}

type sorting struct {
	Property  string `json:"propertyName"`
	Direction string `json:"direction"`
}

type searchRequest struct {
	Groups     []filterGroup `json:"filterGroups"`
	Query      string        `json:"query"`
	Sorts      []sorting     `json:"sorts"`
	Properties []string      `json:"properties"`
	Limit      int           `json:"limit"`
	After      string        `json:"after"`
}

// maxFound is how many results of one query can be paged through.
const maxFound = 10_000

// search answers from an index that lags behind the records by [Options.Lag].
func (s *Server) search(rt routed, r *http.Request) (int, any, *failure) {
	t := s.objects[rt.typ]
	var in searchRequest
	if fail := decode(r, &in); fail != nil {
		return 0, nil, fail
	}
	offset, fail := checkSearch(t, &in)
	if fail != nil {
		return 0, nil, fail
	}
	upTo := time.Now()
	if s.opts.Lag > 0 {
		upTo = upTo.Add(-s.opts.Lag)
	}
	var found []*record
	for _, rec := range t.records {
		if v := rec.indexed(upTo); v != nil && t.matches(v, in) {
			found = append(found, v)
		}
	}
	slices.SortFunc(found, func(a, b *record) int {
		for _, by := range in.Sorts {
			if c := compare(t.value(a, by.Property), t.value(b, by.Property)); c != 0 {
				if by.Direction == "DESCENDING" {
					return -c
				}
				return c
			}
		}
		return compare(a.id, b.id)
	})
	page := found[min(offset, len(found)):min(offset+in.Limit, len(found))]
	names := t.info.defaults
	if len(in.Properties) > 0 {
		names = append([]string{propID, propCreated, t.info.modified}, in.Properties...)
	}
	results := make([]map[string]any, len(page))
	for i, rec := range page {
		results[i] = t.show(rec, names)
	}
	answer := map[string]any{"total": len(found), "results": results}
	if next := offset + len(page); next < len(found) {
		answer["paging"] = map[string]any{"next": map[string]string{"after": strconv.Itoa(next)}}
	}
	return http.StatusOK, answer, nil
}

// checkSearch applies defaults and limits: 5 groups of 6 filters, 18 in all,
// 200 a page, 10,000 results (vendor documentation as read in 2026-11).
func checkSearch(t *table, in *searchRequest) (offset int, fail *failure) {
	if in.Limit == 0 {
		in.Limit = 10
	}
	if in.After != "" {
		n, err := strconv.Atoi(in.After)
		if err != nil || n < 0 {
			return 0, badRequest("after is not a cursor")
		}
		offset = n
	}
	filters := 0
	for _, group := range in.Groups {
		filters += len(group.Filters)
		if len(group.Filters) > 6 {
			return 0, badRequest("A filter group may hold 6 filters")
		}
		for _, f := range group.Filters {
			if _, ok := t.props[f.Property]; !ok {
				return 0, badRequest(fmt.Sprintf("There was a problem with the request: property %q does not exist", f.Property))
			}
			if !slices.Contains(operators, f.Operator) {
				return 0, badRequest("operator is not one of " + strings.Join(operators, ", "))
			}
		}
	}
	switch {
	case in.Limit < 0 || in.Limit > 200:
		return 0, badRequest("limit must be 1 to 200")
	case offset+in.Limit > maxFound:
		return 0, badRequest("Only 10000 results of a query can be read")
	case len(in.Groups) > 5 || filters > 18:
		return 0, badRequest("A search may hold 5 filter groups and 18 filters")
	case len(in.Query) > 3000:
		return 0, badRequest("query may be 3000 characters long")
	}
	return offset, nil
}

var operators = []string{
	"EQ", "NEQ", "LT", "LTE", "GT", "GTE", "BETWEEN", "IN", "NOT_IN", "HAS_PROPERTY", "NOT_HAS_PROPERTY", "CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN",
}

// matches reports whether a record satisfies the free text and any group.
func (t *table) matches(r *record, in searchRequest) bool {
	if in.Query != "" && !t.mentions(r, in.Query) {
		return false
	}
	return len(in.Groups) == 0 || slices.ContainsFunc(in.Groups, func(g filterGroup) bool {
		return !slices.ContainsFunc(g.Filters, func(f filter) bool { return !f.holds(t.value(r, f.Property)) })
	})
}

// mentions looks for a text in the default searchable properties.
func (t *table) mentions(r *record, query string) bool {
	query = strings.ToLower(query)
	for _, name := range []string{"firstname", "lastname", propEmail, "phone", "company", "name", propDomain, "website"} {
		if strings.Contains(strings.ToLower(r.props[name]), query) {
			return true
		}
	}
	return false
}

func (f filter) holds(v string) bool {
	equal := func(want string) bool { return strings.EqualFold(v, want) }
	switch f.Operator {
	case "HAS_PROPERTY":
		return v != ""
	case "NOT_HAS_PROPERTY":
		return v == ""
	case "EQ":
		return equal(f.Value)
	case "NEQ":
		return !equal(f.Value)
	case "IN":
		return slices.ContainsFunc(f.Values, equal)
	case "NOT_IN":
		return !slices.ContainsFunc(f.Values, equal)
	case "CONTAINS_TOKEN":
		return hasToken(v, f.Value)
	case "NOT_CONTAINS_TOKEN":
		return !hasToken(v, f.Value)
	}
	if v == "" {
		return false
	}
	switch f.Operator {
	case "LT":
		return compare(v, f.Value) < 0
	case "LTE":
		return compare(v, f.Value) <= 0
	case "GT":
		return compare(v, f.Value) > 0
	case "GTE":
		return compare(v, f.Value) >= 0
	}
	return compare(v, f.Value) >= 0 && compare(v, f.High) <= 0 // BETWEEN
}

// hasToken looks for a word; a trailing or leading * matches the rest of it.
func hasToken(v, token string) bool {
	token = strings.ToLower(token)
	words := strings.FieldsFunc(strings.ToLower(v), func(c rune) bool { return strings.ContainsRune(" .,;@/-_", c) })
	return slices.ContainsFunc(words, func(w string) bool {
		switch head, tail := strings.TrimPrefix(token, "*"), strings.TrimSuffix(token, "*"); {
		case head != token:
			return strings.HasSuffix(w, head)
		case tail != token:
			return strings.HasPrefix(w, tail)
		}
		return w == token
	})
}

// compare orders numbers by value and everything else as text.
func compare(a, b string) int {
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(b, 64)
	if errX == nil && errY == nil {
		return cmp.Compare(x, y)
	}
	return strings.Compare(a, b)
}
