package pinecone_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/sandbox/pinecone"
	vendor "github.com/pinecone-io/go-pinecone/v5/pinecone"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"
)

func newServer(t testing.TB, opts pinecone.Options) *pinecone.Server {
	t.Helper()
	if opts.Dimension == 0 {
		opts.Dimension = 4
	}
	s, err := pinecone.New(opts)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	t.Cleanup(s.Close)
	return s
}

func connect(t testing.TB, s *pinecone.Server, key, namespace string, opts ...grpc.DialOption) *vendor.IndexConnection {
	t.Helper()
	pc, err := vendor.NewClient(vendor.NewClientParams{ApiKey: key})
	if err != nil {
		t.Fatal(err)
	}
	idx, err := pc.Index(vendor.NewIndexConnParams{Host: s.Host(), Namespace: namespace}, append(opts, grpc.WithContextDialer(s.Dialer()))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := idx.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return idx
}

func vec(t testing.TB, id string, meta map[string]any, values ...float32) *vendor.Vector {
	t.Helper()
	v := &vendor.Vector{Id: id, Values: &values}
	if meta != nil {
		m, err := structpb.NewStruct(meta)
		if err != nil {
			t.Fatal(err)
		}
		v.Metadata = m
	}
	return v
}

func upsert(t testing.TB, idx *vendor.IndexConnection, vectors ...*vendor.Vector) {
	t.Helper()
	n, err := idx.UpsertVectors(t.Context(), vectors)
	if err != nil || int(n) != len(vectors) {
		t.Fatalf("upsert of %d: %d, %v", len(vectors), n, err)
	}
}

type match struct {
	ID    string
	Score float64
	Meta  map[string]any
}

func near(t testing.TB, idx *vendor.IndexConnection, k uint32, filter map[string]any, values ...float32) []match {
	t.Helper()
	req := &vendor.QueryByVectorValuesRequest{Vector: values, TopK: k, IncludeMetadata: true}
	if filter != nil {
		f, err := structpb.NewStruct(filter)
		if err != nil {
			t.Fatal(err)
		}
		req.MetadataFilter = f
	}
	res, err := idx.QueryByVectorValues(t.Context(), req)
	if err != nil {
		t.Fatalf("query: %v", err)
	}
	if res.Usage == nil || res.Usage.ReadUnits != 1 {
		t.Errorf("usage %+v, want 1 read unit", res.Usage)
	}
	var list []match
	for _, m := range res.Matches {
		list = append(list, match{m.Vector.Id, float64(m.Score), m.Vector.Metadata.AsMap()})
	}
	return list
}

func ids(list []match) []string {
	var out []string
	for _, m := range list {
		out = append(out, m.ID)
	}
	return out
}

var approximately = cmpopts.EquateApprox(0, 1e-6)

func TestNearestByCosine(t *testing.T) {
	t.Parallel()
	s := newServer(t, pinecone.Options{Lag: -1})
	a, b := connect(t, s, "k", "team-a"), connect(t, s, "k", "team-b")
	upsert(t, a, vec(t, "x", map[string]any{"n": 1.0, "tags": []any{"b2b", "eu"}}, 2, 0, 0, 0), vec(t, "xy", nil, 1, 1, 0, 0), vec(t, "y", nil, 0, 5, 0, 0), vec(t, "-x", nil, -1, 0, 0, 0))
	upsert(t, b, vec(t, "other team", nil, 1, 0, 0, 0))
	want := []match{{"x", 1, map[string]any{"n": 1.0, "tags": []any{"b2b", "eu"}}}, {"xy", math.Sqrt2 / 2, map[string]any{}}, {"y", 0, map[string]any{}}}
	if diff := cmp.Diff(want, near(t, a, 3, nil, 7, 0, 0, 0), approximately); diff != "" {
		t.Error(diff)
	}
	res, err := a.QueryByVectorId(t.Context(), &vendor.QueryByVectorIdRequest{VectorId: "y", TopK: 1})
	if err != nil || len(res.Matches) != 1 || res.Matches[0].Vector.Id != "y" {
		t.Errorf("by id: %+v, %v", res, err)
	}
	if got := near(t, connect(t, s, "k", "nobody"), 3, nil, 1, 0, 0, 0); got != nil {
		t.Errorf("an unknown namespace has %v", got)
	}
	upsert(t, a, vec(t, "x", nil, 0, 0, 1, 0)) // replaces metadata as well
	got := near(t, a, 1, nil, 0, 0, 1, 0)
	if diff := cmp.Diff([]match{{"x", 1, map[string]any{}}}, got, approximately); diff != "" {
		t.Error(diff)
	}
}

func TestFilters(t *testing.T) {
	t.Parallel()
	s := newServer(t, pinecone.Options{Lag: -1})
	idx := connect(t, s, "k", "t")
	upsert(t, idx,
		vec(t, "a", map[string]any{"kind": "company", "size": 40.0, "tags": []any{"b2b"}}, 1, 0, 0, 0),
		vec(t, "b", map[string]any{"kind": "company", "size": 400.0, "eu": true}, 1, 0, 0, 0),
		vec(t, "c", map[string]any{"kind": "person", "size": 1.0}, 1, 0, 0, 0),
		vec(t, "d", nil, 1, 0, 0, 0))
	for _, tc := range []struct {
		filter string
		want   []string
	}{
		{`{"kind":"company"}`, []string{"a", "b"}},
		{`{"kind":{"$ne":"company"}}`, []string{"c", "d"}},
		{`{"size":{"$gte":40,"$lt":400}}`, []string{"a"}},
		{`{"size":{"$lte":40}}`, []string{"a", "c"}},
		{`{"size":{"$gt":40}}`, []string{"b"}},
		{`{"kind":{"$in":["person","robot"]}}`, []string{"c"}},
		{`{"kind":{"$nin":["person"]}}`, []string{"a", "b", "d"}},
		{`{"tags":"b2b"}`, []string{"a"}},
		{`{"tags":{"$in":["b2b"]}}`, []string{"a"}},
		{`{"eu":{"$exists":true}}`, []string{"b"}},
		{`{"eu":{"$exists":false},"kind":"company"}`, []string{"a"}},
		{`{"$or":[{"eu":true},{"$and":[{"kind":"person"},{"size":1}]}]}`, []string{"b", "c"}},
	} {
		var filter map[string]any
		if err := json.Unmarshal([]byte(tc.filter), &filter); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tc.want, ids(near(t, idx, 10, filter, 1, 0, 0, 0))); diff != "" {
			t.Errorf("%s: %s", tc.filter, diff)
		}
	}
	for _, filter := range []string{`{"a":{"$gt":"x"}}`, `{"a":{"$near":1}}`, `{"$not":[]}`, `{"$or":[]}`, `{"$and":[1]}`, `{"a":{}}`, `{"a":{"$in":[true]}}`, `{"a":{"$exists":1}}`, `{"a":{"$eq":[1]}}`, `{"a":{"$in":1}}`} {
		var f structpb.Struct
		if err := f.UnmarshalJSON([]byte(filter)); err != nil {
			t.Fatal(err)
		}
		_, err := idx.QueryByVectorValues(t.Context(), &vendor.QueryByVectorValuesRequest{Vector: []float32{1, 0, 0, 0}, TopK: 1, MetadataFilter: &f})
		if status.Code(err) != codes.InvalidArgument {
			t.Errorf("%s: %v, want InvalidArgument", filter, err)
		}
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	s := newServer(t, pinecone.Options{Key: "good", Lag: -1})
	idx := connect(t, s, "good", "t")
	many := make([]*vendor.Vector, 1001)
	for i := range many {
		many[i] = vec(t, fmt.Sprint(i), nil, 1, 0, 0, 0)
	}
	put := func(vectors ...*vendor.Vector) error {
		_, err := idx.UpsertVectors(t.Context(), vectors)
		return err
	}
	big := strings.Repeat("x", 39*1024)
	heavy := make([]*vendor.Vector, 60)
	for i := range heavy {
		heavy[i] = vec(t, fmt.Sprint(i), map[string]any{"text": big}, 1, 0, 0, 0)
	}
	_, wrongKey := connect(t, s, "bad", "t").UpsertVectors(t.Context(), many[:1])
	_, topK := idx.QueryByVectorValues(t.Context(), &vendor.QueryByVectorValuesRequest{Vector: []float32{1, 0, 0, 0}, TopK: 10_001})
	_, unknown := idx.ListNamespaces(t.Context(), nil)
	got := map[string]codes.Code{}
	for name, err := range map[string]error{
		"dimension": put(vec(t, "a", nil, 1, 0, 0)), "too many": put(many...), "none": put(), "no id": put(vec(t, "", nil, 1, 0, 0, 0)),
		"id not ASCII": put(vec(t, "é", nil, 1, 0, 0, 0)), "long id": put(vec(t, strings.Repeat("i", 513), nil, 1, 0, 0, 0)),
		"zero": put(vec(t, "a", nil, 0, 0, 0, 0)), "not a number": put(vec(t, "a", nil, float32(math.NaN()), 0, 0, 0)),
		"null": put(vec(t, "a", map[string]any{"x": nil}, 1, 0, 0, 0)), "nested": put(vec(t, "a", map[string]any{"x": map[string]any{"y": 1}}, 1, 0, 0, 0)),
		"list of numbers": put(vec(t, "a", map[string]any{"x": []any{1}}, 1, 0, 0, 0)), "40 KB": put(vec(t, "a", map[string]any{"x": big + big}, 1, 0, 0, 0)),
		"2 MB": put(heavy...), "key": wrongKey, "top k": topK, "operation": unknown,
		"delete elsewhere": connect(t, s, "good", "nobody").DeleteVectorsById(t.Context(), []string{"a"}),
	} {
		got[name] = status.Code(err)
	}
	want := map[string]codes.Code{
		"dimension": codes.InvalidArgument, "too many": codes.InvalidArgument, "none": codes.InvalidArgument, "no id": codes.InvalidArgument,
		"id not ASCII": codes.InvalidArgument, "long id": codes.InvalidArgument, "zero": codes.InvalidArgument, "not a number": codes.InvalidArgument,
		"null": codes.InvalidArgument, "nested": codes.InvalidArgument, "list of numbers": codes.InvalidArgument, "40 KB": codes.InvalidArgument,
		"2 MB": codes.OutOfRange, "key": codes.Unauthenticated, "top k": codes.InvalidArgument, "operation": codes.Unimplemented, "delete elsewhere": codes.NotFound,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if n := s.Counts(); len(n) != 0 {
		t.Errorf("refused vectors were stored: %v", n)
	}
}

// TestVersionHeader drops the version that the vendor's client sends.
func TestVersionHeader(t *testing.T) {
	t.Parallel()
	s := newServer(t, pinecone.Options{})
	drop := func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		md, _ := metadata.FromOutgoingContext(ctx)
		md = md.Copy()
		md.Delete("x-pinecone-api-version")
		return invoke(metadata.NewOutgoingContext(ctx, md), method, req, reply, cc, opts...)
	}
	idx := connect(t, s, "k", "t", grpc.WithUnaryInterceptor(drop))
	if _, err := idx.DescribeIndexStats(t.Context()); status.Code(err) != codes.InvalidArgument {
		t.Errorf("no version: %v, want InvalidArgument", err)
	}
}

func TestWritesBecomeVisibleLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, pinecone.Options{Lag: 2 * time.Second})
		idx := connect(t, s, "k", "t")
		var got [][]string
		look := func() { got = append(got, ids(near(t, idx, 5, nil, 1, 0, 0, 0))) }
		upsert(t, idx, vec(t, "a", nil, 1, 0, 0, 0), vec(t, "b", nil, 1, 1, 0, 0))
		look()
		time.Sleep(2 * time.Second)
		look()
		upsert(t, idx, vec(t, "a", nil, 0, 0, 0, 1))
		if err := idx.DeleteVectorsById(t.Context(), []string{"b", "unknown"}); err != nil {
			t.Fatal(err)
		}
		look() // still the old versions
		time.Sleep(2 * time.Second)
		look()
		fetched, err := idx.FetchVectors(t.Context(), []string{"a", "b"})
		if err != nil {
			t.Fatal(err)
		}
		if len(fetched.Vectors) != 1 || !slices.Equal(*fetched.Vectors["a"].Values, []float32{0, 0, 0, 1}) {
			t.Errorf("fetched %v", fetched.Vectors)
		}
		if diff := cmp.Diff([][]string{nil, {"a", "b"}, {"a", "b"}, {"a"}}, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestUpdateListDeleteStats(t *testing.T) {
	t.Parallel()
	s := newServer(t, pinecone.Options{Lag: -1, Unlimited: true})
	idx := connect(t, s, "k", "t")
	for i := range 120 {
		upsert(t, idx, vec(t, fmt.Sprintf("p-%03d", i), map[string]any{"i": float64(i), "kept": "yes"}, 1, float32(i), 0, 0))
	}
	meta, err := structpb.NewStruct(map[string]any{"i": 500.0})
	if err != nil {
		t.Fatal(err)
	}
	if err := idx.UpdateVector(t.Context(), &vendor.UpdateVectorRequest{Id: "p-000", Values: []float32{0, 0, 0, 9}, Metadata: meta}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]match{{"p-000", 1, map[string]any{"i": 500.0, "kept": "yes"}}}, near(t, idx, 1, nil, 0, 0, 0, 1), approximately); diff != "" {
		t.Error(diff)
	}
	prefix := "p-0"
	var listed []string
	for token := (*string)(nil); ; {
		page, err := idx.ListVectors(t.Context(), &vendor.ListVectorsRequest{Prefix: &prefix, PaginationToken: token})
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range page.VectorIds {
			listed = append(listed, *id)
		}
		if token = page.NextPaginationToken; token == nil {
			break
		}
	}
	if len(listed) != 100 || listed[0] != "p-000" || !slices.IsSorted(listed) {
		t.Errorf("listed %d ids from %s", len(listed), listed[0])
	}
	filter, err := structpb.NewStruct(map[string]any{"i": map[string]any{"$lt": 100.0}})
	if err != nil {
		t.Fatal(err)
	}
	if err := idx.DeleteVectorsByFilter(t.Context(), filter); err != nil {
		t.Fatal(err)
	}
	stats, err := idx.DescribeIndexStats(t.Context())
	if err != nil || stats.TotalVectorCount != 21 || stats.Namespaces["t"].VectorCount != 21 || *stats.Dimension != 4 {
		t.Errorf("stats after deleting 99 of 120: %+v, %v", stats, err)
	}
	if err := idx.DeleteAllVectorsInNamespace(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int{}, s.Counts()); diff != "" {
		t.Error(diff)
	}
}

