package cli_test

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/api"
	"github.com/messageai/sluice/internal/cli"
	"github.com/messageai/sluice/internal/practice"
)

// typed runs the command line with something on its standard input.
func typed(t *testing.T, in string, args ...string) (int, string, string) {
	t.Helper()
	var out, errOut bytes.Buffer
	code := cli.Run(t.Context(), args, strings.NewReader(in), &out, &errOut)
	return code, out.String(), errOut.String()
}

// served is practice mode behind a port, as "sluice dev" has it, for commands
// that find it in the environment.
func served(t *testing.T) *practice.World {
	t.Helper()
	w, err := practice.Open(t.Context(), practice.Options{People: 1000, Generous: true})
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
	t.Setenv("SLUICE_API_URL", server.URL)
	t.Setenv("SLUICE_API_KEY", practice.Key)
	return w
}

func providers(t *testing.T) map[string]api.Provider {
	t.Helper()
	code, stdout, stderr := typed(t, "", "provider", "list", "--json")
	var list []api.Provider
	if err := json.Unmarshal([]byte(stdout), &list); code != 0 || err != nil {
		t.Fatalf("provider list = %d, %v: %s%s", code, err, stdout, stderr)
	}
	all := map[string]api.Provider{}
	for _, p := range list {
		all[p.Name] = p
	}
	return all
}

func TestProvidersAreListedAsAnArray(t *testing.T) {
	served(t)
	_, stdout, _ := typed(t, "", "provider", "list", "--json")
	var list []map[string]any
	if err := json.Unmarshal([]byte(stdout), &list); err != nil || len(list) == 0 {
		t.Fatalf("%v: %s", err, stdout)
	}
	for _, p := range list {
		for _, member := range []string{"name", "capabilities", "status", "quota", "priceMicroUsd", "terms", "breaker", "key"} {
			if p[member] == nil {
				t.Errorf("%v has no %s", p["name"], member)
			}
		}
	}
	h := providers(t)["hunter"]
	if h.PriceMicro["verify_email"] <= 0 || h.Breaker.State != "closed" || h.Key.Owner != "deployment" || h.Terms.Source == "" || len(h.Quota) == 0 {
		t.Errorf("hunter = %+v", h)
	}
	if code, table, _ := typed(t, "", "provider", "list"); code != 0 || !strings.Contains(table, "hunter") {
		t.Errorf("table = %d:\n%s", code, table)
	}
}

func TestAKeyIsConnectedRotatedTestedAndRevoked(t *testing.T) {
	w := served(t)
	key := w.Sandbox.Key("zoominfo")
	for _, c := range []struct {
		name, in string
		args     []string
		code     int
		says     string // on standard output, or on standard error after a failure
		state    string
	}{
		{"rotate what is not there", key, []string{"rotate", "lusha"}, 5, "connect lusha", "none"},
		{"wrong key", "wrong-key", []string{"connect", "lusha"}, 2, "refused this key", "none"},
		{"no key", "", []string{"connect", "lusha"}, 2, "a line for each of apiKey", "none"},
		{"a key as an argument", "", []string{"connect", "lusha", "wrong-key"}, 2, "unexpected argument", "none"},
		{"unknown provider", "x", []string{"connect", "nobody"}, 5, "sluice provider list", "none"},
		{"test without a key", "", []string{"test", "lusha"}, 3, "connect lusha", "none"},
		{"connect", w.Sandbox.Key("lusha") + "\n", []string{"connect", "lusha"}, 0, "lusha: connected", "connected"},
		{"connect again", w.Sandbox.Key("lusha"), []string{"connect", "lusha"}, 6, "rotate lusha", "connected"},
		{"rotate to a wrong one", "wrong-key", []string{"rotate", "lusha"}, 2, "refused this key", "connected"},
		{"rotate", `{"apiKey":"` + w.Sandbox.Key("lusha") + `"}`, []string{"rotate", "lusha", "--json"}, 0, `"verified":true`, "connected"},
		{"test", "", []string{"test", "lusha"}, 0, "credits", "connected"},
		{"revoke", "", []string{"revoke", "lusha"}, 0, "", "revoked"},
		{"test after it", "", []string{"test", "lusha"}, 3, "revoked", "revoked"},
		{"back again", w.Sandbox.Key("lusha"), []string{"connect", "lusha"}, 0, "connected", "connected"},
	} {
		code, stdout, stderr := typed(t, c.in, append([]string{"provider"}, c.args...)...)
		said := stdout
		if c.code != 0 {
			said = stderr
		}
		if code != c.code || !strings.Contains(said, c.says) {
			t.Errorf("%s = %d: %s%s; want %d with %q", c.name, code, stdout, stderr, c.code, c.says)
		}
		if c.name != "a key as an argument" && (strings.Contains(stdout+stderr, "wrong-key") || strings.Contains(stdout+stderr, w.Sandbox.Key("lusha"))) {
			t.Errorf("%s prints the key: %s%s", c.name, stdout, stderr)
		}
		if got := providers(t)["lusha"].Key.State; got != c.state {
			t.Errorf("%s: the key is %s, want %s", c.name, got, c.state)
		}
	}
	if code, _, stderr := typed(t, key+"\n"+key+"\n", "provider", "connect", "zoominfo"); code != 0 {
		t.Errorf("two lines for two fields = %d: %s", code, stderr)
	}
	if code, stdout, _ := typed(t, "any", "provider", "connect", "pinecone"); code != 0 || !strings.Contains(stdout, "was not asked") {
		t.Errorf("a key that nobody can check = %d: %s", code, stdout)
	}
}

func TestTheAPIIsReachedSafely(t *testing.T) {
	served(t)
	url := os.Getenv("SLUICE_API_URL")
	for _, c := range []struct {
		name, url, key string
		code           int
		says           string
	}{
		{"plain http to elsewhere", "http://sluice.example", "sk_1", 2, "https"},
		{"no URL", "sluice.example", "sk_1", 2, "--api"},
		{"a password in the URL", "https://user:word@sluice.example", "sk_1", 2, "--api"},
		{"no key", "https://sluice.example", "", 3, "SLUICE_API_KEY"},
		{"a wrong key", url, "sk_wrong", 3, "unknown or has expired"},
		{"nobody there", "http://127.0.0.1:1", "sk_1", 1, "no answer"},
	} {
		t.Setenv("SLUICE_API_KEY", c.key)
		code, stdout, stderr := typed(t, "", "provider", "list", "--api", c.url)
		if code != c.code || !strings.Contains(stderr, c.says) || stdout != "" || c.key != "" && strings.Contains(stderr, c.key) {
			t.Errorf("%s = %d: %q; want %d with %q", c.name, code, stderr, c.code, c.says)
		}
	}
	if diff := cmp.Diff("", strings.Join(flagsAboutKeys(t), " ")); diff != "" {
		t.Errorf("flags that would show a key in the list of processes:\n%s", diff)
	}
}

// flagsAboutKeys are those flags of the provider commands that take a key.
func flagsAboutKeys(t *testing.T) (flags []string) {
	t.Helper()
	for _, verb := range []string{"list", "connect", "test", "rotate", "revoke"} {
		_, help, _ := typed(t, "", "provider", verb, "--help")
		for word := range strings.FieldsSeq(help) {
			if strings.HasPrefix(word, "--") && (strings.Contains(word, "key") || strings.Contains(word, "secret") || strings.Contains(word, "token")) {
				flags = append(flags, verb+word)
			}
		}
	}
	return flags
}
