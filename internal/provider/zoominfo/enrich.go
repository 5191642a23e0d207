package zoominfo

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
)

// Output fields of the enrichments. contact_fields and company_fields replace them.
const (
	contactFields = "id,firstName,lastName,email,phone,mobilePhone,directPhoneDoNotCall,mobilePhoneDoNotCall,jobTitle,managementLevel," +
		"city,state,country,externalUrls,positionStartDate,companyId,companyName,companyWebsite,companyEmployeeCount,companyPrimaryIndustry"
	companyFields = "id,name,website,employeeCount,revenue,primaryIndustry,foundedYear,city,country,phone,description,companyFunding"
)

// question is what a match is asked for: field and value, text or whole number.
type question map[string]any

// EnrichPeople implements [provider.PersonEnricher].
func (c *Client) EnrichPeople(ctx context.Context, people []domain.Prospect) ([]provider.Answer, error) {
	answers, err := c.enrich(ctx, provider.OpEnrichPerson, people, personQuestion, func(questions []question) transport.Request {
		return post(provider.OpEnrichPerson, "/data/v1/contacts/enrich", "ContactEnrich",
			map[string]any{"matchPersonInput": questions, "outputFields": c.contactFields})
	})
	if err != nil {
		return nil, fmt.Errorf("enrich people: %w", err)
	}
	return answers, nil
}

// EnrichCompanies implements [provider.CompanyEnricher].
func (c *Client) EnrichCompanies(ctx context.Context, companies []domain.Prospect) ([]provider.Answer, error) {
	answers, err := c.enrich(ctx, provider.OpEnrichCompany, companies, companyQuestion, func(questions []question) transport.Request {
		return post(provider.OpEnrichCompany, "/data/v1/companies/enrich", "CompanyEnrich",
			map[string]any{"matchCompanyInput": questions, "outputFields": c.companyFields})
	})
	if err != nil {
		return nil, fmt.Errorf("enrich companies: %w", err)
	}
	return answers, nil
}

// enrich asks about all prospects in one call, about none twice.
func (c *Client) enrich(
	ctx context.Context, op string, about []domain.Prospect, ask func(provider.Identity, domain.Prospect) (question, bool), request func([]question) transport.Request,
) ([]provider.Answer, error) {
	if len(about) > batch {
		return nil, fault.New(fault.InvalidInput, c.definition.Operation(op), "ZoomInfo takes at most 25 records in a call")
	}
	keys := make([]string, len(about))
	var questions []question
	seen := map[string]bool{}
	for i, p := range about {
		q, ok := ask(c.definition.Identity(op, p), p)
		if !ok {
			return nil, unknown(op)
		}
		if keys[i] = q.key(); !seen[keys[i]] {
			seen[keys[i]] = true
			questions = append(questions, q)
		}
	}
	if len(questions) == 0 {
		return nil, nil
	}
	asked := c.now()
	resp, err := c.transport.Do(ctx, request(questions))
	if err != nil {
		return nil, err
	}
	records, err := parseRecords(resp)
	if err != nil {
		return nil, err
	}
	found, stray := c.assign(resp, records, seen)
	answers := make([]provider.Answer, len(about))
	for i, key := range keys {
		a, ok := found[key]
		if !ok {
			a.Err = resp.Fault(fault.BadResponse, "the answer does not say which record belongs to this question")
		}
		a.Usage.Op, a.Usage.Took = op, c.now().Sub(asked)
		answers[i] = a
		a.Usage.Cost = 0 // a question that was asked for two prospects was paid for once
		found[key] = a
	}
	answers[0].Usage.Cost += c.definition.Prices.Operations[op].For(float64(stray))
	return answers, nil
}

// assign finds the question of each record. stray is the number of credits of
// records that belong to none.
func (c *Client) assign(resp *transport.Response, records []wireRecord, questions map[string]bool) (found map[string]provider.Answer, stray int) {
	found, paid := map[string]provider.Answer{}, map[string]bool{}
	for _, r := range records {
		a, bought := r.answer(resp)
		credits, id := 0, r.ID.String()
		if bought && !paid[id] { // two questions may lead to one record
			credits, paid[id] = 1, id != "" && id != "0"
		}
		key := r.Meta.Input.key()
		if _, twice := found[key]; twice || !questions[key] {
			stray += credits
			continue
		}
		a.Usage.Cost = c.definition.Prices.Operations[resp.Op].For(float64(credits))
		if bought && id != "0" && c.managed > 0 {
			a.Sale = provider.Sale{Record: id, Free: c.managed}
		}
		found[key] = a
	}
	return found, stray
}

// personQuestion is the question about a person. The profile is asked for in one
// form, as people write it in many.
func personQuestion(by provider.Identity, p domain.Prospect) (question, bool) {
	switch by { //nolint:exhaustive // those of the offer
	case provider.ByID:
		id, err := strconv.ParseInt(provider.Definition{Name: name}.ID(p), 10, 64)
		return question{"personId": id}, err == nil
	case provider.ByEmail:
		return question{"emailAddress": p.Contact.Email}, true
	case provider.ByProfile:
		profile, ok := profileURL(p.Person.ProfileURL)
		return question{"externalURL": profile}, ok
	case provider.ByNameAtCompany:
		return question{"firstName": p.Person.FirstName, "lastName": p.Person.LastName, "companyName": p.Company.Name}, true
	}
	return nil, false
}

func companyQuestion(by provider.Identity, p domain.Prospect) (question, bool) {
	switch by { //nolint:exhaustive // those of the offer
	case provider.ByDomain:
		return question{"companyWebsite": website(p.Company.Domain)}, true
	case provider.ByCompanyName:
		return question{"companyName": p.Company.Name}, true
	}
	return nil, false
}

// website is a domain in the form in which the matches want it.
func website(domain string) string { return "www." + domain }

func unknown(op string) error {
	if op == provider.OpEnrichPerson {
		return fault.New(fault.InvalidInput, name+"."+op,
			"nothing identifies the person; a ZoomInfo id, an e-mail address, a LinkedIn profile, or first and last name with the company's name is needed")
	}
	return fault.New(fault.InvalidInput, name+"."+op, "nothing identifies the company; its domain or its name is needed")
}

// matched are the fields by which questions are told apart.
var matched = [...]string{"personId", "emailAddress", "externalURL", "firstName", "lastName", "companyName", "companyWebsite"}

// key is the question in one form: an answer may repeat it with other types and
// other cases, and with fields that were not asked for.
func (q question) key() string {
	var b strings.Builder
	for _, field := range matched {
		text := ""
		switch v := q[field].(type) {
		case string:
			text = v
		case int64:
			text = strconv.FormatInt(v, 10)
		case json.Number:
			text = v.String()
		}
		b.WriteString(strings.ToLower(strings.TrimSpace(text)) + "\x00")
	}
	return b.String()
}

// UnmarshalJSON keeps the digits of numbers, which are ids.
func (q *question) UnmarshalJSON(data []byte) error {
	d := json.NewDecoder(strings.NewReader(string(data)))
	d.UseNumber()
	var fields map[string]any
	if err := d.Decode(&fields); err != nil {
		return err
	}
	*q = fields
	return nil
}
