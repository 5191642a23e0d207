package zoominfo

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/normalize"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
)

// maxTopics is how many topics one question about intent may name (OpenAPI, 2026-08).
const maxTopics = 50

// FindTechnologies implements [provider.TechnologyFinder].
func (c *Client) FindTechnologies(ctx context.Context, companies []domain.Prospect) ([]provider.Answer, error) {
	answers, err := c.each(companies, provider.OpFindTechnologies, func(q question, p domain.Prospect) (provider.Answer, error) {
		id, err := c.companyID(ctx, q, p)
		if err != nil || id == 0 {
			return provider.Answer{}, err
		}
		resp, err := c.transport.Do(ctx, post(provider.OpFindTechnologies, "/data/v1/companies/technologies/enrich", "TechnologyEnrich",
			map[string]any{"companyId": id}))
		if err != nil {
			return provider.Answer{}, err
		}
		return parseTechnologies(resp)
	})
	if err != nil {
		return nil, fmt.Errorf("find technologies: %w", err)
	}
	return answers, nil
}

// FindIntent implements [provider.IntentFinder].
func (c *Client) FindIntent(ctx context.Context, companies []domain.Prospect) ([]provider.Answer, error) {
	if len(c.topics) == 0 {
		return nil, fault.New(fault.Forbidden, "zoominfo.find_intent",
			"no topics to ask for; set SLUICE_ZOOMINFO_INTENT_TOPICS to up to 50 of the contract's intent topics, separated by commas")
	}
	answers, err := c.each(companies, provider.OpFindIntent, func(q question, _ domain.Prospect) (provider.Answer, error) {
		attributes := map[string]any{"topics": c.topics, "findRecommendedContacts": false}
		for field, value := range q {
			attributes[field] = value
		}
		req := post(provider.OpFindIntent, "/data/v1/intent/enrich", "IntentEnrich", attributes)
		req.Query = pages(1, maxPageSize)
		resp, err := c.transport.Do(ctx, req)
		if err != nil {
			return provider.Answer{}, err
		}
		return parseIntent(resp)
	})
	if err != nil {
		return nil, fmt.Errorf("find intent: %w", err)
	}
	return answers, nil
}

// each asks about one company after the other.
func (c *Client) each(companies []domain.Prospect, op string, ask func(question, domain.Prospect) (provider.Answer, error)) ([]provider.Answer, error) {
	answers := make([]provider.Answer, len(companies))
	for i, p := range companies {
		q, ok := companyQuestion(c.definition.Identity(op, p), p)
		if !ok {
			return nil, unknown(op)
		}
		asked := c.now()
		a, err := ask(q, p)
		if err != nil {
			return nil, err
		}
		credits := 0.0
		if a.Found {
			credits = 1
		}
		a.Usage = c.usage(op, credits, asked)
		answers[i] = a
	}
	return answers, nil
}

// companyID asks for ZoomInfo's id of a company, free of charge; zero if it is
// not known. A search is not a match: what it finds is compared.
func (c *Client) companyID(ctx context.Context, q question, p domain.Prospect) (int64, error) {
	req := post(provider.OpFindTechnologies, "/data/v1/companies/search", "CompanySearch", q)
	req.Query, req.Idempotent = pages(1, 10), true
	resp, err := c.transport.Do(ctx, req)
	if err != nil {
		return 0, err
	}
	var w struct {
		Data []struct {
			ID         text `json:"id"`
			Attributes struct {
				Name    *string `json:"name"`
				Website *string `json:"website"`
			} `json:"attributes"`
		} `json:"data"`
	}
	if err := resp.Decode(&w); err != nil {
		return 0, err
	}
	for _, r := range w.Data {
		if p.Company.Domain != "" {
			if domain, ok := normalize.Domain(value(r.Attributes.Website)); !ok || domain != p.Company.Domain {
				continue
			}
		} else if normalize.CompanyKey(value(r.Attributes.Name)) != normalize.CompanyKey(p.Company.Name) {
			continue
		}
		id, err := strconv.ParseInt(r.ID.String(), 10, 64)
		if err != nil || id <= 0 {
			return 0, resp.Fault(fault.BadResponse, "a company in the answer has no id")
		}
		return id, nil
	}
	return 0, nil
}

func parseTechnologies(resp *transport.Response) (provider.Answer, error) {
	var w struct {
		Data []struct {
			Attributes struct {
				Vendor  *string `json:"vendor"`
				Product *string `json:"product"`
			} `json:"attributes"`
		} `json:"data"`
	}
	if err := resp.Decode(&w); err != nil {
		return provider.Answer{}, err
	}
	s := sheet{p: &domain.Prospect{Source: name, SeenAt: resp.At.UTC()}, at: resp.At.UTC()}
	for _, r := range w.Data {
		if product := value(r.Attributes.Product); product != "" {
			s.p.Company.Technologies = append(s.p.Company.Technologies, product)
		} else if vendor := value(r.Attributes.Vendor); vendor != "" {
			s.p.Company.Technologies = append(s.p.Company.Technologies, vendor)
		}
	}
	if len(s.p.Company.Technologies) == 0 {
		return provider.Answer{}, nil
	}
	s.note("company.technologies")
	return provider.Answer{Found: true, Prospect: *s.p}, nil
}

func parseIntent(resp *transport.Response) (provider.Answer, error) {
	var w struct {
		Data []struct {
			Attributes struct {
				Topic *string `json:"topic"`
				Date  *string `json:"signalDate"`
			} `json:"attributes"`
		} `json:"data"`
	}
	if err := resp.Decode(&w); err != nil {
		return provider.Answer{}, err
	}
	s := sheet{p: &domain.Prospect{Source: name, SeenAt: resp.At.UTC()}, at: resp.At.UTC()}
	for _, r := range w.Data {
		topic := value(r.Attributes.Topic)
		at, ok := date(r.Attributes.Date)
		if topic == "" {
			continue
		}
		if !ok {
			at = time.Time{} // a signal without a day is still one
		}
		s.signal("intent", topic, at)
	}
	if len(s.p.Signals) == 0 {
		return provider.Answer{}, nil
	}
	return provider.Answer{Found: true, Prospect: *s.p}, nil
}
