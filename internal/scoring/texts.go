package scoring

import (
	"strings"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/normalize"
)

// MaxText bounds a prospect's text, in bytes: embedders charge by length, and
// what matters stands at the front.
const MaxText = 1500

// MostTokens is the most tokens that an embedder can count in texts. A
// tokenizer that pairs bytes makes at most one token of each byte, and scripts
// that it has not learnt come close to that: Chinese has two tokens for three
// bytes, rare scripts one for each.
func MostTokens(texts []string) float64 {
	sum := 0
	for _, t := range texts {
		sum += len(t)
	}
	return float64(sum)
}

// ProspectText returns the text of a prospect to embed: role, company, signals.
// No names and no contact data leave the house with it. "" if there is nothing
// to say.
func ProspectText(p domain.Prospect) string {
	var b strings.Builder
	line := func(s string) {
		if s = normalize.Clean(s); s == "" || b.Len() >= MaxText {
			return
		}
		if b.Len() > 0 {
			b.WriteString(". ")
		}
		b.WriteString(strings.TrimRight(s, ". "))
	}
	line(p.Person.Title)
	if p.Person.Headline != p.Person.Title {
		line(p.Person.Headline)
	}
	line(p.Person.Department)
	line(p.Company.Industry)
	line(p.Company.Description)
	if len(p.Company.Technologies) > 0 {
		line(strings.Join(p.Company.Technologies[:min(len(p.Company.Technologies), 12)], ", "))
	}
	for i := range min(len(p.Signals), 5) {
		line(p.Signals[i].Text)
	}
	text := b.String()
	return strings.ToValidUTF8(text[:min(len(text), MaxText)], "") // JSON would make three bytes of a broken one
}

// Text is a text of an ICP and the criterion that is compared with it.
type Text struct{ Criterion, Text string }

// ProfileTexts returns the texts of an ICP to embed, in a fixed order.
func ProfileTexts(icp domain.ICP) []Text {
	var out []Text
	if titles := listed(icp.Demographics.JobTitles); titles != "" {
		out = append(out, Text{CriterionTitle, titles})
	}
	if persona := personaText(icp); persona != "" {
		out = append(out, Text{CriterionPsychographics, persona})
	}
	return out
}

// psychographicText is what the ICP says moves the person.
func psychographicText(icp domain.ICP) string {
	var parts []string
	for _, list := range [...][]string{
		icp.Psychographics.PainPoints, icp.Psychographics.Goals, icp.Psychographics.Motivations, icp.Psychographics.Values,
	} {
		parts = append(parts, trimmed(list)...)
	}
	return strings.Join(parts, ", ")
}

// personaText sets what moves the person into the context of role and trade.
// "Efficiency" and "Innovation" mean little alone: everybody wants them, and a
// prospect's text shows the same concerns only in the words of its trade.
func personaText(icp domain.ICP) string {
	moves := psychographicText(icp)
	if moves == "" {
		return ""
	}
	return joinNonEmpty(". ", listed(icp.Demographics.JobTitles), listed(icp.Firmographics.Industry), moves)
}

// maxIdeals bounds the number of ideal texts.
const maxIdeals = 48

// IdealTexts returns texts of made-up prospects that are exactly what the ICP
// asks for, in the form of [ProspectText]: the upper anchor of the calibration.
func IdealTexts(icp domain.ICP) []string {
	titles, industries := trimmed(icp.Demographics.JobTitles), trimmed(icp.Firmographics.Industry)
	if len(titles) == 0 {
		titles = []string{""}
	}
	if len(industries) == 0 {
		industries = []string{""}
	}
	var out []string
	for i, title := range titles {
		for j, industry := range industries {
			if len(out) == maxIdeals {
				return out
			}
			text := ProspectText(domain.Prospect{
				Person:  domain.Person{Title: title},
				Company: domain.Company{Industry: industry, Description: backgroundPhrases[(i+j)%len(backgroundPhrases)]},
			})
			if text != "" {
				out = append(out, text)
			}
		}
	}
	return out
}

// BackgroundTexts returns texts of made-up prospects from the whole economy, in
// the form of [ProspectText]: titles times industries, the same list every time.
func BackgroundTexts() []string {
	industries := normalize.Industries()
	out := make([]string, 0, backgroundSize)
	for i := range backgroundSize {
		out = append(out, ProspectText(domain.Prospect{
			Person: domain.Person{Title: backgroundTitles[i%len(backgroundTitles)]},
			Company: domain.Company{
				Industry:    industries[(i*7+i/len(industries))%len(industries)],
				Description: backgroundPhrases[(i*5+i/7)%len(backgroundPhrases)],
			},
		}))
	}
	return out
}

// backgroundSize is above [MinBackground], with room for a model that refuses a few.
const backgroundSize = 600

// backgroundTitles follow roughly who works: few lead, few write software.
var backgroundTitles = []string{
	"Store Manager", "Registered Nurse", "Sales Representative", "Accountant", "Project Manager", "Teacher", "Warehouse Supervisor",
	"Human Resources Manager", "Marketing Manager", "Owner", "Operations Manager", "Attorney", "Physician", "Customer Service Representative",
	"Mechanical Engineer", "Financial Analyst", "Managing Director", "Purchasing Manager", "Executive Assistant", "Real Estate Agent",
	"Chief Executive Officer", "Consultant", "Plant Manager", "Graphic Designer", "Account Executive", "Professor", "Electrician",
	"Chief Financial Officer", "Recruiter", "Pharmacist", "Restaurant Manager", "Truck Driver", "Business Analyst", "Software Engineer",
	"Logistics Coordinator", "Quality Inspector", "Head of Sales", "Office Manager", "Vice President of Marketing", "Civil Engineer",
	"Social Worker", "Tax Advisor", "Branch Manager", "IT Support Specialist", "Research Scientist", "Event Planner", "Journalist",
	"Production Planner", "Insurance Agent", "Director of Finance", "Medical Assistant", "Facility Manager", "Procurement Specialist",
}

// backgroundPhrases are what any firm says of itself.
var backgroundPhrases = []string{
	"Family-owned firm serving customers since 1978", "Regional provider with three locations", "Market leader in its segment",
	"Independent company with a broad range of services", "Part of an international group", "Trusted partner for private and business customers",
	"Young company in its third year", "", "Specialist for demanding customers", "Full-service provider for small and mid-sized businesses",
	"Listed company with subsidiaries in twelve countries",
}
