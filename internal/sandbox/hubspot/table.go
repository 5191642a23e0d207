package hubspot

import (
	"slices"
	"strings"
	"time"
)

// record is one version of a contact or company. Records are replaced, never
// changed, so that a failed batch can be undone and the search index can lag.
type record struct {
	id      string
	props   map[string]string // without the computed ones
	created time.Time
	updated time.Time
	older   *record // the version before, while the search index may still show it
}

// table is all records of one object type, with its properties and unique keys.
type table struct {
	info    typeInfo
	props   map[string]Property
	records map[string]*record
	keys    map[string]map[string]string // unique property -> value -> record id
}

func newTable(info typeInfo) *table {
	t := &table{info: info, props: map[string]Property{}, records: map[string]*record{}, keys: map[string]map[string]string{}}
	for _, p := range info.builtin() {
		t.addProperty(p)
	}
	return t
}

func (t *table) addProperty(p Property) {
	if p.Options == nil {
		p.Options = []Option{} // the API shows an empty list
	}
	t.props[p.Name] = p
	if p.HasUniqueValue {
		t.keys[p.Name] = map[string]string{}
	}
}

// keyed reports whether records can be addressed by the property.
func (t *table) keyed(property string) bool {
	return property == propID || t.props[property].HasUniqueValue
}

// find returns the record whose unique property has the value, or nil.
// Addresses are compared without case, and secondary addresses count.
func (t *table) find(property, value string) *record {
	if property == propID || property == "" {
		return t.records[value]
	}
	if property == propEmail {
		value = strings.ToLower(strings.TrimSpace(value))
	}
	return t.records[t.keys[property][value]]
}

// uniqueKeys calls yield for each unique value that the record holds.
func (t *table) uniqueKeys(r *record, yield func(property, value string)) {
	for property := range t.keys {
		if v := r.props[property]; v != "" {
			yield(property, v)
		}
	}
	for _, v := range secondary(r) {
		yield(propEmail, v)
	}
}

func secondary(r *record) []string {
	return slices.DeleteFunc(strings.Split(r.props[propMoreEmails], ";"), func(s string) bool { return s == "" })
}

// taken returns another record that holds one of r's unique values.
func (t *table) taken(r *record) (holder, property string) {
	t.uniqueKeys(r, func(p, v string) {
		// Among several clashes the address wins, so that answers do not depend on map order.
		if id := t.keys[p][v]; id != "" && id != r.id && (holder == "" || p == propEmail) {
			holder, property = id, p
		}
	})
	return holder, property
}

// put replaces the current version of a record. A nil next removes it.
func (t *table) put(id string, next *record) {
	if now := t.records[id]; now != nil {
		t.uniqueKeys(now, func(p, v string) { delete(t.keys[p], v) })
	}
	if next == nil {
		delete(t.records, id)
		return
	}
	t.records[id] = next
	t.uniqueKeys(next, func(p, v string) { t.keys[p][v] = id })
}

// indexed returns the version that a search sees when the index holds
// everything up to a time, or nil.
func (r *record) indexed(upTo time.Time) *record {
	for v := r; v != nil; v = v.older {
		if !v.updated.After(upTo) {
			v.older = nil // nothing will look further back
			return v
		}
	}
	return nil
}

// value returns a property as the API shows it; "" if unset.
func (t *table) value(r *record, property string) string {
	switch property {
	case propID:
		return r.id
	case propCreated:
		return stamp(r.created)
	case t.info.modified:
		return stamp(r.updated)
	}
	return r.props[property]
}

// stamp is HubSpot's form of a time.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
