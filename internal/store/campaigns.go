package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/normalize"
)

// document is an item that holds a value as JSON.
type document struct {
	Doc string `dynamodbav:"doc"`
}

func (s *Store) putDocument(ctx context.Context, pk, sk string, v any, condition string) error {
	doc, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return s.put(ctx, s.opts.Core, pk, sk, document{Doc: string(doc)}, condition)
}

func (s *Store) document(ctx context.Context, pk, sk string, v any) (bool, error) {
	var d document
	found, err := s.get(ctx, s.opts.Core, pk, sk, &d)
	if err != nil || !found {
		return false, err
	}
	return true, json.Unmarshal([]byte(d.Doc), v)
}

// PutICP writes an ICP.
func (s *Store) PutICP(ctx context.Context, team string, icp domain.ICP) error {
	return failure("store.put_icp", s.putDocument(ctx, "TEAM#"+team, "ICP#"+icp.ID, icp, ""))
}

// ICP reads an ICP of the team, or a fault NotFound.
func (s *Store) ICP(ctx context.Context, team, id string) (domain.ICP, error) {
	var icp domain.ICP
	found, err := s.document(ctx, "TEAM#"+team, "ICP#"+id, &icp)
	if err == nil && !found {
		return icp, fault.New(fault.NotFound, "store.icp", "your team has no ICP with this id; create it with POST /api/v1/prospecting/icps")
	}
	return icp, failure("store.icp", err)
}

// ICPs returns the team's ICPs.
func (s *Store) ICPs(ctx context.Context, team string) ([]domain.ICP, error) {
	icps := []domain.ICP{}
	err := s.query(ctx, s.opts.Core, "TEAM#"+team, "ICP#", func(it item) error {
		var icp domain.ICP
		err := json.Unmarshal([]byte(textOf(it, "doc")), &icp)
		icps = append(icps, icp)
		return err
	})
	return icps, failure("store.icps", err)
}

// PutCampaign writes a campaign.
func (s *Store) PutCampaign(ctx context.Context, c domain.Campaign) error {
	return failure("store.put_campaign", s.putDocument(ctx, "TEAM#"+c.Team, "CAMPAIGN#"+c.ID, c, ""))
}

// Campaign reads a campaign of the team, or a fault NotFound.
func (s *Store) Campaign(ctx context.Context, team, id string) (domain.Campaign, error) {
	var c domain.Campaign
	found, err := s.document(ctx, "TEAM#"+team, "CAMPAIGN#"+id, &c)
	if err == nil && !found {
		return c, fault.New(fault.NotFound, "store.campaign", "your team has no campaign with this id")
	}
	return c, failure("store.campaign", err)
}

// Campaigns returns the team's campaigns.
func (s *Store) Campaigns(ctx context.Context, team string) ([]domain.Campaign, error) {
	all := []domain.Campaign{}
	err := s.query(ctx, s.opts.Core, "TEAM#"+team, "CAMPAIGN#", func(it item) error {
		var c domain.Campaign
		err := json.Unmarshal([]byte(textOf(it, "doc")), &c)
		all = append(all, c)
		return err
	})
	return all, failure("store.campaigns", err)
}

// runItem keeps the status outside the document, so that it can be changed on
// a condition.
type runItem struct {
	Doc    string           `dynamodbav:"doc"`
	Status domain.RunStatus `dynamodbav:"status"`
	Reason string           `dynamodbav:"reason,omitempty"`
}

func runPK(ref domain.Ref) string { return "CAMPAIGN#" + ref.Team + "#" + ref.Campaign }

func refOf(r domain.Run) domain.Ref {
	return domain.Ref{Team: r.Team, Campaign: r.CampaignID, Run: r.ID}
}

// CreateRun writes a new run; a repetition changes nothing.
func (s *Store) CreateRun(ctx context.Context, r domain.Run) error {
	doc, err := json.Marshal(r)
	if err != nil {
		return failure("store.create_run", err)
	}
	err = s.put(ctx, s.opts.Core, runPK(refOf(r)), "RUN#"+r.ID, runItem{Doc: string(doc), Status: r.Status}, notExists)
	if _, lost := conditionFailed(err); lost {
		return nil
	}
	return failure("store.create_run", err)
}

