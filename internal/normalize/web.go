package normalize

import (
	neturl "net/url"
	"strings"

	"github.com/nlnwa/whatwg-url/url"
	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
)

// Domain returns the registrable domain ("example.co.uk") of a host name, an
// address of a web page or an e-mail address, in its ASCII form. IP addresses,
// public suffixes alone and single labels are refused.
func Domain(s string) (string, bool) {
	host, ok := Host(s)
	if !ok {
		return "", false
	}
	return registrable(host)
}

func registrable(host string) (string, bool) {
	domain, err := publicsuffix.EffectiveTLDPlusOne(host)
	if err != nil {
		return "", false
	}
	return domain, true
}

// Host returns the host name in s, in its ASCII form, as a browser would read
// it (WHATWG URL standard). IP addresses are refused.
func Host(s string) (string, bool) {
	s = strings.ToLower(Clean(s))
	if at := strings.LastIndexByte(s, '@'); at >= 0 && !strings.Contains(s, "/") {
		s = s[at+1:]
	}
	// The usual cell is a bare host; only the rest needs the URL parser.
	if !validHost(s) {
		if strings.HasPrefix(s, ".") || strings.ContainsAny(s, " <>") {
			return "", false
		}
		if !strings.Contains(s, "://") {
			s = "http://" + strings.TrimPrefix(s, "//")
		}
		u, err := url.Parse(s)
		if err != nil || u.Hostname() == "" {
			return "", false
		}
		s = strings.TrimSuffix(u.Hostname(), ".")
	}
	ascii, err := idna.Lookup.ToASCII(s)
	if err != nil || !validHost(ascii) {
		return "", false
	}
	return ascii, true
}

// SharedHost reports whether a registrable domain holds pages of many firms (a
// network, a shop or site builder), so that it identifies none of them.
func SharedHost(domain string) bool {
	_, ok := sharedHosts[domain]
	return ok
}

var sharedHosts = set(`linkedin.com facebook.com fb.com instagram.com twitter.com x.com youtube.com tiktok.com
	pinterest.com xing.com medium.com github.com gitlab.com google.com goo.gl bit.ly linktr.ee apple.com
	amazon.com ebay.com etsy.com crunchbase.com yelp.com tripadvisor.com booking.com wordpress.com wixsite.com
	weebly.com blogspot.com tumblr.com notion.site business.site carrd.co about.me wa.me t.me`)

// ProfileURL returns the canonical address of a person's profile page. A
// LinkedIn profile becomes "https://www.linkedin.com/in/<slug>" whatever the
// country host, path style, query or case it came with; other addresses lose
// query, fragment and trailing slash.
func ProfileURL(s string) (string, bool) {
	if slug, ok := LinkedInSlug(s); ok {
		return "https://www.linkedin.com/in/" + slug, true
	}
	s = Clean(s)
	if s == "" || strings.ContainsAny(s, " @") {
		return "", false
	}
	if !strings.Contains(s, "://") {
		s = "https://" + s
	}
	u, err := url.Parse(s)
	if err != nil || (u.Protocol() != "http:" && u.Protocol() != "https:") {
		return "", false
	}
	host, ok := Host(u.Hostname())
	if !ok {
		return "", false
	}
	domain, ok := registrable(host)
	path := strings.TrimRight(u.Pathname(), "/")
	if !ok || path == "" {
		return "", false
	}
	if domain == "linkedin.com" { // a company or search page is nobody's profile
		if path = strings.ToLower(path); !strings.HasPrefix(path, "/pub/") { // the old form of a profile
			return "", false
		}
		return "https://www.linkedin.com" + path, true
	}
	if bare := strings.TrimPrefix(host, "www."); strings.HasSuffix(bare, domain) {
		host = bare
	}
	return "https://" + host + path, true
}

// LinkedInSlug returns the public identifier in the address of a LinkedIn
// profile ("ada-lovelace-1a2b3c"), in lower case. Company pages are not profiles.
func LinkedInSlug(s string) (string, bool) {
	lower := strings.ToLower(Clean(s))
	at := strings.Index(lower, "linkedin.com/")
	if at < 0 || (at > 0 && lower[at-1] != '.' && lower[at-1] != '/') {
		return "", false
	}
	path := lower[at+len("linkedin.com/"):]
	if end := strings.IndexAny(path, "?#"); end >= 0 {
		path = path[:end]
	}
	kind, slug, _ := strings.Cut(path, "/")
	if kind != "in" {
		return "", false
	}
	slug, _, _ = strings.Cut(slug, "/")
	slug = percentDecoded(slug)
	if len(slug) < 2 || len(slug) > 200 || strings.ContainsAny(slug, " \t<>\"%?#/\\") {
		return "", false
	}
	return slug, true
}

// percentDecoded undoes the %C3%BC of an exported address, so that it equals
// the same address copied from the browser's bar.
func percentDecoded(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	decoded, err := neturl.PathUnescape(s)
	if decoded = strings.ToLower(decoded); err != nil || Clean(decoded) != decoded {
		return s
	}
	return decoded
}
