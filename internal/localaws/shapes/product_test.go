package shapes_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/messageai/sluice/internal/localaws/parity/suites"
)

const sdkServices = "github.com/aws/aws-sdk-go-v2/service/"

// signing is the name in behaviour cases of a service of the SDK.
var signing = map[string]string{
	"dynamodb": "dynamodb", "s3": "s3", "sqs": "sqs", "sfn": "states", "secretsmanager": "secretsmanager", "kms": "kms", "scheduler": "scheduler", "lambda": "lambda",
}

// elsewhere are operations that are called on AWS only, never on the local one.
var elsewhere = map[string]string{
	"sts.GetCallerIdentity": "commands ask for the account's number before they look into a deployed stack",
}

// The product can call nothing, with no parameter and no part of an expression,
// that no behaviour case has: what a campaign happens to call is not enough.
func TestTheBehaviourSuiteCoversWhatTheProductCanCall(t *testing.T) {
	t.Parallel()
	product, cases := newUses(), newUses()
	product.read(t, "../../../internal", func(name string) bool {
		return strings.HasPrefix(name, "localaws/") || strings.HasPrefix(name, "tools/")
	})
	product.read(t, "../../../cmd", nil)
	product.read(t, "../../../functions", nil)
	cases.read(t, "../parity", nil)
	has := map[string]bool{}
	for _, c := range suites.Cases() {
		has[c.Service+"."+c.Operation] = true
	}
	for _, operation := range slices.Sorted(maps.Keys(product.operations)) {
		service, name, _ := strings.Cut(operation, ".")
		if elsewhere[operation] == "" && !has[signing[service]+"."+name] {
			t.Errorf("%s calls %s, which no behaviour case is about", product.operations[operation], operation)
		}
	}
	for operation := range elsewhere {
		if product.operations[operation] == "" {
			t.Errorf("nothing calls %s any more", operation)
		}
	}
	for _, member := range slices.Sorted(maps.Keys(product.members)) {
		// Every case names a table, in the bench that makes its calls.
		if service, _, _ := strings.Cut(member, "."); signing[service] != "" && cases.members[member] == "" && !strings.HasSuffix(member, "Input.TableName") {
			t.Errorf("%s uses %s, which no behaviour case does", product.members[member], member)
		}
	}
	for _, part := range slices.Sorted(maps.Keys(product.expressions)) {
		if cases.expressions[part] == "" {
			t.Errorf("%s has %q in an expression, which no behaviour case has", product.expressions[part], part)
		}
	}
	if len(product.operations) < 20 || len(product.members) < 60 || len(product.expressions) < 15 {
		t.Errorf("only %d operations, %d parameters and %d parts of expressions were found; the reader is broken",
			len(product.operations), len(product.members), len(product.expressions))
	}
}