func TestLimitsAndPlan(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, pinecone.Options{WriteUnits: 12, Lag: -1})
		idx := connect(t, s, "k", "t")
		count := 0
		for range 130 {
			_, err := idx.QueryByVectorValues(t.Context(), &vendor.QueryByVectorValuesRequest{Vector: []float32{1, 0, 0, 0}, TopK: 1})
			switch status.Code(err) {
			case codes.OK:
				count++
			case codes.ResourceExhausted:
			default:
				t.Fatal(err)
			}
		}
		if count != 100 {
			t.Errorf("%d queries passed in one second, want 100", count)
		}
		time.Sleep(time.Second)
		near(t, idx, 1, nil, 1, 0, 0, 0)

		upsert(t, idx, vec(t, "a", nil, 1, 0, 0, 0)) // five units each
		upsert(t, idx, vec(t, "a", nil, 1, 0, 0, 0))
		_, err := idx.UpsertVectors(t.Context(), []*vendor.Vector{vec(t, "a", nil, 1, 0, 0, 0)})
		if status.Code(err) != codes.ResourceExhausted || !strings.Contains(err.Error(), "write unit limit for the current month") {
			t.Errorf("plan used up: %v", err)
		}
		time.Sleep(31 * 24 * time.Hour)
		upsert(t, idx, vec(t, "a", nil, 1, 0, 0, 0))
	})
}

