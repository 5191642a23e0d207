package market

import "math/bits"

// field names a random draw about an entity. Each is independent of the
// others, so that a new field leaves every other value as it was.
type field uint64

// The draws. The order is part of the market: append only.
const (
	fCompanyIndustry field = iota + 1
	fCompanySize
	fCompanySizeWithin
	fCompanyCountry
	fCompanyCity
	fCompanyPattern
	fCompanyCatchAll
	fCompanyDead
	fCompanyTech
	fCompanyFunding
	fCompanyFunded
	fCompanyRevenue
	fCompanyFounded
	fCompanyTheme
	fCompanyText
	fCompanyPhone
	fCompanyKnown
	fCompanyHiring
	fCompanyLaunch
	fCompanyAudit
	fCompanyStreet
	fCompanyGeo
	fCompanyServiceArea
	fCompanyRating
	fCompanyClosed
	fPersonCulture
	fPersonFirst
	fPersonLast
	fPersonFamily
	fPersonLevel
	fPersonTitle
	fPersonKind
	fPersonAbroad
	fPersonCity
	fPersonTopic
	fPersonTopicFrom
	fPersonTopicLevel
	fPersonLeft
	fPersonNewCompany
	fPersonNewLevel
	fPersonNewTitle
	fPersonNewSince
	fPersonSince
	fPersonPattern
	fPersonMailbox
	fPersonPosted
	fPersonOptOut
	fPersonEarlier
	fSourceListed
	fSourceStale
	fSourceOldTitle
	fSourceTwin
	fSourceEmail
	fSourceWrongEmail
	fSourceHasEmail
	fSourceRefreshed
	fSourceSize
	fSourceSizeBy
	fSourceIndustry
	fSourceLabel
	fSourceSays
	fSourceOrder
	fSourceRevenue
	fSourcePattern
	fPersonPhone
	fPersonPhoneType
	fSourcePhone
	fSourceWrongPhone
	fSourceTech
	fSourceTechExtra
	fCompanyIntent
	fSourceIntent
)

// mix is a bijective scrambler of 64 bits (the finalizer of splitmix64).
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// bits returns 64 random bits that depend on seed, field, entity and n alone.
func (m *Market) bits(f field, entity, n int) uint64 {
	return mix(mix(m.seed+uint64(f)*0x9e3779b97f4a7c15) ^ uint64(entity)*0xd1342543de82ef95 ^ uint64(n)*0xaef17502108ef2d9)
}

// unit returns a number in [0, 1).
func (m *Market) unit(f field, entity, n int) float64 {
	return float64(m.bits(f, entity, n)>>11) / (1 << 53)
}

// below returns a number in [0, limit).
func (m *Market) below(limit int, f field, entity, n int) int {
	hi, _ := bits.Mul64(m.bits(f, entity, n), uint64(limit))
	return int(hi)
}

// weighted returns an index with a chance in proportion to its weight.
func (m *Market) weighted(weights []int, f field, entity, n int) int {
	sum := 0
	for _, w := range weights {
		sum += w
	}
	at := m.below(sum, f, entity, n)
	for i, w := range weights {
		if at -= w; at < 0 {
			return i
		}
	}
	return len(weights) - 1
}
