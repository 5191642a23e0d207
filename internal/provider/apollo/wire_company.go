package apollo

import (
	"cmp"
	"encoding/json"
	"time"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/provider"
)

// wireOrganizations is the answer about one company or about several.
type wireOrganizations struct {
	Organization  *wireOrganization   `json:"organization"`
	Organizations []*wireOrganization `json:"organizations"`
	Credits       *float64            `json:"credits_consumed"` // not documented for companies
	Unique        *float64            `json:"unique_enriched_records"`
	Missing       *float64            `json:"missing_records"`
}

// wireCompanies is a page of the company search. Companies that the team has
// saved come as accounts, all others as organizations.
type wireCompanies struct {
	Accounts      []wireAccount      `json:"accounts"`
	Organizations []wireOrganization `json:"organizations"`
	Pagination    struct {
		Total *float64 `json:"total_entries"`
		Pages *float64 `json:"total_pages"`
	} `json:"pagination"`
}

// wireAccount is a saved company. Its id is the team's own.
type wireAccount struct {
	wireOrganization
	OrganizationID string  `json:"organization_id"`
	Domain         *string `json:"domain"`
}

// organizations are the companies behind the accounts. One that was entered by
// hand and is none of Apollo's keeps the id of the account.
func (w wireCompanies) organizations() []wireOrganization {
	var out []wireOrganization
	for _, a := range w.Accounts {
		o := a.wireOrganization
		o.ID, o.PrimaryDomain = cmp.Or(a.OrganizationID, o.ID), cmp.Or(o.PrimaryDomain, a.Domain)
		out = append(out, o)
	}
	return out
}

func (w wireOrganization) prospect(at time.Time) domain.Prospect {
	p := domain.Prospect{Source: "apollo", ProfileID: w.ID, SeenAt: at}
	w.fill(sheet{p: &p, at: at})
	return p
}

type wireCounter struct {
	Limit    float64 `json:"limit"`
	Consumed float64 `json:"consumed"`
	Left     float64 `json:"left_over"`
}

func (w wireCounter) balance(name string) provider.Balance {
	return provider.Balance{Name: name, Limit: w.Limit, Used: w.Consumed, Left: w.Left}
}

type wireCredits struct {
	Stats map[string]wireCounter `json:"credit_usage_stats"`
	Cycle struct {
		End *string `json:"end_date"`
	} `json:"current_credit_cycle"`
}

type wireSequence struct {
	Contacts []json.RawMessage `json:"contacts"`
	Skipped  map[string]string `json:"skipped_contact_ids"`
}
