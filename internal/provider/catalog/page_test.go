package catalog_test

import (
	"bytes"
	"flag"
	"fmt"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/catalog"
	"github.com/messageai/sluice/internal/provider/transport"
)

//go:generate go test -run ^TestTheProvidersPage$ -update .

var update = flag.Bool("update", false, "write docs/providers.md")

// docs/providers.md is what the definitions say. go generate writes it.
func TestTheProvidersPage(t *testing.T) {
	t.Parallel()
	const path = "../../../docs/providers.md"
	got := page(t)
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("docs/providers.md is out of date; run go generate ./internal/provider/catalog (-page +definitions):\n%s", diff)
	}
}

// page renders all definitions.
func page(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	b.WriteString("<!-- Generated from the definitions in internal/provider; run `go generate ./internal/provider/catalog`. -->\n\n")
	b.WriteString("# Providers\n\n")
	b.WriteString("What each provider can do, costs and allows, as its adapter declares it. Prices and quotas carry the day on which they\n")
	b.WriteString("were read: check them against your own plan. A team gives its key with `sluice provider connect NAME`;\n")
	b.WriteString("for teams without one the provider's secret holds a key, as `{\"apiKey\":\"...\"}`; `dev` is the stage. The variable overrides\nwhere calls go, for a proxy or a simulator.\n\n")
	b.WriteString("| Provider | Can | Status | Secret | Base URL, override |\n|---|---|---|---|---|\n")
	for _, e := range catalog.All() {
		d := e.Definition
		fmt.Fprintf(&b, "| [%s](#%s) | %s | %s | `sluice/dev/providers/%s` | `%s`, `SLUICE_%s_BASE_URL` |\n",
			d.DisplayName, anchor(d.DisplayName), capabilities(d), d.Status, d.Name, d.BaseURL, strings.ToUpper(d.Name))
	}
	for _, e := range catalog.All() {
		section(t, &b, e.Definition)
	}
	return b.Bytes()
}

func anchor(title string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case strings.ContainsRune("()./,", r):
			return -1
		}
		return r
	}, strings.ToLower(title))
}

func capabilities(d provider.Definition) string {
	words := map[provider.Capability]string{
		provider.CanDiscover: "discover", provider.CanFindPeople: "find people", provider.CanEnrichPerson: "enrich people",
		provider.CanEnrichCompany: "enrich companies", provider.CanFindEmail: "find addresses", provider.CanVerifyEmail: "verify addresses",
		provider.CanFindCompanies: "find companies", provider.CanFindPhone: "find phone numbers", provider.CanFindTechnologies: "find technologies",
		provider.CanFindIntent: "find intent", provider.CanVerifyInBulk: "verify lists", provider.CanReadAccount: "tell the balance",
		provider.CanAddToSequence: "enter into sequences",
		provider.CanEmbed:         "embed texts", provider.CanIndexVectors: "index vectors", provider.CanPush: "take leads",
	}
	var out []string
	for _, c := range d.Capabilities {
		out = append(out, words[c])
	}
	return strings.Join(out, ", ")
}

