// Package openai simulates OpenAI's embeddings endpoint on its own wire format
// (vendor documentation as read in 2026-11) for text-embedding-3-small,
// text-embedding-3-large and text-embedding-ada-002.
//
// The vectors are made of the words, word parts and topics of a text, so that
// related texts score higher than unrelated ones, on top of a direction that
// all texts of a model share: as with the real models, the raw cosine of two
// unrelated texts is near 0.1 for 3-small and near 0.77 for ada-002, and no
// threshold holds for both. They depend on the text and the model's name alone.
//
// Tokens are estimated, as the simulator has no tokenizer. Answers come out of
// order, which the API allows.
//
// The package imports the standard library and money. It opens no socket and
// starts no goroutine. It is not an embedding model for production use.
package openai
