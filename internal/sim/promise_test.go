package sim_test

import "fmt"

// promise is one of the things that must hold in every scenario. A mutation
// names those that it must break: that anything at all goes wrong proves little.
type promise string

// The promises.
const (
	thatItWorks              promise = "works"   // what has to succeed does; no panic, no goroutine left
	thatRunsEnd              promise = "ends"    // a run comes to its end, in time and to the right one
	thatNothingIsLeft        promise = "rests"   // afterwards nothing moves and nobody waits: no message, execution or parked item is left
	thatRowsAreEnriched      promise = "asked"   // what a campaign wants to know is asked, of whoever may know it
	thatRowsCount            promise = "rows"    // every row is in exactly one state, and counted once
	thatClaimsHold           promise = "claims"  // a prospect of a team is in one chunk, and where it was claimed for
	thatLeadsAreOne          promise = "leads"   // a person is one lead of a team
	thatBooksBalance         promise = "books"   // what a run may spend is free, spent or set aside; its cap is not passed
	thatBillsAreSettled      promise = "bills"   // what providers charge was set aside before, and is settled
	thatNothingIsBoughtTwice promise = "once"    // nobody's data is bought twice
	thatCRMIsOneToOne        promise = "crm"     // the CRM has each lead once, and nobody else
	thatRecordsAgree         promise = "records" // its records say what the rows say, and leave alone what is theirs
	thatReceiptsProve        promise = "proofs"  // receipts tell what is in the CRM
	thatListIsKept           promise = "listed"  // nobody on the do-not-contact list is paid for or pushed
	thatTeamsAreApart        promise = "apart"   // nothing belongs to two teams, or is shown to another
	thatNothingLeaks         promise = "secret"  // nobody's data and no key is to be seen, sent or stored in the clear
	thatItemsAreKnown        promise = "known"   // whatever is kept is of a known kind, holds what that kind holds, and ends with it
	thatAnswersAreMarked     promise = "marked"  // an answer can be found, to be forgotten, by whom it is about
	thatOrdersAreObeyed      promise = "obeys"   // a key or a provider that a person took out of use is not used any more
	thatPausesHold           promise = "stands"  // a paused run stands still
	thatRequestsHappenOnce   promise = "answers" // a request is carried out once, and what it is told stays true
)

// broken is a promise that was not kept. The text may name ids, never people.
type broken struct {
	promise promise
	text    string
}

func (b broken) String() string { return string(b.promise) + ": " + b.text }

// fail notes a broken promise.
func (w *world) fail(p promise, format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.broken) < 20 {
		w.broken = append(w.broken, broken{p, fmt.Sprintf(format, args...)})
	}
}
