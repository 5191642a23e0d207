package hubspot

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// batchError is one entry of a mixed answer's errors.
type batchError struct {
	Status   string              `json:"status"`
	Category string              `json:"category"`
	Message  string              `json:"message"`
	Errors   []detail            `json:"errors,omitempty"`
	Context  map[string][]string `json:"context,omitempty"`
}

// inBatch turns a failure into an entry that names its input.
func (f *failure) inBatch(trace string) batchError {
	e := batchError{Status: "error", Category: f.category, Message: f.message, Errors: f.errors, Context: map[string][]string{"objectWriteTraceId": {trace}}}
	for k, v := range f.context {
		e.Context[k] = v
	}
	return e
}

func batchAnswer[T any](start time.Time, results []T, errs []batchError) map[string]any {
	if results == nil {
		results = []T{}
	}
	answer := map[string]any{"status": "COMPLETE", "results": results, "startedAt": stamp(start), "completedAt": stamp(time.Now())}
	if len(errs) > 0 {
		answer["numErrors"], answer["errors"] = len(errs), errs
	}
	return answer
}

// show is a record as the API returns it: unset properties are null, unknown
// names are left out.
func (t *table) show(r *record, names []string) map[string]any {
	props := map[string]*string{}
	for _, name := range names {
		if _, known := t.props[name]; !known {
			continue
		}
		props[name] = nil
		if v := t.value(r, name); v != "" {
			props[name] = &v
		}
	}
	return map[string]any{"id": r.id, "properties": props, "createdAt": stamp(r.created), "updatedAt": stamp(r.updated), "archived": false}
}

// byKey finds a record by id or unique property.
func (t *table) byKey(property, key string) (*record, *failure) {
	if property != "" && !t.keyed(property) {
		return nil, badRequest("idProperty must be a property with unique values")
	}
	r := t.find(property, key)
	if r == nil {
		return nil, notFound("resource not found")
	}
	return r, nil
}

func (s *Server) read(rt routed, r *http.Request) (int, any, *failure) {
	t, q := s.objects[rt.typ], r.URL.Query()
	found, fail := t.byKey(q.Get("idProperty"), rt.id)
	if fail != nil {
		return 0, nil, fail
	}
	names := t.info.defaults
	for _, list := range q["properties"] {
		names = append(names[:len(names):len(names)], strings.Split(list, ",")...)
	}
	return http.StatusOK, t.show(found, names), nil
}

// objectRef refers to a record; ids may come as strings or numbers.
type objectRef struct {
	ID refID `json:"id"`
}

type refID string

// UnmarshalJSON accepts a string or a number.
func (id *refID) UnmarshalJSON(data []byte) error {
	var n json.Number
	if err := json.Unmarshal(data, &n); err == nil {
		*id = refID(n)
		return nil
	}
	var s string
	if err := json.Unmarshal(data, &s); err != nil {
		return fmt.Errorf("an id must be a string or a number")
	}
	*id = refID(s)
	return nil
}

// batchRead reads up to 100 records by id or by a unique property. What is
// missing is absent from the results, and makes the answer a 207.
func (s *Server) batchRead(rt routed, r *http.Request) (int, any, *failure) {
	start, t := time.Now(), s.objects[rt.typ]
	var in struct {
		Inputs     []objectRef `json:"inputs"`
		IDProperty string      `json:"idProperty"`
		Properties []string    `json:"properties"`
		History    []string    `json:"propertiesWithHistory"`
	}
	if fail := decode(r, &in); fail != nil {
		return 0, nil, fail
	}
	switch {
	case len(in.Inputs) == 0 || len(in.Inputs) > 100:
		return 0, nil, badRequest(fmt.Sprintf("The batch must hold 1 to 100 inputs, not %d", len(in.Inputs)))
	case in.Properties == nil || in.History == nil:
		return 0, nil, badRequest("properties and propertiesWithHistory are required")
	case in.IDProperty != "" && !t.keyed(in.IDProperty):
		return 0, nil, badRequest("idProperty must be a property with unique values")
	}
	names := t.info.defaults
	if len(in.Properties) > 0 {
		names = append([]string{propID, propCreated, t.info.modified}, in.Properties...)
	}
	var results []map[string]any
	var missing []string
	seen := map[string]bool{}
	for _, input := range in.Inputs {
		found := t.find(in.IDProperty, string(input.ID))
		if found == nil {
			missing = append(missing, string(input.ID))
		} else if !seen[found.id] {
			seen[found.id] = true
			results = append(results, t.show(found, names))
		}
	}
	if len(missing) == 0 {
		return http.StatusOK, batchAnswer(start, results, nil), nil
	}
	return http.StatusMultiStatus, batchAnswer(start, results, []batchError{{
		Status: "error", Category: "OBJECT_NOT_FOUND", Context: map[string][]string{"ids": missing},
		Message: "Could not get some " + strings.ToUpper(t.info.singular) + " objects, they may be deleted or not exist. Check that ids are valid.",
	}}), nil
}
