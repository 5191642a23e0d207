package archtest_test

import "testing"

// The checks above only prove something if a violation would be seen.
func TestForbiddenSeesViolations(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		dir, imported string
		allowed       bool
	}{
		{"internal/fault", "errors", true},
		{"internal/fault", module + "/internal/domain", false},
		{"internal/scoring", module + "/internal/lexical", true},
		{"internal/scoring", module + "/internal/store", false},
		{"internal/scoring", "net/http", false},
		{"internal/pipeline/enrich", module + "/internal/store", true},
		{"internal/pipeline/enrich", module + "/internal/pipeline/score", false},
		{"internal/pipeline/enrich", "github.com/aws/aws-sdk-go-v2/service/sqs", false},
		{"internal/provider/hunter", module + "/internal/provider", true},
		{"internal/provider/hunter", module + "/internal/provider/apollo", false},
		{"internal/provider/hunter", "net/http", true},
		{"internal/provider/hunter", "net/http/httptest", false},
		{"internal/provider/hunter", "github.com/sashabaranov/go-openai", false},
		{"internal/store", "github.com/aws/aws-sdk-go-v2/service/dynamodb", true},
		{"internal/store", "testing", false},
		{"internal/app", module + "/internal/pipeline/score", true},
		{"internal/app", module + "/internal/localaws", false},
		{"internal/app", module + "/internal/sandbox/market", false},
		{"internal/localaws/sqs", module + "/internal/localaws/wire", true},
		{"internal/localaws/sqs", module + "/internal/store", false},
		{"functions/plan", module + "/internal/app", true},
		{"functions/plan", module + "/internal/store", false},
		{"cmd/sluice", module + "/internal/cli", true},
	} {
		r, ok := ruleFor(c.dir)
		if !ok {
			t.Fatalf("no rule for %s", c.dir)
		}
		if why := forbidden(r, c.dir, c.imported); (why == "") != c.allowed {
			t.Errorf("%s imports %s: %q, want allowed = %t", c.dir, c.imported, why, c.allowed)
		}
	}
	if r, ok := ruleFor("internal/unheardof"); ok {
		t.Errorf("a package that the table does not know falls under %q", r.group)
	}
}
