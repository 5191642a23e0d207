package normalize_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/messageai/sluice/internal/normalize"
)

func TestEmail(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Ada@Example.COM":                      "ada@example.com",
		" mailto:ada@example.com?subject=Hi ":  "ada@example.com",
		`"ada@example.com"`:                    "ada@example.com",
		`john"smith@example.com`:               "",
		"a@xn--0.example":                      "",
		"a@yy--0.example":                      "",
		"Ada Lovelace <ada@example.com>":       "ada@example.com",
		"nope; ada@example.com, b@example.com": "ada@example.com",
		"ada@müller.example":                   "ada@xn--mller-kva.example",
		"a.d.a+crm@gmail.com":                  "a.d.a+crm@gmail.com",
		"ada@example.com.":                     "ada@example.com",
		"\u200bada@example.com":                "ada@example.com",
		"ada@@example.com":                     "",
		"ada@example":                          "",
		"ada@10.0.0.1":                         "",
		"":                                     "",
		"n/a":                                  "",
	} {
		if got, ok := normalize.Email(in); got != want && (ok || want != "") {
			t.Errorf("Email(%q) = %q, %v; want %q", in, got, ok, want)
		}
	}
	for in, want := range map[string]string{
		"A.d.A+x@googlemail.com": "ada@gmail.com",
		"a.da+x@example.com":     "a.da@example.com",
		"broken":                 "",
	} {
		if got := normalize.EmailKey(in); got != want {
			t.Errorf("EmailKey(%q) = %q, want %q", in, got, want)
		}
	}
	if !normalize.RoleMailbox("info@example.com") || normalize.RoleMailbox("ada@example.com") {
		t.Error("RoleMailbox does not tell info@ from ada@")
	}
}

func TestDomainAndProfile(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"https://www.Example.co.uk/a?b": "example.co.uk", "example.com": "example.com", "ada@mail.example.com": "example.com",
		"http://müller.example/": "xn--mller-kva.example", "192.168.0.1": "", "com": "", "localhost": "", "": "", "not a domain": "",
		"http://user:pass@shop.example.com:8080/x": "example.com", ".example.com": "", "http://0x7f.1/": "",
	} {
		if got, ok := normalize.Domain(in); got != want || ok != (want != "") {
			t.Errorf("Domain(%q) = %q, %v; want %q", in, got, ok, want)
		}
	}
	for in, want := range map[string]string{
		"http://de.linkedin.com/in/Ada-1a2b/?trk=x": "https://www.linkedin.com/in/ada-1a2b",
		"linkedin.com/in/ada%2D1a2b":                "https://www.linkedin.com/in/ada-1a2b",
		"https://www.linkedin.com/in/ada-1a2b/en":   "https://www.linkedin.com/in/ada-1a2b",
		"https://www.linkedin.com/company/acme":     "",
		"https://evillinkedin.com/in/ada":           "https://evillinkedin.com/in/ada",
		"https://github.com/ada/?tab=x#y":           "https://github.com/ada",
		"https://www.linkedin.com/pub/ada/1/2/3":    "https://www.linkedin.com/pub/ada/1/2/3",
		"javascript:alert(1)":                       "",
		"example.com":                               "",
	} {
		if got, ok := normalize.ProfileURL(in); got != want || ok != (want != "") {
			t.Errorf("ProfileURL(%q) = %q, %v; want %q", in, got, ok, want)
		}
	}
}

