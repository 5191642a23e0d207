// Package pinecone keeps vectors in a Pinecone index, a namespace for each team
// (vendor documentation as read in 2026-11), through the client
// github.com/pinecone-io/go-pinecone/v5 on top of our transport.
//
// Things to know:
//   - Vector operations are gRPC to the index's own host, a setting that is
//     looked up once when the index is made. The control plane is never called.
//   - Requests are split by bytes (2 MB), not only by count (1,000): at 1536
//     dimensions about 300 vectors fill one.
//   - Writes are idempotent by id and become visible with a delay; there is no
//     reading of one's own writes.
//   - RESOURCE_EXHAUSTED means both too fast and used up for the month; the
//     transport tells them apart.
//   - The client's set-up ends the process on a malformed host, so the host is
//     checked first.
//
// Settings: index_host, required; "http://" in front makes the connection plain
// text, for a simulator.
//
// The package imports provider, transport, fault, money, go-pinecone and the
// protobuf Struct that it takes metadata in.
package pinecone
