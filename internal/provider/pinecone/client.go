package pinecone

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/transport"
	vendor "github.com/pinecone-io/go-pinecone/v5/pinecone"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
)

// Client is one index. It is safe for concurrent use and holds a connection
// until [Client.Close].
type Client struct {
	index  *vendor.IndexConnection
	prices map[string]money.Price
	now    func() time.Time
}

var hostForm = regexp.MustCompile(`^(https?://)?([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?$`)

// New builds the adapter from its settings. It does not connect yet.
func New(deps provider.Deps) (*Client, error) {
	host := deps.Settings["index_host"]
	if !hostForm.MatchString(host) {
		return nil, fault.New(fault.InvalidInput, "pinecone.new",
			"set SLUICE_PINECONE_INDEX_HOST to the host of the index, which Pinecone's console shows, without a path")
	}
	// The transport sets the key, so the vendor's client gets none.
	pc, err := vendor.NewClientBase(vendor.NewClientBaseParams{})
	if err != nil {
		return nil, fault.New(fault.InvalidInput, "pinecone.new", "Pinecone's client refuses its environment; unset PINECONE_CONTROLLER_HOST")
	}
	options := append(deps.Transport.GRPCOptions(callOf), deps.GRPC...)
	// A namespace is given with every call; this one is never used.
	index, err := pc.Index(vendor.NewIndexConnParams{Host: host, Namespace: "unused"}, options...)
	if err != nil {
		return nil, fault.New(fault.InvalidInput, "pinecone.new", "Pinecone's client refuses the index host")
	}
	return &Client{index: index, prices: Definition().Prices.Operations, now: deps.Now}, nil
}

// callOf names a method for limiter and meter. All have the same effect when
// repeated, since writes are idempotent by id, but are charged again: the
// transport does not repeat them by itself.
func callOf(method string) transport.Call {
	op := map[string]string{
		"/VectorService/Upsert": opUpsert, "/VectorService/Query": opQuery, "/VectorService/Delete": opDelete,
	}[method]
	return transport.Call{Op: op}
}

// Close ends the connection.
func (c *Client) Close() error {
	if err := c.index.Close(); err != nil {
		return fmt.Errorf("close the connection to the index: %w", err)
	}
	return nil
}

// Upsert implements [provider.VectorIndex]. After an error some batches may
// have been written; writing all of them again is harmless.
func (c *Client) Upsert(ctx context.Context, namespace string, vectors []provider.Vector) (provider.Usage, error) {
	start, usage := c.now(), provider.Usage{Op: opUpsert}
	index, err := c.in(opUpsert, namespace)
	if err != nil {
		return usage, err
	}
	var batch []*vendor.Vector
	wire, billed := 0, 0
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		n, err := index.UpsertVectors(ctx, batch)
		if err != nil {
			return convert(opUpsert, err)
		}
		usage.Cost += c.prices[opUpsert].For(float64(writeUnits(billed)) / million)
		if int(n) != len(batch) {
			return bad(opUpsert, fmt.Sprintf("took %d of %d vectors", n, len(batch)))
		}
		batch, wire, billed = nil, 0, 0
		return nil
	}
	for _, v := range vectors {
		meta, size, err := metadata(v.Metadata)
		if err != nil {
			return usage, err
		}
		bytes := len(v.ID) + 4*len(v.Values) + size
		onWire := len(v.ID) + 4*len(v.Values) + proto.Size(meta) + 48 // with the tags and lengths of the message
		if onWire > maxBytes {
			return usage, fault.New(fault.InvalidInput, "pinecone.upsert", "a vector with its metadata is larger than a request may be")
		}
		if len(batch) == maxVectors || wire+onWire > maxBytes {
			if err := flush(); err != nil {
				return usage, err
			}
		}
		batch = append(batch, &vendor.Vector{Id: v.ID, Values: &v.Values, Metadata: meta})
		wire += onWire
		billed += bytes
	}
	err = flush()
	usage.Took = c.now().Sub(start)
	return usage, err
}

