package listing_test

import (
	"compress/gzip"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/listing"
	"github.com/messageai/sluice/internal/scoring"
)

var now = time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)

func sampleICP(t testing.TB) domain.ICP {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "scoring", "testdata", "enterprise_saas.json"))
	if err != nil {
		t.Fatal(err)
	}
	var icp domain.ICP
	if err := json.Unmarshal(raw, &icp); err != nil {
		t.Fatal(err)
	}
	return icp
}

func options(t testing.TB, in string) listing.Options {
	t.Helper()
	return listing.Options{ICP: sampleICP(t), Input: strings.NewReader(in), Out: filepath.Join(t.TempDir(), "leads.csv"), Now: now, Workers: 2}
}

// table reads an output by column names.
func table(t testing.TB, path string, comma rune) []map[string]string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r := csv.NewReader(strings.NewReader(strings.TrimPrefix(string(raw), "\uFEFF")))
	r.Comma = comma
	all, err := r.ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", filepath.Base(path), err)
	}
	var out []map[string]string
	for _, row := range all[1:] {
		m := map[string]string{}
		for i, v := range row {
			m[all[0][i]] = v
		}
		out = append(out, m)
	}
	return out
}

const people = `First Name,Last Name,Title,Company,Email,Phone,Country,Industry,Employees,Annual Revenue,Last Raised At,Note
Ada,Lovelace,CTO,Acme Inc.,Ada.Lovelace@Example.com,+1 415 555 2671,United States,Software,201-500,$20M,2026-11-01,"first, best"
Grace,Hopper,VP Eng,Beta GmbH,grace@beta.example,,UK,SaaS,120,,2026-10-20,
ADA,LOVELACE,Chief Technology Officer,ACME,ada@example.com,,USA,Software,300,,,again
Bob,Baker,Nurse,Clinic,bob@clinic.example,nonsense,Japan,Hospital & Health Care,20,,,"=HYPERLINK(""x"")"
Eve,Evans,CTO,,eve@corp.example,,,,,,,
,,,,,,,,,,,"only a note"
Too,Many,CTO,Gamma,x@gamma.example,,US,Software,300,,,note,extra
`

