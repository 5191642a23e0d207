package normalize

import (
	"strings"

	"golang.org/x/net/idna"
)

// ValidEmail reports whether s is an address that mail could be sent to
// without any special form: a dot-atom and a domain name (RFC 5321 limits).
// Quoted local parts, comments, address literals and numeric top-level domains
// are legal mail but never a lead's address, and are refused.
func ValidEmail(s string) bool {
	at := strings.LastIndexByte(s, '@')
	if at < 1 || at > 64 || len(s) > 254 {
		return false
	}
	// A single label is legal ("test@io" has a mail server), but in a list it
	// is nearly always an address that was cut off.
	return validLocal(s[:at]) && strings.Contains(s[at:], ".") && validHost(s[at+1:])
}

func validLocal(s string) bool {
	for i := range len(s) {
		c := s[i]
		switch {
		case c == '.':
			if i == 0 || i == len(s)-1 || s[i-1] == '.' {
				return false
			}
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9',
			strings.IndexByte("!#$%&'*+-/=?^_`{|}~", c) >= 0:
		default:
			return false
		}
	}
	return s != ""
}

// validHost checks an ASCII host name: labels of letters, digits and inner
// hyphens, at most 63 each and 253 together, the last one not a number.
func validHost(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	start, digits := 0, true
	for i := 0; i <= len(s); i++ {
		if i < len(s) && s[i] != '.' {
			c := s[i]
			switch {
			case c >= '0' && c <= '9':
			case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '-':
				digits = false
			default:
				return false
			}
			continue
		}
		label := s[start:i]
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		if i < len(s) {
			start, digits = i+1, true
		}
	}
	return !digits
}

// Email returns the first valid address in a cell, in lower case and with the
// domain in its ASCII form. It takes "mailto:" links, "Name <address>" and
// lists. Dots and plus tags stay: they are part of the address; [EmailKey]
// ignores them where the mailbox does.
func Email(cell string) (string, bool) {
	if address, ok := emailOf(cell); ok {
		return address, true
	}
	// A quotation mark ends nothing: john"smith@x.com must not become smith@x.com.
	for part := range strings.FieldsFuncSeq(Clean(cell), func(r rune) bool { return strings.ContainsRune("<>;,|()[] ", r) }) {
		if address, ok := emailOf(strings.Trim(part, "\"")); ok {
			return address, true
		}
	}
	return "", false
}

func emailOf(s string) (string, bool) {
	if strings.IndexByte(s, '@') < 1 {
		return "", false
	}
	s = strings.ToLower(strings.TrimSpace(s))
	s = strings.TrimPrefix(s, "mailto:")
	if query := strings.IndexByte(s, '?'); query > strings.LastIndexByte(s, '@') {
		s = s[:query]
	}
	s = strings.TrimRight(s, ".")
	at := strings.LastIndexByte(s, '@')
	if at > 0 && (!isASCII(s[at:]) || strings.Contains(s[at:], "--")) {
		host, err := idna.Lookup.ToASCII(s[at+1:])
		if err == nil {
			host, err = idna.Lookup.ToASCII(host) // a letter may map to one that has to be checked in turn
		}
		if err != nil {
			return "", false
		}
		s = s[:at+1] + host
	}
	return s, ValidEmail(s)
}

// EmailKey returns the form under which two addresses are the same mailbox:
// [Email], and for providers that ignore dots or plus tags, without them. ""
// if the address is not valid.
func EmailKey(address string) string {
	address, ok := Email(address)
	if !ok {
		return ""
	}
	at := strings.LastIndexByte(address, '@')
	local, host := address[:at], address[at+1:]
	if host == "googlemail.com" {
		host = "gmail.com"
	}
	// Sub-addressing with "+" is near universal where it is in use at all; no
	// common host gives "a+b" and "a" to two people.
	if plus := strings.IndexByte(local, '+'); plus > 0 && validLocal(local[:plus]) {
		local = local[:plus]
	}
	if host == "gmail.com" { // support.google.com/mail/answer/7436150: dots don't matter
		if bare := strings.ReplaceAll(local, ".", ""); bare != "" {
			local = bare
		}
	}
	return local + "@" + host
}

// EmailDomain returns what stands after the "@", "" if there is none.
func EmailDomain(address string) string {
	at := strings.LastIndexByte(address, '@')
	if at < 0 {
		return ""
	}
	return address[at+1:]
}

// FreeMail reports whether a domain gives mailboxes to anybody, so that it says
// nothing about an employer.
func FreeMail(domain string) bool {
	_, ok := freeMail[domain]
	return ok
}

// RoleMailbox reports whether an address belongs to a function ("info@") rather
// than to a person.
func RoleMailbox(address string) bool {
	at := strings.LastIndexByte(address, '@')
	if at < 1 {
		return false
	}
	local := address[:at]
	if plus := strings.IndexByte(local, '+'); plus > 0 {
		local = local[:plus]
	}
	_, ok := roleMailboxes[local]
	return ok
}
