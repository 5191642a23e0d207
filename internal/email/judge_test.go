package email_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/email"
	"github.com/messageai/sluice/internal/sandbox/market"
)

var today = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)

func daysAgo(n int) time.Time { return today.AddDate(0, 0, -n) }

func says(by string, status domain.EmailStatus, days int) email.Verdict {
	return email.Verdict{By: by, Status: status, At: daysAgo(days)}
}

func TestJudge(t *testing.T) {
	t.Parallel()
	const ada = "ada.lovelace@acme.example"
	safe, invalid, risky, unknown := domain.EmailSafe, domain.EmailInvalid, domain.EmailRisky, domain.EmailUnknown
	for name, test := range map[string]struct {
		facts email.Facts
		want  domain.EmailStatus
		why   string // the first reason
	}{
		"no address":               {email.Facts{Address: "ada at acme"}, invalid, `not an e-mail address: it has no "@"`},
		"too long":                 {email.Facts{Address: strings.Repeat("a", 65) + "@acme.example"}, invalid, "no mail server takes such an address (RFC 5321)"},
		"null MX":                  {email.Facts{Address: ada, Mail: email.MailNull, Verdicts: []email.Verdict{says("v", safe, 0)}}, invalid, "the domain says that it takes no mail"},
		"no such domain":           {email.Facts{Address: ada, Mail: email.MailNone}, invalid, "the domain has no mail server and no address"},
		"DNS says nothing":         {email.Facts{Address: ada, Mail: email.MailUnknown}, domain.EmailUnchecked, "no verifier was asked"},
		"no mail server":           {email.Facts{Address: ada, Mail: email.MailAddress}, domain.EmailUnchecked, "no verifier was asked"},
		"safe":                     {email.Facts{Address: ada, Mail: email.MailServer, Verdicts: []email.Verdict{says("v", safe, 0)}}, safe, "a verifier reached the mailbox"},
		"undated":                  {email.Facts{Address: ada, Verdicts: []email.Verdict{{By: "v", Status: safe}}}, safe, "a verifier reached the mailbox"},
		"invalid":                  {email.Facts{Address: ada, Verdicts: []email.Verdict{says("v", invalid, 0)}}, invalid, "it would bounce"},
		"catch-all":                {email.Facts{Address: ada, Verdicts: []email.Verdict{says("v", risky, 0)}}, risky, "a verifier calls it risky"},
		"known catch-all":          {email.Facts{Address: ada, CatchAll: true, Verdicts: []email.Verdict{says("v", safe, 0)}}, risky, "the domain takes mail for any name"},
		"could not tell":           {email.Facts{Address: ada, Verdicts: []email.Verdict{says("v", unknown, 0)}}, unknown, "no verifier could tell"},
		"not asked":                {email.Facts{Address: ada, Verdicts: []email.Verdict{{By: "v"}}}, domain.EmailUnchecked, "no verifier was asked"},
		"they contradict":          {email.Facts{Address: ada, Verdicts: []email.Verdict{says("v", safe, 0), says("w", invalid, 0)}}, unknown, "verifiers contradict each other"},
		"one changed its mind":     {email.Facts{Address: ada, Verdicts: []email.Verdict{says("v", safe, 90), says("v", invalid, 0)}}, invalid, "it would bounce"},
		"two against one":          {email.Facts{Address: ada, Verdicts: []email.Verdict{says("v", safe, 200), says("w", invalid, 1), says("x", invalid, 1)}}, invalid, "it would bounce"},
		"last month":               {email.Facts{Address: ada, Verdicts: []email.Verdict{says("v", safe, 30)}}, safe, "a verifier reached the mailbox"},
		"half a year ago":          {email.Facts{Address: ada, Verdicts: []email.Verdict{says("v", safe, 180)}}, unknown, "what vouches for it is too old or too weak"},
		"too old":                  {email.Facts{Address: ada, Verdicts: []email.Verdict{says("v", safe, 70)}}, unknown, "what vouches for it is too old or too weak"},
		"old, but others say it":   {email.Facts{Address: ada, Agree: 2, Verdicts: []email.Verdict{says("v", safe, 70)}}, safe, "a verifier reached the mailbox"},
		"role":                     {email.Facts{Address: "sales@acme.example", Verdicts: []email.Verdict{says("v", safe, 0)}}, risky, "a function's mailbox, not a person's"},
		"role that bounces":        {email.Facts{Address: "sales@acme.example", Verdicts: []email.Verdict{says("v", invalid, 0)}}, invalid, "it would bounce"},
		"disposable":               {email.Facts{Address: "ada@mailinator.com", Verdicts: []email.Verdict{says("v", safe, 0)}}, risky, "the domain gives mailboxes away for an hour"},
		"free mail":                {email.Facts{Address: "ada@gmail.com", Verdicts: []email.Verdict{says("v", safe, 0)}}, safe, "a verifier reached the mailbox"},
		"odd":                      {email.Facts{Address: `"ada l"@acme.example`, Verdicts: []email.Verdict{says("v", safe, 0)}}, risky, "a legal address that most systems refuse"},
		"an unlikely guess":        {email.Facts{Address: ada, Chance: 0.05, Verdicts: []email.Verdict{says("v", safe, 0)}}, unknown, "what vouches for it is too old or too weak"},
		"that two verifiers found": {email.Facts{Address: ada, Chance: 0.15, Verdicts: []email.Verdict{says("v", safe, 0), says("w", safe, 0)}}, safe, "a verifier reached the mailbox"},
		"a guess":                  {email.Facts{Address: ada, Chance: 0.05}, domain.EmailUnchecked, "no verifier was asked"},
	} {
		got := email.Judge(test.facts, today)
		if got.Status != test.want || got.Reasons[0] != test.why {
			t.Errorf("%s: %+v, want %q, %s", name, got, test.want, test.why)
		}
		claims := got.Status != domain.EmailUnknown && got.Status != domain.EmailUnchecked
		if claims != (got.Confidence > 0.5) || !claims && got.Confidence != 0 {
			t.Errorf("%s: %s with confidence %v", name, got.Status, got.Confidence)
		}
	}
}

