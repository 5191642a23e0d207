// Package hubspot pushes leads into HubSpot's CRM through its dated REST API
// (vendor documentation as read in 2026-11; https://developers.hubspot.com/docs/api-reference).
//
// Every contact carries our lead id and every company our account id in a
// property with unique values; the batch upsert uses that property as its key,
// since HubSpot does not support partial upserts by e-mail (contacts guide,
// 2026-09). A contact that already holds an address is found by it and adopted:
// patched by its record id, which gives it our id. So each step may be repeated.
//
// Things to know:
//   - Property values are strings. An unknown property name refuses a whole
//     batch, so Prepare creates ours. The industry of a company is an
//     enumeration in HubSpot, and its list is not ours: it goes into a text
//     property of our own, as profile address and head count of a contact do.
//   - Failures inside a 207 are tied to their input by objectWriteTraceId, which
//     is our id.
//   - Search is not used: its index lags.
//
// Settings: version (2026-09 or 2026-03; default 2026-09), lead_id_property
// (default sluice_lead_id), account_id_property (default sluice_account_id).
//
// The package imports provider, transport, fault and money. It does no I/O of
// its own; deciding what to write is the deliver stage's.
package hubspot
