package zoominfo

// ZoomInfo's ids are whole numbers. Here they are the market's indexes, scattered
// over a large range by a multiplication modulo a prime.
const (
	idPrime   = 2_147_483_647
	contactBy = 1_103_515_245
	companyBy = 1_664_525
	contactID = 4_000_000_000
	companyID = 300_000_000
)

func scatter(n, by int64) int64 { return n * by % idPrime }

// gather is the inverse of scatter: by to the power of prime-2 is by's inverse
// (Fermat).
func gather(x, by int64) int64 {
	inverse, power := int64(1), by
	for e := int64(idPrime - 2); e > 0; e >>= 1 {
		if e&1 == 1 {
			inverse = inverse * power % idPrime
		}
		power = power * power % idPrime
	}
	return x * inverse % idPrime
}

// personID is the id of profile n of a person.
func personID(person, n int) int64 { return contactID + scatter(int64(2*person+n+1), contactBy) }

func (s *Server) personOf(id int64) (person, n int, ok bool) {
	if id <= contactID || id >= contactID+idPrime {
		return 0, 0, false
	}
	at := int(gather(id-contactID, contactBy)) - 1
	person, n = at/2, at%2
	return person, n, at >= 0 && person < s.market.People() && n < s.source.Profiles(person)
}

func firmID(c int) int64 { return companyID + scatter(int64(c+1), companyBy) }

func (s *Server) firmOf(id int64) (int, bool) {
	if id <= companyID || id >= companyID+idPrime {
		return 0, false
	}
	c := int(gather(id-companyID, companyBy)) - 1
	return c, c >= 0 && c < s.market.Companies()
}

// knownFirm finds a company that the source has, by website, else by name.
func (s *Server) knownFirm(website, name string) (int, bool) {
	c, ok := s.market.CompanyByDomain(bareDomain(website))
	if website == "" {
		c, ok = s.market.CompanyByName(name)
	}
	return c, ok && s.source.Places(c) > 0
}
