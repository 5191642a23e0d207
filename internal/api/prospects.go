package api

import (
	"context"
	"encoding/json"
	"math"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/store"
	"github.com/messageai/sluice/internal/task"
	"github.com/messageai/sluice/internal/waterfall"
)

// ProspectSummary is a prospect in a list.
type ProspectSummary struct {
	ID            string      `json:"id"`
	Name          string      `json:"name"`
	Headline      string      `json:"headline"`
	Platform      string      `json:"platform"`
	ProfileURL    string      `json:"profileUrl"`
	ContactInfo   ContactInfo `json:"contactInfo"`
	CompanyName   string      `json:"companyName"`
	CompanyURL    string      `json:"companyUrl"`
	ICPMatchScore float64     `json:"icpMatchScore"`
	QualityScore  float64     `json:"qualityScore"`
	Status        string      `json:"status"`
	LeadID        string      `json:"leadId,omitempty"`
	Reason        string      `json:"reason,omitempty" doc:"Why it failed; GET the prospect for the reason of any other state"`
	DiscoveredAt  time.Time   `json:"discoveredAt"`
}

// ContactInfo is how to reach a prospect.
type ContactInfo struct {
	Email string `json:"email"`
	Phone string `json:"phone"`
}

// ProspectPage is a page of prospects, best first.
type ProspectPage struct {
	Prospects  []ProspectSummary `json:"prospects"`
	Pagination Pagination        `json:"pagination"`
}

// Pagination tells where a page is.
type Pagination struct {
	Total      int    `json:"total"`
	Page       int    `json:"page"`
	Limit      int    `json:"limit"`
	NextCursor string `json:"nextCursor,omitempty" doc:"Give it as cursor to get the next page; cheaper than page"`
}

type listInput struct {
	CampaignID string  `path:"campaignId"`
	Status     string  `query:"status" enum:"enriched,qualified,converted,review,rejected,duplicate,suppressed,failed" doc:"enriched: everybody who was scored after enrichment, whatever the score; qualified: converted ones too; failed: whose chunk ended early, in the order of discovery"`
	MinScore   float64 `query:"minScore" minimum:"0" maximum:"1"`
	Limit      int     `query:"limit" minimum:"1" maximum:"200" default:"50"`
	Page       int     `query:"page" minimum:"1" maximum:"100" default:"1"`
	Cursor     string  `query:"cursor" maxLength:"200"`
}

func (s *server) registerProspects(a huma.API) {
	type pageOutput struct{ Body ProspectPage }
	huma.Register(a, huma.Operation{
		OperationID: "list-prospects", Method: http.MethodGet, Path: base + "/campaigns/{campaignId}/prospects", Summary: "List a campaign's prospects, best first",
	}, func(ctx context.Context, in *listInput) (*pageOutput, error) {
		page, err := s.listProspects(ctx, *in)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return &pageOutput{page}, nil
	})
	type prospectInput struct {
		ID string `path:"prospectId"`
	}
	type rowOutput struct{ Body domain.Row }
	huma.Register(a, huma.Operation{
		OperationID: "get-prospect", Method: http.MethodGet, Path: base + "/prospects/{prospectId}",
		Summary: "Read everything about a prospect: its data, its score's receipt, what was asked and paid",
	}, func(ctx context.Context, in *prospectInput) (*rowOutput, error) {
		f, err := s.find(ctx, in.ID)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return &rowOutput{f.now()}, nil
	})
	type convertOutput struct{ Body Converted }
	huma.Register(a, huma.Operation{
		OperationID: "convert-prospect", Method: http.MethodPost, Path: base + "/prospects/{prospectId}/convert", Summary: "Turn a prospect into a lead and push it",
	}, func(ctx context.Context, in *prospectInput) (*convertOutput, error) {
		done, err := s.convert(ctx, in.ID)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return &convertOutput{done}, nil
	})
}

// filterOf maps the status of a request to what is listed.
func filterOf(status string, minScore float64) store.Filter {
	f := store.Filter{MinFit: minScore}
	switch status {
	case "":
	case "enriched":
		f.States = []domain.State{domain.Qualified, domain.Review, domain.Rejected}
	case "converted":
		f.Converted = true
	default:
		f.States = []domain.State{domain.State(status)}
	}
	return f
}

