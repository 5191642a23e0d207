// Package waterfall decides what to buy about a prospect, and from whom: which
// field is still wanted, which provider is asked for it next, and in which
// order providers are cheapest for prospects of one segment.
//
// A value that validates ends the search for its field. The order is the
// user's, or learned: providers are sorted by expected cost per validated hit
// in the prospect's segment (country, size of the employer, seniority), which
// is optimal for a search that stops at the first hit (Weitzman 1979, "Optimal
// search for the best alternative", with a fixed reward). A small share of
// prospects is asked in another order, so that a provider that looked bad once
// can show that it became better.
//
// Everything here is pure and depends on the row alone, so that an interrupted
// chunk continues where it was, and a run can be replayed. It imports domain,
// money, normalize and provider's definitions; asking is for pipeline/enrich.
package waterfall
