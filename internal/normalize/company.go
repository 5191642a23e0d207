package normalize

import "strings"

// CompanyKey returns the form under which two spellings of a company's name are
// the same: folded, without legal form, "&" spelled out, "the" dropped. It is
// empty only if the name has no letter or digit. A name that consists of words
// of legal forms keeps them.
func CompanyKey(name string) string {
	name = Clean(name)
	if open := strings.IndexByte(name, '('); open > 0 { // "Acme (formerly Apex)", "Acme (UK)"
		name = name[:open]
	}
	if strings.Contains(name, "&") {
		name = strings.ReplaceAll(name, "&", " and ")
	}
	key := Fold(name)
	words := strings.Fields(key)
	for len(words) > 1 && words[0] == "the" {
		words = words[1:]
	}
	for len(words) > 1 {
		n := len(words)
		if _, ok := legalForms[words[n-1]]; ok {
			words = words[:n-1]
			continue
		}
		if n > 3 {
			if _, ok := legalForms[words[n-3]+words[n-2]+words[n-1]]; ok {
				words = words[:n-3]
				continue
			}
		}
		if n > 2 {
			if _, ok := legalForms[words[n-2]+words[n-1]]; ok {
				words = words[:n-2]
				continue
			}
			// "Muster GmbH and Co KG" strips from the end: kg, co, and, gmbh.
			if words[n-1] == "and" || words[n-1] == "und" || words[n-1] == "et" {
				words = words[:n-1]
				continue
			}
		}
		break
	}
	return strings.Join(words, " ")
}

// legalForms are folded; two-word forms ("pty ltd" is two entries, "s a" one)
// are joined.
var legalForms = set(
	`inc incorporated corp corporation co company companies ltd limited llc llp lp lllp plc pllc pc pa cic
	pty proprietary pvt private prc pte sdn bhd berhad opc gmbh ggmbh mbh ag kg kgaa ohg gbr ug ev eg se
	haftungsbeschrankt sa sas sasu sarl sarlu eurl snc sci scop scs bv nv bvba srl sprl vof cv ab hb kb oy
	oyj as asa ans aps ks is hf ehf spa srls sapa sapi sl slu sll sau slne sab ltda eireli mei lda unipessoal
	doo dd ad ood eood jsc ojsc pjsc cjsc ooo oao zao pao sro spol zoo spzoo sia uab aps kft zrt nyrt bt ou
	kk yk gk kabushiki kaisha godo goshi dmcc fze fzco fzllc wll psc saog jv holding holdings`,
	`sa sas aps ou srl spa gmbhcokg privatelimited ptyltd`,
)
