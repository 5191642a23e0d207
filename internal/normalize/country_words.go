package normalize

// countryAliases adds to the library what lists of leads contain besides:
// native names, other languages, short forms. Keys are folded (and so
// transliterated); values are ISO codes.
var countryAliases = map[string]string{
	"usa": "US", "us": "US", "us of a": "US", "united states": "US", "united states of america": "US", "america": "US",
	"vereinigte staaten": "US", "vereinigte staaten von amerika": "US", "etats unis": "US", "estados unidos": "US", "eeuu": "US",
	"ee uu": "US", "stati uniti": "US", "verenigde staten": "US", "eua": "US",
	"uk": "GB", "gb": "GB", "united kingdom": "GB", "great britain": "GB", "britain": "GB", "england": "GB", "scotland": "GB",
	"wales": "GB", "northern ireland": "GB", "vereinigtes konigreich": "GB", "grossbritannien": "GB", "royaume uni": "GB",
	"reino unido": "GB", "regno unito": "GB", "verenigd koninkrijk": "GB", "angleterre": "GB", "inglaterra": "GB",
	"united kingdom of great britain and northern ireland": "GB",
	"deutschland": "DE", "germany": "DE", "allemagne": "DE", "alemania": "DE", "germania": "DE", "duitsland": "DE", "alemanha": "DE",
	"brd": "DE", "federal republic of germany": "DE",
	"france": "FR", "frankreich": "FR", "francia": "FR", "frankrijk": "FR", "franca": "FR",
	"espana": "ES", "spain": "ES", "spanien": "ES", "espagne": "ES", "spagna": "ES", "spanje": "ES", "espanha": "ES",
	"italia": "IT", "italy": "IT", "italien": "IT", "italie": "IT",
	"nederland": "NL", "netherlands": "NL", "holland": "NL", "niederlande": "NL", "pays bas": "NL", "paises bajos": "NL",
	"paesi bassi": "NL", "hollande": "NL", "holanda": "NL",
	"belgique": "BE", "belgie": "BE", "belgica": "BE", "belgio": "BE", "belgium": "BE",
	"schweiz": "CH", "suisse": "CH", "svizzera": "CH", "svizra": "CH", "suiza": "CH", "switzerland": "CH", "zwitserland": "CH",
	"osterreich": "AT", "austria": "AT", "autriche": "AT", "oostenrijk": "AT",
	"brasil": "BR", "brazil": "BR", "bresil": "BR", "brasile": "BR", "brasilien": "BR",
	"rossiia": "RU", "russia": "RU", "russian federation": "RU", "russland": "RU", "russie": "RU", "rusia": "RU", "rossiya": "RU",
	"zhong guo": "CN", "china": "CN", "prc": "CN", "peoples republic of china": "CN", "chine": "CN", "cina": "CN", "mainland china": "CN",
	"ri ben": "JP", "japan": "JP", "nippon": "JP", "nihon": "JP", "japon": "JP", "giappone": "JP",
	"han guo": "KR", "hangug": "KR", "hanguk": "KR", "korea": "KR", "south korea": "KR", "republic of korea": "KR", "korea south": "KR",
	"korea republic of": "KR", "sudkorea": "KR", "coree du sud": "KR", "corea del sur": "KR",
	"north korea": "KP", "taiwan": "TW", "tai wan": "TW", "taiwan roc": "TW", "hong kong": "HK", "hong kong sar": "HK", "xiang gang": "HK",
	"macau": "MO", "macao": "MO",
	"bharat": "IN", "india": "IN", "indien": "IN", "inde": "IN",
	"uae": "AE", "united arab emirates": "AE", "emirates": "AE", "vereinigte arabische emirate": "AE", "emirats arabes unis": "AE",
	"emiratos arabes unidos": "AE", "dubai": "AE", "ksa": "SA", "kingdom of saudi arabia": "SA", "arabie saoudite": "SA",
	"czechia": "CZ", "czech republic": "CZ", "tschechien": "CZ", "tschechische republik": "CZ", "ceska republika": "CZ", "cesko": "CZ",
	"republique tcheque": "CZ", "slovensko": "SK", "slowakei": "SK", "slovenija": "SI",
	"polska": "PL", "polen": "PL", "pologne": "PL", "polonia": "PL", "poland": "PL",
	"sverige": "SE", "schweden": "SE", "suede": "SE", "suecia": "SE", "sweden": "SE", "norge": "NO", "norwegen": "NO", "norvege": "NO",
	"noruega": "NO", "norway": "NO", "danmark": "DK", "danemark": "DK", "dinamarca": "DK", "denmark": "DK", "suomi": "FI",
	"finnland": "FI", "finlande": "FI", "finlandia": "FI", "finland": "FI", "island": "IS", "islande": "IS", "iceland": "IS",
	"eire": "IE", "irland": "IE", "irlande": "IE", "irlanda": "IE", "ireland": "IE", "republic of ireland": "IE", "ierland": "IE",
	"magyarorszag": "HU", "ungarn": "HU", "hongrie": "HU", "hungria": "HU", "ellada": "GR", "hellas": "GR", "griechenland": "GR",
	"grece": "GR", "grecia": "GR", "turkiye": "TR", "turkey": "TR", "turkei": "TR", "turquie": "TR", "turquia": "TR",
	"hrvatska": "HR", "kroatien": "HR", "croatie": "HR", "srbija": "RS", "serbien": "RS", "ukraina": "UA", "ukraine": "UA",
	"romania": "RO", "rumanien": "RO", "roumanie": "RO", "rumania": "RO", "balgariia": "BG", "bulgaria": "BG", "bulgarien": "BG",
	"eesti": "EE", "latvija": "LV", "lietuva": "LT", "shqiperia": "AL", "macedonia": "MK", "north macedonia": "MK",
	"cote divoire": "CI", "cote d ivoire": "CI", "ivory coast": "CI", "elfenbeinkuste": "CI", "viet nam": "VN", "vietnam": "VN",
	"burma": "MM", "myanmar": "MM", "swaziland": "SZ", "eswatini": "SZ", "cape verde": "CV", "drc": "CD", "dr congo": "CD",
	"democratic republic of the congo": "CD", "congo kinshasa": "CD", "congo brazzaville": "CG", "bolivia": "BO", "venezuela": "VE",
	"tanzania": "TZ", "moldova": "MD", "iran": "IR", "syria": "SY", "laos": "LA", "brunei": "BN", "palestine": "PS", "vatican": "VA",
	"mejico": "MX", "mexico": "MX", "mexiko": "MX", "mexique": "MX", "messico": "MX", "canada": "CA", "kanada": "CA",
	"republica dominicana": "DO", "peru": "PE", "panama": "PA", "colombia": "CO", "kolumbien": "CO", "chile": "CL", "argentinien": "AR",
	"argentine": "AR", "argentina": "AR", "rsa": "ZA", "south africa": "ZA", "sudafrika": "ZA", "afrique du sud": "ZA", "sudafrica": "ZA",
	"misr": "EG", "egypt": "EG", "agypten": "EG", "egypte": "EG", "maroc": "MA", "marokko": "MA", "marruecos": "MA", "israel": "IL",
	"australia": "AU", "australien": "AU", "australie": "AU", "aotearoa": "NZ", "new zealand": "NZ", "neuseeland": "NZ",
	"nouvelle zelande": "NZ", "singapur": "SG", "singapour": "SG", "singapore": "SG", "portugal": "PT", "luxemburg": "LU", "philippines": "PH",
	"philippinen": "PH", "georgia": "GE",
}

