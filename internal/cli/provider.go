package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/term"

	"github.com/messageai/sluice/internal/api"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/practice"
)

// apiKeyVariable holds the API key. There is no flag for it: the arguments of a
// process are seen by everybody on the machine.
const apiKeyVariable = "SLUICE_API_KEY" //nolint:gosec // the name of the variable

// remote is the HTTP API that a command talks to.
type remote struct {
	API string `name:"api" env:"SLUICE_API_URL" default:"http://127.0.0.1:8787" help:"Base URL of the API, output ApiUrl of the deployment; the default is \"sluice dev\". The API key is taken from SLUICE_API_KEY." placeholder:"URL"`
}

func (r remote) client() (client, error) {
	base, err := url.Parse(r.API)
	if err != nil || base.Host == "" || base.User != nil || base.RawQuery != "" {
		return client{}, fault.New(fault.InvalidInput, "cli.api", "--api wants a URL such as https://abc.execute-api.eu-west-1.amazonaws.com")
	}
	ip := net.ParseIP(base.Hostname())
	local := base.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	if base.Scheme != "https" && (base.Scheme != "http" || !local) {
		return client{}, fault.New(fault.InvalidInput, "cli.api", "--api wants https: keys would be readable on the way")
	}
	key := os.Getenv(apiKeyVariable)
	if key == "" && local {
		key = practice.Key
	}
	if key == "" {
		return client{}, fault.New(fault.Unauthenticated, "cli.api", "no API key: set "+apiKeyVariable+"; \"sluice key create\" makes one")
	}
	base.Path = "/" + strings.Trim(base.Path, "/") // JoinPath keeps a relative path relative
	return client{api: forward{base}, key: key}, nil
}

// forward sends requests to an API elsewhere.
type forward struct{ base *url.URL }

// ServeHTTP implements http.Handler.
func (f forward) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	out := r.Clone(r.Context())
	out.URL = f.base.JoinPath(r.URL.Path)
	out.URL.RawQuery, out.Host, out.RequestURI = r.URL.RawQuery, f.base.Host, ""
	agent := http.Client{Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := agent.Do(out)
	if err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		_ = json.NewEncoder(w).Encode(map[string]string{"detail": "no answer from " + f.base.Host + ": is the address right, is \"sluice dev\" running?"}) // in memory
		return
	}
	defer func() { _ = resp.Body.Close() }() // read or given up
	w.WriteHeader(resp.StatusCode)
	_, _ = io.Copy(w, resp.Body) // what is missing does not decode
}

type providerListCommand struct {
	remote
	JSON bool `name:"json" help:"Print a JSON array."`
}

// Run lists the providers.
func (p *providerListCommand) Run(ctx context.Context, t terminal) error {
	list, err := p.list(ctx)
	if err != nil {
		return err
	}
	if p.JSON {
		return json.NewEncoder(t.out).Encode(list)
	}
	w := tabwriter.NewWriter(t.out, 0, 8, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "PROVIDER\tKEY\tOF\tBREAKER\tCALLS\tSPENT THIS MONTH\tCAN") // an error comes with Flush
	for _, l := range list {
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\t%s\n", l.Name, l.Key.State, l.Key.Owner, l.Breaker.State, l.Key.Calls, l.Key.SpentMicro, strings.Join(l.Capabilities, " "))
	}
	return w.Flush()
}

func (r remote) list(ctx context.Context) ([]api.Provider, error) {
	c, err := r.client()
	if err != nil {
		return nil, err
	}
	var out api.ProviderList
	return out.Providers, c.call(ctx, http.MethodGet, "/api/v1/providers", nil, &out)
}

type providerTestCommand struct {
	remote
	Name string `arg:"" help:"Provider, as in the list."`
	JSON bool   `name:"json" help:"Print one JSON object."`
}

// Run asks a provider whether the key in use is good.
func (p *providerTestCommand) Run(ctx context.Context, t terminal) error {
	out, err := p.change(ctx, http.MethodPost, p.Name, "test", nil)
	if err != nil {
		return err
	}
	if err := printChecked(t, p.JSON, out, "the key is good"); err != nil || out.OK {
		return err
	}
	return &fault.Error{Kind: fault.Kind(out.Kind), Op: "cli.test", Message: p.Name + ": " + out.Detail}
}

type providerRevokeCommand struct {
	remote
	Name string `arg:"" help:"Provider, as in the list."`
}

// Run revokes the team's key.
func (p *providerRevokeCommand) Run(ctx context.Context, t terminal) error {
	if _, err := p.change(ctx, http.MethodDelete, p.Name, "key", nil); err != nil {
		return err
	}
	_, err := fmt.Fprintf(t.err, "%s: revoked; within ten seconds no call leaves with the key any more. If it has leaked, take it back at the provider, too.\n", p.Name)
	return err
}

