package pinecone_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/pinecone"
	"github.com/messageai/sluice/internal/provider/transport"
	sandbox "github.com/messageai/sluice/internal/sandbox/pinecone"
)

type rig struct {
	server *sandbox.Server
	client *pinecone.Client
	bill   money.Micro
	calls  []string // methods that arrived
	fail   error    // answered in place of the next calls' results
	events []transport.Event
	key    string
}

func newRig(t *testing.T, opts sandbox.Options) *rig {
	t.Helper()
	r := &rig{key: "pc-1"}
	opts.Key = "pc-1"
	opts.Charge = func(_, _ string, m money.Micro) error { r.bill += m; return nil }
	opts.Around = func(_ context.Context, method string, do func() error) error {
		r.calls = append(r.calls, method)
		if r.fail != nil {
			return r.fail
		}
		return do()
	}
	if opts.Lag == 0 {
		opts.Lag = -1
	}
	if opts.Dimension == 0 {
		opts.Dimension = 4
	}
	var err error
	if r.server, err = sandbox.New(opts); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.server.Close)
	d := pinecone.Definition()
	tr, err := transport.New(transport.Options{
		Name: d.Name, BaseURL: d.BaseURL, Auth: d.Auth, SecretFields: d.SecretFields,
		Secret: func(context.Context, bool) (transport.Secret, error) {
			return transport.Secret{Fields: map[string]string{"apiKey": r.key}}, nil
		},
		Observe: func(_ context.Context, e transport.Event) { r.events = append(r.events, e) },
	})
	if err != nil {
		t.Fatal(err)
	}
	r.client, err = pinecone.New(provider.Deps{
		Transport: tr, Now: time.Now, Settings: provider.Settings{"index_host": r.server.Host()},
		GRPC: []grpc.DialOption{grpc.WithContextDialer(r.server.Dialer())},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.client.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return r
}

var ignoreTime = cmpopts.IgnoreFields(provider.Usage{}, "Took")

func TestTeamsDoNotSeeEachOther(t *testing.T) {
	t.Parallel()
	r := newRig(t, sandbox.Options{})
	for team, id := range map[string]string{"team-a": "p_a", "team-b": "p_b"} {
		usage, err := r.client.Upsert(t.Context(), team, []provider.Vector{
			{ID: id, Values: []float32{1, 0, 0, 0}, Metadata: map[string]any{"industry": "Software", "employees": 340, "saas": true, "tags": []string{"b2b"}}},
			{ID: id + "2", Values: []float32{0, 1, 0, 0}},
		})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(provider.Usage{Op: "upsert", Cost: 23}, usage, ignoreTime); diff != "" {
			t.Error(diff)
		}
	}
	got, usage, err := r.client.Nearest(t.Context(), "team-a", []float32{1, 1, 0, 0}, 5)
	if err != nil {
		t.Fatal(err)
	}
	want := []provider.Neighbour{{ID: "p_a", Score: math.Sqrt2 / 2}, {ID: "p_a2", Score: math.Sqrt2 / 2}}
	if diff := cmp.Diff(want, got, cmpopts.EquateApprox(0, 1e-6)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(provider.Usage{Op: "query", Cost: 18}, usage, ignoreTime); diff != "" {
		t.Error(diff)
	}
	if err := r.client.Delete(t.Context(), "team-a", []string{"p_a", "unknown"}); err != nil {
		t.Fatal(err)
	}
	if err := r.client.Delete(t.Context(), "team-without-vectors", []string{"p_a"}); err != nil {
		t.Errorf("delete in a namespace that does not exist: %v", err)
	}
	if diff := cmp.Diff(map[string]int{"team-a": 1, "team-b": 2}, r.server.Counts()); diff != "" {
		t.Error(diff)
	}
	var metered []string
	for _, e := range r.events {
		metered = append(metered, fmt.Sprintf("%s.%s %d", e.Provider, e.Op, e.Status))
	}
	if diff := cmp.Diff([]string{"pinecone.upsert 200", "pinecone.upsert 200", "pinecone.query 200", "pinecone.delete 200", "pinecone.delete 404"}, metered); diff != "" {
		t.Error(diff)
	}
}

// TestUpsertSplits by bytes and by count, and books what the index charges.
func TestUpsertSplits(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		dims, vectors, requests int
		metadata                map[string]any
	}{
		"by count":    {4, 2001, 3, nil},
		"by length":   {1536, 700, 3, nil},
		"by metadata": {4, 100, 2, map[string]any{"text": strings.Repeat("x", 30_000)}},
		"by lists":    {4, 200, 2, map[string]any{"tags": strings.Split(strings.Repeat("ab,", 1799)+"ab", ",")}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sandbox.Options{Dimension: tc.dims})
			vectors := make([]provider.Vector, tc.vectors)
			for i := range vectors {
				values := make([]float32, tc.dims)
				values[i%tc.dims] = 1
				vectors[i] = provider.Vector{ID: fmt.Sprintf("p_%05d", i), Values: values, Metadata: tc.metadata}
			}
			usage, err := r.client.Upsert(t.Context(), "t", vectors)
			if err != nil {
				t.Fatal(err)
			}
			if r.server.Counts()["t"] != tc.vectors || len(r.calls) < tc.requests || len(r.calls) > 2*tc.requests {
				t.Errorf("%d vectors in %d requests, want %d in about %d", r.server.Counts()["t"], len(r.calls), tc.vectors, tc.requests)
			}
			if usage.Cost != r.bill {
				t.Errorf("usage %v, charged %v", usage.Cost, r.bill)
			}
			if most := pinecone.Definition().Prices.Operations["upsert"].Max() * money.Micro(len(r.calls)); usage.Cost > most {
				t.Errorf("cost %v is above the declared maximum %v", usage.Cost, most)
			}
		})
	}
}

