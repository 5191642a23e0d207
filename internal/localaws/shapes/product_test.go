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
	"github.com/messageai/sluice/internal/localaws/shapes"
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
	used := strings.Join(slices.Concat(slices.Collect(maps.Values(expressionsOfCases(t)))...), "\n")
	for _, part := range slices.Sorted(maps.Keys(product.expressions)) {
		// "?" is what the program puts in; a campaign's calls show it.
		if !regexp.MustCompile("(?m)^" + strings.ReplaceAll(regexp.QuoteMeta(part), `\?`, ".+") + "$").MatchString(used) {
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
	// s3:ListBucket is what ListObjectsV2 needs; Lambda's is Invoke. Step Functions
	// itself writes a map's large results in parts: nobody here sees those calls.
	operations := map[string]string{
		"s3.ListBucket": "s3.ListObjectsV2", "lambda.InvokeFunction": "lambda.Invoke",
		"s3.ListMultipartUploadParts": "s3.PutObject", "s3.AbortMultipartUpload": "s3.PutObject",
	}
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
	expressions map[string]string // "n <= :v", as shapes.Parts has them
}

func newUses() *uses {
	return &uses{operations: map[string]string{}, members: map[string]string{}, expressions: map[string]string{}}
}

// read reads the files below a folder that are no tests. skip gets names
// relative to it.
func (u *uses) read(t *testing.T, root string, skip func(name string) bool) {
	t.Helper()
	files, talks := map[string]*ast.File{}, map[string]bool{} // talks to DynamoDB, by folder
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return err
		}
		below, err := filepath.Rel(root, name)
		if err != nil || skip != nil && skip(filepath.ToSlash(below)) {
			return err
		}
		files[name], err = parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err == nil && slices.Contains(slices.Collect(maps.Values(imported(files[name]))), "dynamodb") {
			talks[filepath.Dir(name)] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if services := imported(files[name]); len(services) > 0 {
			u.file(name, files[name], services)
		}
		if talks[filepath.Dir(name)] { // files that import nothing build expressions for those that do
			u.texts(name, files[name])
		}
	}
}

// imported are the services of the SDK that a file imports, by the name that it
// gives the package.
func imported(file *ast.File) map[string]string {
	services := map[string]string{}
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
	return services
}

// texts notes the parts of the expressions below a node, those that it puts
// together with + among them.
func (u *uses) texts(name string, below ast.Node) {
	ast.Inspect(below, func(n ast.Node) bool {
		e, ok := n.(ast.Expr)
		if !ok {
			return true
		}
		text, rest := folded(e)
		if strings.Trim(text, "?") == "" {
			return true
		}
		// A text that is no expression has none of these.
		if regexp.MustCompile(`:[a-z]|attribute_|begins_with\(|contains\(|REMOVE |#[a-z]`).MatchString(text) {
			for _, part := range shapes.Parts(text) {
				u.note(u.expressions, part, name)
			}
		}
		for _, operand := range rest {
			u.texts(name, operand)
		}
		return false
	})
}

// folded is a text as far as the source says it, with "?" for the rest.
func folded(e ast.Expr) (text string, rest []ast.Expr) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if text, err := strconv.Unquote(e.Value); err == nil && e.Kind == token.STRING {
			return regexp.MustCompile(`%[a-z]`).ReplaceAllString(text, "?"), nil
		}
	case *ast.BinaryExpr:
		if e.Op == token.ADD {
			left, one := folded(e.X)
			right, other := folded(e.Y)
			return left + right, slices.Concat(one, other)
		}
	}
	return "?", []ast.Expr{e}
}

func (u *uses) file(name string, file *ast.File, services map[string]string) {
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
