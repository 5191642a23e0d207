package scoring

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/normalize"
)

// compare fills in one line of the receipt: whether the value is known, how
// well it matches, and why. Above are the lines before it.
func (p *Profile) compare(line *domain.Criterion, above []domain.Criterion, prospect *domain.Prospect, sem Semantic, now time.Time) {
	person, company := &prospect.Person, &prospect.Company
	switch line.Name {
	case CriterionTitle:
		p.compareTitle(line, person, sem)
	case CriterionLocation:
		comparePlace(line, p.location, person.City, person.Region, person.Country)
	case CriterionIndustry:
		p.compareIndustry(line, company.Industry)
	case CriterionSize:
		p.compareSize(line, company.Employees)
	case CriterionRevenue:
		p.compareRevenue(line, company.RevenueUSD)
	case CriterionGeography:
		comparePlace(line, p.geography, company.City, "", company.Country)
	case CriterionPsychographics:
		compareText(line, above, prospect, sem)
	case CriterionActivity:
		p.compareSignals(line, prospect.Signals, now)
	}
}

// The matches of titles, in falling order.
const (
	titleExact    = 1.00
	titleSynonym  = 0.95 // same family, same rank
	titleHigher   = 0.85 // same family, one rank above
	titleFarAbove = 0.70
	titleLower    = 0.70 // same family, one rank below
	titleFarBelow = 0.40
	titleJunior   = 0.20
	titleGeneral  = 0.35 // runs the whole firm
	titlePeer     = 0.05 // same rank, other family
	relatedFactor = 0.50 // of the same in a neighbouring family
	semanticCap   = 0.70 // for a title that no table knows
)

func (p *Profile) compareTitle(line *domain.Criterion, person *domain.Person, sem Semantic) {
	title := person.Title
	if title == "" {
		title = person.Headline
	}
	title = normalize.Clean(title)
	if title == "" {
		return
	}
	line.Known, line.Value = true, title
	parsed := normalize.ParseTitle(title)
	roles := completeRoles(parsed.Roles, person)
	line.Evidence = "no wanted title is of this function"
	understood := false
	for _, want := range p.titles {
		if parsed.Text == want.text && want.text != "" {
			line.Match, line.Evidence = titleExact, "matches '"+want.label+"'"
			return
		}
		for _, have := range roles {
			understood = understood || have.Function != ""
			for _, w := range want.roles {
				match, how := matchRole(have, w)
				if match > line.Match {
					line.Match, line.Evidence = match, how+" '"+want.label+"'"
				}
			}
		}
	}
	if !understood {
		if match, cosine, evidence, ok := sem.match(CriterionTitle); ok {
			line.Cosine = &cosine
			if match *= semanticCap; match > line.Match {
				line.Match, line.Evidence = match, "by meaning: "+evidence
			}
		}
	}
}

// completeRoles adds to a title without rank or family what the source says of
// them in fields of their own.
func completeRoles(roles []normalize.Role, person *domain.Person) []normalize.Role {
	if len(roles) > 0 && roles[0].Function != "" && roles[0].Seniority != "" || person.Seniority == "" && person.Department == "" {
		return roles
	}
	seniority, function := normalize.ParseSeniority(person.Seniority), normalize.Function("")
	for _, r := range normalize.ParseTitle(person.Department).Roles {
		function = r.Function
		break
	}
	if len(roles) == 0 {
		return []normalize.Role{{Function: function, Seniority: seniority}}
	}
	out := make([]normalize.Role, len(roles))
	for i, r := range roles {
		if r.Seniority == "" {
			r.Seniority = seniority
		}
		if r.Function == "" {
			r.Function = function
		}
		out[i] = r
	}
	return out
}

