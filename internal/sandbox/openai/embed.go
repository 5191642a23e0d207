package openai

import (
	"math"
	"unicode"
	"unicode/utf8"
)

// model is what one embedding model looks like from outside.
type model struct {
	name     string
	dims     int
	shorten  bool    // accepts dimensions
	baseline float64 // cosine of two unrelated texts
	price    int64   // micro-dollars for a million tokens
	shared   []float32
}

// models returns the models on offer. Baselines are the ones of DESIGN.md,
// section 7: cosines of ada-002 crowd together far above zero.
func models() map[string]*model {
	list := map[string]*model{}
	for _, m := range []*model{
		{name: "text-embedding-3-small", dims: 1536, shorten: true, baseline: 0.12, price: 20_000},
		{name: "text-embedding-3-large", dims: 3072, shorten: true, baseline: 0.08, price: 130_000},
		{name: "text-embedding-ada-002", dims: 1536, baseline: 0.77, price: 100_000},
	} {
		m.shared = make([]float32, m.dims)
		state := hash([]byte(m.name))
		each := float32(math.Sqrt(m.baseline / float64(m.dims)))
		for i := range m.shared {
			state = scramble(state)
			m.shared[i] = each
			if state>>63 == 0 {
				m.shared[i] = -each
			}
		}
		list[m.name] = m
	}
	return list
}

// What a feature weighs, and over how many positions it is spread.
const (
	wordWeight, wordSpread       = 1.0, 16
	commonWeight                 = 0.12
	partWeight, partSpread       = 0.22, 4
	topicSpread                  = 64
	topicShare                   = 0.50 // of a text that is full of topics
	fieldWeight                  = 0.55 // of a topic's field, beside the topic
	maxWord                      = 64   // bytes of a word that are looked at
	topicHits                    = 2.0  // after so many hits a text's topics weigh their share
	maxTopics, maxFieldsOfTopics = 64, 32
)

// embedder turns texts into vectors of one model. It is safe for concurrent use.
type embedder struct {
	model *model
	words *lexicon
}

// vector returns the unit vector of a text, cut to dims numbers.
func (e *embedder) vector(text string, dims int) []float32 {
	v := make([]float32, e.model.dims)
	var topicMass [maxTopics]float32
	e.addWords(v, text, &topicMass)
	return e.finish(v, &topicMass, dims)
}

// tokenVector is vector for a text given as token ids.
func (e *embedder) tokenVector(tokens []int64, dims int) []float32 {
	v := make([]float32, e.model.dims)
	for _, id := range tokens {
		spread(v, scramble(uint64(id)), wordWeight, wordSpread) //nolint:gosec // any bits do
	}
	var none [maxTopics]float32
	return e.finish(v, &none, dims)
}

// addWords adds words and word parts to v and counts topics.
func (e *embedder) addWords(v []float32, text string, topicMass *[maxTopics]float32) {
	var buf [maxWord]byte
	n := 0
	previous := uint64(0)
	flush := func() {
		if n == 0 {
			return
		}
		word := stem(buf[:n])
		h := hash(word)
		e.countTopics(topicMass, previous, h)
		previous = h
		weight := float32(wordWeight)
		if e.words.common[h] {
			weight = commonWeight
		}
		spread(v, h, weight, wordSpread)
		for i := 0; i+3 <= len(word); i++ {
			spread(v, hash(word[i:i+3])^0x5bd1e995, weight*partWeight, partSpread)
		}
		n = 0
	}
	for _, r := range text {
		if r < utf8.RuneSelf {
			switch {
			case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			case r >= 'A' && r <= 'Z':
				r += 'a' - 'A'
			default:
				flush()
				continue
			}
		} else if unicode.IsLetter(r) || unicode.IsDigit(r) {
			r = unicode.ToLower(r)
		} else {
			flush()
			continue
		}
		if n+utf8.UTFMax <= maxWord {
			n += utf8.EncodeRune(buf[n:], r)
		}
	}
	flush()
}

