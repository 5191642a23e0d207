package listing

import (
	"encoding/csv"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

func readAll(t testing.TB, in io.Reader, delim byte) []record {
	t.Helper()
	r := newRecords(in, delim, '\n')
	var out []record
	for {
		rec, err := r.next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, rec)
	}
}

func TestRecords(t *testing.T) {
	t.Parallel()
	ok := func(line int, fields ...string) record { return record{fields: fields, line: line} }
	const open = "a quotation mark is opened and never closed"
	for name, c := range map[string]struct {
		in   string
		want []record
	}{
		"plain":                 {"a,b\nc,d\n", []record{ok(1, "a", "b"), ok(2, "c", "d")}},
		"no newline at the end": {"a,b\nc,d", []record{ok(1, "a", "b"), ok(2, "c", "d")}},
		"CRLF":                  {"a,b\r\nc,d\r\n", []record{ok(1, "a", "b"), ok(2, "c", "d")}},
		"blank lines":           {"\n\na,b\n  \n\r\nc,d\n", []record{ok(3, "a", "b"), ok(6, "c", "d")}},
		"quoted newline":        {"\"a\nb\",c\nd,e\n", []record{ok(1, "a\nb", "c"), ok(3, "d", "e")}},
		"quoted CRLF":           {"\"a\r\nb\",c\r\n", []record{ok(1, "a\r\nb", "c")}},
		"doubled quotes":        {"\"a \"\"b\"\" c\",d\n", []record{ok(1, "a \"b\" c", "d")}},
		"bare quote inside":     {"5\" pipe,b\n", []record{ok(1, "5\" pipe", "b")}},
		"text after the quote":  {"\"a\"b,c\n", []record{ok(1, "ab", "c")}},
		"blank before a quote":  {"a, \"b,c\"\n", []record{ok(1, "a", "b,c")}},
		"blank kept unquoted":   {"a, b\n", []record{ok(1, "a", " b")}},
		"empty cells":           {",,\n\"\",,\n", []record{ok(1, "", "", ""), ok(2, "", "", "")}},
		"unclosed quote":        {"a,b\n\"c,d\ne,f\n", []record{ok(1, "a", "b"), {fields: []string{"\"c,d"}, line: 2, bad: open}, ok(3, "e", "f")}},
		"unclosed at the end":   {"a,\"b", []record{{fields: []string{"a,\"b"}, line: 1, bad: open}}},
		"NUL":                   {"a,b\x00\nc,d\n", []record{{fields: []string{"ab"}, line: 1, bad: "the row contains NUL bytes"}, ok(2, "c", "d")}},
		"Windows-1252":          {"M\xfcller,caf\xe9\nM\xc3\xbcller,x\n", []record{ok(1, "Müller", "café"), ok(2, "Müller", "x")}},
		"nothing":               {"", nil},
		"only a quote":          {"\"", []record{{fields: []string{"\""}, line: 1, bad: open}}},
	} {
		if diff := cmp.Diff(c.want, readAll(t, strings.NewReader(c.in), ','), cmp.AllowUnexported(record{})); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if diff := cmp.Diff(c.want, readAll(t, iotest.OneByteReader(strings.NewReader(c.in)), ','), cmp.AllowUnexported(record{})); diff != "" {
			t.Errorf("%s, one byte at a time: %s", name, diff)
		}
	}
}

// TestUnclosedQuoteLosesOneRow: a stray quote must not swallow the rest of a
// long list.
func TestUnclosedQuoteLosesOneRow(t *testing.T) {
	t.Parallel()
	in := "a,b\n\"stray,x\n" + strings.Repeat("c,d\n", 200_000)
	got := readAll(t, strings.NewReader(in), ',')
	if len(got) != 200_002 || got[1].bad == "" || got[200_001].line != 200_002 {
		t.Errorf("%d rows, second bad: %q", len(got), got[1].bad)
	}
	long := "a,b\n" + strings.Repeat("x", 3*maxRecord) + "\nc,d\n"
	got = readAll(t, strings.NewReader(long), ',')
	if len(got) != 3 || got[1].bad == "" || got[2].line != 3 {
		t.Errorf("an endless line: %d rows", len(got))
	}
}

// FuzzRecords: whatever encoding/csv writes is read back the same, and what it
// accepts in strict mode is read like it; nothing panics or is lost.
func FuzzRecords(f *testing.F) {
	for _, s := range []string{"a,b\nc,d", "\"a\nb\",c\r\n", "a,\"b", "\"\"\"\"\n", " \"a\" ,b\n", "\r\n,\r\n", "\xff\xfe,\x00", "a\rb\n", "\"a\"\"\n\"b\",\"\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := readAll(t, strings.NewReader(s), ',')
		if again := readAll(t, iotest.OneByteReader(strings.NewReader(s)), ','); !cmp.Equal(got, again, cmp.AllowUnexported(record{})) {
			t.Fatalf("%q depends on the size of reads: %v and %v", s, got, again)
		}
		line := 0
		for _, rec := range got {
			if rec.line <= line || rec.line > strings.Count(s, "\n")+1 {
				t.Fatalf("%q: row at line %d after line %d", s, rec.line, line)
			}
			line = rec.line
		}
		strict := csv.NewReader(strings.NewReader(s))
		strict.FieldsPerRecord = -1
		want, err := strict.ReadAll()
		if err != nil || strings.ContainsAny(s, "\r\x00 \t\u00a0") || strings.ToValidUTF8(s, "") != s {
			return // the two differ there on purpose
		}
		var rows [][]string
		for _, rec := range got {
			rows = append(rows, rec.fields)
		}
		kept := want[:0]
		for _, row := range want {
			if len(row) > 1 || strings.TrimSpace(row[0]) != "" {
				kept = append(kept, row)
			}
		}
		if len(kept) == 0 {
			kept = nil
		}
		if diff := cmp.Diff(kept, rows); diff != "" {
			t.Fatalf("%q: %s", s, diff)
		}
	})
}

