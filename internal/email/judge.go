package email

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/messageai/sluice/internal/domain"
)

// Mail is what the DNS says about whether a domain takes mail. Package email/mx
// asks it.
type Mail string

// The answers of the DNS.
const (
	MailUnknown Mail = ""        // not asked, or there was no answer: says nothing
	MailServer  Mail = "server"  // the domain names a mail server
	MailAddress Mail = "address" // it names none, but has an address, which stands in (RFC 5321 section 5.1)
	MailNull    Mail = "null"    // it says that it takes no mail (RFC 7505)
	MailNone    Mail = "none"    // it has neither, or does not exist
)

// Refused reports whether no mail can be delivered.
func (m Mail) Refused() bool { return m == MailNull || m == MailNone }

// Verdict is what a verifier said about an address.
type Verdict struct {
	By     string             // name of the verifier
	Status domain.EmailStatus // zero: it was not asked
	Reason string             // the verifier's documented word for it, if any
	At     time.Time          // zero: now
}

// Facts is all that is known about an address. Only Address is required.
type Facts struct {
	Address  string
	Mail     Mail
	CatchAll bool      // the domain is known to take mail for any name
	Verdicts []Verdict // in any order; only the newest of each verifier counts
	Agree    int       // further sources that give the same address
	Differ   int       // sources that give another
	// Chance, in (0, 1), is how likely a guessed address is (the Chance of a
	// pattern's candidate); zero for an address that a source has given.
	Chance float64
}

// Judgement is the place of an address in the taxonomy.
type Judgement struct {
	Status     domain.EmailStatus // [domain.EmailUnchecked] if nothing speaks against it and no verifier was asked
	Confidence float64            // 0..1, the chance that the status is right; 0 for unknown and unchecked, which claim nothing
	Reasons    []string           // in words, the decisive one first; never personal data
}

// What verifiers are worth: the share of living and of dead mailboxes that are
// called safe, and invalid. Vendors claim better; these are cautious.
const (
	safeAlive, safeDead       = 0.93, 0.03
	invalidAlive, invalidDead = 0.01, 0.95
)

const (
	given = 0.75 // of the unverified addresses that sources give, this share works

	// Evidence beside verdicts, as odds.
	agreement    = 3.0
	disagreement = 0.4
	noServer     = 0.4
	mostSources  = 2 // sources copy each other: a third that agrees says nothing new

	// Verifiers ask the same server, so of all that say the same only the newest
	// counts in full, of the others the square root.
	repeated = 0.5

	monthly = 0.979 // of the mailboxes that exist, a month later: addresses decay by 2.1 % a month
	month   = 30 * 24 * time.Hour

	enoughSafe    = 0.95 // chance of delivery from which an address is safe
	enoughInvalid = 0.10 // and below which it is invalid

	certain   = 0.99
	likely    = 0.9
	contested = 0.6
)

// Judge weighs the facts. The same facts give the same judgement, whatever the
// order of verdicts and the spelling of the address. A verdict ages, since
// people leave: one that called an address safe stops doing so after some two
// months.
func Judge(f Facts, now time.Time) Judgement {
	a, err := Parse(f.Address)
	switch {
	case err != nil:
		return Judgement{domain.EmailInvalid, 1, []string{err.Error()}}
	case a.Form == Unmailable:
		return Judgement{domain.EmailInvalid, 1, []string{"no mail server takes such an address (RFC 5321)"}}
	case f.Mail == MailNull:
		return Judgement{domain.EmailInvalid, certain, []string{"the domain says that it takes no mail"}}
	case f.Mail == MailNone:
		return Judgement{domain.EmailInvalid, certain, []string{"the domain has no mail server and no address"}}
	}
	e := weigh(f, now)
	var j Judgement
	switch risk, sure := e.risk(f, a); {
	case e.invalid && e.works <= enoughInvalid:
		j = Judgement{domain.EmailInvalid, 1 - e.works, []string{"it would bounce"}}
	case len(risk) > 0:
		j = Judgement{domain.EmailRisky, sure, risk}
	case e.safe && e.works >= enoughSafe:
		j = Judgement{domain.EmailSafe, e.works, []string{"a verifier reached the mailbox"}}
	case e.safe && e.invalid:
		j = Judgement{domain.EmailUnknown, 0, []string{"verifiers contradict each other"}}
	case e.safe:
		j = Judgement{domain.EmailUnknown, 0, []string{"what vouches for it is too old or too weak"}}
	case len(e.verdicts) > 0:
		j = Judgement{domain.EmailUnknown, 0, []string{"no verifier could tell"}}
	default:
		j = Judgement{domain.EmailUnchecked, 0, []string{"no verifier was asked"}}
	}
	j.Reasons = append(j.Reasons, e.said(f, a, now)...)
	return j
}

// evidence is what the facts add up to.
type evidence struct {
	verdicts      []Verdict // the newest of each verifier, by name
	safe, invalid bool      // somebody said so
	works         float64   // chance that mail is delivered
}

