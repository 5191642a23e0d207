package normalize

import (
	"maps"
	"slices"
	"strings"
)

// Function is the family of work that a job title names.
type Function string

// The families. The zero value means that the title does not say.
const (
	Engineering     Function = "engineering"
	Product         Function = "product"
	InformationTech Function = "it"
	Data            Function = "data"
	Security        Function = "security"
	Design          Function = "design"
	Research        Function = "research"
	Sales           Function = "sales"
	Marketing       Function = "marketing"
	CustomerSuccess Function = "customer success"
	Finance         Function = "finance"
	People          Function = "people"
	Legal           Function = "legal"
	Operations      Function = "operations"
	SupplyChain     Function = "supply chain"
	Administration  Function = "administration"
	Medical         Function = "medical"
	Education       Function = "education"
	Consulting      Function = "consulting"
	General         Function = "general management"
)

// Seniority is a rank. The words are those of domain.Person.Seniority.
type Seniority string

// The ranks, from the lowest. The zero value means that the title does not say.
const (
	Intern    Seniority = "intern"
	Entry     Seniority = "entry"
	Senior    Seniority = "senior"
	Manager   Seniority = "manager"
	Director  Seniority = "director"
	Head      Seniority = "head"
	VP        Seniority = "vp"
	Partner   Seniority = "partner"
	CSuite    Seniority = "c_suite"
	FounderOf Seniority = "founder"
	Owner     Seniority = "owner"
)

// Rank orders seniorities: 0 intern to 6 at the top. An unknown one counts as a
// specialist without rank, 1: titles name what lifts above that.
func (s Seniority) Rank() int {
	switch s {
	case Intern:
		return 0
	case Senior:
		return 2
	case Manager:
		return 3
	case Director, Head:
		return 4
	case VP, Partner:
		return 5
	case CSuite, FounderOf, Owner:
		return 6
	}
	return 1
}

// ParseSeniority reads a seniority as a data provider writes it ("C-Suite",
// "Vice President").
func ParseSeniority(s string) Seniority {
	folded := Fold(s)
	switch folded {
	case "":
		return ""
	case "c suite", "csuite", "cxo", "c level", "executive", "clevel":
		return CSuite
	case "individual contributor", "junior", "training", "staff", "non manager":
		return Entry
	case "mid", "lead", "specialist":
		return Senior
	}
	for _, role := range ParseTitle(s).Roles {
		return role.Seniority
	}
	return ""
}

// Role is one job of a title: "CTO & Co-Founder" has two.
type Role struct {
	Function  Function
	Seniority Seniority
}

// Title is a job title, understood.
type Title struct {
	Text  string // folded
	Roles []Role // empty if nothing was recognised
}

// Top returns the role of the highest rank, the first of several; the zero Role
// if there is none.
func (t Title) Top() Role {
	var top Role
	for i, r := range t.Roles {
		if i == 0 || r.Seniority.Rank() > top.Seniority.Rank() {
			top = r
		}
	}
	return top
}

// ParseTitle reads a job title in English, German, French or Spanish. What
// follows "at", "@" or "to" ("CTO at Acme", "Assistant to the CEO") says
// nothing about the person, nor do former and aspired positions.
func ParseTitle(s string) Title {
	t := Title{}
	var texts []string
	for _, segment := range titleSegments(s) {
		words := strings.Fields(Fold(segment))
		if words = ownPart(words); len(words) == 0 {
			continue
		}
		texts = append(texts, strings.Join(words, " "))
	}
	t.Text = strings.Join(texts, " ")
	t.Roles = roles(strings.Fields(t.Text))
	return t
}

// titleSegments cuts at marks that stand between positions.
func titleSegments(s string) []string {
	s = Clean(s)
	if strings.Contains(s, "&") {
		s = strings.ReplaceAll(s, "&", " and ")
	}
	return strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune("|•·;–—/,()", r) })
}

