// Package archtest holds the rules of this repository that the compiler does
// not know, as tests: who may import whom, what a Lambda folder looks like,
// which names belong together. The rules are data, in rules_test.go; a new
// package needs a line there.
//
// The tests parse the source themselves. They do not shell out to `go list`,
// because the test cache sees only files that the test opened: a violation
// would be reported as passed.
package archtest
