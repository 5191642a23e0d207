package mx_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/messageai/sluice/internal/email"
	"github.com/messageai/sluice/internal/email/mx"
)

var _ mx.DNS = (*net.Resolver)(nil)

// zone is a DNS in memory. A name that it lacks does not exist.
type zone struct {
	mx    map[string][]*net.MX
	ip    map[string][]netip.Addr
	fails map[string]error // by "mx name" and "ip name"
	takes time.Duration

	mu    sync.Mutex
	asked []string
}

func (z *zone) wait(ctx context.Context, question string) error {
	z.mu.Lock()
	z.asked = append(z.asked, question)
	z.mu.Unlock()
	timer := time.NewTimer(z.takes)
	defer timer.Stop()
	select {
	case <-timer.C:
		return z.fails[question]
	case <-ctx.Done():
		return &net.DNSError{Err: ctx.Err().Error(), IsTimeout: true, IsTemporary: true}
	}
}

func (z *zone) LookupMX(ctx context.Context, name string) ([]*net.MX, error) {
	err := z.wait(ctx, "mx "+name)
	switch e, ok := errors.AsType[*net.DNSError](err); {
	case ok && e.IsTimeout:
		return nil, err
	case err == nil && z.mx[name] == nil:
		err = &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}
	return z.mx[name], err // malformed records come with those that are not
}

func (z *zone) LookupNetIP(ctx context.Context, network, name string) ([]netip.Addr, error) {
	err := z.wait(ctx, network+" "+name)
	if err == nil && z.ip[name] == nil {
		err = &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}
	return z.ip[name], err
}

func servers(hosts ...string) (out []*net.MX) {
	for _, h := range hosts {
		out = append(out, &net.MX{Host: h, Pref: 10})
	}
	return out
}

func addresses(texts ...string) (out []netip.Addr) {
	for _, s := range texts {
		out = append(out, netip.MustParseAddr(s))
	}
	return out
}

func TestMail(t *testing.T) {
	t.Parallel()
	broken := &net.DNSError{Err: "server misbehaving", IsTemporary: true}
	malformed := &net.DNSError{Err: "DNS response contained records which contain invalid names"}
	z := &zone{
		mx: map[string][]*net.MX{
			"acme.example.": servers("mx1.acme.example.", "mx2.acme.example."), "null.example.": servers("."),
			"odd.example.": servers(".", "mx.odd.example."), "roots.example.": servers(".", "."), "some.example.": servers("mx.some.example."),
		},
		ip: map[string][]netip.Addr{
			"web.example.": addresses("203.0.113.7"), "six.example.": addresses("2001:db8::1"), "null.example.": addresses("203.0.113.7"),
			"home.example.": addresses("127.0.0.1", "::1", "10.1.2.3", "0.0.0.0", "fe80::1", "::ffff:192.168.0.1"),
			"down.example.": addresses("203.0.113.7"), "roots.example.": addresses("203.0.113.7"),
		},
		fails: map[string]error{
			"mx down.example.": broken, "ip half.example.": broken, "mx some.example.": malformed, "mx strange.example.": malformed,
			"mx other.example.": errors.New("no resolver"),
		},
	}
	c := mx.New(z, time.Now, mx.Options{})
	for domain, want := range map[string]email.Mail{
		"acme.example":    email.MailServer,
		"ACME.example.":   email.MailServer,
		"null.example":    email.MailNull,
		"odd.example":     email.MailServer, // RFC 7505 section 3: a null MX beside others is none
		"roots.example":   email.MailNone,
		"some.example":    email.MailServer, // the malformed ones are left out
		"web.example":     email.MailAddress,
		"six.example":     email.MailAddress,
		"home.example":    email.MailNone, // nobody else can reach it there
		"gone.example":    email.MailNone,
		"down.example":    email.MailUnknown, // a failure of MX is no reason to look for an address
		"half.example":    email.MailUnknown,
		"strange.example": email.MailUnknown,
		"other.example":   email.MailUnknown,
		"":                email.MailUnknown,
	} {
		if got := c.Mail(t.Context(), domain); got != want {
			t.Errorf("Mail(%q) = %q, want %q", domain, got, want)
		}
	}
	z.mu.Lock()
	defer z.mu.Unlock()
	for _, question := range z.asked {
		if question == "ip down.example." || question == "ip acme.example." {
			t.Errorf("%q is asked, though mail goes elsewhere or nobody knows", question)
		}
	}
}

