package store

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
)

// JobCampaign stands for the campaign of enrichment jobs: their runs belong to none.
const JobCampaign = "enrichment"

// Job is a list that is enriched at once, outside of a campaign. Its money and
// its work are in the ledger as those of a run with its id.
type Job struct {
	ID        string    `json:"id"`
	Team      string    `json:"team"`
	Providers []string  `json:"providers"`
	Chunks    []JobPart `json:"chunks"`
	CreatedAt time.Time `json:"createdAt"`
}

// JobPart is one chunk of a job.
type JobPart struct {
	Name  string `json:"name"`
	Rows  int    `json:"rows"`
	Doc   string `json:"doc"`             // where its rows are at first
	First string `json:"first,omitempty"` // who is asked first; "": there is nothing to ask
}

// JobStep is what one turn of a job's chunk ends with.
type JobStep struct {
	Doc      string `json:"doc"`
	Next     string `json:"next"` // who is asked next; "" at the end
	Enriched int    `json:"enriched,omitempty"`
	Failure  string `json:"failure,omitempty"` // why the chunk ended early
}

// PutJob records a job; repeating it changes nothing.
func (s *Store) PutJob(ctx context.Context, j Job) error {
	doc, err := json.Marshal(j)
	if err != nil {
		return fmt.Errorf("store.put_job: %w", err)
	}
	err = s.put(ctx, s.opts.Ledger, spendPK(j.ID), "JOB", map[string]string{"doc": string(doc)}, notExists)
	if _, lost := conditionFailed(err); lost {
		err = nil
	}
	return failure("store.put_job", err)
}

// Job reads a team's job, how its finished chunks ended, and what it has spent:
// one Query.
func (s *Store) Job(ctx context.Context, team, id string) (j Job, ends map[string]JobStep, spend Spend, err error) {
	ends = map[string]JobStep{}
	err = s.query(ctx, s.opts.Ledger, spendPK(id), "", func(it item) error {
		sk := textOf(it, "sk")
		if name, ok := strings.CutPrefix(sk, "CHUNK#"); ok {
			last, err := lastStep(it)
			if err != nil {
				return err
			}
			if last != nil && last.Next == "" {
				ends[name] = *last
			} else if failure := deadOf(it); failure != "" {
				ends[name] = JobStep{Failure: failure}
				if last != nil {
					ends[name] = JobStep{Doc: last.Doc, Failure: failure}
				}
			}
		}
		switch sk {
		case "SPEND":
			spend = spendOf(it)
		case "JOB":
			return json.Unmarshal([]byte(textOf(it, "doc")), &j)
		}
		return nil
	})
	if err == nil && (j.ID == "" || j.Team != team) {
		err = fault.New(fault.NotFound, "store.job", "no enrichment job has this id in your team")
	}
	return j, ends, spend, failure("store.job", err)
}

// lastStep is the last turn of a job's chunk that is done; nil before any is.
func lastStep(it item) (*JobStep, error) {
	var last *JobStep
	latest := -1
	for step, answer := range answersOf(it) {
		if turn, _, ok := turnOf(step); ok && turn > latest {
			latest, last = turn, &JobStep{}
			if err := json.Unmarshal(answer, last); err != nil {
				return nil, err
			}
		}
	}
	return last, nil
}

// deadOf says why nobody works on a chunk any more; "" if somebody may.
func deadOf(it item) string {
	var c Chunk
	c.retried(it)
	for _, name := range slices.Sorted(maps.Keys(c.DeadLetters)) {
		return "Internal: no worker could handle the message to " + name + "; what was answered before is kept, so asking again costs only the rest"
	}
	return ""
}

// JobRef names a chunk of a job.
func JobRef(team, id, chunk string) domain.Ref {
	return domain.Ref{Team: team, Campaign: JobCampaign, Run: id, Chunk: chunk}
}
