package hubspot

import "github.com/messageai/sluice/internal/provider"

// contactType maps contacts. HubSpot's numemployees of a contact is an
// enumeration of ranges, so the head count goes into a property of our own.
func contactType(key string) objectType {
	own := func(name, label, kind, field string, unique bool) property {
		return property{Name: name, Label: label, Type: kind, FieldType: field, GroupName: "contactinformation", HasUniqueValue: unique}
	}
	return objectType{
		name: contactsName, key: key,
		names: map[string]string{
			provider.FieldEmail:     "email",
			provider.FieldFirstName: "firstname",
			provider.FieldLastName:  "lastname",
			provider.FieldTitle:     "jobtitle",
			provider.FieldPhone:     "phone",
			provider.FieldCompany:   "company",
			provider.FieldWebsite:   "website",
			provider.FieldIndustry:  "industry",
			provider.FieldEmployees: "sluice_employees",
			provider.FieldCity:      "city",
			provider.FieldCountry:   "country",
			provider.FieldProfile:   "sluice_profile_url",
			provider.FieldScore:     "sluice_score",
			provider.FieldStage:     "lifecyclestage",
		},
		own: []property{
			own(key, "Sluice lead id", "string", "text", true),
			own("sluice_score", "Sluice score", "number", "number", false),
			own("sluice_profile_url", "Sluice profile URL", "string", "text", false),
			own("sluice_employees", "Sluice employees", "number", "number", false),
		},
	}
}

// companyType maps companies.
func companyType(key string) objectType {
	own := func(name, label, kind, field string, unique bool) property {
		return property{Name: name, Label: label, Type: kind, FieldType: field, GroupName: "companyinformation", HasUniqueValue: unique}
	}
	return objectType{
		name: companiesName, key: key,
		names: map[string]string{
			provider.FieldName:      "name",
			provider.FieldDomain:    "domain",
			provider.FieldWebsite:   "website",
			provider.FieldPhone:     "phone",
			provider.FieldIndustry:  "sluice_industry",
			provider.FieldEmployees: "numberofemployees",
			provider.FieldCity:      "city",
			provider.FieldCountry:   "country",
			provider.FieldProfile:   "sluice_profile_url",
			provider.FieldScore:     "sluice_score",
			provider.FieldStage:     "lifecyclestage",
		},
		own: []property{
			own(key, "Sluice account id", "string", "text", true),
			own("sluice_score", "Sluice score", "number", "number", false),
			own("sluice_industry", "Sluice industry", "string", "text", false),
			own("sluice_profile_url", "Sluice profile URL", "string", "text", false),
		},
	}
}

// toProperties maps our fields and adds our id. It names the first field that
// HubSpot has no place for.
func (t objectType) toProperties(externalID string, fields map[string]string, created bool) (props map[string]string, unknown string) {
	props = map[string]string{}
	for field, v := range fields {
		name, ok := t.names[field]
		switch {
		case !ok:
			if unknown == "" || field < unknown {
				unknown = field
			}
		case field == provider.FieldStage && !created:
			// Stages only move forward; a record that exists keeps its own.
		default:
			props[name] = v
		}
	}
	if externalID != "" {
		props[t.key] = externalID
	}
	return props, unknown
}

// toRecord maps a record back. Unset properties are left out.
func (t objectType) toRecord(o object) provider.Record {
	r := provider.Record{RecordID: o.ID, ExternalID: o.property(t.key), Fields: map[string]string{}}
	for field, name := range t.names {
		if v := o.property(name); v != "" {
			r.Fields[field] = v
		}
	}
	if t.name == contactsName {
		r.Email = o.property("email")
	}
	return r
}
