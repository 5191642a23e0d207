package sandbox

import (
	"context"
	"hash/fnv"
	"io"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/messageai/sluice/internal/sandbox/market"
	"github.com/messageai/sluice/internal/sandbox/upstream"
)

// DNS answers for the market's domains as the domain name system would: most
// have a mail server, those that take no mail say so (RFC 7505), and domains of
// nobody do not exist. It is a resolver for package email/mx.
//
// It takes the sandbox's latency, and of the faults named "dns" Error (the
// domain's servers fail), Lost (they never answer), Slow and Outage: for the
// same domains every time, as it is with broken name servers.
type DNS struct {
	market  *market.Market
	latency time.Duration
	faults  upstream.Faults
}

// DNS returns the resolver of the sandbox's market.
func (s *Sandbox) DNS() DNS {
	return DNS{s.market, s.options.Latency, s.options.Faults["dns"]}
}

// LookupMX returns a domain's mail servers.
func (d DNS) LookupMX(ctx context.Context, name string) ([]*net.MX, error) {
	host := strings.TrimSuffix(name, ".") // a resolver reads an absolute name alike
	if err := d.wait(ctx, host); err != nil {
		return nil, err
	}
	c, known := d.market.CompanyByDomain(host)
	switch {
	case !known:
		return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	case d.market.Company(c).Dead:
		return []*net.MX{{Host: ".", Pref: 0}}, nil
	}
	return []*net.MX{{Host: "mail." + host + ".", Pref: 10}}, nil
}

// LookupNetIP knows no addresses: every domain of the market that takes mail
// has a mail server.
func (d DNS) LookupNetIP(ctx context.Context, _, host string) ([]netip.Addr, error) {
	if err := d.wait(ctx, strings.TrimSuffix(host, ".")); err != nil {
		return nil, err
	}
	return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
}

// wait passes the time that an answer takes; an error if there is none.
func (d DNS) wait(ctx context.Context, host string) error {
	takes := d.latency
	share := temper(host)
	switch f := d.faults; {
	case f.Outage || share < f.Error:
		return &net.DNSError{Err: "server misbehaving", Name: host, IsTemporary: true}
	case share < f.Error+f.Lost:
		<-ctx.Done()
	case share < f.Error+f.Lost+f.Slow:
		takes += max(f.SlowBy, time.Second)
	}
	if takes > 0 {
		timer := time.NewTimer(takes)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	if ctx.Err() != nil {
		return &net.DNSError{Err: "i/o timeout", Name: host, IsTimeout: true, IsTemporary: true}
	}
	return nil
}

// temper is a number below 1 that says how a domain's name servers behave.
func temper(host string) float64 {
	h := fnv.New64a()
	_, _ = io.WriteString(h, "dns|"+strings.ToLower(host)) // a hash never fails
	x := h.Sum64()
	return float64((x^x>>32)%10_000) / 10_000
}
