package market

// Country is a country of the market.
type Country struct {
	Code     string // ISO 3166-1 alpha-2
	Name     string
	Region   string // "North America", "Western Europe", ...
	Dial     string // international prefix
	Cities   []City
	Cultures []int // weight of each culture, in the order of cultures()
	weight   int
}

// City is a city with the data that addresses need.
type City struct {
	Name     string
	State    string // "" where addresses have none
	Postcode string
	Area     string // area code, without trunk prefix
	Lat, Lng float64
}

// countries returns the countries; the order is part of the market.
func countries() []Country {
	return []Country{
		{
			Code: "US", Name: "United States", Region: "North America", Dial: "+1", weight: 50,
			Cultures: []int{48, 12, 3, 2, 2, 2, 14, 8, 2, 2, 3, 1, 1, 1, 3},
			Cities: []City{
				{"San Francisco", "California", "94105", "415", 37.7897, -122.3972},
				{"New York", "New York", "10001", "212", 40.7506, -73.9972},
				{"Austin", "Texas", "78701", "512", 30.2711, -97.7437},
				{"Seattle", "Washington", "98101", "206", 47.6101, -122.3344},
				{"Boston", "Massachusetts", "02110", "617", 42.3570, -71.0500},
				{"Denver", "Colorado", "80202", "303", 39.7527, -104.9992},
				{"Chicago", "Illinois", "60601", "312", 41.8857, -87.6225},
				{"Atlanta", "Georgia", "30303", "404", 33.7525, -84.3888},
				{"Raleigh", "North Carolina", "27601", "919", 35.7731, -78.6362},
				{"Salt Lake City", "Utah", "84101", "801", 40.7563, -111.9002},
			},
		},
		{
			Code: "GB", Name: "United Kingdom", Region: "Western Europe", Dial: "+44", weight: 13,
			Cultures: []int{58, 2, 2, 3, 1, 4, 14, 3, 1, 4, 4, 0, 1, 0, 3},
			Cities: []City{
				{"London", "", "EC2A 4NE", "20", 51.5246, -0.0835},
				{"Manchester", "", "M1 1AE", "161", 53.4794, -2.2312},
				{"Leeds", "", "LS1 4AP", "113", 53.7965, -1.5479},
				{"Bristol", "", "BS1 5TR", "117", 51.4510, -2.5983},
				{"Edinburgh", "", "EH2 2BY", "131", 55.9533, -3.1911},
				{"Cambridge", "", "CB2 1TN", "1223", 52.1951, 0.1313},
			},
		},
		{
			Code: "CA", Name: "Canada", Region: "North America", Dial: "+1", weight: 9,
			Cultures: []int{42, 2, 2, 16, 1, 2, 14, 10, 2, 4, 2, 1, 1, 0, 3},
			Cities: []City{
				{"Toronto", "Ontario", "M5V 2T6", "416", 43.6426, -79.3871},
				{"Vancouver", "British Columbia", "V6B 1A1", "604", 49.2797, -123.1090},
				{"Montréal", "Québec", "H3B 2Y5", "514", 45.4995, -73.5673},
				{"Calgary", "Alberta", "T2P 1J9", "403", 51.0453, -114.0581},
			},
		},
		{
			Code: "DE", Name: "Germany", Region: "Western Europe", Dial: "+49", weight: 6,
			Cultures: []int{3, 1, 72, 1, 1, 6, 3, 1, 1, 5, 1, 0, 1, 2, 0},
			Cities: []City{
				{"Berlin", "Berlin", "10115", "30", 52.5323, 13.3846},
				{"München", "Bayern", "80331", "89", 48.1371, 11.5754},
				{"Hamburg", "Hamburg", "20095", "40", 53.5503, 10.0006},
			},
		},
		{
			Code: "FR", Name: "France", Region: "Western Europe", Dial: "+33", weight: 4,
			Cultures: []int{2, 3, 1, 75, 0, 1, 1, 1, 2, 9, 3, 0, 3, 0, 0},
			Cities: []City{
				{"Paris", "Île-de-France", "75002", "1", 48.8682, 2.3428},
				{"Lyon", "Auvergne-Rhône-Alpes", "69002", "4", 45.7578, 4.8320},
			},
		},
		{
			Code: "NL", Name: "Netherlands", Region: "Western Europe", Dial: "+31", weight: 3,
			Cultures: []int{3, 1, 2, 1, 1, 2, 4, 2, 1, 5, 1, 0, 1, 75, 0},
			Cities: []City{
				{"Amsterdam", "Noord-Holland", "1012 JS", "20", 52.3731, 4.8926},
				{"Utrecht", "Utrecht", "3511 LX", "30", 52.0907, 5.1214},
			},
		},
		{
			Code: "IE", Name: "Ireland", Region: "Western Europe", Dial: "+353", weight: 2,
			Cultures: []int{16, 1, 1, 1, 0, 5, 4, 1, 0, 1, 2, 0, 3, 0, 65},
			Cities:   []City{{"Dublin", "", "D02 X285", "1", 53.3438, -6.2546}, {"Cork", "", "T12 RX8K", "21", 51.8985, -8.4756}},
		},
		{
			Code: "ES", Name: "Spain", Region: "Western Europe", Dial: "+34", weight: 3,
			Cultures: []int{2, 80, 1, 2, 0, 1, 1, 1, 0, 3, 1, 0, 6, 0, 0},
			Cities: []City{
				{"Madrid", "", "28013", "91", 40.4200, -3.7058},
				{"Barcelona", "Cataluña", "08002", "93", 41.3825, 2.1769},
			},
		},
		{
			Code: "SE", Name: "Sweden", Region: "Northern Europe", Dial: "+46", weight: 3,
			Cultures: []int{3, 1, 2, 1, 75, 2, 3, 1, 0, 8, 1, 0, 0, 0, 0},
			Cities:   []City{{"Stockholm", "", "111 57", "8", 59.3326, 18.0649}, {"Göteborg", "", "411 06", "31", 57.7089, 11.9746}},
		},
		{
			Code: "IN", Name: "India", Region: "Asia", Dial: "+91", weight: 4,
			Cultures: []int{1, 0, 0, 0, 0, 0, 95, 0, 0, 3, 0, 0, 1, 0, 0},
			Cities: []City{
				{"Bengaluru", "Karnataka", "560001", "80", 12.9767, 77.5993},
				{"Pune", "Maharashtra", "411001", "20", 18.5204, 73.8567},
			},
		},
		{
			Code: "AU", Name: "Australia", Region: "Oceania", Dial: "+61", weight: 2,
			Cultures: []int{60, 1, 2, 2, 1, 2, 12, 10, 4, 3, 1, 1, 0, 1, 4},
			Cities:   []City{{"Sydney", "New South Wales", "2000", "2", -33.8688, 151.2093}, {"Melbourne", "Victoria", "3000", "3", -37.8136, 144.9631}},
		},
		{
			Code: "BR", Name: "Brazil", Region: "South America", Dial: "+55", weight: 1,
			Cultures: []int{1, 2, 3, 1, 0, 2, 0, 0, 0, 2, 1, 6, 82, 0, 0},
			Cities:   []City{{"São Paulo", "São Paulo", "01310-100", "11", -23.5614, -46.6559}},
		},
	}
}
