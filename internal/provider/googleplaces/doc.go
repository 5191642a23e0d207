// Package googleplaces finds companies with the Places API (New), version 1
// (https://developers.google.com/maps/documentation/places/web-service, discovery
// revision 20261101, contract read 2026-11). It finds businesses, never people:
// there is no e-mail address, owner or head count in it.
//
// # Endpoints
//
//	discover        POST /v1/places:searchText    35,000 micro-dollars a call, up to 20 places
//	enrich_company  GET  /v1/places/{id}          20,000 micro-dollars a call
//
// The key goes into the X-Goog-Api-Key header. The field mask is mandatory and
// sets the price: with websiteUri and internationalPhoneNumber in it both calls
// are of the Enterprise tier (price list of 2026-06, first volume tier, US; the
// free calls of a month are not counted). For bulk discovery that is far cheaper
// than a search without and Details for each place.
//
// # Quirks
//
//   - The colon of places:searchText must be literal on the wire.
//   - The token of the next page comes only if nextPageToken is in the mask, and
//     travels in the body; every other parameter must equal the first call's.
//   - No hits is the answer {}: proto3 JSON leaves out empty lists.
//   - 60 results over all pages is documented for the legacy API and unconfirmed
//     here: a search stops after three pages whatever the answer says.
//   - A business without a shop has no address and no location.
//   - name is the resource name; the business's name is displayName.text.
//   - A wrong key is 400 INVALID_ARGUMENT with the reason API_KEY_INVALID.
//   - 429 comes without Retry-After; one about a day is final for the day (how it
//     says so is unconfirmed: a quota limit that ends in PerDay).
//   - Whether Details of an unknown id are charged is not documented: taken for
//     free (unconfirmed).
//
// # Quotas
//
// Per minute, method and project; the numbers are only in the Cloud console.
// Declared: 600 a minute (unconfirmed), a little below.
//
// # Terms
//
// Only the place id may be kept; everything else may be held for the time of
// one run, here never more than 30 days: every field carries that date in its
// provenance (https://developers.google.com/maps/documentation/places/web-service/policies).
// Name, phone and website of the lasting record must come from elsewhere, and
// nothing of Google's may be pushed to a CRM. Whether answers may be joined with
// other sources during a run was not found in what was read (unconfirmed).
package googleplaces
