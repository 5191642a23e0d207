package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"golang.org/x/sync/errgroup"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/pipeline/single"
	"github.com/messageai/sluice/internal/store"
	"github.com/messageai/sluice/internal/task"
	"github.com/messageai/sluice/internal/waterfall"
)

// Batches is what the API needs of the store for enrichment jobs.
type Batches interface {
	PutProfile(ctx context.Context, team, run string, profile any) error
	OpenSpend(ctx context.Context, ref domain.Ref, limit money.Micro) error
	PutJob(ctx context.Context, j store.Job) error
	Job(ctx context.Context, team, id string) (store.Job, map[string]store.JobStep, store.Spend, error)
}

// BatchRequest asks for what is missing about a list of prospects.
type BatchRequest struct {
	ProspectIDs   []string `json:"prospectIds" minItems:"1" maxItems:"2500"`
	Providers     []string `json:"providers" minItems:"1" maxItems:"10" doc:"Who may be asked, in this order; what is known or found is not asked again"`
	ValidateEmail bool     `json:"validateEmail,omitempty" doc:"Also have addresses verified"`
	Fields        []string `json:"fields,omitempty" doc:"email, title, company, phone, technologies, intent; default: email, title, company"`
	CapUSD        *float64 `json:"capUsd,omitempty" doc:"The most that the job may spend; default is its worst-case price"`
}

// BatchJob is a list in work.
type BatchJob struct {
	JobID             string        `json:"jobId"`
	Status            string        `json:"status" enum:"processing,completed,partial" doc:"partial: a part ended early; the reasons say why"`
	TotalProspects    int           `json:"totalProspects"`
	Done              int           `json:"done" doc:"Prospects of finished parts"`
	Enriched          int           `json:"enriched" doc:"Those about whom somebody knew something"`
	WorstCaseMicroUSD money.Micro   `json:"worstCaseMicroUsd,omitempty"`
	CapMicroUSD       money.Micro   `json:"capMicroUsd"`
	CostMicroUSD      money.Micro   `json:"costMicroUsd"`
	Reasons           []string      `json:"reasons,omitempty"`
	Refused           []RefusedItem `json:"refused,omitempty" doc:"Prospects that are not in the job"`
}

// RefusedItem is a prospect that nothing is asked about.
type RefusedItem struct {
	ProspectID string `json:"prospectId"`
	Reason     string `json:"reason"`
}

// BatchPage is what a part of a job brought.
type BatchPage struct {
	Prospects []Enrichment `json:"prospects"`
	NextPart  int          `json:"nextPart,omitempty" doc:"Give it as part for more; absent at the end"`
}

// jobChunk is how many prospects one message is about.
const jobChunk = 250

func (s *server) registerBatches(a huma.API) {
	type output struct{ Body BatchJob }
	huma.Register(a, huma.Operation{
		OperationID: "enrich-batch", Method: http.MethodPost, Path: "/api/v1/enrichment/batch", DefaultStatus: http.StatusAccepted,
		Summary: "Ask providers for what is missing about a list of prospects",
	}, func(ctx context.Context, in *struct {
		Key  string `header:"Idempotency-Key"`
		Body BatchRequest
	},
	) (*output, error) {
		job, err := idempotent(ctx, s, "enrich-batch", in.Key, in.Body, func(newID func() string) (BatchJob, error) { return s.startBatch(ctx, in.Body, newID) })
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return &output{job}, nil
	})
	huma.Register(a, huma.Operation{
		OperationID: "get-batch", Method: http.MethodGet, Path: "/api/v1/enrichment/batch/{jobId}", Summary: "Read how an enrichment job stands",
	}, func(ctx context.Context, in *struct {
		ID string `path:"jobId"`
	},
	) (*output, error) {
		job, err := s.batch(ctx, in.ID)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return &output{job}, nil
	})
	type pageOutput struct{ Body BatchPage }
	huma.Register(a, huma.Operation{
		OperationID: "list-batch-prospects", Method: http.MethodGet, Path: "/api/v1/enrichment/batch/{jobId}/prospects", Summary: "Read what an enrichment job brought",
	}, func(ctx context.Context, in *struct {
		ID   string `path:"jobId"`
		Part int    `query:"part" minimum:"0"`
	},
	) (*pageOutput, error) {
		page, err := s.batchPage(ctx, in.ID, in.Part)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return &pageOutput{page}, nil
	})
}

