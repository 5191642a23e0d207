package hubspot

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Record is a contact or company as the account holds it, at once and without
// the search index's delay.
type Record struct {
	ID         string
	Properties map[string]string
	Created    time.Time
	Updated    time.Time
}

// Association links a contact with a company.
type Association struct {
	ContactID, CompanyID string
	Primary              bool
}

// Duplicate is a property value that several records share.
type Duplicate struct {
	Value string
	IDs   []string
}

// AddProperty defines a property of "contacts" or "companies", as its owner
// would in the user interface.
func (s *Server) AddProperty(objectType string, p Property) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.objects[objectType] == nil {
		return fmt.Errorf("add property: unknown object type %q", objectType)
	}
	if fail := s.addProperty(objectType, p); fail != nil {
		return fmt.Errorf("add property %s: %s", p.Name, fail.message)
	}
	return nil
}

// AddContact puts a contact into the account, as its owner would by hand, and
// returns its record id. Custom properties must exist.
func (s *Server) AddContact(properties map[string]string) (string, error) {
	return s.add(contacts, properties)
}

// AddCompany puts a company into the account and returns its record id.
func (s *Server) AddCompany(properties map[string]string) (string, error) {
	return s.add(companies, properties)
}

func (s *Server) add(objectType string, properties map[string]string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.objects[objectType]
	props := map[string]value{}
	for k, v := range properties {
		props[k] = value(v)
	}
	tx := s.begin(t)
	fail := t.checkNames(props)
	var made *record
	if fail == nil {
		made, fail = tx.write(nil, props)
	}
	if fail == nil {
		fail = tx.commit(nil)
	}
	if fail != nil {
		return "", errors.New("add to hubspot: " + fail.message)
	}
	return made.id, nil
}

// Contacts returns every contact, in the order of creation.
func (s *Server) Contacts() []Record { return s.list(contacts) }

// Companies returns every company, in the order of creation.
func (s *Server) Companies() []Record { return s.list(companies) }

func (s *Server) list(objectType string) []Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []Record
	for _, r := range s.objects[objectType].records {
		list = append(list, Record{ID: r.id, Properties: maps.Clone(r.props), Created: r.created, Updated: r.updated})
	}
	slices.SortFunc(list, func(a, b Record) int { return compare(a.ID, b.ID) })
	return list
}

// Associations returns every association, in the order of creation.
func (s *Server) Associations() []Association {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Association, len(s.links))
	for l, i := range s.links {
		list[i] = Association(l)
	}
	return list
}

// DuplicateContacts returns the values of a property that more than one contact
// holds, without case: of "email" (secondary addresses included), of the
// property that carries our lead id, or of any other.
func (s *Server) DuplicateContacts(property string) []Duplicate {
	s.mu.Lock()
	defer s.mu.Unlock()
	holders := map[string][]string{}
	for id, r := range s.objects[contacts].records {
		values := []string{r.props[property]}
		if property == propEmail {
			values = append(values, secondary(r)...)
		}
		for _, v := range values {
			if v != "" {
				holders[strings.ToLower(v)] = append(holders[strings.ToLower(v)], id)
			}
		}
	}
	var list []Duplicate
	for _, v := range slices.Sorted(maps.Keys(holders)) {
		if ids := holders[v]; len(ids) > 1 {
			slices.Sort(ids)
			list = append(list, Duplicate{Value: v, IDs: ids})
		}
	}
	return list
}
