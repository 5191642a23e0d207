package hubspot

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
)

// ApplyContacts implements [provider.CRM].
func (c *Client) ApplyContacts(ctx context.Context, writes []provider.Write) ([]provider.Outcome, error) {
	return c.apply(ctx, c.contacts, writes)
}

// ApplyCompanies implements [provider.CRM].
func (c *Client) ApplyCompanies(ctx context.Context, writes []provider.Write) ([]provider.Outcome, error) {
	return c.apply(ctx, c.companies, writes)
}

// job is one write on its way.
type job struct {
	index int
	write provider.Write
	props map[string]string
}

// apply patches what has a record id and upserts the rest in batches. A failure
// of the first call is the error of the whole; after that, what could not be
// sent is reported write by write, so that nothing that was done is forgotten.
func (c *Client) apply(ctx context.Context, t objectType, writes []provider.Write) ([]provider.Outcome, error) {
	outcomes := make([]provider.Outcome, len(writes))
	var patches, upserts []job
	keys := map[string]bool{}
	for i, w := range writes {
		props, unknown := t.toProperties(w.ExternalID, w.Fields, w.RecordID == "")
		switch {
		case unknown != "":
			return nil, fault.New(fault.InvalidInput, operation(opUpsert), "HubSpot "+t.name+" have no place for the field "+unknown)
		case w.RecordID != "":
			patches = append(patches, job{i, w, props})
		case w.ExternalID == "":
			outcomes[i].Rejected = "the record has neither a HubSpot id nor an id of ours"
		case keys[w.ExternalID]:
			outcomes[i].Rejected = "the same id of ours occurs twice in one push"
		default:
			keys[w.ExternalID] = true
			upserts = append(upserts, job{i, w, props})
		}
	}
	sent := 0
	// settle notes a failure for the jobs it concerns, or returns it.
	settle := func(jobs []job, err error) error {
		if err == nil {
			sent++
			return nil
		}
		kind := fault.KindOf(err)
		if sent == 0 || kind == fault.Unauthenticated || kind == fault.Forbidden || kind == fault.NotFound {
			return err
		}
		for _, j := range jobs {
			outcomes[j.index] = provider.Outcome{Retry: kind}
		}
		return nil
	}
	for _, j := range patches {
		if err := settle([]job{j}, c.patch(ctx, t, j, &outcomes[j.index])); err != nil {
			return nil, fmt.Errorf("update %s: %w", t.name, err)
		}
	}
	for start := 0; start < len(upserts); start += batchSize {
		batch := upserts[start:min(start+batchSize, len(upserts))]
		if err := settle(batch, c.upsert(ctx, t, batch, outcomes, false)); err != nil {
			return nil, fmt.Errorf("upsert %s: %w", t.name, err)
		}
	}
	return outcomes, nil
}

// patch writes one record by its record id.
func (c *Client) patch(ctx context.Context, t objectType, j job, out *provider.Outcome) error {
	path := "/crm/objects/" + c.version + "/" + t.name + "/" + url.PathEscape(j.write.RecordID)
	resp, err := c.call(ctx, opUpdate, http.MethodPatch, path, propertiesBody{Properties: j.props})
	if err != nil {
		return err
	}
	a := parseAnswer(resp.Body)
	switch {
	case resp.Status == http.StatusNotFound: // deleted, or merged into another record
		*out = provider.Outcome{Retry: fault.Conflict}
	case resp.Status == http.StatusConflict:
		*out, err = c.conflict(ctx, t, j, a)
		return err
	case a.has("PROPERTY_DOESNT_EXIST"):
		return missingProperties(opUpdate)
	case resp.Status == http.StatusBadRequest:
		*out = provider.Outcome{Rejected: a.reason()}
	default:
		var o object
		if err := resp.Decode(&o); err != nil {
			return err
		}
		if o.ID == "" {
			return resp.Fault(fault.BadResponse, "the answer holds a record without an id")
		}
		*out = provider.Outcome{RecordID: o.ID} // after a merge it is another than asked for
	}
	return nil
}

