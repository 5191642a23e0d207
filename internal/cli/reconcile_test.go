package cli_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/practice"
)

// The accounts and our ledger agree over a run to the credit, and say where
// that cannot be told; a credit that somebody else uses is noticed.
func TestAccountsAreComparedWithOurLedger(t *testing.T) {
	t.Setenv("SLUICE_API_KEY", "")
	w, err := practice.Open(t.Context(), practice.Options{People: 20_000, Generous: true, Enrichers: practice.Enrichers()})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(w.API())
	t.Cleanup(func() {
		server.Close()
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	w.Start()
	file := filepath.Join(t.TempDir(), "before.json")
	run := func(args ...string) (int, string) {
		code, stdout, stderr := sluice(t, append([]string{"provider", "reconcile", "--api", server.URL}, args...)...)
		return code, stdout + stderr
	}
	if code, said := run(); code != 2 || !strings.Contains(said, "--save") {
		t.Errorf("without a file = %d: %s", code, said)
	}
	if code, said := run("--save", file); code != 0 || !strings.Contains(said, "--since "+file) {
		t.Fatalf("%d: %s", code, said)
	}
	campaignOver(t, server.URL)
	code, said := run("--since", file, "--json")
	var out struct {
		Providers []struct {
			Provider, Verdict, Why string
			Credits                float64 `json:"creditsUsed"`
			Settled                int64   `json:"settledMicroUsd"`
		} `json:"providers"`
	}
	if err := json.Unmarshal([]byte(said), &out); err != nil || code != 0 {
		t.Fatalf("%d, %v: %s", code, err, said)
	}
	verdicts := map[string]string{}
	for _, p := range out.Providers {
		verdicts[p.Provider] = p.Verdict
		if p.Provider == "hunter" && (p.Credits == 0 || p.Settled == 0) || (p.Verdict == "agrees") == (p.Why != "") {
			t.Errorf("%+v", p)
		}
	}
	want := map[string]string{
		"apollo": "agrees", "hunter": "agrees", "lusha": "agrees", "neverbounce": "agrees", "zerobounce": "agrees", "zoominfo": "agrees", "clearbit": "cannot be compared",
	}
	if diff := cmp.Diff(want, verdicts); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	front, err := w.Sandbox.Server("hunter", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := front.Charge("find_email", "somebody else", 24_500); err != nil {
		t.Fatal(err)
	}
	if code, said := run("--since", file); code != 1 || !strings.Contains(said, "differs (somebody else") {
		t.Errorf("with a charge that is none of ours = %d:\n%s", code, said)
	}
}

// campaignOver runs a campaign over the API to its end.
func campaignOver(t *testing.T, base string) {
	t.Helper()
	post := func(method, path string, in, out any) {
		t.Helper()
		body, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		r, err := http.NewRequestWithContext(t.Context(), method, base+"/api/v1/prospecting/"+path, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+practice.Key)
		resp, err := (&http.Client{}).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if err := json.NewDecoder(resp.Body).Decode(out); err != nil || resp.StatusCode >= 300 {
			t.Fatalf("%s %s = %d, %v", method, path, resp.StatusCode, err)
		}
	}
	sample, err := os.ReadFile("sample-icp.json")
	if err != nil {
		t.Fatal(err)
	}
	var icp, campaign, status map[string]any
	post("POST", "icps", json.RawMessage(sample), &icp)
	post("POST", "campaigns", map[string]any{"icpId": icp["id"], "name": "x", "platforms": []string{"apollo"}, "options": map[string]any{"maxProspects": 60}}, &campaign)
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for status["status"] != "completed" {
		select {
		case <-t.Context().Done():
			t.Fatalf("the run is %v", status["status"])
		case <-ticker.C:
			post("GET", "campaigns/"+campaign["campaignId"].(string), nil, &status)
		}
	}
}
