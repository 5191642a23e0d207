package quality_test

import (
	"math"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/quality"
)

var now = time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)

func perfect() domain.Prospect {
	at := domain.Provenance{Source: "apollo", FetchedAt: now.AddDate(0, -1, 0)}
	return domain.Prospect{
		Person:  domain.Person{FirstName: "Ada", LastName: "Lovelace", Title: "CTO", ProfileURL: "https://www.linkedin.com/in/ada", Country: "United Kingdom"},
		Company: domain.Company{Name: "Acme Ltd", Domain: "example.com", Website: "https://www.example.com", Industry: "Software", Employees: 120, Country: "UK"},
		Contact: domain.Contact{Email: "ada.lovelace@example.com", EmailStatus: domain.EmailSafe, Phone: "+442071838750"},
		Provenance: map[string]domain.Provenance{
			"contact.email": at, "contact.phone": at, "person.title": at,
		},
	}
}

func TestPerfect(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff(domain.Quality{Score: 1}, quality.Score(perfect(), now)); diff != "" {
		t.Error(diff)
	}
}

func TestLossesAreNamed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*domain.Prospect)
		want   []string
		score  float64
	}{
		"no e-mail": {func(p *domain.Prospect) { p.Contact.Email = "" }, []string{
			"contact.email: missing (-0.150)", "contact.email: not verified (-0.080)", "contact.email: not of the company's domain (-0.040)",
			"contact.email: nothing to be fresh (-0.030)", "person.name: the e-mail address does not confirm it (-0.040)",
		}, 0.66},
		"bouncing": {func(p *domain.Prospect) { p.Contact.EmailStatus = domain.EmailInvalid; p.Contact.Phone = "" }, nil, 0.40},
		"risky": {func(p *domain.Prospect) { p.Contact.EmailStatus = domain.EmailRisky }, []string{
			"contact.email: risky: catch-all, role or disposable (-0.080)",
		}, 0.92},
		"old title": {func(p *domain.Prospect) {
			p.Provenance = map[string]domain.Provenance{"contact.email": p.Provenance["contact.email"], "contact.phone": p.Provenance["contact.phone"], "person.title": {FetchedAt: now.AddDate(-3, 0, 0)}}
		}, []string{"person.title: older than two years (-0.020)"}, 0.98},
		"private address": {func(p *domain.Prospect) { p.Contact.Email = "ada.lovelace@gmail.com" }, []string{
			"contact.email: a private address, no company domain (-0.040)",
		}, 0.96},
	} {
		p := perfect()
		c.change(&p)
		got := quality.Score(p, now)
		if c.want != nil {
			if diff := cmp.Diff(c.want, got.Losses); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
		}
		if math.Abs(got.Score-c.score) > 1e-9 {
			t.Errorf("%s: %v, want %v", name, got.Score, c.score)
		}
	}
}

var points = regexp.MustCompile(`\(-(\d\.\d{3})\)$`)

// fields are the ways to fill and to break each field.
var fields = []struct {
	name        string
	fill, spoil func(*domain.Prospect)
}{
	{"email", func(p *domain.Prospect) { p.Contact.Email = "ada@example.com" }, func(p *domain.Prospect) { p.Contact.Email = "ada@@nowhere" }},
	{"phone", func(p *domain.Prospect) { p.Contact.Phone = "+442071838750" }, func(p *domain.Prospect) { p.Contact.Phone = "12" }},
	{"first", func(p *domain.Prospect) { p.Person.FirstName = "Ada" }, func(p *domain.Prospect) { p.Person.FirstName = "" }},
	{"last", func(p *domain.Prospect) { p.Person.LastName = "Lovelace" }, func(p *domain.Prospect) { p.Person.LastName = "?" }},
	{"title", func(p *domain.Prospect) { p.Person.Title = "CTO" }, func(p *domain.Prospect) { p.Person.Title = " " }},
	{"profile", func(p *domain.Prospect) { p.Person.ProfileURL = "linkedin.com/in/ada" }, func(p *domain.Prospect) { p.Person.ProfileURL = "linkedin.com/company/x" }},
	{"company", func(p *domain.Prospect) { p.Company.Name = "Acme" }, func(p *domain.Prospect) { p.Company.Name = "--" }},
	{"domain", func(p *domain.Prospect) { p.Company.Domain = "example.com" }, func(p *domain.Prospect) { p.Company.Domain = "no domain" }},
	{"website", func(p *domain.Prospect) { p.Company.Website = "http://www.example.com/x" }, func(p *domain.Prospect) { p.Company.Website = "::" }},
	{"industry", func(p *domain.Prospect) { p.Company.Industry = "Retail" }, func(p *domain.Prospect) { p.Company.Industry = "" }},
	{"employees", func(p *domain.Prospect) { p.Company.Employees = 9 }, func(p *domain.Prospect) { p.Company.Employees = -4 }},
	{"person country", func(p *domain.Prospect) { p.Person.Country = "UK" }, func(p *domain.Prospect) { p.Person.Country = "Atlantis" }},
	{"company country", func(p *domain.Prospect) { p.Company.Country = "GB" }, func(p *domain.Prospect) { p.Company.Country = "Atlantis" }},
}

