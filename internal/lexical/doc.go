// Package lexical is the built-in embedder and vector index, for runs without
// any key. The embedder is deterministic and knows words, not meaning: texts are
// close if they share words, or words that the title and industry tables of
// package normalize (and a table of business terms here) hold for the same. Its
// cosines are calibrated like those of any model; receipts name it by [Model].
//
// It has the method sets of provider.Embedder and provider.VectorIndex and
// imports provider for their types only, and normalize. It is not a language
// model: synonyms outside its tables are strangers to it.
package lexical
