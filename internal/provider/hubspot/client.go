package hubspot

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
)

// The sizes of batches that HubSpot accepts.
const (
	batchSize     = 100
	associateSize = 2000
)

// Client is one HubSpot account. It is safe for concurrent use.
type Client struct {
	api       transport.Doer
	version   string
	contacts  objectType
	companies objectType
}

// New builds the adapter from its settings.
func New(deps provider.Deps) (*Client, error) {
	version := deps.Settings.Or("version", "2026-09")
	if version != "2026-09" && version != "2026-03" {
		return nil, fault.New(fault.InvalidInput, "hubspot.new", "the setting version must be 2026-09 or 2026-03")
	}
	return &Client{
		api: deps.Transport, version: version,
		contacts:  contactType(deps.Settings.Or("lead_id_property", "sluice_lead_id")),
		companies: companyType(deps.Settings.Or("account_id_property", "sluice_account_id")),
	}, nil
}

// call sends one request; see [Classify] for the answers that come back.
func (c *Client) call(ctx context.Context, op, method, path string, body any) (*transport.Response, error) {
	return c.api.Do(ctx, transport.Request{
		Op: op, Method: method, Path: path, Body: body,
		Idempotent: true, // writes put the same values under the same keys again
	})
}

// Contacts implements [provider.CRM]. A contact that was found by one of its
// secondary addresses has that address as its Email, and the primary one among
// its fields.
func (c *Client) Contacts(ctx context.Context, leadIDs, emails []string) ([]provider.Record, error) {
	found := map[string]provider.Record{}
	if err := c.readAll(ctx, c.contacts, c.contacts.key, unique(leadIDs), func(o object) {
		found[o.ID] = c.contacts.toRecord(o)
	}); err != nil {
		return nil, fmt.Errorf("read contacts by lead id: %w", err)
	}
	wanted := lower(emails)
	asked := map[string]bool{}
	for _, e := range wanted {
		asked[e] = true
	}
	if err := c.readAll(ctx, c.contacts, "email", wanted, func(o object) {
		r := c.contacts.toRecord(o)
		if !asked[strings.ToLower(r.Email)] {
			for _, e := range strings.Split(o.property(moreEmails), ";") {
				if asked[strings.ToLower(e)] {
					r.Email = e
					break
				}
			}
		}
		found[o.ID] = r
	}); err != nil {
		return nil, fmt.Errorf("read contacts by e-mail: %w", err)
	}
	return sorted(found), nil
}

// Companies implements [provider.CRM].
func (c *Client) Companies(ctx context.Context, accountIDs []string) ([]provider.Record, error) {
	found := map[string]provider.Record{}
	err := c.readAll(ctx, c.companies, c.companies.key, unique(accountIDs), func(o object) {
		found[o.ID] = c.companies.toRecord(o)
	})
	if err != nil {
		return nil, fmt.Errorf("read companies by account id: %w", err)
	}
	return sorted(found), nil
}

// readAll reads records by a unique property. Those that do not exist are
// absent from the answer.
func (c *Client) readAll(ctx context.Context, t objectType, idProperty string, ids []string, yield func(object)) error {
	for chunk := range slices.Chunk(ids, batchSize) {
		body := readBody{IDProperty: idProperty, Properties: t.properties(), History: []string{}}
		for _, id := range chunk {
			body.Inputs = append(body.Inputs, ref{ID: id})
		}
		resp, err := c.call(ctx, opRead, http.MethodPost, "/crm/objects/"+c.version+"/"+t.name+"/batch/read", body)
		if err != nil {
			return err
		}
		answer, err := parseBatch(resp)
		if err != nil {
			return err
		}
		for _, o := range answer.Results {
			yield(o)
		}
	}
	return nil
}

// parseBatch decodes an answer of a batch endpoint.
func parseBatch(resp *transport.Response) (batchAnswer, error) {
	var a batchAnswer
	if err := resp.Decode(&a); err != nil {
		return a, err
	}
	if a.Results == nil {
		return a, resp.Fault(fault.BadResponse, "the answer holds no results")
	}
	for _, o := range a.Results {
		if o.ID == "" {
			return a, resp.Fault(fault.BadResponse, "the answer holds a record without an id")
		}
	}
	return a, nil
}

// Associate implements [provider.CRM].
func (c *Client) Associate(ctx context.Context, links []provider.Link) error {
	for chunk := range slices.Chunk(links, associateSize) {
		body := inputs[association]{}
		for _, l := range chunk {
			body.Inputs = append(body.Inputs, association{
				From: ref{ID: l.ContactID}, To: ref{ID: l.CompanyID},
				Types: []associationType{{Category: "HUBSPOT_DEFINED", TypeID: contactToCompany}},
			})
		}
		resp, err := c.call(ctx, opAssociate, http.MethodPost, "/crm/associations/"+c.version+"/contacts/companies/batch/create", body)
		if err != nil {
			return fmt.Errorf("associate contacts with companies: %w", err)
		}
		var answer struct {
			Results []json.RawMessage `json:"results"`
			Errors  []answer          `json:"errors"`
		}
		if err := resp.Decode(&answer); err != nil {
			return fmt.Errorf("associate contacts with companies: %w", err)
		}
		switch {
		case len(answer.Errors) > 0:
			return resp.Fault(fault.NotFound, fmt.Sprintf(
				"%d of %d contacts or companies to associate no longer exist in HubSpot; read them again", len(answer.Errors), len(chunk)))
		case answer.Results == nil:
			return resp.Fault(fault.BadResponse, "the answer holds no results")
		}
	}
	return nil
}

func operation(op string) string { return Definition().Operation(op) }

func missingProperties(op string) error { return fault.New(fault.NotFound, operation(op), unprepared) }

// unique drops empty and repeated values.
func unique(values []string) []string {
	seen := map[string]bool{"": true}
	var list []string
	for _, v := range values {
		if !seen[v] {
			seen[v] = true
			list = append(list, v)
		}
	}
	return list
}

// lower is unique for addresses, which HubSpot keeps in lower case.
func lower(emails []string) []string {
	list := make([]string, len(emails))
	for i, e := range emails {
		list[i] = strings.ToLower(strings.TrimSpace(e))
	}
	return unique(list)
}

// sorted returns the records in the order of their ids, so that the same
// account gives the same plan.
func sorted(found map[string]provider.Record) []provider.Record {
	list := make([]provider.Record, 0, len(found))
	for _, id := range slices.Sorted(maps.Keys(found)) {
		list = append(list, found[id])
	}
	return list
}