func TestCache(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		z := &zone{
			mx: map[string][]*net.MX{"a.example.": servers("mx.")}, takes: 10 * time.Millisecond,
			fails: map[string]error{"mx bad.example.": &net.DNSError{Err: "server misbehaving", IsTemporary: true}},
		}
		c := mx.New(z, time.Now, mx.Options{Life: time.Hour, Most: 2})
		asked := func(want ...string) {
			t.Helper()
			z.mu.Lock()
			defer z.mu.Unlock()
			if diff := cmp.Diff(want, z.asked); diff != "" {
				t.Errorf("asked (-want +got):\n%s", diff)
			}
			z.asked = nil
		}
		var all sync.WaitGroup
		for range 50 { // all at once: one question
			all.Go(func() {
				if got := c.Mail(t.Context(), "a.example"); got != email.MailServer {
					t.Errorf("Mail = %q", got)
				}
			})
		}
		all.Wait()
		asked("mx a.example.")
		time.Sleep(time.Hour - time.Second)
		c.Mail(t.Context(), "a.example")
		asked()
		time.Sleep(2 * time.Second)
		c.Mail(t.Context(), "a.example")
		asked("mx a.example.")

		c.Mail(t.Context(), "bad.example")
		c.Mail(t.Context(), "bad.example")
		asked("mx bad.example.")
		time.Sleep(time.Minute)
		c.Mail(t.Context(), "bad.example") // a failure is not kept for long
		asked("mx bad.example.")

		for i := range 5 { // the cache stays small
			c.Mail(t.Context(), fmt.Sprint("x", i, ".example"))
		}
		asked("mx x0.example.", "ip x0.example.", "mx x1.example.", "ip x1.example.", "mx x2.example.", "ip x2.example.",
			"mx x3.example.", "ip x3.example.", "mx x4.example.", "ip x4.example.")
		c.Mail(t.Context(), "a.example")
		asked("mx a.example.")
	})
}

func TestNobodyWaitsForABrokenDNS(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		z := &zone{mx: map[string][]*net.MX{"slow.example.": servers("mx.")}, takes: 10 * time.Second}
		c := mx.New(z, time.Now, mx.Options{Timeout: 2 * time.Second})
		began := time.Now()
		if got := c.Mail(t.Context(), "slow.example"); got != email.MailUnknown || time.Since(began) != 2*time.Second {
			t.Errorf("Mail = %q after %v", got, time.Since(began))
		}

		// Whoever gives up does not take the answer from the others.
		z.takes = time.Second
		time.Sleep(time.Minute)
		short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		var all sync.WaitGroup
		all.Go(func() {
			began := time.Now()
			if got := c.Mail(short, "slow.example"); got != email.MailUnknown || time.Since(began) != 100*time.Millisecond {
				t.Errorf("the impatient one: %q after %v", got, time.Since(began))
			}
		})
		all.Go(func() {
			time.Sleep(50 * time.Millisecond)
			if got := c.Mail(t.Context(), "slow.example"); got != email.MailServer {
				t.Errorf("the patient one: %q", got)
			}
		})
		all.Wait()
		if got := c.Mail(short, "slow.example"); got != email.MailUnknown {
			t.Errorf("with an ended context: %q", got)
		}
	})
}

func BenchmarkCached(b *testing.B) {
	c := mx.New(&zone{mx: map[string][]*net.MX{"a.example.": servers("mx.")}}, time.Now, mx.Options{})
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		c.Mail(ctx, "a.example")
	}
}
