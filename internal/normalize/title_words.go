package normalize

import "strings"

var formerWords = set(`former formerly ex past previous previously retired aspiring seeking ehemaliger ehemalige ancien ancienne`)

// titlePhrases maps folded phrases to what they say. A phrase with both parts
// is a whole position; the longest phrase at a place wins.
var titlePhrases = phraseTable()

func phraseTable() map[string]Role {
	m := make(map[string]Role, 900)
	add := func(role Role, phrases string) {
		for line := range strings.SplitSeq(phrases, ",") {
			if p := strings.Join(strings.Fields(line), " "); p != "" {
				m[p] = role
			}
		}
	}
	for _, row := range seniorityPhrases {
		add(Role{Seniority: row.seniority}, row.phrases)
	}
	for _, row := range functionPhrases {
		add(Role{Function: row.function}, row.phrases)
	}
	for _, row := range positionPhrases {
		add(row.role, row.phrases)
	}
	return m
}

var seniorityPhrases = []struct {
	seniority Seniority
	phrases   string
}{
	{Intern, `intern, internship, trainee, apprentice, praktikant, praktikantin, werkstudent, werkstudentin, azubi, stagiaire, becario, becaria, student, working student`},
	{Entry, `junior, jr, entry level, associate, assistant, graduate, analyst i, coordinator, koordinator, representative, rep, clerk, sachbearbeiter, sachbearbeiterin, referent, mitarbeiter`},
	{Senior, `senior, sr, staff, principal, lead, expert, specialist, leitender, experte, senior associate, distinguished, fellow, team lead, technical lead, tech lead`},
	{Manager, `manager, managers, mgr, supervisor, teamleiter, teamleiterin, team leader, teamlead, gruppenleiter, gruppenleiterin, chef d equipe, gerente, encargado, encargada, coordinador, coordinadora, responsable, foreman, superintendent, project lead, senior manager, jefe de equipo`},
	{Director, `director, dir, directors, direktor, direktorin, directeur, directrice, directora, associate director, senior director, group director, executive director, regional director, global director, dean`},
	{Head, `head, heads, leiter, leiterin, leitung, bereichsleiter, bereichsleiterin, abteilungsleiter, abteilungsleiterin, hauptabteilungsleiter, head of department, department head, jefe, jefa, jefe de departamento, chef de service, responsable de departamento, global head, regional head, group head, chief of`},
	{VP, `vp, vice president, vicepresident, vice president of, svp, evp, avp, rvp, senior vice president, executive vice president, assistant vice president, associate vice president, group vice president, regional vice president, corporate vice president, vizeprasident, vizeprasidentin, vice presidente, vicepresidente, vicepresidenta, vice presidente de, senior vp, executive vp, deputy vice president`},
	{Partner, `partner, general partner, managing partner, senior partner, partnerin, associe, socio, socia, founding partner`},
	{CSuite, `chief, c level, cxo, president, presidente, prasident, executive officer, board member, vorstand, vorstandsmitglied, vorstandin, mitglied des vorstands, mitglied der geschaftsleitung, geschaftsleitung, comex`},
	{FounderOf, `founder, co founder, cofounder, founding member, grunder, grunderin, mitgrunder, mitgrunderin, fondateur, fondatrice, co fondateur, cofondateur, fundador, fundadora, cofundador, co fundador, founding`},
	{Owner, `owner, co owner, proprietor, inhaber, inhaberin, proprietaire, propietario, propietaria, dueno, sole trader, franchise owner, business owner, eigentumer`},
}