// Roles allow nothing that the behaviour suite does not cover.
func TestTheBehaviourSuiteCoversWhatRolesAllow(t *testing.T) {
	t.Parallel()
	template, err := os.ReadFile("../../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	// s3:ListBucket is what ListObjectsV2 needs; Lambda's is Invoke.
	operations := map[string]string{"s3.ListBucket": "s3.ListObjectsV2", "lambda.InvokeFunction": "lambda.Invoke"}
	has := map[string]bool{}
	for _, c := range suites.Cases() {
		has[c.Service+"."+c.Operation] = true
	}
	found := regexp.MustCompile(`\b(dynamodb|s3|sqs|states|secretsmanager|kms|scheduler|lambda):([A-Z][A-Za-z]+)\b`).FindAllStringSubmatch(string(template), -1)
	if len(found) < 50 {
		t.Fatalf("%d actions found, that cannot be", len(found))
	}
	for _, action := range found {
		operation := action[1] + "." + action[2]
		if other, ok := operations[operation]; ok {
			operation = other
		}
		if !has[operation] {
			t.Errorf("template.yaml allows %s, which no behaviour case is about", action[0])
			has[operation] = true // once is enough
		}
	}
}

// uses is what Go files do with the SDK, each with the file that does it first.
type uses struct {
	operations  map[string]string // "dynamodb.Query"
	members     map[string]string // "dynamodb.QueryInput.Limit", "dynamodb.ReturnValueAllOld"
	expressions map[string]string // "name <= :value"
}

func newUses() *uses {
	return &uses{operations: map[string]string{}, members: map[string]string{}, expressions: map[string]string{}}
}

// read reads the files below a folder that are no tests. skip gets names
// relative to it.
func (u *uses) read(t *testing.T, root string, skip func(name string) bool) {
	t.Helper()
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return err
		}
		below, err := filepath.Rel(root, name)
		if err != nil || skip != nil && skip(filepath.ToSlash(below)) {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err == nil {
			u.file(name, file)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (u *uses) file(name string, file *ast.File) {
	services := map[string]string{} // by the name that the file gives the package
	for _, spec := range file.Imports {
		target, err := strconv.Unquote(spec.Path.Value)
		if err != nil || !strings.HasPrefix(target, sdkServices) {
			continue
		}
		as := path.Base(target)
		if spec.Name != nil {
			as = spec.Name.Name
		}
		services[as], _, _ = strings.Cut(strings.TrimPrefix(target, sdkServices), "/")
	}
	if len(services) == 0 {
		return
	}
	typeOf := func(e ast.Expr) string {
		for {
			switch x := e.(type) {
			case *ast.StarExpr:
				e = x.X
			case *ast.SelectorExpr:
				if p, ok := x.X.(*ast.Ident); ok && services[p.Name] != "" {
					return services[p.Name] + "." + x.Sel.Name
				}
				return ""
			default:
				return ""
			}
		}
	}
	variables := map[string]string{} // SDK structs by the name of the variable that holds one
	fields := func(of string, lit *ast.CompositeLit) {
		for _, e := range lit.Elts {
			if kv, ok := e.(*ast.KeyValueExpr); ok && of != "" {
				if key, ok := kv.Key.(*ast.Ident); ok {
					u.note(u.members, of+"."+key.Name, name)
				}
			}
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Field:
			for _, v := range n.Names {
				if of := typeOf(n.Type); of != "" {
					variables[v.Name] = of
				}
			}
		case *ast.SelectorExpr:
			of := typeOf(n)
			if operation, ok := strings.CutSuffix(of, "Input"); ok {
				u.note(u.operations, operation, name)
			} else if constant(of) {
				u.note(u.members, of, name)
			}
		case *ast.CompositeLit:
			var element ast.Expr
			switch x := n.Type.(type) {
			case *ast.ArrayType:
				element = x.Elt
			case *ast.MapType:
				element = x.Value
			default:
				fields(typeOf(n.Type), n)
				return true
			}
			for _, e := range n.Elts {
				if kv, ok := e.(*ast.KeyValueExpr); ok {
					e = kv.Value
				}
				if lit, ok := e.(*ast.CompositeLit); ok && lit.Type == nil {
					fields(typeOf(element), lit)
				}
			}
		case *ast.AssignStmt:
			u.assign(n, name, typeOf, variables)
		case *ast.BasicLit:
			if text, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING && slices.Contains(slices.Collect(maps.Values(services)), "dynamodb") {
				for _, part := range parts(text) {
					u.note(u.expressions, part, name)
				}
			}
		}
		return true
	})
}

// assign notes variables that get an SDK struct, and members that are assigned.
func (u *uses) assign(n *ast.AssignStmt, name string, typeOf func(ast.Expr) string, variables map[string]string) {
	for i, left := range n.Lhs {
		switch left := left.(type) {
		case *ast.Ident:
			if i < len(n.Rhs) {
				value := n.Rhs[i]
				if address, ok := value.(*ast.UnaryExpr); ok {
					value = address.X
				}
				if lit, ok := value.(*ast.CompositeLit); ok && typeOf(lit.Type) != "" {
					variables[left.Name] = typeOf(lit.Type)
				}
			}
		case *ast.SelectorExpr:
			if v, ok := left.X.(*ast.Ident); ok && variables[v.Name] != "" {
				u.note(u.members, variables[v.Name]+"."+left.Sel.Name, name)
			}
		}
	}
}

func (u *uses) note(in map[string]string, what, file string) {
	if in[what] == "" {
		in[what] = strings.TrimPrefix(filepath.ToSlash(file), "../../../")
	}
}

// constant reports whether a name of the SDK is one of an enumeration's values
// that a request can have.
func constant(name string) bool {
	return regexp.MustCompile(`\.(ReturnValue|ReturnValuesOn|ReturnConsumedCapacity|Select|DataKeySpec|FilterName)[A-Za-z]*[A-Z][a-z]`).MatchString(name) &&
		!strings.HasSuffix(name, "Input") && !strings.HasSuffix(name, "Output")
}

// grammar has the parts of DynamoDB's expressions.
var grammar = regexp.MustCompile(`\b(attribute_exists|attribute_not_exists|attribute_type|begins_with|contains|size|if_not_exists|list_append)\(` +
	`|[#:\w.]+ (?:<>|<=|>=|<|>|=) [#:]?[a-z]\w*(?: [+-] [#:]?[a-z]\w*)?` +
	`|[#:\w.]+ BETWEEN [#:]\w+ AND [#:]\w+|[#:\w.]+ IN \(|\bNOT |\bAND\b|\bOR\b|\bREMOVE [#:\w]+|\bADD [#:\w]+ |\bDELETE [#:\w]+ `)

// parts are the parts of an expression without what names stand for: "n" is an
// attribute, ":v" a value. A text that is no expression has none.
func parts(text string) []string {
	if !regexp.MustCompile(`:[a-z]|attribute_|begins_with\(|contains\(|REMOVE |#[a-z]`).MatchString(text) {
		return nil
	}
	var found []string
	for _, part := range grammar.FindAllString(text, -1) {
		part = regexp.MustCompile(`[#:]?[A-Za-z_][\w.\[\]]*[( ]?|[#:]\w+`).ReplaceAllStringFunc(part, func(word string) string {
			bare := strings.TrimSpace(word)
			end := word[len(bare):]
			switch {
			case strings.HasSuffix(bare, "("), slices.Contains([]string{"BETWEEN", "AND", "IN", "NOT", "OR", "REMOVE", "ADD", "DELETE"}, bare):
				return word
			case strings.HasPrefix(bare, ":"):
				return ":v" + end
			}
			return "n" + end
		})
		found = append(found, strings.TrimSpace(part))
	}
	return found
}
