// Package pinecone simulates one Pinecone index on its own wire formats
// (vendor documentation as read in 2026-11): the data plane is gRPC, served in memory
// through [Server.Dialer]; the control plane is an [http.Handler] that describes
// the index.
//
// It is exact where Pinecone is approximate (every vector is compared) and as
// strict as Pinecone elsewhere: nothing that was just written is visible before
// [Options.Lag], the API version header is required, vectors must have the
// index's dimension, metadata is flat, requests over 2 MB are refused, and
// limits of 100 calls a second per namespace and kind apply.
//
// Not simulated: sparse vectors, integrated embedding, imports, the REST form of
// the data plane, management of namespaces.
//
// Dial the host as an IP literal, as [Server.Host] gives it, and with
// grpc.WithContextDialer: then no resolver and no socket is involved and the
// whole exchange runs inside a testing/synctest bubble. The server's goroutines
// end with [Server.Close].
//
// The package imports grpc, money, and the vendor's client for the message
// descriptors that it registers.
package pinecone