// change asks the API for something about a provider.
func (r remote) change(ctx context.Context, method, name, what string, in any) (out api.Checked, err error) {
	c, err := r.client()
	if err != nil {
		return out, err
	}
	var answer any = &out
	if method == http.MethodDelete {
		answer = nil
	}
	return out, c.call(ctx, method, "/api/v1/providers/"+url.PathEscape(name)+"/"+what, in, answer)
}

func printChecked(t terminal, asJSON bool, c api.Checked, good string) error {
	if asJSON {
		return json.NewEncoder(t.out).Encode(c)
	}
	if !c.OK {
		return nil // the error says it
	}
	if !c.Verified {
		good += "; the provider was not asked, as it has no call that would tell for free"
	}
	_, err := fmt.Fprintf(t.out, "%s: %s\n", c.Name, good)
	for _, b := range c.Balances {
		of := ""
		if b.Limit > 0 {
			of = fmt.Sprintf(" of %.0f", b.Limit)
		}
		_, err = fmt.Fprintf(t.out, "  %s: %.0f%s left\n", b.Name, b.Left, of)
	}
	return err
}

// providerKeyCommand puts a key in.
type providerKeyCommand struct {
	remote
	Name string `arg:"" help:"Provider, as in the list."`
	JSON bool   `name:"json" help:"Print one JSON object."`
}

type providerConnectCommand struct{ providerKeyCommand }

// Run connects a provider.
func (p *providerConnectCommand) Run(ctx context.Context, t terminal) error {
	return p.put(ctx, t, false, "connected")
}

type providerRotateCommand struct{ providerKeyCommand }

// Run replaces the key of a connected provider.
func (p *providerRotateCommand) Run(ctx context.Context, t terminal) error {
	return p.put(ctx, t, true, "the new key is used from now on, everywhere within ten seconds")
}

// put reads a key and hands it over. rotate wants that the team has one already;
// otherwise it must have none.
func (p *providerKeyCommand) put(ctx context.Context, t terminal, rotate bool, done string) error {
	list, err := p.list(ctx)
	if err != nil {
		return err
	}
	for _, l := range list {
		if l.Name != p.Name {
			continue
		}
		switch has := l.Key.State == "connected" && l.Key.Owner == "team"; {
		case has && !rotate:
			return fault.New(fault.Conflict, "cli.connect", p.Name+" is connected already; replace its key with \"sluice provider rotate "+p.Name+"\"")
		case !has && rotate:
			return fault.New(fault.NotFound, "cli.rotate", "your team has no key for "+p.Name+"; give it one with \"sluice provider connect "+p.Name+"\"")
		}
		key, err := t.readKey(l.DisplayName, l.Key.Fields)
		if err != nil {
			return err
		}
		out, err := p.change(ctx, http.MethodPost, p.Name, "key", key)
		if err != nil {
			return err
		}
		return printChecked(t, p.JSON, out, done)
	}
	return fault.New(fault.NotFound, "cli.provider", "there is no provider "+p.Name+"; \"sluice provider list\" shows what there is")
}

// longestKey bounds what is read of standard input, in bytes.
const longestKey = 64 << 10

// readKey asks a person for the fields of a key, without showing what is typed,
// or reads them from standard input: a line each, or a JSON object.
func (t terminal) readKey(of string, fields []string) (map[string]string, error) {
	key := map[string]string{}
	if f, ok := t.in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		for _, field := range fields {
			_, _ = fmt.Fprintf(t.err, "%s, %s: ", of, field)
			typed, err := term.ReadPassword(int(f.Fd()))
			_, _ = fmt.Fprintln(t.err)
			if err != nil {
				return nil, fault.New(fault.InvalidInput, "cli.key", "the key could not be read from the terminal")
			}
			key[field] = strings.TrimSpace(string(typed))
		}
		return key, nil
	}
	wanted := fault.New(fault.InvalidInput, "cli.key", "standard input wants a line for each of "+strings.Join(fields, ", ")+", or a JSON object of them")
	text, err := io.ReadAll(io.LimitReader(t.in, longestKey))
	if err != nil {
		return nil, wanted
	}
	if text = bytes.TrimSpace(text); bytes.HasPrefix(text, []byte("{")) {
		if json.Unmarshal(text, &key) != nil {
			return nil, wanted // the cause would quote it
		}
		return key, nil
	}
	lines := strings.Fields(string(text))
	if len(lines) != len(fields) {
		return nil, wanted
	}
	for i, field := range fields {
		key[field] = lines[i]
	}
	return key, nil
}