// Run reads a run, or a fault NotFound.
func (s *Store) Run(ctx context.Context, ref domain.Ref) (domain.Run, error) {
	var it runItem
	found, err := s.get(ctx, s.opts.Core, runPK(ref), "RUN#"+ref.Run, &it)
	if err != nil {
		return domain.Run{}, failure("store.run", err)
	}
	if !found {
		return domain.Run{}, fault.New(fault.NotFound, "store.run", "this campaign has no such run")
	}
	var r domain.Run
	if err := json.Unmarshal([]byte(it.Doc), &r); err != nil {
		return domain.Run{}, failure("store.run", err)
	}
	r.Status, r.Reason = it.Status, it.Reason
	return r, nil
}

// PlanRun records how many rows discovery may bring.
func (s *Store) PlanRun(ctx context.Context, ref domain.Ref, planned int) error {
	return s.rewriteRun(ctx, ref, func(r *domain.Run) { r.Planned = planned })
}

// EndRun records a run's end with its totals.
func (s *Store) EndRun(ctx context.Context, ref domain.Ref, status domain.RunStatus, reason string, totals domain.Totals) error {
	if err := s.rewriteRun(ctx, ref, func(r *domain.Run) { r.EndedAt, r.Totals = s.opts.Now().UTC(), &totals }); err != nil {
		return err
	}
	return s.SetRunStatus(ctx, ref, status, reason, domain.RunRunning, domain.RunPaused, domain.RunFailed, status)
}

// rewriteRun changes a run's document; only the state machine's own steps do
// so, one at a time, so the last writer is right.
func (s *Store) rewriteRun(ctx context.Context, ref domain.Ref, change func(*domain.Run)) error {
	r, err := s.Run(ctx, ref)
	if err != nil {
		return err
	}
	change(&r)
	doc, err := json.Marshal(r)
	if err != nil {
		return failure("store.rewrite_run", err)
	}
	_, err = s.db.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &s.opts.Core, Key: key(runPK(ref), "RUN#"+ref.Run),
		UpdateExpression: aws.String("SET doc = :doc"), ExpressionAttributeValues: item{":doc": str(string(doc))},
	})
	return failure("store.rewrite_run", err)
}

// SetRunStatus changes a run's status if it is one of from; otherwise it is a
// fault Conflict.
func (s *Store) SetRunStatus(ctx context.Context, ref domain.Ref, to domain.RunStatus, reason string, from ...domain.RunStatus) error {
	values := item{":to": str(string(to)), ":reason": str(reason)}
	condition := ""
	for i, f := range from {
		name := ":f" + string(rune('a'+i))
		values[name] = str(string(f))
		if i > 0 {
			condition += ", "
		}
		condition += name
	}
	_, err := s.db.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &s.opts.Core, Key: key(runPK(ref), "RUN#"+ref.Run),
		UpdateExpression:          aws.String("SET #status = :to, reason = :reason"),
		ConditionExpression:       aws.String("#status IN (" + condition + ")"),
		ExpressionAttributeNames:  map[string]string{"#status": "status"},
		ExpressionAttributeValues: values,
	})
	if _, lost := conditionFailed(err); lost {
		return fault.New(fault.Conflict, "store.set_run_status", "the run is not in a state that allows this; read it again")
	}
	return failure("store.set_run_status", err)
}

// ClaimLead makes a person one lead of the team. It returns the lead that
// holds: the given one, or the one that an earlier prospect of the same person made.
func (s *Store) ClaimLead(ctx context.Context, l domain.Lead) (domain.Lead, error) {
	doc, err := json.Marshal(l)
	if err != nil {
		return l, failure("store.claim_lead", err)
	}
	it := key("LEAD#"+l.Team+"#"+l.ID, "LEAD")
	it["doc"] = str(string(doc))
	condition := notExists
	_, err = s.db.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &s.opts.Core, Item: it, ConditionExpression: &condition, ReturnValuesOnConditionCheckFailure: "ALL_OLD",
	})
	old, lost := conditionFailed(err)
	if !lost {
		return l, failure("store.claim_lead", err)
	}
	var held domain.Lead
	if err := json.Unmarshal([]byte(textOf(old, "doc")), &held); err != nil {
		return l, failure("store.claim_lead", err)
	}
	return held, nil
}

