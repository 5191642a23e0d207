package scoring

import (
	"fmt"
	"slices"
	"strings"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/normalize"
)

// Algorithm is the name and version of the rules of this package. It changes
// whenever a receipt could change.
const Algorithm = "sluice-fit-1"

// The criteria of a receipt.
const (
	CriterionTitle          = "title"
	CriterionLocation       = "location"
	CriterionIndustry       = "industry"
	CriterionSize           = "size"
	CriterionRevenue        = "revenue"
	CriterionGeography      = "geography"
	CriterionPsychographics = "psychographics"
	CriterionActivity       = "activity"
)

// The parts of a receipt, in its order.
const (
	PartDemographics   = "demographics"
	PartFirmographics  = "firmographics"
	PartPsychographics = "psychographics"
	PartActivity       = "activity"
)

// shares are the criteria's shares of their part. Title and industry lead: a
// prospect who misses one of them is not the persona, however good the rest.
var shares = []struct {
	name, part string
	share      float64
	field      string // what to buy when it is unknown
}{
	{CriterionTitle, PartDemographics, 0.75, "person.title"},
	{CriterionLocation, PartDemographics, 0.25, "person.country"},
	{CriterionIndustry, PartFirmographics, 0.55, "company.industry"},
	{CriterionSize, PartFirmographics, 0.20, "company.employees"},
	{CriterionRevenue, PartFirmographics, 0.10, "company.revenueUsd"},
	{CriterionGeography, PartFirmographics, 0.15, "company.country"},
	{CriterionPsychographics, PartPsychographics, 1, "company.description"},
	{CriterionActivity, PartActivity, 1, "signals"},
}

// Profile is an ICP made ready for scoring. It is immutable and safe for
// concurrent use.
type Profile struct {
	icpID      string
	icpVersion int
	criteria   []criterion
	thresholds domain.Thresholds
	ignored    []string

	titles      []wantedTitle
	location    normalize.Places
	industries  map[string]bool // canonical
	otherLabels map[string]bool // folded labels outside the table
	sizes       []normalize.Range
	revenue     normalize.Range
	geography   normalize.Places
	triggers    map[string]bool // kinds of signals; empty: any
}

type criterion struct {
	name, part, field string
	weight            float64 // share of the whole score
	wanted            string
}

type wantedTitle struct {
	text, label string
	roles       []normalize.Role
}

// Compile makes an ICP ready. What the ICP leaves open is no criterion, and its
// weight goes to the others of the same part, or to the other parts. An unusable
// ICP is a fault InvalidInput.
func Compile(icp domain.ICP) (*Profile, error) {
	if err := icp.Validate(); err != nil {
		return nil, fmt.Errorf("compile ICP: %w", err)
	}
	p := &Profile{
		icpID: icp.ID, icpVersion: icp.Version, thresholds: domain.DefaultThresholds(),
		industries: map[string]bool{}, otherLabels: map[string]bool{}, triggers: map[string]bool{},
	}
	if icp.Demographics.AgeRange != "" {
		p.ignored = append(p.ignored, "demographics.ageRange: age is never inferred or scored")
	}
	if icp.Demographics.Education != "" {
		p.ignored = append(p.ignored, "demographics.education: no source tells a prospect's education")
	}
	for _, label := range trimmed(icp.Demographics.JobTitles) {
		t := normalize.ParseTitle(label)
		p.titles = append(p.titles, wantedTitle{t.Text, label, t.Roles})
	}
	for _, label := range trimmed(icp.Firmographics.Industry) {
		if name, ok := normalize.Industry(label); ok {
			p.industries[name] = true
		} else {
			p.otherLabels[normalize.Fold(label)] = true
		}
	}
	for _, label := range trimmed(icp.Firmographics.CompanySize) {
		r, ok := normalize.Employees(label)
		if !ok {
			return nil, fault.New(fault.InvalidInput, "scoring.compile",
				fmt.Sprintf("the company size %q is no range of employees; write it as \"51-200\" or \"1000+\"", label))
		}
		p.sizes = append(p.sizes, r)
	}
	p.location = normalize.ParsePlaces(icp.Demographics.Location)
	p.geography = normalize.ParsePlaces(icp.Firmographics.Geography)
	hasRevenue := false
	if icp.Firmographics.Revenue != "" {
		if p.revenue, hasRevenue = normalize.Revenue(icp.Firmographics.Revenue); !hasRevenue {
			p.ignored = append(p.ignored, "firmographics.revenue: not understood; write it as \"$10M-$100M\"")
		}
	}
	triggers := trimmed(icp.Behaviors.BuyingTriggers)
	for _, trigger := range triggers {
		if kind := signalKind(trigger); kind != "" {
			p.triggers[kind] = true
		} else {
			p.ignored = append(p.ignored, fmt.Sprintf("behaviors.buyingTriggers: %q is no kind of signal that sources report", trigger))
		}
	}
	wanted := map[string]string{
		CriterionTitle:          listed(icp.Demographics.JobTitles),
		CriterionLocation:       wantedPlaces(p.location, icp.Demographics.Location),
		CriterionIndustry:       listed(icp.Firmographics.Industry),
		CriterionSize:           listed(icp.Firmographics.CompanySize),
		CriterionGeography:      wantedPlaces(p.geography, icp.Firmographics.Geography),
		CriterionPsychographics: psychographicText(icp),
		CriterionActivity:       listed(triggers),
	}
	if hasRevenue {
		wanted[CriterionRevenue] = icp.Firmographics.Revenue
	}
	if len(p.triggers) == 0 {
		wanted[CriterionActivity] = "any recent sign of life"
	}
	p.criteria = weigh(icp, wanted)
	return p, nil
}

