package lexical

import (
	"context"
	"math"
	"sort"
	"strings"
	"sync"

	"github.com/messageai/sluice/internal/normalize"
	"github.com/messageai/sluice/internal/provider"
)

// Model is the name and version of the embedder. It changes whenever a vector
// could change, because scores of different models must not be compared.
const Model = "sluice-lexical-1"

// Dimensions is the length of every vector.
const Dimensions = 256

// maxWords bounds the work on one text: what follows is not read.
const maxWords = 400

// Embedder turns texts into vectors of unit length. It is immutable after
// [New] and safe for concurrent use.
type Embedder struct {
	phrases map[string][]weighted // by folded word or two words
	begins  map[string]bool       // words that begin an entry of two words
}

// weighted is a concept and how strongly a phrase means it.
type weighted struct {
	slots  [slotsPerFeature]slot
	weight float32
}

// slot is one signed position of a sparse random projection.
type slot struct {
	at   uint8
	sign float32
}

// slotsPerFeature: each word lands on several positions, so that two words
// which collide on one still differ on the others.
const slotsPerFeature = 4

// New returns the embedder. All callers share it: building it from the tables
// takes longer than scoring a small chunk.
func New() *Embedder { return built() }

var built = sync.OnceValue(func() *Embedder {
	e := &Embedder{phrases: make(map[string][]weighted, 2500), begins: make(map[string]bool, 600)}
	e.addTitles()
	e.addIndustries()
	e.addTerms()
	return e
})

// Model returns [Model].
func (e *Embedder) Model() string { return Model }

// Embed returns one vector per text. It costs nothing and only fails if ctx is
// done.
func (e *Embedder) Embed(ctx context.Context, texts []string) ([][]float32, provider.Usage, error) {
	out := make([][]float32, len(texts))
	for i, text := range texts {
		if err := ctx.Err(); err != nil {
			return nil, provider.Usage{}, err
		}
		out[i] = e.Vector(text)
	}
	return out, provider.Usage{Op: "embed"}, nil
}

// Vector returns the vector of one text. A text without any word has the zero
// vector, which is similar to nothing.
func (e *Embedder) Vector(text string) []float32 {
	v := make([]float32, Dimensions)
	folded := normalize.Fold(text)
	var starts [maxWords + 1]int32
	n := splitWords(folded, &starts)
	word := func(i int) string { return strings.TrimRight(folded[starts[i]:starts[i+1]], " ") }
	for i := range n {
		w := word(i)
		if stopWord(w) {
			continue
		}
		add(v, e.phrases[w])
		if i+1 < n && e.begins[w] {
			add(v, e.phrases[folded[starts[i]:int(starts[i+1])+len(word(i+1))]])
		}
		// The word itself, so that even words outside the tables can meet.
		addSlots(v, slotsOf(stem(w)), wordWeight)
	}
	unit(v)
	return v
}

// wordWeight is low against a concept's 1: shared meaning counts more than a
// shared spelling.
const wordWeight = 0.35

func splitWords(s string, starts *[maxWords + 1]int32) int {
	n := 0
	for i := 0; i < len(s) && n < maxWords; n++ {
		starts[n] = int32(i) //nolint:gosec // G115: a folded text of 2 GB does not exist
		end := strings.IndexByte(s[i:], ' ')
		if end < 0 {
			i = len(s)
		} else {
			i += end + 1
		}
		starts[n+1] = int32(i) //nolint:gosec // G115: as above
	}
	return n
}

func add(v []float32, concepts []weighted) {
	for i := range concepts {
		addSlots(v, concepts[i].slots, concepts[i].weight)
	}
}

func addSlots(v []float32, slots [slotsPerFeature]slot, weight float32) {
	for _, s := range slots {
		v[s.at] += s.sign * weight
	}
}

// slotsOf hashes a feature (FNV-1a, finished by a multiply-shift mix) to its
// positions.
func slotsOf(feature string) [slotsPerFeature]slot {
	h := uint64(14695981039346656037)
	for i := range len(feature) {
		h = (h ^ uint64(feature[i])) * 1099511628211
	}
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	var out [slotsPerFeature]slot
	for i := range out {
		out[i] = slot{at: uint8(h), sign: float32(int(h>>8&1)*2 - 1)} //nolint:gosec // G115: the low byte is wanted
		h >>= 9
	}
	return out
}

// stem takes off the commonest English endings, so that "scaling" meets
// "scale". Crude is enough: both sides go through it.
func stem(w string) string {
	for _, ending := range [...]string{"ization", "isation", "ments", "ment", "ings", "ing", "ies", "ers", "ed", "es", "er", "e", "s", "y"} {
		if len(w) > len(ending)+3 && strings.HasSuffix(w, ending) {
			return w[:len(w)-len(ending)]
		}
	}
	return w
}

func stopWord(w string) bool {
	if len(w) == 1 {
		return true
	}
	switch w {
	case "the", "and", "of", "for", "in", "to", "at", "with", "on", "by", "an", "is", "are", "we", "our", "your", "their", "from", "as",
		"or", "be", "that", "this", "it's", "its", "all", "more", "der", "die", "das", "und", "fur", "von", "de", "la", "le", "les", "et",
		"des", "du", "el", "los", "las", "inc", "llc", "ltd", "gmbh", "company", "companies", "ag", "recent", "employees":
		return true
	}
	return false
}

func unit(v []float32) {
	var sum float64
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	if sum == 0 {
		return
	}
	scale := float32(1 / math.Sqrt(sum))
	for i := range v {
		v[i] *= scale
	}
}

// concept adds a concept to a phrase of one or two words. Longer phrases are
// reached through the pairs they are made of.
func (e *Embedder) concept(phrase, name string, weight float32) {
	first, rest, two := strings.Cut(phrase, " ")
	if strings.Contains(rest, " ") || first == "" {
		return
	}
	if two {
		e.begins[first] = true
	}
	e.phrases[phrase] = append(e.phrases[phrase], weighted{slotsOf("concept " + name), weight})
}

func (e *Embedder) addTitles() {
	for _, phrase := range normalize.TitlePhrases() {
		for _, role := range normalize.ParseTitle(phrase).Roles {
			if role.Function != "" {
				e.concept(phrase, "function "+string(role.Function), 1)
				if technical(role.Function) {
					e.concept(phrase, "technical", 0.5)
				}
			}
			if role.Seniority.Rank() >= 3 {
				e.concept(phrase, "leads", 0.35)
			}
		}
	}
}

func technical(f normalize.Function) bool {
	switch f {
	case normalize.Engineering, normalize.Product, normalize.InformationTech, normalize.Data, normalize.Security:
		return true
	}
	return false
}

func (e *Embedder) addIndustries() {
	for _, industry := range normalize.Industries() {
		for _, label := range normalize.IndustryLabels(industry) {
			e.concept(label, "industry "+industry, 0.8)
			e.concept(label, "sector "+normalize.Sector(industry), 0.8)
		}
	}
}

func (e *Embedder) addTerms() {
	names := make([]string, 0, len(businessTerms))
	for name := range businessTerms {
		names = append(names, name)
	}
	sort.Strings(names) // the order of additions decides the last bit of a sum
	for _, name := range names {
		for phrase := range strings.SplitSeq(businessTerms[name], ",") {
			e.concept(strings.TrimSpace(phrase), name, 0.8)
		}
	}
}