func TestPhone(t *testing.T) {
	t.Parallel()
	type in struct{ cell, country string }
	for c, want := range map[in][]normalize.PhoneNumber{
		{"tel. +1 415 555 0132 ext 5 / fax +1 415 555 0199", "US"}: {{E164: "+14155550132", Extension: "5"}},
		{"Fax +1 415 555 0199, Tel +1 415 555 0132", "US"}:         {{E164: "+14155550132"}},
		{"089/1234567", "Germany"}:                                 {{E164: "+49891234567"}},
		{"089/1234567", ""}:                                        nil,
		{"0049 89 1234567", ""}:                                    {{E164: "+49891234567"}},
		{"+49 (0)89 1234567; +49 171 1234567", ""}:                 {{E164: "+49891234567"}, {E164: "+491711234567"}},
		{"M: 415-555-2671 | T: 415-555-2672", "US"}:                {{E164: "+14155552671"}, {E164: "+14155552672"}},
		{"\u202a+1 (415) 555\u20112671\u202c", ""}:                 {{E164: "+14155552671"}},
		{"+14155552671 or +442071838750", ""}:                      {{E164: "+14155552671"}, {E164: "+442071838750"}},
		{"call Ada 415 555 2671 after 5", "US"}:                    {{E164: "+14155552671"}},
		{"12/03/2024", "US"}:                                       nil,
		{"ada@example.com", "US"}:                                  nil,
	} {
		if diff := cmp.Diff(want, normalize.Phones(c.cell, c.country)); diff != "" {
			t.Errorf("Phones(%q, %q): %s", c.cell, c.country, diff)
		}
	}
	for s, want := range map[string]bool{"+14155552671": true, "+1415": false, "14155552671": false, "+04155552671": false, "+99955552671": false} {
		if _, ok := normalize.E164(s); ok != want {
			t.Errorf("E164(%q) = %v, want %v", s, ok, want)
		}
	}
}

func TestFullName(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]normalize.Name{
		"Dr. Ada LOVELACE":        {Prefix: "Dr.", First: "Ada", Last: "Lovelace"},
		"LOVELACE, ADA":           {First: "Ada", Last: "Lovelace"},
		"Ludwig van Beethoven":    {First: "Ludwig", Last: "van Beethoven"},
		"van der Berg, Jan":       {First: "Jan", Last: "van der Berg"},
		"O'NEILL, JOHN Q., PhD":   {First: "John", Middle: "Q.", Last: "O'Neill", Suffix: "PhD"},
		"Jane Doe, MBA, PMP":      {First: "Jane", Last: "Doe", Suffix: "MBA PMP"},
		"Robert \"Bob\" Smith Jr": {First: "Robert", Last: "Smith", Suffix: "Jr"},
		"Jane Doe (she/her)":      {First: "Jane", Last: "Doe"},
		"ANNA-MARIA MCDONALD":     {First: "Anna-Maria", Last: "McDonald"},
		"Madonna":                 {First: "Madonna"},
		"":                        {},
	} {
		if diff := cmp.Diff(want, normalize.FullName(in)); diff != "" {
			t.Errorf("FullName(%q): %s", in, diff)
		}
	}
	first, last := normalize.FirstLast("DR. ADA", "LOVELACE, PhD")
	if diff := cmp.Diff([]string{"Ada", "Lovelace"}, []string{first, last}); diff != "" {
		t.Error(diff)
	}
	if a, b := normalize.NameKey("José A.", "Müller"), normalize.NameKey("jose", "MULLER"); a != b || a == "" {
		t.Errorf("NameKey: %q and %q differ", a, b)
	}
	if a, b := normalize.GermanNameKey("Jürgen", "Müller"), normalize.NameKey("Juergen", "Mueller"); a != b {
		t.Errorf("GermanNameKey = %q, want %q", a, b)
	}
	if got := normalize.NameKey("J.", "Smith"); got != "" {
		t.Errorf("NameKey of an initial = %q, want none: it would join colleagues", got)
	}
}

