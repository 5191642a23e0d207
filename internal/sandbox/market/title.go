package market

import (
	"slices"
	"strings"
)

// Family is a line of work.
type Family string

// The families. Industrial engineering is not software engineering, although
// the titles are often the same words.
const (
	General     Family = "general management"
	Engineering Family = "engineering"
	Product     Family = "product"
	IT          Family = "information technology"
	Security    Family = "security"
	Data        Family = "data"
	Industrial  Family = "industrial engineering"
	Sales       Family = "sales"
	Marketing   Family = "marketing"
	Finance     Family = "finance"
	People      Family = "human resources"
	Operations  Family = "operations"
)

// Kind tells whether somebody holds a post or only sounds like it.
type Kind int

// The kinds.
const (
	Employee   Kind = iota
	Consultant      // fractional, interim, advisor: no budget of the company
	Assistant       // works for the one who holds the post
)

// Title is a wording of a post.
type Title struct {
	Text   string
	Family Family
	Level  string // owner founder c_suite vp head director manager senior entry
	Kind   Kind
	Rank   float64  // of the level: entry 0, senior 1, manager 2, director 3, head 3.3, vp 4, c_suite 5
	words  []string // of the text, lower case
	means  wanted   // what the text says, assistants and advisors included
	known  bool     // means says something
}

// rank orders the levels of a title.
func rank(level string) float64 {
	switch level {
	case "owner", "founder", "partner", "c_suite":
		return 5
	case "vp":
		return 4
	case "head":
		return 3.3
	case "director":
		return 3
	case "manager":
		return 2
	case "senior":
		return 1
	}
	return 0
}

// titles returns all wordings; the order is part of the market.
func titles() []Title {
	var all []Title
	add := func(f Family, level string, kind Kind, texts ...string) {
		for _, t := range texts {
			means, known := read(t)
			all = append(all, Title{Text: t, Family: f, Level: level, Kind: kind, Rank: rank(level), words: words(t), means: means, known: known})
		}
	}
	add(General, "founder", Employee, "Founder & CEO", "Co-Founder", "Founder")
	add(General, "c_suite", Employee, "CEO", "Chief Executive Officer", "Managing Director", "President", "COO")
	add(General, "owner", Employee, "Owner")

	add(Engineering, "c_suite", Employee, "CTO", "Chief Technology Officer", "CTO & Co-Founder", "Chief Technical Officer", "Group CTO", "EVP & CTO")
	add(Engineering, "vp", Employee, "VP Engineering", "VP of Engineering", "Vice President of Engineering", "Vice President, Engineering", "SVP Engineering", "VP, Software Engineering", "VP R&D")
	add(Engineering, "head", Employee, "Head of Engineering", "Head of Software Development", "Head of Platform Engineering")
	add(Engineering, "director", Employee, "Director of Engineering", "Engineering Director", "Director, Software Engineering", "Senior Director of Engineering", "Director of Engineering, Platform")
	add(Engineering, "manager", Employee, "Engineering Manager", "Senior Engineering Manager", "Software Development Manager", "DevOps Manager")
	add(Engineering, "senior", Employee, "Staff Engineer", "Senior Software Engineer", "Principal Engineer", "Tech Lead", "Solutions Architect")
	add(Engineering, "entry", Employee, "Software Engineer", "QA Engineer", "Junior Developer")
	add(Engineering, "c_suite", Consultant, "Fractional CTO", "CTO Advisor", "CTO as a Service", "Interim CTO")
	add(Engineering, "vp", Consultant, "Interim VP Engineering", "Fractional VP of Engineering")
	add(Engineering, "entry", Assistant, "Executive Assistant to the CTO", "Assistant to VP Engineering")
	add(Engineering, "manager", Assistant, "Program Manager, Office of the CTO", "Chief of Staff to the CTO")

	add(Product, "c_suite", Employee, "Chief Product Officer", "CPO")
	add(Product, "vp", Employee, "VP Product", "VP of Product", "Vice President, Product Management")
	add(Product, "head", Employee, "Head of Product", "Head of Product Management", "Global Head of Product")
	add(Product, "director", Employee, "Director of Product", "Director of Product Management", "Product Director")
	add(Product, "manager", Employee, "Product Manager", "Group Product Manager", "Senior Product Manager")
	add(Product, "senior", Employee, "Product Owner", "Lead Product Designer")
	add(Product, "head", Consultant, "Fractional Head of Product")

	add(IT, "c_suite", Employee, "CIO", "Chief Information Officer", "CTO / CIO")
	add(IT, "director", Employee, "IT Director", "Director of Information Technology", "Director of Infrastructure")
	add(IT, "manager", Employee, "IT Manager", "Systems Manager")
	add(IT, "senior", Employee, "Senior Systems Administrator", "Network Engineer")

	add(Security, "c_suite", Employee, "CISO", "Chief Information Security Officer")
	add(Security, "director", Employee, "Director of Security", "Director of Security Engineering")
	add(Security, "manager", Employee, "Security Manager")
	add(Security, "senior", Employee, "Security Engineer")

	add(Data, "vp", Employee, "VP Data")
	add(Data, "head", Employee, "Head of Data", "Head of Analytics")
	add(Data, "director", Employee, "Director of Data Engineering")
	add(Data, "senior", Employee, "Senior Data Scientist", "Data Engineer")

	add(Industrial, "vp", Employee, "VP Engineering", "VP, Engineering & Maintenance")
	add(Industrial, "director", Employee, "Director of Engineering", "Director of Engineering & Facilities", "Chief Engineer")
	add(Industrial, "head", Employee, "Head of Product Development", "Head of Engineering")
	add(Industrial, "manager", Employee, "Plant Manager", "Maintenance Manager")
	add(Industrial, "senior", Employee, "Project Engineer", "Quality Engineer")

	add(Sales, "vp", Employee, "VP Sales", "Chief Revenue Officer")
	add(Sales, "head", Employee, "Head of Sales", "Head of Product Sales")
	add(Sales, "director", Employee, "Sales Director")
	add(Sales, "manager", Employee, "Account Executive", "Account Manager")
	add(Sales, "entry", Employee, "Sales Development Representative")

	add(Marketing, "c_suite", Employee, "CMO")
	add(Marketing, "vp", Employee, "VP Marketing")
	add(Marketing, "head", Employee, "Head of Product Marketing", "Head of Growth")
	add(Marketing, "director", Employee, "Marketing Director")
	add(Marketing, "manager", Employee, "Marketing Manager")

	add(Finance, "c_suite", Employee, "CFO")
	add(Finance, "director", Employee, "Finance Director")
	add(Finance, "senior", Employee, "Senior Accountant")

	add(People, "c_suite", Employee, "Chief People Officer")
	add(People, "director", Employee, "HR Director")
	add(People, "manager", Employee, "Talent Acquisition Manager")

	add(Operations, "vp", Employee, "VP Operations")
	add(Operations, "director", Employee, "Director of Operations")
	add(Operations, "manager", Employee, "Operations Manager", "Office Manager")
	add(Operations, "senior", Employee, "Business Analyst")
	return all
}

