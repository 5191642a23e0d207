package market

import "strings"

// culture is a stock of given and family names that go together.
type culture struct {
	name        string
	first, last []string
}

// cultures returns the stocks. Spellings keep their diacritics, particles,
// hyphens and apostrophes, since that is what normalisation has to cope with.
func cultures() []culture {
	list := strings.Fields
	under := func(s string) []string {
		names := strings.Fields(s)
		for i, n := range names {
			names[i] = strings.ReplaceAll(n, "_", " ")
		}
		return names
	}
	return []culture{
		{
			"anglo",
			list("James Mary Robert Patricia Michael Jennifer William Linda David Elizabeth Thomas Susan Daniel Karen Matthew Emily Andrew Laura Joshua Megan Kevin Rachel Brian Hannah Steven Nicole Edward Rebecca Timothy Katherine Gregory Heather Samuel Abigail Benjamin Charlotte Alexander Victoria Christopher Amanda"),
			list("Smith Johnson Brown Taylor Wilson Davies Thompson Walker Wright Robinson Hughes Edwards Cooper Ward Carter Mitchell Parker Bennett Foster Coleman Hayes Griffin Hamilton Sutton Barrett Whitfield Langley Marlow Thornton Ashcroft Holloway Pemberton Kingsley Redmond Stafford Lockhart Winslow Fairbanks Prescott Aldridge Calloway Hargrove Merrick Radcliffe Sinclair Tennant"),
		},
		{
			"hispanic",
			list("José María Carlos Lucía Alejandro Sofía Javier Valentina Miguel Camila Andrés Gabriela Rubén Ángela Ramón Inés Joaquín Marta Tomás Verónica"),
			list("García Rodríguez Martínez López González Hernández Pérez Sánchez Ramírez Torres Flores Núñez Ibáñez Peña Muñoz Cárdenas Salazar Montoya Velázquez Quiñones Ordóñez Zamora Escobar Figueroa Villanueva"),
		},
		{
			"german",
			list("Lukas Anna Jürgen Katharina Stefan Jörg Claudia Björn Sabine Matthias Ulrike Florian Heike Tobias Käthe Andreas Birgit Wolfgang Nadine Sebastian"),
			list("Müller Schmidt Schneider Fischer Weber Schäfer Koch Bäcker Krüger Hofmann Jäger Böhm Groß Strauß Vogel Lehmann Köhler Kröger Winkler Löffler Brandt Dörr Eichhorn Falkenberg Günther"),
		},
		{
			"french",
			list("Jean Marie François Hélène Pierre Chloé Étienne Céline Luc Amélie Mathieu Élodie Benoît Camille Rémi Aurélie Jean-Luc Anne-Sophie Thierry Noémie"),
			under("Martin Bernard Dubois Lefèvre Moreau Laurent Girard Mercier Lambert Fontaine Chevalier Rousseau Guérin Boyer Garnier Renaud Bélanger Côté Gagné Tremblay de_la_Tour Le_Goff D'Aubigny Desrosiers Beaulieu"),
		},
		{
			"nordic",
			list("Erik Astrid Lars Ingrid Søren Maja Bjørn Freja Mikael Linnéa Håkon Sigrid Jens Åsa Magnus Elin Anders Kirsten Öyvind Saga"),
			list("Johansson Andersson Nilsson Hansen Larsen Sørensen Bergström Lindqvist Ødegaard Ångström Sjöberg Lundgren Kristiansen Rasmussen Holmgren Nyström Aas Dahlgren Ekström Vestergaard"),
		},
		{
			"polish",
			list("Łukasz Agnieszka Paweł Katarzyna Michał Małgorzata Tomasz Zofia Krzysztof Joanna Wojciech Ewa Piotr Magdalena Jakub Bożena"),
			list("Nowak Kowalski Wiśniewski Wójcik Kamiński Lewandowski Zieliński Szymański Woźniak Dąbrowski Kozłowski Jankowski Mazur Krawczyk Piątek Grabowski Sikora Świątek"),
		},
		{
			"indian",
			list("Rahul Priya Amit Anjali Vikram Deepa Sanjay Kavita Arjun Neha Rajesh Sunita Karthik Meera Suresh Pooja Anand Lakshmi Rohan Divya Naveen Shreya Harish Aditi"),
			list("Sharma Patel Gupta Iyer Reddy Nair Mehta Joshi Desai Rao Chatterjee Banerjee Kulkarni Menon Bhatt Krishnan Agarwal Choudhury Venkataraman Subramanian Kapoor Malhotra Srinivasan Mukherjee Pillai"),
		},
		{
			"chinese",
			list("Wei Li Jing Ming Xin Yan Hao Mei Jun Lin Tao Hui Feng Xiu Peng Ling Bo Na Lei Qing"),
			list("Wang Li Zhang Liu Chen Yang Huang Zhao Wu Zhou Xu Sun Ma Zhu Hu Guo Lin Luo Zheng Liang Tang Feng Deng Cao Peng"),
		},
		{
			"vietnamese",
			list("Minh Lan Tuấn Hương Dũng Thảo Quang Ngọc Hải Linh Đức Phương Long Hà"),
			list("Nguyễn Trần Lê Phạm Hoàng Phan Vũ Đặng Bùi Đỗ Hồ Ngô Dương Lý"),
		},
		{
			"arabic",
			list("Omar Layla Ahmed Fatima Khaled Noor Youssef Amira Hassan Zainab Tariq Salma Karim Huda Samir Rania"),
			under("Haddad Khoury Nasser Mansour El-Sayed Al-Farsi Saleh Rahman Aziz Qureshi Siddiqui Hosseini Karimi Bishara Darwish Abu_Zaid"),
		},
		{
			"african",
			list("Chinedu Amara Kwame Ama Oluwaseun Ngozi Tunde Zola Thabo Nandi Emeka Adaeze Kofi Efua Sipho Wanjiru"),
			list("Okafor Adeyemi Mensah Boateng Nwosu Okonkwo Balogun Dlamini Nkosi Kamau Otieno Abebe Tesfaye Eze Owusu Asante Achebe Mutasa"),
		},
		{
			"japanese",
			list("Haruto Yui Kenji Sakura Takeshi Aiko Hiroshi Naomi Daichi Emi Ryo Keiko"),
			list("Satō Suzuki Takahashi Tanaka Watanabe Itō Yamamoto Nakamura Kobayashi Katō Yoshida Inoue Kimura Hayashi Shimizu Mori"),
		},
		{
			"portuguese",
			list("João Ana Pedro Beatriz Tiago Mariana Luís Inês Rafael Letícia Gonçalo Fernanda Vinícius Júlia Antônio Conceição"),
			under("Silva Santos Oliveira Souza Pereira Ferreira Costa Carvalho Gonçalves Araújo Magalhães Simões da_Cruz dos_Reis Conceição Guimarães Brandão Leitão"),
		},
		{
			"dutch",
			list("Daan Sanne Pieter Lotte Jeroen Femke Bram Anouk Maarten Eline Sjoerd Marieke Thijs Fleur"),
			under("de_Jong Jansen de_Vries van_den_Berg Bakker van_Dijk Visser Smit Meijer de_Groot van_der_Meer Hendriks Dekker Brouwer van_Leeuwen Kuipers"),
		},
		{
			"irish",
			list("Seán Aoife Conor Niamh Patrick Siobhán Liam Ciara Declan Róisín Eoin Gráinne Fionn Caoimhe"),
			list("O'Brien Murphy O'Connor Kelly McCarthy Byrne Ryan O'Sullivan Doyle Gallagher Nolan FitzGerald MacNamara Quinn Brennan O'Donnell Keane Healy"),
		},
	}
}

