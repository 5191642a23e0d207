package openai_test

import (
	"math"
	"slices"
	"testing"

	"github.com/messageai/sluice/internal/sandbox/openai"
)

func cosine(a, b []float32) float64 {
	var dot, x, y float64
	for i := range a {
		dot += float64(a[i]) * float64(b[i])
		x += float64(a[i]) * float64(a[i])
		y += float64(b[i]) * float64(b[i])
	}
	return dot / math.Sqrt(x*y)
}

// related are pairs that a person would call related; no pair has much wording
// in common.
func related() [][2]string {
	return [][2]string{
		{"Scaling engineering team, Technical debt management, DevOps automation, Security compliance", "Writes about growing engineering orgs, paying down tech debt and CI/CD pipelines"},
		{"Improve development velocity and developer experience", "VP Engineering shipping faster with best-in-class tooling for developers"},
		{"Software, SaaS, Cloud Computing, Cybersecurity", "An enterprise application platform with APIs for developers, hosted on AWS"},
		{"CTO, VP Engineering, Director of Engineering, Head of Product", "Chief Technology Officer leading software engineering"},
		{"Reduce operational costs", "FinOps practitioner lowering cloud costs and doing more with less"},
		{"Patients of an outpatient clinic", "A network of hospitals and care for the sick, with nurses and doctors"},
		{"Supply chain visibility", "Freight forwarding, parcel delivery and cold-chain warehousing"},
		{"Security compliance", "SOC 2 and ISO 27001 audits, secure by design"},
		{"Recruiting and talent acquisition", "Workforce planning and hiring for human resources"},
		{"Demand generation", "Growth marketing with search advertising and funnel analytics"},
	}
}

// unrelated are pairs without anything in common.
func unrelated() [][2]string {
	return [][2]string{
		{"Scaling engineering team, Technical debt management, DevOps automation, Security compliance", "Head chef at a chain of restaurants, guest satisfaction and seasonal menus"},
		{"Software, SaaS, Cloud Computing, Cybersecurity", "Pumps and valves, lean manufacturing and shop-floor safety"},
		{"Improve development velocity", "Care quality and patient outcomes in rehabilitation"},
		{"Chief Technology Officer", "Hiking with dogs by the river in the mountains"},
		{"Managed Kubernetes and cloud infrastructure", "Curriculum design and learner engagement at a language school"},
		{"Identity and access management", "Outdoor clothing online, a chain of home-ware shops"},
		{"Refurbishment of offices, road and bridge works", "Machine learning models for credit risk"},
		{"Piano concert in the museum", "Invoices, accounting and cash flow"},
	}
}

func scores(s *openai.Server, model string, pairs [][2]string) []float64 {
	var list []float64
	for _, p := range pairs {
		list = append(list, cosine(s.Embed(model, p[0]), s.Embed(model, p[1])))
	}
	return list
}

func TestCosines(t *testing.T) {
	t.Parallel()
	s, err := openai.New(openai.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		model                                    string
		unrelatedLow, unrelatedHigh, low, medium float64 // bounds of unrelated pairs, least of related pairs, least mean of related pairs
	}{
		{"text-embedding-3-small", 0.02, 0.27, 0.30, 0.42},
		{"text-embedding-3-large", 0, 0.25, 0.27, 0.40},
		{"text-embedding-ada-002", 0.70, 0.85, 0.80, 0.84},
	} {
		apart, close := scores(s, tc.model, unrelated()), scores(s, tc.model, related())
		t.Logf("%s: unrelated %.2f related %.2f", tc.model, apart, close)
		if low, high := slices.Min(apart), slices.Max(apart); low < tc.unrelatedLow || high > tc.unrelatedHigh {
			t.Errorf("%s: unrelated pairs score %.3f to %.3f, want %.2f to %.2f", tc.model, low, high, tc.unrelatedLow, tc.unrelatedHigh)
		}
		mean := 0.0
		for _, c := range close {
			mean += c / float64(len(close))
		}
		if low := slices.Min(close); low < tc.low || mean < tc.medium || low <= slices.Max(apart) {
			t.Errorf("%s: related pairs score from %.3f, %.3f in the mean; want %.2f, %.2f, and all above %.3f", tc.model, low, mean, tc.low, tc.medium, slices.Max(apart))
		}
	}
}

func TestEmbedIsDeterministicAndForgiving(t *testing.T) {
	t.Parallel()
	a, err := openai.New(openai.Options{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := openai.New(openai.Options{})
	if err != nil {
		t.Fatal(err)
	}
	const small = "text-embedding-3-small"
	if !slices.Equal(a.Embed(small, "Head of Product"), b.Embed(small, "Head of Product")) {
		t.Error("two servers give one text two vectors")
	}
	if c := cosine(a.Embed(small, "Engineering Manager"), a.Embed(small, "engineering, managers!")); c < 0.95 {
		t.Errorf("inflection and punctuation changed the vector: cosine %.3f", c)
	}
	if a.Embed("gpt-9", "x") != nil {
		t.Error("an unknown model has a vector")
	}
}

func FuzzEmbed(f *testing.F) {
	s, err := openai.New(openai.Options{})
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{"", " ", "…", "CTO & Co-Founder", "Größe 東京 \xff", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v := s.Embed("text-embedding-ada-002", text)
		var square float64
		for _, x := range v {
			square += float64(x) * float64(x)
		}
		if len(v) != 1536 || math.Abs(square-1) > 1e-4 {
			t.Errorf("%d numbers of length %g, want 1536 of length 1", len(v), math.Sqrt(square))
		}
	})
}

func BenchmarkEmbed(b *testing.B) {
	s, err := openai.New(openai.Options{})
	if err != nil {
		b.Fatal(err)
	}
	text := "VP Engineering at Northwind Robotics, a cloud subscription platform for revenue teams. Talks about scaling engineering teams, " +
		"paying down technical debt, DevOps automation and security compliance. 201-500 employees, Austin, United States."
	b.ReportAllocs()
	for b.Loop() {
		s.Embed("text-embedding-3-small", text)
	}
}
