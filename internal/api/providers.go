package api

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/danielgtaylor/huma/v2"

	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/provider"
)

// Connections keeps the provider keys of the context's team. No key comes back
// out of it.
type Connections interface {
	// Connections tells what is known of every provider of the catalog, by name.
	Connections(ctx context.Context) (map[string]Connection, error)
	// Connect asks the provider whether the key is good and only then puts it in
	// the place of the one that was there.
	Connect(ctx context.Context, name string, key map[string]string) (Checked, error)
	// Check asks the provider whether the key in use is good. That it is not is
	// no error.
	Check(ctx context.Context, name string) (Checked, error)
	// Revoke takes the team's key out of use.
	Revoke(ctx context.Context, name string) error
}

// Connection is what is known of a team's access to a provider.
type Connection struct {
	Key     ProviderKey
	Breaker ProviderBreaker
}

// ProviderKey tells about a key, never what it is.
type ProviderKey struct {
	State       string      `json:"state" enum:"connected,revoked,none" doc:"revoked: nothing is sent to the provider for the team until it connects another key"`
	Owner       string      `json:"owner,omitempty" enum:"team,deployment" doc:"Whose key is used; the deployment's stands in for teams without one"`
	Fields      []string    `json:"fields" doc:"What a key of this provider consists of"`
	Fingerprint string      `json:"fingerprint,omitempty" doc:"Tells two keys apart"`
	Verified    bool        `json:"verified" doc:"The provider has accepted it; some have no call that would tell without buying something"`
	ChangedAt   *time.Time  `json:"changedAt,omitempty"`
	Month       string      `json:"month" doc:"YYYY-MM, UTC: what the rest is about"`
	Calls       int64       `json:"calls" doc:"Answered calls for the team this month, as far as they were settled; of providers that charge"`
	SpentMicro  money.Micro `json:"spentMicroUsd" doc:"What they cost"`
}

// ProviderBreaker is the circuit breaker in front of a provider for the key in
// use.
type ProviderBreaker struct {
	State  string     `json:"state" enum:"closed,open,half-open"`
	Until  *time.Time `json:"until,omitempty" doc:"When an open one is probed; absent: a person closes it"`
	Reason string     `json:"reason,omitempty"`
}

// Provider is one provider as a team sees it.
type Provider struct {
	Name         string                 `json:"name"`
	DisplayName  string                 `json:"displayName"`
	Capabilities []string               `json:"capabilities"`
	Status       string                 `json:"status" enum:"active,restricted,retired"`
	Quota        []ProviderQuota        `json:"quota" doc:"Documented rates that calls are kept below"`
	PriceMicro   map[string]money.Micro `json:"priceMicroUsd" doc:"The highest price of each operation"`
	PricesFrom   string                 `json:"pricesFrom" doc:"Date of the price table"`
	Terms        ProviderTerms          `json:"terms"`
	Breaker      ProviderBreaker        `json:"breaker"`
	Key          ProviderKey            `json:"key"`
}

// ProviderQuota is a rate that some operations share.
type ProviderQuota struct {
	Group      string   `json:"group"`
	Operations []string `json:"operations"`
	Calls      int      `json:"calls"`
	PerSeconds float64  `json:"perSeconds"`
}

// ProviderTerms is what may be done with a provider's answers.
type ProviderTerms struct {
	Store     bool   `json:"store"`
	StoreDays int    `json:"storeDays,omitempty" doc:"Absent with store: no limit is stated"`
	Score     bool   `json:"score"`
	Export    bool   `json:"export"`
	Join      bool   `json:"join"`
	Source    string `json:"source"`
}

// ProviderList is the answer to a list request.
type ProviderList struct {
	Providers []Provider `json:"providers"`
}

// Checked is what a provider says of a key.
type Checked struct {
	Name     string            `json:"name"`
	OK       bool              `json:"ok"`
	Verified bool              `json:"verified" doc:"false with ok: the provider has no call that tells for free, so nobody asked"`
	Kind     string            `json:"kind,omitempty" doc:"What is wrong, as docs/errors.md calls it: Unauthenticated, Forbidden, RateLimited, ..."`
	Detail   string            `json:"detail,omitempty" doc:"What to do about it"`
	Plan     string            `json:"plan,omitempty"`
	Balances []ProviderBalance `json:"balances,omitempty"`
}

// ProviderBalance is a counter of the account.
type ProviderBalance struct {
	Name     string     `json:"name" doc:"The provider's word: credits, minute"`
	Limit    float64    `json:"limit,omitempty"`
	Used     float64    `json:"used"`
	Left     float64    `json:"left"`
	ResetsAt *time.Time `json:"resetsAt,omitempty"`
}

// longestField is more than any provider's keys have.
const longestField = 4096

