package googleplaces

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/messageai/sluice/internal/sandbox/market"
)

const (
	maxPage    = 20
	maxResults = 60 // over all pages: documented for the legacy API, unconfirmed here
)

// textQuery is the body of a Text Search.
type textQuery struct {
	Text             string   `json:"textQuery"`
	PageSize         int      `json:"pageSize,omitempty"`
	MaxResults       int      `json:"maxResultCount,omitempty"`
	PageToken        string   `json:"pageToken,omitempty"`
	IncludedType     string   `json:"includedType,omitempty"`
	Strict           bool     `json:"strictTypeFiltering,omitempty"`
	Language         string   `json:"languageCode,omitempty"`
	Region           string   `json:"regionCode,omitempty"`
	Bias             *area    `json:"locationBias,omitempty"`
	Restriction      *area    `json:"locationRestriction,omitempty"`
	MinRating        float64  `json:"minRating,omitempty"`
	OpenNow          bool     `json:"openNow,omitempty"`
	PriceLevels      []string `json:"priceLevels,omitempty"`
	Rank             string   `json:"rankPreference,omitempty"`
	ServiceAreas     bool     `json:"includePureServiceAreaBusinesses,omitempty"`
	FutureOpenings   bool     `json:"includeFutureOpeningBusinesses,omitempty"`
	EVOptions        any      `json:"evOptions,omitempty"`
	RoutingParameter any      `json:"routingParameters,omitempty"`
	AlongRoute       any      `json:"searchAlongRouteParameters,omitempty"`
}

type area struct {
	Rectangle *rectangle      `json:"rectangle,omitempty"`
	Circle    json.RawMessage `json:"circle,omitempty"`
}

type rectangle struct {
	Low  point `json:"low"`
	High point `json:"high"`
}

type point struct {
	Lat float64 `json:"latitude"`
	Lng float64 `json:"longitude"`
}

func (r rectangle) holds(lat, lng float64) bool {
	return r.Low.Lat <= lat && lat <= r.High.Lat && r.Low.Lng <= lng && lng <= r.High.Lng
}

// decode refuses unknown fields and wrong types, as Google's front end does. The
// problem, if any, is in the service's words.
func decode(body io.Reader) (q textQuery, problem string) {
	raw, err := io.ReadAll(body)
	if err != nil {
		return q, "the body cannot be read"
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&q); err != nil {
		return q, "Invalid JSON payload received. " + strings.TrimPrefix(err.Error(), "json: ")
	}
	switch {
	case strings.TrimSpace(q.Text) == "":
		return q, "Empty text_query."
	case q.PageSize < 0 || q.MaxResults < 0:
		return q, "page_size must not be negative."
	case q.Bias != nil && q.Restriction != nil:
		return q, "location_bias and location_restriction must not both be set."
	case q.Restriction != nil && q.Restriction.Rectangle == nil:
		return q, "location_restriction must be a rectangle."
	case q.Rank != "" && q.Rank != "RELEVANCE" && q.Rank != "DISTANCE":
		return q, "Invalid value at 'rank_preference'."
	case q.MinRating < 0 || q.MinRating > 5:
		return q, "min_rating must be between 0 and 5."
	case q.EVOptions != nil || q.RoutingParameter != nil || q.AlongRoute != nil:
		return q, "The simulator does not play ev_options, routing_parameters and search_along_route_parameters."
	}
	return q, ""
}

// question is what a page token is bound to: everything but paging.
func (q textQuery) question() string {
	q.PageSize, q.MaxResults, q.PageToken = 0, 0, ""
	raw, err := json.Marshal(q)
	if err != nil {
		return q.Text // cannot happen: the fields came from JSON
	}
	return string(raw)
}

func (q textQuery) size() int {
	n := q.PageSize
	if n == 0 {
		n = q.MaxResults
	}
	if n == 0 || n > maxPage {
		return maxPage
	}
	return n
}

func (s *Server) search(w http.ResponseWriter, r *http.Request) {
	m, problem := parseMask(maskOf(r), "places")
	var q textQuery
	if problem == "" {
		q, problem = decode(r.Body)
	}
	from := 0
	if problem == "" && q.PageToken != "" {
		from, problem = readToken(q.PageToken, q.question())
	}
	if problem != "" {
		fail(w, http.StatusBadRequest, "INVALID_ARGUMENT", problem, "")
		return
	}
	hits := s.results.Of(q.question(), func() []market.Hit { return s.find(q) })
	hits = hits[:min(len(hits), maxResults)]
	from = min(from, len(hits))
	to := min(len(hits), from+q.size())
	key := fmt.Sprintf("%s|%d|%d|%s", q.question(), from, q.size(), maskOf(r))
	if err := s.front.Charge(OpSearch, key, searchPrices()[m.tier]); err != nil {
		http.Error(w, "simulator: "+err.Error(), http.StatusInternalServerError)
		return
	}
	// Empty lists and empty objects are left out, as in all proto3 JSON.
	out := map[string]any{}
	var places []any
	for _, h := range hits[from:to] {
		if p := m.cut(s.place(h.Entity, h.N)); m.all || len(m.paths) > 0 {
			places = append(places, p)
		}
	}
	if len(places) > 0 {
		out["places"] = places
	}
	if to < len(hits) && m.next {
		out["nextPageToken"] = writeToken(to, q.question())
	}
	reply(w, http.StatusOK, out)
}

