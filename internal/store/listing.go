package store

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
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

// ListedOf returns the small record by which lists show a row.
func ListedOf(row domain.Row) Listed {
	p := row.Prospect
	l := Listed{
		ID: p.ID, Name: p.Person.Name(), Headline: p.Person.Headline, Source: p.Source, ProfileURL: p.Person.ProfileURL,
		Email: p.Contact.Email, Phone: p.Contact.Phone, Company: p.Company.Name, CompanyURL: p.Company.Website,
		State: row.State, LeadID: row.LeadID, FoundAt: p.SeenAt,
	}
	if l.Headline == "" {
		l.Headline = p.Person.Title
	}
	if l.CompanyURL == "" && p.Company.Domain != "" {
		l.CompanyURL = "https://" + p.Company.Domain
	}
	if row.Score != nil {
		l.Fit = row.Score.Score
	}
	if row.Quality != nil {
		l.Quality = row.Quality.Score
	}
	return l
}

// companyOnly keeps companies without a person in a range of keys of their own,
// above those of all people: the fit of a company alone says little, and there
// is nobody to contact.
const companyOnly = 20_000

// sortKey puts better scores first, and whom one can contact before companies:
// queries read upwards.
func sortKey(fit float64, person bool, id string) string {
	n := 10_000 - int(fit*10_000)
	if !person {
		n += companyOnly
	}
	return fmt.Sprintf("%05d#%s", n, id)
}

func (l Listed) sortKey() string { return sortKey(l.Fit, l.person(), l.ID) }

// person is [domain.Prospect.HasPerson] of what is listed.
func (l Listed) person() bool { return l.Name != "" || l.ProfileURL != "" || l.Email != "" }

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
	sk := l.sortKey()
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
	slices.SortFunc(all, func(a, b Listed) int { return strings.Compare(a.sortKey(), b.sortKey()) })
	next := ""
	if len(all) > f.Limit {
		all = all[:f.Limit]
		next = base64.RawURLEncoding.EncodeToString([]byte(all[f.Limit-1].sortKey()))
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
	var found []Listed
	for _, r := range f.ranges(after) {
		pages := dynamodb.NewQueryPaginator(s.db, s.listQuery(pk, f, r))
		for pages.HasMorePages() && len(found) <= f.Limit {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, err
			}
			for _, it := range page.Items {
				l, err := s.listedOf(ctx, team, it)
				if err != nil {
					return nil, err
				}
				if found = append(found, l); len(found) > f.Limit {
					break
				}
			}
		}
	}
	return found, nil
}

func (s *Store) listedOf(ctx context.Context, team string, it item) (l Listed, err error) {
	plain, err := s.seal.open(ctx, team, textOf(it, "pk")+"/"+textOf(it, "sk"), bytesOf(it, "v"))
	if err != nil {
		return l, err
	}
	err = json.Unmarshal(plain, &l)
	l.State, l.LeadID = domain.State(textOf(it, "state")), textOf(it, "lead")
	return l, err
}

// keys is a range of sort keys, both ends included.
type keys struct{ low, high string }

// ranges are the sort keys after a cursor that reach the minimum fit: people,
// then companies without any.
func (f Filter) ranges(after string) []keys {
	var out []keys
	for _, person := range []bool{true, false} {
		// "\x00" sorts below every id, the last code point above.
		r := keys{low: max(sortKey(1, person, ""), after+"\x00"), high: sortKey(f.MinFit, person, "") + "\U0010FFFF"}
		if r.low <= r.high {
			out = append(out, r)
		}
	}
	return out
}

func (s *Store) listQuery(pk string, f Filter, r keys) *dynamodb.QueryInput {
	values := item{":pk": str(pk), ":low": str(r.low), ":high": str(r.high)}
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
		for _, r := range f.ranges("") {
			in := s.listQuery(listKey(team, campaign, shard), f, r)
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
	}
	return total, nil
}

// ProspectClaim returns where a prospect was discovered, or a fault NotFound.
func (s *Store) ProspectClaim(ctx context.Context, team, prospectID string) (Claim, error) {
	var c struct {
		Run      string `dynamodbav:"run"`
		Campaign string `dynamodbav:"campaign"`
		Chunk    string `dynamodbav:"chunk"`
		Lead     string `dynamodbav:"lead"`

		Later []string `dynamodbav:"later"`
	}
	found, err := s.get(ctx, s.opts.Prospects, claimKey(team, prospectID), "CLAIM", &c)
	if err == nil && !found {
		return Claim{}, fault.New(fault.NotFound, "store.prospect", "no prospect has this id in your team; list a campaign's prospects to find it")
	}
	return Claim(c), failure("store.prospect", err)
}

// MarkConverted records that a person made a lead of a listed prospect, in its
// record and its claims, and keeps them beyond the usual life of a prospect.
func (s *Store) MarkConverted(ctx context.Context, ref domain.Ref, shards int, l domain.Lead, p domain.Prospect) error {
	mark := func(pk, sk, update string, values item) error {
		names := map[string]string{"#lead": "lead", "#ttl": "ttl"}
		if values[":qualified"] != nil {
			names["#state"] = "state"
		}
		values[":lead"] = str(l.ID)
		_, err := s.db.UpdateItem(ctx, &dynamodb.UpdateItemInput{
			TableName: &s.opts.Prospects, Key: key(pk, sk), UpdateExpression: &update, ConditionExpression: aws.String("attribute_exists(pk)"),
			ExpressionAttributeNames: names, ExpressionAttributeValues: values,
		})
		return err
	}
	for _, id := range p.ClaimIDs(ref.Team) {
		err := mark(claimKey(ref.Team, id), "CLAIM", "SET #lead = :lead REMOVE #ttl", item{})
		if _, lost := conditionFailed(err); err != nil && !lost { // nobody claimed what was only referred to
			return failure("store.mark_converted", err)
		}
	}
	pk := listKey(ref.Team, ref.Campaign, listShard(ref.Chunk, shards))
	err := mark(pk, sortKey(l.Score, p.HasPerson(), p.ID), "SET #lead = :lead, #state = :qualified REMOVE #ttl", item{":qualified": str(string(domain.Qualified))})
	if _, lost := conditionFailed(err); lost {
		return fault.Wrap(fault.NotFound, "store.mark_converted", errors.New("the prospect is not listed"))
	}
	return failure("store.mark_converted", err)
}
