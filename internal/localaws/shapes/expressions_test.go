package shapes_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/messageai/sluice/internal/localaws/shapes"
)

func TestPartsOfExpressions(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"":                              nil,
		"pk, m.a[1], l[0]":              {"n", "n.n[0]", "n[0]"},
		"attribute_not_exists(pk)":      {"attribute_not_exists(n)"},
		"#free <= :until":               {"n <= :v"},
		"n=:v AND\nt<>:w":               {"n = :v", "AND", "n <> :v"},
		"sk between :low and :high":     {"n BETWEEN :v"},
		"a BETWEEN :b AND :c AND NOT d": {"n BETWEEN :v", "AND", "NOT", "n"},
		"#s IN (:a, :b) OR NOT (x > m.d[12].e)": {
			"n IN", "OR", "(", "NOT", "n > n.n[0].n",
		},
		"SET #a = list_append(if_not_exists(#a, :none), :docs), b = b + :one REMOVE c, d[3] ADD #n :one DELETE s :old": {
			"SET", "if_not_exists(n, :v)", "list_append(if_not_exists(), :v)", "n = list_append()", "n = n", "n + :v", "REMOVE", "n", "n[0]", "ADD", "n", "DELETE", "n",
		},
		"size(l) > size (m)": {"size(n)", "size(n)", "size() > size()"},
		// Pieces, as programs have them.
		"attribute_not_exists(?) OR NOT begins_with(?, :cap)": {"attribute_not_exists(?)", "OR", "NOT", "begins_with(?, :v)"},
		"SET ? = :alert":             {"SET", "? = :v"},
		", #owner = :nobody":         {"n = :v"},
		" AND #owner = ":             {"AND", "n = ?"},
		"#status IN (?":              {"n IN"},
		"#free + :inc":               {"n + :v"},
		"= :v":                       {"? = :v"},
		"SET p_? = :v, q = q_? - :v": {"SET", "? = :v", "n = ?", "? - :v"},
	} {
		if diff := cmp.Diff(want, shapes.Parts(text)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}