func matchRole(have, want normalize.Role) (float64, string) {
	var match float64
	var how string
	switch d := have.Seniority.Rank() - want.Seniority.Rank(); {
	case d == 0:
		match, how = titleSynonym, "means the same as"
	case d == 1:
		match, how = titleHigher, "is one rank above"
	case d > 1:
		match, how = titleFarAbove, "is ranks above"
	case d == -1:
		match, how = titleLower, "is one rank below"
	case d == -2:
		match, how = titleFarBelow, "is two ranks below"
	default:
		match, how = titleJunior, "is junior to"
	}
	switch {
	case want.Function == "" || have.Function == "":
		if want.Function == have.Function { // both name a rank only
			return match, how
		}
		return match * relatedFactor, how + " (no function named)"
	case have.Function == want.Function:
		return match, how
	case normalize.RelatedFunctions(have.Function, want.Function):
		return match * relatedFactor, "is of a neighbouring function and " + how
	case have.Function == normalize.General && have.Seniority.Rank() == normalize.CSuite.Rank() && want.Seniority.Rank() >= normalize.Director.Rank():
		return titleGeneral, "runs the firm, above"
	case have.Seniority != "" && have.Seniority.Rank() == want.Seniority.Rank():
		return titlePeer, "has only the rank of"
	}
	return 0, ""
}

func comparePlace(line *domain.Criterion, wanted normalize.Places, city, region, country string) {
	in, known := wanted.Contains(city, region, country)
	if !known {
		return
	}
	line.Known = true
	name := country
	if iso, ok := normalize.Country(country); ok {
		name = normalize.CountryName(iso)
	}
	if name == "" || !wantsCountry(wanted, country) {
		name = joinNonEmpty(", ", normalize.Clean(city), normalize.Clean(region), name)
	}
	line.Value, line.Evidence = name, "is not in the wanted places"
	if in {
		line.Match, line.Evidence = 1, "is in the wanted places"
	}
}

func wantsCountry(wanted normalize.Places, country string) bool {
	iso, ok := normalize.Country(country)
	return ok && wanted.Countries[iso]
}

func joinNonEmpty(sep string, parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		if p == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteString(sep)
		}
		b.WriteString(p)
	}
	return b.String()
}

// industryNeighbour is what a bordering industry is worth.
const industryNeighbour = 0.5

func (p *Profile) compareIndustry(line *domain.Criterion, label string) {
	label = normalize.Clean(label)
	if label == "" {
		return
	}
	name, understood := normalize.Industry(label)
	switch {
	case understood && p.industries[name]:
		line.Match, line.Evidence = 1, "is the wanted industry "+name
	case p.otherLabels[normalize.Fold(label)]:
		line.Match, line.Evidence = 1, "is a wanted industry"
	case !understood:
		line.Evidence = "the label is in no table of industries"
		return // known to somebody, but not to us: as good as unknown
	default:
		line.Evidence = name + " is another industry"
		for wanted := range p.industries {
			if normalize.NeighbourIndustries(name, wanted) {
				line.Match, line.Evidence = industryNeighbour, name+" borders on a wanted industry"
				break
			}
		}
	}
	line.Known, line.Value = true, label
}

// bands are the employee ranges that lists use (LinkedIn's, observed 2026-11).
var bands = []normalize.Range{
	{Min: 1, Max: 10},
	{Min: 11, Max: 50},
	{Min: 51, Max: 200},
	{Min: 201, Max: 500},
	{Min: 501, Max: 1000},
	{Min: 1001, Max: 5000},
	{Min: 5001, Max: 10000},
	{Min: 10001, Max: normalize.Unbounded},
}

// sizeNextBand is what the band beside a wanted one is worth.
const sizeNextBand = 0.5

func (p *Profile) compareSize(line *domain.Criterion, employees int) {
	if employees <= 0 {
		return
	}
	n := int64(employees)
	line.Known, line.Value, line.Evidence = true, strconv.Itoa(employees)+" employees", "is outside the wanted sizes"
	for _, r := range p.sizes {
		if r.Contains(n) {
			line.Match, line.Evidence = 1, "is within "+r.String()
			return
		}
	}
	for i, b := range bands {
		if !b.Contains(n) {
			continue
		}
		for _, r := range p.sizes {
			if i > 0 && overlap(bands[i-1], r) || overlap(b, r) || i+1 < len(bands) && overlap(bands[i+1], r) {
				line.Match, line.Evidence = sizeNextBand, "is in the band next to a wanted one"
			}
		}
	}
}

