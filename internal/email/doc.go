// Package email says what can be known about an e-mail address, and how far it
// may be trusted: [Parse] reads its syntax (RFC 5321, 5322 and 6531), [Classify]
// tells role, disposable and free-mail addresses from lists, and [Judge] weighs
// everything known (syntax, DNS, lists, verdicts of verifiers and their age,
// what sources say) and gives it a place in the taxonomy of package domain.
//
// Everything here is pure and safe for concurrent use: no network, no clock.
// Whether a domain takes mail at all is asked by package email/mx; addresses of
// people whose address is not known are guessed by package email/pattern. It
// imports domain and normalize. It never talks to a mail server: what a mailbox
// is, only a verifier is asked.
//
// It does not clean cells. What is canonical for a lead is decided by
// [normalize.Email]; this package reads one address that is already alone.
//
// # Lists
//
// disposable.txt is the block list of github.com/disposable-email-domains as of
// 2026-11-09 (10,181 domains; from the package disposable-email-domains 0.0.293
// of PyPI), in the public domain under CC0 1.0. To refresh it, write the list
// of a newer package in byte order, one domain a line; a test checks the form.
//
// Role and free-mail words are those of package normalize. Public lists of
// free-mail domains were looked at and left: they hold employers (alibaba.com,
// telstra.com, nus.edu.sg), and to take an employer for free mail costs more
// than to miss a small provider.
package email