// shortForms are the spellings under which a second profile of the same person
// is often found.
func shortForms() map[string]string {
	return map[string]string{
		"Robert": "Bob", "William": "Bill", "Michael": "Mike", "Elizabeth": "Liz", "Jennifer": "Jen", "Thomas": "Tom",
		"Daniel": "Dan", "Matthew": "Matt", "Andrew": "Andy", "Joshua": "Josh", "Steven": "Steve", "Edward": "Ed",
		"Rebecca": "Becky", "Timothy": "Tim", "Katherine": "Kate", "Gregory": "Greg", "Samuel": "Sam", "Abigail": "Abby",
		"Benjamin": "Ben", "Alexander": "Alex", "Victoria": "Vicky", "Christopher": "Chris", "Patricia": "Pat", "David": "Dave",
		"James": "Jim", "Susan": "Sue", "Nicole": "Nikki", "Alejandro": "Alex", "Gabriela": "Gabi", "Sebastian": "Basti",
		"Matthias": "Matze", "Katharina": "Kathi", "Mathieu": "Mat", "Mikael": "Micke", "Krzysztof": "Krzys", "Rajesh": "Raj",
		"Karthik": "Kart", "Oluwaseun": "Seun", "Rafael": "Rafa", "Vinícius": "Vini", "Patrick": "Paddy", "Jeroen": "Jero",
	}
}

