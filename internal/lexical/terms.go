package lexical

// businessTerms are words in which firms speak of their problems, aims and
// signals, by the concept they stand for. A name that begins with "function",
// "industry" or "sector" joins the concepts of the title and industry tables.
var businessTerms = map[string]string{
	"function engineering":      "technical debt, code, coding, devops, deployment, deployments, developer experience, engineering team, engineers, development velocity, velocity, ci cd, microservices, kubernetes, docker, terraform, scalability, refactoring, open source, api, apis, sdk, release, releases, sprint, aws, azure, gcp, python, golang, java, react, postgresql, github, gitlab, jenkins, datadog, shipping",
	"technical":                 "technical debt, devops, automation, engineering team, development velocity, developer experience, cloud, infrastructure, platform, kubernetes, scaling, scalability, technology, tools, product quality, security compliance, aws, azure, gcp, api, release, software, saas",
	"sector technology":         "developer experience, devops, technical debt, development velocity, cloud native, kubernetes, api, apis, platform engineering, time to, aws, gcp, azure, microservices, ci cd, b2b, arr, mrr, saas, product led",
	"function product":          "roadmap, product quality, product launch, user research, feature, features, product market, time market, backlog, discovery, launch",
	"function security":         "security compliance, soc 2, soc2, iso 27001, gdpr, vulnerability, vulnerabilities, zero trust, penetration, threat, threats, breach, hipaa",
	"compliance":                "compliance, security compliance, compliance deadline, audit, regulation, regulations, regulatory, gdpr, hipaa, soc 2, soc2, iso 27001, certification, deadline",
	"function data":             "dashboards, data driven, metrics, warehouse data, etl, snowflake, data lake",
	"growth":                    "scaling, scale, growth, growing, expansion, hypergrowth, expand, hiring, scale up, scaleup, series, funding, raised, raises, round, hiring surge, headcount",
	"funding":                   "funding, funding round, series a, series b, series c, series, seed, raised, raises, investors, venture, capital raise, ipo, acquisition",
	"hiring":                    "hiring, hiring surge, recruiting, open roles, open positions, vacancies, job openings, jobs, headcount, scaling engineering, hires",
	"launch":                    "launch, launched, launches, product launch, announcement, released, release, unveils, introduces, new product",
	"cost":                      "cost, costs, operational costs, cost reduction, savings, budget, spend, reduce costs, efficiency, efficient, roi, margin, margins, overhead",
	"speed":                     "velocity, faster, speed, accelerate, accelerating, time to, cycle time, agility, agile, fast, quickly, productivity, throughput",
	"automation":                "automation, automate, automated, devops automation, workflow, workflows, orchestration, ci cd, automating",
	"quality":                   "quality, product quality, reliability, reliable, uptime, best class, best in, excellence, continuous improvement, improvement, testing",
	"innovation":                "innovation, innovative, competitive advantage, differentiation, cutting edge, disrupt, new technologies, transformation",
	"team":                      "team, teams, team productivity, culture, collaboration, retention, leadership, engineering team, people management",
	"function sales":            "quota, pipeline generation, prospecting, cold calls, deals, crm, closing, forecast, forecasting, sales cycle, win rate",
	"function marketing":        "leads, campaign, campaigns, brand awareness, conversion, conversions, attribution, audience, storytelling, influencer",
	"function people":           "employee engagement, retention, onboarding, turnover, attrition, hiring managers, wellbeing, employer branding",
	"function finance":          "cash flow, close books, month end, forecasting, budgeting, erp, invoicing, reconciliation, working capital",
	"function customer success": "churn, nps, renewals, customer retention, tickets, satisfaction, adoption",
	"function supply chain":     "lead times, suppliers, vendors, inventory, stockouts, shortages, freight costs, last mile",
	"function operations":       "downtime, throughput, plant, shift, oee, lean, six sigma, yield, shop floor",
	"function medical":          "patient care, patient outcomes, clinical trials, nurses, beds, ehr, physicians, diagnosis, treatment",
	"function education":        "students, learning outcomes, classroom, enrolment, enrollment, curriculum, graduates",
	"function legal":            "contracts, litigation, intellectual property, clauses, disputes",
}
