package enrich

import (
	"context"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/messageai/sluice/internal/budget"
	"github.com/messageai/sluice/internal/email"
	"github.com/messageai/sluice/internal/store"
	"github.com/messageai/sluice/internal/waterfall"
)

// Mail asks the DNS whether a domain takes mail; package email/mx does. It must
// bound its own time and answer [email.MailUnknown] rather than fail.
type Mail interface {
	Mail(ctx context.Context, domain string) email.Mail
}

// The bounds of asking the DNS: of one time for all rows that wait for a
// verifier. What is not answered then is unknown, and a verifier is asked.
const (
	mailAtOnce = 16
	mailTime   = 5 * time.Second
)

// mail is what one attempt has heard from the DNS.
//
// What the DNS says decides what is asked next, and it may say something else
// to the next attempt. So each reservation keeps the answers that made a
// difference: the next attempt goes the same way until it has found the
// questions that were out, and only then asks the DNS itself.
type mail struct {
	looked map[look]bool
	facts  []byte          // short names of answers that made a difference, for the next reservation
	noted  map[string]bool // the same
	then   map[string]bool // those of an earlier attempt; nil: the DNS is asked
}

// look is an address of a row whose domain was looked up.
type look struct {
	row  int
	host string
}

func newMail() *mail { return &mail{looked: map[look]bool{}, noted: map[string]bool{}} }

// telling are the answers that make a difference. That a domain has a mail
// server, and that nobody knows, come to the same.
func telling() []email.Mail { return []email.Mail{email.MailAddress, email.MailNull, email.MailNone} }

func factName(m email.Mail, host string) []byte {
	return budget.Short("mail " + string(m) + " " + host)
}

// recall takes over what an earlier attempt had heard when it left a
// reservation open.
func (m *mail) recall(left *store.Reservation) {
	if left == nil {
		return
	}
	m.then = map[string]bool{}
	for name := range slices.Chunk(left.Mail, store.QuestionSize) {
		m.then[string(name)] = true
	}
}

// forget ends the recall: from now on the DNS is asked.
func (m *mail) forget() {
	m.then = nil
	clear(m.looked)
}

func (m *mail) recalled(host string) email.Mail {
	for _, fact := range telling() {
		if m.then[string(factName(fact, host))] {
			return fact
		}
	}
	return email.MailUnknown
}

func (m *mail) note(host string, said email.Mail) {
	name := factName(said, host)
	if slices.Contains(telling(), said) && !m.noted[string(name)] {
		m.noted[string(name)] = true
		m.facts = append(m.facts, name...)
	}
}

// advance applies every answer that the cache has and what the DNS says, until
// each row is at a question that was never answered.
func (c *chunk) advance(ctx context.Context) error {
	for {
		if err := c.replay(ctx); err != nil {
			return err
		}
		if !c.check(ctx) {
			return nil
		}
	}
}

// check asks the DNS about the addresses of all rows that wait for a verifier,
// so that none is paid for a domain that takes no mail. It reports whether there
// were any. A failure of the DNS says nothing, and holds up no row.
func (c *chunk) check(ctx context.Context) bool {
	if c.Mail == nil {
		return false
	}
	checked := waterfall.Checked{After: len(c.used.Answers), At: c.Now().UTC(), Mail: map[string]email.Mail{}}
	var asked []look
	for i := range c.rows {
		host, ok := c.plan.Doubt(&c.rows[i])
		if l := (look{i, host}); ok && !c.mail.looked[l] {
			c.mail.looked[l] = true
			asked = append(asked, l)
		}
	}
	if len(asked) == 0 {
		return false
	}
	said := c.ask(ctx, asked)
	for _, l := range asked {
		if said[l.host] != email.MailUnknown {
			checked.Mail[l.host] = said[l.host]
		}
		checked.Rows = append(checked.Rows, l.row)
		c.plan.Check(&c.rows[l.row], l.host, said[l.host], checked.At)
	}
	c.used.Checks = append(c.used.Checks, checked)
	return true
}

// ask looks domains up, each once.
func (c *chunk) ask(ctx context.Context, about []look) map[string]email.Mail {
	said := map[string]email.Mail{}
	for _, l := range about {
		said[l.host] = c.mail.recalled(l.host)
	}
	if c.mail.then != nil {
		return said
	}
	ctx, cancel := context.WithTimeout(ctx, mailTime)
	defer cancel()
	hosts := slices.Sorted(maps.Keys(said))
	answers := make([]email.Mail, len(hosts))
	var g errgroup.Group
	g.SetLimit(mailAtOnce)
	for i, host := range hosts {
		g.Go(func() error {
			answers[i] = c.Mail.Mail(ctx, host)
			return nil
		})
	}
	_ = g.Wait() // it cannot fail
	for i, host := range hosts {
		said[host] = answers[i]
		c.mail.note(host, answers[i])
	}
	return said
}
