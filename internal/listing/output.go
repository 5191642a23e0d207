package listing

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/messageai/sluice/internal/domain"
)

// Prefix begins the name of every column that a run adds.
const Prefix = "sluice_"

// addedColumns stand after the columns of the input.
var addedColumns = []string{
	Prefix + "id", Prefix + "state", Prefix + "score", Prefix + "confidence", Prefix + "quality", Prefix + "reason",
	Prefix + "first_name", Prefix + "last_name", Prefix + "email", Prefix + "phone", Prefix + "domain", Prefix + "country",
	Prefix + "missing", Prefix + "problems", Prefix + "line", Prefix + "duplicate_of_line",
}

// badColumns are those of the file of bad rows.
var badColumns = []string{"line", "reason", "content"}

const receiptsEnding = ".receipts.jsonl.gz"

// Files are the paths that a run wrote. Every one is written by every run, if
// only with its heading, so that none is left over from an earlier one.
type Files struct {
	Leads      string `json:"leads"`
	Review     string `json:"review"`
	Rejected   string `json:"rejected"`
	Duplicates string `json:"duplicates"`
	Bad        string `json:"bad"`
	Receipts   string `json:"receipts"`
}

func filesFor(out string) Files {
	base := strings.TrimSuffix(out, filepath.Ext(out))
	if ext := filepath.Ext(out); !strings.EqualFold(ext, ".csv") && !strings.EqualFold(ext, ".txt") && !strings.EqualFold(ext, ".tsv") {
		base = out
	}
	return Files{
		Leads: out, Review: base + ".review.csv", Rejected: base + ".rejected.csv", Duplicates: base + ".duplicates.csv",
		Bad: base + ".bad.csv", Receipts: base + receiptsEnding,
	}
}

func (f Files) all() []string {
	return []string{f.Leads, f.Review, f.Rejected, f.Duplicates, f.Bad, f.Receipts}
}

// Places of the outputs in [outputs], in the order of Files.all.
const (
	outLeads = iota
	outReview
	outRejected
	outDuplicates
	outBad
	outReceipts
	outCount
)

// outFor tells where a row of a final state goes.
func outFor(s domain.State) int {
	switch s {
	case domain.Qualified:
		return outLeads
	case domain.Review:
		return outReview
	case domain.Rejected:
		return outRejected
	case domain.Duplicate:
		return outDuplicates
	}
	return outBad
}

// outputs are the files of a run while they are written, under names of their
// own.
type outputs struct {
	final []string
	files [outCount]*os.File
	w     [outCount]*bufio.Writer
}

func createOutputs(files Files) (*outputs, error) {
	o := &outputs{final: files.all()}
	for i, path := range o.final {
		f, err := os.CreateTemp(filepath.Dir(path), ".sluice-*.part")
		if err != nil {
			o.discard()
			if errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission) {
				return nil, userError("the folder of the output cannot be written to; create it or choose another --out")
			}
			return nil, fmt.Errorf("create an output file: %w", err)
		}
		o.files[i], o.w[i] = f, bufio.NewWriterSize(f, 1<<16)
	}
	return o, nil
}

func (o *outputs) write(i int, data []byte) error {
	if _, err := o.w[i].Write(data); err != nil {
		return fmt.Errorf("write an output file: %w", err)
	}
	return nil
}

// publish gives the files their final names. Until then nothing is seen of a run.
func (o *outputs) publish() error {
	for i, f := range o.files {
		if err := o.w[i].Flush(); err != nil {
			return fmt.Errorf("write an output file: %w", err)
		}
		if err := f.Sync(); err != nil {
			return fmt.Errorf("write an output file: %w", err)
		}
		if err := f.Close(); err != nil {
			return fmt.Errorf("write an output file: %w", err)
		}
	}
	for i, f := range o.files {
		if err := os.Rename(f.Name(), o.final[i]); err != nil {
			return fmt.Errorf("name an output file: %w", err)
		}
		o.files[i] = nil
	}
	return nil
}

// discard removes what was not published.
func (o *outputs) discard() {
	for i, f := range o.files {
		if f != nil {
			_ = f.Close() // it may be closed already, and is removed anyway
			_ = os.Remove(f.Name())
			o.files[i] = nil
		}
	}
}
