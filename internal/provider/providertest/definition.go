package providertest

import (
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
	"github.com/messageai/sluice/internal/ratelimit"
)

// implements says for each capability whether a client has its interface.
func implements(client any) map[provider.Capability]bool {
	has := map[provider.Capability]bool{}
	_, has[provider.CanDiscover] = client.(provider.Discoverer)
	_, has[provider.CanFindPeople] = client.(provider.PersonFinder)
	_, has[provider.CanEnrichPerson] = client.(provider.PersonEnricher)
	_, has[provider.CanEnrichCompany] = client.(provider.CompanyEnricher)
	_, has[provider.CanFindCompanies] = client.(provider.CompanyFinder)
	_, has[provider.CanFindPhone] = client.(provider.PhoneFinder)
	_, has[provider.CanFindTechnologies] = client.(provider.TechnologyFinder)
	_, has[provider.CanFindIntent] = client.(provider.IntentFinder)
	_, has[provider.CanVerifyInBulk] = client.(provider.BulkVerifier)
	_, has[provider.CanReadAccount] = client.(provider.AccountReader)
	_, has[provider.CanAddToSequence] = client.(provider.Sequencer)
	_, has[provider.CanFindEmail] = client.(provider.EmailFinder)
	_, has[provider.CanVerifyEmail] = client.(provider.EmailVerifier)
	_, has[provider.CanEmbed] = client.(provider.Embedder)
	_, has[provider.CanIndexVectors] = client.(provider.VectorIndex)
	_, has[provider.CanPush] = client.(provider.CRM)
	return has
}

func checkDefinition(t *testing.T, c Case) {
	d := c.Definition
	if !regexp.MustCompile(`^[a-z][a-z0-9]*$`).MatchString(d.Name) {
		t.Errorf("name %q, want lower-case letters and digits", d.Name)
	}
	if d.DisplayName == "" || !strings.HasPrefix(d.Docs, "https://") || d.Terms.Source == "" {
		t.Errorf("display name %q, docs %q and source of terms %q must all be given", d.DisplayName, d.Docs, d.Terms.Source)
	}
	if base, err := url.Parse(d.BaseURL); err != nil || base.Scheme != "https" || base.Host == "" {
		t.Errorf("base URL %q, want https://host...", d.BaseURL)
	}
	switch d.Status {
	case provider.Active, provider.Restricted, provider.Retired:
	default:
		t.Errorf("status %q is not one of provider's", d.Status)
	}
	if d.Auth.Kind != transport.AuthNone && len(d.SecretFields) == 0 {
		t.Error("auth needs a key, but SecretFields is empty")
	}
	if (d.Auth.Kind == transport.AuthHeader || d.Auth.Kind == transport.AuthQuery || d.Auth.Kind == transport.AuthParameter) && d.Auth.Name == "" {
		t.Errorf("auth is %q, but has no name", d.Auth.Kind)
	}
	if d.Auth.Kind == transport.AuthClientCredentials && (d.Auth.TokenURL == "" || len(d.SecretFields) < 2) {
		t.Errorf("auth is %q; it needs a token URL (%q) and secret fields for the client's id and secret (%v)", d.Auth.Kind, d.Auth.TokenURL, d.SecretFields)
	}
	for name, text := range d.Hosts {
		if base, err := url.Parse(text); err != nil || base.Scheme != "https" || base.Host == "" || name == "" {
			t.Errorf("host %q at %q, want a name and https://host...", name, text)
		}
	}
	checkCapabilities(t, c)
	checkPrices(t, c)
	checkQuotas(t, d)
	checkOffers(t, d)
}

// offered are the operations about prospects, by the capability that has them.
var offered = map[provider.Capability]string{
	provider.CanEnrichPerson:     provider.OpEnrichPerson,
	provider.CanEnrichCompany:    provider.OpEnrichCompany,
	provider.CanFindPhone:        provider.OpFindPhone,
	provider.CanFindTechnologies: provider.OpFindTechnologies,
	provider.CanFindIntent:       provider.OpFindIntent,
	provider.CanFindPeople:       provider.OpFindPeople,
	provider.CanFindEmail:        provider.OpFindEmail,
	provider.CanVerifyEmail:      provider.OpVerifyEmail,
}

