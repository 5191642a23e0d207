package apollo

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/normalize"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
)

// Limits of the search (OpenAPI, 2026-08).
const (
	maxPageSize = 100
	maxPages    = 500
)

// Parameters of the search that the contract does not list: unconfirmed.
const (
	paramLocations = "person_locations[]"
	paramSizes     = "organization_num_employees_ranges[]"
	paramKeywords  = "q_keywords"
)

// Discover implements [provider.Discoverer]. A cursor is the number of a page.
func (c *Client) Discover(ctx context.Context, q provider.Query, cursor string) (provider.Page, error) {
	page, err := pageNumber(provider.OpDiscover, cursor)
	if err != nil {
		return provider.Page{}, err
	}
	asked := c.now()
	found, total, err := c.search(ctx, provider.OpDiscover, query(q, page))
	if err != nil {
		return provider.Page{}, fmt.Errorf("discover: %w", err)
	}
	answer := provider.Page{Prospects: found, Total: total, Usage: provider.Usage{Op: provider.OpDiscover, Took: c.now().Sub(asked)}}
	if len(found) > 0 && page < maxPages && page*pageSize(q) < total {
		answer.Next = strconv.Itoa(page + 1)
	}
	return answer, nil
}

// FindPeople implements [provider.PersonFinder]: the first page of the people at
// a company.
func (c *Client) FindPeople(ctx context.Context, companyDomain string, q provider.Query) ([]domain.Prospect, provider.Usage, error) {
	if companyDomain == "" {
		return nil, provider.Usage{}, fault.New(fault.InvalidInput, "apollo.find_people", "there is no domain to look for people at")
	}
	asked := c.now()
	values := query(q, 1)
	values.Set("q_organization_domains_list[]", companyDomain)
	found, _, err := c.search(ctx, provider.OpFindPeople, values)
	if err != nil {
		return nil, provider.Usage{}, fmt.Errorf("find people: %w", err)
	}
	for i := range found {
		s := sheet{p: &found[i], at: found[i].SeenAt}
		s.text("company.domain", &s.p.Company.Domain, &companyDomain)
	}
	return found, provider.Usage{Op: provider.OpFindPeople, Took: c.now().Sub(asked)}, nil
}

func (c *Client) search(ctx context.Context, op string, values url.Values) ([]domain.Prospect, int, error) {
	resp, err := c.transport.Do(ctx, transport.Request{
		Op: op, Method: "POST", Path: "/mixed_people/api_search", Query: values,
		Idempotent: true, // free of charge
	})
	if err != nil {
		return nil, 0, err
	}
	return parseSearch(resp)
}

func query(q provider.Query, page int) url.Values {
	values := url.Values{"page": {strconv.Itoa(page)}, "per_page": {strconv.Itoa(pageSize(q))}}
	list := func(name string, items []string) {
		if len(items) > 0 {
			values[name] = items
		}
	}
	list("person_titles[]", q.Titles)
	list(paramLocations, q.Locations)
	list(paramSizes, sizes(q.Sizes))
	if len(q.Keywords) > 0 {
		values.Set(paramKeywords, strings.Join(q.Keywords, " "))
	}
	return values
}

func pageSize(q provider.Query) int {
	if q.PageSize <= 0 {
		return maxPageSize
	}
	return min(q.PageSize, maxPageSize)
}

// sizes writes employee ranges as Apollo wants them: "51-200" is "51,200". A
// range that cannot be read is left out: it would be refused, and the score
// judges the size anyway.
func sizes(ranges []string) []string {
	const above = 10_000_000 // more than anybody employs, for open ranges
	var out []string
	for _, text := range ranges {
		if r, ok := normalize.Employees(text); ok {
			out = append(out, fmt.Sprintf("%d,%d", r.Min, min(r.Max, above)))
		}
	}
	return out
}

func pageNumber(op, cursor string) (int, error) {
	if cursor == "" {
		return 1, nil
	}
	n, err := strconv.Atoi(cursor)
	if err != nil || n < 1 || n > maxPages {
		return 0, fault.New(fault.InvalidInput, "apollo."+op, "the cursor is not the number of a page from 1 to 500")
	}
	return n, nil
}

func parseSearch(resp *transport.Response) ([]domain.Prospect, int, error) {
	var w wireSearch
	if err := resp.Decode(&w); err != nil {
		return nil, 0, err
	}
	var found []domain.Prospect
	for _, p := range w.People {
		if p.ID == "" {
			return nil, 0, resp.Fault(fault.BadResponse, "a person in the answer has no id")
		}
		found = append(found, p.prospect(resp.At.UTC()))
	}
	return found, w.Total, nil
}
