package domain

import (
	"crypto/sha256"
	"encoding/base32"
	"maps"
	"slices"
	"strings"
	"time"
)

// Prospect is a discovered person or company, as much of it as is known. Zero
// values mean unknown, never "no".
type Prospect struct {
	ID        string   `json:"id"`        // [ProspectID] of team, source and profile
	Source    string   `json:"source"`    // the source that discovered it: "apollo", "googleplaces", "csv"
	ProfileID string   `json:"profileId"` // the source's own id
	Person    Person   `json:"person,omitzero"`
	Company   Company  `json:"company,omitzero"`
	Contact   Contact  `json:"contact,omitzero"`
	Signals   []Signal `json:"signals,omitempty"`
	// Refs are other providers' ids of the same person or company, by provider.
	Refs   map[string]string `json:"refs,omitempty"`
	SeenAt time.Time         `json:"seenAt,omitzero"` // when it was discovered
	// Provenance tells for a field ("company.industry") where its value came from.
	Provenance map[string]Provenance `json:"provenance,omitempty"`
}

// Person is the human part of a prospect.
type Person struct {
	FirstName  string `json:"firstName,omitempty"`
	LastName   string `json:"lastName,omitempty"`
	Title      string `json:"title,omitempty"`
	Headline   string `json:"headline,omitempty"`
	Seniority  string `json:"seniority,omitempty"` // owner founder c_suite partner vp head director manager senior entry intern
	Department string `json:"department,omitempty"`
	ProfileURL string `json:"profileUrl,omitempty"`
	City       string `json:"city,omitempty"`
	Region     string `json:"region,omitempty"`
	Country    string `json:"country,omitempty"` // English name or ISO code, as the source gave it
}

// Name returns first and last name, joined.
func (p Person) Name() string { return strings.TrimSpace(p.FirstName + " " + p.LastName) }

// Company is the firm part of a prospect.
type Company struct {
	Name         string   `json:"name,omitempty"`
	Domain       string   `json:"domain,omitempty"` // registrable domain, lower case
	Website      string   `json:"website,omitempty"`
	Industry     string   `json:"industry,omitempty"`
	Employees    int      `json:"employees,omitempty"`  // head count, or the middle of a range
	RevenueUSD   int64    `json:"revenueUsd,omitempty"` // a year, in whole dollars
	City         string   `json:"city,omitempty"`
	Country      string   `json:"country,omitempty"`
	Phone        string   `json:"phone,omitempty"` // switchboard
	Founded      int      `json:"founded,omitempty"`
	FundingStage string   `json:"fundingStage,omitempty"`
	Technologies []string `json:"technologies,omitempty"`
	Description  string   `json:"description,omitempty"`
	EmailPattern string   `json:"emailPattern,omitempty"` // how a source says that its addresses are made: "{first}.{last}"
}

// Contact is how to reach the person: personal data, encrypted at rest.
type Contact struct {
	Email       string      `json:"email,omitempty"`
	EmailStatus EmailStatus `json:"emailStatus,omitempty"`
	Phone       string      `json:"phone,omitempty"` // E.164 where it could be normalised
}

// EmailStatus says how far an address can be trusted.
type EmailStatus string

// The taxonomy of addresses. The zero value means nobody looked.
const (
	EmailUnchecked EmailStatus = ""
	EmailSafe      EmailStatus = "safe"    // a verifier reached the mailbox
	EmailRisky     EmailStatus = "risky"   // catch-all, role or disposable domain
	EmailInvalid   EmailStatus = "invalid" // it would bounce
	EmailUnknown   EmailStatus = "unknown" // a verifier could not tell
)

// Signal is a dated sign of life: a job change, a funding round, a hiring surge.
type Signal struct {
	Kind   string    `json:"kind"` // funding, hiring, jobchange, launch, compliance, update
	Text   string    `json:"text,omitempty"`
	At     time.Time `json:"at,omitzero"`
	Source string    `json:"source,omitempty"`
}

// Provenance is where and when a field's value was obtained.
type Provenance struct {
	Source    string    `json:"source"`
	FetchedAt time.Time `json:"fetchedAt,omitzero"`
	ExpiresAt time.Time `json:"expiresAt,omitzero"` // zero: may be kept
}

// idEncoding is lower-case base32 without padding: safe in keys, URLs and CRMs.
var idEncoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// ID derives a stable identifier from its parts: the same parts always give the
// same id, and no two lists of parts share one by concatenation.
func ID(prefix string, parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write([]byte{byte(len(p) >> 8), byte(len(p))})
		h.Write([]byte(p))
	}
	return prefix + idEncoding.EncodeToString(h.Sum(nil)[:15])
}

// ProspectID is unique per (team, source, profile): discovering somebody twice
// gives the same prospect.
func ProspectID(team, source, profileID string) string {
	return ID("p_", team, source, profileID)
}

// HasPerson reports whether a person is known whom one could contact. Without
// one the prospect is a company only.
func (p Prospect) HasPerson() bool {
	return p.Person.Name() != "" || p.Person.ProfileURL != "" || p.Contact.Email != ""
}

// ClaimIDs are the ids under which a prospect is claimed within a team: its own
// and, for a company, that of the person whom another provider found there.
func (p Prospect) ClaimIDs(team string) []string {
	ids := []string{p.ID}
	for _, provider := range slices.Sorted(maps.Keys(p.Refs)) {
		if provider != p.Source {
			ids = append(ids, ProspectID(team, provider, p.Refs[provider]))
		}
	}
	return ids
}

// LeadID is the identity of the person behind a prospect within a team: by
// normalised e-mail, else profile URL, else name and domain. Two prospects of
// the same person give one lead; "" if nothing identifies the person.
func LeadID(team string, p Prospect) string {
	switch {
	case p.Contact.Email != "":
		return ID("l_", team, "email", strings.ToLower(p.Contact.Email))
	case p.Person.ProfileURL != "":
		return ID("l_", team, "profile", strings.ToLower(p.Person.ProfileURL))
	case p.Person.LastName != "" && p.Company.Domain != "":
		return ID("l_", team, "name", strings.ToLower(p.Person.Name()), strings.ToLower(p.Company.Domain))
	}
	return ""
}
