// Package zoominfo simulates ZoomInfo's GTM API (https://api.zoominfo.com/gtm):
// the token endpoint, search of contacts and companies, enrichment of both in
// batches, technologies, intent, the lookup of topics and usage, on the wire
// format of vendor documentation as read in 2026-11. It imports market, upstream
// and money; it is not an adapter and knows nothing of internal/provider.
//
// Client id and client secret are both the key that [New] is given. It is
// stricter than the provider where the contract leaves a choice: an unknown
// attribute, another media type or the name of an HTTP library as User-Agent is
// refused. Records of a batch come in another order than the questions. A record
// that was bought once is under management for good and free; technologies and
// intent are charged every time that there are any.
package zoominfo
