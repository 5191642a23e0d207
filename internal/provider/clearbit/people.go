package clearbit

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/normalize"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
)

// maxPageSize is the most people asked for at once: unconfirmed.
const maxPageSize = 20

// FindPeople implements [provider.PersonFinder]: the first page of the people at
// a company, of the query's titles if it has some. Its other fields do not
// restrict: what the search takes for a place is not documented, and the
// company is given.
func (c *Client) FindPeople(ctx context.Context, companyDomain string, q provider.Query) ([]domain.Prospect, provider.Usage, error) {
	name, ok := normalize.Domain(companyDomain)
	if !ok {
		return nil, provider.Usage{}, fault.New(fault.InvalidInput, "clearbit.find_people", "there is no domain to look for people at")
	}
	asked := c.now()
	resp, err := c.transport.Do(ctx, searchRequest(name, q))
	if err != nil {
		return nil, provider.Usage{}, fmt.Errorf("find people: %w", err)
	}
	found, err := parseSearch(resp, name)
	usage := c.usage(provider.OpFindPeople, asked)
	if err != nil {
		return nil, usage, fmt.Errorf("find people: %w", err)
	}
	return found, usage, nil
}

func searchRequest(name string, q provider.Query) transport.Request {
	query := url.Values{"domain": {name}}
	if len(q.Titles) > 0 {
		query["titles[]"] = q.Titles
	}
	if q.PageSize > 0 {
		query.Set("page_size", strconv.Itoa(min(q.PageSize, maxPageSize)))
	}
	return transport.Request{
		Op: provider.OpFindPeople, Method: "GET", Host: hostProspector, Path: "/v1/people/search", Query: query,
		Header:     http.Header{"Api-Version": {"2018-08-15"}},
		Idempotent: true, // counted once in a billing period
	}
}

func parseSearch(resp *transport.Response, name string) ([]domain.Prospect, error) {
	var w wireSearch
	if done, answer, err := read(resp, &w); done {
		if err == nil {
			err = answer.Err
		}
		return nil, err
	}
	var found []domain.Prospect
	for _, p := range w.Results {
		if p.ID == "" {
			return nil, resp.Fault(fault.BadResponse, "a person in the answer has no id")
		}
		found = append(found, p.prospect(name, resp.At.UTC()))
	}
	return found, nil
}