func TestCompanyKey(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Acme, Inc.": "acme", "The ACME Company Ltd": "acme", "Muster GmbH & Co. KG": "muster", "AT&T": "at and t", "Acme Pty Ltd": "acme",
		"ACME S.p.A.": "acme", "Société Générale S.A.": "societe generale", "Inc.": "inc", "Acme (UK) Limited": "acme", "Łódź Sp. z o.o.": "lodz",
		"Procter & Gamble Co": "procter and gamble", "": "",
	} {
		if got := normalize.CompanyKey(in); got != want {
			t.Errorf("CompanyKey(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestCountrySpellings(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"USA": "US", "U.S.": "US", "United States of America": "US", "us": "US", "America": "US", "UK": "GB", "Great Britain": "GB", "England": "GB",
		"Deutschland": "DE", "GER": "", "DEU": "DE", "Brasil": "BR", "Россия": "RU", "中国": "CN", "España": "ES", "The Netherlands": "NL", "Holland": "NL",
		"Schweiz": "CH", "Österreich": "AT", "Czech Republic": "CZ", "Czechia": "CZ", "South Korea": "KR", "Korea, Republic of": "KR", "Côte d'Ivoire": "CI",
		"Ivory Coast": "CI", "Viet Nam": "VN", "Türkiye": "TR", "UAE": "AE", "Hong Kong": "HK", "Taiwan": "TW", "Russian Federation": "RU", "日本": "JP",
		"Polska": "PL", "Sverige": "SE", "Suomi": "FI", "République tchèque": "CZ", "Trinidad and Tobago": "TT", "Kosovo": "XK",
		"": "", "Atlantis": "", "BAR": "", "x": "",
	} {
		if got, ok := normalize.Country(in); got != want || ok != (want != "") {
			t.Errorf("Country(%q) = %q, %v; want %q", in, got, ok, want)
		}
	}
}

func TestPlaces(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]normalize.Location{
		"Austin, Texas, United States": {City: "Austin", Region: "Texas", Country: "US"},
		"San Francisco, CA":            {City: "San Francisco", Region: "California", Country: "US"},
		"München, DE":                  {City: "München", Country: "DE"},
		"Pune, IN":                     {City: "Pune"},
		"Toronto, ON":                  {City: "Toronto", Region: "Ontario", Country: "CA"},
		"Germany":                      {Country: "DE"},
		"London, England, UK":          {City: "London", Region: "England", Country: "GB"},
		"":                             {},
	} {
		if diff := cmp.Diff(want, normalize.ParseLocation(in)); diff != "" {
			t.Errorf("ParseLocation(%q): %s", in, diff)
		}
	}
	type question struct{ places, city, region, country string }
	type answer struct{ In, Known bool }
	for q, want := range map[question]answer{
		{"United States, United Kingdom, Canada", "", "", "USA"}:   {true, true},
		{"United States, United Kingdom, Canada", "", "", "DE"}:    {false, true},
		{"United States, United Kingdom, Canada", "Paris", "", ""}: {false, false},
		{"North America, Western Europe", "", "", "Sweden"}:        {true, true},
		{"DACH and Nordics", "", "", "Switzerland"}:                {true, true},
		{"EMEA", "", "", "Kenya"}:                                  {true, true},
		{"EMEA", "", "", "Japan"}:                                  {false, true},
		{"Texas, United States", "Austin", "TX", "US"}:             {true, true},
		{"Texas, United States", "Boston", "MA", "US"}:             {false, true},
		{"Texas, United States", "", "", "US"}:                     {false, false},
		{"Texas, Canada", "", "", "Canada"}:                        {true, true},
		{"Berlin", "Berlin", "", ""}:                               {true, true},
		{"Worldwide", "", "", "Fiji"}:                              {true, true},
	} {
		in, known := normalize.ParsePlaces(q.places).Contains(q.city, q.region, q.country)
		if diff := cmp.Diff(want, answer{in, known}); diff != "" {
			t.Errorf("%+v: %s", q, diff)
		}
	}
}

