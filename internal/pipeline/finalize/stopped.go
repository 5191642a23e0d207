package finalize

import (
	"context"
	"encoding/json"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
)

// Stopped is what EventBridge says of an execution that ended without reaching
// the end of its machine: the detail of a "Step Functions Execution Status
// Change" (Step Functions developer guide, "EventBridge for execution status
// changes", 2026-11).
type Stopped struct {
	Status string `json:"status"` // ABORTED, FAILED or TIMED_OUT
	Input  string `json:"input"`  // what the execution was started with: a domain.Ref as JSON
}

// verdict is what a run becomes whose execution stopped in this way.
func (d Stopped) verdict() (domain.RunStatus, string) {
	switch d.Status {
	case "ABORTED":
		return domain.RunCancelled, "its execution was stopped by hand in Step Functions"
	case "TIMED_OUT":
		return domain.RunFailed, "its execution took longer than the time that the state machine allows"
	}
	return domain.RunFailed, "its execution failed before the run could be ended"
}

// stopped ends a run whose execution is gone: rows without an end failed, money
// that is still set aside counts as spent, waiting messages are dropped. A run
// that has its end keeps it.
func (s *Stage) stopped(ctx context.Context, d Stopped) (Output, error) {
	var in struct {
		domain.Ref
		Attempt int `json:"attempt"`
	}
	err := json.Unmarshal([]byte(d.Input), &in)
	ref := in.Ref
	if err != nil || ref.Team == "" || ref.Campaign == "" || ref.Run == "" {
		s.Log.WarnContext(ctx, "an execution stopped that names no run", "status", d.Status)
		return Output{}, nil //nolint:nilerr // trying again would not help
	}
	ref.Chunk = ""
	run, err := s.Store.Run(ctx, ref)
	if fault.Is(err, fault.NotFound) {
		s.Log.WarnContext(ctx, "an execution stopped of a run that is not recorded", "run", ref.Run, "status", d.Status)
		return Output{}, nil
	}
	if err != nil {
		return Output{}, err
	}
	out := Output{Status: run.Status, Totals: run.Totals}
	if run.Attempt != in.Attempt { // it goes on in another execution
		return out, nil
	}
	if !run.Status.Ended() { // first, so that no worker begins anything more
		status, reason := d.verdict()
		if out, err = s.end(ctx, Input{Ref: ref}, status, reason); err != nil {
			return Output{}, err
		}
	}
	if err := s.Store.SettleOpen(ctx, ref); err != nil {
		return Output{}, err
	}
	return out, s.Store.DropParked(ctx, ref)
}
