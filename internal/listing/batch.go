package listing

import (
	"bytes"
	"encoding/csv"
	"strconv"
	"strings"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/lexical"
	"github.com/messageai/sluice/internal/normalize"
	"github.com/messageai/sluice/internal/quality"
	"github.com/messageai/sluice/internal/scoring"
)

// A batch goes through the stages as one. It is small enough that a score of
// them in memory do not matter.
const (
	batchRows  = 256
	batchBytes = 1 << 20
)

type batch struct {
	items []item
	bytes int64         // of input, up to the end of this batch
	read  chan struct{} // closed when prospects and keys are there
	done  chan struct{} // closed when out and err are there
	out   [outCount][]byte
	err   error
}

func newBatch() *batch {
	return &batch{items: make([]item, 0, batchRows), read: make(chan struct{}), done: make(chan struct{})}
}

// judge is what scoring a row needs. It is immutable and shared by workers.
type judge struct {
	reader     *reader
	profile    *scoring.Profile
	thresholds domain.Thresholds
	lens       *scoring.Lens
	embedder   *lexical.Embedder
	kept       []int // columns of the input that are written again
	delim      byte
}

// worker is a judge with buffers of its own.
type worker struct {
	*judge
	packer *packer
	out    [outCount]bytes.Buffer
	csv    [outCount]*csv.Writer
	cells  []string
}

func newWorker(j *judge) *worker {
	w := &worker{judge: j, packer: newPacker()}
	for i := range w.csv {
		w.csv[i] = csv.NewWriter(&w.out[i])
		if i != outBad {
			w.csv[i].Comma = rune(j.delim)
		}
	}
	return w
}

// readBatch is the first stage: cells to prospects and keys.
func (w *worker) readBatch(b *batch) {
	for i := range b.items {
		w.reader.read(&b.items[i])
	}
	close(b.read)
}

// scoreBatch is the third stage, after duplicates are known: scores, states and
// the bytes to write.
func (w *worker) scoreBatch(b *batch) {
	defer close(b.done)
	for i := range b.items {
		it := &b.items[i]
		if it.row.State == "" {
			w.score(it)
		}
		out := outFor(it.row.State)
		if out == outBad {
			w.cells = append(w.cells[:0], strconv.Itoa(it.rec.line), Guarded(it.row.Reason), Guarded(strings.Join(it.rec.fields, string(rune(w.delim)))))
		} else {
			w.fillCells(it)
			if b.err = w.packer.add(it.row); b.err != nil {
				return
			}
		}
		if b.err = w.csv[out].Write(w.cells); b.err != nil {
			return
		}
	}
	for i := range w.csv {
		w.csv[i].Flush()
		if b.out[i] = bytes.Clone(w.out[i].Bytes()); i == outReceipts {
			b.out[i], b.err = w.packer.member()
		}
		w.out[i].Reset()
	}
}

func (w *worker) score(it *item) {
	p := it.row.Prospect
	sem := w.lens.See(w.embedder.Vector(scoring.ProspectText(p)))
	receipt := scoring.Score(p, w.profile, sem, w.reader.now)
	q := quality.Score(p, w.reader.now)
	it.row.Score, it.row.Quality = &receipt, &q
	state, why := scoring.Decide(p, receipt, w.thresholds)
	reasons := scoring.Reasons(receipt)
	it.row.State, it.row.Reason = state, strings.Join(reasons[:min(2, len(reasons))], "; ")
	if why != "" {
		it.row.Reason = why + ". " + it.row.Reason
	}
}

func (w *worker) fillCells(it *item) {
	w.cells = w.cells[:0]
	for _, i := range w.kept {
		if i < len(it.rec.fields) {
			w.cells = append(w.cells, Guarded(it.rec.fields[i]))
		} else {
			w.cells = append(w.cells, "")
		}
	}
	p, row := &it.row.Prospect, &it.row
	score, confidence, trust, missing := "", "", "", ""
	if row.Score != nil {
		score, confidence = fixed(row.Score.Score), fixed(row.Score.Confidence)
		trust, missing = fixed(row.Quality.Score), strings.Join(row.Score.Unknown, ", ")
	}
	at := p.Company.Domain
	if at == "" {
		if d, ok := normalize.Domain(normalize.EmailDomain(p.Contact.Email)); ok && !normalize.FreeMail(d) {
			at = d
		}
	}
	duplicateOf := ""
	if row.State == domain.Duplicate {
		duplicateOf = strconv.Itoa(it.duplicateOf)
	}
	w.cells = append(w.cells, p.ID, string(row.State), score, confidence, trust, Guarded(row.Reason),
		Guarded(p.Person.FirstName), Guarded(p.Person.LastName), Guarded(p.Contact.Email), Guarded(p.Contact.Phone), Guarded(at),
		Guarded(p.Person.Country), missing, Guarded(strings.Join(it.problems, "; ")), strconv.Itoa(it.rec.line), duplicateOf)
}

func fixed(x float64) string { return strconv.FormatFloat(x, 'f', 3, 64) }

// formula are the first characters that make a spreadsheet run a cell.
const formula = "=+-@\t\r"

// Guarded keeps a spreadsheet from running a cell as a formula, with an
// apostrophe in front (OWASP, "CSV injection"). A negative number is none.
func Guarded(s string) string {
	if s == "" || strings.IndexByte(formula, s[0]) < 0 || s[0] == '-' && isNumber(s[1:]) {
		return s
	}
	return "'" + s
}

func isNumber(s string) bool {
	return s != "" && strings.Trim(s, "0123456789.,") == ""
}

// Unguarded takes the apostrophe of [Guarded] off a cell that is read again.
func Unguarded(s string) string {
	if len(s) > 1 && s[0] == '\'' && strings.IndexByte(formula, s[1]) >= 0 {
		return s[1:]
	}
	return s
}
