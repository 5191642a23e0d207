package apollo

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"

	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
)

// FindCompanies implements [provider.CompanyFinder]. A cursor is the number of a
// page; a page costs a credit, an empty one none. The prospects have Apollo's id
// of the company.
func (c *Client) FindCompanies(ctx context.Context, q provider.Query, cursor string) (provider.Page, error) {
	page, err := pageNumber(provider.OpFindCompanies, cursor)
	if err != nil {
		return provider.Page{}, err
	}
	asked := c.now()
	resp, err := c.transport.Do(ctx, transport.Request{
		Op: provider.OpFindCompanies, Method: "POST", Path: "/mixed_companies/search", Query: companyQuery(q, page),
		Idempotent: false, // every page is charged
	})
	if err != nil {
		return provider.Page{}, fmt.Errorf("find companies: %w", err)
	}
	answer, pages, err := parseCompanies(resp)
	if err != nil {
		return provider.Page{}, fmt.Errorf("find companies: %w", err)
	}
	credits := 0.0
	if len(answer.Prospects) > 0 {
		credits = 1
		if page < min(pages, maxPages) {
			answer.Next = strconv.Itoa(page + 1)
		}
	}
	answer.Usage = c.usage(provider.OpFindCompanies, credits, asked)
	return answer, nil
}

func companyQuery(q provider.Query, page int) url.Values {
	values := url.Values{"page": {strconv.Itoa(page)}, "per_page": {strconv.Itoa(pageSize(q))}}
	list := func(name string, items []string) {
		if len(items) > 0 {
			values[name] = items
		}
	}
	list("organization_locations[]", q.Locations)
	list("organization_num_employees_ranges[]", sizes(q.Sizes))
	list("q_organization_keyword_tags[]", slices.Concat(q.Industries, q.Keywords))
	return values
}

// parseCompanies returns a page without its cursor, and how many pages there are.
func parseCompanies(resp *transport.Response) (provider.Page, int, error) {
	var w wireCompanies
	if err := resp.Decode(&w); err != nil {
		return provider.Page{}, 0, err
	}
	page := provider.Page{Total: int(whole(w.Pagination.Total))}
	seen := map[string]bool{}
	for _, o := range slices.Concat(w.organizations(), w.Organizations) {
		switch {
		case o.ID == "":
			return provider.Page{}, 0, resp.Fault(fault.BadResponse, "a company in the answer has no id")
		case !seen[o.ID]:
			seen[o.ID] = true
			page.Prospects = append(page.Prospects, o.prospect(resp.At.UTC()))
		}
	}
	return page, int(whole(w.Pagination.Pages)), nil
}
