// Package listing scores a list that the user has: it reads a CSV file of any
// usual kind, maps its columns by name, validates, normalises, finds duplicates,
// scores every row against an ICP with the built-in embedder, and writes leads,
// review, rejected, duplicate and bad rows, each with its reason, and the score
// receipts.
//
// Every input row comes out exactly once, in input order. Memory is bounded: rows
// stream through in batches, and only the hashes of match keys stay. Files appear
// under their final names complete or not at all.
//
// It imports domain, fault, normalize, scoring, quality, dedup and lexical. It
// calls no provider and needs no key.
package listing
