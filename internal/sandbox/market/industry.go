package market

// Industry is a line of business of the market.
type Industry struct {
	Name   string   // the truth
	Also   []string // other words for it in an ICP, lower case
	Labels []string // what licensed data sources call it, most frequent first
	Place  string   // the place type that a map service gives it
	Does   []string // what such a company does, for its description
	Themes []int    // topics that its people talk about
	Tech   []string
	mix    roleMix
	weight int
}

// roleMix names the kind of staff that an industry has.
type roleMix int

const (
	builders roleMix = iota // makes software for sale
	users                   // has its own software people
	hands                   // engineers there build or maintain things
)

// industries returns the industries; the order is part of the market.
func industries() []Industry {
	return []Industry{
		{
			Name: "SaaS", Also: []string{"software as a service", "saas", "b2b saas", "b2b software"},
			Labels: []string{"computer software", "information technology & services", "internet"}, Place: "corporate_office",
			Does:   []string{"a cloud subscription platform for revenue teams", "a collaboration suite sold by subscription", "an analytics product for online businesses", "a billing and subscription platform", "a no-code workflow product"},
			Themes: []int{0, 1, 4, 6, 7, 9, 11, 20}, Tech: []string{"Amazon AWS", "React", "PostgreSQL", "Kubernetes", "Datadog", "Stripe", "Segment", "Snowflake"}, mix: builders, weight: 21,
		},
		{
			Name: "Software", Also: []string{"computer software", "software", "enterprise software", "software development"},
			Labels: []string{"computer software", "information technology & services"}, Place: "corporate_office",
			Does:   []string{"enterprise software for planning and operations", "developer tools and build systems", "a design and simulation package", "document automation software", "an integration product for enterprise applications"},
			Themes: []int{0, 1, 2, 4, 6, 8, 7}, Tech: []string{"Java", "Microsoft Azure", "Jenkins", "GitHub", "PostgreSQL", "Kubernetes", "Jira", "Terraform"}, mix: builders, weight: 17,
		},
		{
			Name: "Cloud Computing", Also: []string{"cloud", "cloud computing", "cloud infrastructure", "paas", "iaas"},
			Labels: []string{"information technology & services", "computer software", "internet"}, Place: "corporate_office",
			Does:   []string{"managed Kubernetes and cloud infrastructure", "a serverless hosting platform", "cloud cost and capacity management", "object storage and content delivery"},
			Themes: []int{2, 5, 6, 4, 3, 0}, Tech: []string{"Kubernetes", "Go", "Terraform", "Prometheus", "Grafana", "Amazon AWS", "Google Cloud", "Kafka"}, mix: builders, weight: 9,
		},
		{
			Name: "Cybersecurity", Also: []string{"cybersecurity", "security software", "computer & network security", "information security", "cyber security"},
			Labels: []string{"computer & network security", "information technology & services"}, Place: "corporate_office",
			Does:   []string{"threat detection for cloud workloads", "identity and access management", "vulnerability management", "compliance automation for software companies"},
			Themes: []int{3, 2, 6, 5, 9, 0}, Tech: []string{"Splunk", "Okta", "Amazon AWS", "Python", "Elastic", "Kubernetes", "CrowdStrike"}, mix: builders, weight: 8,
		},
		{
			Name: "IT Services", Also: []string{"it services", "it consulting", "managed services"},
			Labels: []string{"information technology & services", "management consulting"}, Place: "consultant",
			Does:   []string{"managed IT and help desk services", "system integration projects", "staff augmentation and outsourcing", "ERP implementation"},
			Themes: []int{21, 17, 24, 2, 20}, Tech: []string{"Microsoft 365", "ServiceNow", "SAP", "VMware", "Cisco"}, mix: builders, weight: 7,
		},
		{
			Name: "Financial Services", Also: []string{"finance", "financial services", "fintech", "banking"},
			Labels: []string{"financial services", "banking"}, Place: "finance",
			Does:   []string{"lending to small companies", "card payments and settlement", "wealth management", "trade finance"},
			Themes: []int{3, 14, 19, 9, 23}, Tech: []string{"Salesforce", "Oracle", "Java", "Snowflake"}, mix: users, weight: 6,
		},
		{
			Name: "Health Care", Also: []string{"healthcare", "hospital", "health care"},
			Labels: []string{"hospital & health care", "medical practice"}, Place: "hospital",
			Does:   []string{"a group of outpatient clinics", "home care and rehabilitation", "diagnostic laboratories", "a hospital network"},
			Themes: []int{13, 3, 22, 17}, Tech: []string{"Epic", "Microsoft 365", "Workday"}, mix: hands, weight: 6,
		},
		{
			Name: "Manufacturing", Also: []string{"manufacturing", "industrial", "machinery"},
			Labels: []string{"machinery", "mechanical or industrial engineering", "automotive"}, Place: "manufacturer",
			Does:   []string{"pumps and valves", "packaging machines", "precision parts for vehicles", "industrial sensors"},
			Themes: []int{15, 16, 22, 18}, Tech: []string{"SAP", "Siemens NX", "Rockwell"}, mix: hands, weight: 6,
		},
		{
			Name: "Retail", Also: []string{"retail", "e-commerce", "consumer goods"},
			Labels: []string{"retail", "consumer goods"}, Place: "store",
			Does:   []string{"a chain of home-ware shops", "outdoor clothing online", "a grocery delivery business", "a marketplace for second-hand goods"},
			Themes: []int{12, 15, 19, 20, 11}, Tech: []string{"Shopify", "Adobe Commerce", "Klaviyo"}, mix: users, weight: 5,
		},
		{
			Name: "Marketing", Also: []string{"marketing", "advertising", "agency"},
			Labels: []string{"marketing & advertising"}, Place: "consultant",
			Does:   []string{"brand campaigns for consumer companies", "search and social advertising", "public relations for technology companies"},
			Themes: []int{10, 11, 20, 26}, Tech: []string{"HubSpot", "Google Analytics", "WordPress"}, mix: hands, weight: 4,
		},
		{
			Name: "Construction", Also: []string{"construction", "real estate"},
			Labels: []string{"construction", "real estate"}, Place: "general_contractor",
			Does:   []string{"commercial buildings", "road and bridge works", "refurbishment of offices"},
			Themes: []int{16, 22, 18, 23}, Tech: []string{"Autodesk", "Procore"}, mix: hands, weight: 4,
		},
		{
			Name: "Logistics", Also: []string{"logistics", "transport", "transportation"},
			Labels: []string{"logistics & supply chain", "transportation/trucking/railroad"}, Place: "moving_company",
			Does:   []string{"freight forwarding", "parcel delivery", "cold-chain warehousing"},
			Themes: []int{15, 16, 18, 5}, Tech: []string{"SAP", "Oracle", "Samsara"}, mix: hands, weight: 3,
		},
		{
			Name: "Education", Also: []string{"education", "higher education", "e-learning"},
			Labels: []string{"higher education", "e-learning"}, Place: "university",
			Does:   []string{"vocational training", "online degree programmes", "language courses"},
			Themes: []int{25, 22, 11}, Tech: []string{"Moodle", "Canvas"}, mix: hands, weight: 2,
		},
		{
			Name: "Hospitality", Also: []string{"hospitality", "hotels", "restaurants"},
			Labels: []string{"hospitality", "restaurants"}, Place: "hotel",
			Does:   []string{"city hotels", "a chain of restaurants", "conference venues"},
			Themes: []int{12, 22, 16, 27}, Tech: []string{"Oracle Opera", "Toast"}, mix: hands, weight: 2,
		},
	}
}