func section(t *testing.T, b *bytes.Buffer, d provider.Definition) {
	t.Helper()
	fmt.Fprintf(b, "\n## %s\n\n", d.DisplayName)
	fmt.Fprintf(b, "[Vendor's documentation](%s). Key: %s.\n\n", d.Docs, key(d.Auth))
	quotas := map[string]provider.Quota{}
	for _, q := range d.Quotas {
		for _, op := range q.Operations {
			quotas[op] = q
		}
	}
	b.WriteString("| Operation | Price | Most per call | Quota | Source of the quota |\n|---|---|---|---|---|\n")
	for _, op := range slices.Sorted(maps.Keys(d.Prices.Operations)) {
		price, limit, note := d.Prices.Operations[op], "none declared", ""
		if q, ok := quotas[op]; ok {
			limit, note = fmt.Sprintf("%s (%d per %s, burst %d)", q.Group, q.Rate, per(q.Per), q.Burst), q.Note
		}
		cost, most := "free", "free"
		if price.Unit > 0 {
			cost, most = fmt.Sprintf("%s per %s", price.Unit, price.Per), price.Max().String()
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s | %s |\n", d.Operation(op), cost, most, limit, cell(note))
	}
	fmt.Fprintf(b, "\nPrices of %s: %s. %s\n\n", d.Prices.Date, d.Prices.Source, repeats(d))
	fmt.Fprintf(b, "Terms: %s. Source: %s.\n", terms(d.Terms), d.Terms.Source)
	if open := unconfirmed(t, d.Name); len(open) > 0 {
		b.WriteString("\nUnconfirmed:\n\n")
		for _, sentence := range open {
			fmt.Fprintf(b, "- %s\n", sentence)
		}
	}
}

func key(a transport.Auth) string {
	switch a.Kind {
	case transport.AuthBearer:
		return "as a bearer token"
	case transport.AuthHeader:
		return "in the header `" + a.Name + "`"
	case transport.AuthBasic:
		return "as the user name of basic authentication"
	case transport.AuthParameter:
		return "in the body, or in the query of a request without one, as `" + a.Name + "`"
	case transport.AuthClientCredentials:
		return "client id and secret, exchanged for a token"
	case transport.AuthQuery:
		return "in the query parameter `" + a.Name + "`"
	}
	return "none"
}

func per(d time.Duration) string {
	switch d { //nolint:exhaustive // other durations print themselves
	case time.Second:
		return "second"
	case time.Minute:
		return "minute"
	case time.Hour:
		return "hour"
	}
	return d.String()
}

func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

func repeats(d provider.Definition) string {
	if d.RepeatFree {
		return "A repeated question is not charged again."
	}
	return "A repeated question may be charged again, so an unclear one is never repeated."
}

func terms(t provider.Terms) string {
	may := func(allowed bool, what string) string {
		if allowed {
			return "may be " + what
		}
		return "may **not** be " + what
	}
	stored := may(t.MayStore, "kept")
	switch days := int(t.StoreFor.Hours() / 24); {
	case days > 0 && t.MayStore:
		stored += fmt.Sprintf(" for %d days", days)
	case days > 0:
		stored += fmt.Sprintf(" beyond a run (at most %d days)", days)
	}
	if !t.MayStore && t.KeepIDs {
		stored += ", their ids may"
	}
	return "answers " + strings.Join([]string{stored, may(t.MayScore, "scored"), may(t.MayExport, "passed on"), may(t.MayJoin, "joined with others'")}, ", ")
}

// unconfirmed returns the sentences of an adapter's package comment that say so.
func unconfirmed(t *testing.T, name string) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", name, "doc.go"), nil, parser.ParseComments|parser.PackageClauseOnly)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	text := strings.ReplaceAll(file.Doc.Text(), "\n  - ", "\n\n")
	for paragraph := range strings.SplitSeq(text, "\n\n") {
		paragraph = strings.Join(strings.Fields(paragraph), " ")
		for sentence := range strings.SplitSeq(strings.ReplaceAll(paragraph, ". ", ".\n"), "\n") {
			if strings.Contains(strings.ToLower(sentence), "unconfirmed") {
				out = append(out, strings.TrimSpace(sentence))
			}
		}
	}
	return out
}

// Everything that a definition says is on the page, and complete.
func TestThePageIsComplete(t *testing.T) {
	t.Parallel()
	text := string(page(t))
	for _, e := range catalog.All() {
		d := e.Definition
		for op := range d.Prices.Operations {
			if !strings.Contains(text, "`"+d.Operation(op)+"`") {
				t.Errorf("the page does not price %s", d.Operation(op))
			}
		}
		if got := capabilities(d); got == "" || strings.Contains(got, ", ,") || strings.HasSuffix(got, ", ") {
			t.Errorf("the page has no word for a capability of %s: %q", d.Name, got)
		}
		for what, value := range map[string]string{"display name": d.DisplayName, "documentation": d.Docs, "terms' source": d.Terms.Source, "prices' source": d.Prices.Source} {
			if value == "" {
				t.Errorf("%s has no %s", d.Name, what)
			}
		}
	}
}
