package dedup_test

import (
	"encoding/csv"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/messageai/sluice/internal/dedup"
	"github.com/messageai/sluice/internal/domain"
)

func person(first, last, email, company, companyDomain, phone, profile string) domain.Prospect {
	return domain.Prospect{
		Person:  domain.Person{FirstName: first, LastName: last, ProfileURL: profile, Country: "US"},
		Company: domain.Company{Name: company, Domain: companyDomain},
		Contact: domain.Contact{Email: email, Phone: phone},
	}
}

func TestSame(t *testing.T) {
	t.Parallel()
	ada := person("Ada", "Lovelace", "ada.lovelace@example.com", "Acme Inc.", "example.com", "+14155552671", "https://www.linkedin.com/in/ada")
	for name, c := range map[string]struct {
		a, b domain.Prospect
		want dedup.Rule
	}{
		"itself":                   {ada, ada, dedup.SameEmail},
		"e-mail in another case":   {ada, person("", "", "ADA.Lovelace@Example.com ", "", "", "", ""), dedup.SameEmail},
		"gmail dots and tag":       {person("", "", "a.da@gmail.com", "", "", "", ""), person("", "", "ada+x@googlemail.com", "", "", "", ""), dedup.SameEmail},
		"profile of another host":  {ada, person("", "", "", "", "", "", "http://uk.linkedin.com/in/ADA/?x=1"), dedup.SameProfile},
		"name and domain":          {ada, person("ADA", "Lovelace", "", "Other", "www.example.com", "", ""), dedup.SameNameDomain},
		"domain of the address":    {person("Ada", "Lovelace", "alovelace@example.com", "", "", "", ""), person("ada", "lovelace", "", "", "example.com", "", ""), dedup.SameNameDomain},
		"two usual addresses":      {ada, person("Ada", "Lovelace", "ada@example.com", "", "", "", ""), dedup.SameNameDomain},
		"name and phone":           {ada, person("Ada", "Lovelace", "", "", "", "(415) 555-2671", ""), dedup.SameNamePhone},
		"name and company":         {ada, person("Ada K.", "Lovelace", "", "ACME", "", "", ""), dedup.SameNameCompany},
		"umlaut spelled out":       {person("Jürgen", "Müller", "", "X AG", "", "", ""), person("Juergen", "Mueller", "", "x", "", "", ""), dedup.SameNameCompany},
		"umlaut dropped":           {person("Jürgen", "Müller", "", "X AG", "", "", ""), person("Jurgen", "Muller", "", "x", "", "", ""), dedup.SameNameCompany},
		"colleague":                {ada, person("Grace", "Hopper", "grace@example.com", "Acme Inc.", "example.com", "+14155552671", ""), ""},
		"colleague of one surname": {ada, person("Anna", "Lovelace", "anna@example.com", "Acme Inc.", "example.com", "+14155552671", ""), ""},
		"initial only":             {ada, person("A.", "Lovelace", "", "Acme Inc.", "example.com", "", ""), ""},
		"namesake with a number":   {ada, person("Ada", "Lovelace", "ada.lovelace2@example.com", "Acme Inc.", "example.com", "", ""), ""},
		"role mailbox":             {person("Ada", "L", "info@example.com", "", "", "", ""), person("Grace", "H", "info@example.com", "", "", "", ""), ""},
		"free mail is no employer": {person("Ada", "Lovelace", "x1@gmail.com", "", "gmail.com", "", ""), person("Ada", "Lovelace", "x2@gmail.com", "", "", "", ""), ""},
		"page on a shared host":    {person("Ada", "Lovelace", "", "", "facebook.com", "", ""), person("Ada", "Lovelace", "", "", "facebook.com", "", ""), ""},
		"nothing":                  {domain.Prospect{}, domain.Prospect{}, ""},
		"company page":             {person("Ada", "L", "", "", "", "", "linkedin.com/company/acme"), person("Bob", "M", "", "", "", "", "linkedin.com/company/acme"), ""},
		"one place twice":          {place("Acme", "example.com", "Bonn"), place("ACME GmbH", "example.com", "Bonn"), dedup.SameNameDomain},
		"two branches":             {place("Acme", "example.com", "Bonn"), place("Acme", "example.com", "Berlin"), ""},
	} {
		got, ok := dedup.Same(c.a, c.b)
		if got != c.want || ok != (c.want != "") {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		if back, _ := dedup.Same(c.b, c.a); back != got {
			t.Errorf("%s: not symmetric: %q and %q", name, got, back)
		}
	}
}

func place(name, at, city string) domain.Prospect {
	return domain.Prospect{Company: domain.Company{Name: name, Domain: at, City: city}}
}

func TestIndexLaws(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	pick := func(list ...string) string { return list[rng.IntN(len(list))] }
	var rows []domain.Prospect
	for range 1500 {
		n := fmt.Sprint(rng.IntN(120))
		rows = append(rows, person(pick("Ada", "Grace", "A."), pick("Lovelace", "Hopper"), pick("", "p"+n+"@example.com", "ada.lovelace@c"+n+".example.com"),
			pick("", "Co "+n), pick("", "c"+n+".example.com"), pick("", "+1415555"+fmt.Sprintf("%04d", rng.IntN(60))), pick("", "linkedin.com/in/x"+n)))
	}
	x := dedup.NewIndex()
	originals := map[int]bool{}
	for i, p := range rows {
		keys := dedup.Keys(p)
		m, dup := x.Seen(i, keys)
		// A row is a duplicate exactly if an earlier one shares a key, directly
		// or through rows that were duplicates themselves.
		direct := -1
		for j := range i {
			if _, same := dedup.Same(p, rows[j]); same {
				direct = j
				break
			}
		}
		if dup != (direct >= 0) {
			t.Fatalf("row %d: duplicate %v, but the first same row is %d", i, dup, direct)
		}
		if dup && (!originals[m.Row] || m.Rule == "" || m.Row > direct) {
			t.Fatalf("row %d repeats row %d (%q), which is no original at or before row %d", i, m.Row, m.Rule, direct)
		}
		originals[i] = !dup
		if again, ok := x.Seen(i, keys); len(keys) > 0 && (!ok || dup && again.Row != m.Row || !dup && again.Row != i) {
			t.Fatalf("row %d seen twice: %+v, %v", i, again, ok)
		}
	}
	if len(originals) < 100 {
		t.Errorf("only %d originals", len(originals))
	}
}

func TestIndexMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("a million rows take seconds")
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	x := dedup.NewIndex()
	const n = 400_000
	keys := make([]dedup.Key, 5)
	for i := range n {
		for j := range keys {
			keys[j] = dedup.Key{Rule: dedup.SameEmail, Text: fmt.Sprint(i, "/", j)}
		}
		if _, dup := x.Seen(i, keys); dup {
			t.Fatalf("row %d is new but was called a duplicate", i)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	grown := int64(after.HeapAlloc) - int64(before.HeapAlloc) //nolint:gosec // G115: a heap fits
	t.Logf("%.1f bytes a key", float64(grown)/(n*5))
	if grown > n*5*32 {
		t.Errorf("%d bytes a key, want at most 32", grown/(n*5))
	}
	runtime.KeepAlive(x)
}

func BenchmarkSeen(b *testing.B) {
	x := dedup.NewIndex()
	p := person("Ada", "Lovelace", "", "Acme Inc.", "example.com", "+14155552671", "https://www.linkedin.com/in/ada")
	for i := 0; b.Loop(); i++ {
		p.Contact.Email = fmt.Sprint("p", i, "@example.com")
		x.Seen(i, dedup.Keys(p))
	}
}

// TestPublicSets runs the rules on people data with known duplicates. FEBRL and
// fake_1000 have no company, so what people of one household or town share
// stands in for what colleagues share.
func TestPublicSets(t *testing.T) {
	t.Parallel()
	for _, set := range []struct {
		file   string
		row    func(map[string]string) (domain.Prospect, string)
		recall float64
	}{
		{"febrl_dataset1.csv", febrl, 0.42},
		{"febrl_dataset3.csv", febrl, 0.30},
		{"fake_1000.csv", func(r map[string]string) (domain.Prospect, string) {
			return person(r["first_name"], r["surname"], r["email"], r["city"], "", "", ""), r["cluster"]
		}, 0.37},
	} {
		t.Run(set.file, func(t *testing.T) {
			t.Parallel()
			var rows []domain.Prospect
			var entity []string
			for _, r := range readCSV(t, set.file) {
				p, e := set.row(r)
				rows, entity = append(rows, p), append(entity, e)
			}
			x := dedup.NewIndex()
			cluster := make([]int, len(rows))
			for i, p := range rows {
				cluster[i] = i
				if m, dup := x.Seen(i, dedup.Keys(p)); dup {
					cluster[i] = m.Row
				}
			}
			var right, wrong, missed float64
			for i := range rows {
				for j := range i {
					switch same, truth := cluster[i] == cluster[j], entity[i] == entity[j]; {
					case same && truth:
						right++
					case same:
						wrong++
					case truth:
						missed++
					}
				}
			}
			precision, recall := right/(right+wrong), right/(right+missed)
			t.Logf("%s: precision %.4f, recall %.4f over %d rows", set.file, precision, recall, len(rows))
			if precision < 0.99 || recall < set.recall {
				t.Errorf("precision %.4f (want 0.99), recall %.4f (want %.2f)", precision, recall, set.recall)
			}
		})
	}
}

func febrl(r map[string]string) (domain.Prospect, string) {
	id := strings.Split(r["rec_id"], "-")[1]
	p := person(r["given_name"], r["surname"], "", "", "", "", "")
	p.Company.Name = strings.TrimSpace(r["address_1"] + " " + r["suburb"])
	if ssn := r["soc_sec_id"]; ssn != "" {
		p.Contact.Phone = "+1415" + ssn
	}
	return p, id
}

func readCSV(t *testing.T, name string) []map[string]string {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "..", "shared", "fixtures", "quality", name))
	if err != nil {
		if os.Getenv("SLUICE_REQUIRE_SHARED") == "1" {
			t.Fatalf("SLUICE_REQUIRE_SHARED=1, but the fixture is not there: %v", err)
		}
		t.Skipf("the shared fixture %s is not beside this repository", name)
	}
	defer func() { _ = f.Close() }()
	r := csv.NewReader(f)
	r.TrimLeadingSpace = true
	all, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var out []map[string]string
	for _, record := range all[1:] {
		m := map[string]string{}
		for i, v := range record {
			m[strings.TrimSpace(all[0][i])] = strings.TrimSpace(v)
		}
		out = append(out, m)
	}
	return out
}