// shortNames are the English names in everyday use where the library gives the
// formal ones.
var shortNames = map[string]string{
	"US": "United States", "GB": "United Kingdom", "KR": "South Korea", "KP": "North Korea", "RU": "Russia", "CZ": "Czechia",
	"TR": "Türkiye", "VN": "Vietnam", "IR": "Iran", "SY": "Syria", "TW": "Taiwan", "HK": "Hong Kong", "MO": "Macao", "BO": "Bolivia",
	"VE": "Venezuela", "TZ": "Tanzania", "MD": "Moldova", "LA": "Laos", "CI": "Côte d'Ivoire",
}

// Groups of countries as sales teams use the words. "North America" has Mexico;
// "Western Europe" is what the term meant before 1990, not the UN's nine
// countries: an ICP that says it does not mean to leave Spain or Sweden out.
const (
	nordics       = "DK SE NO FI IS "
	dach          = "DE AT CH "
	benelux       = "BE NL LU "
	baltics       = "EE LV LT "
	northAmerica  = "US CA MX "
	westernEurope = "GB IE FR MC AD ES PT IT SM MT LI " + dach + benelux + nordics
	easternEurope = "PL CZ SK HU RO BG SI HR RS BA ME MK AL XK MD UA BY RU " + baltics
	europe        = westernEurope + easternEurope + "GR CY VA GI JE GG IM FO "
	eu            = "AT BE BG HR CY CZ DK EE FI FR DE GR HU IE IT LV LT LU MT NL PL PT RO SK SI ES SE "
	gulf          = "AE SA QA KW BH OM "
	middleEast    = gulf + "IL JO LB IQ IR SY YE PS TR "
	northAfrica   = "EG MA DZ TN LY SD "
	africa        = northAfrica + "ZA NG KE GH ET TZ UG RW SN CI CM AO MZ ZM ZW BW NA MU MG ML BF NE BJ TG GN SL LR GM CD CG GA MW BI SO SS TD CF ER DJ LS SZ CV SC KM GW ST GQ MR "
	centralAmer   = "GT HN SV NI CR PA BZ "
	caribbean     = "CU DO HT JM TT BB BS PR GD LC VC AG DM KN AW CW KY BM "
	southAmerica  = "BR AR CL CO PE VE EC BO PY UY GY SR GF "
	latinAmerica  = "MX " + centralAmer + southAmerica + "CU DO HT PR "
	anz           = "AU NZ "
	southeastAsia = "SG MY ID TH VN PH MM KH LA BN TL "
	southAsia     = "IN PK BD LK NP BT MV AF "
	eastAsia      = "CN JP KR KP TW HK MO MN "
	centralAsia   = "KZ UZ KG TJ TM "
	caucasus      = "GE AM AZ "
	oceania       = anz + "FJ PG SB VU WS TO NC PF "
	asia          = eastAsia + southeastAsia + southAsia + centralAsia + caucasus + middleEast
	apac          = eastAsia + southeastAsia + southAsia + oceania
	emea          = europe + middleEast + africa
)