// topic is something that people care about. What somebody cares about is
// hidden; its phrases appear in headlines, descriptions and posts.
type topic struct {
	phrases []string
	words   []string // stems; an ICP wants the topic if its text has one, "a+b" means both
}

// topics returns the topics; the order is part of the market. The first ten are
// what makers of software care about.
func topics() []topic {
	return []topic{
		{[]string{"scaling engineering teams", "growing engineering orgs", "hiring and keeping senior engineers"}, []string{"scaling engineering", "engineering team", "team productivity"}},
		{[]string{"paying down technical debt", "modernising legacy code", "architecture renewal"}, []string{"technical debt"}},
		{[]string{"DevOps automation", "CI/CD and platform engineering", "infrastructure as code"}, []string{"devops", "automation"}},
		{[]string{"security compliance", "SOC 2 and ISO 27001", "secure by design"}, []string{"compliance"}},
		{[]string{"developer velocity", "shipping faster", "shorter lead time for changes"}, []string{"velocity", "time-to-market", "time to market"}},
		{[]string{"lowering cloud costs", "FinOps", "doing more with less"}, []string{"operational cost", "efficiency"}},
		{[]string{"product quality", "reliability engineering", "fewer incidents"}, []string{"product quality", "continuous improvement"}},
		{[]string{"innovation with machine learning", "AI-assisted development", "new product bets"}, []string{"innovation"}},
		{[]string{"developer experience", "best-in-class tooling", "internal developer platforms"}, []string{"developer experience", "best-in-class tools"}},
		{[]string{"data-driven decisions", "experimentation culture", "engineering metrics"}, []string{"data-driven"}},
		{[]string{"brand storytelling", "creative campaigns"}, []string{"brand"}},
		{[]string{"demand generation", "growth marketing"}, []string{"demand", "lead generation", "growth marketing"}},
		{[]string{"store experience", "guest satisfaction"}, []string{"customer experience", "store"}},
		{[]string{"patient outcomes", "care quality"}, []string{"patient"}},
		{[]string{"risk management", "capital allocation"}, []string{"risk"}},
		{[]string{"supply chain visibility", "inventory turns"}, []string{"supply chain", "inventory"}},
		{[]string{"fleet and facility maintenance", "asset uptime"}, []string{"maintenance", "fleet"}},
		{[]string{"service desk excellence", "end-user support"}, []string{"service desk", "support"}},
		{[]string{"lean manufacturing", "shop-floor safety"}, []string{"lean", "safety"}},
		{[]string{"pricing and margins", "cash flow"}, []string{"pricing", "margin"}},
		{[]string{"customer success", "reducing churn"}, []string{"churn", "customer success"}},
		{[]string{"ERP roll-outs", "vendor management"}, []string{"erp", "vendor"}},
		{[]string{"workforce planning", "talent acquisition"}, []string{"talent", "workforce"}},
		{[]string{"mergers and integration", "governance"}, []string{"merger", "governance"}},
		{[]string{"outsourcing and offshoring", "project billing"}, []string{"outsourcing"}},
		{[]string{"curriculum design", "learner engagement"}, []string{"curriculum", "learning"}},
		{[]string{"media relations", "social communities"}, []string{"media", "community"}},
		{[]string{"events and food service", "revenue per room"}, []string{"events"}},
	}
}