// checkOffers: every capability about prospects says what it gives and by what
// it knows them, and nothing else does.
func checkOffers(t *testing.T, d provider.Definition) {
	want := map[string]bool{}
	for _, capability := range d.Capabilities {
		op := offered[capability]
		if op == "" {
			continue
		}
		want[op] = true
		offer, ok := d.Offers[op]
		if _, priced := d.Prices.Operations[op]; !priced || !ok || len(offer.Gives) == 0 || len(offer.By) == 0 || offer.Batch < 0 {
			t.Errorf("%s is declared; %s needs a price and an offer that says what it gives and by what, has %+v", capability, op, offer)
		}
	}
	for op := range d.Offers {
		if !want[op] {
			t.Errorf("an offer of %s, but no capability for it", op)
		}
	}
}

func checkCapabilities(t *testing.T, c Case) {
	client := newRig(t, c, Call{}, key, noAnswer).client
	declared := map[provider.Capability]bool{}
	for _, capability := range c.Definition.Capabilities {
		declared[capability] = true
	}
	if len(declared) != len(c.Definition.Capabilities) || len(declared) == 0 {
		t.Errorf("capabilities %v: want at least one and none twice", c.Definition.Capabilities)
	}
	for capability, has := range implements(client) {
		if has != declared[capability] {
			t.Errorf("%s: implemented %v, declared %v", capability, has, declared[capability])
		}
		delete(declared, capability)
	}
	for capability := range declared {
		t.Errorf("%s is declared, but there is no such capability", capability)
	}
}

func checkPrices(t *testing.T, c Case) {
	prices := c.Definition.Prices
	if _, err := time.Parse(time.DateOnly, prices.Date); err != nil || prices.Source == "" {
		t.Errorf("prices are of %q from %q: want a date and a source", prices.Date, prices.Source)
	}
	called := map[string]bool{}
	for _, call := range c.Calls {
		called[call.Op] = true
		if _, priced := prices.Operations[call.Op]; !priced {
			t.Errorf("operation %s has no price; a free one has the price zero", call.Op)
		}
	}
	for op, price := range prices.Operations {
		if price.Unit < 0 || price.Units <= 0 || price.Per == "" {
			t.Errorf("price of %s is %+v: want a unit of zero or more, units above zero, and what a unit is", op, price)
		}
		if !called[op] {
			t.Errorf("operation %s is priced, but the case does not call it", op)
		}
	}
}

func checkQuotas(t *testing.T, d provider.Definition) {
	grouped := map[string]string{}
	for _, q := range d.Quotas {
		if err := (ratelimit.Quota{Rate: q.Rate, Per: q.Per, Burst: q.Burst}).Validate(); err != nil || q.Burst < 1 {
			t.Errorf("quota %s: burst %d, %v", q.Group, q.Burst, err)
		}
		if q.Group == "" || q.Note == "" {
			t.Errorf("quota %q has the note %q: want both", q.Group, q.Note)
		}
		for _, op := range q.Operations {
			if other, twice := grouped[op]; twice {
				t.Errorf("operation %s is in the quotas %s and %s", op, other, q.Group)
			}
			grouped[op] = q.Group
			if _, known := d.Prices.Operations[op]; !known {
				t.Errorf("quota %s limits %s, which has no price", q.Group, op)
			}
		}
	}
	for op := range d.Prices.Operations {
		if grouped[op] == "" {
			t.Errorf("operation %s has no quota", op)
		}
	}
}

func noAnswer(*http.Request) (*http.Response, error) {
	return nil, errors.New("this test expects no request")
}

// checkNoKey: without a key nothing is sent, and a person is told where to put it.
func checkNoKey(t *testing.T, c Case) {
	if c.Definition.Auth.Kind == transport.AuthNone {
		t.Skip("needs no key")
	}
	for _, call := range c.Calls {
		r := newRig(t, c, call, "", noAnswer)
		_, err := call.Invoke(t.Context(), r.client)
		if fault.KindOf(err) != fault.Unauthenticated || !strings.Contains(fault.Message(err), secretName) {
			t.Errorf("%s without a key: %v, want Unauthenticated that names the secret %s", call.Op, err, secretName)
		}
		if n := len(r.up.seen()); n != 0 {
			t.Errorf("%s without a key sent %d requests", call.Op, n)
		}
		if n := len(r.up.tokens); n != 0 {
			t.Errorf("%s without a key asked for %d tokens", call.Op, n)
		}
	}
}
