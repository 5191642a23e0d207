// Package openai embeds texts with OpenAI's embeddings endpoint
// (vendor documentation as read in 2026-11), through the client
// github.com/sashabaranov/go-openai on top of our transport.
//
// Things to know:
//   - Vectors are asked for as base64, which is a third of the size, come back
//     in any order, and are brought to unit length, since it is unconfirmed
//     whether shortened ones have it.
//   - There is no tokenizer: a token is estimated as three bytes, cautiously, and
//     a request the provider finds too long nonetheless is halved. A text longer
//     than the model reads is cut at 24,000 bytes.
//   - A 429 of an empty account says insufficient_quota as type or as code, and
//     waiting does not help; all other 429s are for going too fast.
//   - Embed company text, not contact data: how long OpenAI keeps inputs is
//     settled by the customer's contract.
//
// Settings: model (default text-embedding-3-small), dimensions (for the -3
// models; default the model's full length).
//
// The package imports provider, transport, fault, money and go-openai.
package openai