func TestRun(t *testing.T) {
	t.Parallel()
	opts := options(t, people)
	var progress []listing.Progress
	opts.Progress = func(p listing.Progress) { progress = append(progress, p) }
	got, err := listing.Run(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	want := domain.Counts{In: 7, Qualified: 2, Review: 1, Rejected: 1, Duplicate: 1, Failed: 2}
	if diff := cmp.Diff(want, got.Counts); diff != "" {
		t.Fatal(diff)
	}
	leads := table(t, got.Files.Leads, ',')
	ada := leads[0]
	if len(leads) != 2 || ada["First Name"] != "Ada" || ada["Email"] != "Ada.Lovelace@Example.com" || ada["Note"] != "first, best" {
		t.Errorf("the user's own columns changed: %v", leads)
	}
	for column, value := range map[string]string{
		"sluice_state": "qualified", "sluice_email": "ada.lovelace@example.com", "sluice_phone": "'+14155552671", "sluice_domain": "example.com",
		"sluice_country": "United States", "sluice_line": "2", "sluice_problems": "",
	} {
		if ada[column] != value {
			t.Errorf("%s = %q, want %q", column, ada[column], value)
		}
	}
	if ada["sluice_score"] < "0.800" || ada["sluice_reason"] == "" || ada["sluice_quality"] == "" {
		t.Errorf("Ada scored %s because %q, quality %s", ada["sluice_score"], ada["sluice_reason"], ada["sluice_quality"])
	}
	if dup := table(t, got.Files.Duplicates, ','); len(dup) != 1 || dup[0]["sluice_duplicate_of_line"] != "2" ||
		dup[0]["sluice_reason"] != "same name and company domain as line 2" || dup[0]["Note"] != "again" {
		t.Errorf("duplicates: %v", dup)
	}
	if rejected := table(t, got.Files.Rejected, ','); len(rejected) != 1 || rejected[0]["Note"] != `'=HYPERLINK("x")` || rejected[0]["sluice_problems"] != "phone is not valid" {
		t.Errorf("rejected: %v", rejected)
	}
	review := table(t, got.Files.Review, ',')
	if len(review) != 1 || review[0]["Last Name"] != "Evans" || !strings.HasPrefix(review[0]["sluice_reason"], "Too little is known") {
		t.Errorf("review: %v", review)
	}
	bad := table(t, got.Files.Bad, ',')
	wantBad := []map[string]string{
		{"line": "7", "reason": "nothing in the row says who it is about: no e-mail, profile, name, company or domain", "content": ",,,,,,,,,,,only a note"},
		{"line": "8", "reason": "the row has 13 cells, but there are 12 columns; a cell with a separator in it needs quotation marks", "content": "Too,Many,CTO,Gamma,x@gamma.example,,US,Software,300,,,note,extra"},
	}
	if diff := cmp.Diff(wantBad, bad); diff != "" {
		t.Error(diff)
	}
	if len(progress) == 0 || progress[len(progress)-1].Rows != 7 || progress[len(progress)-1].Bytes != int64(len(people)) {
		t.Errorf("progress: %+v", progress)
	}
	if diff := cmp.Diff([]string{"Note"}, got.Unmapped); diff != "" {
		t.Error(diff)
	}
}

// What is unknown neither rejects a row nor makes a lead of it.
func TestWhatIsUnknownWaitsForALook(t *testing.T) {
	t.Parallel()
	const list = "First Name,Last Name,Title,Company,Domain,Country,Company Country,Industry,Employees,Annual Revenue,Description\n" +
		",,,Acme,acme.example,,United States,Software,300,$20M,DevOps automation for engineering teams\n" +
		"Ann,Lee,,,,,,,,,\n"
	got, err := listing.Run(t.Context(), options(t, list))
	if err != nil {
		t.Fatal(err)
	}
	review := table(t, got.Files.Review, ',')
	if len(review) != 2 || !strings.HasPrefix(review[0]["sluice_reason"], "No person found yet") ||
		!strings.HasPrefix(review[1]["sluice_reason"], "Nothing is known yet") || !strings.Contains(review[1]["sluice_missing"], "person.title") {
		t.Errorf("%+v; for review are %v, want both rows with a reason", got.Counts, review)
	}
}

func TestWhy(t *testing.T) {
	t.Parallel()
	got, err := listing.Run(t.Context(), options(t, people))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{got.Files.Leads, got.Files.Review, got.Files.Rejected, got.Files.Duplicates} {
		for _, row := range table(t, path, ',') {
			for _, from := range []string{got.Files.Receipts, got.Files.Leads} {
				why, err := listing.Why(from, row["sluice_id"])
				if err != nil {
					t.Fatal(err)
				}
				if string(why.State) != row["sluice_state"] || why.Prospect.ID != row["sluice_id"] {
					t.Errorf("receipt of another row: %+v", why)
				}
				if why.State == domain.Duplicate {
					continue
				}
				if score := fmt.Sprintf("%.3f", why.Score.Score); score != row["sluice_score"] || scoring.Recompute(*why.Score) != why.Score.Score {
					t.Errorf("receipt says %s, the list %s", score, row["sluice_score"])
				}
				if c := why.Score.Criteria[0]; c.Known && (c.Source != "csv" || !c.FetchedAt.Equal(now)) {
					t.Errorf("the title's provenance: %+v", c)
				}
			}
		}
	}
	if _, err := listing.Why(got.Files.Receipts, "p_nobody"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("an unknown id: %v", err)
	}
	if _, err := listing.Why(filepath.Join(t.TempDir(), "none.csv"), "p_x"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("no receipts file: %v", err)
	}
	for _, junk := range []string{"junk", strings.Repeat("junk", 100), "\x1f\x8b\x08\x04\x00\x00\x00\x00\x04\xff\x08\x00SL\x04\x00\x01\x00\x00\x00"} {
		path := filepath.Join(t.TempDir(), "x.receipts.jsonl.gz")
		if err := os.WriteFile(path, []byte(junk), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := listing.Why(path, "p_x"); fault.KindOf(err) != fault.InvalidInput {
			t.Errorf("a file that is not ours: %v", err)
		}
	}
	// Any gzip reads it, one JSON value a line.
	f, err := os.Open(got.Files.Receipts)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(z)
	if err != nil || strings.Count(string(raw), "\n") != 5 {
		t.Errorf("gzip: %v, %d lines", err, strings.Count(string(raw), "\n"))
	}
}

func TestForms(t *testing.T) {
	t.Parallel()
	utf16le := func(s string) string {
		out := []byte{0xFF, 0xFE}
		for _, u := range utf16.Encode([]rune(s)) {
			out = append(out, byte(u), byte(u>>8))
		}
		return string(out)
	}
	const rows = "Vorname;Nachname;Firma;E-Mail;Land\nJürgen;Müller;\"Muster; Söhne\nGmbH\";j.mueller@muster.example;Deutschland\nAnna;Groß;X;anna@x.example;Österreich\n"
	for name, c := range map[string]struct {
		in    string
		comma rune
		bom   bool
	}{
		"semicolons":       {rows, ';', false},
		"with a BOM":       {"\uFEFF" + rows, ';', true},
		"UTF-16":           {utf16le(rows), ';', true},
		"CRLF":             {strings.ReplaceAll(rows, "\n", "\r\n"), ';', false},
		"old Mac":          {strings.ReplaceAll(rows, "\n", "\r"), ';', false},
		"sep line":         {"sep=;\n" + rows, ';', false},
		"tabs":             {strings.ReplaceAll(rows, ";", "\t"), '\t', false},
		"bars":             {strings.ReplaceAll(rows, ";", "|"), '|', false},
		"commas":           {strings.ReplaceAll(rows, ";", ","), ',', false},
		"Windows-1252":     {strings.NewReplacer("ü", "\xfc", "ö", "\xf6", "ß", "\xdf", "Ö", "\xd6").Replace(rows), ';', false},
		"notes in front":   {"Notes:\n\"When exporting, you may notice;\nthat\"\n\n" + rows, ';', false},
		"quoted header":    {"\"Vorname\";\"Nachname\"" + strings.TrimPrefix(rows, "Vorname;Nachname"), ';', false},
		"no newline after": {strings.TrimSuffix(rows, "\n"), ';', false},
		"short rows":       {strings.Replace(rows, "Land\n", "Land;Extra\n", 1), ';', false},
	} {
		got, err := listing.Run(t.Context(), options(t, c.in))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got.Counts.In != 2 || got.Counts.Failed != 0 || !got.Counts.Balanced() {
			t.Errorf("%s: %+v", name, got.Counts)
		}
		names := map[string]bool{}
		for _, path := range []string{got.Files.Leads, got.Files.Review, got.Files.Rejected} {
			for _, row := range table(t, path, c.comma) {
				names[row["sluice_first_name"]+" "+row["sluice_last_name"]+", "+row["sluice_country"]] = true
			}
		}
		if diff := cmp.Diff(map[string]bool{"Jürgen Müller, Germany": true, "Anna Groß, Austria": true}, names); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		raw, err := os.ReadFile(got.Files.Leads)
		if err != nil || strings.HasPrefix(string(raw), "\uFEFF") != c.bom {
			t.Errorf("%s: %v, byte-order mark where there was none, or none where there was one", name, err)
		}
	}
}

func TestUserErrors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		in     string
		change func(*listing.Options)
		say    string
	}{
		"empty":             {"", nil, "empty"},
		"blank":             {" \n\n \r\n", nil, "empty"},
		"only a BOM":        {"\uFEFF", nil, "empty"},
		"header only":       {"email,name\n", nil, "no rows"},
		"workbook":          {"PK\x03\x04rest", nil, "save it as"},
		"PDF":               {"%PDF-1.7", nil, "PDF"},
		"gzip":              {"\x1f\x8b\x08\x00", nil, "compressed"},
		"JSON":              {"[{\"email\":\"a@example.com\"}]", nil, "JSON"},
		"HTML":              {"<!DOCTYPE html><p>email</p>", nil, "web page"},
		"binary":            {"email\n" + strings.Repeat("\x00\x01", 100), nil, "not a text file"},
		"prose":             {"This is a letter.\nIt has no columns.\n", nil, "This is a letter."},
		"no usable column":  {"colour,shape\nred,round\n", nil, "the columns found are colour, shape"},
		"no header":         {"Ada,ada@example.com,+14155552671\nBob,bob@example.com,\n", nil, "looks like data"},
		"unknown field":     {"email\na@example.com\n", func(o *listing.Options) { o.Map = map[string]string{"mail": "email"} }, "there is no field"},
		"unknown column":    {"email\na@example.com\n", func(o *listing.Options) { o.Map = map[string]string{"email": "Mail"} }, "no column \"Mail\"; the columns found are email"},
		"no such file":      {"", func(o *listing.Options) { o.Input, o.InputPath = nil, "/no/such/file.csv" }, "no file"},
		"folder as input":   {"", func(o *listing.Options) { o.Input, o.InputPath = nil, t.TempDir() }, "folder"},
		"no output folder":  {"email\na@example.com\n", func(o *listing.Options) { o.Out = "/no/such/folder/leads.csv" }, "folder"},
		"folder as output":  {"email\na@example.com\n", func(o *listing.Options) { o.Out = t.TempDir() }, "folder"},
		"no output":         {"email\na@example.com\n", func(o *listing.Options) { o.Out = "" }, "--out"},
		"bad ICP":           {"email\na@example.com\n", func(o *listing.Options) { o.ICP = domain.ICP{} }, "name"},
		"bad threshold":     {"email\na@example.com\n", func(o *listing.Options) { o.Thresholds.Convert = 7 }, "threshold"},
		"unreadable header": {"\"email,name\na,b\n", nil, "column names"},
	} {
		opts := options(t, c.in)
		if c.change != nil {
			c.change(&opts)
		}
		_, err := listing.Run(t.Context(), opts)
		if fault.KindOf(err) != fault.InvalidInput || !strings.Contains(fault.Message(err), c.say) {
			t.Errorf("%s: %v; want InvalidInput with %q", name, err, c.say)
		}
		if err != nil && strings.Contains(err.Error(), "ada@example.com") {
			t.Errorf("%s: the error repeats personal data", name)
		}
		if entries, _ := os.ReadDir(filepath.Dir(opts.Out)); opts.Out != "" && name != "no output folder" && name != "folder as output" && len(entries) > 0 {
			t.Errorf("%s: files were left behind: %v", name, entries)
		}
	}
}