// wanted is what a wording asks for: a family and the lowest rank that has the
// say.
type wanted struct {
	family Family
	rank   float64
}

// read understands a title as a person would who knows the trade; ok is false
// for words that the market does not know.
func read(text string) (w wanted, ok bool) {
	t := " " + strings.Map(func(r rune) rune {
		switch r {
		case ',', '/', '&', '-':
			return ' '
		case '.':
			return -1
		}
		return r
	}, strings.ToLower(text)) + " "
	has := func(words ...string) bool {
		for _, word := range words {
			if strings.Contains(t, " "+word+" ") {
				return true
			}
		}
		return false
	}
	switch {
	case has("cto", "chief technology officer", "chief technical officer"):
		return wanted{Engineering, 5}, true
	case has("cpo", "chief product officer"):
		return wanted{Product, 5}, true
	case has("cio", "chief information officer"):
		return wanted{IT, 5}, true
	case has("ciso", "chief information security officer"):
		return wanted{Security, 5}, true
	case has("cfo"):
		return wanted{Finance, 5}, true
	case has("cmo"):
		return wanted{Marketing, 5}, true
	case has("cro", "chief revenue officer"):
		return wanted{Sales, 4}, true
	case has("ceo", "founder", "owner", "managing director", "president", "coo") && !has("vice"):
		return wanted{General, 5}, true
	}
	switch {
	case has("marketing", "growth"):
		w.family = Marketing
	case has("sales", "revenue", "account"):
		w.family = Sales
	case has("product"):
		w.family = Product
	case has("security"):
		w.family = Security
	case has("data", "analytics"):
		w.family = Data
	case has("engineering", "software", "engineer", "development", "r d", "developer", "devops", "platform"):
		w.family = Engineering
	case has("it", "information technology", "infrastructure", "systems"):
		w.family = IT
	case has("finance"):
		w.family = Finance
	case has("hr", "people", "talent"):
		w.family = People
	case has("operations"):
		w.family = Operations
	default:
		return wanted{}, false
	}
	switch {
	case has("vp", "svp", "evp", "vice president"):
		w.rank = 4
	case has("head"):
		w.rank = 3.3
	case has("director"):
		w.rank = 3
	case has("manager"):
		w.rank = 2
	case has("senior", "lead", "principal", "staff"):
		w.rank = 1
	}
	return w, true
}

// Wording is a title in a search, understood once for all titles that it is
// compared with.
type Wording struct {
	words []string
	means wanted
	known bool
}

// ReadWording understands a title in a search.
func ReadWording(search string) Wording {
	w := Wording{words: words(search)}
	w.means, w.known = read(search)
	return w
}

// Matches reports whether a search for a wording finds this title. A plain
// search wants all its words; a search for similar titles also takes other
// words for about the same post.
func (t Title) Matches(search Wording, similar bool) bool {
	if t.hasAll(search.words) {
		return true
	}
	// The search index understands words, not people: it reads the title as it
	// stands, assistants and advisors included, and "Director of Engineering"
	// of a hotel like that of a software company.
	return similar && search.known && t.known && t.means.family == search.means.family &&
		t.means.rank >= search.means.rank-0.5 && t.means.rank <= search.means.rank+1
}

func (t Title) hasAll(wanted []string) bool {
	for _, w := range wanted {
		if w != "of" && !slices.Contains(t.words, w) {
			return false
		}
	}
	return true
}

func words(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return strings.ContainsRune(" ,/&-", r) })
}
