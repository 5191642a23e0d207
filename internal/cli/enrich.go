package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/messageai/sluice/internal/api"
)

type prospectEnrichCommand struct {
	remote
	ID        string   `arg:"" help:"The prospect's id."`
	Providers []string `required:"" help:"Who is asked, separated by commas." placeholder:"NAME"`
	Validate  bool     `help:"Also have the e-mail address verified."`
	JSON      bool     `name:"json" help:"Print the answer as one JSON object."`
}

// Run asks providers about one prospect. An answer with gaps is one: exit code 9.
func (p *prospectEnrichCommand) Run(ctx context.Context, t terminal) error {
	c, err := p.client()
	if err != nil {
		return err
	}
	var got api.Enrichment
	request := api.EnrichmentRequest{Providers: p.Providers, ValidateEmail: p.Validate}
	if err := c.call(ctx, http.MethodPost, "/api/v1/enrichment/prospects/"+url.PathEscape(p.ID), request, &got); err != nil {
		return err
	}
	enc := json.NewEncoder(t.out)
	if !p.JSON {
		enc.SetIndent("", "  ")
	}
	if err := enc.Encode(got); err != nil {
		return err
	}
	if len(got.Missing) > 0 {
		return exitError{exitPartial, fmt.Sprintf("%d things that were asked for are missing; the answer names them", len(got.Missing))}
	}
	return nil
}

type breakerListCommand struct {
	remote
	JSON bool `name:"json" help:"Print an array."`
}

// Run shows how the providers are, and their circuit breakers.
func (b *breakerListCommand) Run(ctx context.Context, t terminal) error {
	c, err := b.client()
	if err != nil {
		return err
	}
	var got struct {
		Providers []api.ProviderHealth `json:"providers"`
	}
	if err := c.call(ctx, http.MethodGet, "/api/v1/health/providers", nil, &got); err != nil {
		return err
	}
	if b.JSON {
		return json.NewEncoder(t.out).Encode(got.Providers)
	}
	for _, p := range got.Providers {
		if _, err := fmt.Fprintln(t.out, healthLine(p)); err != nil {
			return err
		}
	}
	return nil
}

func healthLine(p api.ProviderHealth) string {
	line := fmt.Sprintf("%-13s %-9s hour: %d calls, %.1f%% failed, p95 %v, %d throttled; day: %d calls, %.1f%% failed; trend %s",
		p.Provider, p.Breaker.State, p.Hour.Calls, p.Hour.ErrorShare*100, time.Duration(p.Hour.P95MS)*time.Millisecond, p.Hour.Throttled,
		p.Day.Calls, p.Day.ErrorShare*100, p.Trend)
	if p.Breaker.Reason != "" {
		line += "; " + p.Breaker.Reason
	}
	if p.Breaker.By != "" {
		line += " (" + p.Breaker.By + ")"
	}
	return line
}

type breakerSetCommand struct {
	remote
	Provider string `arg:"" help:"Name of the provider."`
	Reason   string `required:"" help:"Why, for whoever wonders later."`
	JSON     bool   `name:"json" help:"Print the provider's health as one JSON object."`
}

func (b *breakerSetCommand) set(ctx context.Context, t terminal, state string) error {
	c, err := b.client()
	if err != nil {
		return err
	}
	var got api.ProviderHealth
	if err := c.call(ctx, http.MethodPut, "/api/v1/health/providers/"+url.PathEscape(b.Provider)+"/breaker", api.BreakerChange{State: state, Reason: b.Reason}, &got); err != nil {
		return err
	}
	if b.JSON {
		return json.NewEncoder(t.out).Encode(got)
	}
	_, err = fmt.Fprintln(t.out, healthLine(got))
	return err
}

type breakerOpenCommand struct{ breakerSetCommand }

// Run suspends all calls to a provider.
func (b *breakerOpenCommand) Run(ctx context.Context, t terminal) error {
	return b.set(ctx, t, "open")
}

type breakerCloseCommand struct{ breakerSetCommand }

// Run lets calls to a provider through again.
func (b *breakerCloseCommand) Run(ctx context.Context, t terminal) error {
	return b.set(ctx, t, "closed")
}