func TestInputIsNeverOverwritten(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "people.csv")
	if err := os.WriteFile(path, []byte(people), 0o600); err != nil {
		t.Fatal(err)
	}
	opts := options(t, "")
	opts.Input, opts.InputPath, opts.Out = nil, path, path
	if _, err := listing.Run(t.Context(), opts); fault.KindOf(err) != fault.InvalidInput {
		t.Errorf("the input may be overwritten: %v", err)
	}
	if raw, err := os.ReadFile(path); err != nil || string(raw) != people {
		t.Error("the input was changed")
	}
}

// failing breaks off in the middle of a list.
type failing struct {
	text string
	stop func() error
}

func (f *failing) Read(p []byte) (int, error) {
	if f.text == "" {
		return 0, f.stop()
	}
	n := copy(p, f.text)
	f.text = f.text[n:]
	return n, nil
}

func TestNothingHalfWritten(t *testing.T) {
	t.Parallel()
	body := "email,title\n" + strings.Repeat("a@example.com,CTO\n", 20_000)
	for name, stop := range map[string]func(context.CancelFunc) error{
		"read error": func(context.CancelFunc) error { return io.ErrUnexpectedEOF },
		"cancelled":  func(cancel context.CancelFunc) error { cancel(); return io.ErrUnexpectedEOF },
	} {
		ctx, cancel := context.WithCancel(t.Context())
		opts := options(t, "")
		opts.Input = &failing{body, func() error { return stop(cancel) }}
		old := filepath.Join(filepath.Dir(opts.Out), "leads.review.csv")
		if err := os.WriteFile(old, []byte("from before"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := listing.Run(ctx, opts); err == nil {
			t.Errorf("%s: no error", name)
		}
		cancel()
		entries, err := os.ReadDir(filepath.Dir(opts.Out))
		if err != nil {
			t.Fatal(err)
		}
		if raw, _ := os.ReadFile(old); len(entries) != 1 || string(raw) != "from before" {
			t.Errorf("%s: %v, and the earlier file says %q", name, entries, raw)
		}
	}
}

func TestOwnOutputAsInput(t *testing.T) {
	t.Parallel()
	first, err := listing.Run(t.Context(), options(t, people))
	if err != nil {
		t.Fatal(err)
	}
	opts := options(t, "")
	opts.Input, opts.InputPath = nil, first.Files.Leads
	second, err := listing.Run(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	a, b := table(t, first.Files.Leads, ','), table(t, second.Files.Leads, ',')
	if len(a) != len(b) || len(a[0]) != len(b[0]) || a[0]["sluice_score"] != b[0]["sluice_score"] {
		t.Errorf("scored again: %v and %v", a, b)
	}
}

// No cell of ours runs as a formula, whoever wrote it: not the user's cells nor
// the names of columns. Negative numbers are none, and what was guarded is read
// again as it was.
func TestNoCellIsAFormula(t *testing.T) {
	t.Parallel()
	const list = "email,title,country,industry,phone,=cmd,note,balance\n" +
		"ann@x.example,CTO,United States,Software,+1 415 555 2671,@SUM(A1),\"=HYPERLINK(\"\"http://x\"\")\",-12.50\n" +
		"bob@y.example,=CTO,United States,Software,,+cmd,\"\t=1+1\",-1+cmd\n"
	first, err := listing.Run(t.Context(), options(t, list))
	if err != nil {
		t.Fatal(err)
	}
	again := options(t, "")
	again.Input, again.InputPath = nil, first.Files.Leads
	second, err := listing.Run(t.Context(), again)
	if err != nil {
		t.Fatal(err)
	}
	for _, files := range []listing.Files{first.Files, second.Files} {
		for _, path := range []string{files.Leads, files.Review, files.Rejected, files.Duplicates, files.Bad} {
			for _, row := range table(t, path, ',') {
				for name, cell := range row {
					for _, text := range []string{name, cell} {
						if text != "" && strings.ContainsRune("=+-@\t\r", rune(text[0])) && text != "-12.50" {
							t.Errorf("%s has the cell %q, which a spreadsheet runs", filepath.Base(path), text)
						}
					}
				}
			}
		}
	}
	if first.Counts.Qualified != 2 || second.Counts.Qualified != 2 {
		t.Fatalf("%+v and then %+v, want two leads each", first.Counts, second.Counts)
	}
	ann := table(t, second.Files.Leads, ',')[0]
	if ann["balance"] != "-12.50" || ann["phone"] != "'+1 415 555 2671" || ann["sluice_phone"] != "'+14155552671" || ann["note"] != `'=HYPERLINK("http://x")` {
		t.Errorf("read again, the row is %v", ann)
	}
}

func TestMapOverridesAndConflicts(t *testing.T) {
	t.Parallel()
	in := "Email,E-Mail Adresse,Rolle im Team,Was\nx@example.com,y@example.org,CTO,Software\n"
	opts := options(t, in)
	opts.Map = map[string]string{"title": "rolle im team", "industry": "Was"}
	got, err := listing.Run(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"email": "Email", "title": "Rolle im Team", "industry": "Was"}, got.Columns); diff != "" {
		t.Error(diff)
	}
	if !slices.Contains(got.Notes, `email is read from column "Email", not from "E-Mail Adresse"; choose with --map email=Column`) {
		t.Errorf("the conflict is not reported: %q", got.Notes)
	}
}
