package listing

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/messageai/sluice/internal/dedup"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/normalize"
)

// sourceName is the source of every prospect of a list.
const sourceName = "csv"

// item is a row on its way through a run.
type item struct {
	rec      record
	row      domain.Row
	keys     []dedup.Key
	problems []string // cells that were given and could not be used
	// Set between the stages: the line of the row that this one repeats.
	duplicateOf int
}

// reader turns records into prospects. It is immutable and shared by workers.
type reader struct {
	header     []string
	columns    columns
	country    string // of phone numbers without one
	now        time.Time
	provenance map[string]domain.Provenance // the same for every row
}

func newReader(f form, country string, now time.Time) *reader {
	r := &reader{header: f.header, columns: f.columns, country: country, now: now, provenance: map[string]domain.Provenance{}}
	for field, ours := range map[string]string{
		"title": "person.title", "country": "person.country", "location": "person.country", "industry": "company.industry",
		"employees": "company.employees", "revenue": "company.revenueUsd", "company_country": "company.country",
		"company_location": "company.country", "description": "company.description", "email": "contact.email", "phone": "contact.phone",
	} {
		if _, ok := f.columns.at[field]; ok {
			r.provenance[ours] = domain.Provenance{Source: sourceName, FetchedAt: now}
		}
	}
	return r
}

// read fills in the item's prospect and keys, or its failure.
func (r *reader) read(it *item) {
	if it.rec.bad == "" {
		it.rec.bad = r.misfit(it.rec.fields)
	}
	if it.rec.bad == "" {
		it.row.Prospect = r.prospect(it)
		if !identified(it.row.Prospect) {
			it.rec.bad = "nothing in the row says who it is about: no e-mail, profile, name, company or domain"
		}
	}
	if it.rec.bad != "" {
		it.row = domain.Row{State: domain.Failed, Reason: it.rec.bad}
		return
	}
	it.keys = dedup.Keys(it.row.Prospect)
}

// misfit reports a row with more cells than there are columns. Fewer are fine:
// spreadsheets leave out empty cells at the end of a row.
func (r *reader) misfit(fields []string) string {
	for i := len(r.header); i < len(fields); i++ {
		if strings.TrimSpace(fields[i]) != "" {
			return fmt.Sprintf("the row has %d cells, but there are %d columns; a cell with a separator in it needs quotation marks", len(fields), len(r.header))
		}
	}
	return ""
}

func identified(p domain.Prospect) bool {
	return p.Contact.Email != "" || p.Person.ProfileURL != "" || p.Person.LastName != "" || p.Person.FirstName != "" || p.Company.Name != "" || p.Company.Domain != ""
}

func (r *reader) prospect(it *item) domain.Prospect {
	get := func(field string) string { return r.columns.value(it.rec.fields, field) }
	p := domain.Prospect{
		Source: sourceName, ProfileID: profileID(it.rec), SeenAt: r.now, Provenance: r.provenance,
		Person: domain.Person{
			Title: get("title"), Headline: get("headline"), Seniority: string(normalize.ParseSeniority(get("seniority"))),
			Department: get("department"), City: get("city"), Region: get("region"),
		},
		Company: domain.Company{
			Name: get("company"), Industry: get("industry"), City: get("company_city"), FundingStage: get("funding_stage"),
			Description: get("description"), Technologies: list(get("technologies")),
		},
	}
	p.ID = domain.ProspectID("", sourceName, p.ProfileID)
	p.Person.FirstName, p.Person.LastName = normalize.FirstLast(get("first_name"), get("last_name"))
	if full := get("full_name"); full != "" && (p.Person.FirstName == "" || p.Person.LastName == "") {
		n := normalize.FullName(full)
		p.Person.FirstName, p.Person.LastName = n.First, n.Last
	}
	r.places(it, get, &p)
	r.web(it, get, &p)
	r.contact(it, get, &p)
	r.size(it, get, &p)
	p.Signals = r.signals(it, get)
	return p
}

// profileID identifies a row by its content and place, so that a list scored
// again gives the same ids, and two lists different ones.
func profileID(rec record) string {
	h := sha256.New()
	var line [20]byte
	h.Write(strconv.AppendInt(line[:0], int64(rec.line), 10))
	for _, f := range rec.fields {
		h.Write([]byte{0})
		h.Write([]byte(f))
	}
	var sum [sha256.Size]byte
	return "line-" + strconv.Itoa(rec.line) + "-" + base64.RawURLEncoding.EncodeToString(h.Sum(sum[:0])[:9])
}

func list(cell string) []string {
	var out []string
	for part := range strings.FieldsFuncSeq(cell, func(r rune) bool { return r == ',' || r == ';' || r == '|' }) {
		if part = strings.TrimSpace(part); part != "" && len(out) < 50 {
			out = append(out, part)
		}
	}
	return out
}

func (it *item) problem(field, what string) { it.problems = append(it.problems, field+" "+what) }

