package zoominfo

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
)

const (
	name                      = "zoominfo"
	defaultCredit money.Micro = 1_000_000 // not known, see the package comment
	batch                     = 25        // records in an enrichment
)

// Definition declares ZoomInfo.
func Definition() provider.Definition {
	company := []provider.Identity{provider.ByDomain, provider.ByCompanyName}
	return provider.Definition{
		Name:        name,
		DisplayName: "ZoomInfo",
		Docs:        "https://docs.zoominfo.com",
		Capabilities: []provider.Capability{
			provider.CanDiscover, provider.CanFindPeople, provider.CanEnrichPerson, provider.CanEnrichCompany,
			provider.CanFindTechnologies, provider.CanFindIntent, provider.CanReadAccount,
		},
		Auth:         transport.Auth{Kind: transport.AuthClientCredentials, TokenURL: "/oauth/v1/token"},
		SecretFields: []string{"clientId", "clientSecret"},
		BaseURL:      "https://api.zoominfo.com/gtm",
		Offers: map[string]provider.Offer{
			provider.OpFindPeople: {Gives: []domain.Field{domain.FieldPerson}, By: []provider.Identity{provider.ByDomain}},
			provider.OpEnrichPerson: {
				Gives: []domain.Field{domain.FieldEmail, domain.FieldPhone, domain.FieldTitle, domain.FieldCompany},
				By:    []provider.Identity{provider.ByID, provider.ByEmail, provider.ByProfile, provider.ByNameAtCompany}, Batch: batch,
			},
			provider.OpEnrichCompany:    {Gives: []domain.Field{domain.FieldCompany}, By: company, Batch: batch},
			provider.OpFindTechnologies: {Gives: []domain.Field{domain.FieldTechnology}, By: company},
			provider.OpFindIntent:       {Gives: []domain.Field{domain.FieldIntent}, By: company},
		},
		Quotas: []provider.Quota{{
			Group: "all", Rate: 129_400, Per: 24 * time.Hour, Burst: 4,
			Operations: []string{
				provider.OpDiscover, provider.OpFindPeople, provider.OpEnrichPerson, provider.OpEnrichCompany,
				provider.OpFindTechnologies, provider.OpFindIntent, provider.OpReadAccount,
			},
			Note: "5 a second, 10,800 an hour and 129,600 a day of the Builder package (third-party copy of docs.zoominfo.com, 2026-07)",
		}},
		Prices: prices(defaultCredit),
		Terms: provider.Terms{
			MayStore: true, MayScore: true, MayExport: true, MayJoin: true, KeepIDs: true,
			Source: "the customer's contract with ZoomInfo; retention, caching and resale unconfirmed, 2026-11",
		},
		Status:     provider.Restricted, // ZoomInfo approves an app before it gets credentials
		RepeatFree: false,
	}
}

// Offers is what can be asked with the settings: intent only about topics, the
// setting intent_topics.
func Offers(s provider.Settings) map[string]provider.Offer {
	offers := Definition().Offers
	if len(list(s["intent_topics"])) == 0 {
		delete(offers, provider.OpFindIntent)
	}
	return offers
}