var countryGroups = map[string]string{
	"north america": northAmerica, "northern america": northAmerica, "na": northAmerica, "namer": northAmerica, "noram": northAmerica,
	"nordamerika": northAmerica, "amerique du nord": northAmerica, "norteamerica": northAmerica, "us and canada": "US CA ", "us canada": "US CA ",
	"western europe": westernEurope, "west europe": westernEurope, "westeuropa": westernEurope, "europe de l ouest": westernEurope,
	"eastern europe": easternEurope, "central and eastern europe": easternEurope, "cee": easternEurope, "osteuropa": easternEurope,
	"northern europe": nordics + baltics + "GB IE ", "southern europe": "ES PT IT GR MT CY AD SM HR SI ", "europe": europe, "europa": europe,
	"european union": eu, "eu": eu, "eea": eu + "NO IS LI ", "european economic area": eu + "NO IS LI ",
	"dach": dach, "dach region": dach, "d a ch": dach, "german speaking": dach, "nordics": nordics, "nordic": nordics, "nordic countries": nordics,
	"scandinavia": "DK SE NO ", "benelux": benelux, "baltics": baltics, "iberia": "ES PT ", "uki": "GB IE ", "uk and ireland": "GB IE ",
	"uk i": "GB IE ", "british isles": "GB IE ",
	"emea": emea, "middle east": middleEast, "mena": middleEast + northAfrica, "gcc": gulf, "gulf": gulf, "africa": africa,
	"middle east and africa": middleEast + africa, "mea": middleEast + africa, "sub saharan africa": africa,
	"latin america": latinAmerica, "latam": latinAmerica, "south america": southAmerica, "central america": centralAmer, "caribbean": caribbean,
	"americas": northAmerica + latinAmerica + caribbean, "amer": northAmerica + latinAmerica + caribbean,
	"apac": apac, "asia pacific": apac, "asia": asia, "apj": apac, "anz": anz, "australia and new zealand": anz, "oceania": oceania,
	"southeast asia": southeastAsia, "south east asia": southeastAsia, "sea": southeastAsia, "asean": southeastAsia, "south asia": southAsia,
	"east asia": eastAsia, "greater china": "CN HK MO TW ", "central asia": centralAsia,
	"worldwide": everywhere, "global": everywhere, "world": everywhere, "anywhere": everywhere, "international": everywhere,
}

const everywhere = emea + northAmerica + latinAmerica + caribbean + apac + centralAsia + caucasus

// stateCodes are the states of the US and the provinces of Canada.
var stateCodes = map[string]string{
	"AL": "Alabama", "AK": "Alaska", "AZ": "Arizona", "AR": "Arkansas", "CA": "California", "CO": "Colorado", "CT": "Connecticut",
	"DE": "Delaware", "DC": "District of Columbia", "FL": "Florida", "GA": "Georgia", "HI": "Hawaii", "ID": "Idaho", "IL": "Illinois",
	"IN": "Indiana", "IA": "Iowa", "KS": "Kansas", "KY": "Kentucky", "LA": "Louisiana", "ME": "Maine", "MD": "Maryland",
	"MA": "Massachusetts", "MI": "Michigan", "MN": "Minnesota", "MS": "Mississippi", "MO": "Missouri", "MT": "Montana", "NE": "Nebraska",
	"NV": "Nevada", "NH": "New Hampshire", "NJ": "New Jersey", "NM": "New Mexico", "NY": "New York", "NC": "North Carolina",
	"ND": "North Dakota", "OH": "Ohio", "OK": "Oklahoma", "OR": "Oregon", "PA": "Pennsylvania", "RI": "Rhode Island",
	"SC": "South Carolina", "SD": "South Dakota", "TN": "Tennessee", "TX": "Texas", "UT": "Utah", "VT": "Vermont", "VA": "Virginia",
	"WA": "Washington", "WV": "West Virginia", "WI": "Wisconsin", "WY": "Wyoming",
	"AB": "Alberta", "BC": "British Columbia", "MB": "Manitoba", "NB": "New Brunswick", "NL": "Newfoundland and Labrador",
	"NS": "Nova Scotia", "ON": "Ontario", "PE": "Prince Edward Island", "QC": "Quebec", "SK": "Saskatchewan",
}

var canadianProvinces = map[string]struct{}{
	"alberta": {}, "british columbia": {}, "manitoba": {}, "new brunswick": {}, "newfoundland and labrador": {},
	"nova scotia": {}, "ontario": {}, "prince edward island": {}, "quebec": {}, "saskatchewan": {},
}
