// Package scoring computes the fit of a prospect to an ICP, with a receipt from
// which the number can be recomputed and explained.
//
// Everything is pure: no I/O, no clock (now is a parameter), no randomness. The
// same prospect, profile, semantics and now give the same receipt, bit for bit.
// Embedding is the caller's: this package says which texts to embed
// ([ProspectText], [ProfileTexts], [IdealTexts], [BackgroundTexts]) and turns the
// vectors into calibrated similarities ([Lens]).
//
// It imports domain, fault and normalize. It is not for trust in the data (package
// quality) and never infers or scores age.
package scoring