// startBatch writes a job and sends it off. A repetition of a request that was
// cut off in between sends off what is written, whatever has changed since.
func (s *server) startBatch(ctx context.Context, in BatchRequest, newID func() string) (BatchJob, error) {
	id := "job_" + newID()
	if begun, _, _, err := s.Batches.Job(ctx, teamOf(ctx), id); err == nil {
		if err := s.sendParts(ctx, begun); err != nil {
			return BatchJob{}, err
		}
		return s.batch(ctx, id)
	} else if !fault.Is(err, fault.NotFound) {
		return BatchJob{}, err
	}
	plan, err := s.batchPlan(ctx, in)
	if err != nil {
		return BatchJob{}, err
	}
	rows, refused, err := s.batchRows(ctx, in.ProspectIDs)
	if err != nil {
		return BatchJob{}, err
	}
	if len(rows) == 0 {
		return BatchJob{}, fault.New(fault.Conflict, "api.batch", "nothing can be asked about any of these prospects; of the first: "+refused[0].Reason)
	}
	w := waterfall.New(plan, s.Providers, nil)
	out := BatchJob{JobID: id, Status: "processing", TotalProspects: len(rows), Refused: refused}
	for i := range rows {
		for _, name := range plan.Providers {
			out.WorstCaseMicroUSD += w.Highest(&rows[i], name)
		}
	}
	out.CapMicroUSD = out.WorstCaseMicroUSD
	if in.CapUSD != nil {
		if out.CapMicroUSD, err = capOf(*in.CapUSD); err != nil {
			return out, err
		}
	}
	return out, s.sendBatch(ctx, out, plan, rows)
}

// sendBatch writes the job and sends its parts to the queues. Repeating it with
// the same id changes nothing: the ledger knows what was begun.
func (s *server) sendBatch(ctx context.Context, job BatchJob, plan domain.EnrichPlan, rows []domain.Row) error {
	team := teamOf(ctx)
	ref := store.JobRef(team, job.JobID, "")
	record := store.Job{ID: job.JobID, Team: team, Providers: plan.Providers, CreatedAt: s.Now().UTC()}
	w := waterfall.New(plan, s.Providers, nil)
	for chunk := range slices.Chunk(rows, jobChunk) {
		part := store.JobPart{Name: fmt.Sprintf("b%04d", len(record.Chunks)), Rows: len(chunk)}
		part.Doc = store.StepKey(job.JobID, part.Name, "asked")
		if err := s.Prospects.PutRows(ctx, team, part.Doc, chunk); err != nil {
			return err
		}
		part.First = w.Busiest(chunk)
		record.Chunks = append(record.Chunks, part)
	}
	run := domain.Run{ID: job.JobID, Team: team, CampaignID: store.JobCampaign, Status: domain.RunRunning, StartedAt: record.CreatedAt, Planned: len(rows)}
	if err := s.Batches.PutProfile(ctx, team, job.JobID, domain.RunProfile{Enrich: plan}); err != nil {
		return err
	}
	if err := s.Batches.OpenSpend(ctx, ref, max(job.CapMicroUSD, 1)); err != nil {
		return err
	}
	if err := s.Campaigns.CreateRun(ctx, run); err != nil {
		return err
	}
	if err := s.Batches.PutJob(ctx, record); err != nil {
		return err
	}
	return s.sendParts(ctx, record)
}

// sendParts sends off what of a job is to be asked.
func (s *server) sendParts(ctx context.Context, j store.Job) error {
	for _, part := range j.Chunks {
		if part.First == "" {
			continue
		}
		queue := s.Queues["enrich-"+part.First]
		body, err := json.Marshal(task.Message{Ref: store.JobRef(j.Team, j.ID, part.Name), Doc: part.Doc, Provider: part.First, Retry: task.Retries, Queue: queue})
		if err != nil {
			return err
		}
		if err := s.Machine.Send(ctx, queue, body, 0); err != nil {
			return err
		}
	}
	return nil
}

func (s *server) batchPlan(ctx context.Context, in BatchRequest) (domain.EnrichPlan, error) {
	fields, err := onDemandFields(in.Fields)
	if err != nil {
		return domain.EnrichPlan{}, err
	}
	if len(fields) == 0 {
		fields = []domain.Field{domain.FieldEmail, domain.FieldTitle, domain.FieldCompany}
	}
	if in.ValidateEmail {
		fields = append(fields, domain.FieldEmailStatus)
	}
	for _, name := range in.Providers {
		if s.Queues["enrich-"+name] == "" {
			return domain.EnrichPlan{}, fault.New(fault.InvalidInput, "api.batch", "providers: "+quote(name)+" enriches no lists here; use "+listOf(s.Waterfall))
		}
	}
	connected, err := waterfall.Connected(ctx, in.Providers, s.Providers, s.Keys)
	if err != nil {
		return domain.EnrichPlan{}, err
	}
	for _, name := range in.Providers {
		if !slices.Contains(connected, name) {
			return domain.EnrichPlan{}, fault.New(fault.InvalidInput, "api.batch", "providers: "+quote(name)+" has no key; connect it first, or leave it out")
		}
	}
	return domain.EnrichPlan{Fields: fields, Providers: connected}, nil
}