func (s *server) listProspects(ctx context.Context, in listInput) (ProspectPage, error) {
	if math.IsNaN(in.MinScore) {
		return ProspectPage{}, fault.New(fault.InvalidInput, "api.list", "minScore must be a number between 0 and 1")
	}
	c, err := s.Campaigns.Campaign(ctx, teamOf(ctx), in.CampaignID)
	if err != nil {
		return ProspectPage{}, err
	}
	if in.Status == string(domain.Failed) {
		return s.listFailed(ctx, c, in)
	}
	shards := store.ListShards(c.Options.MaxProspects)
	f := filterOf(in.Status, in.MinScore)
	total, err := s.Prospects.CountListed(ctx, c.Team, c.ID, shards, f)
	if err != nil {
		return ProspectPage{}, err
	}
	f.Cursor, f.Limit = in.Cursor, in.Limit
	skip := 0
	if in.Cursor == "" && in.Page > 1 {
		skip = (in.Page - 1) * in.Limit
		f.Limit += skip
	}
	listed, next, err := s.Prospects.List(ctx, c.Team, c.ID, shards, f)
	if err != nil {
		return ProspectPage{}, err
	}
	listed = listed[min(skip, len(listed)):]
	page := ProspectPage{Prospects: make([]ProspectSummary, len(listed)), Pagination: Pagination{Total: total, Page: in.Page, Limit: in.Limit, NextCursor: next}}
	for i, l := range listed {
		page.Prospects[i] = prospectOf(l)
	}
	return page, nil
}

func prospectOf(l store.Listed) ProspectSummary {
	status := string(l.State)
	if l.LeadID != "" {
		status = "converted"
	}
	return ProspectSummary{
		ID: l.ID, Name: l.Name, Headline: l.Headline, Platform: l.Source, ProfileURL: l.ProfileURL,
		ContactInfo: ContactInfo{Email: l.Email, Phone: l.Phone}, CompanyName: l.Company, CompanyURL: l.CompanyURL,
		ICPMatchScore: l.Fit, QualityScore: l.Quality, Status: status, LeadID: l.LeadID, DiscoveredAt: l.FoundAt,
	}
}

// found is a prospect's row, with what was bought about it since its run, and
// where it is.
type found struct {
	ref      domain.Ref
	campaign domain.Campaign
	row      domain.Row
	lead     string // that a person made of it since
	doc      string // key of the rows that it is among
}

// now is the row as it stands today.
func (f found) now() domain.Row {
	row := f.row
	if f.lead != "" && row.LeadID == "" {
		row.State, row.LeadID, row.Reason = domain.Qualified, f.lead, "converted by a person; the run left it in state "+string(f.row.State)+": "+f.row.Reason
	}
	return row
}

// find returns a prospect of the caller's team.
func (s *server) find(ctx context.Context, id string) (f found, err error) {
	team := teamOf(ctx)
	claim, err := s.Prospects.ProspectClaim(ctx, team, id)
	if err != nil {
		return f, err
	}
	f.ref = domain.Ref{Team: team, Campaign: claim.Campaign, Run: claim.Run, Chunk: claim.Chunk}
	f.lead = claim.Lead
	if f.campaign, err = s.Campaigns.Campaign(ctx, team, claim.Campaign); err != nil {
		return f, err
	}
	f.doc = store.StepKey(f.ref.Run, f.ref.Chunk, store.StepConverted)
	rows, err := s.Prospects.Rows(ctx, team, f.doc)
	if fault.Is(err, fault.NotFound) { // a lead is older than what is left of its run
		name := claim.Chunk
		if claim.Lead != "" {
			name = id
		}
		f.doc = store.LeadsKey(f.ref.Run, name)
		rows, err = s.Prospects.Rows(ctx, team, f.doc)
	}
	if fault.Is(err, fault.NotFound) {
		rows, err = s.failedRows(ctx, f.ref)
	}
	if err != nil {
		return f, err
	}
	i := slices.IndexFunc(rows, func(r domain.Row) bool { return r.Prospect.ID == id })
	if i < 0 {
		return f, fault.New(fault.NotFound, "api.find", "no prospect has this id in your team; list a campaign's prospects to find it")
	}
	f.row = rows[i]
	return f, s.later(ctx, &f, claim.Later)
}

