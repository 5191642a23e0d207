package jsonata

import (
	"math"
	"time"
)

// ForSuite keeps $eval and lets an evaluation take longer: the official suite
// tests both, Step Functions has neither.
func (e *Engine) ForSuite(limit time.Duration) {
	e.limit, e.steps, e.depth, e.keepEval = limit, math.MaxInt32, math.MaxInt32, true
}

// LimitSteps sets how many nodes an evaluation may visit.
func (e *Engine) LimitSteps(n int) { e.steps = n }