// ownPart cuts the words that are not about the person's own present position.
func ownPart(words []string) []string {
	if len(words) == 0 || inTitle(formerWords, words[0]) {
		return nil
	}
	for i, w := range words {
		switch {
		case i > 0 && (w == "at" || w == "bei" || w == "chez"):
			return words[:i]
		case i > 0 && w == "to" && (words[i-1] == "assistant" || words[i-1] == "ea" || words[i-1] == "pa" || words[i-1] == "advisor" || words[i-1] == "staff" || words[i-1] == "adviser" || words[i-1] == "aide"):
			return words[:i]
		case inTitle(formerWords, w):
			return words[:i]
		}
	}
	return words
}

func inTitle(m map[string]struct{}, w string) bool { _, ok := m[w]; return ok }

// mention is what one phrase of a title says.
type mention struct {
	at   int
	role Role
}

func roles(words []string) []Role {
	var whole, seniorities, functions []mention
	for i := 0; i < len(words); {
		n, role := longestPhrase(words, i)
		if n == 0 {
			i++
			continue
		}
		m := mention{i, role}
		switch {
		case role.Function != "" && role.Seniority != "":
			whole = append(whole, m)
		case role.Seniority != "":
			seniorities = append(seniorities, m)
		default:
			functions = append(functions, m)
		}
		i += n
	}
	var out []Role
	add := func(r Role) {
		for _, have := range out {
			if have == r {
				return
			}
		}
		out = append(out, r)
	}
	for _, w := range whole {
		add(w.role)
	}
	for _, f := range functions {
		best, distance := Seniority(""), 1<<30
		for _, s := range seniorities {
			d := f.at - s.at
			if d < 0 {
				d = 2*-d - 1 // "Director Engineering" before "Engineering Director"
			}
			if d < distance {
				best, distance = s.role.Seniority, d
			}
		}
		if len(whole) > 0 && best == "" {
			continue // "CTO, Platform Engineering" is one position
		}
		add(Role{f.role.Function, best})
	}
	if len(functions) == 0 && len(whole) == 0 {
		for _, s := range seniorities {
			function := Function("")
			if s.role.Seniority.Rank() >= Partner.Rank() && s.role.Seniority != VP {
				function = General
			}
			add(Role{function, s.role.Seniority})
		}
	} else {
		for _, s := range seniorities {
			if s.role.Seniority == FounderOf || s.role.Seniority == Owner {
				add(Role{General, s.role.Seniority})
			}
		}
	}
	return out
}

// maxPhrase is the number of words in the longest entry of titlePhrases.
const maxPhrase = 5

func longestPhrase(words []string, at int) (int, Role) {
	if words[at] == "chief" { // any "chief ... officer"
		for n := 2; n <= 5 && at+n < len(words)+1; n++ {
			if at+n-1 < len(words) && words[at+n-1] == "officer" {
				role := Role{General, CSuite}
				for j := at + 1; j < at+n-1; j++ {
					if k, r := longestPhrase(words[:at+n-1], j); k > 0 && r.Function != "" {
						role.Function = r.Function
						break
					}
				}
				return n, role
			}
		}
	}
	for n := min(maxPhrase, len(words)-at); n > 0; n-- {
		key := words[at]
		if n > 1 {
			key = strings.Join(words[at:at+n], " ")
		}
		if role, ok := titlePhrases[key]; ok {
			return n, role
		}
	}
	return 0, Role{}
}

// TitlePhrases returns the folded phrases that [ParseTitle] knows, sorted.
func TitlePhrases() []string { return slices.Sorted(maps.Keys(titlePhrases)) }

// RelatedFunctions reports whether two families border on each other, so that
// somebody of one often decides for the other.
func RelatedFunctions(a, b Function) bool {
	for _, pair := range relatedFunctions {
		if pair == [2]Function{a, b} || pair == [2]Function{b, a} {
			return true
		}
	}
	return false
}

var relatedFunctions = [][2]Function{
	{Engineering, InformationTech},
	{Engineering, Data},
	{Engineering, Security},
	{Engineering, Product},
	{InformationTech, Security},
	{InformationTech, Data},
	{Product, Design},
	{Product, Data},
	{Sales, Marketing},
	{Sales, CustomerSuccess},
	{Operations, SupplyChain},
	{Operations, Finance},
	{Research, Data},
	{Research, Medical},
	{Research, Education},
	{Operations, General},
	{Administration, Operations},
	{Marketing, Design},
	{CustomerSuccess, Operations},
	{Research, Engineering},
}
