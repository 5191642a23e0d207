package scheduler

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/messageai/sluice/internal/localaws/iam"
	"github.com/messageai/sluice/internal/localaws/wire"
)

// AWS documents exponential backoff without its numbers; these are ours.
const (
	firstPause   = time.Second
	longestPause = 5 * time.Minute
)

// wait fires a schedule at its times until ctx ends or there are no more; then
// the schedule goes, if that is its action after completion.
func (s *Service) wait(ctx context.Context, sc *schedule, k kept) {
	in := k.Schedule
	zone, err := location(in.ScheduleExpressionTimezone)
	if err != nil {
		return // it was there when the schedule was checked
	}
	exp := parse(in.ScheduleExpression, zone)
	_, oneTime := exp.(once)
	anchor := date(in.LastModificationDate)
	if in.StartDate != nil && !oneTime {
		anchor = date(*in.StartDate)
	}
	last := k.Fired
	if before := anchor.Add(-time.Nanosecond); last.Before(before) {
		last = before
	}
	var deliveries sync.WaitGroup
	for {
		at, ok := exp.next(last, anchor)
		if !ok || in.EndDate != nil && !oneTime && !at.Before(date(*in.EndDate)) {
			break
		}
		if !sleep(ctx, time.Until(at)) {
			deliveries.Wait()
			return
		}
		deliveries.Go(func() { s.deliver(sc, in, at) })
		last = at
		if now := time.Now(); now.Sub(at) > time.Minute {
			last = now // missed while no process ran: once is enough
		}
	}
	deliveries.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if in.ActionAfterCompletion == remove && s.schedules[in.Name] == sc && s.ctx.Err() == nil {
		_ = s.remove(in.Name) // a journal that cannot be written is reported when it is closed
	}
}

// delay is how much of the flexible window one time uses.
func (in Schedule) delay(at time.Time) time.Duration {
	if in.FlexibleTimeWindow.Mode != flexible {
		return 0
	}
	sum := sha256.Sum256([]byte(in.Arn + at.UTC().String()))
	minutes := binary.BigEndian.Uint64(sum[:8]) % uint64(in.FlexibleTimeWindow.MaximumWindowInMinutes) //nolint:gosec // within 1 and 1,440
	return time.Duration(minutes) * time.Minute                                                        //nolint:gosec // as above
}

// sleep waits; false if ctx ended before.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// deliver invokes the target for one time, again and again as the retry policy
// says, and notes that it is done with it. Deleting the schedule does not stop
// it.
func (s *Service) deliver(sc *schedule, in Schedule, at time.Time) {
	var role *iam.Principal
	if s.opts.Role != nil {
		role = s.opts.Role(in.Target.RoleArn)
	}
	expires := time.Now().Add(time.Duration(*in.Target.RetryPolicy.MaximumEventAgeInSeconds) * time.Second)
	if !sleep(s.ctx, in.delay(at)) {
		return
	}
	pause, exhausted := firstPause, ""
	for attempt := 1; ; attempt++ {
		id, input := s.input(in, at, attempt)
		err := s.invoke(role, in.Target.Arn, input)
		if s.ctx.Err() != nil {
			return // the journal does not have it: a new process does it again
		}
		if err == nil {
			break
		}
		switch {
		case !passing(err):
		case attempt > *in.Target.RetryPolicy.MaximumRetryAttempts:
			exhausted = "MaximumRetryAttempts"
		case time.Now().Add(pause).After(expires):
			exhausted = "MaximumEventAgeInSeconds"
		default:
			if !sleep(s.ctx, pause) {
				return
			}
			pause = min(2*pause, longestPause)
			continue
		}
		s.giveUp(role, in, at, id, input, attempt, exhausted, err)
		break
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.schedules[in.Name] == sc && at.After(sc.Fired) {
		if err := s.opts.Journal.Append(journalName, entry{Name: in.Name, Fired: at}); err == nil {
			sc.Fired = at
		}
	}
}

func (s *Service) invoke(role *iam.Principal, arn, input string) error {
	if targetKind(arn) == "states" {
		return s.opts.Targets.StartExecution(s.ctx, role, arn, input)
	}
	return s.opts.Targets.InvokeFunction(s.ctx, role, arn, []byte(input))
}

// passing reports whether another attempt may help: the target was overloaded
// or broken, and not absent or forbidden.
func passing(err error) bool {
	e, ok := errors.AsType[*wire.Error](err)
	return !ok || e.Status >= http.StatusInternalServerError || e.Status == http.StatusTooManyRequests || strings.HasPrefix(e.Code, "Throttling")
}

// giveUp sends what could not be delivered to the dead-letter queue, if there is
// one (user guide, "Configuring a dead-letter queue", November 2026).
func (s *Service) giveUp(role *iam.Principal, in Schedule, at time.Time, id, input string, attempts int, exhausted string, cause error) {
	if in.Target.DeadLetterConfig == nil {
		return
	}
	code, message := "InternalError", cause.Error()
	if e, ok := errors.AsType[*wire.Error](cause); ok {
		code, message = e.Code, e.Message
	}
	attributes := map[string]string{
		"ERROR_CODE": code, "ERROR_MESSAGE": message, "EXECUTION_ID": id, "IS_PAYLOAD_TRUNCATED": "false",
		"RETRY_ATTEMPTS": strconv.Itoa(attempts - 1), "SCHEDULED_TIME": stamp(at), "SCHEDULE_ARN": in.Arn, "TARGET_ARN": in.Target.Arn,
	}
	if exhausted != "" {
		attributes["EXHAUSTED_RETRY_CONDITION"] = exhausted
	}
	// AWS drops what its role may not send to the queue, too.
	_ = s.opts.Targets.SendMessage(s.ctx, role, in.Target.DeadLetterConfig.Arn, input, attributes)
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// input is what the target gets at an attempt: its own input with the context
// attributes filled in, or the event that stands for none.
func (s *Service) input(in Schedule, at time.Time, attempt int) (id, input string) {
	h := fmt.Sprintf("%x", sha256.Sum256([]byte(in.Arn+stamp(at))))
	id = h[:8] + "-" + h[8:12] + "-4" + h[13:16] + "-8" + h[17:20] + "-" + h[20:32]
	if in.Target.Input != "" {
		return id, strings.NewReplacer(
			"<aws.scheduler.schedule-arn>", in.Arn, "<aws.scheduler.scheduled-time>", stamp(at),
			"<aws.scheduler.execution-id>", id, "<aws.scheduler.attempt-number>", strconv.Itoa(attempt),
		).Replace(in.Target.Input)
	}
	event, _ := json.Marshal(map[string]any{ // strings only: cannot fail
		"version": "0", "id": id, "detail-type": "Scheduled Event", "source": "aws.scheduler", "account": s.opts.Account,
		"time": stamp(at), "region": s.opts.Region, "resources": []string{in.Arn}, "detail": "{}",
	})
	return id, string(event)
}
