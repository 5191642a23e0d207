package cli_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/messageai/sluice/internal/practice"
)

// account sets the environment of somebody who works with AWS; the variables
// are the ones given and no others.
func account(t *testing.T, vars map[string]string) {
	t.Helper()
	none := filepath.Join(t.TempDir(), "none")
	for name, value := range map[string]string{
		"AWS_CONFIG_FILE": none, "AWS_SHARED_CREDENTIALS_FILE": none, "AWS_EC2_METADATA_DISABLED": "true", "AWS_PROFILE": "", "AWS_DEFAULT_PROFILE": "",
		"AWS_REGION": "", "AWS_DEFAULT_REGION": "", "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": "", "AWS_ENDPOINT_URL": "",
		"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "", "AWS_CONTAINER_CREDENTIALS_FULL_URI": "", "AWS_WEB_IDENTITY_TOKEN_FILE": "",
	} {
		t.Setenv(name, value)
	}
	for name, value := range vars {
		t.Setenv(name, value)
	}
}

// deployed is a stack in practice mode that the command finds as it finds AWS.
func deployed(t *testing.T) (*practice.World, string) {
	t.Helper()
	w, err := practice.Open(t.Context(), practice.Options{People: 1000})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(w.Stack.Handler())
	t.Cleanup(func() {
		server.Close()
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w, server.URL
}

func TestOwnersAreToldWhatIsMissing(t *testing.T) {
	_, endpoint := deployed(t)
	keys := map[string]string{"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_ENDPOINT_URL": endpoint}
	for _, c := range []struct {
		name string
		vars map[string]string
		args []string
		code int
		says string
	}{
		{"no region", nil, nil, 2, "AWS_REGION"},
		{"no credentials", map[string]string{"AWS_REGION": "us-east-1"}, nil, 3, "AWS_PROFILE"},
		{"another stage", keys, []string{"--stage", "prod"}, 5, "make deploy STAGE=prod"},
		{"a bad name", keys, []string{"--team", "Über"}, 2, "--team"},
	} {
		for _, command := range [][]string{{"key", "create", "--name", "x", "--team", "acme"}, {"team", "budget", "--team", "acme"}} {
			account(t, c.vars)
			code, stdout, stderr := sluice(t, append(command, c.args...)...)
			if code != c.code || !strings.Contains(stderr, c.says) || strings.Count(stderr, "\n") != 1 || stdout != "" {
				t.Errorf("%s, %v = %d: %q; want %d and one line with %q", c.name, command[:2], code, stderr, c.code, c.says)
			}
		}
	}
	account(t, keys)
	for _, limit := range []string{"0", "-5", "lots"} {
		if code, _, stderr := sluice(t, "team", "budget", "--team", "acme", "--limit="+limit); code != 2 || !strings.Contains(stderr, "--limit") {
			t.Errorf("a limit of %s = %d: %s", limit, code, stderr)
		}
	}
}

func TestAnOwnerMakesKeysAndSetsBudgets(t *testing.T) {
	w, endpoint := deployed(t)
	account(t, map[string]string{"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_ENDPOINT_URL": endpoint})
	code, key, stderr := sluice(t, "key", "create", "--team", "acme", "--name", "first", "--read")
	if code != 0 || !strings.HasPrefix(key, "sk_") {
		t.Fatalf("key create = %d: %s%s", code, key, stderr)
	}
	budget := func(args ...string) (out struct {
		Limit int64 `json:"limitMicroUsd"`
	},
	) {
		t.Helper()
		code, stdout, stderr := sluice(t, append([]string{"team", "budget", "--team", "acme", "--json"}, args...)...)
		if err := json.Unmarshal([]byte(stdout), &out); code != 0 || err != nil {
			t.Fatalf("team budget %v = %d, %v: %s%s", args, code, err, stdout, stderr)
		}
		return out
	}
	for _, c := range []struct {
		args []string
		want int64
	}{{nil, 0}, {[]string{"--limit", "99.50"}, 99_500_000}, {nil, 99_500_000}, {[]string{"--limit", "none"}, 0}, {[]string{"--limit", "7"}, 7_000_000}} {
		if got := budget(c.args...); got.Limit != c.want {
			t.Errorf("budget %v: limit %d, want %d", c.args, got.Limit, c.want)
		}
	}
	if _, stdout, _ := sluice(t, "team", "budget", "--team", "acme"); !strings.Contains(stdout, "$7.00 a month") {
		t.Errorf("team budget says %q", stdout)
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/v1/team/budget", nil)
	r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(key))
	rec := httptest.NewRecorder()
	w.API().ServeHTTP(rec, r)
	if rec.Code != http.StatusOK || !strings.Contains(rec.Body.String(), "7000000") {
		t.Errorf("the new key reads %d %s, want the budget", rec.Code, rec.Body)
	}
}
