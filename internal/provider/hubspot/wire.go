package hubspot

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// object is a record, or a result of an upsert.
type object struct {
	ID         string             `json:"id"`
	New        bool               `json:"new"`
	Archived   bool               `json:"archived"`
	TraceID    string             `json:"objectWriteTraceId"`
	Properties map[string]*string `json:"properties"` // null or "" if unset
}

func (o object) property(name string) string {
	if v := o.Properties[name]; v != nil {
		return *v
	}
	return ""
}

// batchAnswer is the answer of the batch endpoints, 2xx and 207.
type batchAnswer struct {
	Results []object `json:"results"`
	Errors  []answer `json:"errors"`
}

// answer is HubSpot's error form, alone or inside a batch. Every member is
// optional by contract.
type answer struct {
	Message    string              `json:"message"`
	Category   string              `json:"category"`
	PolicyName string              `json:"policyName"`
	Errors     []detail            `json:"errors"`
	Context    map[string][]string `json:"context"`
}

type detail struct {
	Code    string              `json:"code"`
	Context map[string][]string `json:"context"`
}

// parseAnswer reads an error body as far as it can be read.
func parseAnswer(body []byte) answer {
	var a answer
	if json.Unmarshal(body, &a) != nil {
		return answer{} // proxies answer in HTML; the status decides then
	}
	return a
}

var holderID = regexp.MustCompile(`Existing ID: (\d+)|(\d+) already has that value`)

// holder is the id of the record that holds a key, "" if the answer does not say.
func (a answer) holder() string {
	if ids := a.Context["existingId"]; len(ids) > 0 && ids[0] != "" {
		return ids[0]
	}
	if m := holderID.FindStringSubmatch(a.Message); m != nil {
		return m[1] + m[2] // one of them matched
	}
	return ""
}

// has reports whether one of the error details has the code.
func (a answer) has(code string) bool {
	return slices.ContainsFunc(a.Errors, func(d detail) bool { return d.Code == code })
}

// reason says why a record was refused, without any of its data: HubSpot's
// messages repeat values, its codes and property names do not.
func (a answer) reason() string {
	var parts []string
	for _, d := range a.Errors {
		part := code(d.Code)
		if names := d.Context["propertyName"]; len(names) > 0 {
			part += " (" + strings.Join(names, ", ") + ")"
		}
		parts = append(parts, part)
	}
	if len(parts) == 0 {
		parts = []string{code(a.Category)}
	}
	return "HubSpot refused the record: " + strings.Join(parts, "; ")
}

// code keeps what looks like one of HubSpot's constants.
func code(s string) string {
	if s == "" || strings.ContainsFunc(s, func(r rune) bool { return r != '_' && (r < 'A' || r > 'Z') }) {
		return "VALIDATION_ERROR"
	}
	return s
}

type upsertInput struct {
	IDProperty string            `json:"idProperty"`
	ID         string            `json:"id"`
	TraceID    string            `json:"objectWriteTraceId"`
	Properties map[string]string `json:"properties"`
}

type ref struct {
	ID string `json:"id"`
}

type readBody struct {
	IDProperty string   `json:"idProperty"`
	Inputs     []ref    `json:"inputs"`
	Properties []string `json:"properties"`
	History    []string `json:"propertiesWithHistory"`
}

type associationType struct {
	Category string `json:"associationCategory"`
	TypeID   int    `json:"associationTypeId"`
}

type association struct {
	From  ref               `json:"from"`
	To    ref               `json:"to"`
	Types []associationType `json:"types"`
}

// contactToCompany is HubSpot's unlabelled association from contact to company.
const contactToCompany = 279

type inputs[T any] struct {
	Inputs []T `json:"inputs"`
}

type propertiesBody struct {
	Properties map[string]string `json:"properties"`
}

// property is a property definition.
type property struct {
	Name           string `json:"name"`
	Label          string `json:"label"`
	Type           string `json:"type"`
	FieldType      string `json:"fieldType"`
	GroupName      string `json:"groupName"`
	HasUniqueValue bool   `json:"hasUniqueValue"`
	Hidden         bool   `json:"hidden"`
	FormField      bool   `json:"formField"`
}

// objectType is how one kind of record maps to HubSpot.
type objectType struct {
	name string // in paths
	key  string // property of our id
	// names maps our fields to HubSpot's properties.
	names map[string]string
	// own are the properties that Prepare makes sure of.
	own []property
}

// properties are the property names to read.
func (t objectType) properties() []string {
	list := append(slices.Collect(maps.Values(t.names)), t.key)
	if t.name == contactsName {
		list = append(list, moreEmails)
	}
	slices.Sort(list)
	return list
}

const (
	contactsName  = "contacts"
	companiesName = "companies"
	moreEmails    = "hs_additional_emails"
)
