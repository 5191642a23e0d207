package lusha

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
)

func TestIdentity(t *testing.T) {
	t.Parallel()
	full := named("Dana", "Okafor")
	atCompany, profiled, mailed, referred, foreign := full, full, full, full, full
	atCompany.Company = domain.Company{Name: "Acme Robotics"}
	profiled.Person.ProfileURL = "http://de.linkedin.com/in/Dana-Okafor/?trk=x"
	mailed.Contact.Email, mailed.Person.ProfileURL = "dana@x.example", profiled.Person.ProfileURL
	referred.Refs, referred.Contact.Email = map[string]string{"lusha": "4389060001"}, "dana@x.example"
	foreign.Source, foreign.ProfileID = "apollo", "64a7"
	byName := wireAskedContact{FirstName: "Dana", LastName: "Okafor", CompanyDomain: "acmerobotics.example"}
	for name, test := range map[string]struct {
		p    domain.Prospect
		want wireAskedContact
	}{
		"name at domain":   {full, byName},
		"name at company":  {atCompany, wireAskedContact{FirstName: "Dana", LastName: "Okafor", CompanyName: "Acme Robotics"}},
		"profile":          {profiled, wireAskedContact{LinkedIn: "https://www.linkedin.com/in/dana-okafor"}},
		"e-mail":           {mailed, wireAskedContact{Email: "dana@x.example"}},
		"id":               {referred, wireAskedContact{ID: "4389060001"}},
		"another's id":     {foreign, byName},
		"first name alone": {domain.Prospect{Person: domain.Person{FirstName: "Dana"}, Company: full.Company}, wireAskedContact{}},
	} {
		c, d := newClient(t, `{"results":[]}`)
		_, err := c.FindPhones(t.Context(), []domain.Prospect{full, test.p})
		if test.want == (wireAskedContact{}) {
			if fault.KindOf(err) != fault.InvalidInput || len(d.asked) != 0 {
				t.Errorf("%s: %v and %d requests, want InvalidInput and none", name, err, len(d.asked))
			}
			continue
		}
		test.want.Reference = "1"
		if diff := cmp.Diff(test.want, d.asked[0].Body.(wireContactsRequest).Contacts[1]); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
	c, d := newClient(t, `{"results":[]}`)
	if _, err := c.EnrichCompanies(t.Context(), []domain.Prospect{{Source: "lusha", ProfileID: "4389060001"}}); fault.KindOf(err) != fault.InvalidInput {
		t.Errorf("a person's id for a company: %v, want InvalidInput", err)
	}
	if _, err := c.EnrichPeople(t.Context(), make([]domain.Prospect, 101)); fault.KindOf(err) != fault.InvalidInput || len(d.asked) != 0 {
		t.Errorf("101 people: %v and %d requests, want InvalidInput and none", err, len(d.asked))
	}
	if got, err := c.EnrichPeople(t.Context(), nil); len(got) != 0 || err != nil || len(d.asked) != 0 {
		t.Errorf("nobody: %v, %v and %d requests, want nothing", got, err, len(d.asked))
	}
}

// Results that answer nothing that was asked are not anybody's.
func TestResultsAreJoinedByReferenceAndNotByPosition(t *testing.T) {
	t.Parallel()
	c, _ := newClient(t, `{"results":[
		{"clientReferenceId":"2","id":"12"},{"id":"99"},{"clientReferenceId":"0","id":"10"},{"clientReferenceId":"+1","id":"98"},null,
		{"clientReferenceId":"3","id":"97"},{"clientReferenceId":"2","id":"96"},{"clientReferenceId":"-1","id":"95"}],"billing":{"creditsCharged":3}}`)
	got, err := c.EnrichPeople(t.Context(), []domain.Prospect{named("A", "A"), named("B", "B"), named("C", "C")})
	if err != nil {
		t.Fatal(err)
	}
	ids, kinds := []string{}, []fault.Kind{}
	var sum money.Micro
	for _, a := range got {
		ids, kinds, sum = append(ids, a.Prospect.ProfileID), append(kinds, fault.KindOf(a.Err)), sum+a.Usage.Cost
	}
	if diff := cmp.Diff([]string{"10", "", "12"}, ids); diff != "" {
		t.Errorf("ids (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]fault.Kind{"", fault.BadResponse, ""}, kinds); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
	if sum != 93_000 {
		t.Errorf("costs add up to %v, want three credits", sum)
	}
}
