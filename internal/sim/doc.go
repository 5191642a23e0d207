// Package sim tries to break the product. A scenario, drawn from a seed, is a
// few campaigns on the whole stack of package practice and a list of events:
// workers that are killed at a chosen call, calls that fail or whose answer is
// lost, messages that come twice or late, tables that are slow, providers that
// misbehave, people who pause, raise the cap, convert, stop an execution, or put
// somebody on the do-not-contact list, a process that ends and is continued.
// It runs in simulated time (testing/synctest), and afterwards every promise
// of the product is checked against what the simulated providers and the local
// AWS know. A scenario that fails is made as small as it can be, and printed.
//
// The mutations prove the simulation itself: each switches one safeguard off,
// between the product and AWS or the providers, and names the promises of which
// one must then be seen to be broken.
//
//	go test ./internal/sim -run TestSeeds -sim.seeds=1000
//	go test ./internal/sim -run TestScenario -sim.scenario='{...}'
//	go test ./internal/sim -run TestMutations -sim.mutations
//
// Everything in it is test code. It imports practice and what it needs to look
// into a stack; nothing imports it. It is NOT for testing one function or one
// stage: those have tests of their own, which say more precisely what is wrong.
package sim
