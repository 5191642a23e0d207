package pattern_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/messageai/sluice/internal/email"
	"github.com/messageai/sluice/internal/email/pattern"
	"github.com/messageai/sluice/internal/normalize"
)

const acme = "acme.example"

// team are people whose names leave no doubt which pattern made an address.
func team() []pattern.Known {
	return []pattern.Known{
		{First: "Ada", Last: "Lovelace"},
		{First: "Grace", Last: "Hopper"},
		{First: "Katherine", Last: "Johnson"},
		{First: "Barbara", Last: "Liskov"},
		{First: "Margaret", Last: "Hamilton"},
	}
}

func at(p pattern.Pattern, first, last string) string { return p.Local(first, last) + "@" + acme }

// mailboxes are the people's addresses by a pattern.
func mailboxes(p pattern.Pattern, people []pattern.Known) (out []pattern.Known) {
	for _, k := range people {
		k.Email = at(p, normalize.Fold(k.First), normalize.Fold(k.Last))
		out = append(out, k)
	}
	return out
}

func position(candidates []pattern.Candidate, address string) int {
	return slices.IndexFunc(candidates, func(c pattern.Candidate) bool { return c.Email == address })
}

func TestLocal(t *testing.T) {
	t.Parallel()
	for p, want := range map[pattern.Pattern]string{
		"{first}.{last}":   "ada.lovelace",
		"{f}{last}":        "alovelace",
		"{f}{l}":           "al",
		"x-{last}_{f}.com": "x-lovelace_a.com",
		"{middle}.{last}":  "",
		"{first":           "",
		"team":             "team",
		"":                 "",
	} {
		if got := p.Local("ada", "lovelace"); got != want {
			t.Errorf("%q gives %q, want %q", p, got, want)
		}
	}
	for _, p := range []pattern.Pattern{"{first}.{last}", "{f}{last}", "{first}.{l}"} {
		if got := p.Local("ada", "") + p.Local("", "lovelace"); got != "" {
			t.Errorf("%q without a name gives %q", p, got)
		}
	}
}

// What a pattern made is inferred from one address, and surer from more.
func TestInferFindsThePattern(t *testing.T) {
	t.Parallel()
	for _, p := range pattern.All() {
		confidence := 0.0
		for n := 1; n <= len(team()); n++ {
			known := mailboxes(p, team()[:n])
			got := pattern.Infer(pattern.Evidence{Domain: acme, Known: known}).Best()
			if got.Pattern != p || got.Seen != n || got.Of != n || got.Confidence <= confidence || got.Chance < 0.5 {
				t.Errorf("%d addresses by %s: %+v", n, p, got)
			}
			confidence = got.Confidence
		}
	}
}

func TestInferLeavesOutWhatTellsNothing(t *testing.T) {
	t.Parallel()
	known := mailboxes("{f}{last}", team()[:2])
	want := pattern.Infer(pattern.Evidence{Domain: acme, Known: known})
	for name, more := range map[string]pattern.Known{
		"another domain": {First: "Ada", Last: "Byron", Email: "ada.byron@other.example"},
		"a function":     {First: "Ada", Last: "Byron", Email: "sales@acme.example"},
		"no address":     {First: "Ada", Last: "Byron"},
		"one twice":      {First: "Grace", Last: "Hopper", Email: "GHopper+news@ACME.example"},
	} {
		got := pattern.Infer(pattern.Evidence{Domain: acme, Known: append(slices.Clone(known), more)})
		if diff := cmp.Diff(want.Best(), got.Best()); diff != "" {
			t.Errorf("%s (-without +with):\n%s", name, diff)
		}
	}
	numbered := pattern.Infer(pattern.Evidence{Domain: acme, Known: []pattern.Known{{First: "Ada", Last: "Byron", Email: "ada_byron2@acme.example"}}}).Best()
	if numbered.Pattern != "{first}_{last}" || numbered.Seen != 1 {
		t.Errorf("an address with a number: %+v", numbered)
	}
	nickname := pattern.Infer(pattern.Evidence{Domain: acme, Known: append(slices.Clone(known), pattern.Known{First: "Ada", Last: "Byron", Email: "countess@acme.example"})}).Best()
	if nickname.Pattern != "{f}{last}" || nickname.Seen != 2 || nickname.Of != 3 || nickname.Confidence >= want.Best().Confidence || nickname.Chance >= want.Best().Chance {
		t.Errorf("an address that nothing explains: %+v, without it %+v", nickname, want.Best())
	}
	if got := pattern.Infer(pattern.Evidence{Domain: acme}).Best(); got.Pattern != "{first}.{last}" || got.Confidence != 0 || got.Of != 0 {
		t.Errorf("without any address: %+v", got)
	}
	if diff := cmp.Diff(pattern.Guess{}, pattern.Model{}.Best()); diff != "" {
		t.Errorf("the zero model (-want +got):\n%s", diff)
	}
}