func TestRanges(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"51-200": "51-200", "1,000+": "1000+", "11–50 employees": "11-50", "200": "200", "2.5k": "2500", "< 10": "1-10", "more than 500": "500+",
		"10.001+": "10001+", "1.001-5.000": "1001-5000", "5 bis 10 Mitarbeiter": "5-10", "501 - 1000": "501-1000", "self-employed": "", "0": "", "": "",
		"200-51": "", "-": "", "2019-05-01": "",
	} {
		got, ok := normalize.Employees(in)
		if ok != (want != "") || ok && got.String() != want {
			t.Errorf("Employees(%q) = %v, %v; want %q", in, got, ok, want)
		}
	}
	for in, want := range map[string]string{
		"$10M-$100M ARR": "10000000-100000000", "10 Mio EUR": "11300000", "1,5 Mrd. €": "1695000000", "£500k": "660000", "12000000": "12000000",
		"$1.5B": "1500000000", "10-50M": "10000000-50000000", "$12,500,000": "12500000", "> 1B": "1000000000+", "€ 2.500.000,00": "2825000", "secret": "",
	} {
		got, ok := normalize.Revenue(in)
		if ok != (want != "") || ok && got.String() != want {
			t.Errorf("Revenue(%q) = %v, %v; want %q", in, got, ok, want)
		}
	}
	if got := (normalize.Range{Min: 51, Max: 200}).Middle(); got != 101 {
		t.Errorf("Middle = %d, want 101", got)
	}
}

func TestParseTitle(t *testing.T) {
	t.Parallel()
	role := func(f normalize.Function, s normalize.Seniority) []normalize.Role {
		return []normalize.Role{{Function: f, Seniority: s}}
	}
	for in, want := range map[string][]normalize.Role{
		"CTO":                            role(normalize.Engineering, normalize.CSuite),
		"VP Eng":                         role(normalize.Engineering, normalize.VP),
		"Vice President of Engineering":  role(normalize.Engineering, normalize.VP),
		"V.P., Engineering":              role(normalize.Engineering, normalize.VP),
		"Head of Engineering":            role(normalize.Engineering, normalize.Head),
		"Chief Technology Officer":       role(normalize.Engineering, normalize.CSuite),
		"Director of Engineering":        role(normalize.Engineering, normalize.Director),
		"Head of Product":                role(normalize.Product, normalize.Head),
		"Leiter Softwareentwicklung":     role(normalize.Engineering, normalize.Head),
		"Geschäftsführerin":              role(normalize.General, normalize.CSuite),
		"Directeur Technique":            role(normalize.Engineering, normalize.CSuite),
		"Director de Ingeniería":         role(normalize.Engineering, normalize.Director),
		"Jefe de Ventas":                 role(normalize.Sales, normalize.Head),
		"Executive Assistant to the CTO": role(normalize.Administration, normalize.Entry),
		"Engineering Manager @ Acme":     role(normalize.Engineering, normalize.Manager),
		"Senior Software Engineer":       role(normalize.Engineering, normalize.Senior),
		"Software Engineer":              role(normalize.Engineering, ""),
		"Chief of Staff":                 role(normalize.Operations, normalize.Director),
		"Owner":                          role(normalize.General, normalize.Owner),
		"Product Marketing Manager":      role(normalize.Marketing, normalize.Manager),
		"Former CTO":                     nil,
		"CTO & Co-Founder":               {{Function: normalize.Engineering, Seniority: normalize.CSuite}, {Function: normalize.General, Seniority: normalize.FounderOf}},
		"VP of Sales and Marketing":      {{Function: normalize.Sales, Seniority: normalize.VP}, {Function: normalize.Marketing, Seniority: normalize.VP}},
		"":                               nil,
		"Wizard":                         nil,
	} {
		if diff := cmp.Diff(want, normalize.ParseTitle(in).Roles); diff != "" {
			t.Errorf("ParseTitle(%q): %s", in, diff)
		}
	}
}

