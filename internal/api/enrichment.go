package api

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/pipeline/single"
	"github.com/messageai/sluice/internal/ratelimit"
	"github.com/messageai/sluice/internal/store"
	"github.com/messageai/sluice/internal/waterfall"
)

// OnDemand asks providers about one prospect while a person waits.
type OnDemand interface {
	Do(ctx context.Context, r single.Request) (single.Result, error)
}

// EnrichmentRequest says what to ask about one prospect, and whom.
type EnrichmentRequest struct {
	Providers     []string `json:"providers" minItems:"1" maxItems:"10" doc:"Who is asked: each for what it knows, whatever the others say"`
	ValidateEmail bool     `json:"validateEmail,omitempty" doc:"Also have the address verified, by those of the providers that verify"`
	Fields        []string `json:"fields,omitempty" doc:"email, title, company, phone, technologies, intent; default: email, title, company"`
}

// Enrichment answers an enrichment: also a part of it, which names what is missing.
type Enrichment struct {
	ProspectID     string                    `json:"prospectId"`
	EnrichmentData map[string]EnrichmentData `json:"enrichmentData" doc:"By provider that knew something"`
	EnrichedAt     time.Time                 `json:"enrichedAt"`
	Cost           money.Micro               `json:"cost" doc:"Millionths of a dollar; what was answered before is free"`
	Missing        []EnrichmentGap           `json:"missing" doc:"What was asked for and is not there: who could not be asked, did not know, or did not answer"`
}

// EnrichmentData is what one provider says about a prospect.
type EnrichmentData struct {
	Company     map[string]any `json:"company,omitempty"`
	Person      map[string]any `json:"person,omitempty"`
	Email       string         `json:"email,omitempty"`
	Score       *float64       `json:"score,omitempty" doc:"How sure the provider is of the address, 0 to 100"`
	Deliverable *bool          `json:"deliverable,omitempty" doc:"The address receives mail, as far as somebody looked; absent: nobody could tell"`
	EmailStatus string         `json:"emailStatus,omitempty" doc:"safe, risky, invalid or unknown"`
	Phone       string         `json:"phone,omitempty"`
	Signals     []any          `json:"signals,omitempty"`
	Cached      bool           `json:"cached" doc:"Nothing was asked: all of it was known from before"`
	Cost        money.Micro    `json:"cost"`
}

// EnrichmentGap is something that is missing.
type EnrichmentGap struct {
	Provider          string `json:"provider"`
	Field             string `json:"field,omitempty"`
	Reason            string `json:"reason"`
	RetryAfterSeconds int    `json:"retryAfterSeconds,omitempty"`
}

// onDemandTime is how long a request may ask: the function ends after 29 s.
const onDemandTime = 24 * time.Second

func (s *server) registerEnrichment(a huma.API) {
	type input struct {
		ID   string `path:"prospectId"`
		Key  string `header:"Idempotency-Key"`
		Body EnrichmentRequest
	}
	type output struct{ Body Enrichment }
	huma.Register(a, huma.Operation{
		OperationID: "enrich-prospect", Method: http.MethodPost, Path: "/api/v1/enrichment/prospects/{prospectId}",
		Summary: "Ask providers about one prospect now",
	}, func(ctx context.Context, in *input) (*output, error) {
		// The answer of a key is that of its first request. Without one a repetition
		// is free as well: it is answered from the cache.
		done, err := idempotent(ctx, s, "enrich-prospect "+in.ID, in.Key, in.Body, func(func() string) (Enrichment, error) { return s.enrich(ctx, in.ID, in.Body) })
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return &output{done}, nil
	})
}

