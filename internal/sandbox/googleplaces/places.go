package googleplaces

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/messageai/sluice/internal/sandbox/market"
	"github.com/messageai/sluice/internal/sandbox/upstream"
)

// The operations under which calls are charged.
const (
	OpSearch  = "search"
	OpDetails = "details"
)

// Server is the simulator. Make one with [New].
type Server struct {
	market  *market.Market
	source  *market.Source
	front   *upstream.Server
	key     string
	mux     *http.ServeMux
	results market.Results
}

// New returns the simulator, which accepts the key.
func New(m *market.Market, front *upstream.Server, key string) *Server {
	s := &Server{market: m, source: m.Source("googleplaces"), front: front, key: key, mux: http.NewServeMux()}
	s.mux.HandleFunc("POST /v1/places:searchText", s.search)
	s.mux.HandleFunc("GET /v1/places/{id}", s.details)
	return s
}

// Quotas are per minute and method; Google shows the real ones in its console
// only, so these are a setting.
func Quotas() map[string][]upstream.Window {
	return map[string][]upstream.Window{
		OpSearch:  {{Rate: 600, Per: time.Minute}},
		OpDetails: {{Rate: 600, Per: time.Minute}},
	}
}

// Group implements the grouping of [upstream.Server].
func (s *Server) Group(r *http.Request) string {
	switch {
	case keyOf(r) != s.key:
		return ""
	case strings.HasSuffix(r.URL.Path, ":searchText"):
		return OpSearch
	}
	return OpDetails
}

func keyOf(r *http.Request) string {
	if k := r.Header.Get("X-Goog-Api-Key"); k != "" {
		return k
	}
	return r.URL.Query().Get("key")
}

func maskOf(r *http.Request) string {
	q := r.URL.Query()
	for _, text := range []string{r.Header.Get("X-Goog-FieldMask"), q.Get("$fields"), q.Get("fields")} {
		if text != "" {
			return text
		}
	}
	return ""
}

// ServeHTTP implements [http.Handler]. A wrong key is a 400 with the reason
// API_KEY_INVALID and no key a 403, as Google's front end answers them; 401 is
// kept for OAuth tokens.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch key := keyOf(r); {
	case r.Header.Get("Authorization") != "" && key == "":
		fail(w, http.StatusUnauthorized, "UNAUTHENTICATED", "Request had invalid authentication credentials.", "ACCESS_TOKEN_TYPE_UNSUPPORTED")
	case key == "":
		fail(w, http.StatusForbidden, "PERMISSION_DENIED", "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other form of API consumer identity to call this API.", "")
	case key != s.key:
		fail(w, http.StatusBadRequest, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", "API_KEY_INVALID")
	default:
		if _, pattern := s.mux.Handler(r); pattern == "" {
			fail(w, http.StatusNotFound, "NOT_FOUND", "Method not found.", "")
			return
		}
		s.mux.ServeHTTP(w, r)
	}
}

// Throttled implements [upstream.Handler]: 429 RESOURCE_EXHAUSTED without any
// header that says when to come back.
func (s *Server) Throttled(w http.ResponseWriter, r *http.Request) {
	metric := "GetPlaceRequest"
	if strings.HasSuffix(r.URL.Path, ":searchText") {
		metric = "SearchTextRequest"
	}
	fail(w, http.StatusTooManyRequests, "RESOURCE_EXHAUSTED", "Quota exceeded for quota metric '"+metric+"'.", "RATE_LIMIT_EXCEEDED")
}

// Failed answers a server error in Google's envelope.
func (s *Server) Failed(w http.ResponseWriter, _ *http.Request, status int) {
	word := "INTERNAL"
	if status == http.StatusServiceUnavailable {
		word = "UNAVAILABLE"
	}
	fail(w, status, word, "The service is currently unavailable.", "")
}

