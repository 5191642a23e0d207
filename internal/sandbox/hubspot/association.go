package hubspot

import (
	"fmt"
	"net/http"
	"time"
)

// link is one association, always seen from the contact. Its label says
// whether the company is the contact's primary one.
type link struct {
	ContactID string `json:"contact"`
	CompanyID string `json:"company"`
	Primary   bool   `json:"primary,omitempty"`
}

// addLink keeps an association; repeating it has no effect.
func (s *Server) addLink(l link) {
	if _, ok := s.links[l]; !ok {
		s.links[l] = len(s.links)
	}
}

type linkSpec struct {
	Category string `json:"associationCategory"`
	TypeID   int    `json:"associationTypeId"`
}

// The association type ids that HubSpot defines between contacts and companies.
const (
	contactPrimary    = 1
	companyPrimary    = 2
	contactUnlabelled = 279
	companyUnlabelled = 280
)

// newLinks checks an association and returns what it adds: the one asked for
// and, as HubSpot does, the unlabelled one, which every associated pair has.
func (s *Server) newLinks(from, fromID, to, toID string, specs []linkSpec) ([]link, *failure) {
	if from == to || len(specs) == 0 {
		return nil, badRequest("An association needs two object types and at least one association type")
	}
	if s.objects[from].records[fromID] == nil || s.objects[to].records[toID] == nil {
		return nil, &failure{
			status: http.StatusNotFound, category: "OBJECT_NOT_FOUND", message: "One or both objects of the association do not exist",
			context: map[string][]string{"fromObjectId": {fromID}, "toObjectId": {toID}},
		}
	}
	primary, unlabelled := contactPrimary, contactUnlabelled
	pair := link{ContactID: fromID, CompanyID: toID}
	if from == companies {
		primary, unlabelled = companyPrimary, companyUnlabelled
		pair = link{ContactID: toID, CompanyID: fromID}
	}
	links := []link{pair}
	for _, spec := range specs {
		if spec.Category != "HUBSPOT_DEFINED" || spec.TypeID != primary && spec.TypeID != unlabelled {
			return nil, badRequest(fmt.Sprintf("Association type %d is not valid from %s to %s", spec.TypeID, from, to))
		}
		if spec.TypeID == primary {
			links = append(links, link{ContactID: pair.ContactID, CompanyID: pair.CompanyID, Primary: true})
		}
	}
	return links, nil
}

// saveLinks journals and keeps associations.
func (s *Server) saveLinks(links []link) *failure {
	var fresh []link
	for _, l := range links {
		if _, ok := s.links[l]; !ok {
			fresh = append(fresh, l)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	if err := s.append(entry{Links: fresh}); err != nil {
		return internal(err)
	}
	for _, l := range fresh {
		s.addLink(l)
	}
	return nil
}

func (s *Server) associateDefault(rt routed) (int, any, *failure) {
	start := time.Now()
	there, back := contactUnlabelled, companyUnlabelled
	if rt.typ == companies {
		there, back = back, there
	}
	links, fail := s.newLinks(rt.typ, rt.id, rt.to, rt.toID, []linkSpec{{Category: "HUBSPOT_DEFINED", TypeID: there}})
	if fail == nil {
		fail = s.saveLinks(links)
	}
	if fail != nil {
		return 0, nil, fail
	}
	result := func(from, to string, typeID int) map[string]any {
		return map[string]any{
			"from": map[string]string{"id": from}, "to": map[string]string{"id": to},
			"associationSpec": linkSpec{Category: "HUBSPOT_DEFINED", TypeID: typeID},
		}
	}
	return http.StatusOK, batchAnswer(start, []map[string]any{result(rt.id, rt.toID, there), result(rt.toID, rt.id, back)}, nil), nil
}

// associateBatch creates up to 2,000 associations. Version 2026-03 answers 201,
// 2026-09 answers 200; both answer 207 if some records do not exist.
func (s *Server) associateBatch(rt routed, r *http.Request) (int, any, *failure) {
	start := time.Now()
	var in struct {
		Inputs []struct {
			From  objectRef  `json:"from"`
			To    objectRef  `json:"to"`
			Types []linkSpec `json:"types"`
		} `json:"inputs"`
	}
	if fail := decode(r, &in); fail != nil {
		return 0, nil, fail
	}
	if len(in.Inputs) == 0 || len(in.Inputs) > 2000 {
		return 0, nil, badRequest(fmt.Sprintf("The batch must hold 1 to 2000 inputs, not %d", len(in.Inputs)))
	}
	var links []link
	var results []map[string]any
	var errs []batchError
	for _, input := range in.Inputs {
		more, fail := s.newLinks(rt.typ, string(input.From.ID), rt.to, string(input.To.ID), input.Types)
		if fail != nil {
			if fail.status == http.StatusBadRequest {
				return 0, nil, fail
			}
			errs = append(errs, batchError{Status: "error", Category: fail.category, Message: fail.message, Context: fail.context})
			continue
		}
		links = append(links, more...)
		results = append(results, map[string]any{
			"fromObjectTypeId": s.objects[rt.typ].info.id, "fromObjectId": string(input.From.ID),
			"toObjectTypeId": s.objects[rt.to].info.id, "toObjectId": string(input.To.ID), "labels": []string{},
		})
	}
	if fail := s.saveLinks(links); fail != nil {
		return 0, nil, fail
	}
	status := http.StatusOK
	switch {
	case len(errs) > 0:
		status = http.StatusMultiStatus
	case rt.version == "2026-03":
		status = http.StatusCreated
	}
	return status, batchAnswer(start, results, errs), nil
}
