package archtest_test

import (
	"fmt"
	"go/ast"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
)

func TestImportsFollowTheTable(t *testing.T) {
	t.Parallel()
	all := repository(t)
	for _, dir := range slices.Sorted(maps.Keys(all)) {
		r, ok := ruleFor(dir)
		if !ok {
			t.Errorf("%s has no line in internal/archtest/rules_test.go; add one that says what it may import", dir)
			continue
		}
		for _, f := range all[dir] {
			if f.isTest() {
				continue
			}
			for _, imported := range f.imports {
				if why := forbidden(r, dir, imported); why != "" {
					t.Errorf("%s imports %s: %s", f.path, imported, why)
				}
			}
		}
	}
}

// forbidden returns why a package may not be imported from dir, "" if it may.
func forbidden(r rule, dir, imported string) string {
	for _, restriction := range restricted {
		if within(restriction.path, imported) && !anyMatches(restriction.groups, dir) {
			return restriction.why
		}
	}
	if below, ours := folder(imported); ours {
		if name, internal := strings.CutPrefix(below, "internal/"); internal {
			below = name
		}
		if !anyMatches(r.inside, below) {
			return fmt.Sprintf("%s may import %q only (internal/archtest/rules_test.go)", r.group, r.inside)
		}
		return ""
	}
	if standard(imported) {
		return ""
	}
	for allowed := range strings.FieldsSeq(r.outside) {
		if within(allowed, imported) {
			return ""
		}
	}
	return fmt.Sprintf("from other modules %s may import %q only (internal/archtest/rules_test.go)", r.group, r.outside)
}

// within reports whether an import path is the one named, or below a prefix
// that ends in a slash.
func within(named, imported string) bool {
	return imported == named || strings.HasSuffix(named, "/") && strings.HasPrefix(imported, named)
}

// standard reports whether a path is of the standard library: its first
// element has no dot.
func standard(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return !strings.Contains(first, ".")
}

func TestEveryRuleIsUsed(t *testing.T) {
	t.Parallel()
	all := repository(t)
	for _, r := range rules {
		used := false
		for dir := range all {
			got, _ := ruleFor(dir)
			used = used || got.group == r.group
		}
		if !used {
			t.Errorf("the rule for %s matches no package, or an earlier one hides it; delete or move it", r.group)
		}
	}
}

// A stage never imports another, an adapter never another adapter. The table
// says so too; this holds whatever a line of the table is changed to.
func TestSiblingsDoNotKnowEachOther(t *testing.T) {
	t.Parallel()
	for dir, files := range repository(t) {
		for _, f := range files {
			if f.isTest() {
				continue
			}
			for _, imported := range f.imports {
				other, ours := folder(imported)
				if !ours || other == dir {
					continue
				}
				if path.Dir(dir) == "internal/pipeline" && path.Dir(other) == "internal/pipeline" {
					t.Errorf("%s imports the stage %s; stages meet in the state machine only", f.path, other)
				}
				if isAdapter(dir) && isAdapter(other) {
					t.Errorf("%s imports the adapter %s", f.path, other)
				}
			}
		}
	}
}

func isAdapter(dir string) bool {
	return path.Dir(dir) == "internal/provider" && !anyMatches("internal/provider/transport internal/provider/catalog internal/provider/providertest", dir)
}

// What runs in Lambda must not carry the local stack or the simulated
// providers, directly or through anything it imports.
func TestFunctionsDoNotReachThisMachine(t *testing.T) {
	t.Parallel()
	all := repository(t)
	for dir := range all {
		if path.Dir(dir) != "functions" {
			continue
		}
		for reached, via := range reachable(all, dir) {
			if anyMatches("internal/localaws/** internal/sandbox/** internal/practice internal/cli internal/archtest internal/provider/providertest", reached) {
				t.Errorf("%s reaches %s, imported by %s", dir, reached, via)
			}
		}
	}
}

// reachable returns the folders that a package needs, each with one that
// imports it.
func reachable(all source, from string) map[string]string {
	via := map[string]string{from: ""}
	for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
		for _, f := range all[queue[0]] {
			if f.isTest() {
				continue
			}
			for _, imported := range f.imports {
				next, ours := folder(imported)
				if _, seen := via[next]; ours && !seen {
					via[next] = queue[0]
					queue = append(queue, next)
				}
			}
		}
	}
	return via
}

// providertest imports testing, so only tests may import it.
func TestOnlyTestsImportTestPackages(t *testing.T) {
	t.Parallel()
	for dir, files := range repository(t) {
		for _, f := range files {
			if !f.isTest() && dir != "internal/provider/providertest" && slices.Contains(f.imports, module+"/internal/provider/providertest") {
				t.Errorf("%s is no test and imports providertest", f.path)
			}
		}
	}
}

func TestOnlyConfigReadsTheEnvironment(t *testing.T) {
	t.Parallel()
	for dir, files := range repository(t) {
		if anyMatches(environmentReaders, dir) {
			continue
		}
		for _, f := range files {
			for _, name := range used(f, "os") {
				if !f.isTest() && slices.Contains([]string{"Getenv", "LookupEnv", "Environ", "ExpandEnv"}, name) {
					t.Errorf("%s uses os.%s; take the value as a parameter, internal/config reads it", f.path, name)
				}
			}
		}
	}
}

func TestAdaptersMakeNoCallsOfTheirOwn(t *testing.T) {
	t.Parallel()
	for dir, files := range repository(t) {
		if !isAdapter(dir) || anyMatches(sdkAdapters, dir) {
			continue
		}
		for _, f := range files {
			for _, name := range used(f, "net/http") {
				allowed := slices.ContainsFunc(adapterHTTP, func(pattern string) bool {
					ok, err := path.Match(pattern, name)
					return ok && err == nil
				})
				if !f.isTest() && !allowed {
					t.Errorf("%s uses http.%s; describe the call as a transport.Request", f.path, name)
				}
			}
		}
	}
}

// used returns which names of an imported package a file uses.
func used(f file, imported string) []string {
	local := ""
	for i, spec := range f.syntax.Imports {
		if f.imports[i] == imported {
			local = path.Base(imported)
			if spec.Name != nil {
				local = spec.Name.Name
			}
		}
	}
	var names []string
	ast.Inspect(f.syntax, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if pkg, ok := sel.X.(*ast.Ident); ok && local != "" && pkg.Name == local && pkg.Obj == nil {
				names = append(names, sel.Sel.Name)
			}
		}
		return true
	})
	return names
}