func TestRefusedBeforeAnythingIsSent(t *testing.T) {
	t.Parallel()
	r := newRig(t, sandbox.Options{})
	one := []float32{1, 0, 0, 0}
	put := func(m map[string]any) error {
		_, err := r.client.Upsert(t.Context(), "t", []provider.Vector{{ID: "a", Values: one, Metadata: m}})
		return err
	}
	_, noTeam := r.client.Upsert(t.Context(), "", nil)
	_, _, zero := r.client.Nearest(t.Context(), "t", one, 0)
	_, _, many := r.client.Nearest(t.Context(), "t", one, 10_001)
	for name, err := range map[string]error{
		"null": put(map[string]any{"x": nil}), "nested": put(map[string]any{"x": map[string]any{}}), "not UTF-8": put(map[string]any{"x": "\xff"}),
		"too large": put(map[string]any{"x": strings.Repeat("x", 3<<20)}), "no team": noTeam, "k 0": zero, "k 10001": many,
		"delete without team": r.client.Delete(t.Context(), "", []string{"a"}),
	} {
		if !fault.Is(err, fault.InvalidInput) {
			t.Errorf("%s: %v, want InvalidInput", name, err)
		}
	}
	if len(r.calls) != 0 {
		t.Errorf("sent %v", r.calls)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	r := newRig(t, sandbox.Options{Unlimited: true})
	vectors := []provider.Vector{{ID: "secret-id", Values: []float32{1, 0, 0, 0}}}
	for _, tc := range []struct {
		fail error
		want fault.Kind
	}{
		{status.Error(codes.ResourceExhausted, "Too many requests secret-id"), fault.RateLimited},
		{status.Error(codes.ResourceExhausted, "You've reached your write unit limit for the current month (2000000)."), fault.QuotaExhausted},
		{status.Error(codes.PermissionDenied, "secret-id"), fault.Forbidden},
		{status.Error(codes.InvalidArgument, "secret-id"), fault.InvalidInput},
		{status.Error(codes.Unimplemented, ""), fault.BadResponse},
		// It may have been written and charged.
		{status.Error(codes.Unavailable, "connection reset"), fault.Unclear},
		{status.Error(codes.Internal, ""), fault.Unclear},
	} {
		r.fail, r.calls = tc.fail, nil
		_, err := r.client.Upsert(t.Context(), "t", vectors)
		_, _, queryErr := r.client.Nearest(t.Context(), "t", vectors[0].Values, 1)
		deleteErr := r.client.Delete(t.Context(), "t", []string{"secret-id"})
		for _, err := range []error{err, queryErr, deleteErr} {
			if got := fault.KindOf(err); got != tc.want || strings.Contains(err.Error(), "secret-id") {
				t.Errorf("%v: %v, want %s and nothing of the message", tc.fail, err, tc.want)
			}
		}
		if diff := cmp.Diff([]string{"Upsert", "Query", "Delete"}, r.calls); diff != "" {
			t.Errorf("%v: repeated what is charged: %s", tc.fail, diff)
		}
	}
	r.fail, r.key = nil, "wrong"
	if _, err := r.client.Upsert(t.Context(), "t", vectors); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("wrong key: %v", err)
	}
	r.key = "pc-1"
	if _, err := r.client.Upsert(t.Context(), "t", []provider.Vector{{ID: "a", Values: []float32{1}}}); !fault.Is(err, fault.InvalidInput) {
		t.Errorf("wrong dimension: %v, want InvalidInput", err)
	}
}

// TestFreshVectorsMayBeMissing runs an hour of waiting in a bubble.
func TestFreshVectorsMayBeMissing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, sandbox.Options{Lag: time.Hour})
		one := []float32{1, 0, 0, 0}
		if _, err := r.client.Upsert(t.Context(), "t", []provider.Vector{{ID: "a", Values: one}}); err != nil {
			t.Fatal(err)
		}
		before, _, err := r.client.Nearest(t.Context(), "t", one, 1)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		after, _, err := r.client.Nearest(t.Context(), "t", one, 1)
		if err != nil {
			t.Fatal(err)
		}
		if len(before) != 0 || len(after) != 1 {
			t.Errorf("%d before and %d after the delay, want none and one", len(before), len(after))
		}
	})
}

func TestHostIsCheckedFirst(t *testing.T) {
	t.Parallel()
	tr, err := transport.New(transport.Options{Name: "pinecone", BaseURL: "https://api.pinecone.io"})
	if err != nil {
		t.Fatal(err)
	}
	for host, ok := range map[string]bool{
		"": false, "https://": false, "index.example/path": false, "ftp://index.example": false, "a b": false, "x:port": false, "\x00": false, "http://u:p@h": false,
		"leads-abc.svc.aped-1.pinecone.io": true, "https://leads-abc.svc.pinecone.io": true, "http://127.0.0.1:5081": true, "http://[::1]:5081": true,
	} {
		c, err := pinecone.New(provider.Deps{Transport: tr, Settings: provider.Settings{"index_host": host}, Now: time.Now})
		if ok != (err == nil) || !ok && !fault.Is(err, fault.InvalidInput) {
			t.Errorf("host %q: %v", host, err)
		}
		if c != nil {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}
