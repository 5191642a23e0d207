package lambda

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"

	"github.com/aws/aws-lambda-go/events"

	"github.com/messageai/sluice/internal/localaws/wire"
)

// maxLoops is how often one function may run in a chain of requests (Lambda
// developer guide, "Use Lambda recursive loop detection to prevent infinite
// loops", November 2026: about 16 times).
const maxLoops = 16

// TraceHeader carries a chain of requests from service to service. SQS keeps
// it with the message, as the system attribute of the same meaning below.
const (
	TraceHeader    = "X-Amzn-Trace-Id"
	TraceAttribute = "AWSTraceHeader"
)

// lineageField is the part of a trace that counts, by function, how often each
// ran in the chain. AWS documents that it is there and not what it looks like.
const lineageField = ";Lineage="

type traceKey struct{}

// WithTrace returns a context in which [Service.Invoke] continues the chain of
// requests of a trace header.
func WithTrace(ctx context.Context, trace string) context.Context {
	if trace == "" {
		return ctx
	}
	return context.WithValue(ctx, traceKey{}, trace)
}

// TraceFrom returns the trace header of [WithTrace], or "".
func TraceFrom(ctx context.Context) string {
	trace, _ := ctx.Value(traceKey{}).(string)
	return trace
}

// extend returns the trace of an invocation of f that continues the chain of
// ctx, or the error by which Lambda ends a loop.
func (f *function) extend(ctx context.Context, id string) (string, error) {
	before := TraceFrom(ctx)
	counts, order := lineage(before)
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte(f.ARN)))[:8]
	if counts[sum] >= maxLoops && !f.AllowLoops {
		return "", wire.Errorf(400, "RecursiveInvocationException",
			"Recursive loop detected for function %s: it was invoked %d times in one chain of requests", f.Name, maxLoops)
	}
	if counts[sum] == 0 {
		order = append(order, sum)
	}
	counts[sum]++
	root, _, _ := strings.Cut(before, ";")
	if !strings.HasPrefix(root, "Root=") {
		root = "Root=1-" + id[len(id)-12:] + "-" + strings.ReplaceAll(id, "-", "")[:24]
	}
	parts := make([]string, len(order))
	for i, name := range order {
		parts[i] = name + ":" + strconv.Itoa(counts[name])
	}
	return root + ";Sampled=0" + lineageField + strings.Join(parts, "|"), nil
}

// lineage reads the counts of a trace, and the functions in their order.
func lineage(trace string) (counts map[string]int, order []string) {
	counts = map[string]int{}
	_, list, _ := strings.Cut(trace, lineageField)
	list, _, _ = strings.Cut(list, ";")
	for part := range strings.SplitSeq(list, "|") {
		name, text, _ := strings.Cut(part, ":")
		if n, err := strconv.Atoi(text); err == nil && n > 0 {
			if counts[name] == 0 {
				order = append(order, name)
			}
			counts[name] = max(n, counts[name])
		}
	}
	return counts, order
}

// traceOf is the trace of a batch: of its messages', the one that went round
// most often.
func traceOf(batch []events.SQSMessage) string {
	var longest string
	most := -1
	for _, m := range batch {
		trace := m.Attributes[TraceAttribute]
		counts, _ := lineage(trace)
		loops := 0
		for _, n := range counts {
			loops = max(loops, n)
		}
		if trace != "" && loops > most {
			longest, most = trace, loops
		}
	}
	return longest
}
