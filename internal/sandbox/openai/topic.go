package openai

import "strings"

// topics is what the simulated models know about meaning: one topic a line, as
// field/topic: words. Words of a topic are close to each other, and topics of a
// field are loosely related. A + joins two words that count only side by side.
const topics = `
software/teams: engineering engineers scaling+engineering engineering+team engineering+org hiring+senior senior+engineers headcount+engineering growing+engineering scale+team
software/debt: technical+debt tech+debt legacy legacy+code modernising modernizing modernisation modernization refactoring architecture architecture+renewal rewrite monolith
software/devops: devops ci cd pipeline pipelines platform+engineering infrastructure infrastructure+code terraform automation automate automating kubernetes deployment deployments gitops sre
software/velocity: velocity shipping+faster lead+time time+market delivery+speed shipping release releases cycle+time development+velocity throughput
software/experience: developer developers developer+experience tooling developer+platforms developer+tools best+class productivity team+productivity ide
software/quality: product+quality reliability incidents uptime testing qa bugs observability monitoring outages continuous+improvement
software/building: software saas subscription application applications code coding programming programmer api product+development app apps platform stack backend frontend microservices cto
software/product: product+manager head+product roadmap product+management features product+bets discovery prototype product+owner cpo
software/machine: ai machine+learning ml artificial+intelligence llm model models innovation assisted deep+learning neural generative
cloud/infrastructure: cloud aws azure gcp serverless hosting storage kubernetes containers compute managed+kubernetes datacenter data+center
cloud/cost: finops cloud+costs cloud+cost operational+costs operational+cost doing+less lowering+cloud efficiency efficient savings reduce+costs capacity
security/compliance: compliance soc iso audit audits regulation regulatory gdpr hipaa certification secure+design security+compliance controls
security/defence: security cybersecurity threat threats vulnerability vulnerabilities identity access+management encryption ciso breach firewall zero+trust detection secure
data/decisions: data+driven metrics experimentation analytics dashboards decision decisions insight insights measurement experiments
data/platform: data database databases warehouse lake etl statistics statistician pipeline+data bi scientist scientists
management/executive: chief officer ceo founder president executive vp vice+president cfo coo head director directors leadership leader board owner managing+director
management/growth: funding raised series investors venture round scaleup startup expansion growth revenue arr
management/change: merger mergers acquisition integration governance strategy restructuring transformation
finance/control: finance financial cash+flow pricing margins margin accounting accountant budget budgeting controller invoice invoices billing audit+firm
finance/markets: banking bank lending loans payments settlement wealth investment capital risk risk+management insurance trading fintech credit
industry/production: manufacturing factory plant lean shop+floor machinery machines pumps valves production assembly packaging sensors mechanical tooling+machine parts
industry/maintenance: maintenance fleet facility facilities asset+uptime equipment repair spare+parts safety
industry/building: construction buildings building bridge bridges road contractor refurbishment architect concrete estate real+estate
industry/supply: supply+chain inventory logistics freight warehouse+goods warehousing parcel transport transportation procurement shipping+goods forwarding carrier cold+chain
industry/energy: energy oil gas solar wind utilities renewable renewables grid power
health/care: patient patients hospital hospitals clinic clinics care medical doctor nurse nurses rehabilitation diagnostic health healthcare outcomes
health/research: pharma pharmaceutical biotech drug clinical laboratory laboratories trials molecule
retail/stores: retail store stores shop shops grocery merchandise clothing marketplace checkout ecommerce commerce consumer goods
retail/hospitality: hotel hotels restaurant restaurants guest guests menu food kitchen chef bread bakery cooking conference+venues events room travel
sales/selling: sales selling pipeline+deals quota deals prospects account+executive crm leads lead+generation outbound closing
sales/success: customer+success churn retention onboarding+customers renewals reducing+churn customers customer
marketing/brand: marketing brand advertising campaigns campaign creative storytelling agency public+relations media+relations
marketing/demand: demand demand+generation growth+marketing seo search+advertising funnel conversion social+advertising
marketing/community: community communities social media followers influencer events+community
people/hiring: hr recruiting recruiter talent talent+acquisition workforce workforce+planning hiring hiring+surge staffing people+operations
people/learning: education university school students student curriculum learner learning teacher training courses degree language+courses
support/desk: service+desk help+desk support end+user tickets itil helpdesk user+support
support/outsourcing: outsourcing offshoring staff+augmentation system+integration vendor vendor+management erp consulting consultant implementation managed+services
law/practice: law legal lawyer attorney court litigation contract contracts counsel
leisure/nature: garden gardening flowers roses hiking mountain mountains fishing horses dog dogs cat cats river beach
leisure/sport: football soccer tennis match team+sport player players stadium olympic swimming marathon
leisure/art: music guitar piano concert painting museum novel poetry film theatre dance
`

