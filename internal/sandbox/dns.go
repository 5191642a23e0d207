package sandbox

import (
	"context"
	"net"
	"net/netip"

	"github.com/messageai/sluice/internal/sandbox/market"
)

// DNS answers for the market's domains as the domain name system would: most
// have a mail server, those that take no mail say so (RFC 7505), and domains of
// nobody do not exist. It is a resolver for package email/mx.
type DNS struct{ market *market.Market }

// DNS returns the resolver of the sandbox's market.
func (s *Sandbox) DNS() DNS { return DNS{s.market} }

// LookupMX returns a domain's mail servers.
func (d DNS) LookupMX(ctx context.Context, name string) ([]*net.MX, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c, known := d.market.CompanyByDomain(name)
	switch {
	case !known:
		return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	case d.market.Company(c).Dead:
		return []*net.MX{{Host: ".", Pref: 0}}, nil
	}
	return []*net.MX{{Host: "mail." + name + ".", Pref: 10}}, nil
}

// LookupNetIP knows no addresses: every domain of the market that takes mail
// has a mail server.
func (d DNS) LookupNetIP(ctx context.Context, _, host string) ([]netip.Addr, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
}