// TestMetamorphic is goal S7 of the quality research.
func TestMetamorphic(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	const eps = 1e-9
	for i := range 10_000 {
		p := random(rng)
		q := quality.Score(p, now)
		lost := 0.0
		for _, l := range q.Losses {
			m := points.FindStringSubmatch(l)
			if m == nil {
				t.Fatalf("a loss without points: %q", l)
			}
			x, _ := strconv.ParseFloat(m[1], 64)
			lost += x
		}
		if q.Score < 0 || q.Score > 1 || math.Abs(1-q.Score-lost) > 0.0006*float64(len(q.Losses))+eps {
			t.Fatalf("lead %d: score %v, but the losses sum to %v: %q", i, q.Score, lost, q.Losses)
		}
		if again := quality.Score(p, now); !cmp.Equal(q, again) {
			t.Fatal("not deterministic")
		}
		if got := quality.Score(upper(p), now).Score; math.Abs(got-q.Score) > eps {
			t.Fatalf("lead %d: case matters: %v and %v for %+v", i, q.Score, got, p)
		}
		unreachable := p
		unreachable.Contact.Email, unreachable.Contact.Phone = "", ""
		if got := quality.Score(unreachable, now).Score; got > quality.Unreachable+eps {
			t.Fatalf("lead %d: unreachable and %v", i, got)
		}
		for range 2 {
			f := fields[rng.IntN(len(fields))]
			filled := empty(p, f.name)
			before := quality.Score(filled, now).Score
			if f.fill(&filled); quality.Score(filled, now).Score < before-eps {
				t.Fatalf("lead %d: filling %s lowered %v to %v", i, f.name, before, quality.Score(filled, now).Score)
			}
			valid := quality.Score(filled, now).Score
			if f.spoil(&filled); quality.Score(filled, now).Score > valid+eps {
				t.Fatalf("lead %d: breaking %s raised %v to %v", i, f.name, valid, quality.Score(filled, now).Score)
			}
		}
		verified := p
		if verified.Contact.EmailStatus = domain.EmailSafe; p.Contact.EmailStatus != domain.EmailSafe && quality.Score(verified, now).Score < q.Score-eps {
			t.Fatalf("lead %d: verifying lowered the score", i)
		}
	}
}

func empty(p domain.Prospect, field string) domain.Prospect {
	switch field {
	case "email":
		p.Contact.Email = ""
	case "phone":
		p.Contact.Phone = ""
	case "first":
		p.Person.FirstName = ""
	case "last":
		p.Person.LastName = ""
	case "title":
		p.Person.Title = ""
	case "profile":
		p.Person.ProfileURL = ""
	case "company":
		p.Company.Name = ""
	case "domain":
		p.Company.Domain = ""
	case "website":
		p.Company.Website = ""
	case "industry":
		p.Company.Industry = ""
	case "employees":
		p.Company.Employees = 0
	case "person country":
		p.Person.Country = ""
	case "company country":
		p.Company.Country = ""
	}
	return p
}

func upper(p domain.Prospect) domain.Prospect {
	p.Contact.Email = strings.ToUpper(p.Contact.Email)
	p.Company.Domain = strings.ToUpper(p.Company.Domain)
	p.Company.Website = strings.ToUpper(p.Company.Website)
	p.Person.FirstName, p.Person.LastName = strings.ToUpper(p.Person.FirstName), strings.ToUpper(p.Person.LastName)
	p.Person.Country, p.Company.Country = strings.ToUpper(p.Person.Country), strings.ToUpper(p.Company.Country)
	p.Person.ProfileURL = strings.ToUpper(p.Person.ProfileURL)
	return p
}

func random(rng *rand.Rand) domain.Prospect {
	pick := func(list ...string) string { return list[rng.IntN(len(list))] }
	p := domain.Prospect{
		Person: domain.Person{
			FirstName: pick("", "Ada", "Grace"), LastName: pick("", "Lovelace", "Hopper"), Title: pick("", "CTO", "Nurse"),
			ProfileURL: pick("", "linkedin.com/in/ada-1", "nonsense"), Country: pick("", "UK", "Germany", "Atlantis"),
		},
		Company: domain.Company{
			Name: pick("", "Acme"), Domain: pick("", "example.com", "example.org", "bad domain"), Website: pick("", "https://example.org/a", "http://www.example.com"),
			Industry: pick("", "Software"), Employees: rng.IntN(3) * 50, Country: pick("", "GB", "USA"),
		},
		Contact: domain.Contact{
			Email:       pick("", "ada@example.com", "g.hopper@example.org", "ada@gmail.com", "broken@", "info@example.com"),
			EmailStatus: domain.EmailStatus(pick("", "safe", "risky", "invalid", "unknown")), Phone: pick("", "+442071838750", "020 7183 8750", "+14155552671", "call me"),
		},
	}
	for _, f := range []string{"contact.email", "contact.phone", "person.title"} {
		if rng.IntN(2) == 0 {
			continue
		}
		if p.Provenance == nil {
			p.Provenance = map[string]domain.Provenance{}
		}
		p.Provenance[f] = domain.Provenance{Source: "x", FetchedAt: now.AddDate(0, -rng.IntN(40), 0)}
	}
	return p
}
