package hubspot

import (
	"context"
	"fmt"
	"net/http"

	"github.com/messageai/sluice/internal/fault"
)

// Prepare implements [provider.CRM]: it creates the properties that are missing
// and refuses to go on if ours exists without unique values, since uniqueness
// cannot be added later.
func (c *Client) Prepare(ctx context.Context) error {
	for _, t := range []objectType{c.contacts, c.companies} {
		if err := c.prepare(ctx, t); err != nil {
			return fmt.Errorf("prepare %s: %w", t.name, err)
		}
	}
	return nil
}

func (c *Client) prepare(ctx context.Context, t objectType) error {
	have, err := c.propertiesOf(ctx, t)
	if err != nil {
		return err
	}
	lost := false
	for _, want := range t.own {
		if existing, ok := have[want.Name]; ok {
			if err := compatible(want, existing); err != nil {
				return err
			}
			continue
		}
		resp, err := c.call(ctx, opProperties, http.MethodPost, "/crm/properties/"+c.version+"/"+t.name, want)
		switch {
		case err != nil:
			return fmt.Errorf("create property %s: %w", want.Name, err)
		case resp.Status == http.StatusConflict:
			lost = true // somebody else created it just now
		}
	}
	if !lost {
		return nil
	}
	if have, err = c.propertiesOf(ctx, t); err != nil {
		return err
	}
	for _, want := range t.own {
		if err := compatible(want, have[want.Name]); err != nil {
			return err
		}
	}
	return nil
}

func (c *Client) propertiesOf(ctx context.Context, t objectType) (map[string]property, error) {
	resp, err := c.call(ctx, opProperties, http.MethodGet, "/crm/properties/"+c.version+"/"+t.name, nil)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Results []property `json:"results"`
	}
	if err := resp.Decode(&answer); err != nil {
		return nil, err
	}
	if answer.Results == nil {
		return nil, resp.Fault(fault.BadResponse, "the answer holds no properties")
	}
	have := map[string]property{}
	for _, p := range answer.Results {
		have[p.Name] = p
	}
	return have, nil
}

// compatible refuses an existing property that cannot do the job.
func compatible(want, have property) error {
	if have.Name != "" && have.Type == want.Type && (have.HasUniqueValue || !want.HasUniqueValue) {
		return nil
	}
	wanted := want.Type
	if want.HasUniqueValue {
		wanted += " with unique values"
	}
	return fault.New(fault.Forbidden, operation(opProperties), fmt.Sprintf(
		"the HubSpot property %s exists but is not of type %s; delete it in HubSpot or choose another name in the settings", want.Name, wanted))
}