func TestIndustry(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Software": "software", "SaaS": "software", "Computer Software": "software", "Cloud Computing": "cloud computing",
		"computer & network security": "cybersecurity", "Information Technology & Services": "it services", "Hospital & Health Care": "hospitals",
		"Maschinenbau": "machinery", "Software, Internet": "software", "Versicherungen": "insurance", "Unheard of": "", "": "",
	} {
		if got, ok := normalize.Industry(in); got != want || ok != (want != "") {
			t.Errorf("Industry(%q) = %q, %v; want %q", in, got, ok, want)
		}
	}
	for _, name := range normalize.Industries() {
		if got, _ := normalize.Industry(name); got != name {
			t.Errorf("Industry(%q) = %q: the canonical name must be a fixed point", name, got)
		}
		if normalize.Sector(name) == "" {
			t.Errorf("%q has no sector", name)
		}
		for _, label := range normalize.IndustryLabels(name) {
			if label != normalize.Fold(label) {
				t.Errorf("label %q of %q is not folded, so it can never be found", label, name)
			}
			if got, _ := normalize.Industry(label); got != name {
				t.Errorf("label %q is listed under %q but means %q", label, name, got)
			}
		}
		for _, other := range normalize.Industries() {
			if normalize.NeighbourIndustries(name, other) != normalize.NeighbourIndustries(other, name) {
				t.Errorf("%q and %q are neighbours one way only", name, other)
			}
		}
	}
	if !normalize.NeighbourIndustries("software", "it services") || normalize.NeighbourIndustries("software", "mining") {
		t.Error("neighbours of software are wrong")
	}
}

// FuzzIdempotent: a value that was normalised once is not changed again, and no
// input panics.
func FuzzIdempotent(f *testing.F) {
	for _, s := range []string{
		"Ada@Example.COM", "a+b@gmail.com", "Ada <ada@example.com>", "https://www.Example.co.uk/x", "linkedin.com/in/Ada-%C3%BC", "+49 (0)89 1234567",
		"VAN DER BERG, JAN", "Dr. Ada \"A\" Lovelace, PhD", "Muster GmbH & Co. KG", "The The Ltd", "U.S.A.", "中国", "$10M-$100M", "1.001-5.000", "VP, Eng",
		"N/A", "\x00\xff", "ß", "Ⅷ", "a.b.c", "İ@İ.com", "Inc. and Co", "and and and co", "０１２", "ﷺ",
	} {
		f.Add(s)
	}
	check := func(t *testing.T, name, in, once, twice string) {
		t.Helper()
		if once != twice {
			t.Errorf("%s: %q -> %q -> %q", name, in, once, twice)
		}
	}
	plain := func(fn func(string) (string, bool)) func(string) string {
		return func(s string) string {
			out, ok := fn(s)
			if !ok {
				return ""
			}
			return out
		}
	}
	laws := map[string]func(string) string{
		"Clean": normalize.Clean, "Fold": normalize.Fold, "Email": plain(normalize.Email), "EmailKey": normalize.EmailKey,
		"Domain": plain(normalize.Domain), "ProfileURL": plain(normalize.ProfileURL), "CompanyKey": normalize.CompanyKey,
		"Country": plain(normalize.Country), "Industry": plain(normalize.Industry),
		"FullName": func(s string) string { return normalize.FullName(s).String() },
		"Title":    func(s string) string { return normalize.ParseTitle(s).Text },
		"Phone": func(s string) string {
			n, _ := normalize.Phone(s, "DE")
			return n.E164
		},
		"Employees": func(s string) string {
			r, ok := normalize.Employees(s)
			if !ok {
				return ""
			}
			return r.String()
		},
		"Revenue": func(s string) string {
			r, ok := normalize.Revenue(s)
			if !ok {
				return ""
			}
			return r.String()
		},
	}
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > 300 {
			return
		}
		for name, law := range laws {
			once := law(s)
			check(t, name, s, once, law(once))
		}
		normalize.ParsePlaces(s)
		normalize.ParseLocation(s)
		if address, ok := normalize.Email(s); ok && !strings.Contains(address, "@") {
			t.Errorf("Email(%q) = %q", s, address)
		}
	})
}
