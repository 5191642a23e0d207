// Package providertest is the conformance suite that every adapter runs: what
// its Definition declares is true, its key travels where declared and nowhere
// else, every answer a provider can give becomes the kind of fault that the
// pipeline reacts to, and nothing hangs, leaks or pays twice.
//
// The provider is an http.RoundTripper in memory; time is testing/synctest's.
// It imports provider, transport, ratelimit and fault; only tests import it.
// It is NOT for an adapter's own mapping: that is the adapter's table tests.
package providertest