// memory is a journal that a next server can be opened on.
type memory struct{ past []json.RawMessage }

func (m *memory) Append(_ string, record any) error {
	data, err := json.Marshal(record)
	m.past = append(m.past, data)
	return err
}

func (m *memory) Past(string) []json.RawMessage { return m.past }

func TestJournalAndBill(t *testing.T) {
	t.Parallel()
	type charge struct {
		Op     string
		Amount money.Micro
	}
	var charges []charge
	j := &memory{}
	opts := pinecone.Options{Journal: j, Lag: -1, Charge: func(op, _ string, amount money.Micro) error {
		charges = append(charges, charge{op, amount})
		return nil
	}}
	first := connect(t, newServer(t, opts), "k", "t")
	upsert(t, first, vec(t, "a", map[string]any{"n": 1.5, "s": "x", "b": true, "l": []any{"y"}}, 1, 0, 0, 0), vec(t, "b", nil, 0, 1, 0, 0))
	upsert(t, first, vec(t, "b", nil, 0, 0, 1, 0), vec(t, "c", nil, 0, 0, 0, 1))
	if err := first.DeleteVectorsById(t.Context(), []string{"c"}); err != nil {
		t.Fatal(err)
	}
	again := connect(t, newServer(t, opts), "k", "t")
	want := near(t, first, 5, nil, 1, 0, 1, 0)
	if diff := cmp.Diff(want, near(t, again, 5, nil, 1, 0, 1, 0)); diff != "" || len(want) != 2 {
		t.Errorf("%d vectors; after restart: %s", len(want), diff)
	}
	if diff := cmp.Diff([]charge{{"upsert", 23}, {"upsert", 23}, {"delete", 23}, {"query", 18}, {"query", 18}}, charges); diff != "" {
		t.Error(diff)
	}
}

