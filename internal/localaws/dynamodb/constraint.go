package dynamodb

import (
	"fmt"
	"slices"
	"strings"
)

// constraints collects faults of a request's members, which AWS reports
// together and before anything else.
type constraints struct{ faults []string }

func (c *constraints) add(value, member, constraint string) {
	c.faults = append(c.faults, fmt.Sprintf("Value %s at '%s' failed to satisfy constraint: Member must %s", value, member, constraint))
}

// err is the ValidationException for the faults, nil if there are none.
func (c *constraints) err() error {
	switch n := len(c.faults); n {
	case 0:
		return nil
	case 1:
		return invalid("1 validation error detected: %s", c.faults[0])
	default:
		return invalid("%d validation errors detected: %s", n, strings.Join(c.faults, "; "))
	}
}

// enum checks an optional member with fixed values.
func (c *constraints) enum(value, member string, allowed ...string) {
	if value != "" && !slices.Contains(allowed, value) {
		c.add("'"+value+"'", member, "satisfy enum value set: ["+strings.Join(allowed, ", ")+"]")
	}
}

// checkTableName checks a table's name; AWS reports a bad one alone.
func checkTableName(name string, present bool, shortest int) error {
	var c constraints
	switch {
	case !present:
		c.add("null", "tableName", "not be null")
	case len(name) < shortest:
		c.add("'"+name+"'", "tableName", fmt.Sprintf("have length greater than or equal to %d", shortest))
	case len(name) > 255:
		c.add("'"+name+"'", "tableName", "have length less than or equal to 255")
	case !isName(name):
		c.add("'"+name+"'", "tableName", "satisfy regular expression pattern: [a-zA-Z0-9_.-]+")
	}
	return c.err()
}

// isName reports whether s has only the characters of table and index names.
func isName(s string) bool {
	for i := range len(s) {
		if c := s[i]; !isLetter(c) && !isDigit(c) && c != '.' && c != '-' {
			return false
		}
	}
	return true
}
