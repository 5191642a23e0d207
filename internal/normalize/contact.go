package normalize

import "strings"

// Contact returns the one form of something that names a person or a company
// for a do-not-contact list: an e-mail address, a profile page or a company's
// domain, however it was written. ok is false if it is none of them.
func Contact(s string) (form string, ok bool) {
	s = Clean(s)
	if strings.Contains(s, "@") {
		if email, ok := Email(s); ok {
			return EmailKey(email), true
		}
		return "", false
	}
	if slug, ok := LinkedInSlug(s); ok {
		return "https://www.linkedin.com/in/" + slug, true
	}
	host, hasPath := strings.CutPrefix(strings.ToLower(s), "https://")
	if !hasPath {
		host = strings.TrimPrefix(host, "http://")
	}
	if _, path, found := strings.Cut(host, "/"); found && strings.Trim(path, "/") != "" {
		return ProfileURL(strings.ToLower(s))
	}
	return Domain(s)
}