// weigh gives every criterion that the ICP asks for its share of the score.
func weigh(icp domain.ICP, wanted map[string]string) []criterion {
	w := domain.DefaultWeights()
	if icp.Weights != nil {
		w = *icp.Weights
	}
	parts := map[string]float64{
		PartDemographics: w.Demographics, PartFirmographics: w.Firmographics,
		PartPsychographics: w.Psychographics, PartActivity: w.Activity,
	}
	inPart, whole := map[string]float64{}, 0.0
	for _, s := range shares {
		if wanted[s.name] != "" && parts[s.part] > 0 {
			if inPart[s.part] == 0 {
				whole += parts[s.part]
			}
			inPart[s.part] += s.share
		}
	}
	var out []criterion
	for _, s := range shares {
		if wanted[s.name] != "" && parts[s.part] > 0 {
			weight := parts[s.part] / whole * s.share / inPart[s.part]
			out = append(out, criterion{s.name, s.part, s.field, weight, wanted[s.name]})
		}
	}
	return out
}

// WithThresholds returns the profile with a campaign's thresholds, which decide
// what a receipt's Nearest leads to.
func (p *Profile) WithThresholds(t domain.Thresholds) *Profile {
	q := *p
	q.thresholds = t
	return &q
}

// Ignored names what the ICP says but no score uses, with the reason.
func (p *Profile) Ignored() []string { return slices.Clone(p.ignored) }

func trimmed(list []string) []string {
	var out []string
	for _, s := range list {
		if s = normalize.Clean(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}

func listed(list []string) string { return strings.Join(trimmed(list), ", ") }

func wantedPlaces(p normalize.Places, text string) string {
	if p.Empty() {
		return ""
	}
	return normalize.Clean(text)
}

// signalKind tells which kind of [domain.Signal] a text speaks of, "" if none.
func signalKind(text string) string {
	folded := " " + normalize.Fold(text) + " "
	for _, row := range signalWords {
		for _, w := range row.words {
			if strings.Contains(folded, " "+w) {
				return row.kind
			}
		}
	}
	return ""
}

// signalWords are beginnings of words; the first row that has one wins.
var signalWords = []struct {
	kind  string
	words []string
}{
	{"funding", []string{"fund", "series a", "series b", "series c", "series d", "seed round", "raised", "raises", "venture round", "ipo ", "investment round", "capital increase"}},
	{"compliance", []string{"complian", "regulat", "audit", "gdpr", "hipaa", "soc 2", "soc2", "iso 27001", "certification", "nis2", "dora "}},
	{"jobchange", []string{"jobchange", "job change", "new role", "new job", "promot", "joined", "new cto", "new ceo", "new vp", "leadership change", "executive hire", "management change", "appointed"}},
	{"hiring", []string{"hiring", "hire", "recruit", "headcount", "open position", "open role", "job opening", "job post", "vacanc", "team growth"}},
	{"launch", []string{"launch", "product announce", "release", "unveil", "new product", "announcement"}},
	{"expansion", []string{"expansion", "expand", "new office", "new market", "acqui", "merger", "international"}},
	{"technology", []string{"migration", "migrat", "tech stack", "adopt", "replatform", "moderniz", "modernis", "cloud move"}},
}
