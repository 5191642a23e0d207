package email_test

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/messageai/sluice/internal/email"
	"github.com/messageai/sluice/internal/normalize"
)

// category is is_email's word for a form.
func category(f email.Form) string {
	switch f {
	case email.Plain, email.International:
		return "VALID_CATEGORY"
	case email.Unqualified, email.Quoted, email.Literal:
		return "RFC5321"
	case email.Commented:
		return "CFWS"
	case email.Obsolete:
		return "DEPREC"
	default:
		return "RFC5322"
	}
}

// The public suite of is_email, all of its categories. DNS warnings are about
// addresses that are plain by their syntax.
func TestIsEmailSuite(t *testing.T) {
	t.Parallel()
	f, err := os.Open(filepath.Join("..", "..", "..", "shared", "fixtures", "quality", "isemail.jsonl"))
	if err != nil {
		if os.Getenv("SLUICE_REQUIRE_SHARED") == "1" {
			t.Fatalf("SLUICE_REQUIRE_SHARED=1, but the fixture is not there: %v", err)
		}
		t.Skip("the shared fixture isemail.jsonl is not beside this repository")
	}
	defer func() { _ = f.Close() }()
	right, all := 0, 0
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var c struct{ Address, Category, Diagnosis string }
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		all++
		want := c.Category
		switch {
		case want == "DNSWARN":
			want = "VALID_CATEGORY"
		case c.Address == "test@io": // is_email asked the DNS, and io. had a mail server in 2011
			want = "RFC5321"
		}
		got := "ERR"
		a, err := email.Parse(c.Address)
		if err == nil {
			got = category(a.Form)
		}
		if got == want {
			right++
		} else {
			t.Errorf("Parse(%q) = %+v, %v: %s, but it is %s", c.Address, a, err, got, c.Diagnosis)
		}
	}
	if all != 164 {
		t.Errorf("%d of %d right, want all of 164", right, all)
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 60)
	for in, want := range map[string]email.Address{
		"Ada.Lovelace@Example.COM":             {Local: "Ada.Lovelace", Domain: "example.com"},
		`"ada.lovelace"@example.com`:           {Local: "ada.lovelace", Domain: "example.com", Form: email.Quoted},
		`"ada\.l\ovelace"@example.com`:         {Local: "ada.lovelace", Domain: "example.com", Form: email.Quoted},
		`"ada lovelace"@example.com`:           {Local: "ada lovelace", Domain: "example.com", Form: email.Quoted},
		`"a\"b@c"@example.com`:                 {Local: `a"b@c`, Domain: "example.com", Form: email.Quoted},
		"ada(of London)@example.com":           {Local: "ada", Domain: "example.com", Form: email.Obsolete},
		"(to)ada@example.com(England)":         {Local: "ada", Domain: "example.com", Form: email.Commented},
		"ada@bücher.example":                   {Local: "ada", Domain: "xn--bcher-kva.example"},
		"ada@XN--BCHER-KVA.example":            {Local: "ada", Domain: "xn--bcher-kva.example"},
		"ada@straße.example":                   {Local: "ada", Domain: "xn--strae-oqa.example"},
		"jürgen@example.com":                   {Local: "jürgen", Domain: "example.com", Form: email.International},
		"ju\u0308rgen@example.com":             {Local: "jürgen", Domain: "example.com", Form: email.International},
		"葉士豪@臺網中心.tw":                          {Local: "葉士豪", Domain: "xn--fiqq24b10vi0d.tw", Form: email.International},
		"ada@[192.0.2.1]":                      {Local: "ada", Domain: "[192.0.2.1]", Form: email.Literal},
		"ada@[ipv6:2001:0DB8:0:0::1]":          {Local: "ada", Domain: "[IPv6:2001:db8::1]", Form: email.Literal},
		"ada@[IPv6:fe80::1%eth0]":              {Local: "ada", Domain: "[IPv6:fe80::1%eth0]", Form: email.Unmailable},
		"ada@localhost":                        {Local: "ada", Domain: "localhost", Form: email.Unqualified},
		"ada@192.0.2.1":                        {Local: "ada", Domain: "192.0.2.1", Form: email.Unqualified},
		"ada@under_score.example":              {Local: "ada", Domain: "under_score.example", Form: email.Unmailable},
		long + "12345@example.com":             {Local: long + "12345", Domain: "example.com", Form: email.Unmailable},
		strings.Repeat("ä", 33) + "@a.example": {Local: strings.Repeat("ä", 33), Domain: "a.example", Form: email.Unmailable},
		"a@" + long + "." + long + "." + long + "." + long + "." + long: {
			Local: "a", Domain: long + "." + long + "." + long + "." + long + "." + long, Form: email.Unmailable,
		},
	} {
		got, err := email.Parse(in)
		if err != nil {
			t.Errorf("Parse(%q): %v", in, err)
		} else if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Parse(%q) (-want +got):\n%s", in, diff)
		}
	}
}

func TestParseSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                          `it has no "@"`,
		"example.com":               `it has no "@"`,
		"@example.com":              `nothing stands before the "@"`,
		"ada@":                      `nothing stands after the "@"`,
		".ada@example.com":          "a dot stands at an end, or beside another",
		"ada..l@example.com":        "a dot stands at an end, or beside another",
		"ada.@example.com":          "a dot stands at an end, or beside another",
		"ada@example..com":          "a dot stands at an end, or beside another",
		"ada@example.com.":          "a dot stands at an end, or beside another",
		"ada@．example.com":          "a dot stands at an end, or beside another",
		"ada@-example.com":          "a label of the domain begins or ends with a hyphen",
		"ada l@example.com":         "a character stands where it is not allowed",
		"ada@b@example.com":         "a character stands where it is not allowed",
		"ada.\u037e@example.com":    "a character stands where it is not allowed", // in NFC a semicolon
		"ada@example.com b":         "a character stands where it is not allowed",
		`ada"l@example.com`:         "a character stands where it is not allowed",
		"ada@[192.0.2.1]x":          "a character stands where it is not allowed",
		`"ada@example.com`:          "a quotation is not closed",
		"(ada@example.com":          "a comment is not closed",
		"ada@[192.0.2.1":            "a bracket is not closed",
		`ada@example.com(\`:         "it ends with a backslash",
		"ada@example.com\n":         "a character stands where it is not allowed",
		"ada@example.com\r\n":       "a line break is not folded",
		"ada@xn--0.example":         "the domain is no international domain name",
		"ada@yy--0.example":         "the domain is no international domain name",
		"ada@⒈.example":             "the domain is no international domain name",
		"\u0301ada@example.com":     "it holds a character that cannot be seen or shown",
		"a\u200bda@example.com":     "it holds a character that cannot be seen or shown",
		"a\u202eda@example.com":     "it holds a character that cannot be seen or shown",
		"\"a\u2028da\"@example.com": "it holds a character that cannot be seen or shown",
		"a\xffda@example.com":       "it is not UTF-8",
	} {
		got, err := email.Parse(in)
		if err == nil {
			t.Errorf("Parse(%q) = %+v, want an error", in, got)
		} else if diff := cmp.Diff("not an e-mail address: "+want, err.Error()); diff != "" {
			t.Errorf("Parse(%q) (-want +got):\n%s", in, diff)
		}
	}
}

// What leads take, every form leads back to it.
func TestLead(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Ada.Lovelace@Example.COM":             "ada.lovelace@example.com",
		`"Ada"@example.com`:                    "ada@example.com",
		"(to) ada@example.com":                 "ada@example.com",
		"ada@bücher.example":                   "ada@xn--bcher-kva.example",
		`"ada lovelace"@example.com`:           "",
		"jürgen@example.com":                   "",
		"ada@[192.0.2.1]":                      "",
		"ada@localhost":                        "",
		"ada@under_score.example":              "",
		strings.Repeat("a", 65) + "@x.example": "",
	} {
		a, err := email.Parse(in)
		if err != nil {
			t.Errorf("Parse(%q): %v", in, err)
			continue
		}
		got, ok := a.Lead()
		if !ok {
			got = ""
		}
		if got != want {
			t.Errorf("Parse(%q).Lead() = %q, want %q", in, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"ada@example.com", `"a\"b c"@example.com`, "(a(b)c)ada . b@[IPv6:::1]", "ju\u0308rgen@bücher.example", "a@xn--bcher-kva.example",
		"\"\\\x00\"@a.b", "a@b\r\n c.d", "@", "a@[x\\]y]", "a@1.2", "a@Nℶ", "\"000\x7f 0\"@0", "a@KELVIN\u212a.example",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := email.Parse(s)
		if err != nil {
			if diff := cmp.Diff(email.Address{}, a); diff != "" {
				t.Errorf("Parse(%q) failed with something (-want +got):\n%s", s, diff)
			}
			if normalize.ValidEmail(s) && err.Error() != "not an e-mail address: the domain is no international domain name" {
				t.Errorf("Parse(%q): %v, but leads have it", s, err)
			}
			return
		}
		lead, ok := a.Lead()
		if (a.Form == email.Plain) && !ok {
			t.Errorf("Parse(%q) is plain, but no lead can have %q", s, lead)
		}
		if ok {
			if got, valid := normalize.Email(lead); !valid || got != lead {
				t.Errorf("Parse(%q).Lead() = %q, which is normalised to %q", s, lead, got)
			}
		}
		if normalize.ValidEmail(s) && (!ok || a.Form != email.Plain || lead != strings.ToLower(s)) {
			t.Errorf("Parse(%q) = %+v, but leads have it", s, a)
		}
		if a.Form == email.Unmailable {
			return
		}
		again, err := email.Parse(a.String())
		if err != nil || again.Local != a.Local || again.Domain != a.Domain || again.Form > max(a.Form, email.Quoted) || again.String() != a.String() {
			t.Errorf("Parse(%q) = %+v, written %q, read again %+v, %v", s, a, a.String(), again, err)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	for name, s := range map[string]string{"plain": "ada.lovelace@example.com", "odd": `(to) "ada lovelace"@bücher.example`} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := email.Parse(s); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
