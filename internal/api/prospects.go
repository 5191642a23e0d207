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
	Status     string  `query:"status" enum:"enriched,qualified,converted,review,rejected,duplicate,suppressed,failed" doc:"enriched: every scored prospect; qualified: converted ones too"`
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
		_, _, row, err := s.find(ctx, in.ID)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return &rowOutput{row}, nil
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
	case "", "enriched":
		f.States = nil
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

// find returns a prospect's chunk, campaign and row.
func (s *server) find(ctx context.Context, id string) (domain.Ref, domain.Campaign, domain.Row, error) {
	team := teamOf(ctx)
	claim, err := s.Prospects.ProspectClaim(ctx, team, id)
	if err != nil {
		return domain.Ref{}, domain.Campaign{}, domain.Row{}, err
	}
	ref := domain.Ref{Team: team, Campaign: claim.Campaign, Run: claim.Run, Chunk: claim.Chunk}
	c, err := s.Campaigns.Campaign(ctx, team, claim.Campaign)
	if err != nil {
		return ref, c, domain.Row{}, err
	}
	rows, err := s.Prospects.Rows(ctx, team, store.StepKey(ref.Run, ref.Chunk, store.StepConverted))
	if fault.Is(err, fault.NotFound) {
		return ref, c, domain.Row{}, fault.New(fault.Conflict, "api.find", "the prospect is still being worked on; try again when its campaign has scored it")
	}
	if err != nil {
		return ref, c, domain.Row{}, err
	}
	i := slices.IndexFunc(rows, func(r domain.Row) bool { return r.Prospect.ID == id })
	if i < 0 {
		return ref, c, domain.Row{}, fault.New(fault.NotFound, "api.find", "no prospect has this id in your team; list a campaign's prospects to find it")
	}
	return ref, c, rows[i], nil
}

// Converted answers a conversion.
type Converted struct {
	LeadID     string `json:"leadId"`
	ProspectID string `json:"prospectId"`
	Message    string `json:"message"`
}

func (s *server) convert(ctx context.Context, id string) (Converted, error) {
	ref, c, row, err := s.find(ctx, id)
	if err != nil {
		return Converted{}, err
	}
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
	if err := s.Prospects.MarkConverted(ctx, ref, store.ListShards(c.Options.MaxProspects), lead.Score, id, lead.ID); err != nil {
		return Converted{}, err
	}
	out := Converted{LeadID: lead.ID, ProspectID: id, Message: "The prospect is a lead."}
	for _, crm := range s.CRMs {
		queue := s.Queues["push-"+crm]
		body, err := json.Marshal(task.Message{
			Ref: ref, Doc: store.StepKey(ref.Run, ref.Chunk, store.StepConverted), Provider: crm, Leads: []string{lead.ID}, Queue: queue,
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
