package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/waterfall"
)

// Cache is what the API needs of the store to forget answers.
type Cache interface {
	Forget(ctx context.Context, team, subject, next string) (forgotten int, more string, err error)
}

// Forgotten is what came of forgetting.
type Forgotten struct {
	Forgotten int    `json:"forgotten" doc:"Answers that are gone"`
	Next      string `json:"next,omitempty" doc:"There is more to look through: ask again with this as cursor"`
}

func (s *server) registerCache(a huma.API) {
	type output struct{ Body Forgotten }
	huma.Register(a, huma.Operation{
		OperationID: "forget-answers", Method: http.MethodDelete, Path: "/api/v1/cache",
		Summary:     "Forget what providers said about a person, a company, or at all",
		Description: "Exactly one of person, company and provider. What is forgotten is bought again when it is needed. Rows, leads and records of earlier runs are not touched, and workers at work may know it for another minute.",
	}, func(ctx context.Context, in *struct {
		Person   string `query:"person" doc:"Work address"`
		Company  string `query:"company" doc:"Domain"`
		Provider string `query:"provider" doc:"Name"`
		Cursor   string `query:"cursor"`
	},
	) (*output, error) {
		subject, err := s.subject(in.Person, in.Company, in.Provider)
		if err == nil {
			err = s.idle(ctx)
		}
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		n, next, err := s.Cache.Forget(ctx, teamOf(ctx), subject, in.Cursor)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return &output{Forgotten{Forgotten: n, Next: next}}, nil
	})
}

// subject is what is to be forgotten.
func (s *server) subject(person, company, name string) (string, error) {
	bad := func(message string) (string, error) {
		return "", fault.New(fault.InvalidInput, "api.forget", message)
	}
	given := 0
	for _, v := range []string{person, company, name} {
		if v != "" {
			given++
		}
	}
	switch {
	case given != 1:
		return bad("name one of person, company and provider")
	case person != "":
		return waterfall.Person(person), nil
	case company != "":
		return waterfall.Company(company), nil
	}
	if _, known := s.Providers[name]; !known {
		return bad("provider: there is no " + quote(name))
	}
	return waterfall.Provider(name), nil
}

// idle refuses what must not happen while a run of the team is on: a worker that
// takes over another's chunk must find what was paid for.
func (s *server) idle(ctx context.Context) error {
	all, err := s.Campaigns.Campaigns(ctx, teamOf(ctx))
	if err != nil {
		return err
	}
	for _, c := range all {
		run, err := s.Campaigns.Run(ctx, domain.Ref{Team: c.Team, Campaign: c.ID, Run: c.RunID})
		if err != nil {
			return err
		}
		if !run.Status.Ended() {
			return fault.New(fault.Conflict, "api.idle", "the campaign "+c.ID+" is still "+string(run.Status)+"; wait until it has ended")
		}
	}
	return nil
}
