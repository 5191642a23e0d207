package hubspot

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// value is a property value on input: a string, number or boolean.
type value string

// UnmarshalJSON accepts what HubSpot accepts; null, lists and objects are refused.
func (v *value) UnmarshalJSON(data []byte) error {
	switch c := data[0]; {
	case c == '"':
		var s string
		if err := json.Unmarshal(data, &s); err != nil {
			return err
		}
		*v = value(s)
	case c == 't', c == 'f', c == '-', c >= '0' && c <= '9':
		*v = value(data)
	default:
		return fmt.Errorf("a property value must be a string, number or boolean")
	}
	return nil
}

type upsertInput struct {
	ID         string           `json:"id"`
	IDProperty string           `json:"idProperty"`
	Properties map[string]value `json:"properties"`
	TraceID    string           `json:"objectWriteTraceId"`
}

// batchUpsert creates or updates up to 100 records by a unique property.
func (s *Server) batchUpsert(rt routed, r *http.Request) (int, any, *failure) {
	start, t := time.Now(), s.objects[rt.typ]
	var in struct {
		Inputs []upsertInput `json:"inputs"`
	}
	if fail := decode(r, &in); fail != nil {
		return 0, nil, fail
	}
	traced, fail := checkUpsert(t, in.Inputs)
	if fail != nil {
		return 0, nil, fail
	}
	// One bad record spoils a batch whose failures could not be told apart, and
	// one whose key is the address (HubSpot: no partial upserts by e-mail).
	partial := traced && in.Inputs[0].IDProperty != propEmail
	var results []map[string]any
	var errs []batchError
	tx := s.begin(t)
	for _, input := range in.Inputs {
		current := t.find(input.IDProperty, input.ID)
		props := maps.Clone(input.Properties)
		props[input.IDProperty] = value(input.ID)
		written, fail := tx.write(current, props)
		if fail != nil {
			if !partial {
				tx.rollback()
				if fail.status == http.StatusConflict { // without trace ids there is no id either
					return 0, nil, &failure{status: fail.status, category: fail.category, message: t.info.singular + " already exists"}
				}
				return 0, nil, fail
			}
			errs = append(errs, fail.inBatch(input.TraceID))
			continue
		}
		shown := append(slices.Collect(maps.Keys(props)), propID, propCreated, t.info.modified)
		result := t.show(written, shown)
		result["new"] = current == nil
		result["objectWriteTraceId"] = input.TraceID
		results = append(results, result)
	}
	if fail := tx.commit(nil); fail != nil {
		return 0, nil, fail
	}
	slices.Reverse(results) // the order is not documented, so nobody may rely on it
	status := http.StatusOK
	if len(errs) > 0 {
		status = http.StatusMultiStatus
		for _, result := range results { // not in the documented mixed answer
			delete(result, "objectWriteTraceId")
		}
	}
	return status, batchAnswer(start, results, errs), nil
}

// checkUpsert refuses what refuses a whole batch, and reports whether every
// input carries its own trace id.
func checkUpsert(t *table, inputs []upsertInput) (traced bool, fail *failure) {
	if len(inputs) == 0 || len(inputs) > 100 {
		return false, badRequest(fmt.Sprintf("The batch must hold 1 to 100 inputs, not %d", len(inputs)))
	}
	ids, traces := map[string]bool{}, map[string]bool{}
	var repeated []string
	for _, input := range inputs {
		switch {
		case input.ID == "" || input.Properties == nil:
			return false, badRequest("Every input needs id and properties")
		case input.IDProperty != inputs[0].IDProperty:
			return false, badRequest("All inputs must use the same idProperty")
		case input.IDProperty == propID || !t.keyed(input.IDProperty):
			return false, badRequest("idProperty must be a property with unique values")
		}
		key := input.ID
		if input.IDProperty == propEmail {
			key = strings.ToLower(key)
		}
		if own, ok := input.Properties[input.IDProperty]; ok && string(own) != input.ID {
			return false, badRequest("The id differs from the value of its idProperty")
		}
		if ids[key] {
			repeated = append(repeated, input.ID)
		}
		ids[key] = true
		if input.TraceID != "" {
			traces[input.TraceID] = true
		}
		if fail := t.checkNames(input.Properties); fail != nil {
			return false, fail
		}
	}
	if len(repeated) > 0 {
		return false, &failure{
			status: http.StatusBadRequest, category: "VALIDATION_ERROR", context: map[string][]string{"ids": repeated},
			message: fmt.Sprintf("Duplicate IDs found in batch input: %v. IDs must be unique", repeated),
		}
	}
	return len(traces) == len(inputs), nil
}

// checkNames refuses unknown and read-only properties.
func (t *table) checkNames(props map[string]value) *failure {
	for _, name := range slices.Sorted(maps.Keys(props)) {
		p, ok := t.props[name]
		var code, message string
		switch {
		case !ok:
			code, message = "PROPERTY_DOESNT_EXIST", fmt.Sprintf("Property %q does not exist", name)
		case p.Calculated:
			code, message = "READ_ONLY_VALUE", fmt.Sprintf("%q is a read only property; its value cannot be set.", name)
		default:
			continue
		}
		f := badRequest("Property values were not valid: " + message)
		f.errors = []detail{{Message: message, Code: code, Context: map[string][]string{"propertyName": {name}}}}
		return f
	}
	return nil
}

