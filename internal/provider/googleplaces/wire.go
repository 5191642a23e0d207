package googleplaces

import (
	"strings"
	"time"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/normalize"
)

type wireQuery struct {
	TextQuery    string `json:"textQuery"`
	PageSize     int    `json:"pageSize"`
	PageToken    string `json:"pageToken,omitempty"`
	LanguageCode string `json:"languageCode"`
}

type wireSearch struct {
	Places        []wirePlace `json:"places"`
	NextPageToken string      `json:"nextPageToken"`
}

type wirePlace struct {
	ID             string   `json:"id"`
	DisplayName    wireText `json:"displayName"`
	BusinessStatus string   `json:"businessStatus"`
	PrimaryType    string   `json:"primaryType"`
	TypeName       wireText `json:"primaryTypeDisplayName"`
	PostalAddress  struct {
		RegionCode string `json:"regionCode"`
		Locality   string `json:"locality"`
	} `json:"postalAddress"`
	WebsiteURI string `json:"websiteUri"`
	Phone      string `json:"internationalPhoneNumber"`
}

type wireText struct {
	Text string `json:"text"`
}

func (w wirePlace) closed() bool { return w.BusinessStatus == "CLOSED_PERMANENTLY" }

func (w wirePlace) prospect(at time.Time) domain.Prospect {
	p := domain.Prospect{Source: "googleplaces", ProfileID: w.ID, SeenAt: at}
	set := func(field string, to *string, from string) {
		if from = strings.TrimSpace(from); from == "" {
			return
		}
		*to = from
		if p.Provenance == nil {
			p.Provenance = map[string]domain.Provenance{}
		}
		p.Provenance[field] = domain.Provenance{Source: "googleplaces", FetchedAt: at, ExpiresAt: at.Add(keep)}
	}
	set("company.name", &p.Company.Name, w.DisplayName.Text)
	set("company.website", &p.Company.Website, w.WebsiteURI)
	set("company.phone", &p.Company.Phone, w.Phone)
	set("company.city", &p.Company.City, w.PostalAddress.Locality)
	set("company.country", &p.Company.Country, w.PostalAddress.RegionCode)
	// A page on a network or a site builder's host identifies nobody.
	if name, ok := normalize.Domain(w.WebsiteURI); ok && !normalize.SharedHost(name) {
		set("company.domain", &p.Company.Domain, name)
	}
	if industry := w.TypeName.Text; industry != "" && !vague(w.PrimaryType) {
		set("company.industry", &p.Company.Industry, industry)
	}
	return p
}

// vague are types that say nothing about the business.
func vague(placeType string) bool {
	switch placeType {
	case "corporate_office", "establishment", "point_of_interest", "premise":
		return true
	}
	return false
}

type wireError struct {
	Error struct {
		Details []struct {
			Reason   string            `json:"reason"`
			Metadata map[string]string `json:"metadata"`
		} `json:"details"`
	} `json:"error"`
}
