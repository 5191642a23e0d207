package listing

import "strings"

// columnWords are the column names by field, the surest first, without blanks
// and marks: those of LinkedIn, Apollo, HubSpot, Salesforce, ZoomInfo, Lusha,
// Pipedrive and Zoho exports (observed 2026-11), and plain English, German,
// French and Spanish.
var columnWords = map[string]string{
	"first_name": `firstname givenname forename first fname vorname prenom primernombre nombredepila nombres`,
	"last_name":  `lastname surname familyname last lname nachname familienname zuname nomdefamille apellidos apellido`,
	"full_name":  `fullname contactname personname leadname nameofcontact vollstandigername nomcomplet nombrecompleto kontakt ansprechpartner kontaktperson contact`,
	"title":      `title jobtitle position currentposition currenttitle role jobrole jobposition designation occupation stelle berufsbezeichnung jobbezeichnung stellenbezeichnung positionfunktion funktion beruf poste fonction intitule intituleduposte titreduposte cargo puesto puestodetrabajo titulo titre titel jobtitel`,
	"headline":   `headline linkedinheadline summary tagline`,
	"seniority":  `seniority senioritylevel managementlevel joblevel level karrierestufe`,
	"department": `department departments jobfunction jobfunctions abteilung bereich departement service departamento`,
	"email": `email workemail businessemail emailaddress emailaddressbusiness primaryemail emailwork companyemail professionalemail corporateemail email1 emailadress mail emailadresse mailadresse geschaftlicheemail
		courriel adresseemail adressemail adresseelectronique mailprofessionnel emailprofessionnel correo correoelectronico correocorporativo emailcorporativo direccioncorreoelectronico direcciondecorreo direcciondeemail emails personalemail secondaryemail email2 useremail`,
	"email_status": `emailstatus emailverificationstatus emailverification emailvalidation emailvalidity emailconfidencestatus verificationstatus emaildeliverability`,
	"phone": `mobilephone mobile mobilenumber mobilephonenumber directphone workdirectphone directdial directphonenumber directdialphone phone phonenumber telephone telephonenumber tel workphone businessphone firstphone phone1 contactphone cell cellphone otherphone homephone
		telefon telefonnummer mobil mobiltelefon mobilnummer handy handynummer rufnummer durchwahl festnetz geschaftlichetelefonnummer telefonnr telephoneportable portable telmobile numerodetelephone mobiletelephone movil celular telefono telefonomovil numerodetelefono telefonodirecto`,
	"company": `company companyname account accountname organization organisation organizationname organisationname employer currentcompany currentemployer companyaccount associatedcompany primarycompany business businessname companynameforemails orgname firm
		firma firmenname firmierung unternehmen unternehmensname arbeitgeber organisationsname societe entreprise nomdelentreprise raisonsociale nomsociete nomdelasociete employeur empresa compania nombredelaempresa nombreempresa organizacion razonsocial`,
	"domain":          `domain companydomain companydomainname domainname websitedomain emaildomain rootdomain primarydomain webdomain domaine dominio`,
	"website":         `website companywebsite websiteurl companyurl companywebsiteurl web homepage site webpage webaddress webseite internetseite internetadresse siteweb siteinternet sitioweb paginaweb organizationwebsite`,
	"industry":        `industry primaryindustry companyindustry industries sector vertical branche industrie wirtschaftszweig branchebezeichnung secteur secteurdactivite industria sectordeactividad rubro giro linkedinindustry`,
	"employees":       `employees numberofemployees noofemployees numemployees employeecount companysize companyheadcount headcount employeerange size employeesrange staffcount companyemployeecount estimatednumemployees mitarbeiter mitarbeiterzahl anzahlmitarbeiter mitarbeiteranzahl beschaftigte unternehmensgrosse effectif effectifs nombredemployes nombredesalaries taille tailleentreprise tailledelentreprise empleados numerodeempleados numeroempleados tamano tamanodelaempresa plantilla`,
	"revenue":         `annualrevenue revenue companyrevenue revenuerange annualrevenues estimatedrevenue revenueusd revenueinusd turnover umsatz jahresumsatz umsatzerlose chiffredaffaires ca facturacion ingresos ingresosanuales ventasanuales`,
	"city":            `city town personcity mailingcity locality stadt ort wohnort ville ciudad localidad municipio`,
	"region":          `state region province stateregion stateprovince county personstate mailingstate mailingstateprovince bundesland kanton etat departementregion provincia estado comunidad`,
	"country":         `country countryregion nation personcountry mailingcountry countrycode land pays pais staat`,
	"location":        `location personlocation geography geo address fulladdress place standort adresse lieu localisation ubicacion direccion localizacion`,
	"company_city":    `companycity billingcity companyhqcity hqcity organizationcity firmensitz firmenort`,
	"company_country": `companycountry billingcountry companyhqcountry hqcountry organizationcountry companycountryregion`,
	"company_location": `companylocation companyaddress headquarters hq companyheadquarters hqlocation companyhq firmenadresse hauptsitz
		siegesocial sede`,
	"company_phone": `companyphone corporatephone companyphonenumber switchboard hqphone mainphone accountphone organizationphone zentrale telefonzentrale standard`,
	"profile_url":   `linkedin linkedinurl linkedinprofile linkedinprofileurl personlinkedinurl linkedinlink profileurl profile linkedinprofil linkedincontactprofileurl linkedinpage contactlinkedin salesnavigatorurl publicprofileurl profillinkedin perfildelinkedin perfillinkedin xing xingprofil`,
	"founded":       `founded foundedyear yearfounded foundingyear grundungsjahr gegrundet anneedecreation fundacion anodefundacion`,
	"funding_stage": `fundingstage latestfunding latestfundingstage lastfundingtype latestfundingtype fundinground lastfundinground`,
	"funded_at":     `lastraisedat lastfundingdate latestfundingdate lastfundingat fundingdate lastraised`,
	"technologies":  `technologies techstack technology tools technologien technologiesused tecnologias`,
	"description":   `description companydescription seodescription about shortdescription companysummary keywords beschreibung unternehmensbeschreibung descriptionentreprise descripcion`,
	"signal":        `signal buyingsignal trigger triggerevent intent intentsignal intenttopic news recentnews`,
	"signal_at":     `signaldate signalat triggerdate intentdate newsdate`,
}

// ambiguous names are settled by the columns beside them.
var ambiguous = map[string]bool{"name": true, "displayname": true, "nom": true, "nombre": true, "url": true, "link": true}

var headerWords = indexColumnWords()

func indexColumnWords() map[string]ranked {
	m := make(map[string]ranked, 500)
	for field, words := range columnWords {
		rank := 0
		for w := range strings.FieldsSeq(words) {
			m[w] = ranked{field, rank}
			rank++
		}
		// Our own name of a field is always understood.
		m[strings.ReplaceAll(field, "_", "")] = ranked{field, 0}
	}
	return m
}