// batchRows reads the prospects of a list, in its order, and says of which
// nothing can be asked now, and why.
func (s *server) batchRows(ctx context.Context, ids []string) ([]domain.Row, []RefusedItem, error) {
	list, err := s.Prospects.Suppression(ctx, teamOf(ctx))
	if err != nil {
		return nil, nil, err
	}
	var mu sync.Mutex
	known, refused := map[string]domain.Row{}, map[string]string{}
	var g errgroup.Group
	g.SetLimit(16)
	for _, id := range ids {
		g.Go(func() error {
			f, err := s.find(ctx, id)
			why := ""
			if err == nil {
				stop, lerr := list.HasAny(f.row.Prospect)
				if lerr != nil {
					return lerr
				}
				if stop || f.row.State == domain.Suppressed {
					why = "it is on your team's do-not-contact list"
				}
			} else if fault.Is(err, fault.NotFound, fault.Conflict) {
				why = fault.Message(err)
			} else {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			if why != "" {
				refused[id] = why
			} else {
				known[id] = single.Known(f.row.Prospect)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, nil, err
	}
	var rows []domain.Row
	var out []RefusedItem
	for _, id := range slices.Compact(slices.Sorted(slices.Values(ids))) {
		if row, ok := known[id]; ok {
			rows = append(rows, row)
		} else {
			out = append(out, RefusedItem{ProspectID: id, Reason: refused[id]})
		}
	}
	return rows, out, nil
}

func (s *server) batch(ctx context.Context, id string) (BatchJob, error) {
	j, ends, spend, err := s.Batches.Job(ctx, teamOf(ctx), id)
	if err != nil {
		return BatchJob{}, err
	}
	out := BatchJob{JobID: j.ID, Status: "completed", CapMicroUSD: spend.Cap, CostMicroUSD: spend.Settled}
	for _, part := range j.Chunks {
		out.TotalProspects += part.Rows
		end, done := ends[part.Name]
		switch {
		case part.First != "" && !done:
			out.Status = "processing"
			continue
		case end.Failure != "":
			out.Reasons = append(out.Reasons, part.Name+": "+end.Failure)
		}
		out.Done += part.Rows
		out.Enriched += end.Enriched
	}
	if out.Status == "completed" && len(out.Reasons) > 0 {
		out.Status = "partial"
	}
	return out, nil
}

func (s *server) batchPage(ctx context.Context, id string, part int) (BatchPage, error) {
	j, ends, _, err := s.Batches.Job(ctx, teamOf(ctx), id)
	page := BatchPage{Prospects: []Enrichment{}}
	if err != nil || part >= len(j.Chunks) {
		return page, err
	}
	p := j.Chunks[part]
	doc := p.Doc
	if end, done := ends[p.Name]; done {
		if end.Doc != "" { // else it ended before its first turn did
			doc = end.Doc
		}
	} else if p.First != "" {
		return page, &fault.Error{Kind: fault.Conflict, Op: "api.batch", Message: "this part of the job is still in work", RetryAfter: 10 * time.Second}
	}
	rows, err := s.Prospects.Rows(ctx, j.Team, doc)
	if err != nil {
		return page, err
	}
	for _, row := range rows {
		e := Enrichment{ProspectID: row.Prospect.ID, EnrichmentData: map[string]EnrichmentData{}, EnrichedAt: j.CreatedAt, Missing: []EnrichmentGap{}}
		for _, name := range j.Providers {
			asked := slices.ContainsFunc(row.Calls, func(c domain.Call) bool { return c.Provider == name })
			if data, known := dataOf(name, row); asked && known {
				e.EnrichmentData[name] = data
			}
		}
		for _, call := range row.Calls {
			e.Cost += call.Cost
		}
		for _, field := range domain.Fields() {
			if why := row.Missing[string(field)]; why != "" {
				e.Missing = append(e.Missing, EnrichmentGap{Field: string(field), Reason: why})
			}
		}
		page.Prospects = append(page.Prospects, e)
	}
	if part+1 < len(j.Chunks) {
		page.NextPart = part + 1
	}
	return page, nil
}