func (r *reader) places(it *item, get func(string) string, p *domain.Prospect) {
	country := func(field string) string {
		cell := get(field)
		if cell == "" {
			return ""
		}
		iso, ok := normalize.Country(cell)
		if !ok {
			it.problem(field, "is not a country we know")
			return cell
		}
		return normalize.CountryName(iso)
	}
	p.Person.Country, p.Company.Country = country("country"), country("company_country")
	if l := normalize.ParseLocation(get("location")); l != (normalize.Location{}) {
		fill(&p.Person.City, l.City)
		fill(&p.Person.Region, l.Region)
		if l.Country != "" {
			fill(&p.Person.Country, normalize.CountryName(l.Country))
		}
	}
	if l := normalize.ParseLocation(get("company_location")); l != (normalize.Location{}) {
		fill(&p.Company.City, l.City)
		if l.Country != "" {
			fill(&p.Company.Country, normalize.CountryName(l.Country))
		}
	}
}

func fill(field *string, value string) {
	if *field == "" {
		*field = value
	}
}

func (r *reader) web(it *item, get func(string) string, p *domain.Prospect) {
	for _, field := range [...]string{"domain", "website"} {
		cell := get(field)
		if cell == "" {
			continue
		}
		d, ok := normalize.Domain(cell)
		if !ok {
			it.problem(field, "is not valid")
			continue
		}
		if field == "website" {
			p.Company.Website = cell
		}
		if !normalize.SharedHost(d) {
			fill(&p.Company.Domain, d)
		}
	}
	if cell := get("profile_url"); cell != "" {
		profile, ok := normalize.ProfileURL(cell)
		if !ok {
			it.problem("profile_url", "is not the address of a profile")
		}
		p.Person.ProfileURL = profile
	}
}

func (r *reader) contact(it *item, get func(string) string, p *domain.Prospect) {
	if cell := get("email"); cell != "" {
		email, ok := normalize.Email(cell)
		if !ok {
			it.problem("email", "is not valid")
		} else {
			p.Contact.Email, p.Contact.EmailStatus = email, emailStatus(get("email_status"))
		}
	}
	phone := func(field string, countries ...string) string {
		cell := get(field)
		if cell == "" {
			return ""
		}
		for _, country := range countries {
			if n, ok := normalize.Phone(cell, country); ok {
				return n.E164
			}
			if strings.HasPrefix(cell, "+") { // the country makes no difference
				break
			}
		}
		it.problem(field, "is not valid")
		return ""
	}
	p.Contact.Phone = phone("phone", nonEmpty(p.Person.Country, p.Company.Country, r.country)...)
	p.Company.Phone = phone("company_phone", nonEmpty(p.Company.Country, p.Person.Country, r.country)...)
}

// nonEmpty drops empty strings; of nothing it keeps one, for numbers that carry
// their country.
func nonEmpty(list ...string) []string {
	out := list[:0]
	for _, s := range list {
		if s != "" {
			out = append(out, s)
		}
	}
	if len(out) == 0 {
		return list[:1]
	}
	return out
}

// emailStatus reads what exports say of an address. An unknown word means that
// nobody looked.
func emailStatus(cell string) domain.EmailStatus {
	switch normalize.Fold(cell) {
	case "verified", "valid", "deliverable", "safe", "ok", "good", "true", "safe to send":
		return domain.EmailSafe
	case "invalid", "undeliverable", "bounced", "bounce", "bad", "do not mail", "not valid":
		return domain.EmailInvalid
	case "catch all", "catchall", "accept all", "acceptall", "risky", "guessed", "extrapolated", "role", "disposable", "likely", "likely to engage", "webmail":
		return domain.EmailRisky
	case "unknown", "unverified", "unavailable", "pending", "unable to verify":
		return domain.EmailUnknown
	}
	return domain.EmailUnchecked
}

func (r *reader) size(it *item, get func(string) string, p *domain.Prospect) {
	if cell := get("employees"); cell != "" {
		size, ok := normalize.Employees(cell)
		if !ok {
			it.problem("employees", "is no number or range")
		} else {
			p.Company.Employees = int(size.Middle())
		}
	}
	if cell := get("revenue"); cell != "" {
		revenue, ok := normalize.Revenue(cell)
		if !ok {
			it.problem("revenue", "is no amount or range")
		} else {
			p.Company.RevenueUSD = revenue.Middle()
		}
	}
	if year, err := strconv.Atoi(get("founded")); err == nil && year > 1000 && year <= r.now.Year() {
		p.Company.Founded = year
	}
}

func (r *reader) signals(it *item, get func(string) string) []domain.Signal {
	var out []domain.Signal
	at := func(field string) time.Time {
		cell := get(field)
		if cell == "" {
			return time.Time{}
		}
		t, ok := date(cell)
		if !ok {
			it.problem(field, "is not a date we can read; use 2006-01-31")
		}
		return t
	}
	if when := at("funded_at"); !when.IsZero() {
		out = append(out, domain.Signal{Kind: "funding", Text: strings.TrimSpace("Funding round " + get("funding_stage")), At: when, Source: sourceName})
	}
	if text := get("signal"); text != "" {
		out = append(out, domain.Signal{Kind: "update", Text: text, At: at("signal_at"), Source: sourceName})
	}
	return out
}

// date reads the forms that cannot be mistaken, and month/day/year as US
// exports have it where the day is above twelve or the year comes last with
// slashes.
func date(cell string) (time.Time, bool) {
	for _, layout := range [...]string{
		"2006-01-02", time.RFC3339, "2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006/01/02", "02.01.2006", "2.1.2006",
		"1/2/2006", "Jan 2, 2006", "2 Jan 2006", "January 2, 2006", "2 January 2006", "Jan 2006", "January 2006", "2006-01",
	} {
		if t, err := time.Parse(layout, cell); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}
