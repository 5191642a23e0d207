package sim_test

import (
	"bytes"
	"compress/flate"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/money"
)

// tables is everything that the stack holds, as it is at rest.
type tables struct {
	core, prospects, ledger, control []item
	objects                          map[string][]byte // by key
}

// item is an item's attributes.
type item map[string]types.AttributeValue

// all are the items of all tables.
func (t tables) all() []item { return slices.Concat(t.core, t.prospects, t.ledger, t.control) }

// items are the items by table.
func (t tables) items() map[string][]item {
	return map[string][]item{"core": t.core, "prospects": t.prospects, "ledger": t.ledger, "control": t.control}
}

func (it item) text(name string) string {
	if v, ok := it[name].(*types.AttributeValueMemberS); ok {
		return v.Value
	}
	return ""
}

func (it item) number(name string) money.Micro {
	if v, ok := it[name].(*types.AttributeValueMemberN); ok {
		if n, err := strconv.ParseInt(v.Value, 10, 64); err == nil {
			return money.Micro(n)
		}
	}
	return 0
}

func (it item) lead() (l domain.Lead, err error) {
	return l, json.Unmarshal([]byte(it.text("doc")), &l)
}

// readable writes whatever of the item is text, however deep.
func (it item) readable(b *strings.Builder) {
	for name, v := range it {
		b.WriteString(name)
		b.WriteByte('\n')
		readable(b, v)
	}
}

// compressed is what stands compressed in a document, whose letters by chance spell
// a name.
var compressed = regexp.MustCompile(`"taught":"([^"]*)"`)

func readable(b *strings.Builder, v types.AttributeValue) {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		b.WriteString(compressed.ReplaceAllStringFunc(v.Value, func(text string) string {
			packed, err := base64.StdEncoding.DecodeString(compressed.FindStringSubmatch(text)[1])
			if err != nil {
				return text
			}
			return string(unpacked(packed))
		}))
		b.WriteByte('\n')
	case *types.AttributeValueMemberSS:
		for _, s := range v.Value {
			b.WriteString(s)
			b.WriteByte('\n')
		}
	case *types.AttributeValueMemberM:
		item(v.Value).readable(b)
	case *types.AttributeValueMemberL:
		for _, e := range v.Value {
			readable(b, e)
		}
	}
}

// binary are the item's binary values, however deep.
func binary(v types.AttributeValue) (all [][]byte) {
	switch v := v.(type) {
	case *types.AttributeValueMemberB:
		return [][]byte{v.Value}
	case *types.AttributeValueMemberBS:
		return v.Value
	case *types.AttributeValueMemberM:
		for _, e := range v.Value {
			all = append(all, binary(e)...)
		}
	case *types.AttributeValueMemberL:
		for _, e := range v.Value {
			all = append(all, binary(e)...)
		}
	}
	return all
}

// book is the spend item of a run or month, nil if there is none.
func (t tables) book(pk string) item {
	for _, it := range t.ledger {
		if it.text("pk") == pk && it.text("sk") == "SPEND" {
			return it
		}
	}
	return nil
}

// scan reads all tables and the bucket.
func (w *world) scan(ctx context.Context) (t tables, err error) {
	cfg, err := w.Stack.Config("")
	if err != nil {
		return t, err
	}
	db := dynamodb.NewFromConfig(cfg)
	for name, into := range map[string]*[]item{"CoreTable": &t.core, "ProspectsTable": &t.prospects, "LedgerTable": &t.ledger, "ControlTable": &t.control} {
		table := w.Stack.Output(name)
		pages := dynamodb.NewScanPaginator(db, &dynamodb.ScanInput{TableName: &table, ConsistentRead: aws.Bool(true)})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return t, fmt.Errorf("scan %s: %w", table, err)
			}
			for _, it := range page.Items {
				*into = append(*into, it)
			}
		}
	}
	bucket := w.Stack.Output("RunsBucket")
	client := s3.NewFromConfig(cfg)
	t.objects = map[string][]byte{}
	pages := s3.NewListObjectsV2Paginator(client, &s3.ListObjectsV2Input{Bucket: &bucket})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return t, fmt.Errorf("list bucket: %w", err)
		}
		for _, o := range page.Contents {
			out, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: o.Key})
			if err != nil {
				return t, fmt.Errorf("read object: %w", err)
			}
			body, err := io.ReadAll(out.Body)
			if err = errors.Join(err, out.Body.Close()); err != nil {
				return t, fmt.Errorf("read object: %w", err)
			}
			t.objects[aws.ToString(o.Key)] = body
		}
	}
	return t, nil
}

// unsealedObject reports whether an object is readable by design: Step Functions
// reads the plan, and writes the results, of its distributed maps.
func unsealedObject(key string) bool {
	return strings.HasSuffix(key, "/plan.jsonl") || strings.HasPrefix(key, "runs/") && strings.Contains(key, "/results/")
}

// checkRest checks what is at rest: each item and object is of a kind that is
// known, belongs to one team, and what is not text is sealed under that team's
// key, at that place. ADR 10 says how; this is written from there and not with
// the store's code.
func (w *world) checkRest(ctx context.Context, t tables) {
	locks, err := w.locks(ctx, t)
	if err != nil {
		w.fail(thatItWorks, "read data keys: %v", err)
		return
	}
	owner := w.traces()
	for table, items := range t.items() {
		for _, it := range items {
			w.checkItem(table, it, locks, owner)
		}
	}
	for key, body := range t.objects {
		w.checkObject(key, body, locks, owner)
	}
}

