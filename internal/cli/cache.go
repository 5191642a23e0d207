package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/replay"
	"github.com/messageai/sluice/internal/store"
	"github.com/messageai/sluice/internal/waterfall"
)

type cacheCommands struct {
	Forget cacheForgetCommand `cmd:"" help:"Forget what providers said about a person, a company, or at all: it is bought again when it is needed."`
	Warm   cacheWarmCommand   `cmd:"" help:"Fill the cache from what a run has recorded, without asking or paying anybody."`
}

type cacheForgetCommand struct {
	Person   string `required:"" xor:"subject" help:"Work address of the person." placeholder:"EMAIL"`
	Company  string `required:"" xor:"subject" help:"Domain of the company." placeholder:"DOMAIN"`
	Provider string `required:"" xor:"subject" help:"Provider." placeholder:"NAME"`
	stored
	JSON bool `name:"json" help:"Print one JSON object."`
}

// Run forgets answers.
func (f *cacheForgetCommand) Run(ctx context.Context, t terminal) error {
	subject := waterfall.Person(f.Person)
	switch {
	case f.Company != "":
		subject = waterfall.Company(f.Company)
	case f.Provider != "":
		subject = waterfall.Provider(f.Provider)
	}
	forgotten := 0
	err := f.with(ctx, func(s *store.Store, team string) error {
		if err := idle(ctx, s, team); err != nil {
			return err
		}
		for next := ""; ; {
			n, more, err := s.Forget(ctx, team, subject, next)
			forgotten += n
			if err != nil || more == "" {
				return err
			}
			next = more
		}
	})
	if err != nil {
		return err
	}
	if f.JSON {
		return json.NewEncoder(t.out).Encode(map[string]int{"forgotten": forgotten})
	}
	_, err = fmt.Fprintf(t.out, "%d answers forgotten. Rows, leads and records of earlier runs are not touched.\n", forgotten)
	return err
}

type cacheWarmCommand struct {
	RunID string `arg:"" name:"run" help:"Id of the run."`
	stored
	JSON bool `name:"json" help:"Print one JSON object."`
}

// Run fills the cache.
func (c *cacheWarmCommand) Run(ctx context.Context, t terminal) error {
	var out replay.Warmed
	err := c.with(ctx, func(s *store.Store, team string) (err error) {
		out, err = replay.Warm(ctx, s, domain.Ref{Team: team, Run: c.RunID}, time.Now)
		return err
	})
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(t.out).Encode(out)
	}
	_, err = fmt.Fprintf(t.out, "%d answers are in the cache again; %d were there, %d are too old, %d are to stay forgotten.\n", out.Answers, out.There, out.Old, out.Forgotten)
	return err
}