// Half of a company came from another one: both patterns are tried first.
func TestTwoPatterns(t *testing.T) {
	t.Parallel()
	var known []pattern.Known
	for i := range 12 {
		k := pattern.Known{First: "Ada", Last: "Lovelace" + strings.Repeat("x", i)}
		k.Email = at([]pattern.Pattern{"{first}.{last}", "{last}{f}"}[i%2], "ada", normalize.Fold(k.Last))
		known = append(known, k)
	}
	got := pattern.Infer(pattern.Evidence{Domain: acme, Known: known}).Candidates("Grace", "Hopper", 2)
	want := []pattern.Candidate{
		{Email: "grace.hopper@acme.example", Pattern: "{first}.{last}", Chance: 0.45},
		{Email: "hopperg@acme.example", Pattern: "{last}{f}", Chance: 0.45},
	}
	byName := cmpopts.SortSlices(func(a, b pattern.Candidate) bool { return a.Email < b.Email })
	if diff := cmp.Diff(want, got, byName, cmpopts.EquateApprox(0, 0.15)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The true address is among the candidates for every pattern and every usual
// way to spell the names, and it is the first one where the domain is known to
// spell so.
func TestSpellings(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ first, last, writtenFirst, writtenLast string }{
		{"Jürgen", "Müller", "juergen", "mueller"},
		{"Jürgen", "Müller", "jurgen", "muller"},
		{"Ju\u0308rgen", "Weiß", "juergen", "weiss"},
		{"Søren", "Ångström", "soren", "angstrom"},
		{"Søren", "Ångström", "soeren", "aangstroem"},
		{"Łukasz", "Wiśniewski", "lukasz", "wisniewski"},
		{"Jean-Luc", "Picard", "jeanluc", "picard"},
		{"Jean-Luc", "Picard", "jean-luc", "picard"},
		{"Jean-Luc", "Picard", "jean", "picard"},
		{"Mary Anne", "Evans", "maryanne", "evans"},
		{"Mary Anne", "Evans", "mary", "evans"},
		{"John Q.", "Public", "john", "public"},
		{"Ludwig", "van den Berg", "ludwig", "vandenberg"},
		{"Ludwig", "van den Berg", "ludwig", "berg"},
		{"Ludwig", "van den Berg", "ludwig", "van-den-berg"},
		{"Gabriel", "García Márquez", "gabriel", "garcia"},
		{"Gabriel", "García Márquez", "gabriel", "garciamarquez"},
		{"Anna", "Müller-Lüdenscheidt", "anna", "mueller-luedenscheidt"},
		{"Seán", "O'Brien", "sean", "obrien"},
		{"Seán", "O’Brien", "sean", "obrien"},
		{"Dr. Ada", "Lovelace, PhD", "ada", "lovelace"},
		{"Omar", "El-Sayed", "omar", "elsayed"},
		{"伟", "王", "wei", "wang"},
	} {
		for _, p := range pattern.All() {
			true1 := at(p, test.writtenFirst, test.writtenLast)
			if normalize.RoleMailbox(true1) {
				continue
			}
			if position(pattern.Infer(pattern.Evidence{Domain: acme}).Candidates(test.first, test.last, 0), true1) < 0 {
				t.Errorf("%s %s by %s: %s is no candidate", test.first, test.last, p, true1)
			}
			if p == "{last}" {
				continue // of people with one last name only the first can have it
			}
			// People with nearly the same name show how the domain writes it.
			var known []pattern.Known
			for _, k := range team() {
				k.Email = at(p, normalize.Fold(k.First), normalize.Fold(k.Last))
				known = append(known, k)
			}
			for _, letter := range []string{"b", "k", "t"} {
				first, last := strings.ToUpper(letter)+test.first, test.last
				if strings.HasPrefix(test.first, "Dr.") || test.first == "伟" {
					continue
				}
				known = append(known, pattern.Known{First: first, Last: last, Email: at(p, letter+test.writtenFirst, test.writtenLast)})
			}
			got := pattern.Infer(pattern.Evidence{Domain: acme, Known: known}).Candidates(test.first, test.last, 0)
			if position(got, true1) != 0 {
				t.Errorf("%s %s by %s, as others there are written: %s is candidate %d of %v", test.first, test.last, p, true1, position(got, true1), got[:2])
			}
		}
	}
}

func TestInitialsOfCompoundNames(t *testing.T) {
	t.Parallel()
	model := pattern.Infer(pattern.Evidence{Domain: acme, Known: []pattern.Known{
		{First: "Anne-Sophie", Last: "Dubois", Email: "asdubois@acme.example"},
		{First: "Jean Marie", Last: "Moreau", Email: "jmmoreau@acme.example"},
		{First: "Luc", Last: "Girard", Email: "lgirard@acme.example"},
	}})
	if got := model.Candidates("Jean-Luc", "Picard", 1); len(got) != 1 || got[0].Email != "jlpicard@acme.example" {
		t.Errorf("first candidate %+v", got)
	}
}

// A German company spells umlauts out, until it is seen that it does not.
func TestUmlautsByCountryAndEvidence(t *testing.T) {
	t.Parallel()
	known := mailboxes("{first}.{last}", team()[:2])
	bare := append(slices.Clone(known), pattern.Known{First: "Jörg", Last: "Köhler", Email: "jorg.kohler@acme.example"}, pattern.Known{First: "Käthe", Last: "Koch", Email: "kathe.koch@acme.example"})
	for _, test := range []struct {
		country string
		known   []pattern.Known
		want    string
	}{
		{"DE", known, "bjoern.jaeger@acme.example"},
		{"Germany", known, "bjoern.jaeger@acme.example"},
		{"US", known, "bjorn.jager@acme.example"},
		{"", known, "bjorn.jager@acme.example"},
		{"DE", bare, "bjorn.jager@acme.example"},
	} {
		got := pattern.Infer(pattern.Evidence{Domain: acme, Country: test.country, Known: test.known}).Candidates("Björn", "Jäger", 1)
		if len(got) != 1 || got[0].Email != test.want {
			t.Errorf("%q: %+v, want %s", test.country, got, test.want)
		}
	}
}

func TestCandidatesOfFewNames(t *testing.T) {
	t.Parallel()
	model := pattern.Infer(pattern.Evidence{Domain: acme})
	for _, test := range []struct {
		first, last string
		want        []string
	}{
		{"", "", []string{}},
		{"??", "", []string{}},
		{"Ada", "", []string{"ada@acme.example"}},
		{"", "Lovelace", []string{"lovelace@acme.example"}},
	} {
		got := []string{}
		for _, c := range model.Candidates(test.first, test.last, 0) {
			got = append(got, c.Email)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%q %q (-want +got):\n%s", test.first, test.last, diff)
		}
	}
	if i := position(model.Candidates("Dev", "Patel", 0), "dev@acme.example"); i >= 0 {
		t.Error("a function's mailbox is a candidate")
	}
	if got := (pattern.Model{}).Candidates("Ada", "Lovelace", 0); len(got) != 0 {
		t.Errorf("the zero model has %v", got)
	}
}

// For any names and any pattern: what the pattern made is explained and found,
// candidates are addresses in order of their chance, and chances are some.
func FuzzInfer(f *testing.F) {
	for i, names := range [][2]string{{"Ada", "Lovelace"}, {"Jürgen", "Müller"}, {"Jean-Luc", "de la Tour"}, {"李", "小龍"}, {"A", "B"}, {"Ada", "Ada"}, {"\u0308", "-"}, {"Ö Ä", "ß'-"}, {"0-L", "de la Tour"}} {
		for p := range pattern.All() {
			f.Add(names[0], names[1], p, i+p)
		}
	}
	f.Fuzz(func(t *testing.T, first, last string, which, spelling int) {
		all := pattern.All()
		p := all[uint(which)%uint(len(all))]
		fold := normalize.Fold
		if spelling%2 == 1 {
			fold = normalize.FoldGerman
		}
		given, family := normalize.FirstLast(first, last)
		f, l := strings.ReplaceAll(fold(given), " ", ""), strings.ReplaceAll(fold(family), " ", "")
		known := pattern.Known{First: first, Last: last, Email: at(p, f, l)}
		model := pattern.Infer(pattern.Evidence{Domain: acme, Known: []pattern.Known{known}})
		got := model.Candidates(first, last, 0)
		sum, best := 0.0, model.Best()
		for i, c := range got {
			sum += c.Chance
			if !normalize.ValidEmail(c.Email) || normalize.EmailDomain(c.Email) != acme || c.Chance <= 0 || c.Chance > 1 || math.IsNaN(c.Chance) || !slices.Contains(all, c.Pattern) {
				t.Errorf("%q %q: candidate %+v", first, last, c)
			}
			if i > 0 && c.Chance > got[i-1].Chance || position(got[i+1:], c.Email) >= 0 {
				t.Errorf("%q %q: candidate %d of %+v", first, last, i, got)
			}
		}
		if sum > 1+1e-9 {
			t.Errorf("%q %q: the chances sum to %v", first, last, sum)
		}
		if diff := cmp.Diff(got[:min(3, len(got))], model.Candidates(first, last, 3), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%q %q (-all +three):\n%s", first, last, diff)
		}
		// Single letters at the end are middle initials, which an address leaves out.
		words := strings.Fields(normalize.Fold(given))
		initials := len(words) > 1 && len(words[len(words)-1]) == 1
		if normalize.ValidEmail(known.Email) && !normalize.RoleMailbox(known.Email) && !initials && f != "" && l != "" && best.Of == 1 {
			if best.Seen != 1 || position(got, known.Email) < 0 {
				t.Errorf("%q %q by %s: %s is explained by %+v, candidate %d", first, last, p, known.Email, best, position(got, known.Email))
			}
		}
	})
}

// Chances go to the judgement as they are: the first candidates of a known
// domain need one verifier, a far-fetched one needs two.
func ExampleModel_Candidates() {
	model := pattern.Infer(pattern.Evidence{Domain: acme, Country: "DE", Known: []pattern.Known{
		{First: "Ada", Last: "Lovelace", Email: "ada.lovelace@acme.example"},
		{First: "Jürgen", Last: "Köhler", Email: "juergen.koehler@acme.example"},
	}})
	for _, c := range model.Candidates("Anne-Sophie", "Müller", 3) {
		fmt.Printf("%.2f %s %s %v\n", c.Chance, c.Pattern, c.Email, email.Classify(c.Email).Role)
	}
	// Output:
	// 0.37 {first}.{last} annesophie.mueller@acme.example false
	// 0.21 {first}.{last} anne-sophie.mueller@acme.example false
	// 0.09 {first}.{last} annesophie.muller@acme.example false
}

func BenchmarkInfer(b *testing.B) {
	evidence := pattern.Evidence{Domain: acme, Country: "DE", Known: mailboxes("{f}{last}", team())}
	b.ReportAllocs()
	for b.Loop() {
		pattern.Infer(evidence)
	}
}

func BenchmarkCandidates(b *testing.B) {
	model := pattern.Infer(pattern.Evidence{Domain: acme, Known: mailboxes("{f}{last}", team())})
	for name, person := range map[string][2]string{"plain": {"Ada", "Lovelace"}, "hard": {"Jean-Jörg", "van der Müller"}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				model.Candidates(person[0], person[1], 5)
			}
		})
	}
}
