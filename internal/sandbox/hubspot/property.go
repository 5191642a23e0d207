package hubspot

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Property is the definition of a property of contacts or companies.
type Property struct {
	Name           string    `json:"name"`
	Label          string    `json:"label"`
	Type           string    `json:"type"`
	FieldType      string    `json:"fieldType"`
	GroupName      string    `json:"groupName"`
	Description    string    `json:"description,omitempty"`
	Options        []Option  `json:"options"`
	HasUniqueValue bool      `json:"hasUniqueValue"`
	Hidden         bool      `json:"hidden"`
	FormField      bool      `json:"formField"`
	DisplayOrder   int       `json:"displayOrder,omitempty"`
	HubSpotDefined bool      `json:"hubspotDefined,omitempty"`
	Calculated     bool      `json:"calculated"` // HubSpot sets it: read-only
	CreatedAt      time.Time `json:"createdAt,omitzero"`
}

// Option is one value of an enumeration.
type Option struct {
	Label        string `json:"label"`
	Value        string `json:"value"`
	DisplayOrder int    `json:"displayOrder"`
	Hidden       bool   `json:"hidden"`
	Description  string `json:"description,omitempty"`
}

var (
	propertyName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,99}$`)
	emailAddress = regexp.MustCompile(`^[^\s@<>,;]+@[a-z0-9-]+(\.[a-z0-9-]+)+$`)
	wireTypes    = []string{"string", "number", "bool", "date", "datetime", "enumeration", "phone_number"}
	fieldTypes   = []string{"text", "textarea", "number", "phonenumber", "select", "radio", "checkbox", "booleancheckbox", "date", "file", "html", "calculation_equation"}
	groups       = map[string]string{contacts: "contactinformation", companies: "companyinformation"}
)

// maxUnique is how many unique properties an object type may have (secondary
// source, vendor documentation as read in 2026-11).
const maxUnique = 10

func (s *Server) listProperties(rt routed) (int, any, *failure) {
	t := s.objects[rt.typ]
	list := make([]Property, 0, len(t.props))
	for _, p := range t.props {
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b Property) int { return strings.Compare(a.Name, b.Name) })
	return http.StatusOK, map[string]any{"results": list}, nil
}

func (s *Server) readProperty(rt routed) (int, any, *failure) {
	if p, ok := s.objects[rt.typ].props[rt.id]; ok {
		return http.StatusOK, p, nil
	}
	return 0, nil, notFound("Property " + rt.id + " does not exist")
}

func (s *Server) createProperty(rt routed, r *http.Request) (int, any, *failure) {
	var in struct {
		Property
		ExternalOptions      bool   `json:"externalOptions"`
		DataSensitivity      string `json:"dataSensitivity"`
		CalculationFormula   string `json:"calculationFormula"`
		ReferencedObjectType string `json:"referencedObjectType"`
	}
	if fail := decode(r, &in); fail != nil {
		return 0, nil, fail
	}
	if fail := s.addProperty(rt.typ, in.Property); fail != nil {
		return 0, nil, fail
	}
	return http.StatusCreated, s.objects[rt.typ].props[in.Name], nil
}

// addProperty checks, stores and journals a definition.
func (s *Server) addProperty(typ string, p Property) *failure {
	t := s.objects[typ]
	unique := 0
	for _, have := range t.props {
		if have.HasUniqueValue && !have.HubSpotDefined {
			unique++
		}
	}
	_, exists := t.props[p.Name]
	switch {
	case !propertyName.MatchString(p.Name):
		return badRequest("Property name must be lower case letters, digits and underscores and start with a letter")
	case p.Label == "" || p.GroupName != groups[typ]:
		return badRequest("Property needs a label and an existing group")
	case !slices.Contains(wireTypes, p.Type) || !slices.Contains(fieldTypes, p.FieldType):
		return badRequest("Property type or fieldType is not known")
	case p.Type == "enumeration" && len(p.Options) == 0:
		return badRequest("Property of type enumeration needs options")
	case exists:
		return &failure{status: http.StatusConflict, category: "CONFLICT", message: "A property named '" + p.Name + "' already exists."}
	case p.HasUniqueValue && unique >= maxUnique:
		return badRequest(fmt.Sprintf("Cannot have more than %d unique properties", maxUnique))
	}
	p.HubSpotDefined, p.Calculated, p.CreatedAt = false, false, time.Now().UTC()
	if err := s.append(entry{Type: typ, Property: &p}); err != nil {
		return internal(err)
	}
	t.addProperty(p)
	return nil
}

// invalid is why a value was refused.
type invalid struct{ code, message string }

// normalise brings a value into the form that HubSpot stores, or says why it is
// refused. The empty value clears and is always accepted.
func (p Property) normalise(value string) (string, *invalid) {
	if value == "" {
		return "", nil
	}
	if len(value) > 65_536 {
		return "", &invalid{"PROPERTY_TOO_LARGE", "Property value is longer than 65536 characters"}
	}
	switch {
	case p.Name == propEmail:
		value = strings.ToLower(strings.TrimSpace(value))
		if !emailAddress.MatchString(value) {
			return "", &invalid{"INVALID_EMAIL", "Email address " + value + " is invalid"}
		}
	case p.Name == propMoreEmails:
		return strings.ToLower(strings.TrimSpace(value)), nil
	case p.Name == propDomain:
		return strings.ToLower(strings.TrimSpace(value)), nil
	case p.Type == "number":
		if _, err := strconv.ParseFloat(value, 64); err != nil {
			return "", &invalid{"INVALID_DOUBLE", value + " was not a valid number."}
		}
	case p.Type == "bool":
		if value != "true" && value != "false" {
			return "", &invalid{"INVALID_OPTION", value + " was not one of the allowed options: [true, false]"}
		}
	case p.Type == "datetime" || p.Type == "date":
		_, notEpoch := strconv.ParseInt(value, 10, 64)
		_, notTime := time.Parse(time.RFC3339, value)
		_, notDate := time.Parse(time.DateOnly, value)
		if notEpoch != nil && notTime != nil && notDate != nil {
			return "", &invalid{"INVALID_DATE", value + " was not a valid date."}
		}
	case p.Type == "enumeration":
		for _, v := range strings.Split(value, ";") {
			if !slices.ContainsFunc(p.Options, func(o Option) bool { return o.Value == v }) {
				return "", &invalid{"INVALID_OPTION", v + " was not one of the allowed options"}
			}
		}
	}
	return value, nil
}
