package stepfunctions

import (
	"cmp"
	"slices"

	"github.com/messageai/sluice/internal/localaws/wire"
)

func (s *Service) findRun(arn string) (*mapRun, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	run := s.runs[arn]
	if run == nil {
		return nil, refuse("ResourceNotFound", "Resource not found: '%s'", arn)
	}
	return run, nil
}

func (s *Service) describeMapRun(call *wire.Call) (any, error) {
	var in struct{ MapRunArn string }
	if err := call.Decode(&in); err != nil {
		return nil, err
	}
	if err := checkArn(in.MapRunArn, "mapRun"); err != nil {
		return nil, err
	}
	if err := call.Authorize("states:DescribeMapRun", in.MapRunArn); err != nil {
		return nil, err
	}
	run, err := s.findRun(in.MapRunArn)
	if err != nil {
		return nil, err
	}
	executions, items := run.progress()
	run.mu.Lock()
	defer run.mu.Unlock()
	out := map[string]any{
		"mapRunArn": run.arn, "executionArn": run.execution.arn, "status": run.outcome.status, "startDate": seconds(run.started),
		"maxConcurrency":             run.limits.concurrency,
		"toleratedFailureCount":      int(max(run.limits.toleratedCount, 0)),
		"toleratedFailurePercentage": max(run.limits.toleratedShare, 0),
		"executionCounts":            executions, "itemCounts": items, "redriveCount": run.redrive,
	}
	if run.outcome.status != statusRunning {
		out["stopDate"] = seconds(run.outcome.stopped)
	}
	if run.redrive > 0 {
		out["redriveDate"] = seconds(run.redone)
	}
	return out, nil
}

// progress counts children and items by status.
func (run *mapRun) progress() (executions, items map[string]int) {
	names := map[string]string{
		statusRunning: "running", statusSucceeded: "succeeded", statusFailed: "failed", statusTimedOut: "timedOut", statusAborted: "aborted",
	}
	executions, items = map[string]int{}, map[string]int{}
	for _, counts := range []map[string]int{executions, items} {
		for _, name := range []string{"pending", "running", "succeeded", "failed", "timedOut", "aborted", "resultsWritten", "failuresNotRedrivable", "pendingRedrive"} {
			counts[name] = 0
		}
	}
	begun := run.begun()
	run.mu.Lock()
	defer run.mu.Unlock()
	executions["total"], items["total"] = len(run.children), run.items
	executions["pending"], items["pending"] = len(run.children)-len(begun), run.items
	for _, child := range begun {
		name, size := names[child.status()], run.size(child.index)
		executions[name]++
		items[name] += size
		items["pending"] -= size
	}
	if run.outcome.status == statusSucceeded {
		executions["resultsWritten"], items["resultsWritten"] = executions["succeeded"], items["succeeded"]
	}
	return executions, items
}

func (s *Service) listMapRuns(call *wire.Call) (any, error) {
	var in struct {
		ExecutionArn, NextToken string
		MaxResults              int
	}
	x, err := s.execution(call, &in, &in.ExecutionArn)
	if err != nil {
		return nil, err
	}
	x.mu.Lock()
	var all []*mapRun
	for _, run := range x.runs {
		all = append(all, run)
	}
	x.mu.Unlock()
	slices.SortFunc(all, func(a, b *mapRun) int { return cmp.Or(b.started.Compare(a.started), cmp.Compare(a.arn, b.arn)) })
	from, to, next, err := page(len(all), in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	var list []map[string]any
	for _, run := range all[from:to] {
		out := map[string]any{"executionArn": x.arn, "mapRunArn": run.arn, "stateMachineArn": run.machineArn(), "startDate": seconds(run.started)}
		if o := run.ended(); o.status != statusRunning {
			out["stopDate"] = seconds(o.stopped)
		}
		list = append(list, out)
	}
	return paged("mapRuns", list, next), nil
}