var functionPhrases = []struct {
	function Function
	phrases  string
}{
	{Engineering, `engineering, eng, dev, engineer, engineers, software, software engineering, software development, software engineer, developer, developers, programmer, development, r and d, technology, technologies, technical, tech, architect, software architect, solution architect, architecture, platform, platform engineering, devops, sre, site reliability, backend, frontend, full stack, fullstack, mobile development, qa, quality assurance, test automation, infrastructure engineering, cloud engineering, web development, coder, embedded, firmware,
		entwicklung, entwickler, entwicklerin, softwareentwicklung, softwareentwickler, softwareentwicklerin, softwarearchitekt, technik, technologie, ingenieur, ingenieurin, ingenieure, ingenierie, informatique de developpement, developpement, developpeur, developpeuse, technique, ingenieria, ingeniero, ingeniera, desarrollo, desarrollador, desarrolladora, desarrollo de software, tecnologia, tecnico, tecnica, technisch, technische, technischer, developpement logiciel, logiciel`},
	{Product, `product, products, product management, product strategy, product development, product owner, produkt, produkte, produktmanagement, produktentwicklung, produit, produits, producto, productos, gestion de producto, product operations, product portfolio`},
	{InformationTech, `it, information technology, information systems, ict, systems administrator, sysadmin, system administrator, systems, network, networks, infrastructure, helpdesk, help desk, it operations, it infrastructure, enterprise applications, enterprise architecture, edv, informatik, informatique, systemes d information, sistemas, informatica, digital transformation, digitalisierung, digitalization, crm administrator, erp, business applications, digital workplace`},
	{Data, `data, data science, data scientist, data engineering, data engineer, analytics, business intelligence, bi, machine learning, ml, ai, artificial intelligence, big data, insights, data platform, daten, donnees, datos, business analytics, data and analytics, data analytics, data analyst`},
	{Security, `security, information security, infosec, cyber security, cybersecurity, it security, application security, appsec, cyber, informationssicherheit, it sicherheit, securite, seguridad, ciberseguridad, security engineering, security operations, network security, product security, cloud security`},
	{Design, `design, designer, ux, ui, user experience, creative, art, graphic, product design, product designer, diseno, disenador, gestaltung, graphiste, interaction design, ux research`},
	{Research, `research, scientist, researcher, forschung, recherche, investigacion, scientific, laboratory, lab, innovation, r d`},
	{Sales, `sales, business development, account executive, account executives, account management, account manager, accounts, key account, key accounts, revenue, commercial, partnerships, alliances, channel, inside sales, presales, pre sales, sales engineer, sales engineering, sales operations, revenue operations, revops, go to market, gtm, new business, sdr, bdr, sales development, solutions consultant, solutions engineer, sales enablement, selling, territory,
		vertrieb, verkauf, vertriebs, key account management, ventes, vente, commerciale, ventas, comercial, comerciales, desarrollo de negocio, aussendienst, innendienst, business developer, field sales, enterprise sales`},
	{Marketing, `marketing, mktg, lead generation, brand, branding, communications, public relations, pr, content, demand generation, demand gen, growth, growth marketing, digital marketing, product marketing, product marketing manager, social media, seo, sem, campaigns, events, media, advertising, field marketing, marketing operations, lifecycle marketing, copywriter, kommunikation, werbung, comunicacion, mercadeo, mercadotecnia, publicidad, communication, e commerce, ecommerce, performance marketing, market research`},
	{CustomerSuccess, `customer success, customer support, customer service, customer experience, client services, client success, customer care, technical support, support, support engineer, client relations, kundenservice, kundenbetreuung, kundendienst, service client, relation client, atencion al cliente, client, customer, onboarding, implementation, professional services, customers, cx`},
	{Finance, `finance, financial, accounting, accountant, controller, controlling, treasury, treasurer, tax, audit, auditor, fp and a, fpa, investor relations, bookkeeper, payroll, finanzen, buchhaltung, rechnungswesen, finanz, finances, comptabilite, comptable, finanzas, contabilidad, contable, investment, investments, investor, banking, credit, risk, underwriting, actuary, actuarial, billing, economist, wealth, portfolio, fund, trader, trading, mergers and acquisitions, m and a, corporate development, steuer`},
	{People, `hr, human resources, people, people operations, people and culture, talent, talent acquisition, recruiting, recruitment, recruiter, recruiters, learning and development, compensation, benefits, employee experience, personal, personalwesen, ressources humaines, rh, recursos humanos, rrhh, talento, human capital, workforce, diversity, culture, organizational development, training, personalentwicklung`},
	{Legal, `legal, counsel, attorney, lawyer, law, solicitor, barrister, paralegal, regulatory affairs, contracts, privacy, data protection, regulatory, recht, jurist, juristin, rechtsanwalt, rechtsanwaltin, syndikus, juridique, avocat, avocate, juriste, abogado, abogada, intellectual property, patent, compliance`},
	{Operations, `operations, ops, business operations, operational, project management, project manager, project, program manager, program management, program, programme, programs, pmo, facilities, facility, quality, manufacturing, production, plant, plant manager, strategy, business transformation, process, process improvement, betrieb, produktion, operaciones, operation, process engineer, scrum master, agile, agile coach, lean, maintenance, health and safety, safety, ehs, construction, real estate, site, projektmanagement, projektleiter, projektleiterin, projektmanager, chef de projet, jefe de proyecto, qualitat, qualite, calidad, strategie, estrategia, planning, store, retail operations, restaurant, kitchen, chef de cuisine, field operations, business analyst, sustainability`},
	{SupplyChain, `supply chain, logistics, procurement, purchasing, buyer, sourcing, warehouse, transportation, inventory, fleet, shipping, distribution, category manager, einkauf, logistik, lieferkette, achats, logistique, compras, logistica, materials, category management, fulfillment, strategic sourcing, freight`},
	{Administration, `administration, administrative, admin, office, office manager, executive assistant, personal assistant, secretary, receptionist, ea, pa, sekretariat, assistenz, assistentin, secretaire, administrativo, administrativa, assistante de direction, asistente, virtual assistant, data entry`},
	{Medical, `medical, doctor, physician, nurse, nursing, clinical, surgeon, dentist, dental, pharmacist, pharmacy, therapist, health, healthcare, patient, patients, veterinarian, radiology, arzt, arztin, pflege, medecin, medico, medica, enfermera, psychologist, medical affairs, pharmacovigilance, care`},
	{Education, `teacher, professor, lecturer, education, academic, faculty, school, teaching, tutor, instructor, lehrer, lehrerin, dozent, enseignant, profesor, profesora, principal of school, curriculum, student affairs, admissions, librarian, postdoc, phd student, postdoctoral`},
	{Consulting, `consultant, consulting, consultants, advisory, advisor, adviser, berater, beraterin, beratung, unternehmensberater, conseil, conseiller, consultor, consultora, asesor, asesora, freelance, freelancer, self employed, coach, trainer, strategist`},
	{General, `general management, board, managing, management`},
}

