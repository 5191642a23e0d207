// Package mx asks the DNS whether a domain takes mail: its mail servers (MX),
// that it wants no mail (RFC 7505), and the address that stands in for a
// missing mail server (RFC 5321 section 5.1). A domain that takes none makes
// every address there invalid before a verifier is paid.
//
// It imports email. It asks the DNS and nothing else: it never opens a
// connection to a mail server, since such probes mislead, are blocked from most
// clouds, and cost the sender's reputation. A failure of the DNS says nothing
// about the domain.
package mx

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/messageai/sluice/internal/email"
)

// DNS is what the package needs of a resolver; [*net.Resolver] has it.
type DNS interface {
	LookupMX(ctx context.Context, name string) ([]*net.MX, error)
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Options of a checker. The zero value works.
type Options struct {
	Timeout time.Duration // of one domain, all questions together; zero: 3 seconds
	Life    time.Duration // of an answer in the cache; zero: 1 hour. Failures live for a minute
	Most    int           // domains in the cache; zero: 10,000
}

// failureLife spares a broken domain's other addresses the wait for a time-out.
const failureLife = time.Minute

// Checker asks about domains, each once at a time. It is safe for concurrent use.
type Checker struct {
	dns     DNS
	now     func() time.Time
	options Options

	mu    sync.Mutex // never held while the DNS is asked
	known map[string]*entry
}

// entry is an answer, or a question that is out: then done is open.
type entry struct {
	done  chan struct{}
	mail  email.Mail
	until time.Time
}

// New returns a checker over a resolver.
func New(dns DNS, now func() time.Time, o Options) *Checker {
	if o.Timeout <= 0 {
		o.Timeout = 3 * time.Second
	}
	if o.Life <= 0 {
		o.Life = time.Hour
	}
	if o.Most <= 0 {
		o.Most = 10_000
	}
	return &Checker{dns: dns, now: now, options: o, known: map[string]*entry{}}
}

// Mail tells whether a domain, in ASCII form, takes mail. It is
// [email.MailUnknown] when the DNS gave no answer in time, or ctx ended.
func (c *Checker) Mail(ctx context.Context, domain string) email.Mail {
	domain = strings.ToLower(strings.TrimSuffix(domain, "."))
	if domain == "" || ctx.Err() != nil {
		return email.MailUnknown
	}
	e := c.entry(ctx, domain)
	select {
	case <-e.done:
		return e.mail
	case <-ctx.Done():
		return email.MailUnknown
	}
}

// entry returns the answer, or the question that is out, or asks. Whoever asks
// first may give up: the question goes on for the others and for the cache.
func (c *Checker) entry(ctx context.Context, domain string) *entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if e, ok := c.known[domain]; ok && (e.until.IsZero() || now.Before(e.until)) {
		return e
	}
	c.makeRoom(now)
	e := &entry{done: make(chan struct{})}
	c.known[domain] = e
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.options.Timeout)
		defer cancel()
		mail := c.ask(ctx, domain)
		c.mu.Lock()
		defer c.mu.Unlock()
		life := c.options.Life
		if mail == email.MailUnknown {
			life = min(life, failureLife)
		}
		e.mail, e.until = mail, c.now().Add(life)
		close(e.done)
	}()
	return e
}

// makeRoom forgets old answers, or any, when the cache is full. Questions that
// are out stay.
func (c *Checker) makeRoom(now time.Time) {
	if len(c.known) < c.options.Most {
		return
	}
	for domain, e := range c.known {
		if !e.until.IsZero() && !now.Before(e.until) {
			delete(c.known, domain)
		}
	}
	for domain, e := range c.known {
		if len(c.known) < c.options.Most {
			return
		}
		if !e.until.IsZero() {
			delete(c.known, domain)
		}
	}
}

// ask puts the questions. Names end in a dot, so that no search list of this
// machine completes them.
func (c *Checker) ask(ctx context.Context, domain string) email.Mail {
	servers, err := c.dns.LookupMX(ctx, domain+".")
	switch {
	case len(servers) == 1 && isRoot(servers[0].Host):
		return email.MailNull
	case hasServer(servers): // though others may be malformed
		return email.MailServer
	case len(servers) > 0:
		return email.MailNone // they name no host: there is no way to one by its address either
	case err != nil && !notFound(err):
		return email.MailUnknown
	}
	addresses, err := c.dns.LookupNetIP(ctx, "ip", domain+".")
	switch {
	case hasPublic(addresses):
		return email.MailAddress
	case err != nil && !notFound(err):
		return email.MailUnknown
	}
	return email.MailNone
}

// notFound reports whether the DNS answered that there is nothing: no such
// domain, or no such record. Anything else is no answer.
func notFound(err error) bool {
	e, ok := errors.AsType[*net.DNSError](err)
	return ok && e.IsNotFound && !e.IsTemporary && !e.IsTimeout
}

func isRoot(host string) bool { return host == "." || host == "" }

func hasServer(servers []*net.MX) bool {
	for _, s := range servers {
		if !isRoot(s.Host) {
			return true
		}
	}
	return false
}

// hasPublic reports whether one of the addresses can be reached from elsewhere.
func hasPublic(addresses []netip.Addr) bool {
	for _, a := range addresses {
		if a = a.Unmap(); a.IsGlobalUnicast() && !a.IsPrivate() {
			return true
		}
	}
	return false
}
