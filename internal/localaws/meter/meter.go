// Package meter counts what AWS would bill and prices it.
//
// The price table is us-east-1's list price without free tier, read in
// November 2026; it is data, so that a bill can say how old its prices are.
package meter

import (
	"sync/atomic"
)

// Unit is a thing AWS bills by.
type Unit int

// The units, each with the amount that one of it stands for. Fractions (half a
// read unit) are counted in thousandths, so that totals add up exactly.
const (
	WriteUnits       Unit = iota // DynamoDB write request units
	ReadUnits                    // DynamoDB read request units
	StateTransitions             // Step Functions Standard
	SQSRequests                  // one per API call and started 64 KiB of payload
	S3Writes                     // PUT, COPY, POST, LIST
	S3Reads                      // GET, HEAD and all others
	LambdaRequests
	LambdaGBMilliseconds // memory in GB times duration in ms
	SecretsRequests
	KMSRequests
	HTTPAPIRequests
	SQSIdlePolls // requests of SQS for messages that brought none: they go by time, not by work
	unitCount
)

// PriceDate is when the prices below were read.
const PriceDate = "2026-11-22"

// micro-USD per 1,000 units; the Lambda price is per 1,000 GB-ms.
var prices = [unitCount]struct {
	name  string
	price float64
}{
	WriteUnits:           {"writeUnits", 625},
	ReadUnits:            {"readUnits", 125},
	StateTransitions:     {"stateTransitions", 25_000},
	SQSRequests:          {"sqsRequests", 400},
	S3Writes:             {"s3Writes", 5_000},
	S3Reads:              {"s3Reads", 400},
	LambdaRequests:       {"lambdaInvocations", 200},
	LambdaGBMilliseconds: {"lambdaGBMilliseconds", 13.3334},
	SecretsRequests:      {"secretsRequests", 5_000},
	KMSRequests:          {"kmsRequests", 3_000},
	HTTPAPIRequests:      {"httpAPIRequests", 1_000},
	SQSIdlePolls:         {"sqsIdlePolls", 400},
}

// What is kept is billed by the month, and logs by what is written: dollars per GB.
const (
	TableMonth  = 0.25  // DynamoDB, Standard class; each item counts 100 bytes more than it has
	BackupMonth = 0.20  // point-in-time recovery of a table
	ObjectMonth = 0.023 // S3 Standard
	LogsWritten = 0.50  // CloudWatch Logs, taken in
)

// ItemOverhead is what DynamoDB's storage adds to the size of each item, in bytes.
const ItemOverhead = 100

func (u Unit) String() string { return prices[u].name }

// Meter counts units. The zero value is ready; methods may be called from many
// goroutines; a nil meter counts nothing.
type Meter struct {
	milli [unitCount]atomic.Int64
}

// Add counts n units.
func (m *Meter) Add(u Unit, n float64) {
	if m != nil {
		m.milli[u].Add(int64(n*1000 + 0.5))
	}
}

// Reading is what a meter showed at one moment.
type Reading struct{ milli [unitCount]int64 }

// Read returns the counts so far.
func (m *Meter) Read() Reading {
	var r Reading
	for u := range r.milli {
		r.milli[u] = m.milli[u].Load()
	}
	return r
}

// Restore sets the counts to r, for a stack that continues an earlier one.
func (m *Meter) Restore(r Reading) {
	for u := range r.milli {
		m.milli[u].Store(r.milli[u])
	}
}

// Sub returns the counts between an earlier reading and this one.
func (r Reading) Sub(earlier Reading) Reading {
	for u := range r.milli {
		r.milli[u] -= earlier.milli[u]
	}
	return r
}

// Count returns how many units were counted.
func (r Reading) Count(u Unit) float64 { return float64(r.milli[u]) / 1000 }

// MicroUSD returns the list price of everything counted.
func (r Reading) MicroUSD() float64 {
	sum := 0.0
	for u := range unitCount {
		sum += r.CostMicroUSD(u)
	}
	return sum
}

// CostMicroUSD returns the list price of what was counted of one unit.
func (r Reading) CostMicroUSD(u Unit) float64 {
	return r.Count(u) / 1000 * prices[u].price
}

// Units returns all units, in a fixed order.
func Units() []Unit {
	all := make([]Unit, unitCount)
	for u := range all {
		all[u] = Unit(u)
	}
	return all
}
