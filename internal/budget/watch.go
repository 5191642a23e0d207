package budget

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/store"
)

// Alerts is what a watch needs of the store.
type Alerts interface {
	Spend(ctx context.Context, ref domain.Ref) (store.Spend, error)
	Month(ctx context.Context, team string) (store.Spend, error)
	AlertRun(ctx context.Context, ref domain.Ref, percent int, limit money.Micro) (first bool, err error)
	AlertMonth(ctx context.Context, team string, percent int, limit money.Micro) (first bool, err error)
}

// Watch is a [Ledger] that tells when 50, 80 and 100 % of a run's cap or of a
// team's month are spent: once for each, over all workers. It reads what the
// ledger has written anyway, every few seconds at most, and writes nothing but
// the alert itself, so calls cost no more for it. What it misses between two
// looks is found when the run ends.
//
// An alert is one log line. It counts in CloudWatch as a metric, SpendingAlerts,
// since it is written in the embedded metric format
// (docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html),
// and an alarm of the template watches that. Its attribute event has the members
// of an event of EventBridge, for a subscription of the log group.
type Watch struct {
	Ledger
	alerts    Alerts
	namespace string
	log       *slog.Logger
	now       func() time.Time

	mu   sync.Mutex
	next map[string]time.Time // by run: when to look again
}

// Shares of a cap at which somebody is told, in percent. The last one is also
// reached when the cap refuses a reservation.
func shares() []int { return []int{50, 80, 100} }

// lookEvery is how often one process looks at one run.
const lookEvery = 5 * time.Second

// watched bounds how many runs a process remembers.
const watched = 1000

// NewWatch watches what is reserved and settled through a ledger. namespace is
// that of its metric.
func NewWatch(l Ledger, alerts Alerts, namespace string, log *slog.Logger, now func() time.Time) *Watch {
	return &Watch{Ledger: l, alerts: alerts, namespace: namespace, log: log, now: now, next: map[string]time.Time{}}
}

// Reserve implements [Ledger].
func (w *Watch) Reserve(ctx context.Context, ref domain.Ref, r store.Reservation) error {
	err := w.Ledger.Reserve(ctx, ref, r)
	if fault.Is(err, fault.CapReached) {
		w.look(ctx, ref, r.Max)
	}
	return err
}

// Settle implements [Ledger].
func (w *Watch) Settle(ctx context.Context, ref domain.Ref, r store.Reservation, actual money.Micro) error {
	err := w.Ledger.Settle(ctx, ref, r, actual)
	if err == nil && w.due(ref.Run) {
		w.look(ctx, ref, 0)
	}
	return err
}

// Look tells what is to be told of a run now.
func (w *Watch) Look(ctx context.Context, ref domain.Ref) { w.look(ctx, ref, 0) }

func (w *Watch) due(run string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now()
	if now.Before(w.next[run]) {
		return false
	}
	if len(w.next) >= watched {
		clear(w.next)
	}
	w.next[run] = now.Add(lookEvery)
	return true
}

// look reads both caps. refused is a reservation that one of them did not
// allow. What goes wrong here must not fail a call that was paid for.
func (w *Watch) look(ctx context.Context, ref domain.Ref, refused money.Micro) {
	run, err := w.alerts.Spend(ctx, ref)
	if err == nil {
		err = w.tell(run, refused, func(percent int) error {
			first, err := w.alerts.AlertRun(ctx, ref, percent, run.Cap)
			if first {
				w.event(ctx, "run", ref, percent, run)
			}
			return err
		})
	}
	if err != nil {
		w.log.WarnContext(ctx, "spending not watched", "run", ref.Run, "kind", string(fault.KindOf(err)))
	}
	month, err := w.alerts.Month(ctx, ref.Team)
	if err == nil {
		err = w.tell(month, refused, func(percent int) error {
			first, err := w.alerts.AlertMonth(ctx, ref.Team, percent, month.Cap)
			if first {
				w.event(ctx, "month", ref, percent, month)
			}
			return err
		})
	}
	if err != nil {
		w.log.WarnContext(ctx, "spending not watched", "team", ref.Team, "kind", string(fault.KindOf(err)))
	}
}

// tell calls alert for every share that is spent and was not told of yet.
func (w *Watch) tell(s store.Spend, refused money.Micro, alert func(percent int) error) error {
	told := map[int]bool{}
	for _, a := range s.Alerts {
		told[a.Percent] = true
	}
	for _, percent := range shares() {
		spent := float64(s.Settled)*100 >= float64(percent)*float64(s.Cap) || percent == 100 && refused > s.Free
		if s.Cap <= 0 || !spent || told[percent] {
			continue
		}
		if err := alert(percent); err != nil {
			return err
		}
	}
	return nil
}

func (w *Watch) event(ctx context.Context, scope string, ref domain.Ref, percent int, s store.Spend) {
	detail := []any{
		slog.String("scope", scope), slog.String("team", ref.Team), slog.Int("percent", percent),
		slog.Int64("capMicroUsd", int64(s.Cap)), slog.Int64("settledMicroUsd", int64(s.Settled)), slog.Int64("reservedMicroUsd", int64(s.Reserved())),
	}
	if scope == "run" {
		detail = append(detail, slog.String("campaignId", ref.Campaign), slog.String("runId", ref.Run))
	}
	type metric struct{ Name, Unit string }
	type metrics struct {
		Namespace  string
		Dimensions [][]string
		Metrics    []metric
	}
	w.log.WarnContext(ctx, "spending alert", slog.Group("event",
		slog.String("source", "sluice.budget"), slog.String("detail-type", "Spending Alert"), slog.Time("time", w.now().UTC()), slog.Group("detail", detail...)),
		slog.Group("_aws", slog.Int64("Timestamp", w.now().UnixMilli()),
			slog.Any("CloudWatchMetrics", []metrics{{w.namespace, [][]string{{}}, []metric{{"SpendingAlerts", "Count"}}}})),
		slog.Int("SpendingAlerts", 1))
}