// weigh follows the chance that mail is delivered from the oldest verdict to
// now: each verdict moves it, and between them mailboxes die. None comes back.
func weigh(f Facts, now time.Time) evidence {
	e := evidence{verdicts: newest(f.Verdicts), works: given}
	if f.Chance > 0 && f.Chance < 1 {
		e.works = f.Chance
	}
	e.hear(math.Pow(agreement, float64(min(f.Agree, mostSources))) * math.Pow(disagreement, float64(min(f.Differ, mostSources))))
	if f.Mail == MailAddress {
		e.hear(noServer)
	}
	inTime := slices.Clone(e.verdicts)
	slices.SortStableFunc(inTime, func(a, b Verdict) int { return cmp.Compare(age(now, b.At), age(now, a.At)) })
	counts := map[domain.EmailStatus]int{}
	for _, v := range inTime {
		counts[v.Status]++
	}
	e.safe, e.invalid = counts[domain.EmailSafe] > 0, counts[domain.EmailInvalid] > 0
	for i, v := range inTime {
		odds := 1.0
		switch v.Status {
		case domain.EmailSafe:
			odds = safeAlive / safeDead
		case domain.EmailInvalid:
			odds = invalidAlive / invalidDead
		default: // says nothing about this mailbox
		}
		if counts[v.Status]--; counts[v.Status] > 0 {
			odds = math.Pow(odds, repeated)
		}
		e.hear(odds)
		passed := age(now, v.At)
		if i+1 < len(inTime) {
			passed -= age(now, inTime[i+1].At)
		}
		e.works *= math.Pow(monthly, float64(passed)/float64(month))
	}
	return e
}

// hear moves the chance by the odds of a piece of evidence.
func (e *evidence) hear(odds float64) {
	e.works = e.works * odds / (e.works*odds + 1 - e.works)
}

// newest keeps the newest verdict of each verifier. Of two at the same moment
// the worse counts.
func newest(all []Verdict) []Verdict {
	out := slices.DeleteFunc(slices.Clone(all), func(v Verdict) bool { return v.Status == domain.EmailUnchecked })
	slices.SortFunc(out, func(a, b Verdict) int {
		at := b.At.Compare(a.At)
		if a.At.IsZero() != b.At.IsZero() { // zero is now
			at = -at
		}
		return cmp.Or(cmp.Compare(a.By, b.By), at, cmp.Compare(severity(a.Status), severity(b.Status)), cmp.Compare(a.Reason, b.Reason))
	})
	return slices.CompactFunc(out, func(a, b Verdict) bool { return a.By == b.By })
}

func severity(s domain.EmailStatus) int {
	return slices.Index([]domain.EmailStatus{domain.EmailInvalid, domain.EmailRisky, domain.EmailUnknown, domain.EmailSafe}, s)
}

// age is how old a verdict is; one without date, or from the future, is new.
func age(now, at time.Time) time.Duration {
	if at.IsZero() {
		return 0
	}
	return max(0, now.Sub(at))
}

// risk names what makes an address risky that may well receive mail, and how
// sure that is.
func (e evidence) risk(f Facts, a Address) (why []string, sure float64) {
	if _, ok := a.Lead(); !ok {
		why, sure = append(why, "a legal address that most systems refuse"), certain
	}
	class := Classify(f.Address)
	if class.Disposable {
		why, sure = append(why, "the domain gives mailboxes away for an hour"), certain
	}
	if class.Role {
		why, sure = append(why, "a function's mailbox, not a person's"), certain
	}
	warned := 0
	for _, v := range e.verdicts {
		if v.Status == domain.EmailRisky {
			warned++
		}
	}
	if f.CatchAll {
		why, sure = append(why, "the domain takes mail for any name"), max(sure, likely)
	}
	if warned > 0 {
		doubt := 1 - likely
		if e.safe {
			doubt = 1 - contested
		}
		why, sure = append(why, "a verifier calls it risky"), max(sure, 1-doubt*math.Pow(repeated, float64(warned-1)))
	}
	return why, sure
}

// said lists what was heard, the verdicts by name of the verifier.
func (e evidence) said(f Facts, a Address, now time.Time) (out []string) {
	for _, v := range e.verdicts {
		word := v.By + ": " + string(v.Status)
		if v.Reason != "" && v.Reason != string(v.Status) {
			word += " (" + v.Reason + ")"
		}
		if days := int(age(now, v.At) / (24 * time.Hour)); days > 0 {
			word += ", " + strconv.Itoa(days) + " days ago"
		}
		out = append(out, word)
	}
	if f.Agree > 0 {
		out = append(out, "further sources that say the same: "+strconv.Itoa(f.Agree))
	}
	if f.Differ > 0 {
		out = append(out, "sources that say another address: "+strconv.Itoa(f.Differ))
	}
	if f.Chance > 0 && f.Chance < 1 {
		out = append(out, "guessed from the pattern of the domain")
	}
	if f.Mail == MailAddress {
		out = append(out, "the domain names no mail server, only an address")
	}
	if isFreeMail(a.Domain) {
		out = append(out, "a private address, which names no employer")
	}
	return out
}
