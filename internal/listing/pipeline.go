package listing

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"

	"github.com/messageai/sluice/internal/dedup"
	"github.com/messageai/sluice/internal/domain"
)

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