type token struct {
	From     int    `json:"f"`
	Question string `json:"q"`
}

func writeToken(from int, question string) string {
	raw, err := json.Marshal(token{from, question})
	if err != nil {
		return "" // cannot happen: a number and a string
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

func readToken(text, question string) (from int, problem string) {
	var t token
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(raw, &t)
	}
	switch {
	case err != nil || t.From < 0:
		return 0, "Invalid page_token."
	case t.Question != question:
		return 0, "Request parameters for paging requests must match the initial SearchText request."
	}
	return t.From, ""
}

// find scans the map once for a search: at least one word of what is looked
// for, and the place if the text names one that the market knows.
func (s *Server) find(q textQuery) []market.Hit {
	words, at := s.understand(q.Text)
	var hits []market.Hit
	for c := range s.market.Companies() {
		n := s.source.Places(c)
		if n == 0 {
			continue
		}
		company := s.market.Company(c)
		if at != nil && !at(company) || company.ServiceArea && !q.ServiceAreas {
			continue
		}
		industry := s.market.Industry(company.Industry)
		if q.Strict && q.IncludedType != "" && q.IncludedType != industry.Place {
			continue
		}
		if q.Restriction != nil && (company.ServiceArea || !q.Restriction.Rectangle.holds(company.Lat, company.Lng)) {
			continue
		}
		if rating, _ := s.source.Rating(c); rating < q.MinRating {
			continue
		}
		score := s.relevance(company, industry, words)
		if len(words) > 0 && score == 0 {
			continue
		}
		if q.Bias != nil && q.Bias.Rectangle != nil && q.Bias.Rectangle.holds(company.Lat, company.Lng) {
			score++
		}
		for i := range n {
			hits = append(hits, market.Hit{Entity: c, N: i, Score: score, Order: s.source.Order(c, i)})
		}
	}
	return hits
}

// relevance counts the words that name the company's business or the company.
func (s *Server) relevance(c market.Company, industry market.Industry, words []string) int {
	text := " " + strings.ToLower(industry.Name+" "+strings.Join(industry.Also, " ")+" "+strings.ReplaceAll(industry.Place, "_", " ")+" "+c.Name) + " "
	score := 0
	for _, w := range words {
		if strings.Contains(text, " "+w+" ") {
			score++
		}
	}
	return score
}

// understand splits a text into words to look for and a place to look in; nil
// if the text names no place of the market.
func (s *Server) understand(text string) (words []string, at func(market.Company) bool) {
	text = " " + strings.Join(strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return strings.ContainsRune(" ,.;/", r) }), " ") + " "
	type spot struct{ country, city int }
	spots := map[spot]bool{}
	cut := func(name string) bool {
		name = " " + strings.ToLower(name) + " "
		if strings.TrimSpace(name) == "" || !strings.Contains(text, name) {
			return false
		}
		text = strings.ReplaceAll(text, name, " ")
		return true
	}
	var wide []spot
	for i := range s.market.Countries() {
		country := s.market.Country(i)
		states := map[string]bool{}
		for j, city := range country.Cities {
			if cut(city.Name) || states[city.State] {
				spots[spot{i, j}] = true
			} else if city.State != "" && cut(city.State) {
				states[city.State], spots[spot{i, j}] = true, true
			}
		}
		if cut(country.Name) {
			wide = append(wide, spot{i, -1})
		}
	}
	if len(spots) == 0 { // a country counts only where no city is named
		for _, w := range wide {
			spots[w] = true
		}
	}
	for w := range strings.FieldsSeq(text) {
		switch w {
		case "in", "near", "the", "of", "and", "for", "a", "company", "companies", "business", "businesses", "firm", "firms", "provider", "providers", "startup", "startups":
		default:
			words = append(words, w)
		}
	}
	if len(spots) == 0 {
		return words, nil
	}
	return words, func(c market.Company) bool { return spots[spot{c.Country, c.City}] || spots[spot{c.Country, -1}] }
}
