package zoominfo

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/messageai/sluice/internal/sandbox/market"
)

// technologies takes nothing but ZoomInfo's id of a company.
func (s *Server) technologies(w http.ResponseWriter, r *http.Request) {
	var body struct {
		CompanyID *int64 `json:"companyId"`
	}
	if !document(w, r, "TechnologyEnrich", &body) {
		return
	}
	if body.CompanyID == nil {
		refuse(w, http.StatusBadRequest, "PFAPI0004", "Missing required inputs, please provide a value for at least one of [companyId]")
		return
	}
	data := []any{}
	if firm, ok := s.firmOf(*body.CompanyID); ok {
		for i, product := range s.source.Technologies(s.market.Company(firm)) {
			data = append(data, map[string]any{
				"id": strconv.Itoa(20_000 + int(draw(product)%9_000)), "type": "Technology",
				"attributes": map[string]any{
					"categoryParent": "Information Technology", "category": "Software", "vendor": product, "product": product,
					"attribute": "333.1.2." + strconv.Itoa(i), "createdDate": "2021-04-16", "modifiedDate": "2026-08-01",
				},
			})
		}
	}
	if !s.sold(w, OpTechnology, *body.CompanyID, len(data)) {
		return
	}
	reply(w, mediaType, http.StatusOK, map[string]any{"data": data, "meta": map[string]int{"totalResults": len(data)}})
}

// sold charges for an answer about one company that holds anything, each time.
func (s *Server) sold(w http.ResponseWriter, op string, id int64, found int) bool {
	paid, err := s.left() > 0, error(nil)
	if paid && found > 0 {
		paid, err = s.buy(op, strconv.FormatInt(id, 10), false)
	}
	switch {
	case err != nil:
		http.Error(w, "simulator: "+err.Error(), http.StatusInternalServerError)
	case !paid:
		s.broke(w)
	}
	return err == nil && paid
}

func (s *Server) intent(w http.ResponseWriter, r *http.Request) {
	var body struct {
		CompanyID   *int64   `json:"companyId"`
		CompanyName string   `json:"companyName"`
		Website     string   `json:"companyWebsite"`
		Topics      []string `json:"topics"`
		ScoreMin    *int     `json:"signalScoreMin"`
		Recommended *bool    `json:"findRecommendedContacts"`
	}
	if !document(w, r, "IntentEnrich", &body) {
		return
	}
	number, size, ok := page(w, r)
	if !ok {
		return
	}
	switch {
	case body.CompanyID == nil && body.CompanyName+body.Website == "":
		refuse(w, http.StatusBadRequest, "PFAPI0004", "Missing required inputs, please provide a value for at least one of [companyId, companyName, companyWebsite]")
		return
	case len(body.Topics) == 0 || len(body.Topics) > 50 || slices.ContainsFunc(body.Topics, func(t string) bool { return !slices.Contains(s.topics, t) }):
		refuse(w, http.StatusBadRequest, "PFAPI0006", "Invalid 'topics' (or some other values)")
		return
	case body.ScoreMin != nil && (*body.ScoreMin < 60 || *body.ScoreMin > 100):
		refuse(w, http.StatusBadRequest, "PFAPI0006", "Input parameter 'signalScoreMin' is invalid")
		return
	}
	firm, found := s.knownFirm(body.Website, body.CompanyName)
	if body.CompanyID != nil {
		firm, found = s.firmOf(*body.CompanyID)
	}
	data := []any{}
	if found {
		for _, surge := range s.source.Surges(s.market.Company(firm)) {
			if slices.Contains(body.Topics, surge.Topic) && (body.ScoreMin == nil || surge.Score >= *body.ScoreMin) {
				data = append(data, s.signal(firm, surge))
			}
		}
	}
	if !s.sold(w, OpIntent, firmID(firm), len(data)) {
		return
	}
	paged(w, "/data/v1/intent/enrich", data[min(len(data), (number-1)*size):min(len(data), number*size)], number, size, len(data))
}

func (s *Server) signal(firm int, surge market.Surge) any {
	id := strconv.FormatInt(firmID(firm), 10) // text here, a number in a contact
	return map[string]any{
		"id": id, "type": "Intent",
		"attributes": map[string]any{
			"category": "Business", "topic": surge.Topic, "signalScore": surge.Score, "audienceStrength": string(rune('A' + surge.Score%5)),
			"signalDate":        s.market.Today().AddDate(0, 0, -surge.At).Format(time.RFC3339),
			"company":           map[string]any{"id": id, "name": s.source.CompanyName(firm), "website": s.market.Domain(firm), "hasOtherTopicConsumption": true},
			"spikesInDateRange": 1,
		},
	}
}

// Topics are the values that a question about intent may name.
func (s *Server) Topics() []string { return slices.Clone(s.topics) }

// Topics are the topics that the companies of a market care about, in order.
func Topics(m *market.Market) []string {
	var all []string
	for firm := range min(m.Companies(), 400) {
		for _, theme := range m.Company(firm).Themes {
			all = append(all, m.Phrase(theme, 0))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func (s *Server) lookupTopics(w http.ResponseWriter, _ *http.Request) {
	data := []any{}
	for _, topic := range s.topics {
		data = append(data, map[string]any{"id": topic, "type": "IntentTopic", "attributes": map[string]string{"name": topic, "category": "Business"}})
	}
	reply(w, mediaType, http.StatusOK, map[string]any{"data": data})
}

// usage counts requests of the day and credits of the month.
func (s *Server) usage(w http.ResponseWriter, _ *http.Request) {
	day := s.front.Usage("all")
	counter := func(kind string, limit, used int) any {
		return map[string]any{"limitType": kind, "description": "", "totalLimit": limit, "currentUsage": used, "usageRemaining": max(0, limit-used)}
	}
	all := []any{counter("uniqueID", s.options.Credits, s.options.Credits-s.left())}
	if len(day) > 0 {
		last := day[len(day)-1]
		all = append([]any{counter("request", last.Rate, last.Used)}, all...)
	}
	reply(w, mediaType, http.StatusOK, map[string]any{
		"data": []any{map[string]any{"id": "1", "type": "UserUsage", "attributes": map[string]any{"usage": all}}},
	})
}