// Prices returns the price table for the customer's own price of a credit, the
// setting credit_microusd.
func Prices(s provider.Settings) (money.Table, error) {
	text := s["credit_microusd"]
	if text == "" {
		return prices(defaultCredit), nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > 1_000_000_000 {
		return money.Table{}, fault.New(fault.InvalidInput, "zoominfo.new", "the setting credit_microusd must be a whole number of micro-dollars such as 1000000")
	}
	return prices(money.Micro(n)), nil
}

func prices(credit money.Micro) money.Table {
	free, one := money.Price{Units: 1, Per: "call"}, money.Price{Unit: credit, Units: 1, Per: "credit"}
	return money.Table{
		Date: "2026-08-13", Source: "vendor documentation as read in 2026-11; price of a credit is not published",
		Operations: map[string]money.Price{
			provider.OpDiscover:         free,
			provider.OpFindPeople:       free,
			provider.OpEnrichPerson:     one,
			provider.OpEnrichCompany:    one,
			provider.OpFindTechnologies: one,
			provider.OpFindIntent:       one,
			provider.OpReadAccount:      free,
		},
	}
}

// Client asks ZoomInfo. Safe for concurrent use.
type Client struct {
	transport     transport.Doer
	definition    provider.Definition // with the customer's prices
	now           func() time.Time
	contactFields []string
	companyFields []string
	topics        []string
	managed       time.Duration // how long a record that was bought is free
}

// New makes a client. The error is about the settings.
func New(d provider.Deps) (*Client, error) {
	table, err := Prices(d.Settings)
	if err != nil {
		return nil, err
	}
	days, err := strconv.Atoi(d.Settings.Or("management_days", "30"))
	if err != nil || days < 0 || days > 3650 {
		return nil, fault.New(fault.InvalidInput, "zoominfo.new", "the setting management_days must be a number of days such as 365; 0 if records are charged each time")
	}
	c := &Client{
		transport: d.Transport, definition: Definition(), now: d.Now,
		contactFields: list(d.Settings.Or("contact_fields", contactFields)),
		companyFields: list(d.Settings.Or("company_fields", companyFields)),
		topics:        list(d.Settings["intent_topics"]),
		managed:       time.Duration(days) * 24 * time.Hour,
	}
	c.definition.Prices = table
	if len(c.topics) > maxTopics {
		return nil, fault.New(fault.InvalidInput, "zoominfo.new", "the setting intent_topics may hold at most 50 topics")
	}
	return c, nil
}

// list reads a setting of several values.
func list(text string) []string {
	var all []string
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			all = append(all, item)
		}
	}
	return all
}

// resource is a JSON:API document as ZoomInfo wants it.
type resource struct {
	Data struct {
		Type       string         `json:"type"`
		Attributes map[string]any `json:"attributes"`
	} `json:"data"`
}

// post is a request with a document.
func post(op, path, kind string, attributes map[string]any) transport.Request {
	var r resource
	r.Data.Type, r.Data.Attributes = kind, attributes
	return transport.Request{
		Op: op, Method: "POST", Path: path, Body: r,
		Header: http.Header{"Accept": {mediaType}, "Content-Type": {mediaType}},
	}
}

const mediaType = "application/vnd.api+json"

// usage is what an answer cost that was bought for so many credits.
func (c *Client) usage(op string, credits float64, asked time.Time) provider.Usage {
	return provider.Usage{Op: op, Cost: c.definition.Prices.Operations[op].For(credits), Took: c.now().Sub(asked)}
}

// Classify reads ZoomInfo's error codes, which say more than the status; see the
// package comment.
func Classify(op string, resp *transport.Response) error {
	if resp.Status >= 200 && resp.Status < 300 {
		return nil
	}
	switch code := errorCode(resp); code {
	case "PFAPI0001", "PFAPI0009":
		return resp.Fault(fault.Forbidden, "the account may not have all fields that were asked for; leave them out of the setting contact_fields or company_fields")
	case "PFAPI0007", "PFAPI0010":
		return resp.Fault(fault.Unavailable, "the provider has a problem")
	case "PFAPI0011":
		return resp.Fault(fault.QuotaExhausted, "the credits of the contract are used up; ask the ZoomInfo administrator for more or use another provider")
	case "ZI0001":
		return resp.Fault(fault.Unauthenticated, "the provider refused the access token; check client id and client secret")
	case "ZI0002", "ZI0003":
		return resp.Fault(fault.Forbidden, "the app's scopes or the contract do not allow this call")
	case "ZI0004":
		return resp.Fault(fault.RateLimited, "the provider asks us to slow down")
	default:
		if strings.HasPrefix(code, "PFAPI") && resp.Status < 500 {
			return resp.Fault(fault.InvalidInput, "the provider did not accept the request")
		}
	}
	return transport.DefaultClassify(op, resp)
}

// errorCode returns the code of either envelope in upper case, "" if there is none.
func errorCode(resp *transport.Response) string {
	var w struct {
		Errors []struct {
			Code string `json:"code"`
		} `json:"errors"`
		Error struct {
			Code string `json:"code"`
		} `json:"error"`
	}
	// A part that has another form leaves the rest readable.
	if err := json.Unmarshal(resp.Body, &w); err != nil && len(w.Errors) == 0 && w.Error.Code == "" {
		return ""
	}
	for _, e := range w.Errors {
		if e.Code != "" {
			return strings.ToUpper(e.Code)
		}
	}
	return strings.ToUpper(w.Error.Code)
}