// APIKey is what an API key stands for.
type APIKey struct {
	Team      string   `dynamodbav:"team"`
	Name      string   `dynamodbav:"name"`
	Scopes    []string `dynamodbav:"scopes"`
	ExpiresAt int64    `dynamodbav:"expiresAt"` // Unix seconds; zero: never
}

// HashAPIKey returns what is stored of an API key. The keys are random and
// long, so a plain hash cannot be reversed.
func HashAPIKey(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// PutAPIKey registers an API key.
func (s *Store) PutAPIKey(ctx context.Context, secret string, k APIKey) error {
	return failure("store.put_api_key", s.put(ctx, s.opts.Core, "KEY#"+HashAPIKey(secret), "KEY", k, ""))
}

// APIKeyOf returns what a presented key stands for, or a fault Unauthenticated.
func (s *Store) APIKeyOf(ctx context.Context, secret string) (APIKey, error) {
	var k APIKey
	found, err := s.get(ctx, s.opts.Core, "KEY#"+HashAPIKey(secret), "KEY", &k)
	if err != nil {
		return k, failure("store.api_key", err)
	}
	if !found || k.ExpiresAt != 0 && s.opts.Now().Unix() >= k.ExpiresAt {
		return APIKey{}, fault.New(fault.Unauthenticated, "store.api_key", "the API key is unknown or has expired; send a valid one as \"Authorization: Bearer sk_...\" or create one with \"sluice key create\"")
	}
	return k, nil
}

// contactHash returns the keyed hash of a contact's one form, so that no
// spelling of it gets past the list.
func (s *Store) contactHash(ctx context.Context, team, value string) (string, error) {
	form, ok := normalize.Contact(value)
	if !ok {
		return "", fault.New(fault.InvalidInput, "store.suppress", "this is no e-mail address, no company domain and no profile URL")
	}
	return s.seal.hash(ctx, team, form)
}

// Suppress puts an e-mail address, a profile URL or a domain on the team's do-not-contact
// list; only a keyed hash of it is kept.
func (s *Store) Suppress(ctx context.Context, team, value string) error {
	h, err := s.contactHash(ctx, team, value)
	if err != nil {
		return err
	}
	return failure("store.suppress", s.put(ctx, s.opts.Core, "TEAM#"+team, "SUPPRESS#"+h, struct {
		At int64 `dynamodbav:"at"`
	}{s.opts.Now().Unix()}, ""))
}

// Unsuppress takes a value off the list.
func (s *Store) Unsuppress(ctx context.Context, team, value string) error {
	h, err := s.contactHash(ctx, team, value)
	if err != nil {
		return err
	}
	_, err = s.db.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &s.opts.Core, Key: key("TEAM#"+team, "SUPPRESS#"+h)})
	return failure("store.unsuppress", err)
}

// Suppression answers whether values are on a team's do-not-contact list.
type Suppression struct {
	hashes map[string]bool
	hash   func(string) (string, error)
}

// Suppression reads the team's list once, for a chunk.
func (s *Store) Suppression(ctx context.Context, team string) (*Suppression, error) {
	list := &Suppression{hashes: map[string]bool{}, hash: func(v string) (string, error) { return s.seal.hash(ctx, team, v) }}
	err := s.query(ctx, s.opts.Core, "TEAM#"+team, "SUPPRESS#", func(it item) error {
		list.hashes[textOf(it, "sk")[len("SUPPRESS#"):]] = true
		return nil
	})
	return list, failure("store.suppression", err)
}

// Has reports whether value is on the list, in whatever spelling. What is no
// contact at all is not.
func (l *Suppression) Has(value string) (bool, error) {
	form, ok := normalize.Contact(value)
	if !ok || len(l.hashes) == 0 {
		return false, nil
	}
	h, err := l.hash(form)
	return l.hashes[h], err
}