// later lays what was bought about the prospect since over its row.
func (s *server) later(ctx context.Context, f *found, docs []string) error {
	for _, doc := range docs {
		rows, err := s.Prospects.Rows(ctx, f.ref.Team, doc)
		if fault.Is(err, fault.NotFound) { // deleted with its run; a lead was made with it before
			continue
		}
		if err != nil {
			return err
		}
		if i := slices.IndexFunc(rows, func(r domain.Row) bool { return r.Prospect.ID == f.row.Prospect.ID }); i >= 0 {
			waterfall.Later(&f.row, rows[i])
		}
	}
	return nil
}

// Converted answers a conversion.
type Converted struct {
	LeadID     string `json:"leadId"`
	ProspectID string `json:"prospectId"`
	Message    string `json:"message"`
}

func (s *server) convert(ctx context.Context, id string) (Converted, error) {
	f, err := s.find(ctx, id)
	if err != nil {
		return Converted{}, err
	}
	ref, row := f.ref, f.row
	switch row.State {
	case domain.Duplicate, domain.Suppressed, domain.Failed:
		return Converted{}, fault.New(fault.Conflict, "api.convert", "the prospect is "+string(row.State)+" ("+row.Reason+") and cannot become a lead")
	}
	list, err := s.Prospects.Suppression(ctx, ref.Team)
	if err != nil {
		return Converted{}, err
	}
	if stop, err := list.HasAny(row.Prospect); err != nil {
		return Converted{}, err
	} else if stop {
		return Converted{}, fault.New(fault.Conflict, "api.convert", "the prospect is on your team's do-not-contact list and cannot become a lead")
	}
	lead := domain.Lead{
		ID: domain.LeadID(ref.Team, row.Prospect), Team: ref.Team, ProspectID: id, CampaignID: ref.Campaign, RunID: ref.Run, Chunk: ref.Chunk, CreatedAt: s.Now().UTC(),
	}
	if row.Score != nil {
		lead.Score = row.Score.Score
	}
	if lead.ID == "" {
		return Converted{}, fault.New(fault.Conflict, "api.convert", "nothing identifies the person yet: no e-mail, no profile, no full name with a domain")
	}
	held, err := s.Prospects.ClaimLead(ctx, lead)
	if err != nil {
		return Converted{}, err
	}
	if held.ProspectID != id {
		return Converted{}, fault.New(fault.Conflict, "api.convert", "the same person is a lead already, through prospect "+held.ProspectID)
	}
	// Rows of leads only: beside the prospect there may be another one of the same
	// person, whose row must not be pushed.
	doc := store.LeadsKey(ref.Run, ref.Chunk)
	if row.LeadID == "" { // else its run has counted it
		doc = store.LeadsKey(ref.Run, id)
		if err := s.Prospects.SaveConversion(ctx, ref, id, row.State); err != nil {
			return Converted{}, err
		}
		if err := s.Prospects.PutRows(ctx, ref.Team, doc, []domain.Row{row}); err != nil {
			return Converted{}, err
		}
		if err := s.Prospects.MarkConverted(ctx, ref, store.ListShards(f.campaign.Options.MaxProspects), lead, row.Prospect); err != nil {
			return Converted{}, err
		}
	}
	out := Converted{LeadID: lead.ID, ProspectID: id, Message: "The prospect is a lead."}
	for _, crm := range s.CRMs {
		queue := s.Queues["push-"+crm]
		body, err := json.Marshal(task.Message{
			Ref: ref, Doc: doc, Provider: crm, Leads: []string{lead.ID}, Queue: queue,
		})
		if err != nil {
			return Converted{}, err
		}
		if err := s.Machine.Send(ctx, queue, body, 0); err != nil {
			return Converted{}, err
		}
		out.Message = "The prospect is a lead and is on its way to the CRM."
	}
	return out, nil
}
