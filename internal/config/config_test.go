package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/config"
)

func TestAFunctionsSettings(t *testing.T) {
	t.Parallel()
	env := config.Env{
		"SLUICE_STAGE": "dev", "SLUICE_TABLE_CORE": "core", "SLUICE_TABLE_PROSPECTS": "prospects", "SLUICE_TABLE_LEDGER": "ledger",
		"SLUICE_TABLE_CONTROL": "control", "SLUICE_BUCKET": "runs", "SLUICE_KEY_ID": "key", "SLUICE_SECRET_PREFIX": "sluice/dev",
		"SLUICE_STATE_MACHINE": "arn", "SLUICE_EMBEDDER": "openai", "SLUICE_VECTOR_INDEX": "none", "SLUICE_WATERFALL": "apollo, hunter,",
		"SLUICE_CRMS": "hubspot", "SLUICE_QUEUE_ENRICH_APOLLO": "https://q/1", "SLUICE_QUEUE_PUSH_HUBSPOT": "https://q/2",
		"SLUICE_QUEUE_ENRICH_HUNTER": "", "SLUICE_OUTAGE_PATIENCE": "3", "PATH": "/bin",
	}
	want := config.Function{
		Stage: "dev", CoreTable: "core", ProspectsTable: "prospects", LedgerTable: "ledger", ControlTable: "control", Bucket: "runs",
		KeyID: "key", SecretPrefix: "sluice/dev", StateMachine: "arn", Embedder: "openai", VectorIndex: "none",
		Waterfall: []string{"apollo", "hunter"}, CRMs: []string{"hubspot"}, OutagePatience: 3,
		Queues: config.Queues{"enrich-apollo": "https://q/1", "push-hubspot": "https://q/2"},
	}
	got, err := env.Function("SLUICE_TABLE_CORE", "SLUICE_BUCKET")
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v; settings (-want +got):\n%s", err, diff)
	}
	for _, wrong := range []string{"never", "0", "1.5"} {
		if _, err := (config.Env{"SLUICE_STAGE": "dev", "SLUICE_OUTAGE_PATIENCE": wrong}).Function(); err == nil || !strings.Contains(err.Error(), "OutagePatience") {
			t.Errorf("patience %q: %v", wrong, err)
		}
	}
}

func TestAllThatIsMissingIsNamedAtOnce(t *testing.T) {
	t.Parallel()
	_, err := config.Env{"SLUICE_BUCKET": "runs"}.Function("SLUICE_TABLE_LEDGER", "SLUICE_BUCKET", "SLUICE_KEY_ID")
	if err == nil || !strings.Contains(err.Error(), "SLUICE_KEY_ID, SLUICE_STAGE, SLUICE_TABLE_LEDGER not set") {
		t.Errorf("error = %v, want it to name the three variables", err)
	}
	if err != nil && strings.Contains(err.Error(), "SLUICE_BUCKET") {
		t.Errorf("error = %v names one that is set", err)
	}
}

func TestAProvidersSettings(t *testing.T) {
	t.Parallel()
	env := config.Env{"SLUICE_HUBSPOT_BASE_URL": "http://x", "SLUICE_HUBSPOT_VERSION": "2026-09", "SLUICE_HUNTER_BASE_URL": "http://y", "HUBSPOT_KEY": "no"}
	want := map[string]string{"base_url": "http://x", "version": "2026-09"}
	if diff := cmp.Diff(want, env.Provider("hubspot")); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
	if got := env.Provider("apollo"); len(got) != 0 {
		t.Errorf("settings of a provider without any = %v", got)
	}
}

func TestTheProcessEnvironment(t *testing.T) {
	t.Setenv("SLUICE_STAGE", "a=b")
	if got := config.Environ()["SLUICE_STAGE"]; got != "a=b" {
		t.Errorf("SLUICE_STAGE = %q, want a=b", got)
	}
}
