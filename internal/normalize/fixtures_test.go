package normalize_test

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/messageai/sluice/internal/normalize"
	"golang.org/x/net/idna"
)

// fixture opens a public test set beside the repository.
func fixture(t *testing.T, name string) *bufio.Scanner {
	t.Helper()
	path := filepath.Join("..", "..", "..", "shared", "fixtures", "quality", name)
	f, err := os.Open(path)
	if err != nil {
		if os.Getenv("SLUICE_REQUIRE_SHARED") == "1" {
			t.Fatalf("SLUICE_REQUIRE_SHARED=1, but the fixture is not there: %v", err)
		}
		t.Skipf("the shared fixture %s is not beside this repository", name)
	}
	t.Cleanup(func() { _ = f.Close() })
	scanner := bufio.NewScanner(f)
	scanner.Buffer(nil, 1<<20)
	return scanner
}

func TestIsEmailLeadPolicy(t *testing.T) {
	t.Parallel()
	lines, right, all := fixture(t, "isemail.jsonl"), 0, 0
	for lines.Scan() {
		var c struct{ Address, Category string }
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		all++
		want := c.Category == "VALID_CATEGORY" || c.Category == "DNSWARN"
		if got := normalize.ValidEmail(c.Address); got == want {
			right++
		} else {
			t.Logf("ValidEmail(%q) = %v, but it is %s", c.Address, got, c.Category)
		}
	}
	t.Logf("%d of %d", right, all)
	if all != 164 || right < 163 { // the one: test@io, which we refuse on purpose
		t.Errorf("%d of %d right, want 163 of 164", right, all)
	}
}

func TestPhoneSuite(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("3,696 numbers take a while")
	}
	lines, right, all := fixture(t, "phone.jsonl"), 0, 0
	for lines.Scan() {
		var c struct {
			Input, E164, Extension string
			Region                 string `json:"default_region"`
		}
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		if c.Region == "ZZ" {
			c.Region = ""
		}
		all++
		got, _ := normalize.Phone(c.Input, c.Region)
		if got.E164 == c.E164 && got.Extension == c.Extension {
			right++
		} else {
			t.Logf("Phone(%q, %q) = %+v, want %s ext %q", c.Input, c.Region, got, c.E164, c.Extension)
		}
	}
	t.Logf("%d of %d", right, all)
	if all != 3696 || right < all {
		t.Errorf("%d of %d right, want all of 3696", right, all)
	}
}

func TestPublicSuffixes(t *testing.T) {
	t.Parallel()
	lines, all := fixture(t, "psl_tests.txt"), 0
	for lines.Scan() {
		in, want, ok := strings.Cut(strings.TrimSpace(lines.Text()), " ")
		if !ok || strings.HasPrefix(in, "//") || in == "null" {
			continue
		}
		all++
		if want == "null" {
			want = ""
		} else if ascii, err := idna.ToASCII(want); err == nil {
			want = ascii
		}
		if got, _ := normalize.Domain(in); got != want {
			t.Errorf("Domain(%q) = %q, want %q", in, got, want)
		}
	}
	if all < 70 {
		t.Errorf("only %d cases were read", all)
	}
}
