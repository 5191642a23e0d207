package hubspot

import "strings"

// The object types.
const (
	contacts  = "contacts"
	companies = "companies"
)

// The property names with a meaning of their own.
const (
	propEmail      = "email"
	propMoreEmails = "hs_additional_emails"
	propDomain     = "domain"
	propID         = "hs_object_id"
	propCreated    = "createdate"
	propStage      = "lifecyclestage"
)

// typeInfo describes an object type.
type typeInfo struct {
	name     string
	id       string // object type id
	singular string // in messages
	modified string // the property that holds the time of the last change
	defaults []string
	builtin  func() []Property
}

var contactType = typeInfo{
	name: contacts, id: "0-1", singular: "Contact", modified: "lastmodifieddate",
	defaults: []string{propCreated, propEmail, "firstname", propID, "lastmodifieddate", "lastname"},
	builtin:  contactProperties,
}

var companyType = typeInfo{
	name: companies, id: "0-2", singular: "Company", modified: "hs_lastmodifieddate",
	defaults: []string{propCreated, propDomain, "hs_lastmodifieddate", propID, "name"},
	builtin:  companyProperties,
}

// stages in the order in which a record moves.
var stages = []string{
	"subscriber", "lead", "marketingqualifiedlead", "salesqualifiedlead", "opportunity", "customer", "evangelist", "other",
}

// contactProperties are the default properties of a contact that matter here.
// The number of employees is an enumeration on contacts and a number on
// companies; industry is free text on contacts and an enumeration on companies
// (HubSpot's lists of default contact and company properties).
func contactProperties() []Property {
	list := text(contacts, propEmail, propMoreEmails, "firstname", "lastname", "jobtitle", "phone", "mobilephone", "company", "website",
		"industry", "address", "city", "state", "zip", "country", "annualrevenue", "hs_linkedin_url", "message")
	list[0].HasUniqueValue = true
	return append(list,
		choice(contacts, propStage, stages...),
		choice(contacts, "hs_lead_status", "NEW", "OPEN", "IN_PROGRESS", "OPEN_DEAL", "UNQUALIFIED", "ATTEMPTED_TO_CONTACT", "CONNECTED", "BAD_TIMING"),
		choice(contacts, "numemployees", "1-5", "5-25", "25-50", "50-100", "100-500", "500-1000", "1000+"),
		computed(contacts, propID, "number"), computed(contacts, propCreated, "datetime"), computed(contacts, "lastmodifieddate", "datetime"),
	)
}

func companyProperties() []Property {
	list := text(companies, "name", propDomain, "phone", "website", "address", "city", "state", "zip", "country", "description",
		"founded_year", "linkedin_company_page", "hs_additional_domains")
	return append(list,
		number(companies, "numberofemployees"), number(companies, "annualrevenue"),
		choice(companies, propStage, stages...),
		choice(companies, "industry", strings.Fields(industries)...),
		computed(companies, propID, "number"), computed(companies, propCreated, "datetime"), computed(companies, "hs_lastmodifieddate", "datetime"),
	)
}

// industries are values of the company property industry.
const industries = `ACCOUNTING AIRLINES_AVIATION APPAREL_FASHION ARCHITECTURE_PLANNING AUTOMOTIVE AVIATION_AEROSPACE
BANKING BIOTECHNOLOGY BROADCAST_MEDIA BUILDING_MATERIALS CAPITAL_MARKETS CHEMICALS CIVIL_ENGINEERING
COMMERCIAL_REAL_ESTATE COMPUTER_GAMES COMPUTER_HARDWARE COMPUTER_NETWORKING COMPUTER_NETWORK_SECURITY COMPUTER_SOFTWARE
CONSTRUCTION CONSUMER_ELECTRONICS CONSUMER_GOODS CONSUMER_SERVICES DEFENSE_SPACE DESIGN EDUCATION_MANAGEMENT
E_LEARNING ELECTRICAL_ELECTRONIC_MANUFACTURING ENTERTAINMENT ENVIRONMENTAL_SERVICES EVENTS_SERVICES FACILITIES_SERVICES
FARMING FINANCIAL_SERVICES FOOD_BEVERAGES FOOD_PRODUCTION FURNITURE GOVERNMENT_ADMINISTRATION GRAPHIC_DESIGN
HEALTH_WELLNESS_AND_FITNESS HIGHER_EDUCATION HOSPITAL_HEALTH_CARE HOSPITALITY HUMAN_RESOURCES IMPORT_AND_EXPORT
INDUSTRIAL_AUTOMATION INFORMATION_SERVICES INFORMATION_TECHNOLOGY_AND_SERVICES INSURANCE INTERNET INVESTMENT_BANKING
INVESTMENT_MANAGEMENT LAW_PRACTICE LEGAL_SERVICES LEISURE_TRAVEL_TOURISM LOGISTICS_AND_SUPPLY_CHAIN MACHINERY
MANAGEMENT_CONSULTING MARITIME MARKETING_AND_ADVERTISING MARKET_RESEARCH MECHANICAL_OR_INDUSTRIAL_ENGINEERING
MEDICAL_DEVICES MEDICAL_PRACTICE MINING_METALS MUSIC NON_PROFIT_ORGANIZATION_MANAGEMENT OIL_ENERGY ONLINE_MEDIA
OUTSOURCING_OFFSHORING PACKAGING_AND_CONTAINERS PHARMACEUTICALS PLASTICS PRINTING PROFESSIONAL_TRAINING_COACHING
PUBLIC_RELATIONS_AND_COMMUNICATIONS PUBLISHING REAL_ESTATE RENEWABLES_ENVIRONMENT RESEARCH RESTAURANTS RETAIL
SECURITY_AND_INVESTIGATIONS SEMICONDUCTORS SPORTS STAFFING_AND_RECRUITING SUPERMARKETS TELECOMMUNICATIONS TEXTILES
TRANSPORTATION_TRUCKING_RAILROAD UTILITIES VENTURE_CAPITAL_PRIVATE_EQUITY WAREHOUSING WHOLESALE WIRELESS`

func builtin(typ, name, kind, field string) Property {
	return Property{
		Name: name, Label: strings.ToUpper(name[:1]) + strings.ReplaceAll(name[1:], "_", " "),
		Type: kind, FieldType: field, GroupName: groups[typ], HubSpotDefined: true,
	}
}

func text(typ string, names ...string) []Property {
	list := make([]Property, 0, len(names)+8)
	for _, name := range names {
		list = append(list, builtin(typ, name, "string", "text"))
	}
	return list
}

func number(typ, name string) Property { return builtin(typ, name, "number", "number") }

func choice(typ, name string, values ...string) Property {
	p := builtin(typ, name, "enumeration", "select")
	for i, v := range values {
		p.Options = append(p.Options, Option{Label: v, Value: v, DisplayOrder: i})
	}
	return p
}

func computed(typ, name, kind string) Property {
	p := builtin(typ, name, kind, "text")
	p.Calculated = true
	return p
}
