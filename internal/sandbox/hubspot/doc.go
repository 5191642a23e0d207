// Package hubspot simulates HubSpot's CRM API on its own wire format
// (vendor documentation as read in 2026-11): contacts and companies with batch upsert, batch
// read, single create, read and patch, search with a lagging index, contact to
// company associations, and property definitions, under the dated versions
// 2026-03 and 2026-09.
//
// It is as strict as HubSpot and where the contract is unconfirmed it takes the
// reading that is harder on the caller: an address that another contact holds is
// a conflict, one unknown property name or one repeated key refuses a whole
// batch, failures are tied to their input only if the caller sent trace ids,
// custom properties do not exist until somebody creates them, and life-cycle
// stages only move forward.
//
// Not simulated: HubSpot's own creation of companies from e-mail domains,
// validation rules of portal administrators, merging, lists, automation.
//
// HubSpot has no price per call, so there is nothing to bill.
//
// The package imports the standard library only. It holds everything in memory,
// opens no socket and starts no goroutine.
package hubspot