// conflict finds out which record holds a key of the write: HubSpot's answer may
// say so; otherwise the keys are read.
func (c *Client) conflict(ctx context.Context, t objectType, j job, a answer) (provider.Outcome, error) {
	if id := a.holder(); id != "" {
		return provider.Outcome{Conflict: id}, nil
	}
	holder := ""
	note := func(o object) {
		if o.ID != j.write.RecordID {
			holder = o.ID
		}
	}
	if email := j.props["email"]; t.name == contactsName && email != "" {
		if err := c.readAll(ctx, t, "email", lower([]string{email}), note); err != nil {
			return provider.Outcome{}, err
		}
	}
	if holder == "" && j.write.ExternalID != "" {
		if err := c.readAll(ctx, t, t.key, []string{j.write.ExternalID}, note); err != nil {
			return provider.Outcome{}, err
		}
	}
	if holder == "" { // it has gone meanwhile
		return provider.Outcome{Retry: fault.Conflict}, nil
	}
	return provider.Outcome{Conflict: holder}, nil
}

// upsert writes one batch by our id. HubSpot refuses a batch as a whole for
// faults it does not tie to an input; then the batch is halved until the bad
// record stands alone, once it is checked that our properties exist: otherwise
// every record would be called bad for a fault of the account.
func (c *Client) upsert(ctx context.Context, t objectType, batch []job, outcomes []provider.Outcome, checked bool) error {
	body := inputs[upsertInput]{}
	for _, j := range batch {
		body.Inputs = append(body.Inputs, upsertInput{IDProperty: t.key, ID: j.write.ExternalID, TraceID: j.write.ExternalID, Properties: j.props})
	}
	resp, err := c.call(ctx, opUpsert, http.MethodPost, "/crm/objects/"+c.version+"/"+t.name+"/batch/upsert", body)
	if err != nil {
		return err
	}
	if resp.Status != http.StatusBadRequest && resp.Status != http.StatusConflict {
		return c.settleBatch(ctx, t, batch, resp, outcomes)
	}
	a := parseAnswer(resp.Body)
	if resp.Status == http.StatusBadRequest && !checked {
		have, err := c.propertiesOf(ctx, t)
		if err != nil {
			return err
		}
		for _, want := range t.own {
			if compatible(want, have[want.Name]) != nil {
				return missingProperties(opUpsert)
			}
		}
		checked = true
	}
	switch {
	case a.has("PROPERTY_DOESNT_EXIST"): // one of HubSpot's own, removed or renamed
		return missingProperties(opUpsert)
	case len(batch) > 1:
		half := len(batch) / 2
		if err := c.upsert(ctx, t, batch[:half], outcomes, checked); err != nil {
			return err
		}
		return c.upsert(ctx, t, batch[half:], outcomes, checked)
	case resp.Status == http.StatusConflict:
		outcomes[batch[0].index], err = c.conflict(ctx, t, batch[0], a)
		return err
	}
	outcomes[batch[0].index] = provider.Outcome{Rejected: a.reason()}
	return nil
}

// settleBatch notes what became of each input. Results come in any order and
// are told apart by our id; failures by their trace id.
func (c *Client) settleBatch(ctx context.Context, t objectType, batch []job, resp *transport.Response, outcomes []provider.Outcome) error {
	answer, err := parseBatch(resp)
	if err != nil {
		return err
	}
	open := map[string]job{}
	for _, j := range batch {
		open[j.write.ExternalID] = j
	}
	for _, o := range answer.Results {
		id := o.property(t.key)
		if id == "" {
			id = o.TraceID
		}
		if j, ok := open[id]; ok {
			outcomes[j.index] = provider.Outcome{RecordID: o.ID, Created: o.New}
			delete(open, id)
		}
	}
	for _, e := range answer.Errors {
		for _, id := range e.Context["objectWriteTraceId"] {
			j, ok := open[id]
			if !ok {
				continue
			}
			delete(open, id)
			switch e.Category {
			case "CONFLICT":
				if outcomes[j.index], err = c.conflict(ctx, t, j, e); err != nil {
					return err
				}
			case "VALIDATION_ERROR":
				outcomes[j.index] = provider.Outcome{Rejected: e.reason()}
			default:
				outcomes[j.index] = provider.Outcome{Retry: fault.Unavailable}
			}
		}
	}
	for _, j := range open { // neither a result nor an error that names it
		outcomes[j.index] = provider.Outcome{Retry: fault.Unclear}
	}
	return nil
}
