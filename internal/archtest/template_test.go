package archtest_test

import (
	"encoding/json"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"go.yaml.in/yaml/v3"

	"github.com/messageai/sluice"
	"github.com/messageai/sluice/internal/app"
	"github.com/messageai/sluice/internal/config"
	"github.com/messageai/sluice/internal/localaws/template"
	"github.com/messageai/sluice/internal/provider/catalog"
	"github.com/messageai/sluice/internal/provider/transport"
)

// stack is template.yaml twice: resolved as a deployment would be, and as it
// is written, with !GetAtt and the like as {"Fn::GetAtt": ...}.
type stack struct {
	*template.Template
	resources map[string]resource
}

type resource struct {
	Type       string
	Metadata   map[string]any
	Properties map[string]any
}

var deployed = sync.OnceValues(func() (stack, error) {
	text, err := sluice.Deploy.ReadFile("template.yaml")
	if err != nil {
		return stack{}, err
	}
	resolved, err := template.Load(text, template.Options{})
	if err != nil {
		return stack{}, err
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return stack{}, err
	}
	s := stack{Template: resolved}
	raw, err := json.Marshal(written(doc.Content[0]).(map[string]any)["Resources"])
	if err != nil {
		return stack{}, err
	}
	return s, json.Unmarshal(raw, &s.resources)
})

