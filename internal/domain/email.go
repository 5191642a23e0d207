package domain

import "time"

// EmailFacts is what is known about a row's address, and about those that were
// guessed for it.
type EmailFacts struct {
	// Verdicts are on the address that was taken, in the order in which they came.
	Verdicts []EmailVerdict `json:"verdicts,omitempty"`
	// Confidence is the chance that the address's status is right, 0..1; Reasons
	// say in words how it came about, the decisive one first.
	Confidence float64  `json:"confidence,omitempty"`
	Reasons    []string `json:"reasons,omitempty"`
	// Mail is what the DNS said of domains, in the words of package email; a
	// domain about which it gave no answer is missing.
	Mail map[string]string `json:"mail,omitempty"`
	// Chance is how likely the address was before a verifier saw it, if it was
	// guessed; zero for one that a source has given.
	Chance  float64      `json:"chance,omitempty"`
	Guesses []EmailGuess `json:"guesses,omitempty"`
}

// EmailVerdict is what somebody said about an address.
type EmailVerdict struct {
	By     string      `json:"by"` // name of the verifier, or of the finder that vouched for it
	Status EmailStatus `json:"status"`
	Reason string      `json:"reason,omitempty"` // its word for it
	At     time.Time   `json:"at,omitzero"`
}

// EmailGuess is an address that a person may have, by the pattern of the
// domain. Until a verifier has called it safe it is no contact.
type EmailGuess struct {
	Email string `json:"email"`
	// Chance is how likely it is the person's, 0..1, once those before it are
	// known to be wrong.
	Chance float64     `json:"chance"`
	Status EmailStatus `json:"status,omitempty"` // zero: no verifier was asked yet
	By     string      `json:"by,omitempty"`     // who said so
}
