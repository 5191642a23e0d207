// Package config turns environment variables into typed, checked settings. It
// is the only package that reads the environment; everything else is handed
// values. It imports the standard library only.
package config

import (
	"errors"
	"fmt"
	"os"
	"sort"
	"strconv"
	"strings"
)

// Env is an environment: names and values.
type Env map[string]string

// Environ returns this process's environment.
func Environ() Env {
	env := Env{}
	for _, kv := range os.Environ() {
		if k, v, ok := strings.Cut(kv, "="); ok {
			env[k] = v
		}
	}
	return env
}

// Function is what a Lambda function is told by the template. A function reads
// only the fields that it needs, and asks for them with [Env.Function].
type Function struct {
	Stage          string // dev, prod
	CoreTable      string
	ProspectsTable string
	LedgerTable    string
	ControlTable   string
	Bucket         string
	KeyID          string // KMS key that wraps the teams' data keys
	SecretPrefix   string // secrets are <prefix>/providers/<name>
	StateMachine   string // ARN of the campaign machine
	Queues         Queues
	Embedder       string   // provider name of the embedder: "openai"
	VectorIndex    string   // provider name of the vector index, or "none"
	Waterfall      []string // enrichment providers, in order
	CRMs           []string
	MailCheck      string // "none": the DNS is not asked whether domains take mail
	OutagePatience int    // how often a chunk finds a provider down before it goes on without; zero: the stage's default
}

// Queues are queue URLs by name, "enrich-apollo".
type Queues map[string]string

// Function reads the settings of a function. It names every variable that is
// missing at once. needs lists the variables beyond SLUICE_STAGE that this
// function cannot work without.
func (e Env) Function(needs ...string) (Function, error) {
	var missing []string
	for _, name := range append([]string{"SLUICE_STAGE"}, needs...) {
		if e[name] == "" {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		sort.Strings(missing)
		return Function{}, fmt.Errorf("configure: %s not set; template.yaml sets them for a deployed function", strings.Join(missing, ", "))
	}
	patience := 0
	if text := e["SLUICE_OUTAGE_PATIENCE"]; text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return Function{}, errors.New("configure: SLUICE_OUTAGE_PATIENCE must be a number of times, from 1; the parameter OutagePatience of template.yaml sets it")
		}
		patience = n
	}
	queues := Queues{}
	for k, v := range e {
		if name, ok := strings.CutPrefix(k, "SLUICE_QUEUE_"); ok && v != "" {
			queues[strings.ToLower(strings.ReplaceAll(name, "_", "-"))] = v
		}
	}
	return Function{
		Stage:          e["SLUICE_STAGE"],
		CoreTable:      e["SLUICE_TABLE_CORE"],
		ProspectsTable: e["SLUICE_TABLE_PROSPECTS"],
		LedgerTable:    e["SLUICE_TABLE_LEDGER"],
		ControlTable:   e["SLUICE_TABLE_CONTROL"],
		Bucket:         e["SLUICE_BUCKET"],
		KeyID:          e["SLUICE_KEY_ID"],
		SecretPrefix:   e["SLUICE_SECRET_PREFIX"],
		StateMachine:   e["SLUICE_STATE_MACHINE"],
		Queues:         queues,
		Embedder:       e["SLUICE_EMBEDDER"],
		VectorIndex:    e["SLUICE_VECTOR_INDEX"],
		Waterfall:      list(e["SLUICE_WATERFALL"]),
		CRMs:           list(e["SLUICE_CRMS"]),
		MailCheck:      e["SLUICE_MAIL_CHECK"],
		OutagePatience: patience,
	}, nil
}

// list splits a comma-separated list.
func list(s string) []string { return strings.Fields(strings.ReplaceAll(s, ",", " ")) }

// Provider returns the settings of one provider: SLUICE_HUBSPOT_BASE_URL
// becomes base_url.
func (e Env) Provider(name string) map[string]string {
	prefix := "SLUICE_" + strings.ToUpper(name) + "_"
	settings := map[string]string{}
	for k, v := range e {
		if key, ok := strings.CutPrefix(k, prefix); ok {
			settings[strings.ToLower(key)] = v
		}
	}
	return settings
}
