package hubspot_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/messageai/sluice/internal/sandbox/hubspot"
)

// contract is the OpenAPI document of the CRM contract.
type contract struct {
	Paths      map[string]map[string]json.RawMessage
	Components struct {
		Schemas   map[string]schema
		Responses map[string]response
	}
}

type response struct {
	Ref     string `json:"$ref"`
	Content map[string]struct{ Schema schema }
}

// schema is the part of JSON schema that the contract uses.
type schema struct {
	Ref        string `json:"$ref"`
	Type       string
	Nullable   bool
	Required   []string
	Properties map[string]schema
	Additional json.RawMessage `json:"additionalProperties"`
	Items      *schema
	Enum       []any
	AllOf      []schema
	OneOf      []schema
}

func loadContract(t *testing.T) contract {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "..", "..", "shared", "contracts", "hubspot", "hubspot.openapi.json"))
	if errors.Is(err, fs.ErrNotExist) && os.Getenv("SLUICE_REQUIRE_SHARED") != "1" {
		t.Skip("the shared contracts are not beside the repository; set SLUICE_REQUIRE_SHARED=1 to require them")
	}
	if err != nil {
		t.Fatal(err)
	}
	var c contract
	if err := json.Unmarshal(data, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// check reports where a value does not match a schema.
func (c contract) check(at string, s schema, v any) []string {
	if s.Ref != "" {
		return c.check(at, c.Components.Schemas[s.Ref[strings.LastIndex(s.Ref, "/")+1:]], v)
	}
	var bad []string
	for _, part := range s.AllOf {
		bad = append(bad, c.check(at, part, v)...)
	}
	if len(s.OneOf) > 0 && !slices.ContainsFunc(s.OneOf, func(o schema) bool { return len(c.check(at, o, v)) == 0 }) {
		bad = append(bad, at+": matches no alternative")
	}
	if v == nil {
		if !s.Nullable {
			bad = append(bad, at+": is null")
		}
		return bad
	}
	if len(s.Enum) > 0 && !slices.Contains(s.Enum, v) {
		bad = append(bad, fmt.Sprintf("%s: %v is not allowed", at, v))
	}
	kind := map[string]string{"object": "map[string]interface {}", "array": "[]interface {}", "string": "string", "boolean": "bool", "integer": "float64", "number": "float64"}[s.Type]
	if kind != "" && fmt.Sprintf("%T", v) != kind {
		return append(bad, fmt.Sprintf("%s: %T, want %s", at, v, s.Type))
	}
	switch v := v.(type) {
	case []any:
		if s.Items != nil {
			for i, item := range v {
				bad = append(bad, c.check(at+"["+strconv.Itoa(i)+"]", *s.Items, item)...)
			}
		}
	case map[string]any:
		for _, name := range s.Required {
			if _, ok := v[name]; !ok {
				bad = append(bad, at+": has no "+name)
			}
		}
		var more schema
		closed := string(s.Additional) == "false"
		_ = json.Unmarshal(s.Additional, &more) // a boolean leaves the empty schema, which accepts all but null
		for name, item := range v {
			if p, ok := s.Properties[name]; ok {
				bad = append(bad, c.check(at+"."+name, p, item)...)
			} else if closed {
				bad = append(bad, at+": "+name+" is not allowed")
			} else if more.Type != "" || more.Ref != "" {
				bad = append(bad, c.check(at+"."+name, more, item)...)
			}
		}
	}
	return bad
}

// TestAnswersMatchTheContract checks every kind of answer against the schema
// that the contract declares for its operation and status.
func TestAnswersMatchTheContract(t *testing.T) {
	t.Parallel()
	c := loadContract(t)
	s := newServer(t, hubspot.Options{Lag: -1})
	const objects, props = "/crm/objects/{apiVersion}/{objectType}", "/crm/properties/{apiVersion}/{objectType}"
	link := `{"inputs":[{"from":{"id":"208840000001"},"to":{"id":"%s"},"types":[{"associationCategory":"HUBSPOT_DEFINED","associationTypeId":279}]}]}`
	for _, step := range []struct {
		operation, method, path, body string
		status                        int
	}{
		{objects, "POST", base, `{"properties":{"email":"a@north.example"}}`, 201},
		{objects, "POST", base, `{"properties":{"email":"a@north.example"}}`, 409},
		{objects, "POST", base, `{"properties":{"nonsense":"1"}}`, 400},
		{objects, "POST", "/crm/objects/2026-09/companies", `{"properties":{"name":"North"},"associations":[{"to":{"id":"208840000001"},"types":[{"associationCategory":"HUBSPOT_DEFINED","associationTypeId":280}]}]}`, 201},
		{objects + "/{objectId}", "GET", base + "/208840000001", "", 200},
		{objects + "/{objectId}", "GET", base + "/1", "", 404},
		{objects + "/{objectId}", "PATCH", base + "/208840000001", `{"properties":{"city":"Lisbon"}}`, 200},
		{objects + "/batch/upsert", "POST", base + "/batch/upsert", batch(upsert("l1", "b@north.example")), 200},
		{objects + "/batch/upsert", "POST", base + "/batch/upsert", batch(upsert("l1", "b@north.example"), upsert("l2", "a@north.example"), upsert("l3", "?")), 207},
		{objects + "/batch/upsert", "POST", base + "/batch/upsert", batch(upsert("l1", ""), upsert("l1", "")), 400},
		{objects + "/batch/read", "POST", base + "/batch/read", `{"idProperty":"email","inputs":[{"id":"a@north.example"}],"properties":["city"],"propertiesWithHistory":[]}`, 200},
		{objects + "/batch/read", "POST", base + "/batch/read", `{"inputs":[{"id":"7"}],"properties":[],"propertiesWithHistory":[]}`, 207},
		{objects + "/search", "POST", base + "/search", `{"filterGroups":[],"sorts":[],"properties":["email"],"limit":1,"after":"0"}`, 200},
		{objects + "/{objectId}/associations/default/{toObjectType}/{toObjectId}", "PUT", base + "/208840000001/associations/default/companies/208840000002", "", 200},
		{"/crm/associations/{apiVersion}/{fromObjectType}/{toObjectType}/batch/create", "POST", "/crm/associations/2026-09/contacts/companies/batch/create", fmt.Sprintf(link, "208840000002"), 200},
		{"/crm/associations/{apiVersion}/{fromObjectType}/{toObjectType}/batch/create", "POST", "/crm/associations/2026-03/contacts/companies/batch/create", fmt.Sprintf(link, "208840000002"), 201},
		{"/crm/associations/{apiVersion}/{fromObjectType}/{toObjectType}/batch/create", "POST", "/crm/associations/2026-09/contacts/companies/batch/create", fmt.Sprintf(link, "9"), 207},
		{props, "GET", "/crm/properties/2026-09/contacts", "", 200},
		{props, "POST", "/crm/properties/2026-09/contacts", `{"name":"x","label":"X","type":"number","fieldType":"number","groupName":"contactinformation"}`, 201},
		{props, "POST", "/crm/properties/2026-09/contacts", `{"name":"x","label":"X","type":"number","fieldType":"number","groupName":"contactinformation"}`, 409},
		{props + "/{propertyName}", "GET", "/crm/properties/2026-09/contacts/x", "", 200},
	} {
		name := fmt.Sprintf("%s %s %d", step.method, step.operation, step.status)
		status, body, _ := call(t, s, step.method, step.path, step.body)
		if status != step.status {
			t.Errorf("%s: answered %d", name, status)
			continue
		}
		var operation struct{ Responses map[string]response }
		if err := json.Unmarshal(c.Paths[step.operation][strings.ToLower(step.method)], &operation); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		r, ok := operation.Responses[strconv.Itoa(status)]
		if !ok {
			t.Errorf("%s: the contract does not declare this status", name)
			continue
		}
		if r.Ref != "" {
			r = c.Components.Responses[r.Ref[strings.LastIndex(r.Ref, "/")+1:]]
		}
		for _, problem := range c.check("answer", r.Content["application/json"].Schema, body) {
			t.Errorf("%s: %s", name, problem)
		}
	}
}