// objects are the keys that the product gives objects; the run is whose they are.
var objects = regexp.MustCompile(`^(?:runs/([\w-]+)/(?:plan\.jsonl|profile|chunks/[\w-]+|work/[\w-]+/[\w-]+|retry/\d+/[\w-]+|push/hubspot/[\w-]+|results/.+)` +
	`|answers/([\w-]+)/[\w-]+/\d+-` + providerNames + `|leads/([\w-]+)/[\w-]+)$`)

// checkObject does for an object what checkItem does for an item.
func (w *world) checkObject(key string, body []byte, locks map[string]lock, owner map[string]string) {
	found := objects.FindStringSubmatch(key)
	if found == nil {
		w.fail(thatItemsAreKnown, "nobody knows what object %s is", key)
		return
	}
	team := owner[found[1]+found[2]+found[3]]
	if team == "" {
		w.fail(thatTeamsAreApart, "object %s is of a run that nobody started", key)
		return
	}
	if !unsealedObject(key) {
		w.checkSealed(locks, owner, team, body, key)
		return
	}
	for _, other := range whose(owner, string(body)) {
		if other != team {
			w.fail(thatTeamsAreApart, "object %s of %s names %s", key, team, other)
		}
	}
}

// checkSealed checks that a value opens with its team's key at its place, and
// names no other team. It returns what was sealed; nil if it was not.
func (w *world) checkSealed(locks map[string]lock, owner map[string]string, team string, sealed []byte, place string) []byte {
	for of, l := range locks {
		n := l.seal.NonceSize()
		if len(sealed) < n {
			continue
		}
		plain, err := l.seal.Open(nil, sealed[:n], sealed[n:], []byte(place))
		if err != nil {
			continue
		}
		var others []string
		if w.rivals() { // else there is nobody to be named
			others = whose(owner, string(unpacked(plain)))
		}
		if of != team || len(others) > 1 || len(others) == 1 && others[0] != team {
			w.fail(thatTeamsAreApart, "%s of %s is sealed for %s and names %v", place, team, of, others)
		}
		return plain
	}
	text := string(sealed) + string(unpacked(sealed))
	for _, trace := range traces {
		if trace.MatchString(text) {
			w.fail(thatNothingLeaks, "%s is not sealed, and shows what matches %s", place, trace)
			return nil
		}
	}
	w.fail(thatNothingLeaks, "%s is not sealed under a team's key", place)
	return nil
}

// unpacked is a value before it was compressed, or as much of it as it is.
func unpacked(packed []byte) []byte {
	r := decompressors.Get().(io.ReadCloser)
	defer decompressors.Put(r)
	if r.(flate.Resetter).Reset(bytes.NewReader(packed), nil) != nil {
		return packed
	}
	var out bytes.Buffer
	out.Grow(8 * len(packed)) // what rows mostly need
	if _, err := out.ReadFrom(r); err != nil {
		return packed
	}
	return out.Bytes()
}

// decompressors are expensive to make.
var decompressors = sync.Pool{New: func() any { return flate.NewReader(bytes.NewReader(nil)) }}

// lock is what a team's data key does.
type lock struct {
	seal cipher.AEAD
	hash []byte // key of keyed hashes
}

// mark is what is kept of a subject beside an answer: eight bytes.
func (l lock) mark(subject string) string {
	h := hmac.New(sha256.New, l.hash)
	h.Write([]byte(subject))
	return string(h.Sum(nil)[:8])
}

// locks are the teams' data keys.
func (w *world) locks(ctx context.Context, t tables) (map[string]lock, error) {
	cfg, err := w.Stack.Config("")
	if err != nil {
		return nil, err
	}
	out := map[string]lock{}
	for _, it := range t.core {
		team, ok := strings.CutPrefix(it.text("pk"), "TEAM#")
		if !ok || it.text("sk") != "DATAKEY" {
			continue
		}
		for _, wrapped := range binary(it["wrapped"]) {
			opened, err := kms.NewFromConfig(cfg).Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: wrapped, EncryptionContext: map[string]string{"team": team}})
			if err != nil {
				return nil, err
			}
			if out[team], err = lockOf(opened.Plaintext); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// lockOf derives from a data key the keys that seal and hash.
func lockOf(dataKey []byte) (l lock, err error) {
	derive := func(purpose string) []byte {
		h := hmac.New(sha256.New, dataKey)
		h.Write([]byte(purpose))
		return h.Sum(nil)
	}
	block, err := aes.NewCipher(derive("sluice seal v1"))
	if err != nil {
		return l, err
	}
	l.hash = derive("sluice hash v1")
	l.seal, err = cipher.NewGCM(block)
	return l, err
}

// traces are what gives a team away, and which.
func (w *world) traces() map[string]string {
	owner := map[string]string{}
	for _, team := range teams {
		owner[team.name] = team.name
	}
	for _, r := range w.runs {
		if r.ref.Run != "" {
			owner[r.ref.Run], owner[r.ref.Campaign] = r.ref.Team, r.ref.Team
		}
	}
	return owner
}

// whose are the teams that a text gives away.
func whose(owner map[string]string, text string) (found []string) {
	for trace, team := range owner {
		if strings.Contains(text, trace) && !slices.Contains(found, team) {
			found = append(found, team)
		}
	}
	return found
}

// checkTeams checks that no team is shown what is another's.
func (w *world) checkTeams(ctx context.Context) {
	for _, r := range w.runs {
		if r.ref.Run == "" {
			continue
		}
		other := 1 - r.Team
		for _, path := range []string{"", "/prospects"} {
			if code, _ := w.call(ctx, other, "GET", campaigns+"/"+r.ref.Campaign+path, "", nil); code != 404 {
				w.fail(thatTeamsAreApart, "%s gets %d for campaign %d of %s", teams[other].name, code, r.number, r.ref.Team)
			}
		}
	}
}