func TestAround(t *testing.T) {
	t.Parallel()
	s := newServer(t, pinecone.Options{Lag: -1, Around: func(_ context.Context, method string, do func() error) error {
		if method != "Upsert" {
			return do()
		}
		if err := do(); err != nil {
			return err
		}
		return status.Error(codes.Unavailable, "connection reset")
	}})
	idx := connect(t, s, "k", "t")
	if _, err := idx.UpsertVectors(t.Context(), []*vendor.Vector{vec(t, "a", nil, 1, 0, 0, 0)}); status.Code(err) != codes.Unavailable {
		t.Errorf("upsert: %v, want Unavailable", err)
	}
	if diff := cmp.Diff([]string{"a"}, ids(near(t, idx, 1, nil, 1, 0, 0, 0))); diff != "" {
		t.Errorf("the lost answer's effect: %s", diff)
	}
}

func TestControlPlane(t *testing.T) {
	t.Parallel()
	s := newServer(t, pinecone.Options{Index: "leads", Key: "k"})
	client := func(key string) *vendor.Client {
		pc, err := vendor.NewClient(vendor.NewClientParams{ApiKey: key, RestClient: &http.Client{Transport: direct{s}}})
		if err != nil {
			t.Fatal(err)
		}
		return pc
	}
	idx, err := client("k").DescribeIndex(t.Context(), "leads")
	if err != nil || idx.Host != s.Host() || *idx.Dimension != 4 || idx.Metric != vendor.Cosine {
		t.Errorf("describe: %+v, %v", idx, err)
	}
	list, err := client("k").ListIndexes(t.Context())
	if err != nil || len(list) != 1 {
		t.Errorf("list: %v, %v", list, err)
	}
	_, unknown := client("k").DescribeIndex(t.Context(), "other")
	_, wrongKey := client("bad").DescribeIndex(t.Context(), "leads")
	if unknown == nil || wrongKey == nil {
		t.Errorf("unknown index: %v, wrong key: %v", unknown, wrongKey)
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/indexes/leads", nil)
	r.Header.Set("Api-Key", "k")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if w.Code != http.StatusBadRequest {
		t.Errorf("without version: %d, want 400", w.Code)
	}
	if _, err := pinecone.New(pinecone.Options{Dimension: 20_001}); err == nil {
		t.Error("dimension 20001 was accepted")
	}
}

// direct answers in process.
type direct struct{ h http.Handler }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	d.h.ServeHTTP(w, r)
	return w.Result(), nil
}

func BenchmarkQuery(b *testing.B) {
	s := newServer(b, pinecone.Options{Dimension: 1536, Lag: -1, Unlimited: true})
	idx := connect(b, s, "k", "t")
	values := func(i int) []float32 {
		v := make([]float32, 1536)
		for j := range v {
			v[j] = float32((i*31+j*17)%97) - 48
		}
		return v
	}
	for i := range 2000 {
		upsert(b, idx, vec(b, fmt.Sprint(i), nil, values(i)...))
	}
	q := values(5000)
	for b.Loop() {
		near(b, idx, 10, nil, q...)
	}
}
