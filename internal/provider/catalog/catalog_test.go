package catalog_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/catalog"
)

// framework are the folders beside the adapters.
var framework = []string{"catalog", "providertest", "transport"}

func TestEveryFolderIsListed(t *testing.T) {
	t.Parallel()
	entries, err := os.ReadDir("..")
	if err != nil {
		t.Fatal(err)
	}
	var folders []string
	for _, e := range entries {
		if e.IsDir() && !slices.Contains(framework, e.Name()) {
			folders = append(folders, e.Name())
		}
	}
	var listed []string
	for _, e := range catalog.All() {
		listed = append(listed, e.Definition.Name)
	}
	if !slices.Equal(folders, listed) { // ReadDir sorts: so names are sorted and unique, too
		t.Errorf("All() lists %v, the folders are %v; add the missing line in the order of names", listed, folders)
	}
}

func TestEveryFolderIsComplete(t *testing.T) {
	t.Parallel()
	for _, e := range catalog.All() {
		needs := map[string]string{"a doc.go": "doc.go", "tests": "*_test.go"}
		if e.Classify != nil { // speaks JSON over HTTP; a gRPC provider's wire format is generated code
			needs["fixtures"] = "testdata/*"
		}
		for what, pattern := range needs {
			found, err := filepath.Glob(filepath.Join("..", e.Definition.Name, pattern))
			if err != nil || len(found) == 0 {
				t.Errorf("%s has no %s (%v)", e.Definition.Name, what, err)
			}
		}
	}
}

// A price that a plan reserves must be the price that the adapter settles.
func TestPricesFollowTheSettings(t *testing.T) {
	t.Parallel()
	for _, e := range catalog.All() {
		standard, err := e.For(nil)
		if err != nil {
			t.Errorf("%s without settings: %v", e.Definition.Name, err)
			continue
		}
		for op, price := range e.Definition.Prices.Operations {
			if standard.Prices.Operations[op] != price {
				t.Errorf("%s: price of %s is %+v without settings, the definition says %+v", e.Definition.Name, op, standard.Prices.Operations[op], price)
			}
		}
		if _, err := time.Parse(time.DateOnly, standard.Prices.Date); err != nil {
			t.Errorf("%s: prices without a date: %v", e.Definition.Name, err)
		}
	}
	for _, e := range catalog.All() {
		if e.Definition.Name != "hunter" {
			continue
		}
		d, err := e.For(provider.Settings{"credit_microusd": "50000"})
		if got := d.Prices.Operations[provider.OpFindEmail].Max(); err != nil || got != 50_000*money.Micro(1) {
			t.Errorf("hunter at 50,000 a credit: finder costs %v, %v", got, err)
		}
		if _, err := e.For(provider.Settings{"credit_microusd": "much"}); err == nil || !strings.Contains(err.Error(), "credit_microusd") {
			t.Errorf("hunter with an unreadable price: %v, want an error that names the setting", err)
		}
	}
}

// ZoomInfo is not asked for intent without topics to ask about: the question
// would fail, and cost the provider its place in the waterfall.
func TestOffersFollowTheSettings(t *testing.T) {
	t.Parallel()
	for _, e := range catalog.All() {
		for topics, want := range map[string]bool{"": false, " , ": false, "Robotics,Cloud": true} {
			d, err := e.For(provider.Settings{"intent_topics": topics})
			if err != nil {
				t.Fatal(err)
			}
			_, stated := e.Definition.Offers[provider.OpFindIntent]
			if _, offered := d.Offers[provider.OpFindIntent]; offered != (stated && want) {
				t.Errorf("%s with the topics %q offers intent: %t", d.Name, topics, offered)
			}
			if missing := len(e.Definition.Offers) - len(d.Offers); missing > 1 || missing > 0 && (want || !stated) {
				t.Errorf("%s with the topics %q lacks %d of its offers", d.Name, topics, missing)
			}
		}
	}
}