var positionPhrases = []struct {
	role    Role
	phrases string
}{
	{Role{Engineering, CSuite}, `cto, chief technology, chief technical, chief engineer officer, directeur technique, directrice technique, director tecnico, directora tecnica, director de tecnologia, directora de tecnologia, technikvorstand, technischer geschaftsfuhrer, technische geschaftsfuhrerin, fractional cto, group cto, field cto`},
	{Role{Engineering, Head}, `technischer leiter, technische leitung, technische leiterin, leiter entwicklung, entwicklungsleiter, entwicklungsleiterin, leiter softwareentwicklung, leiter der softwareentwicklung, leiter technik, engineering lead, jefe de ingenieria, jefe de desarrollo, responsable technique, responsable developpement, responsable de ingenieria, jefe tecnico, chief architect, head architect, chief engineer`},
	{Role{Engineering, Director}, `technischer direktor, directeur de l ingenierie, directeur du developpement, directeur ingenierie, director de ingenieria, directora de ingenieria, director de desarrollo, directeur r d, directeur de la technologie`},
	{Role{Engineering, Senior}, `engineering team lead, lead developer, lead engineer, tech lead, technical lead, development team lead, dev lead, leadentwickler`},
	{Role{Engineering, Manager}, `engineering manager, development manager, software manager, software engineering manager, software development manager, teamleiter entwicklung, teamleiter softwareentwicklung, technical manager`},
	{Role{Product, CSuite}, `cpo, chief product, chief product officer, directeur produit executif`},
	{Role{Product, Head}, `leiter produktmanagement, leiter produkt, leitung produktmanagement, produktleiter, produktleiterin, responsable produit, responsable de producto, jefe de producto, leiter produktentwicklung`},
	{Role{Product, Director}, `directeur produit, directrice produit, director de producto, directora de producto`},
	{Role{Product, Manager}, `product manager, produktmanager, produktmanagerin, chef de produit, cheffe de produit, group product manager, senior product manager, principal product manager`},
	{Role{InformationTech, CSuite}, `cio, chief information, chief information officer, chief digital, chief digital officer, cdio, dsi, directeur des systemes d information, director de sistemas`},
	{Role{InformationTech, Head}, `it leiter, it leiterin, leiter it, leitung it, edv leiter, responsable informatique, jefe de sistemas, responsable it`},
	{Role{InformationTech, Manager}, `it manager, systems manager`},
	{Role{Data, CSuite}, `cdo, chief data, chief data officer, chief analytics officer, chief ai officer, caio`},
	{Role{Security, CSuite}, `ciso, cso, chief information security officer, chief security officer, chief information security, rssi`},
	{Role{Finance, CSuite}, `cfo, chief financial, finanzvorstand, kaufmannischer geschaftsfuhrer, directeur financier, directrice financiere, daf, director financiero, directora financiera, chief accounting officer, chief investment officer, chief risk officer`},
	{Role{Finance, Head}, `finanzleiter, finanzleiterin, leiter finanzen, kaufmannischer leiter, kaufmannische leitung, leiter controlling`},
	{Role{Marketing, CSuite}, `cmo, chief marketing, chief brand officer, chief communications officer, chief growth officer`},
	{Role{Marketing, Head}, `marketingleiter, marketingleiterin, leiter marketing, responsable marketing, jefe de marketing`},
	{Role{Marketing, Director}, `directeur marketing, directrice marketing, director de marketing, directora de marketing`},
	{Role{Marketing, Manager}, `product marketing manager, brand manager, marketing manager, community manager`},
	{Role{Sales, CSuite}, `cro, chief revenue, chief commercial, chief sales officer, vertriebsvorstand, cco`},
	{Role{Sales, Head}, `vertriebsleiter, vertriebsleiterin, leiter vertrieb, verkaufsleiter, verkaufsleiterin, jefe de ventas, responsable commercial, responsable de ventas, leitung vertrieb`},
	{Role{Sales, Director}, `directeur commercial, directrice commerciale, director comercial, directora comercial, director de ventas, directeur des ventes`},
	{Role{Sales, Senior}, `account manager, account executive, key account manager, sales executive, relationship manager`},
	{Role{Operations, CSuite}, `coo, chief operating, chief operations officer, chief strategy officer, directeur des operations, director de operaciones`},
	{Role{Operations, Director}, `chief of staff`},
	{Role{Operations, Head}, `betriebsleiter, betriebsleiterin, produktionsleiter, produktionsleiterin, leiter produktion, werksleiter, leiter betrieb`},
	{Role{People, CSuite}, `chro, chief people, chief human resources, chief talent officer, drh, directeur des ressources humaines, personalvorstand, director de recursos humanos`},
	{Role{People, Head}, `personalleiter, personalleiterin, leiter personal, leiter hr, responsable rh, responsable ressources humaines`},
	{Role{Legal, CSuite}, `clo, chief legal, chief legal officer, chief compliance officer, general counsel`},
	{Role{Legal, Head}, `leiter recht`},
	{Role{SupplyChain, CSuite}, `chief procurement officer, chief supply chain officer`},
	{Role{SupplyChain, Head}, `einkaufsleiter, einkaufsleiterin, leiter einkauf, logistikleiter, leiter logistik`},
	{Role{Medical, CSuite}, `chief medical, chief medical officer, chefarzt, chefarztin, chief nursing officer`},
	{Role{Design, CSuite}, `chief design officer, chief creative officer, chief experience officer`},
	{Role{Design, Director}, `creative director, art director`},
	{Role{Research, CSuite}, `chief scientific officer, chief science officer, chief innovation officer`},
	{Role{CustomerSuccess, CSuite}, `chief customer, chief customer officer`},
	{Role{CustomerSuccess, Manager}, `customer success manager, csm`},
	{Role{Administration, Entry}, `executive assistant, personal assistant, office manager, administrative assistant, management assistant, assistant of the board, vorstandsassistentin, vorstandsassistent, assistenz der geschaftsfuhrung, assistant de direction, asistente de direccion`},
	{Role{People, Senior}, `hr business partner, people business partner, people partner`},
	{Role{General, CSuite}, `ceo, chief executive, chief executive officer, md, managing director, geschaftsfuhrer, geschaftsfuhrerin, geschaftsfuhrender gesellschafter, gf, general manager, gm, pdg, president directeur general, directeur general, directrice generale, dg, director general, directora general, gerente general, consejero delegado, consejera delegada, administrateur, gerant, gerante, chairman, chairwoman, chairperson, chair, country manager, vorstandsvorsitzender, vorstandsvorsitzende, delegated director, prokurist, board director, non executive director`},
}
