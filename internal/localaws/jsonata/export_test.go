package jsonata

import "time"

// ForSuite keeps $eval and lets an evaluation take longer: the official suite
// tests both, Step Functions has neither.
func (e *Engine) ForSuite(limit time.Duration) { e.limit, e.keepEval = limit, true }
