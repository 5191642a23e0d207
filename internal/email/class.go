package email

import (
	_ "embed"
	"strings"

	"github.com/messageai/sluice/internal/normalize"
)

// disposable is a list of domains in byte order, one a line; see the package
// comment for its source, date and licence.
//
//go:embed disposable.txt
var disposable string

// Class is what lists tell about an address.
type Class struct {
	Role       bool // a function's mailbox ("info@"), not a person's
	Disposable bool // the domain gives mailboxes away for an hour
	FreeMail   bool // the domain gives mailboxes to anybody: it names no employer
}

// Classify looks a valid address up. Case, tags ("info+x@") and subdomains of
// listed domains do not matter. Anything that is not an address has the zero
// Class.
func Classify(address string) Class {
	a, err := Parse(address)
	if err != nil {
		return Class{}
	}
	free := isFreeMail(a.Domain)
	return Class{
		Role:     isRole(strings.ToLower(a.Local)),
		FreeMail: free,
		// A provider that people keep for years is not disposable because
		// somebody put it on a list.
		Disposable: !free && isDisposable(a.Domain),
	}
}

// isRole reports whether a local part consists of words for functions, and of
// what sets one such mailbox apart from the next: "sales-emea", "info2",
// "support.de", "hr.team".
func isRole(local string) bool {
	if plus := strings.IndexByte(local, '+'); plus > 0 {
		local = local[:plus]
	}
	if normalize.RoleMailbox(local + "@") {
		return true
	}
	roles := 0
	for word := range strings.FieldsFuncSeq(local, func(r rune) bool { return strings.ContainsRune("._-0123456789", r) }) {
		switch {
		case normalize.RoleMailbox(word + "@"):
			roles++
		case !isQualifier(word):
			return false
		}
	}
	return roles > 0
}

// isQualifier reports whether a word says for which part of a company a mailbox is.
func isQualifier(word string) bool {
	switch word {
	case "us", "usa", "uk", "eu", "de", "fr", "es", "it", "nl", "be", "ch", "at", "pl", "se", "ca", "au", "nz", "in", "jp", "br", "mx",
		"emea", "apac", "latam", "dach", "benelux", "nordics", "global", "intl", "international", "europe", "asia", "america", "americas",
		"north", "south", "east", "west", "head", "main", "team", "dept", "group", "the", "our", "and":
		return true
	}
	return false
}

// isFreeMail knows the domains of package normalize, those below them, and the
// countries of providers that have a domain in most of them.
func isFreeMail(host string) bool {
	for parent := host; strings.Contains(parent, "."); _, parent, _ = strings.Cut(parent, ".") {
		if normalize.FreeMail(parent) {
			return true
		}
	}
	brand, suffix, _ := strings.Cut(host, ".")
	switch brand {
	case "yahoo", "hotmail", "outlook", "gmx", "yandex":
		second, country, nested := strings.Cut(suffix, ".")
		if !nested {
			return len(suffix) == 2
		}
		return (second == "co" || second == "com") && len(country) == 2
	}
	return false
}

// isDisposable looks for the host and everything above it.
func isDisposable(host string) bool {
	for strings.Contains(host, ".") {
		if listed(disposable, host) {
			return true
		}
		_, host, _ = strings.Cut(host, ".")
	}
	return false
}

// listed searches a list of lines in byte order. The text is searched as it is
// embedded, so that nothing is built when a process starts.
func listed(list, word string) bool {
	low, high := 0, len(list) // begin of a line, behind the end of one
	for low < high {
		middle := strings.LastIndexByte(list[low:(low+high)/2], '\n') + 1 + low
		size := strings.IndexByte(list[middle:high], '\n')
		if size < 0 {
			size = high - middle
		}
		switch line := list[middle : middle+size]; {
		case line == word:
			return true
		case line < word:
			low = min(middle+size+1, high)
		default:
			high = middle
		}
	}
	return false
}

// SaysCatchAll reports whether a verifier's word means that the domain takes
// mail for any name: NeverBounce's catchall, ZeroBounce's catch-all and
// role_based_catch_all, Hunter's accept_all.
func SaysCatchAll(reason string) bool {
	letters := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' {
			return r
		}
		return -1
	}, strings.ToLower(reason))
	return strings.Contains(letters, "catchall") || strings.Contains(letters, "acceptall")
}