// HasAny reports whether the prospect must not be contacted: its address, the
// address's or the company's domain, or its profile is on the list.
func (l *Suppression) HasAny(p domain.Prospect) (bool, error) {
	_, mailDomain, _ := strings.Cut(p.Contact.Email, "@")
	for _, value := range []string{p.Contact.Email, mailDomain, p.Company.Domain, p.Person.ProfileURL} {
		if has, err := l.Has(value); has || err != nil {
			return has, err
		}
	}
	return false, nil
}

// ErrInProgress says that another request with the same idempotency key is
// still at work.
var ErrInProgress = fault.Wrap(fault.Conflict, "store.idempotent", errors.New("a request with this Idempotency-Key is still running; repeat it later"))

// Idempotent runs make once per (team, key, fingerprint): a repetition gets the
// first answer. If nobody lives to answer, or the work failed in passing, a
// repetition runs make again with the same seed: ids made from it let it finish
// what was begun. The same key with another fingerprint (the request's hash) is
// a fault Conflict.
func (s *Store) Idempotent(ctx context.Context, team, idem, fingerprint string, make func(seed string) ([]byte, error)) ([]byte, error) {
	pk := "IDEM#" + team + "#" + HashAPIKey(idem)
	now := s.opts.Now()
	mine := idemRecord{Print: fingerprint, Seed: rand.Text(), Until: now.Add(time.Minute).Unix(), TTL: now.Add(24 * time.Hour).Unix()}
	old, lost, err := s.putIdem(ctx, pk, mine, "attribute_not_exists(pk) OR #end < :now", "ttl")
	if lost {
		switch {
		case textOf(old, "print") != fingerprint:
			return nil, fault.New(fault.Conflict, "store.idempotent", "this Idempotency-Key was used with another request; use a new key")
		case bytesOf(old, "answer") != nil:
			return s.seal.open(ctx, team, pk, bytesOf(old, "answer"))
		}
		mine.Seed = textOf(old, "seed")
		if _, lost, err = s.putIdem(ctx, pk, mine, "attribute_not_exists(answer) AND #end < :now", "until"); lost {
			return nil, ErrInProgress
		}
	}
	if err != nil {
		return nil, failure("store.idempotent", err)
	}
	answer, err := make(mine.Seed)
	switch {
	case fault.Is(err, fault.InvalidInput, fault.NotFound, fault.Conflict, fault.Forbidden): // nothing was begun, and the request may be corrected
		_, derr := s.db.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &s.opts.Control, Key: key(pk, "IDEM")})
		return nil, errors.Join(err, failure("store.idempotent", derr))
	case err != nil:
		mine.Until = 0
		return nil, errors.Join(err, failure("store.idempotent", s.put(ctx, s.opts.Control, pk, "IDEM", mine, "attribute_not_exists(answer)")))
	}
	if mine.Answer, err = s.seal.seal(ctx, team, pk, answer); err != nil {
		return nil, err
	}
	return answer, failure("store.idempotent", s.put(ctx, s.opts.Control, pk, "IDEM", mine, ""))
}

// idemRecord is what is kept of a request with an Idempotency-Key.
type idemRecord struct {
	Print  string `dynamodbav:"print"`
	Seed   string `dynamodbav:"seed"`
	Answer []byte `dynamodbav:"answer,omitempty"`
	Until  int64  `dynamodbav:"until"` // when whoever is at it is taken to be dead
	TTL    int64  `dynamodbav:"ttl"`
}

// putIdem writes r on a condition, in which #end is an attribute; if that is
// lost, it returns what is there.
func (s *Store) putIdem(ctx context.Context, pk string, r idemRecord, condition, end string) (old item, lost bool, err error) {
	it, err := attributevalue.MarshalMap(r)
	if err != nil {
		return nil, false, err
	}
	it["pk"], it["sk"] = str(pk), str("IDEM")
	_, err = s.db.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &s.opts.Control, Item: it, ConditionExpression: &condition,
		ExpressionAttributeNames:            map[string]string{"#end": end},
		ExpressionAttributeValues:           item{":now": num(s.opts.Now().Unix())},
		ReturnValuesOnConditionCheckFailure: "ALL_OLD",
	})
	old, lost = conditionFailed(err)
	return old, lost, err
}
