package compliance_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/compliance"
	"github.com/messageai/sluice/internal/domain"
)

func notGoogle(source string) bool { return source != "googleplaces" }

// fill sets every text, number and list below v to something.
func fill(v reflect.Value) {
	switch v.Kind() { //nolint:exhaustive // the kinds that a prospect is made of
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	case reflect.String:
		v.SetString("x")
	case reflect.Int, reflect.Int64:
		v.SetInt(7)
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.String {
			v.Set(reflect.ValueOf([]string{"x"}))
		}
	}
}

// Every value of a person, company and contact is subject to the terms of the
// source that it came from. A field that is added later and forgotten by
// Exportable fails here.
func TestNothingOfAForbiddenSourceGetsOut(t *testing.T) {
	t.Parallel()
	p := domain.Prospect{ID: "p_1", Source: "googleplaces", ProfileID: "g1"}
	for _, part := range []any{&p.Person, &p.Company, &p.Contact} {
		fill(reflect.ValueOf(part).Elem())
	}
	got := compliance.Exportable(p, notGoogle)
	want := domain.Prospect{ID: "p_1", Source: "googleplaces", ProfileID: "g1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what may be passed on of a forbidden source (-want +got):\n%s", diff)
	}
}

func TestEachValueFollowsItsOwnSource(t *testing.T) {
	t.Parallel()
	from := func(s string) domain.Provenance { return domain.Provenance{Source: s} }
	p := domain.Prospect{
		ID: "p_1", Source: "googleplaces",
		Person:  domain.Person{FirstName: "Ann", LastName: "Lee", City: "Paris"},
		Company: domain.Company{Name: "X", Domain: "x.example", Employees: 12, RevenueUSD: 5, Technologies: []string{"Go"}},
		Contact: domain.Contact{Email: "ann@x.example", EmailStatus: domain.EmailSafe, Phone: "+33"},
		Signals: []domain.Signal{{Kind: "update", Source: "googleplaces"}, {Kind: "funding", Source: "apollo"}},
		Provenance: map[string]domain.Provenance{
			"person.firstName": from("apollo"), "person.lastName": from("apollo"), "company.employees": from("apollo"),
			"company.domain": from("googleplaces"), "company.revenueUsd": from("googleplaces"), "contact.email": from("hunter"), "company.technologies": from("apollo"),
		},
	}
	before, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	want := domain.Prospect{
		ID: "p_1", Source: "googleplaces",
		Person:  domain.Person{FirstName: "Ann", LastName: "Lee"},
		Company: domain.Company{Employees: 12, Technologies: []string{"Go"}},
		Contact: domain.Contact{Email: "ann@x.example", EmailStatus: domain.EmailSafe},
		Signals: []domain.Signal{{Kind: "funding", Source: "apollo"}},
		Provenance: map[string]domain.Provenance{
			"person.firstName": from("apollo"), "person.lastName": from("apollo"), "company.employees": from("apollo"),
			"contact.email": from("hunter"), "company.technologies": from("apollo"),
		},
	}
	if diff := cmp.Diff(want, compliance.Exportable(p, notGoogle)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if after, err := json.Marshal(p); err != nil || string(after) != string(before) {
		t.Errorf("the given prospect was changed to %s", after)
	}
}

func TestWithoutForbiddenSourcesNothingChanges(t *testing.T) {
	t.Parallel()
	p := domain.Prospect{ID: "p_1", Source: "apollo"}
	for _, part := range []any{&p.Person, &p.Company, &p.Contact} {
		fill(reflect.ValueOf(part).Elem())
	}
	if diff := cmp.Diff(p, compliance.Exportable(p, notGoogle)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The status of an address says nothing once the address is gone.
func TestAnAddressTakesItsStatusAlong(t *testing.T) {
	t.Parallel()
	p := domain.Prospect{Source: "googleplaces", Contact: domain.Contact{Email: "a@x.example", EmailStatus: domain.EmailSafe}}
	if got := compliance.Exportable(p, notGoogle).Contact; got != (domain.Contact{}) {
		t.Errorf("contact = %+v", got)
	}
}
