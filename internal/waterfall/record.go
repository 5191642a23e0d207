package waterfall

import (
	"time"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/email"
	"github.com/messageai/sluice/internal/money"
)

// Record is what one turn of a chunk at a provider used: from it and the rows
// that went in, the rows that came out follow.
type Record struct {
	Provider string     `json:"provider"`
	Answers  []Recorded `json:"answers,omitempty"` // in the order in which rows got them
	// Taken are the people found whom another chunk or run holds, by the ids under
	// which people are claimed.
	Taken []string `json:"taken,omitempty"`
	// Suppressed are rows that were on the do-not-contact list, and how many
	// answers had been given then.
	Suppressed map[int]int `json:"suppressed,omitempty"`
	Checks     []Checked   `json:"checks,omitempty"` // of addresses, in the DNS
}

// Checked is what the DNS said about the addresses of rows, see [Waterfall.Check].
type Checked struct {
	After int                   `json:"after"` // so many answers had been given then
	At    time.Time             `json:"at"`
	Rows  []int                 `json:"rows"`
	Mail  map[string]email.Mail `json:"mail,omitempty"` // by domain; one without an answer is missing
}

// Again gives the rows what the DNS said then.
func (c Checked) Again(w *Waterfall, rows []domain.Row) {
	for _, i := range c.Rows {
		if host, ok := w.Doubt(&rows[i]); ok {
			w.Check(&rows[i], host, c.Mail[host], c.At)
		}
	}
}

// Recorded is one answer that a turn used.
type Recorded struct {
	Key    string    `json:"key"` // name of the question in the cache
	Op     string    `json:"op"`
	Rows   []int     `json:"rows"`            // which got it
	About  []string  `json:"about,omitempty"` // [Subjects]
	At     time.Time `json:"at"`              // when it was used
	Until  time.Time `json:"until"`           // from then on it may not be used any more
	Fresh  time.Time `json:"fresh,omitzero"`  // until when it is worth more than asking again
	Answer Answer    `json:"answer"`
	// Withheld: the provider's terms forbid keeping what it said.
	Withheld bool        `json:"withheld,omitempty"`
	Paid     money.Micro `json:"paid,omitempty"`  // by this chunk
	Worth    money.Micro `json:"worth,omitempty"` // what it would have cost without the cache
	Cached   bool        `json:"cached,omitempty"`
	TookMS   int64       `json:"tookMs,omitempty"`
}

// Usable reports whether the answer may be used at a time.
func (r Recorded) Usable(now time.Time) bool { return !r.Withheld && now.Before(r.Until) }

// Given returns the answer as the first of its rows got it. To the others it
// was free.
func (r Recorded) Given() Answer {
	a := r.Answer
	a.Cached, a.TookMS, a.Now = r.Cached, r.TookMS, r.At
	if a.Cached {
		a.Cost = 0
	}
	return a
}

// Again returns the answer as rows after the first one get it.
func (a Answer) Again() Answer {
	a.Cost, a.Cached, a.TookMS = 0, true, 0
	return a
}