func (s *server) enrich(ctx context.Context, id string, in EnrichmentRequest) (Enrichment, error) {
	fields, err := onDemandFields(in.Fields)
	if err != nil {
		return Enrichment{}, err
	}
	f, err := s.find(ctx, id) // a fault Conflict while its chunk is in work
	if err != nil {
		return Enrichment{}, err
	}
	list, err := s.Prospects.Suppression(ctx, f.ref.Team)
	if err != nil {
		return Enrichment{}, err
	}
	if stop, err := list.HasAny(f.row.Prospect); err != nil {
		return Enrichment{}, err
	} else if stop || f.row.State == domain.Suppressed {
		return Enrichment{}, fault.New(fault.Conflict, "api.enrich", "the prospect is on your team's do-not-contact list; nothing is bought about it")
	}
	out := Enrichment{ProspectID: id, EnrichmentData: map[string]EnrichmentData{}, Missing: []EnrichmentGap{}}
	names, err := s.onDemandProviders(ctx, in.Providers, &out)
	if err != nil {
		return out, err
	}
	inTime, cancel := context.WithTimeout(ratelimit.Interactive(ctx), onDemandTime)
	defer cancel()
	got, err := s.OnDemand.Do(inTime, single.Request{
		Ref: f.ref, Prospect: f.row.Prospect, Providers: names, Fields: fields, Verify: in.ValidateEmail,
	})
	if err != nil {
		return out, err
	}
	out.EnrichedAt, out.Cost = s.Now().UTC(), got.Cost
	for name, row := range got.Answers {
		data, known := dataOf(name, row)
		if known {
			out.EnrichmentData[name] = data
		}
	}
	if err := s.keepLater(ctx, f, got.Answers); err != nil {
		return out, err
	}
	for _, m := range got.Missing {
		gap := EnrichmentGap{Provider: m.Provider, Field: string(m.Field), Reason: m.Why}
		if m.After > 0 {
			gap.RetryAfterSeconds = int(m.After.Seconds()) + 1
		}
		out.Missing = append(out.Missing, gap)
	}
	if in.ValidateEmail && !slices.ContainsFunc(names, func(name string) bool { _, ok := s.Providers[name].Offers["verify_email"]; return ok }) {
		out.Missing = append(out.Missing, EnrichmentGap{Field: string(domain.FieldEmailStatus), Reason: "none of these providers verifies addresses; name one that does, such as hunter"})
	}
	return out, nil
}

// keepLater makes what was bought part of the prospect. What was known before,
// because the same was asked before, is not kept again.
func (s *server) keepLater(ctx context.Context, f found, answers map[string]domain.Row) error {
	row := f.row
	for _, name := range slices.Sorted(maps.Keys(answers)) {
		waterfall.Join(&row, name, answers[name])
	}
	row.Calls, row.Others = row.Calls[len(f.row.Calls):], row.Others[len(f.row.Others):]
	asked := slices.ContainsFunc(row.Calls, func(c domain.Call) bool { return !c.Cached })
	if !asked && reflect.DeepEqual(row.Prospect, f.row.Prospect) {
		return nil
	}
	doc := store.LaterKey(f.ref.Run, row.Prospect.ID, s.NewID())
	if err := s.Prospects.PutRows(ctx, f.ref.Team, doc, []domain.Row{row}); err != nil {
		return err
	}
	return s.Prospects.AddLater(ctx, f.ref.Team, doc, []string{row.Prospect.ID})
}

func onDemandFields(names []string) ([]domain.Field, error) {
	var fields []domain.Field
	for _, name := range names {
		f := domain.Field(name)
		if !slices.Contains(domain.Fields(), f) || f == domain.FieldPerson || f == domain.FieldEmailStatus {
			return nil, fault.New(fault.InvalidInput, "api.enrich", "fields: there is no field "+quote(name)+" to ask for here; use email, title, company, phone, technologies, intent, and validateEmail")
		}
		fields = append(fields, f)
	}
	return fields, nil
}