func (s *server) registerProviders(a huma.API) {
	type listOutput struct{ Body ProviderList }
	huma.Register(a, huma.Operation{
		OperationID: "list-providers", Method: http.MethodGet, Path: "/api/v1/providers",
		Summary: "List the providers: what they can do and cost, whose key is used, what it spent this month",
	}, func(ctx context.Context, _ *struct{}) (*listOutput, error) {
		list, err := s.providers(ctx)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return &listOutput{ProviderList{list}}, nil
	})
	type checkedOutput struct{ Body Checked }
	// The body is read here: a validator's message would quote what it refuses.
	huma.Register(a, huma.Operation{
		OperationID: "connect-provider", Method: http.MethodPost, Path: "/api/v1/providers/{name}/key", SkipValidateBody: true,
		Summary: "Connect a provider, or rotate its key: the provider is asked first, and a key that it refuses is not stored",
		RequestBody: &huma.RequestBody{Required: true, Description: "The fields of the key, as in the list: {\"apiKey\":\"...\"}", Content: map[string]*huma.MediaType{
			"application/json": {Schema: &huma.Schema{Type: huma.TypeObject, AdditionalProperties: &huma.Schema{Type: huma.TypeString, WriteOnly: true}}},
		}},
	}, func(ctx context.Context, in *struct {
		Name    string `path:"name"`
		RawBody []byte
	},
	) (*checkedOutput, error) {
		key, err := s.keyOf(in.Name, in.RawBody)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		out, err := s.Connections.Connect(ctx, in.Name, key)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return &checkedOutput{out}, nil
	})
	type named struct {
		Name string `path:"name"`
	}
	huma.Register(a, huma.Operation{
		OperationID: "test-provider", Method: http.MethodPost, Path: "/api/v1/providers/{name}/test",
		Summary: "Ask a provider whether the key in use is good, and what is left of the account",
	}, func(ctx context.Context, in *named) (*checkedOutput, error) {
		if _, err := s.provider(in.Name); err != nil {
			return nil, s.problem(ctx, err)
		}
		out, err := s.Connections.Check(ctx, in.Name)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return &checkedOutput{out}, nil
	})
	huma.Register(a, huma.Operation{
		OperationID: "revoke-provider", Method: http.MethodDelete, Path: "/api/v1/providers/{name}/key", DefaultStatus: http.StatusNoContent,
		Summary: "Revoke the team's key: within ten seconds no call leaves with it any more, and none with the deployment's for this team",
	}, func(ctx context.Context, in *named) (*struct{}, error) {
		if _, err := s.provider(in.Name); err != nil {
			return nil, s.problem(ctx, err)
		}
		if err := s.Connections.Revoke(ctx, in.Name); err != nil {
			return nil, s.problem(ctx, err)
		}
		return nil, nil
	})
}

func (s *server) provider(name string) (provider.Definition, error) {
	d, ok := s.Providers[name]
	if !ok {
		return d, fault.New(fault.NotFound, "api.provider", fmt.Sprintf("there is no provider %s; there are %s", quote(name), listOf(slices.Sorted(maps.Keys(s.Providers)))))
	}
	return d, nil
}

// keyOf reads the key from the body of a request. Its errors name fields of
// ours, and nothing of what was sent.
func (s *server) keyOf(name string, body []byte) (map[string]string, error) {
	d, err := s.provider(name)
	if err != nil {
		return nil, err
	}
	bad := func(what string) error {
		return fault.New(fault.InvalidInput, "api.key", fmt.Sprintf("the key of %s is a JSON object with %s: %s", d.DisplayName, listOf(d.SecretFields), what))
	}
	var sent map[string]string
	if json.Unmarshal(body, &sent) != nil || sent == nil {
		return nil, bad("this is none")
	}
	key := map[string]string{}
	for _, field := range d.SecretFields {
		value := strings.TrimSpace(sent[field])
		switch {
		case value == "":
			return nil, bad(field + " is missing")
		case len(value) > longestField:
			return nil, bad(field + " is too long")
		case strings.ContainsFunc(value, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }):
			return nil, bad(field + " holds spaces or unprintable characters; copy it again")
		}
		key[field] = value
	}
	if len(sent) > len(key) {
		return nil, bad("there are other fields, too")
	}
	return key, nil
}

func (s *server) providers(ctx context.Context) ([]Provider, error) {
	known, err := s.Connections.Connections(ctx)
	if err != nil {
		return nil, err
	}
	list := []Provider{}
	for _, name := range slices.Sorted(maps.Keys(s.Providers)) {
		d := s.Providers[name]
		p := Provider{
			Name: name, DisplayName: d.DisplayName, Status: string(d.Status), Capabilities: []string{}, Quota: []ProviderQuota{},
			PriceMicro: map[string]money.Micro{}, PricesFrom: d.Prices.Date, Breaker: known[name].Breaker, Key: known[name].Key,
			Terms: ProviderTerms{
				Store: d.Terms.MayStore, StoreDays: int(d.Terms.StoreFor.Hours() / 24), Score: d.Terms.MayScore, Export: d.Terms.MayExport,
				Join: d.Terms.MayJoin, Source: d.Terms.Source,
			},
		}
		for _, c := range d.Capabilities {
			p.Capabilities = append(p.Capabilities, string(c))
		}
		for _, q := range d.Quotas {
			p.Quota = append(p.Quota, ProviderQuota{Group: q.Group, Operations: q.Operations, Calls: q.Rate, PerSeconds: q.Per.Seconds()})
		}
		for op, price := range d.Prices.Operations {
			p.PriceMicro[op] = price.Max()
		}
		list = append(list, p)
	}
	return list, nil
}