func (s *Server) details(w http.ResponseWriter, r *http.Request) {
	m, problem := parseMask(maskOf(r), "")
	if problem != "" {
		fail(w, http.StatusBadRequest, "INVALID_ARGUMENT", problem, "")
		return
	}
	id := r.PathValue("id")
	c, n, ok := s.source.Place(id)
	if !ok {
		fail(w, http.StatusNotFound, "NOT_FOUND", "The Place ID is no longer valid. Please refresh cached Place IDs as per https://developers.google.com/maps/documentation/places/web-service/place-id#save-id.", "")
		return
	}
	// A repeated call is charged again; the key is what was asked for.
	if err := s.front.Charge(OpDetails, id+"|"+maskOf(r), detailsPrices()[m.tier]); err != nil {
		http.Error(w, "simulator: "+err.Error(), http.StatusInternalServerError)
		return
	}
	reply(w, http.StatusOK, m.cut(s.place(c, n)))
}

// place is everything that the service knows of place n of a company.
func (s *Server) place(c, n int) map[string]any {
	company := s.market.Company(c)
	country := s.market.Country(company.Country)
	city := country.Cities[company.City]
	id := s.source.PlaceID(c, n)
	name := company.Name
	website := "https://www." + company.Domain + "/"
	if n == 1 { // the second place is a branch under another spelling
		name = strings.ToUpper(company.Name) + " - " + city.Name + " Office"
		website = "http://" + company.Domain + "/?utm_source=maps"
	}
	industry := s.market.Industry(company.Industry)
	out := map[string]any{
		"id": id, "name": "places/" + id,
		"displayName":             map[string]any{"text": name, "languageCode": "en"},
		"businessStatus":          "OPERATIONAL",
		"googleMapsUri":           "https://maps.google.example/?cid=" + fmt.Sprint(s.source.Order(c, n)),
		"pureServiceAreaBusiness": company.ServiceArea,
		"types":                   []any{industry.Place, "point_of_interest", "establishment"},
		"primaryType":             industry.Place,
		"primaryTypeDisplayName":  map[string]any{"text": strings.ReplaceAll(industry.Place, "_", " "), "languageCode": "en"},
	}
	if s.unit(c, 0) < 0.9 {
		out["websiteUri"] = website
	}
	if s.unit(c, 1) < 0.85 {
		out["internationalPhoneNumber"] = company.Phone
		out["nationalPhoneNumber"] = strings.TrimPrefix(company.Phone, country.Dial+" ")
	}
	if !company.ServiceArea { // such a place comes without any address
		line := company.Street + ", " + city.Name
		if city.State != "" {
			line += ", " + city.State
		}
		out["formattedAddress"] = line + " " + city.Postcode + ", " + country.Name
		out["shortFormattedAddress"] = company.Street + ", " + city.Name
		out["location"] = map[string]any{"latitude": company.Lat, "longitude": company.Lng}
		post := map[string]any{"regionCode": country.Code, "languageCode": "en", "postalCode": city.Postcode, "locality": city.Name, "addressLines": []any{company.Street}}
		if city.State != "" {
			post["administrativeArea"] = city.State
		}
		out["postalAddress"] = post
		out["addressComponents"] = []any{
			component(city.Name, city.Name, "locality"), component(city.Postcode, city.Postcode, "postal_code"), component(country.Name, country.Code, "country"),
		}
	}
	if forGood, forNow := s.source.Closed(c); forGood {
		out["businessStatus"] = "CLOSED_PERMANENTLY"
	} else if forNow {
		out["businessStatus"] = "CLOSED_TEMPORARILY"
	}
	if rating, count := s.source.Rating(c); count > 0 {
		out["rating"], out["userRatingCount"] = rating, count
	}
	return out
}

func (s *Server) unit(c, n int) float64 { return float64(s.source.Order(c, 2+n)>>11) / (1 << 53) }

func component(long, short, kind string) map[string]any {
	return map[string]any{"longText": long, "shortText": short, "types": []any{kind}, "languageCode": "en"}
}

func fail(w http.ResponseWriter, status int, word, message, reason string) {
	body := map[string]any{"code": status, "message": message, "status": word}
	if reason != "" {
		body["details"] = []any{map[string]any{
			"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "googleapis.com",
			"metadata": map[string]string{"service": "places.googleapis.com"},
		}}
	}
	reply(w, status, map[string]any{"error": body})
}

func reply(w http.ResponseWriter, status int, body any) {
	raw, err := json.Marshal(body)
	if err != nil {
		http.Error(w, "simulator: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(status)
	_, _ = w.Write(raw) // the client may be gone
}
