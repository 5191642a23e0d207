// Package googleplaces simulates Google's Places API (New)
// (https://places.googleapis.com): Text Search and Place Details, on the wire
// format of vendor documentation as read in 2026-11. It imports market, upstream and
// money; it is not an adapter and knows nothing of internal/provider.
//
// The field mask is enforced: without one there is no answer, and a field that
// is not in it is not sent. The mask also sets the price of a call.
package googleplaces