// countTopics adds the topics of a word, and of the word with the one before.
func (e *embedder) countTopics(mass *[maxTopics]float32, previous, h uint64) {
	for _, topic := range e.words.topics[h] {
		mass[topic]++
	}
	for _, topic := range e.words.topics[pair(previous, h)] {
		mass[topic] += 2 // two words together say more than one
	}
}

// finish adds topics and the shared direction and cuts to unit length.
func (e *embedder) finish(v []float32, mass *[maxTopics]float32, dims int) []float32 {
	var fields [maxFieldsOfTopics]float32
	var hits, square float64
	for topic, m := range mass {
		if m > 0 {
			hits += float64(m)
			fields[e.words.fields[topic]] += m
			mass[topic] = float32(math.Sqrt(float64(m)))
			square += float64(m)
		}
	}
	for field, m := range fields {
		fields[field] = fieldWeight * float32(math.Sqrt(float64(m)))
		square += fieldWeight * fieldWeight * float64(m)
	}
	content := math.Sqrt(1 - e.model.baseline)
	share := topicShare * min(1, hits/topicHits)
	words := norm(v)
	switch {
	case words > 0:
		scale(v, float32(content*math.Sqrt(1-share)/words))
	case hits == 0: // nothing but punctuation: a direction of its own
		spread(v, hash([]byte(e.model.name)), 1, wordSpread)
		scale(v, float32(content/norm(v)))
	}
	if hits > 0 {
		each := float32(content * math.Sqrt(share/square))
		for topic, m := range mass {
			if m > 0 {
				spread(v, e.words.seeds[topic], each*m, topicSpread)
			}
		}
		for field, m := range fields {
			if m > 0 {
				spread(v, e.words.seeds[len(e.words.fields)+field], each*m, topicSpread)
			}
		}
	}
	for i, s := range e.model.shared {
		v[i] += s
	}
	v = v[:dims]
	scale(v, float32(1/norm(v)))
	return v
}

// spread adds a feature of the given length to n positions with pseudo-random signs.
func spread(v []float32, feature uint64, length float32, n int) {
	each := length / float32(math.Sqrt(float64(n)))
	for i := 0; i < n; i += 4 {
		feature = scramble(feature)
		for bits, k := feature, 0; k < 4; bits, k = bits>>16, k+1 {
			at := (bits & 0x7fff) * uint64(len(v)) >> 15
			if bits&0x8000 == 0 {
				v[at] += each
			} else {
				v[at] -= each
			}
		}
	}
}

func norm(v []float32) float64 {
	var a, b, c, d float32 // four sums, so that one addition does not wait for the last
	for i := 0; i+4 <= len(v); i += 4 {
		a += v[i] * v[i]
		b += v[i+1] * v[i+1]
		c += v[i+2] * v[i+2]
		d += v[i+3] * v[i+3]
	}
	for i := len(v) &^ 3; i < len(v); i++ {
		a += v[i] * v[i]
	}
	return math.Sqrt(float64(a) + float64(b) + float64(c) + float64(d))
}

func scale(v []float32, by float32) {
	for i := range v {
		v[i] *= by
	}
}

// tokens estimates how many tokens a text has: one for up to five letters of a
// word, for three digits, for each other character.
func tokens(text string) int {
	count, letters, digits := 0, 0, 0
	flush := func() {
		count += (letters+4)/5 + (digits+2)/3
		letters, digits = 0, 0
	}
	for _, r := range text {
		switch {
		case r == ' ' || r == '\n' || r == '\t' || r == '\r':
			flush()
		case r >= '0' && r <= '9':
			digits++
		case r < utf8.RuneSelf && (r|0x20 >= 'a' && r|0x20 <= 'z'):
			letters++
		default:
			flush()
			count++
		}
	}
	flush()
	return max(count, 1)
}