func TestEveryColumnNameMeansOneField(t *testing.T) {
	t.Parallel()
	owner := map[string]string{}
	for field, words := range columnWords {
		for w := range strings.FieldsSeq(words) {
			if w != headerKey(w) {
				t.Errorf("%q of %s is not in the form of keys and can never be found", w, field)
			}
			if other, ok := owner[w]; ok && other != field {
				t.Errorf("%q means %s and %s", w, field, other)
			}
			if ambiguous[w] {
				t.Errorf("%q of %s is among the ambiguous names", w, field)
			}
			owner[w] = field
		}
	}
}

func TestMapColumns(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		header string
		want   map[string]string
	}{
		"LinkedIn connections": {"First Name,Last Name,URL,Email Address,Company,Position,Connected On", map[string]string{
			"first_name": "First Name", "last_name": "Last Name", "profile_url": "URL", "email": "Email Address", "company": "Company", "title": "Position",
		}},
		"Apollo": {"First Name,Last Name,Title,Company,Company Name for Emails,Email,Email Status,Seniority,Departments,Mobile Phone,Corporate Phone,# Employees,Industry,Keywords,Person Linkedin Url,Website,Company Linkedin Url,City,State,Country,Company City,Company Country,Annual Revenue,Latest Funding,Last Raised At,Technologies", map[string]string{
			"first_name": "First Name", "last_name": "Last Name", "title": "Title", "company": "Company", "email": "Email", "email_status": "Email Status",
			"seniority": "Seniority", "department": "Departments", "phone": "Mobile Phone", "company_phone": "Corporate Phone", "employees": "# Employees",
			"industry": "Industry", "description": "Keywords", "profile_url": "Person Linkedin Url", "website": "Website", "city": "City", "region": "State", "country": "Country",
			"company_city": "Company City", "company_country": "Company Country", "revenue": "Annual Revenue", "funding_stage": "Latest Funding", "funded_at": "Last Raised At", "technologies": "Technologies",
		}},
		"HubSpot": {"Record ID,First Name,Last Name,Email,Phone Number,Contact owner,Job Title,Company Name,Company Domain Name,Number of Employees,Annual Revenue,Country/Region,State/Region,LinkedIn URL", map[string]string{
			"first_name": "First Name", "last_name": "Last Name", "email": "Email", "phone": "Phone Number", "title": "Job Title", "company": "Company Name",
			"domain": "Company Domain Name", "employees": "Number of Employees", "revenue": "Annual Revenue", "country": "Country/Region", "region": "State/Region", "profile_url": "LinkedIn URL",
		}},
		"Salesforce": {"FirstName,LastName,Title,AccountName,Email,MobilePhone,NumberOfEmployees,AnnualRevenue,MailingCity,MailingCountry,Industry", map[string]string{
			"first_name": "FirstName", "last_name": "LastName", "title": "Title", "company": "AccountName", "email": "Email", "phone": "MobilePhone",
			"employees": "NumberOfEmployees", "revenue": "AnnualRevenue", "city": "MailingCity", "country": "MailingCountry", "industry": "Industry",
		}},
		"German": {"Vorname,Nachname,Firma,Position,E-Mail-Adresse,Telefonnummer,Land,Stadt,Branche,Mitarbeiterzahl,Umsatz,Webseite", map[string]string{
			"first_name": "Vorname", "last_name": "Nachname", "company": "Firma", "title": "Position", "email": "E-Mail-Adresse", "phone": "Telefonnummer", "country": "Land",
			"city": "Stadt", "industry": "Branche", "employees": "Mitarbeiterzahl", "revenue": "Umsatz", "website": "Webseite",
		}},
		"French": {"Prénom,Nom,Société,Poste,Courriel,Téléphone,Pays,Ville,Secteur d'activité,Effectif,Chiffre d'affaires,Site web", map[string]string{
			"first_name": "Prénom", "last_name": "Nom", "company": "Société", "title": "Poste", "email": "Courriel", "phone": "Téléphone", "country": "Pays", "city": "Ville",
			"industry": "Secteur d'activité", "employees": "Effectif", "revenue": "Chiffre d'affaires", "website": "Site web",
		}},
		"Spanish": {"Nombre,Apellidos,Empresa,Cargo,Correo electrónico,Teléfono,País,Ciudad,Número de empleados,Sitio web", map[string]string{
			"first_name": "Nombre", "last_name": "Apellidos", "company": "Empresa", "title": "Cargo", "email": "Correo electrónico", "phone": "Teléfono", "country": "País",
			"city": "Ciudad", "employees": "Número de empleados", "website": "Sitio web",
		}},
		"one name":          {"Name,Email", map[string]string{"full_name": "Name", "email": "Email"}},
		"company list":      {"Name,URL,Industry", map[string]string{"company": "Name", "website": "URL", "industry": "Industry"}},
		"Spanish name":      {"Nombre,Correo", map[string]string{"full_name": "Nombre", "email": "Correo"}},
		"Spanish, singular": {"Nombre,Apellido,Correo", map[string]string{"first_name": "Nombre", "last_name": "Apellido", "email": "Correo"}},
		"our own columns":   {"email,sluice_email,sluice_score", map[string]string{"email": "email"}},
	} {
		header := strings.Split(c.header, ",")
		got, err := mapColumns(header, nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		names := map[string]string{}
		for field, i := range got.at {
			names[field] = header[i]
		}
		if diff := cmp.Diff(c.want, names); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
