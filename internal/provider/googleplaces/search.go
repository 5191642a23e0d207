package googleplaces

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
)

// Limits of Text Search: see the package comment for the pages.
const (
	maxPageSize = 20
	maxPages    = 3
)

// placeFields are the fields of a place that are asked for, in both calls.
// Their highest tier is Enterprise; adding one may change the price table.
const placeFields = "id,displayName,businessStatus,primaryType,primaryTypeDisplayName,postalAddress,websiteUri,internationalPhoneNumber"

// searchMask is placeFields as Text Search wants them.
func searchMask() string {
	return "nextPageToken,places." + strings.ReplaceAll(placeFields, ",", ",places.")
}

// Discover implements [provider.Discoverer] by Text Search. What is searched is
// the query's keywords as they are ("software company in Leeds"), else its
// industries in its locations. The prospects are companies without people.
func (c *Client) Discover(ctx context.Context, q provider.Query, cursor string) (provider.Page, error) {
	page, token, err := readCursor(cursor)
	if err != nil {
		return provider.Page{}, err
	}
	text := searchText(q)
	if text == "" {
		return provider.Page{}, fault.New(fault.InvalidInput, "googleplaces.discover", "there is nothing to search for; give keywords, industries or locations")
	}
	asked := c.now()
	resp, err := c.transport.Do(ctx, searchRequest(text, pageSize(q), token))
	if err != nil {
		return provider.Page{}, fmt.Errorf("discover: %w", err)
	}
	found, next, err := parseSearch(resp)
	if err != nil {
		return provider.Page{}, fmt.Errorf("discover: %w", err)
	}
	answer := provider.Page{Prospects: found, Usage: c.usage(provider.OpDiscover, 1, asked)}
	if next != "" && page < maxPages {
		answer.Next = strconv.Itoa(page+1) + ":" + next
	}
	return answer, nil
}

func searchText(q provider.Query) string {
	if len(q.Keywords) > 0 {
		return strings.Join(q.Keywords, " ")
	}
	what, where := strings.Join(q.Industries, " or "), strings.Join(q.Locations, " or ")
	if what == "" || where == "" {
		return what + where
	}
	return what + " in " + where
}

func pageSize(q provider.Query) int {
	if q.PageSize <= 0 {
		return maxPageSize
	}
	return min(q.PageSize, maxPageSize)
}

func searchRequest(text string, size int, token string) transport.Request {
	return transport.Request{
		Op: provider.OpDiscover, Method: "POST", Path: "/v1/places:searchText",
		Header:     map[string][]string{"X-Goog-Fieldmask": {searchMask()}},
		Body:       wireQuery{TextQuery: text, PageSize: size, PageToken: token, LanguageCode: "en"},
		Idempotent: false, // every call is charged
	}
}

// readCursor splits "2:token" into the number of the page and Google's token.
func readCursor(cursor string) (page int, token string, err error) {
	if cursor == "" {
		return 1, "", nil
	}
	number, token, ok := strings.Cut(cursor, ":")
	page, convErr := strconv.Atoi(number)
	if !ok || convErr != nil || page < 2 || page > maxPages || token == "" {
		return 0, "", fault.New(fault.InvalidInput, "googleplaces.discover", "the cursor was not made by a search at Google Places")
	}
	return page, token, nil
}

func parseSearch(resp *transport.Response) ([]domain.Prospect, string, error) {
	var w wireSearch
	if err := resp.Decode(&w); err != nil {
		return nil, "", err
	}
	var found []domain.Prospect
	for _, p := range w.Places {
		if p.ID == "" {
			return nil, "", resp.Fault(fault.BadResponse, "a place in the answer has no id")
		}
		if !p.closed() {
			found = append(found, p.prospect(resp.At.UTC()))
		}
	}
	return found, w.NextPageToken, nil
}