// onDemandProviders are those of the named providers that have a key; the others
// are noted as missing. A name that is no enricher's is a fault.
func (s *server) onDemandProviders(ctx context.Context, names []string, out *Enrichment) ([]string, error) {
	var wanted []string
	for _, name := range names {
		if d, ok := s.Providers[name]; !ok || len(d.Offers) == 0 {
			return nil, fault.New(fault.InvalidInput, "api.enrich", "providers: "+quote(name)+" enriches nobody; GET /api/v1/providers lists who does")
		}
		if !slices.Contains(wanted, name) {
			wanted = append(wanted, name)
		}
	}
	connected, err := waterfall.Connected(ctx, wanted, s.Providers, s.Keys)
	if err != nil {
		return nil, err
	}
	for _, name := range wanted {
		if !slices.Contains(connected, name) {
			out.Missing = append(out.Missing, EnrichmentGap{Provider: name, Reason: "it has no key: connect it first"})
		}
	}
	return connected, nil
}

// dataOf is what a provider brought to a row: the values that have it as their
// origin, and those that it confirmed. known is false if that is nothing.
func dataOf(name string, row domain.Row) (data EnrichmentData, known bool) {
	var all map[string]map[string]any
	text, err := json.Marshal(struct {
		Person  domain.Person  `json:"person"`
		Company domain.Company `json:"company"`
	}{row.Prospect.Person, row.Prospect.Company})
	if err == nil {
		err = json.Unmarshal(text, &all)
	}
	if err != nil { // plain structs of ours
		return data, false
	}
	tell := func(part, key string) {
		value, has := all[part][key]
		if !has {
			return
		}
		known = true
		switch part {
		case "person":
			data.Person = with(data.Person, key, value)
		case "company":
			data.Company = with(data.Company, key, value)
		}
	}
	for field, origin := range row.Prospect.Provenance {
		part, key, _ := strings.Cut(field, ".")
		if origin.Source == name {
			tell(part, key)
		}
	}
	for field, by := range row.Confirmed { // it said what was known
		if part, key, _ := strings.Cut(field, "."); slices.Contains(by, name) {
			tell(part, key)
		}
	}
	contact := row.Prospect.Contact
	if row.Prospect.Provenance["contact.email"].Source == name {
		data.Email, known = contact.Email, true
	}
	if row.Prospect.Provenance["contact.phone"].Source == name {
		data.Phone, known = contact.Phone, true
	}
	data.Cached = true
	status := domain.EmailUnchecked
	for _, call := range row.Calls {
		if call.Provider != name {
			continue
		}
		data.Cost += call.Cost
		data.Cached = data.Cached && call.Cached
		if call.Confidence > 0 {
			score := call.Confidence * 100
			data.Score = &score
		}
		if call.Op == "verify_email" && call.Outcome == domain.CallFound {
			status, known = contact.EmailStatus, true
		}
	}
	for _, other := range row.Others { // what was refused was put aside
		said := other.Source == name || slices.ContainsFunc(other.Verdicts, func(v domain.EmailVerdict) bool { return v.By == name })
		if other.Refused && other.Field == "contact.email" && contact.Email == "" && said {
			data.Email, status, known = other.Value, domain.EmailInvalid, true
		}
	}
	if data.Email == "" && status != domain.EmailUnchecked {
		data.Email = contact.Email // it was known before, and verified now
	}
	if status == domain.EmailUnchecked && data.Email != "" {
		status = contact.EmailStatus // as the finder says
	}
	data.EmailStatus = string(status)
	switch status {
	case domain.EmailSafe:
		yes := true
		data.Deliverable = &yes
	case domain.EmailInvalid:
		no := false
		data.Deliverable = &no
	default: // nobody could tell
	}
	for _, signal := range row.Prospect.Signals {
		if signal.Source == name {
			data.Signals, known = append(data.Signals, signal), true
		}
	}
	return data, known
}

func with(m map[string]any, key string, value any) map[string]any {
	if m == nil {
		m = map[string]any{}
	}
	m[key] = value
	return m
}