// spelled is a name in its own spelling and as it appears in an e-mail address.
type spelled struct {
	text  string
	ascii string // lower case, letters only, "ä" as "a"
	long  string // the same with German vowels written out, "ä" as "ae"
}

func spell(text string) spelled {
	return spelled{text: text, ascii: fold(text, false), long: fold(text, true)}
}

// fold writes a name with the letters a to z only. German doubles "ü" as "ue"
// where long is set.
func fold(text string, long bool) string {
	var b strings.Builder
	for _, r := range strings.ToLower(text) {
		switch {
		case r >= 'a' && r <= 'z':
			b.WriteRune(r)
		case long && (r == 'ä' || r == 'ö' || r == 'ü'):
			b.WriteString(map[rune]string{'ä': "ae", 'ö': "oe", 'ü': "ue"}[r])
		default:
			b.WriteString(plainLetter(r))
		}
	}
	return b.String()
}

// plainLetter is the base letter of an accented one, "" for what no address
// keeps (space, hyphen, apostrophe).
func plainLetter(r rune) string {
	switch {
	case strings.ContainsRune("áàâäãåảạăắằẳẵặấầẩẫậ", r):
		return "a"
	case strings.ContainsRune("éèêëęẻẽẹếềểễệ", r):
		return "e"
	case strings.ContainsRune("íìîïỉĩị", r):
		return "i"
	case strings.ContainsRune("óòôöõøōỏọốồổỗộơớờởỡợ", r):
		return "o"
	case strings.ContainsRune("úùûüūủũụưứừửữự", r):
		return "u"
	case strings.ContainsRune("ýỳỷỹỵ", r):
		return "y"
	}
	switch r {
	case 'ñ', 'ń':
		return "n"
	case 'ç', 'ć':
		return "c"
	case 'ł':
		return "l"
	case 'ś':
		return "s"
	case 'ź', 'ż':
		return "z"
	case 'ą':
		return "a"
	case 'đ':
		return "d"
	case 'ß':
		return "ss"
	}
	return ""
}

// plainLetterKeepCase is [plainLetter] for a letter of either case; "" for a
// rune that is not an accented letter.
func plainLetterKeepCase(r rune) string {
	low := strings.ToLower(string(r))
	p := plainLetter([]rune(low)[0])
	if low != string(r) {
		return strings.ToUpper(p)
	}
	return p
}

// Fold writes a name with the letters a to z only, in lower case.
func Fold(name string) string { return fold(name, false) }

// SameName reports whether two spellings may be the same name: accents, case,
// spaces and German vowels do not count.
func SameName(a, b string) bool {
	return fold(a, false) == fold(b, false) || fold(a, true) == fold(b, true) || fold(a, true) == fold(b, false) || fold(a, false) == fold(b, true)
}
