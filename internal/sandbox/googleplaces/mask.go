package googleplaces

import (
	"slices"
	"strings"

	"github.com/messageai/sluice/internal/money"
)

// tier is a price class; a call costs what its highest field costs.
type tier int

const (
	idsOnly tier = iota
	essentials
	pro
	enterprise
	atmosphere
)

// SearchPrice and DetailsPrice are per call, by tier: IDs only, Essentials,
// Pro, Enterprise, Enterprise + Atmosphere (US list, first volume tier, June
// 2026). Text Search has no Essentials fields beyond the ids.
func searchPrices() []money.Micro  { return []money.Micro{0, 32_000, 32_000, 35_000, 40_000} }
func detailsPrices() []money.Micro { return []money.Micro{0, 5_000, 17_000, 20_000, 25_000} }

// fields are the top-level fields of a Place with their tiers in Details. Some
// exist only so that a mask may name them: this market has no photos.
func fields() map[string]tier {
	out := map[string]tier{}
	for t, names := range map[tier]string{
		idsOnly:    "id name attributions photos",
		essentials: "formattedAddress shortFormattedAddress addressComponents location types postalAddress plusCode viewport adrFormatAddress",
		pro: "displayName businessStatus primaryType primaryTypeDisplayName googleMapsUri googleMapsLinks pureServiceAreaBusiness " +
			"utcOffsetMinutes timeZone iconMaskBaseUri iconBackgroundColor accessibilityOptions movedPlace movedPlaceId containingPlaces subDestinations",
		enterprise: "nationalPhoneNumber internationalPhoneNumber websiteUri rating userRatingCount priceLevel priceRange regularOpeningHours " +
			"currentOpeningHours regularSecondaryOpeningHours currentSecondaryOpeningHours",
		atmosphere: "reviews editorialSummary delivery dineIn takeout reservable goodForChildren goodForGroups outdoorSeating parkingOptions paymentOptions " +
			"generativeSummary reviewSummary allowsDogs restroom curbsidePickup liveMusic",
	} {
		for name := range strings.FieldsSeq(names) {
			out[name] = t
		}
	}
	return out
}

// mask is a parsed field mask.
type mask struct {
	all   bool
	paths [][]string // below the place
	next  bool       // nextPageToken was asked for
	tier  tier
}

const noMask = "FieldMask is a required parameter. See https://cloud.google.com/apis/docs/system-parameters on how to provide it. " +
	"As an example, you can set the header 'X-Goog-FieldMask' with value 'places.displayName' to ask for the display names of the places. You can also set the value to '*' to get all the fields in manual testing."

// parseMask reads a mask; prefix is "places" in a search and "" in Details. The
// problem, if any, is in the service's words.
func parseMask(text, prefix string) (m mask, problem string) {
	if text == "" {
		return m, noMask
	}
	known := fields()
	for path := range strings.SplitSeq(text, ",") {
		bad := "Request contains an invalid argument. Error expanding 'fields' parameter. Cannot find matching fields for path '" + path + "'."
		parts := strings.Split(path, ".")
		switch {
		case path == "*":
			m.all, m.next, m.tier = true, true, atmosphere
			continue
		case prefix != "" && path == "nextPageToken":
			m.next = true
			continue
		case prefix != "" && (path == prefix || path == prefix+".*"):
			m.all, m.tier = true, atmosphere
			continue
		case prefix != "" && parts[0] != prefix:
			return m, bad
		case prefix != "":
			parts = parts[1:]
		}
		t, ok := known[parts[0]]
		if !ok {
			return m, bad
		}
		if prefix != "" && t == essentials {
			t = pro // a search has no Essentials tier
		}
		m.tier = max(m.tier, t)
		m.paths = append(m.paths, parts)
	}
	return m, ""
}

// cut returns the place with the fields of the mask alone.
func (m mask) cut(place map[string]any) map[string]any {
	if m.all {
		return place
	}
	out := map[string]any{}
	for _, path := range m.paths {
		copyPath(out, place, path)
	}
	return out
}

func copyPath(to, from map[string]any, path []string) {
	v, ok := from[path[0]]
	if !ok {
		return
	}
	inner, isObject := v.(map[string]any)
	if len(path) == 1 || !isObject {
		to[path[0]] = v
		return
	}
	if _, ok := inner[path[1]]; !ok {
		return
	}
	sub, ok := to[path[0]].(map[string]any)
	if !ok {
		sub = map[string]any{}
		to[path[0]] = sub
	}
	copyPath(sub, inner, slices.Clone(path[1:]))
}