// metadata converts and sizes what Pinecone takes: strings, numbers, booleans
// and lists of strings. Numbers are billed with eight bytes, booleans with one.
func metadata(m map[string]any) (*structpb.Struct, int, error) {
	if len(m) == 0 {
		return nil, 0, nil
	}
	plain, size := make(map[string]any, len(m)), 0
	for name, v := range m {
		size += len(name)
		switch v := v.(type) {
		case string:
			size += len(v)
			plain[name] = v
		case bool:
			size++
			plain[name] = v
		case int, int32, int64, uint, uint32, uint64, float32, float64:
			size += 8
			plain[name] = v
		case []string:
			list := make([]any, len(v))
			for i, s := range v {
				size += len(s)
				list[i] = s
			}
			plain[name] = list
		default:
			return nil, 0, fault.New(fault.InvalidInput, "pinecone.upsert", "the metadata field "+name+" is not a string, number, boolean or list of strings")
		}
	}
	s, err := structpb.NewStruct(plain)
	if err != nil { // a text that is not UTF-8
		return nil, 0, fault.New(fault.InvalidInput, "pinecone.upsert", "a metadata text is not valid UTF-8")
	}
	return s, size, nil
}

// Nearest implements [provider.VectorIndex].
func (c *Client) Nearest(ctx context.Context, namespace string, vector []float32, k int) ([]provider.Neighbour, provider.Usage, error) {
	start, usage := c.now(), provider.Usage{Op: opQuery}
	index, err := c.in(opQuery, namespace)
	if err != nil {
		return nil, usage, err
	}
	if k < 1 || k > maxTopK {
		return nil, usage, fault.New(fault.InvalidInput, "pinecone.query", fmt.Sprintf("ask for 1 to %d neighbours", maxTopK))
	}
	answer, err := index.QueryByVectorValues(ctx, &vendor.QueryByVectorValuesRequest{Vector: vector, TopK: uint32(k)})
	usage.Took = c.now().Sub(start)
	if err != nil {
		return nil, usage, convert(opQuery, err)
	}
	units := 1 // the least a query costs, if the answer does not tell
	if answer.Usage != nil {
		units = max(units, int(answer.Usage.ReadUnits))
	}
	usage.Cost = c.prices[opQuery].For(float64(units) / million)
	list := make([]provider.Neighbour, 0, len(answer.Matches))
	for _, m := range answer.Matches {
		if m == nil || m.Vector == nil || m.Vector.Id == "" {
			return nil, usage, bad(opQuery, "answered with a match without an id")
		}
		list = append(list, provider.Neighbour{ID: m.Vector.Id, Score: float64(m.Score)})
	}
	return list, usage, nil
}

// Delete implements [provider.VectorIndex]. What does not exist is deleted.
func (c *Client) Delete(ctx context.Context, namespace string, ids []string) error {
	index, err := c.in(opDelete, namespace)
	if err != nil {
		return err
	}
	for chunk := range slices.Chunk(ids, maxIDs) {
		err := index.DeleteVectorsById(ctx, chunk)
		if err != nil && !fault.Is(err, fault.NotFound) { // the namespace has no vectors yet
			return convert(opDelete, err)
		}
	}
	return nil
}

// in returns the index with a namespace, which must be named: the default one
// would mix teams.
func (c *Client) in(op, namespace string) (*vendor.IndexConnection, error) {
	if namespace == "" {
		return nil, fault.New(fault.InvalidInput, "pinecone."+op, "vectors need the namespace of a team")
	}
	return c.index.WithNamespace(namespace), nil
}

// convert takes the transport's fault out of an error.
func convert(op string, err error) error {
	if e, ok := errors.AsType[*fault.Error](err); ok {
		return e
	}
	return &fault.Error{Kind: fault.Internal, Op: "pinecone." + op, Provider: "pinecone", Message: "Pinecone's client failed before it called"}
}

func bad(op, what string) error {
	return &fault.Error{Kind: fault.BadResponse, Op: "pinecone." + op, Provider: "pinecone", Message: "Pinecone " + what}
}
