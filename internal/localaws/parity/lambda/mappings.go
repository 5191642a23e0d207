package lambda

import (
	"context"
	"slices"
	"time"

	"github.com/messageai/sluice/internal/localaws/parity"
)

// fed is a case that puts messages into a queue and looks after some times at
// what the functions saw, and at the end into the dead letters.
func fed(name, queue string, bodies []string, times ...time.Duration) parity.Case {
	return on("mapping-"+name, func(ctx context.Context, b *bench) error {
		for part := range slices.Chunk(bodies, 10) {
			if err := b.send(ctx, queue, part...); err != nil {
				return err
			}
		}
		if err := b.at(ctx, times...); err != nil {
			return err
		}
		return b.left(ctx, "Dead")
	})
}

func mappingCases() []parity.Case {
	const hour = time.Hour
	return []parity.Case{
		fed("batch-succeeds", "PartsQueue", []string{"a", "b", "c"}, hour),
		fed("one-message-fails", "PartsQueue", []string{"a", "report", "c"}, 10*time.Second, hour),
		fed("unknown-message-fails-all", "PartsQueue", []string{"a", "stranger"}, 10*time.Second, hour),
		fed("error-fails-all", "PartsQueue", []string{"a", "fail"}, 10*time.Second, hour),
		fed("without-reports-errors-fail-all", "WholeQueue", []string{"a", "fail"}, 10*time.Second, hour),
		fed("without-reports-the-answer-is-ignored", "WholeQueue", []string{"a", "report"}, 10*time.Second, hour),
		// Two at once at most, however long the queue is.
		fed("maximum-concurrency", "FewQueue", slices.Repeat([]string{"hold"}, 20), 10*time.Second, 5*time.Minute),
		// Five at first, then 300 a minute more.
		fed("scales", "ManyQueue", slices.Repeat([]string{"hold"}, 400), 10*time.Second, 59*time.Second, 61*time.Second, 119*time.Second, 121*time.Second),
		// Reserved concurrency alone does not hold pollers back: throttled batches
		// burn receives until the dead-letter queue.
		on("mapping-reserved-concurrency-burns-receives", func(ctx context.Context, b *bench) error {
			const messages = 40
			for range messages / 10 {
				if err := b.send(ctx, "TightQueue", slices.Repeat([]string{"a second"}, 10)...); err != nil {
					return err
				}
			}
			time.Sleep(hour)
			worked, err := b.report(ctx)
			if err != nil {
				return err
			}
			dead, err := b.bodies(ctx, "Dead")
			if err != nil {
				return err
			}
			b.Note("some were worked on", len(worked.Seen) > 0)
			b.Note("some died without having been tried", len(dead) > 0)
			b.Note("and no message got lost", len(worked.Seen)+len(dead) == messages)
			return nil
		}),
		on("mapping-recursive-loop", func(ctx context.Context, b *bench) error {
			if err := b.send(ctx, "LoopQueue", "loop"); err != nil {
				return err
			}
			time.Sleep(hour)
			worked, err := b.report(ctx)
			if err != nil {
				return err
			}
			b.Note("turns", len(worked.Seen)) // and not in how many sandboxes: two turns may overlap
			return b.left(ctx, "Dead")
		}),
	}
}
