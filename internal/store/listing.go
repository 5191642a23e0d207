package store

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"golang.org/x/sync/errgroup"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
)

// Listed is a prospect as lists show it: one small item, under 1 KB.
type Listed struct {
	ID         string       `json:"i"`
	Name       string       `json:"n,omitempty"`
	Headline   string       `json:"h,omitempty"`
	Source     string       `json:"s"`
	ProfileURL string       `json:"u,omitempty"`
	Email      string       `json:"e,omitempty"`
	Phone      string       `json:"p,omitempty"`
	Company    string       `json:"c,omitempty"`
	CompanyURL string       `json:"w,omitempty"`
	Fit        float64      `json:"f"`
	Quality    float64      `json:"q"`
	State      domain.State `json:"-"` // kept outside the sealed part, so that lists can filter
	LeadID     string       `json:"-"` // the same: "" until converted
	FoundAt    time.Time    `json:"d"`
}

// sortKey puts better scores first: queries read upwards.
func sortKey(fit float64, id string) string {
	return fmt.Sprintf("%05d#%s", 10_000-int(fit*10_000), id)
}

// ListShard returns the partition that a chunk's prospects are listed in.
func listShard(chunk string, shards int) int {
	sum := 0
	for _, c := range chunk {
		sum = (sum*31 + int(c)) % 1_000_003
	}
	return sum % shards
}

// PutListed writes the final records of a chunk's prospects, one item each.
// Repeating it overwrites them with the same.
func (s *Store) PutListed(ctx context.Context, ref domain.Ref, shards int, listed []Listed) error {
	pk := listKey(ref.Team, ref.Campaign, listShard(ref.Chunk, shards))
	ttl := num(s.opts.Now().Add(prospectLife).Unix())
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(16)
	for _, l := range listed {
		g.Go(func() error {
			it, err := s.listedItem(ctx, ref.Team, pk, l)
			if err != nil {
				return err
			}
			it["chunk"] = str(ref.Chunk)
			if l.LeadID == "" {
				it["ttl"] = ttl
			}
			_, err = s.db.PutItem(ctx, &dynamodb.PutItemInput{TableName: &s.opts.Prospects, Item: it})
			return err
		})
	}
	return failure("store.put_listed", g.Wait())
}

func (s *Store) listedItem(ctx context.Context, team, pk string, l Listed) (item, error) {
	plain, err := json.Marshal(l)
	if err != nil {
		return nil, err
	}
	sk := sortKey(l.Fit, l.ID)
	sealed, err := s.seal.seal(ctx, team, pk+"/"+sk, plain)
	if err != nil {
		return nil, err
	}
	it := key(pk, sk)
	it["v"], it["state"] = bin(sealed), str(string(l.State))
	if l.LeadID != "" {
		it["lead"] = str(l.LeadID)
	}
	return it, nil
}

// Filter selects listed prospects.
type Filter struct {
	MinFit    float64
	States    []domain.State // empty: all
	Converted bool           // only those with a lead
	Limit     int
	Cursor    string // of the page before; "" for the first
}

