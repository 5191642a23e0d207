package archtest_test

import (
	"go/ast"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestPackageComments(t *testing.T) {
	t.Parallel()
	all := repository(t)
	for _, dir := range slices.Sorted(maps.Keys(all)) {
		var comments []string
		name := ""
		onlyTests := !slices.ContainsFunc(all[dir], func(f file) bool { return !f.isTest() })
		for _, f := range all[dir] {
			if f.isTest() && !onlyTests {
				continue
			}
			name = f.syntax.Name.Name
			if f.syntax.Doc != nil {
				comments = append(comments, f.syntax.Doc.Text())
			}
		}
		want := "Package " + name + " "
		if name == "main" {
			want = "Command " + path.Base(dir) + " "
		}
		switch {
		case len(comments) != 1:
			t.Errorf("%s has %d package comments, want one that says what it is for, what it may import and what it is not for", dir, len(comments))
		case !strings.HasPrefix(comments[0], want):
			t.Errorf("the package comment of %s does not begin with %q", dir, want)
		}
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	snake := regexp.MustCompile(`^[a-z0-9]+(_[a-z0-9]+)*\.go$`)
	for dir, files := range repository(t) {
		if slices.Contains(forbiddenNames, path.Base(dir)) {
			t.Errorf("%s: the name says nothing about what is inside", dir)
		}
		for _, f := range files {
			if name := f.syntax.Name.Name; slices.Contains(forbiddenNames, strings.TrimSuffix(name, "_test")) {
				t.Errorf("%s: the package name %s says nothing about what is inside", f.path, name)
			}
			if !snake.MatchString(path.Base(f.path)) {
				t.Errorf("%s: file names are lower_snake.go", f.path)
			}
		}
	}
}

func TestNothingRunsAtImport(t *testing.T) {
	t.Parallel()
	for _, files := range repository(t) {
		for _, f := range files {
			for _, decl := range f.syntax.Decls {
				if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
					t.Errorf("%s has an init function; build it in a constructor", f.path)
				}
			}
			for _, spec := range f.syntax.Imports {
				if spec.Name != nil && spec.Name.Name == "_" && spec.Path.Value != `"embed"` && sideEffects[f.path] == "" {
					t.Errorf("%s imports %s for its side effects", f.path, spec.Path.Value)
				}
			}
		}
	}
}

// A function's folder holds one short main.go without logic: what is in it
// cannot be reached by a test.
func TestFunctionFolders(t *testing.T) {
	t.Parallel()
	const maxLines = 40
	for dir, files := range repository(t) {
		if path.Dir(dir) != "functions" {
			continue
		}
		for _, f := range files {
			if f.isTest() {
				continue
			}
			if path.Base(f.path) != "main.go" || f.syntax.Name.Name != "main" {
				t.Errorf("%s: a function's folder holds main.go only", f.path)
			}
			if f.lines > maxLines {
				t.Errorf("%s has %d lines, at most %d: it loads, builds and starts", f.path, f.lines, maxLines)
			}
			ast.Inspect(f.syntax, func(n ast.Node) bool {
				switch n.(type) {
				case *ast.ForStmt, *ast.RangeStmt, *ast.SwitchStmt, *ast.FuncLit:
					t.Errorf("%s has logic; it belongs where a test can call it", f.path)
				}
				return true
			})
		}
	}
}

// Every folder of adapters has what a reader and the conformance suite look for.
func TestAdapterFolders(t *testing.T) {
	t.Parallel()
	for dir, files := range repository(t) {
		if !isAdapter(dir) {
			continue
		}
		tested := slices.ContainsFunc(files, func(f file) bool {
			return f.isTest() && slices.Contains(f.imports, module+"/internal/provider/providertest")
		})
		if !tested {
			t.Errorf("%s does not run the conformance suite (providertest)", dir)
		}
		if !slices.ContainsFunc(files, func(f file) bool { return path.Base(f.path) == "doc.go" }) {
			t.Errorf("%s has no doc.go that names API, quotas, terms and quirks", dir)
		}
	}
}

// Every kind of error is explained where the log sends people.
func TestErrorKindsAreDocumented(t *testing.T) {
	t.Parallel()
	doc := readText(t, "docs/errors.md")
	for _, f := range repository(t)["internal/fault"] {
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || len(spec.Names) != 1 {
				return true
			}
			if kind, ok := spec.Type.(*ast.Ident); ok && kind.Name == "Kind" && !strings.Contains(doc, "| `"+spec.Names[0].Name+"` |") {
				t.Errorf("docs/errors.md has no row for %s", spec.Names[0].Name)
			}
			return true
		})
	}
}

func readText(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// ADR 8 has a row for every module that is imported directly.
func TestModulesAreListed(t *testing.T) {
	t.Parallel()
	adr := readText(t, "docs/adr/0008-libraries.md")
	var modules []string
	for line := range strings.Lines(readText(t, "go.mod")) {
		fields := strings.Fields(strings.TrimPrefix(line, "require "))
		if len(fields) >= 2 && strings.Contains(fields[0], ".") && strings.HasPrefix(fields[1], "v") {
			modules = append(modules, fields[0])
		}
	}
	if len(modules) == 0 {
		t.Fatal("go.mod requires nothing")
	}
	direct := map[string]bool{}
	for _, files := range repository(t) {
		for _, f := range files {
			for _, imported := range f.imports {
				if m := moduleOf(modules, imported); m != "" {
					direct[m] = true
				}
			}
		}
	}
	for _, m := range slices.Sorted(maps.Keys(direct)) {
		if !strings.Contains(adr, "| "+m+" |") {
			t.Errorf("docs/adr/0008-libraries.md has no row for %s", m)
		}
	}
	for line := range strings.Lines(adr) {
		if cells := strings.Split(line, " | "); len(cells) == 4 && strings.Contains(cells[0], ".") && !direct[strings.TrimPrefix(cells[0], "| ")] {
			t.Errorf("docs/adr/0008-libraries.md has a row for %s, which nothing imports", strings.TrimPrefix(cells[0], "| "))
		}
	}
}

// moduleOf returns the longest of the modules that a package is in.
func moduleOf(modules []string, imported string) string {
	best := ""
	for _, m := range modules {
		if (imported == m || strings.HasPrefix(imported, m+"/")) && len(m) > len(best) {
			best = m
		}
	}
	return best
}

// A test may sleep in a synctest bubble, where it takes no time; anywhere else
// it is slow and fails on a busy machine.
func TestSleepsAreInBubbles(t *testing.T) {
	t.Parallel()
	for _, files := range repository(t) {
		bubbles := slices.ContainsFunc(files, func(f file) bool { return slices.Contains(f.imports, "testing/synctest") })
		for _, f := range files {
			if f.isTest() && slices.Contains(used(f, "time"), "Sleep") && !bubbles {
				t.Errorf("%s sleeps and its package uses no synctest bubble", f.path)
			}
		}
	}
}
