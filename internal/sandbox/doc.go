// Package sandbox is the simulated outside world: every provider on its own
// wire format over one synthetic market with known truth. Practice mode and
// the tests use it through [Sandbox.RoundTripper], in process, or through
// [Sandbox.Handler] behind a loopback listener.
//
// It may import the packages below it, domain and money. It opens no socket
// and starts no goroutine, so that a whole campaign runs inside a
// testing/synctest bubble. It is a development and test tool: nothing that is
// deployed may import it.
package sandbox
