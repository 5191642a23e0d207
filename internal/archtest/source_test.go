package archtest_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const (
	module = "github.com/messageai/sluice"
	root   = "../.."
)

// file is a parsed Go file.
type file struct {
	path    string // below the repository root, with slashes
	syntax  *ast.File
	lines   int
	imports []string // paths
}

func (f file) isTest() bool { return strings.HasSuffix(f.path, "_test.go") }

// source is every Go file of the product's module, by folder below the root.
type source map[string][]file

// tree is the repository, read once.
var tree = sync.OnceValues(func() (source, error) { return parse(root) })

func repository(t *testing.T) source {
	t.Helper()
	s, err := tree()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// parse reads the Go files below dir, nested modules and folders that the go
// command ignores apart.
func parse(dir string) (source, error) {
	all := source{}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			if rel != "." && (strings.HasPrefix(d.Name(), ".") || strings.HasPrefix(d.Name(), "_") || d.Name() == "testdata" || isModule(name)) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(rel, ".go") {
			return nil
		}
		f, err := parseFile(name, rel)
		all[path.Dir(rel)] = append(all[path.Dir(rel)], f)
		return err
	})
	return all, err
}

func isModule(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil
}

func parseFile(name, rel string) (file, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return file{}, err
	}
	syntax, err := parser.ParseFile(token.NewFileSet(), rel, text, parser.ParseComments)
	if err != nil {
		return file{}, err
	}
	f := file{path: rel, syntax: syntax, lines: strings.Count(string(text), "\n")}
	for _, spec := range syntax.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return file{}, err
		}
		f.imports = append(f.imports, imported)
	}
	return f, nil
}

// folder returns where a package of this module is, below the root.
func folder(imported string) (string, bool) {
	if imported == module {
		return ".", true
	}
	return strings.CutPrefix(imported, module+"/")
}

// matches reports whether a folder is in a group such as internal/store,
// internal/pipeline/* or internal/localaws/**, which includes internal/localaws.
func matches(group, dir string) bool {
	if group == "**" {
		return true
	}
	if above, ok := strings.CutSuffix(group, "/**"); ok {
		return dir == above || strings.HasPrefix(dir, above+"/")
	}
	ok, err := path.Match(group, dir)
	return err == nil && ok
}

// anyMatches reports whether dir is in one of the groups of a list in which a
// later !group takes out what an earlier one let in.
func anyMatches(groups, dir string) bool {
	in := false
	for group := range strings.FieldsSeq(groups) {
		if out, negated := strings.CutPrefix(group, "!"); negated {
			in = in && !matches(out, dir)
		} else {
			in = in || matches(group, dir)
		}
	}
	return in
}

// ruleFor returns the first rule for a folder; an exact group stands before a
// group with a star in the table.
func ruleFor(dir string) (rule, bool) {
	for _, r := range rules {
		if matches(r.group, dir) {
			return r, true
		}
	}
	return rule{}, false
}
