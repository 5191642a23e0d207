package listing

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/messageai/sluice/internal/dedup"
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
	Thresholds scoring.Thresholds
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
	thresholds := opts.Thresholds.OrDefault()
	j := &judge{
		reader: newReader(f, opts.Country, opts.Now), profile: profile.WithThresholds(thresholds), thresholds: thresholds,
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
			j.kept, names = append(j.kept, i), append(names, h)
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
		return Result{}, err
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
	f, err := os.Open(o.InputPath)
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

// pipeline moves batches through reading (parallel), finding duplicates (in
// order), scoring (parallel) and writing (in order).
type pipeline struct {
	judge    *judge
	workers  int
	progress func(Progress)
	size     int64
	out      *outputs
}

func (p *pipeline) run(ctx context.Context, rows *records) (domain.Counts, error) {
	workers := p.workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	ctx, cancel := context.WithCancel(ctx)
	var (
		wg       sync.WaitGroup
		toRead   = make(chan *batch)
		inOrder  = make(chan *batch, workers) // between the reader and the search for duplicates
		toScore  = make(chan *batch)
		toWrite  = make(chan *batch, workers)
		readErr  error
		dedupErr error
	)
	wg.Go(func() { // produce
		defer close(inOrder)
		defer close(toRead)
		readErr = produce(ctx, rows, toRead, inOrder)
	})
	wg.Go(func() { // find duplicates
		defer close(toWrite)
		defer close(toScore)
		dedupErr = findDuplicates(ctx, inOrder, toScore, toWrite)
	})
	for range workers {
		wg.Go(func() { work(newWorker(p.judge), toRead, toScore) })
	}
	counts, err := p.write(ctx, toWrite)
	cancel() // after an error the other stages stop; after the end there is nothing to stop
	wg.Wait()
	for _, e := range []error{readErr, dedupErr} {
		if e != nil && (err == nil || errors.Is(err, context.Canceled)) {
			err = e
		}
	}
	return counts, err
}

func produce(ctx context.Context, rows *records, toRead, inOrder chan<- *batch) error {
	for end := false; !end; {
		b, start := newBatch(), rows.bytes
		for len(b.items) < batchRows && rows.bytes-start < batchBytes {
			rec, err := rows.next()
			if errors.Is(err, io.EOF) {
				end = true
				break
			}
			if err != nil {
				return fmt.Errorf("read the input: %w", err)
			}
			b.items = append(b.items, item{rec: rec})
		}
		b.bytes = rows.bytes
		for _, to := range [...]chan<- *batch{toRead, inOrder} {
			select {
			case to <- b:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	return nil
}

func findDuplicates(ctx context.Context, inOrder <-chan *batch, toScore, toWrite chan<- *batch) error {
	index := dedup.NewIndex()
	for b := range inOrder {
		select {
		case <-b.read:
		case <-ctx.Done():
			return ctx.Err()
		}
		for i := range b.items {
			it := &b.items[i]
			if match, dup := index.Seen(it.rec.line, it.keys); dup {
				it.row.State, it.duplicateOf = domain.Duplicate, match.Row
				it.row.Reason = fmt.Sprintf("%s as line %d", match.Rule, match.Row)
			}
			it.keys = nil
		}
		for _, to := range [...]chan<- *batch{toScore, toWrite} {
			select {
			case to <- b:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	return nil
}

// work serves both parallel stages until both are closed. It never waits for
// another batch while it holds one, so the stages cannot block each other.
func work(w *worker, toRead, toScore <-chan *batch) {
	for toRead != nil || toScore != nil {
		select {
		case b, ok := <-toRead:
			if !ok {
				toRead = nil
				continue
			}
			w.readBatch(b)
		case b, ok := <-toScore:
			if !ok {
				toScore = nil
				continue
			}
			w.scoreBatch(b)
		}
	}
}

func (p *pipeline) write(ctx context.Context, toWrite <-chan *batch) (domain.Counts, error) {
	var counts domain.Counts
	for {
		var b *batch
		select {
		case next, ok := <-toWrite:
			if !ok {
				return counts, ctx.Err()
			}
			b = next
		case <-ctx.Done():
			return counts, ctx.Err()
		}
		select {
		case <-b.done:
		case <-ctx.Done():
			return counts, ctx.Err()
		}
		if b.err != nil {
			return counts, b.err
		}
		for i, data := range b.out {
			if err := p.out.write(i, data); err != nil {
				return counts, err
			}
		}
		for i := range b.items {
			counts.In++
			if err := counts.Add(b.items[i].row.State, 1); err != nil {
				return counts, err
			}
		}
		if p.progress != nil {
			p.progress(Progress{Rows: counts.In, Bytes: b.bytes, Size: p.size})
		}
	}
}