func TestReasons(t *testing.T) {
	t.Parallel()
	got := email.Judge(email.Facts{
		Address: "ada@gmail.com", Mail: email.MailAddress, Agree: 1, Differ: 2, Chance: 0.6,
		Verdicts: []email.Verdict{
			{By: "zerobounce", Status: domain.EmailUnknown, Reason: "greylisted", At: daysAgo(1)},
			{By: "hunter", Status: domain.EmailSafe, Reason: "valid", At: daysAgo(40)},
			{By: "hunter", Status: domain.EmailInvalid, At: daysAgo(90)},
			{By: "neverbounce", Status: domain.EmailUnknown, Reason: "unknown"},
		},
	}, today).Reasons
	want := []string{
		"what vouches for it is too old or too weak",
		"hunter: safe (valid), 40 days ago",
		"neverbounce: unknown",
		"zerobounce: unknown (greylisted), 1 days ago",
		"further sources that say the same: 1",
		"sources that say another address: 2",
		"guessed from the pattern of the domain",
		"the domain names no mail server, only an address",
		"a private address, which names no employer",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// randomFacts are facts about one address, any of them.
func randomFacts(r *rand.Rand, address string) email.Facts {
	statuses := []domain.EmailStatus{domain.EmailUnchecked, domain.EmailSafe, domain.EmailRisky, domain.EmailInvalid, domain.EmailUnknown}
	f := email.Facts{
		Address: address, Agree: r.IntN(4), Differ: r.IntN(3), CatchAll: r.IntN(8) == 0,
		Mail: []email.Mail{"", "", email.MailServer, email.MailServer, email.MailServer, email.MailAddress, email.MailNull, email.MailNone}[r.IntN(8)],
	}
	if r.IntN(3) == 0 {
		f.Chance = r.Float64()
	}
	for range r.IntN(5) {
		v := email.Verdict{By: fmt.Sprint("v", r.IntN(4)), Status: statuses[r.IntN(len(statuses))], Reason: fmt.Sprint(r.IntN(2))}
		if r.IntN(6) > 0 {
			v.At = daysAgo(r.IntN(400) - 10)
		}
		f.Verdicts = append(f.Verdicts, v)
	}
	return f
}

// Whatever is known: laws that must hold between judgements.
func FuzzJudge(f *testing.F) {
	addresses := []string{"ada@acme.example", "Ada@Acme.example", "ada@gmail.com", "Info@acme.example", `"a b"@x.example`, "ada@mailinator.com", "no"}
	for seed := range uint64(500) {
		f.Add(seed, addresses[seed%uint64(len(addresses))])
	}
	f.Fuzz(func(t *testing.T, seed uint64, address string) {
		r := rand.New(rand.NewPCG(seed, 1))
		facts := randomFacts(r, address)
		got := email.Judge(facts, today)
		same := func(law string, other email.Facts) {
			t.Helper()
			if diff := cmp.Diff(got, email.Judge(other, today)); diff != "" {
				t.Errorf("%s: %+v (-first +second):\n%s", law, facts, diff)
			}
		}
		if got.Confidence < 0 || got.Confidence > 1 || math.IsNaN(got.Confidence) || len(got.Reasons) == 0 {
			t.Errorf("%+v: %+v", facts, got)
		}
		shuffled := facts
		shuffled.Verdicts = slices.Clone(facts.Verdicts)
		r.Shuffle(len(shuffled.Verdicts), func(i, j int) {
			shuffled.Verdicts[i], shuffled.Verdicts[j] = shuffled.Verdicts[j], shuffled.Verdicts[i]
		})
		same("the order of verdicts", shuffled)
		twice := facts
		twice.Verdicts = slices.Concat(facts.Verdicts, facts.Verdicts)
		same("a verdict heard twice", twice)
		if a, err := email.Parse(address); err == nil {
			if lead, ok := a.Lead(); ok && a.Form != email.Unmailable {
				normal := facts
				normal.Address = lead
				same("the normal form", normal)
			}
		}
		// A failure of the DNS says nothing: it is as good as a mail server, and
		// never makes an address invalid that is not.
		blind := facts
		blind.Mail = email.MailUnknown
		served := facts
		served.Mail = email.MailServer
		if diff := cmp.Diff(email.Judge(served, today), email.Judge(blind, today)); diff != "" {
			t.Errorf("a DNS failure (-server +failure):\n%s", diff)
		}
		if facts.Mail.Refused() && got.Status != domain.EmailInvalid {
			t.Errorf("a domain without mail: %+v", got)
		}
		if len(facts.Verdicts) == 0 && got.Status == domain.EmailSafe {
			t.Errorf("safe without a verifier: %+v", facts)
		}
		// more is at most as good as less: safe only if that is, and no surer.
		ordered := func(law string, more, less email.Judgement) {
			t.Helper()
			if more.Status == domain.EmailSafe && (less.Status != domain.EmailSafe || less.Confidence < more.Confidence) {
				t.Errorf("%s: %+v, then %+v", law, more, less)
			}
		}
		better, worse := facts, facts
		better.Verdicts = append(slices.Clone(facts.Verdicts), email.Verdict{By: "new", Status: domain.EmailSafe})
		worse.Verdicts = append(slices.Clone(facts.Verdicts), email.Verdict{By: "new", Status: domain.EmailInvalid})
		ordered("a verifier more that calls it safe", got, email.Judge(better, today))
		ordered("a verifier more that calls it invalid", email.Judge(worse, today), got)
		ordered("half a year later", email.Judge(facts, today.AddDate(0, 6, 0)), got)
	})
}

// verifier is how often one calls a dead mailbox safe and a living one invalid,
// cannot tell, and does not notice that a domain takes anything.
type verifier struct {
	name                                   string
	wrongSafe, wrongInvalid, blind, misses float64
}

func (v verifier) ask(r *rand.Rand, box market.Mailbox, alive bool) domain.EmailStatus {
	answer, wrong := domain.EmailInvalid, v.wrongSafe
	if alive {
		answer, wrong = domain.EmailSafe, v.wrongInvalid
	}
	switch {
	case r.Float64() < v.blind:
		return domain.EmailUnknown
	case !box.Domain:
		return domain.EmailInvalid
	case box.CatchAll && r.Float64() < v.misses:
		return domain.EmailSafe
	case box.CatchAll:
		return domain.EmailRisky
	case r.Float64() >= wrong:
		return answer
	case alive:
		return domain.EmailInvalid
	}
	return domain.EmailSafe
}

// On the synthetic market, with addresses as a source has them, right, guessed
// and of people who left, verdicts up to a year old, and mailboxes that die by
// 2.1 % a month: what is called safe hardly bounces, and confidence means what
// it says.
func TestSafeHardlyBounces(t *testing.T) {
	t.Parallel()
	m, err := market.New(market.Options{Seed: 11, People: 15_000, Now: today})
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(4, 4))
	verifiers := []verifier{{"a", 1.0 / 30, 0.01, 0.05, 0.02}, {"b", 0.02, 0.02, 0.08, 0.05}, {"c", 0.04, 0, 0.02, 0}}
	const year = 365
	type tally struct {
		all, bounced int
		sure         float64
	}
	tests := []struct {
		name    string
		oldest  int // verdict, in days
		most    float64
		tallies map[domain.EmailStatus]*tally
	}{
		{"fresh", 1, 0.02, map[domain.EmailStatus]*tally{}},
		{"up to a year old", year, 0.03, map[domain.EmailStatus]*tally{}},
	}
	for p := range m.People() {
		address := m.Source("apollo").Profile(p, 0).Email
		if address == "" {
			continue
		}
		box := m.Mailbox(address)
		lives := -30 * math.Log(1-r.Float64()) / -math.Log(0.979) // days from a year ago
		for _, test := range tests {
			facts := email.Facts{Address: address, Mail: email.MailServer}
			for _, v := range verifiers[:1+p%3] {
				days := r.IntN(test.oldest)
				status := v.ask(r, box, box.Exists && float64(year-days) < lives)
				facts.Verdicts = append(facts.Verdicts, email.Verdict{By: v.name, Status: status, At: daysAgo(days)})
			}
			got := email.Judge(facts, today)
			n := test.tallies[got.Status]
			if n == nil {
				n = &tally{}
				test.tallies[got.Status] = n
			}
			n.all++
			n.sure += got.Confidence
			if !box.Domain || !box.CatchAll && (!box.Exists || lives < year) {
				n.bounced++
			}
		}
	}
	for _, test := range tests {
		share := func(s domain.EmailStatus) (bounced, sure float64) {
			n := test.tallies[s]
			bounced, sure = float64(n.bounced)/float64(n.all), n.sure/float64(n.all)
			t.Logf("%s: %s: %d addresses, %.4f bounce, mean confidence %.4f", test.name, s, n.all, bounced, sure)
			return bounced, sure
		}
		bounced, sure := share(domain.EmailSafe)
		if bounced > test.most || math.Abs(1-sure-bounced) > 0.02 {
			t.Errorf("%s: of the safe addresses %.4f bounce, with confidence %.4f; want %.2f at most", test.name, bounced, sure, test.most)
		}
		if bounced, sure = share(domain.EmailInvalid); math.Abs(sure-bounced) > 0.03 {
			t.Errorf("%s: of the invalid addresses %.4f bounce, with confidence %.4f", test.name, bounced, sure)
		}
		share(domain.EmailUnknown)
		share(domain.EmailRisky)
	}
}

func BenchmarkJudge(b *testing.B) {
	facts := email.Facts{
		Address: "ada.lovelace@acme.example", Mail: email.MailServer,
		Verdicts: []email.Verdict{says("hunter", domain.EmailSafe, 10), says("neverbounce", domain.EmailUnknown, 0)},
	}
	b.ReportAllocs()
	for b.Loop() {
		email.Judge(facts, today)
	}
}
