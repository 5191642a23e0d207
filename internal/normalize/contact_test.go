package normalize_test

import (
	"testing"

	"github.com/messageai/sluice/internal/normalize"
)

func TestAContactHasOneForm(t *testing.T) {
	t.Parallel()
	for want, spellings := range map[string][]string{
		"dana@acme.example":                     {"dana@acme.example", " DANA@Acme.Example ", "Dana <dana@acme.example>"},
		"acme.example":                          {"acme.example", "https://www.acme.example/", "HTTP://ACME.example", "www.acme.example"},
		"https://people.example/in/dana-okafor": {"https://people.example/in/dana-okafor", "https://PEOPLE.example/in/Dana-Okafor/", "https://people.example/in/dana-okafor?trk=x"},
		"https://www.linkedin.com/in/ada":       {"https://www.linkedin.com/in/ada", "http://de.linkedin.com/in/Ada/", "linkedin.com/in/ada"},
	} {
		for _, s := range spellings {
			if got, ok := normalize.Contact(s); !ok || got != want {
				t.Errorf("Contact(%q) = %q, %t; want %q", s, got, ok, want)
			}
		}
	}
	for _, s := range []string{"", "   ", "dana@", "@", "hello world"} {
		if got, ok := normalize.Contact(s); ok {
			t.Errorf("Contact(%q) = %q, want it refused", s, got)
		}
	}
}