func deployment(t *testing.T) stack {
	t.Helper()
	s, err := deployed()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// written turns a YAML node into plain values; a short intrinsic such as
// !GetAtt A.B becomes {"Fn::GetAtt": "A.B"}.
func written(n *yaml.Node) any {
	var v any
	switch n.Kind {
	case yaml.MappingNode:
		m := map[string]any{}
		for i := 0; i < len(n.Content); i += 2 {
			m[n.Content[i].Value] = written(n.Content[i+1])
		}
		v = m
	case yaml.SequenceNode:
		list := []any{}
		for _, e := range n.Content {
			list = append(list, written(e))
		}
		v = list
	case yaml.AliasNode:
		v = written(n.Alias)
	default:
		v = n.Value
	}
	switch tag := n.Tag; {
	case tag == "!Ref":
		return map[string]any{"Ref": v}
	case strings.HasPrefix(tag, "!") && !strings.HasPrefix(tag, "!!"):
		return map[string]any{"Fn::" + tag[1:]: v}
	}
	return v
}

// ofType returns the logical ids of a type, sorted.
func (s stack) ofType(kind string) []string {
	var ids []string
	for _, id := range slices.Sorted(maps.Keys(s.resources)) {
		if s.resources[id].Type == kind {
			ids = append(ids, id)
		}
	}
	return ids
}

// One function is called the same everywhere: its folder, its sample events,
// its resource, its builder.
func TestOneThreadOfNames(t *testing.T) {
	t.Parallel()
	s := deployment(t)
	folders := map[string]bool{}
	for dir := range repository(t) {
		if path.Dir(dir) == "functions" {
			folders[path.Base(dir)] = true
		}
	}
	resources := map[string]string{}
	for _, f := range s.Functions {
		name := path.Base(f.CodeURI)
		if f.CodeURI != "functions/"+name || !folders[name] {
			t.Errorf("%s: CodeUri is %s, want the function's folder below functions/", f.LogicalID, f.CodeURI)
		}
		if other := resources[name]; other != "" {
			t.Errorf("%s and %s are both built from functions/%s", f.LogicalID, other, name)
		}
		resources[name] = f.LogicalID
		if got, want := strings.ToLower(f.LogicalID), strings.ReplaceAll(name, "-", "")+"function"; got != want {
			t.Errorf("%s is built from functions/%s; the id without Function and the folder without dashes are the same word", f.LogicalID, name)
		}
		if want := "sluice-dev-" + name; f.Name != want {
			t.Errorf("%s is called %s, want %s", f.LogicalID, f.Name, want)
		}
	}
	built := app.Functions()
	for name := range folders {
		if resources[name] == "" {
			t.Errorf("functions/%s has no resource in template.yaml", name)
		}
		if built[name] == nil {
			t.Errorf("functions/%s is not in app.Functions", name)
		}
		samples, err := filepath.Glob(filepath.Join(root, "events", name, "*.json"))
		if err != nil || len(samples) == 0 {
			t.Errorf("events/%s has no sample event", name)
		}
		for _, sample := range samples {
			if !json.Valid([]byte(readText(t, "events/"+name+"/"+filepath.Base(sample)))) {
				t.Errorf("events/%s/%s is not JSON", name, filepath.Base(sample))
			}
		}
	}
	for name := range built {
		if !folders[name] {
			t.Errorf("app.Functions has %s, which has no folder in functions/", name)
		}
	}
	events, err := filepath.Glob(filepath.Join(root, "events", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range events {
		if !folders[filepath.Base(dir)] {
			t.Errorf("events/%s belongs to no function", filepath.Base(dir))
		}
	}
}

// `sam build` looks for a Makefile in CodeUri and runs it in a copy of that
// folder, unless the metadata says otherwise; the module is above it.
func TestFunctionsAreBuiltByOurMakefile(t *testing.T) {
	t.Parallel()
	s := deployment(t)
	for _, f := range s.Functions {
		want := map[string]any{"BuildMethod": "makefile", "ContextPath": ".", "WorkingDirectory": "."}
		if got := s.resources[f.LogicalID].Metadata; !maps.Equal(got, want) {
			t.Errorf("%s: Metadata is %v, want %v", f.LogicalID, got, want)
		}
		if f.Handler != "bootstrap" || f.Architecture != "arm64" || f.Runtime != "provided.al2023" {
			t.Errorf("%s: %s on %s with handler %s, want what make build-functions builds: bootstrap for arm64 on provided.al2023",
				f.LogicalID, f.Runtime, f.Architecture, f.Handler)
		}
	}
}

// The environment that the template gives a function is enough to build it: a
// missing or misspelt variable fails here and not at the first cold start.
func TestFunctionsBuildFromTheirEnvironment(t *testing.T) {
	t.Parallel()
	for _, f := range deployment(t).Functions {
		name := path.Base(f.CodeURI)
		build := app.Functions()[name]
		if build == nil {
			continue // TestOneThreadOfNames tells
		}
		cfg := aws.Config{Region: "us-east-1"}
		if _, err := build(t.Context(), config.Env(f.Env), cfg, app.Outside{}); err != nil {
			t.Errorf("%s does not start with its environment: %v", f.LogicalID, err)
		}
		for variable := range f.Env {
			if strings.HasPrefix(variable, "SLUICE_TABLE_") || variable == "SLUICE_STAGE" {
				continue // of every function, from Globals
			}
			less := maps.Clone(f.Env)
			delete(less, variable)
			if _, err := build(t.Context(), config.Env(less), cfg, app.Outside{}); err != nil && !strings.Contains(err.Error(), variable) {
				t.Errorf("%s without %s says %q, which does not name the variable", f.LogicalID, variable, err)
			}
		}
	}
}

// Every variable of the template is one that the code reads.
func TestNoVariableIsUnread(t *testing.T) {
	t.Parallel()
	all := repository(t)
	code := ""
	for _, dir := range []string{"internal/config", "internal/app"} {
		for _, f := range all[dir] {
			if !f.isTest() {
				code += readText(t, f.path)
			}
		}
	}
	prefixes := []string{"SLUICE_QUEUE_"} // of a queue; config.Queues
	for _, e := range catalog.All() {
		prefixes = append(prefixes, "SLUICE_"+strings.ToUpper(e.Definition.Name)+"_") // config.Provider
	}
	runtime := []string{"GOMEMLIMIT", "GOMAXPROCS", "GOGC"} // read by the Go runtime
	for _, f := range deployment(t).Functions {
		for variable := range f.Env {
			known := slices.Contains(runtime, variable) || strings.Contains(code, `"`+variable+`"`) ||
				slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(variable, p) })
			if !known {
				t.Errorf("%s sets %s, which no code reads", f.LogicalID, variable)
			}
		}
	}
}

// Lambda gives the Go runtime no hint of its memory, so GOMEMLIMIT does.
func TestMemoryLimits(t *testing.T) {
	t.Parallel()
	for _, f := range deployment(t).Functions {
		mib, ok := strings.CutSuffix(f.Env["GOMEMLIMIT"], "MiB")
		limit, err := strconv.Atoi(mib)
		if !ok || err != nil || limit*100 < f.MemoryMB*75 || limit*100 > f.MemoryMB*90 {
			t.Errorf("%s: GOMEMLIMIT is %q with %d MB of memory, want about 85 %% of it in MiB", f.LogicalID, f.Env["GOMEMLIMIT"], f.MemoryMB)
		}
	}
}

// Every provider that takes a key has its secret, and no secret is left over.
func TestProvidersHaveSecrets(t *testing.T) {
	t.Parallel()
	s := deployment(t)
	want := map[string]bool{}
	for _, e := range catalog.All() {
		if e.Definition.Auth.Kind != transport.AuthNone || len(e.Definition.SecretFields) > 0 {
			want["sluice/dev/providers/"+e.Definition.Name] = true
		}
	}
	for _, secret := range s.Secrets {
		if !want[secret.Name] {
			t.Errorf("%s (%s) belongs to no provider of the catalog", secret.LogicalID, secret.Name)
		}
		delete(want, secret.Name)
		var fields map[string]string
		if err := json.Unmarshal([]byte(secret.Value), &fields); err != nil {
			t.Errorf("%s: its first value is not an object of strings", secret.LogicalID)
		}
		for field, value := range fields {
			if value != "" {
				t.Errorf("%s: the template has a value for %s; keys do not belong in a template", secret.LogicalID, field)
			}
		}
	}
	for name := range want {
		t.Errorf("the template has no secret %s", name)
	}
}