func overlap(a, b normalize.Range) bool { return a.Min <= b.Max && b.Min <= a.Max }

// revenueNear is what a revenue within a factor of two of the range is worth.
const revenueNear = 0.5

func (p *Profile) compareRevenue(line *domain.Criterion, usd int64) {
	if usd <= 0 {
		return
	}
	line.Known, line.Value, line.Evidence = true, dollars(usd)+" a year", "is outside the wanted range"
	switch r := p.revenue; {
	case r.Contains(usd):
		line.Match, line.Evidence = 1, "is within the wanted range"
	case usd < r.Min && usd >= r.Min/2, usd > r.Max && usd/2 <= r.Max:
		line.Match, line.Evidence = revenueNear, "is within a factor of two of the wanted range"
	}
}

func dollars(usd int64) string {
	switch {
	case usd >= 1e9:
		return fmt.Sprintf("$%.3gB", float64(usd)/1e9)
	case usd >= 1e6:
		return fmt.Sprintf("$%.3gM", float64(usd)/1e6)
	case usd >= 1e3:
		return fmt.Sprintf("$%.3gk", float64(usd)/1e3)
	}
	return "$" + strconv.FormatInt(usd, 10)
}

// contextFloor is how far likeness of words counts for a prospect of another
// function or industry. What moves people depends on their role and trade: a
// software firm's head of sales shares most words with its head of engineering,
// and has other worries.
const contextFloor = 0.25

func compareText(line *domain.Criterion, above []domain.Criterion, prospect *domain.Prospect, sem Semantic) {
	match, cosine, evidence, ok := sem.match(CriterionPsychographics)
	if !ok {
		line.Evidence = evidence
		return
	}
	for i := range above {
		c := &above[i]
		if c.Known && (c.Name == CriterionTitle || c.Name == CriterionIndustry) {
			if limit := contextFloor + float64((1-contextFloor)*c.Match); limit < match {
				match, evidence = limit, evidence+", limited by the "+c.Name
			}
		}
	}
	value := joinNonEmpty(", ", normalize.Clean(prospect.Person.Title), normalize.Clean(prospect.Company.Industry))
	if value == "" {
		value = "description"
	}
	line.Known, line.Match, line.Evidence, line.Cosine = true, match, evidence, &cosine
	line.Value = value
}

// How signals fade: a month at full strength, then half after each quarter.
const (
	signalFresh    = 30 * 24 * time.Hour
	signalHalfLife = 90 * 24 * time.Hour
	signalUndated  = 0.5
	signalOther    = 0.4 // alive, but not what the ICP waits for
)

func (p *Profile) compareSignals(line *domain.Criterion, signals []domain.Signal, now time.Time) {
	for i := range signals {
		s := &signals[i]
		kind := s.Kind
		if signalKind(kind) == "" {
			if k := signalKind(s.Text); k != "" {
				kind = k
			}
		}
		worth, how := signalOther, "a sign of life, but no wanted trigger"
		if len(p.triggers) == 0 || p.triggers[kind] {
			worth, how = 1, "a wanted trigger"
		}
		age := now.Sub(s.At)
		strength, when := 1.0, "fresh"
		switch {
		case s.At.IsZero():
			strength, when = signalUndated, "undated"
		case age > signalFresh:
			strength = math.Exp2(-float64(age-signalFresh) / float64(signalHalfLife))
		}
		if !s.At.IsZero() {
			when = strconv.Itoa(max(0, int(age/(24*time.Hour)))) + " days ago"
		}
		match := worth * strength
		evidence := how + ", " + when
		// Of equally strong signals the alphabet decides, so that their order
		// in the list never shows in the receipt.
		if !line.Known || match > line.Match || match == line.Match && kind+evidence < line.Value+line.Evidence {
			line.Known, line.Match, line.Value, line.Evidence = true, match, kind, evidence
			line.Source, line.FetchedAt = s.Source, s.At
		}
	}
}
