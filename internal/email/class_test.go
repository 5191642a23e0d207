package email_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/messageai/sluice/internal/email"
	"github.com/messageai/sluice/internal/normalize"
	"golang.org/x/net/publicsuffix"
)

func TestClassify(t *testing.T) {
	t.Parallel()
	none, role := email.Class{}, email.Class{Role: true}
	for address, want := range map[string]email.Class{
		"ada.lovelace@acme.example":    none,
		"info@acme.example":            role,
		"INFO+list@acme.example":       role,
		"Sales-EMEA@acme.example":      role,
		"info2@acme.example":           role,
		"support.de@acme.example":      role,
		"hr.team@acme.example":         role,
		"no-reply@acme.example":        role,
		"us@acme.example":              none, // a qualifier alone is no function
		"ada.sales@acme.example":       none,
		"007@acme.example":             none,
		"salesman@acme.example":        none,
		"ada@gmail.com":                {FreeMail: true},
		"Ada@GMAIL.com":                {FreeMail: true},
		"ada@mail.gmx.net":             {FreeMail: true},
		"ada@yahoo.co.nz":              {FreeMail: true},
		"ada@outlook.hu":               {FreeMail: true},
		"ada@yahoo.example":            none,
		"ada@outlook.acme.uk":          none,
		"ada@notgmail.com":             none,
		"ada@mailinator.com":           {Disposable: true},
		"ada@any.where.mailinator.com": {Disposable: true},
		"ada@xmailinator.com":          none,
		"ada@mailinator.com.example":   none,
		"info@mailinator.com":          {Role: true, Disposable: true},
		"ada@sify.com":                 {FreeMail: true}, // on the list, though an Indian provider of 1998
		"ada@com":                      none,
		"no address":                   none,
		"":                             none,
	} {
		if diff := cmp.Diff(want, email.Classify(address)); diff != "" {
			t.Errorf("Classify(%q) (-want +got):\n%s", address, diff)
		}
	}
}

// Every domain of the list is found, and below it, and nothing between two of
// them; the list has the form that the search needs, and swallows no registry.
func TestDisposableList(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("disposable.txt")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	if len(lines) < 10_000 || !slices.IsSorted(lines) || len(slices.Compact(slices.Clone(lines))) != len(lines) {
		t.Fatalf("%d lines; want at least 10,000, in byte order, each once", len(lines))
	}
	kept := 0
	for _, domain := range lines {
		if !normalize.ValidEmail("a@"+domain) || domain != strings.ToLower(domain) {
			t.Errorf("%q is no domain in ASCII and lower case", domain)
		}
		if suffix, _ := publicsuffix.PublicSuffix(domain); suffix == domain {
			t.Errorf("%q is a public suffix: other people's domains are below it", domain)
		}
		for _, host := range []string{domain, "mx1." + domain} {
			switch got := email.Classify("a@" + host); {
			case got.Disposable:
				kept++
			case !got.FreeMail:
				t.Errorf("%q is not found", host)
			}
		}
		_, near, _ := strings.Cut("x"+domain, ".")
		if _, below := slices.BinarySearch(lines, near); below || strings.Contains(near, ".") {
			continue // what is listed above it makes a neighbour disposable, too
		}
		if _, is := slices.BinarySearch(lines, "x"+domain); email.Classify("a@x"+domain).Disposable != is {
			t.Errorf("whether %q is found is not whether it is listed", "x"+domain)
		}
	}
	if share := float64(kept) / float64(2*len(lines)); share < 0.999 {
		t.Errorf("%.4f of the list is disposable, want 0.999", share)
	}
}

// Classes do not depend on how an address is spelled.
func FuzzClassify(f *testing.F) {
	for _, seed := range []string{"Info+x@Acme.example", "ada@Mailinator.com", "ADA@yahoo.co.UK", `"sales"@gmx.at`, "(x)hr@acme.example", "mailto:it@acme.example"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := email.Classify(s)
		if got.Disposable && got.FreeMail {
			t.Errorf("Classify(%q) = %+v", s, got)
		}
		a, err := email.Parse(s)
		if err != nil {
			return
		}
		if lead, ok := a.Lead(); ok {
			if diff := cmp.Diff(got, email.Classify(lead)); diff != "" {
				t.Errorf("Classify(%q) and of %q (-first +second):\n%s", s, lead, diff)
			}
		}
	})
}

func BenchmarkClassify(b *testing.B) {
	for name, s := range map[string]string{"person": "ada.lovelace@engineering.acme.example", "disposable": "ada@mailinator.com", "role": "sales-emea@acme.example"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				email.Classify(s)
			}
		})
	}
}