// common are words that tell little about a text.
const common = `a an and are as at be by can do does for from has have he her his how i if in into is it its less me more my new not of
on or our out over own she so such than that the their them then there these they this to too up us was we well were what when which who will
with you your best better good great very much many most other also about across per via using use used based every each all any
company companies business businesses firm organisation organization group inc ltd llc gmbh corp services service solutions solution
employees employee people team teams work working global international leading provider helps help make makes build builds`

// lexicon is the parsed form of topics and common, by hash of a stem or of two.
type lexicon struct {
	topics map[uint64][]int32 // to topic numbers
	fields []int32            // topic -> field number
	seeds  []uint64           // of topics, then of fields
	common map[uint64]bool
}

func newLexicon() *lexicon {
	l := &lexicon{topics: map[uint64][]int32{}, common: map[uint64]bool{}}
	fieldNumbers := map[string]int32{}
	var fieldNames []string
	for line := range strings.Lines(strings.TrimSpace(topics)) {
		name, words, _ := strings.Cut(line, ":")
		field, _, _ := strings.Cut(name, "/")
		if _, known := fieldNumbers[field]; !known {
			fieldNumbers[field] = int32(len(fieldNames))
			fieldNames = append(fieldNames, field)
		}
		number := int32(len(l.fields))
		l.fields = append(l.fields, fieldNumbers[field])
		l.seeds = append(l.seeds, hash([]byte(name)))
		for _, word := range strings.Fields(words) {
			first, second, two := strings.Cut(word, "+")
			key := hash(stem([]byte(first)))
			if two {
				key = pair(key, hash(stem([]byte(second))))
			}
			l.topics[key] = append(l.topics[key], number)
		}
	}
	for _, name := range fieldNames {
		l.seeds = append(l.seeds, hash([]byte(name)))
	}
	for _, word := range strings.Fields(common) {
		l.common[hash(stem([]byte(word)))] = true
	}
	return l
}

// suffixes are cut from words, longest first, as long as four letters remain.
var suffixes = []string{"ations", "ation", "ments", "ment", "ings", "ing", "ions", "ion", "ers", "ies", "er", "or", "ed", "es", "al", "ly", "s", "y", "e"}

// stem cuts endings until none is left, so that engineer, engineers and
// engineering become one. It returns a part of word.
func stem(word []byte) []byte {
	for cut := true; cut; {
		cut = false
		for _, s := range suffixes {
			if len(word) >= len(s)+4 && string(word[len(word)-len(s):]) == s {
				word, cut = word[:len(word)-len(s)], true
				break
			}
		}
	}
	return word
}

// hash is FNV-1a.
func hash(b []byte) uint64 {
	h := uint64(14695981039346656037)
	for _, c := range b {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return h
}

// pair is the key of two words side by side.
func pair(a, b uint64) uint64 { return a*31 ^ b*0x9e3779b97f4a7c15 }

// scramble spreads a hash over all bits (the finaliser of splitmix64).
func scramble(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
