package cli_test

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestACampaignIsPricedBeforeItStarts(t *testing.T) {
	t.Parallel()
	code, stdout, stderr := sluice(t, "campaign", "plan", "--prospects", "500", "--connect", "apollo,hunter", "--json")
	var price struct {
		Expected   int64             `json:"expectedMicroUsd"`
		Worst      int64             `json:"worstCaseMicroUsd"`
		ByProvider map[string]int64  `json:"byProvider"`
		Usual      map[string]int64  `json:"expectedByProvider"`
		Dates      map[string]string `json:"priceDates"`
	}
	if err := json.Unmarshal([]byte(stdout), &price); err != nil || code != 0 {
		t.Fatalf("%d: %v: %s%s", code, err, stdout, stderr)
	}
	var expected, worst int64
	for name, most := range price.ByProvider {
		expected, worst = expected+price.Usual[name], worst+most
		if price.Usual[name] > most || len(price.Dates[name]) != len("2026-11-22") {
			t.Errorf("%s: expected %d of at most %d, prices of %q", name, price.Usual[name], most, price.Dates[name])
		}
	}
	if expected != price.Expected || worst != price.Worst || worst == 0 || price.ByProvider["hunter"] == 0 || price.ByProvider["lusha"] != 0 {
		t.Errorf("sums %d and %d of %+v", expected, worst, price)
	}
	code, stdout, stderr = sluice(t, "campaign", "plan", "--prospects", "500", "--connect", "apollo,hunter")
	for _, want := range []string{"worst case", "prices of", "hunter", price.Dates["hunter"]} {
		if code != 0 || !strings.Contains(stdout, want) {
			t.Errorf("%d, %s: nothing says %q:\n%s", code, stderr, want, stdout)
		}
	}
}

func TestAFieldThatNobodyGivesIsRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ connect, fields, providers, says string }{
		{"apollo,hunter", "person,phone", "", "none of apollo, hunter gives phone: use lusha or zoominfo, or leave it out"},
		{"apollo,hunter,lusha", "person,phone", "apollo,hunter", "none of apollo, hunter gives phone: use lusha or zoominfo, or leave it out"},
		{"apollo,neverbounce", "email status", "", "none of apollo gives email status: use hunter or zerobounce"},
		{"apollo,hunter,lusha", "person,phone", "", ""},
		{"apollo", "", "", ""}, // what nobody named is bought as far as it can be
	} {
		args := []string{"campaign", "plan", "--prospects", "20", "--connect", c.connect}
		if c.fields != "" {
			args = append(args, "--fields", c.fields)
		}
		if c.providers != "" {
			args = append(args, "--providers", c.providers)
		}
		code, stdout, stderr := sluice(t, args...)
		if want := 2; (code == want) != (c.says != "") || !strings.Contains(stderr, c.says) {
			t.Errorf("%v = %d: %s%s", args, code, stdout, stderr)
		}
	}
}

func TestARunInWhichNothingFailedIsNotRunAgain(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	demo(t, "--prospects", "60", "--latency", "0s", "--state", state)
	code, stdout, stderr := sluice(t, "run", "retry", "--state", state)
	if code != 0 || !strings.Contains(stdout, "Nothing failed") || strings.Count(stdout, "\n") != 1 {
		t.Errorf("%d: %s%s", code, stdout, stderr)
	}
	code, stdout, _ = sluice(t, "run", "retry", "--state", state, "--json")
	var out struct {
		Groups []any `json:"groups"`
		Again  int   `json:"chunksToRunAgain"`
		After  any   `json:"after"`
	}
	if err := json.Unmarshal([]byte(stdout), &out); err != nil || code != 0 || out.Groups == nil || len(out.Groups) != 0 || out.Again != 0 || out.After != nil {
		t.Errorf("%d, %v: %s", code, err, stdout)
	}
	if code, _, stderr := sluice(t, "run", "retry", "another", "--state", state); code != 5 || !strings.Contains(stderr, "last demo's run is") {
		t.Errorf("a run that is not there = %d: %s", code, stderr)
	}
	if code, _, stderr := sluice(t, "run", "retry", "--state", t.TempDir()); code != 5 || !strings.Contains(stderr, "sluice demo") {
		t.Errorf("without any run = %d: %s", code, stderr)
	}
}