func (s *Server) create(rt routed, r *http.Request) (int, any, *failure) {
	t := s.objects[rt.typ]
	var in struct {
		Properties   map[string]value `json:"properties"`
		Associations []struct {
			To    objectRef  `json:"to"`
			Types []linkSpec `json:"types"`
		} `json:"associations"`
	}
	if fail := decode(r, &in); fail != nil {
		return 0, nil, fail
	}
	if in.Properties == nil {
		return 0, nil, badRequest("properties is required")
	}
	if fail := t.checkNames(in.Properties); fail != nil {
		return 0, nil, fail
	}
	tx := s.begin(t)
	made, fail := tx.write(nil, in.Properties)
	if fail != nil {
		return 0, nil, fail
	}
	other := companies
	if rt.typ == companies {
		other = contacts
	}
	var links []link
	for _, a := range in.Associations {
		more, fail := s.newLinks(rt.typ, made.id, other, string(a.To.ID), a.Types)
		if fail != nil {
			tx.rollback()
			return 0, nil, fail
		}
		links = append(links, more...)
	}
	if fail := tx.commit(links); fail != nil {
		return 0, nil, fail
	}
	return http.StatusCreated, t.show(made, append(slices.Collect(maps.Keys(in.Properties)), t.info.defaults...)), nil
}

func (s *Server) update(rt routed, r *http.Request) (int, any, *failure) {
	t := s.objects[rt.typ]
	current, fail := t.byKey(r.URL.Query().Get("idProperty"), rt.id)
	if fail != nil {
		return 0, nil, fail
	}
	var in struct {
		Properties map[string]value `json:"properties"`
	}
	if fail := decode(r, &in); fail != nil {
		return 0, nil, fail
	}
	if len(in.Properties) == 0 {
		return 0, nil, badRequest("properties is required")
	}
	if fail := t.checkNames(in.Properties); fail != nil {
		return 0, nil, fail
	}
	tx := s.begin(t)
	written, fail := tx.write(current, in.Properties)
	if fail == nil {
		fail = tx.commit(nil)
	}
	if fail != nil {
		return 0, nil, fail
	}
	return http.StatusOK, t.show(written, append(slices.Collect(maps.Keys(in.Properties)), propID, propCreated, t.info.modified)), nil
}

// transaction collects the writes of one call, so that they can be undone.
type transaction struct {
	s    *Server
	t    *table
	undo []func()
	ids  []string
}

func (s *Server) begin(t *table) *transaction { return &transaction{s: s, t: t} }

// write creates a record (current is nil) or updates it.
func (tx *transaction) write(current *record, props map[string]value) (*record, *failure) {
	now := time.Now()
	next := &record{props: map[string]string{}, created: now, updated: now, older: current}
	if current != nil {
		next.id, next.created = current.id, current.created
		maps.Copy(next.props, current.props)
		current.indexed(now.Add(-tx.s.opts.Lag)) // forgets versions that nothing can see
	}
	for _, name := range slices.Sorted(maps.Keys(props)) {
		v, bad := tx.t.props[name].normalise(string(props[name]))
		switch {
		case bad != nil:
			f := badRequest("Property values were not valid: " + bad.message)
			f.errors = []detail{{Message: bad.message, Code: bad.code, Context: map[string][]string{"propertyName": {name}}}}
			return nil, f
		case name == propStage && v != "" && slices.Index(stages, v) < slices.Index(stages, next.props[propStage]):
			continue // stages only move forward; HubSpot ignores the value
		case v == "":
			delete(next.props, name)
		default:
			next.props[name] = v
		}
	}
	if holder, property := tx.t.taken(next); holder != "" {
		return nil, tx.t.conflict(next.id, holder, property)
	}
	if current == nil {
		tx.s.nextID++
		next.id = strconv.FormatInt(tx.s.nextID, 10)
	}
	tx.t.put(next.id, next)
	tx.undo = append(tx.undo, func() { tx.t.put(next.id, current) })
	tx.ids = append(tx.ids, next.id)
	return next, nil
}

// conflict is the refusal of a unique value that another record holds. Only for
// addresses does HubSpot name that record in a way meant for programs.
func (t *table) conflict(id, holder, property string) *failure {
	f := &failure{status: http.StatusConflict, category: "CONFLICT"}
	if property == propEmail {
		f.message = fmt.Sprintf("%s already exists. Existing ID: %s", t.info.singular, holder)
		f.context = map[string][]string{"existingId": {holder}}
		return f
	}
	if id == "" {
		id = "a new record"
	}
	f.message = fmt.Sprintf("Cannot set %s on %s. %s already has that value.", property, id, holder)
	return f
}

// commit journals and keeps the writes; if that fails they are undone.
func (tx *transaction) commit(links []link) *failure {
	if fail := tx.s.commit(tx.t, tx.ids, links); fail != nil {
		tx.rollback()
		return fail
	}
	for _, l := range links {
		tx.s.addLink(l)
	}
	return nil
}

func (tx *transaction) rollback() {
	for _, undo := range slices.Backward(tx.undo) {
		undo()
	}
}
