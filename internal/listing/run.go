package listing

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/lexical"
	"github.com/messageai/sluice/internal/scoring"
)

// Options say what to score and where to write it.
type Options struct {
	ICP domain.ICP
	// Input is read to its end if it is set; else the file at InputPath is.
	Input     io.Reader
	InputPath string
	// Out is the path of the leads; the other files go beside it, see [Files].
	Out string
	// Map chooses columns by field ([Fields]) where their names do not say it.
	Map        map[string]string
	Thresholds domain.Thresholds // zero: the defaults
	// Country is where phone numbers without country code belong if their row
	// does not say; "" leaves them unread.
	Country string
	// Now dates receipts and ages signals. Required.
	Now time.Time
	// Workers is the number of rows in work at a time in batches; zero: one per processor.
	Workers int
	// Progress is called now and then from one goroutine; it should not block.
	Progress func(Progress)
}

// Progress tells how far a run is.
type Progress struct {
	Rows  int
	Bytes int64 // of the input that were read, after decoding
	Size  int64 // of the input; zero if it is not known
}

// Result is what a run did.
type Result struct {
	Counts domain.Counts
	Files  Files
	// Columns is the column that each field was read from.
	Columns  map[string]string
	Unmapped []string // columns that were kept but not understood
	Notes    []string // what the user should know
	Model    string   // embedding model behind the scores
}

// Run scores a list. Anything wrong with the input, the ICP or the options is a
// fault InvalidInput whose message says what to do. If Run fails, no file was
// written or changed.
func Run(ctx context.Context, opts Options) (Result, error) {
	if opts.Thresholds == (domain.Thresholds{}) {
		opts.Thresholds = domain.DefaultThresholds()
	}
	if err := opts.validate(); err != nil {
		return Result{}, err
	}
	profile, err := scoring.Compile(opts.ICP)
	if err != nil {
		return Result{}, err
	}
	in, size, err := opts.open()
	if err != nil {
		return Result{}, err
	}
	defer func() { _ = in.Close() }()
	rows, f, err := open(in, opts.Map)
	if err != nil {
		return Result{}, err
	}
	embedder := lexical.New()
	lens, err := calibrate(embedder, opts.ICP)
	if err != nil {
		return Result{}, err
	}
	j := &judge{
		reader: newReader(f, opts.Country, opts.Now), profile: profile.WithThresholds(opts.Thresholds), thresholds: opts.Thresholds,
		lens: lens, embedder: embedder, delim: f.delim,
	}
	result := Result{Files: filesFor(opts.Out), Columns: map[string]string{}, Unmapped: f.columns.unmapped, Model: embedder.Model()}
	for field, i := range f.columns.at {
		result.Columns[field] = f.header[i]
	}
	result.Notes = notes(f, profile)
	var names []string
	for i, h := range f.header {
		if !strings.HasPrefix(strings.ToLower(h), Prefix) { // of an earlier run: replaced by ours
			j.kept, names = append(j.kept, i), append(names, Guarded(h))
		}
	}
	out, err := createOutputs(result.Files)
	if err != nil {
		return Result{}, err
	}
	defer out.discard()
	if err := writeHeadings(out, j, f, append(names, addedColumns...)); err != nil {
		return Result{}, err
	}
	p := &pipeline{judge: j, workers: opts.Workers, progress: opts.Progress, size: size, out: out}
	if result.Counts, err = p.run(ctx, rows); err != nil {
		return Result{}, fmt.Errorf("score the list: %w", err)
	}
	if result.Counts.In == 0 {
		return Result{}, userError("the input has column names but no rows")
	}
	if !result.Counts.Balanced() {
		return Result{}, fault.New(fault.Internal, "listing.run", "the rows do not balance; nothing was written")
	}
	return result, out.publish()
}

func (o *Options) validate() error {
	switch {
	case o.Out == "":
		return userError("--out is missing: the path of the leads file to write")
	case o.Input == nil && o.InputPath == "":
		return userError("--input is missing: the path of the CSV file to read")
	case o.Now.IsZero():
		return fault.New(fault.Internal, "listing.run", "the run has no time")
	}
	if info, err := os.Stat(o.Out); err == nil && info.IsDir() {
		return userError("--out is a folder; give the path of a file, for example %s", o.Out+"/leads.csv")
	}
	return o.Thresholds.Validate()
}

func (o *Options) open() (io.ReadCloser, int64, error) {
	if o.Input != nil {
		return io.NopCloser(o.Input), 0, nil
	}
	f, err := os.Open(o.InputPath) //nolint:gosec // G304: the user names the file
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil, 0, userError("there is no file at the path given with --input")
		}
		return nil, 0, userError("the file given with --input cannot be read; check its permissions")
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = userError("--input is a folder; give the path of a CSV file")
	}
	for _, path := range filesFor(o.Out).all() {
		if other, statErr := os.Stat(path); err == nil && statErr == nil && os.SameFile(info, other) {
			err = userError("the output would overwrite the input; choose another --out")
		}
	}
	if err != nil {
		_ = f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}

func calibrate(e *lexical.Embedder, icp domain.ICP) (*scoring.Lens, error) {
	vectors := func(texts []string) [][]float32 {
		out := make([][]float32, len(texts))
		for i, text := range texts {
			out[i] = e.Vector(text)
		}
		return out
	}
	var texts []string
	for _, text := range scoring.ProfileTexts(icp) {
		texts = append(texts, text.Text)
	}
	return scoring.NewLens(e.Model(), icp, vectors(texts), vectors(scoring.IdealTexts(icp)), vectors(scoring.BackgroundTexts()))
}

func notes(f form, profile *scoring.Profile) []string {
	out := slices.Clone(f.columns.notes)
	if f.preamble > 0 {
		out = append(out, fmt.Sprintf("%d rows before the column names were skipped", f.preamble))
	}
	if f.encoding != "UTF-8" {
		out = append(out, "the input is "+f.encoding+"; the outputs are UTF-8")
	}
	for _, s := range profile.Ignored() {
		out = append(out, "not scored: "+s)
	}
	return out
}

func writeHeadings(out *outputs, j *judge, f form, names []string) error {
	w := newWorker(j)
	for i := range w.csv {
		if i == outReceipts {
			continue
		}
		if f.bom {
			w.out[i].WriteString("\uFEFF")
		}
		heading := names
		if i == outBad {
			heading = badColumns
		}
		if err := w.csv[i].Write(heading); err != nil {
			return fmt.Errorf("write an output file: %w", err)
		}
		w.csv[i].Flush()
		if err := out.write(i, w.out[i].Bytes()); err != nil {
			return err
		}
	}
	return nil
}
