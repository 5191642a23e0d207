package lusha

import (
	"strconv"
	"strings"

	"github.com/messageai/sluice/internal/sandbox/market"
)

// contact is a profile without what has to be revealed.
func (s *Server) contact(p market.Profile) contact {
	m := s.market
	title := m.Title(p.Title)
	place := s.place(p.Country, p.City)
	eu := m.Country(p.Country).Region == "Western Europe" && place.ISO != "GB"
	place.IsEU = &eu
	out := contact{
		ID: contactID(p.Person, p.N), FirstName: p.First, LastName: p.Last, FullName: p.First + " " + p.Last,
		JobTitle: jobTitle{Title: title.Text, Departments: []string{department(title.Family)}, Seniority: seniority(title.Level)},
		Location: place, Emails: []map[string]any{}, Phones: []map[string]any{}, Previous: []map[string]any{},
		Company: map[string]string{
			"id": companyID(p.Company), "name": s.source.CompanyName(p.Company), "domain": "www." + m.Domain(p.Company), "industry": s.source.Label(p.Company),
		},
		SocialLinks: map[string]string{"linkedin": "https://www.linkedin.example/in/" + slug(p.First+"-"+p.Last) + "-" + contactID(p.Person, p.N)},
		Updated:     p.RefreshedAt.Format("2006-01-02"),
	}
	if t := p.Truth; t.Former >= 0 && t.Company == p.Company {
		out.Previous = []map[string]any{{
			"company":  map[string]string{"name": m.CompanyName(t.Former), "domain": "www." + m.Domain(t.Former)},
			"jobTitle": map[string]string{"title": m.Title(t.OldTitle).Text},
		}}
	}
	return out
}

func (s *Server) place(country, city int) location {
	c := s.market.Country(country)
	continent := c.Region
	if strings.HasSuffix(c.Region, "Europe") {
		continent = "Europe"
	}
	return location{Country: c.Name, ISO: c.Code, State: c.Cities[city].State, City: c.Cities[city].Name, Continent: continent}
}

func (s *Server) emails(p market.Profile) []map[string]any {
	number := 2*p.Person + p.N
	out := []map[string]any{}
	if share("private", number) < hasPrivate {
		out = append(out, map[string]any{
			"email": slug(p.First) + "." + slug(p.Last) + strconv.Itoa(p.Person) + "@freemail.example", "type": "private", "confidence": "A",
			"updateDate": p.RefreshedAt.Format("2006-01-02"),
		})
	}
	if p.Email == "" {
		return out
	}
	kind, grade := "work", "B"
	if p.Verified {
		grade = "A+"
	}
	if share("type", number) < typeHidden {
		kind = "unknown"
	}
	return append(out, map[string]any{"email": p.Email, "type": kind, "confidence": grade, "updateDate": p.RefreshedAt.Format("2006-01-02")})
}

func (s *Server) phones(p market.Profile) []map[string]any {
	line := s.source.Phone(p.Person)
	if line.Number == "" {
		return []map[string]any{}
	}
	kind := "direct"
	if line.Mobile {
		kind = "mobile"
	}
	return []map[string]any{{
		"number": line.Number, "type": kind, "doNotCall": share("call", 2*p.Person) < doNotCall, "updateDate": p.RefreshedAt.Format("2006-01-02"),
	}}
}

func seniority(level string) string {
	switch level {
	case "founder", "owner":
		return "Founder"
	case "c_suite":
		return "C-Suite"
	case "vp":
		return "Vice President"
	case "head", "director":
		return "Director"
	case "manager":
		return "Manager"
	case "senior":
		return "Senior"
	}
	return "Entry"
}

func department(f market.Family) string {
	switch f {
	case market.Engineering, market.Industrial:
		return "Engineering & Technical"
	case market.IT, market.Security, market.Data:
		return "Information Technology"
	}
	words := strings.Fields(string(f))
	for i, word := range words {
		words[i] = strings.ToUpper(word[:1]) + word[1:]
	}
	return strings.Join(words, " ")
}

func slug(name string) string {
	words := strings.FieldsFunc(name, func(r rune) bool { return r == ' ' || r == '-' || r == '\'' })
	for i, word := range words {
		words[i] = market.Fold(word)
	}
	return strings.Join(words, "-")
}
