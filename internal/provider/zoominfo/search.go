package zoominfo

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/normalize"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
)

// Limits of a search (OpenAPI and pagination guide, 2026-08).
const (
	maxPageSize = 100
	maxPages    = 100
)

// Discover implements [provider.Discoverer]. A cursor is the number of a page.
func (c *Client) Discover(ctx context.Context, q provider.Query, cursor string) (provider.Page, error) {
	number, err := pageNumber(cursor)
	if err != nil {
		return provider.Page{}, err
	}
	asked := c.now()
	found, meta, err := c.search(ctx, provider.OpDiscover, filters(q), number, pageSize(q))
	if err != nil {
		return provider.Page{}, fmt.Errorf("discover: %w", err)
	}
	answer := provider.Page{Prospects: found, Total: meta.Total, Usage: c.usage(provider.OpDiscover, 0, asked)}
	more := number*pageSize(q) < meta.Total || number < meta.Page.Total
	if len(found) > 0 && number < maxPages && more {
		answer.Next = strconv.Itoa(number + 1)
	}
	return answer, nil
}

// FindPeople implements [provider.PersonFinder]: the first page of the people at
// a company.
func (c *Client) FindPeople(ctx context.Context, companyDomain string, q provider.Query) ([]domain.Prospect, provider.Usage, error) {
	if companyDomain == "" {
		return nil, provider.Usage{}, fault.New(fault.InvalidInput, "zoominfo.find_people", "there is no domain to look for people at")
	}
	asked := c.now()
	attributes := filters(q)
	attributes["companyWebsite"] = website(companyDomain)
	found, _, err := c.search(ctx, provider.OpFindPeople, attributes, 1, pageSize(q))
	if err != nil {
		return nil, provider.Usage{}, fmt.Errorf("find people: %w", err)
	}
	for i := range found {
		s := sheet{p: &found[i], at: found[i].SeenAt}
		s.text("company.domain", &s.p.Company.Domain, &companyDomain)
	}
	return found, c.usage(provider.OpFindPeople, 0, asked), nil
}

func (c *Client) search(ctx context.Context, op string, attributes map[string]any, number, size int) ([]domain.Prospect, wirePages, error) {
	req := post(op, "/data/v1/contacts/search", "ContactSearch", attributes)
	req.Query, req.Idempotent = pages(number, size), true // free of charge
	resp, err := c.transport.Do(ctx, req)
	if err != nil {
		return nil, wirePages{}, err
	}
	return parseSearch(resp)
}

func pages(number, size int) url.Values {
	return url.Values{"page[number]": {strconv.Itoa(number)}, "page[size]": {strconv.Itoa(size)}}
}

// wirePages is what an answer in pages says of them.
type wirePages struct {
	Total int `json:"totalResults"`
	Page  struct {
		Total int `json:"total"` // pages; an official example has it wrong
	} `json:"page"`
}

func parseSearch(resp *transport.Response) ([]domain.Prospect, wirePages, error) {
	var w struct {
		Data []struct {
			ID         text            `json:"id"`
			Attributes json.RawMessage `json:"attributes"`
		} `json:"data"`
		Meta wirePages `json:"meta"`
	}
	if err := resp.Decode(&w); err != nil {
		return nil, wirePages{}, err
	}
	var found []domain.Prospect
	for _, r := range w.Data {
		p, err := wireRecord{ID: r.ID, Type: "Contact", Attributes: r.Attributes}.prospect(resp, false)
		if err != nil {
			return nil, wirePages{}, err
		}
		found = append(found, p)
	}
	return found, w.Meta, nil
}

// filters writes a query as the search's attributes.
func filters(q provider.Query) map[string]any {
	attributes := map[string]any{}
	set := func(name, value string) {
		if value != "" {
			attributes[name] = value
		}
	}
	set("jobTitle", strings.Join(q.Titles, " OR "))
	set("industryKeywords", strings.Join(q.Industries, " OR "))
	set("companyDescription", strings.Join(q.Keywords, " "))
	set("country", strings.Join(countries(q.Locations), ","))
	from, to := span(q.Sizes)
	set("employeeRangeMin", from)
	set("employeeRangeMax", to)
	return attributes
}

// countries are those of the places; none if one of them is not a country or a
// group of countries.
func countries(places []string) []string {
	all := normalize.ParsePlaces(strings.Join(places, ";"))
	if len(all.Names) > 0 {
		return nil
	}
	var names []string
	for iso := range all.Countries {
		names = append(names, normalize.CountryName(iso))
	}
	slices.Sort(names)
	return names
}

// span is the smallest range that holds all sizes, as the search takes one only;
// "" for an open end. A size that cannot be read is left out.
func span(sizes []string) (from, to string) {
	var all normalize.Range
	known := false
	for _, text := range sizes {
		r, ok := normalize.Employees(text)
		switch {
		case !ok:
		case !known:
			all, known = r, true
		default:
			all.Min, all.Max = min(all.Min, r.Min), max(all.Max, r.Max)
		}
	}
	if known && all.Min > 0 {
		from = strconv.FormatInt(all.Min, 10)
	}
	if known && all.Max != normalize.Unbounded {
		to = strconv.FormatInt(all.Max, 10)
	}
	return from, to
}

func pageSize(q provider.Query) int {
	if q.PageSize <= 0 {
		return maxPageSize
	}
	return min(q.PageSize, maxPageSize)
}

func pageNumber(cursor string) (int, error) {
	if cursor == "" {
		return 1, nil
	}
	n, err := strconv.Atoi(cursor)
	if err != nil || n < 1 || n > maxPages {
		return 0, fault.New(fault.InvalidInput, "zoominfo.discover", "the cursor is not the number of a page from 1 to 100")
	}
	return n, nil
}
