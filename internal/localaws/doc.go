// Package localaws runs the whole product in one process from template.yaml
// itself: [New] reads the SAM template, creates its tables, queues, buckets,
// secrets, keys, state machines and event source mappings, hosts the functions,
// and hands out an aws.Config whose HTTP client answers in process.
//
// The front door ([Stack.Handler]) is an http.Handler that finds the service in
// the SigV4 credential scope and the caller by its access key id: every role of
// the template has one, any other key is the account's root. Signatures are not
// verified. Nothing opens a socket, and time comes from package time, so that a
// stack runs inside a testing/synctest bubble.
//
// It may import everything below internal/localaws, the AWS SDK's configuration
// types and aws-lambda-go. It is a development and test tool and must never be
// part of a deployed function.
package localaws