// List returns a campaign's prospects, best first, and the cursor of the next
// page ("" at the end). It asks each partition of the campaign once per page
// and merges.
func (s *Store) List(ctx context.Context, team, campaign string, shards int, f Filter) ([]Listed, string, error) {
	after, err := decodeCursor(f.Cursor)
	if err != nil {
		return nil, "", err
	}
	if after > sortKey(f.MinFit, "\xff") {
		return []Listed{}, "", nil // a page below the minimum
	}
	var mu sync.Mutex
	var all []Listed
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for shard := range shards {
		g.Go(func() error {
			part, err := s.listPartition(gctx, team, listKey(team, campaign, shard), f, after)
			mu.Lock()
			defer mu.Unlock()
			all = append(all, part...)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, "", failure("store.list", err)
	}
	sort.Slice(all, func(i, j int) bool { return sortKey(all[i].Fit, all[i].ID) < sortKey(all[j].Fit, all[j].ID) })
	next := ""
	if len(all) > f.Limit {
		all = all[:f.Limit]
		last := all[f.Limit-1]
		next = base64.RawURLEncoding.EncodeToString([]byte(sortKey(last.Fit, last.ID)))
	}
	return all, next, nil
}

func decodeCursor(cursor string) (string, error) {
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || len(raw) > 0 && (len(raw) < 6 || raw[5] != '#') {
		return "", fault.New(fault.InvalidInput, "store.list", "the cursor is not one that this API gave out; leave it away for the first page")
	}
	return string(raw), nil
}

func (s *Store) listPartition(ctx context.Context, team, pk string, f Filter, after string) ([]Listed, error) {
	in := s.listQuery(pk, f, after)
	var found []Listed
	pages := dynamodb.NewQueryPaginator(s.db, in)
	for pages.HasMorePages() && len(found) <= f.Limit {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, it := range page.Items {
			sk := textOf(it, "sk")
			plain, err := s.seal.open(ctx, team, pk+"/"+sk, bytesOf(it, "v"))
			if err != nil {
				return nil, err
			}
			var l Listed
			if err := json.Unmarshal(plain, &l); err != nil {
				return nil, err
			}
			l.State, l.LeadID = domain.State(textOf(it, "state")), textOf(it, "lead")
			if found = append(found, l); len(found) > f.Limit {
				break
			}
		}
	}
	return found, nil
}

func (s *Store) listQuery(pk string, f Filter, after string) *dynamodb.QueryInput {
	low := after + "\x00" // just above the cursor; "\x00" sorts below every key
	if after == "" {
		low = "0"
	}
	high := sortKey(f.MinFit, "") + "\xf4\x8f\xbf\xbf"
	values := item{":pk": str(pk), ":low": str(low), ":high": str(high)}
	in := &dynamodb.QueryInput{
		TableName:                 &s.opts.Prospects,
		KeyConditionExpression:    aws.String("pk = :pk AND sk BETWEEN :low AND :high"),
		ExpressionAttributeValues: values,
	}
	var filters []string
	attributes := map[string]string{}
	if len(f.States) > 0 {
		states := make([]string, len(f.States))
		for i, st := range f.States {
			states[i] = fmt.Sprintf(":s%d", i)
			values[states[i]] = str(string(st))
		}
		filters = append(filters, "#state IN ("+strings.Join(states, ", ")+")")
		attributes["#state"] = "state"
	} else if f.Limit > 0 && !f.Converted {
		in.Limit = aws.Int32(int32(min(f.Limit, 1000) + 1))
	}
	if f.Converted {
		filters = append(filters, "attribute_exists(#lead)")
		attributes["#lead"] = "lead"
	}
	if len(filters) > 0 {
		in.FilterExpression = aws.String(strings.Join(filters, " AND "))
		in.ExpressionAttributeNames = attributes
	}
	return in
}

// CountListed returns how many prospects a filter selects, cursor and limit
// apart.
func (s *Store) CountListed(ctx context.Context, team, campaign string, shards int, f Filter) (int, error) {
	total := 0
	for shard := range shards {
		in := s.listQuery(listKey(team, campaign, shard), f, "")
		in.Select, in.Limit = "COUNT", nil
		pages := dynamodb.NewQueryPaginator(s.db, in)
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return 0, failure("store.count_listed", err)
			}
			total += int(page.Count)
		}
	}
	return total, nil
}

// ProspectClaim returns where a prospect was discovered, or a fault NotFound.
func (s *Store) ProspectClaim(ctx context.Context, team, prospectID string) (Claim, error) {
	var c struct {
		Run      string `dynamodbav:"run"`
		Campaign string `dynamodbav:"campaign"`
		Chunk    string `dynamodbav:"chunk"`
	}
	found, err := s.get(ctx, s.opts.Prospects, claimKey(team, prospectID), "CLAIM", &c)
	if err == nil && !found {
		return Claim{}, fault.New(fault.NotFound, "store.prospect", "no prospect has this id in your team; list a campaign's prospects to find it")
	}
	return Claim(c), failure("store.prospect", err)
}

// MarkConverted sets the lead of a listed prospect and keeps it beyond the
// usual life of a prospect.
func (s *Store) MarkConverted(ctx context.Context, ref domain.Ref, shards int, fit float64, prospectID, leadID string) error {
	pk := listKey(ref.Team, ref.Campaign, listShard(ref.Chunk, shards))
	_, err := s.db.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &s.opts.Prospects, Key: key(pk, sortKey(fit, prospectID)),
		UpdateExpression:          aws.String("SET #lead = :lead, #state = :qualified REMOVE #ttl"),
		ConditionExpression:       aws.String("attribute_exists(pk)"),
		ExpressionAttributeNames:  map[string]string{"#lead": "lead", "#state": "state", "#ttl": "ttl"},
		ExpressionAttributeValues: item{":lead": str(leadID), ":qualified": str(string(domain.Qualified))},
	})
	if _, lost := conditionFailed(err); lost {
		return fault.Wrap(fault.NotFound, "store.mark_converted", errors.New("the prospect is not listed"))
	}
	return failure("store.mark_converted", err)
}
