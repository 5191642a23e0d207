package sim_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/messageai/sluice/internal/practice"
	"github.com/messageai/sluice/internal/store"
)

// kind is a kind of item that the product writes: where it lies, what is in it
// and how long it may stay there. Whatever is none of these kinds is a fault.
type kind struct {
	table  string
	pk, sk string // patterns: {team}, {run} and {campaign} tell whose it is
	// holds are the attributes: "name:form", with "?" after a name that may be
	// missing and "*" after one that others begin with.
	holds string
	life  time.Duration // at most, as attribute ttl says; zero: there is none
	keeps bool          // ttl may be missing
}

// Lives of items.
const (
	prospectDays = 90 * 24 * time.Hour
	answerDays   = 30 * 24 * time.Hour
	hoursOfDay   = 24 * time.Hour
)

// kinds are all of them, as ADR 2, 3, 10, 13, 14, 15 and 16 have them.
var kinds = sync.OnceValue(func() (all []compiled) {
	for _, k := range []kind{
		{table: "core", pk: "KEY#{hash}", sk: "KEY", holds: "team:S name:S scopes:L expiresAt:N"},
		{table: "core", pk: "TEAM#{team}", sk: "DATAKEY", holds: "wrapped:wrapped"},
		{table: "core", pk: "TEAM#{team}", sk: "LEARNED", holds: "doc:learned version:N"},
		{table: "core", pk: "TEAM#{team}", sk: "KEYS", holds: "doc:keys version:N"},
		{table: "core", pk: "TEAM#{team}", sk: "ICP#{id}", holds: "doc:S"},
		{table: "core", pk: "TEAM#{team}", sk: "CAMPAIGN#{campaign}", holds: "doc:S"},
		{table: "core", pk: "TEAM#{team}", sk: "SUPPRESS#{hash}", holds: "at:N"},
		{table: "core", pk: "CAMPAIGN#{team}#{campaign}", sk: "RUN#{run}", holds: "doc:S status:S reason?:S"},
		{table: "core", pk: "LEAD#{team}#{id}", sk: "LEAD", holds: "doc:S"},

		{table: "prospects", pk: "CLAIM#{team}#{id}", sk: "CLAIM", holds: "run:S campaign:S chunk:S lead?:S", life: prospectDays, keeps: true},
		{table: "prospects", pk: "LIST#{team}#{campaign}#{n}", sk: "{n}#{id}", holds: "v:sealed at its key state:S chunk:S lead?:S", life: prospectDays, keeps: true},

		{table: "ledger", pk: "RUN#{run}", sk: "SPEND", holds: "cap:N room:N settled:N runover?:N p_*:N alert*:S"},
		{table: "ledger", pk: "RUN#{run}", sk: "SHARD#{id}", holds: "doc?:S lease?:N owner?:S out_*:S dead_*:SS"},
		{table: "ledger", pk: "RUN#{run}", sk: "CHUNK#{id}", holds: "doc?:S lease?:N owner?:S attempt?:N byhand?:SS out_*:S crm_*:S hand_*:S dead_*:SS"},
		{table: "ledger", pk: "RUN#{run}#RESV", sk: "{id}/{provider}/{n}", holds: "provider:S month:S max:N open?:N presumed?:N actual?:N questions?:questions mail?:questions prepaid?:questions"},
		{table: "ledger", pk: "BUDGET#{team}#{month}", sk: "SPEND", holds: "cap:N room:N settled:N p_*:N n_*:N alert*:S"},

		{table: "control", pk: "LIMIT#{account}", sk: "LIMIT", holds: "free:N share*:N", life: 2 * hoursOfDay}, // the pause that a provider asks for, and a day
		{table: "control", pk: "BREAKER#{account}", sk: "BREAKER", holds: "doc:S version:N", life: hoursOfDay, keeps: true},
		{table: "control", pk: "HEALTH#{provider}", sk: "{n}", holds: "calls:N failures:N throttled:N t*:N", life: 26 * time.Hour},
		{table: "control", pk: "TOKEN#{team}#{provider}/{hash}", sk: "TOKEN", holds: "token:sealed at its partition version:N", life: hoursOfDay},
		{table: "control", pk: "CACHE#{team}#{hash}", sk: "CACHE", holds: "answer:sealed at its partition subjects?:marks", life: answerDays},
		{table: "control", pk: "IDEM#{team}#{hash}", sk: "IDEM", holds: "print:S seed:S until:N answer?:sealed at its partition", life: hoursOfDay},
	} {
		all = append(all, k.compile())
	}
	return all
})

// compiled is a kind that items are compared with.
type compiled struct {
	kind
	key  *regexp.Regexp // of pk, a line feed and sk
	form map[string]string
}

// parts are what stands in patterns for something that differs.
var parts = map[string]string{
	"team": `(?P<team>` + strings.Join([]string{teams[0].name, teams[1].name, practice.Team, deployment}, "|") + `)`,
	"run":  `(?P<run>[\w-]+)`, "campaign": `(?P<campaign>[\w-]+)`,
	"id": `[\w-]+`, "n": `\d+`, "hash": `[0-9a-f]{16,64}`, "month": `\d{4}-\d\d`, "provider": providerNames,
	"account": providerNames + `(?:/(?P<team>` + teams[0].name + `|` + teams[1].name + `))?(?:/[\w.-]+){0,2}`,
}

// deployment is the account of the keys that no team has put.
const deployment = "deployment"

// providers are all that anything can be kept about.
var providers = []string{"apollo", "clearbit", "googleplaces", "hubspot", "hunter", "lusha", "neverbounce", "openai", "pinecone", "zerobounce", "zoominfo"}

var providerNames = `(?:` + strings.Join(providers, "|") + `)`

func (k kind) compile() compiled {
	pattern := regexp.QuoteMeta(k.pk + "\n" + k.sk)
	for name, part := range parts {
		pattern = strings.ReplaceAll(pattern, `\{`+name+`\}`, part)
	}
	c := compiled{kind: k, key: regexp.MustCompile(`^(?:` + pattern + `)$`), form: map[string]string{}}
	last := ""
	for word := range strings.FieldsSeq(k.holds) {
		name, form, named := strings.Cut(word, ":")
		if !named { // a form of several words
			c.form[last] += " " + word
			continue
		}
		c.form[name], last = form, name
	}
	return c
}

// formOf is the form that an attribute must have; "" if there is no such one.
func (c compiled) formOf(name string) string {
	for _, known := range []string{name, name + "?"} {
		if form := c.form[known]; form != "" {
			return form
		}
	}
	for known, form := range c.form {
		if prefix, open := strings.CutSuffix(known, "*"); open && strings.HasPrefix(name, prefix) {
			return form
		}
	}
	return ""
}

// checkItem checks an item: it is of a known kind, is one team's or nobody's, and
// has what that kind has.
func (w *world) checkItem(table string, it item, locks map[string]lock, owner map[string]string) {
	pk, sk := it.text("pk"), it.text("sk")
	for _, k := range kinds() {
		if k.table != table {
			continue
		}
		found := k.key.FindStringSubmatch(pk + "\n" + sk)
		if found == nil {
			continue
		}
		team := ""
		for i, name := range k.key.SubexpNames() {
			if found[i] == "" || name == "" {
				continue
			}
			of := found[i]
			if name != "team" {
				of = owner[found[i]] // "" for what nobody has started
			}
			if of == "" || team != "" && of != team {
				w.fail(thatTeamsAreApart, "%s %s is of %q and of %q", pk, sk, team, of)
				return
			}
			team = of
		}
		if strings.HasPrefix(pk, "KEY#") {
			team = it.text("team")
		}
		w.checkTraces(it, team, owner)
		w.checkLife(k, it)
		for name := range k.form {
			if !strings.HasSuffix(name, "?") && !strings.HasSuffix(name, "*") && it[name] == nil {
				w.fail(thatItemsAreKnown, "%s %s has no %s", pk, sk, name)
			}
		}
		for name, v := range it {
			if name != "pk" && name != "sk" && name != "ttl" {
				w.checkAttribute(k, it, name, v, team, locks, owner)
			}
		}
		return
	}
	w.fail(thatItemsAreKnown, "nobody knows what %s %s in table %s is", pk, sk, table)
}

// checkTraces checks that what can be read of an item names no other team: any
// team, where it is nobody's.
func (w *world) checkTraces(it item, team string, owner map[string]string) {
	var b strings.Builder
	it.readable(&b)
	for _, other := range whose(owner, b.String()) {
		if other != team {
			w.fail(thatTeamsAreApart, "item %s %s of %q names %s", it.text("pk"), it.text("sk"), team, other)
		}
	}
}

// checkLife checks that an item ends when one of its kind has to.
func (w *world) checkLife(k compiled, it item) {
	v, there := it["ttl"].(*types.AttributeValueMemberN)
	switch end, last := time.Unix(int64(it.number("ttl")), 0), time.Now().Add(k.life); {
	case it["ttl"] == nil && (k.life == 0 || k.keeps):
	case k.life == 0 || !there || end.Before(w.began) || end.After(last):
		w.fail(thatItemsAreKnown, "%s %s of %s ends at %v, must end before %s", k.pk, k.sk, k.table, v, last.UTC())
	}
}

// checkAttribute checks that an attribute has the form that it has in such an item.
func (w *world) checkAttribute(k compiled, it item, name string, v types.AttributeValue, team string, locks map[string]lock, owner map[string]string) {
	pk, sk := it.text("pk"), it.text("sk")
	form, good := k.formOf(name), false
	switch form {
	case "S":
		_, good = v.(*types.AttributeValueMemberS)
	case "N":
		n, is := v.(*types.AttributeValueMemberN)
		good = is
		if is {
			_, err := strconv.ParseInt(n.Value, 10, 64)
			good = err == nil
		}
	case "SS":
		_, good = v.(*types.AttributeValueMemberSS)
	case "L":
		_, good = v.(*types.AttributeValueMemberL)
	case "wrapped": // KMS's; that it opens for this team alone is seen where it is opened
		_, good = v.(*types.AttributeValueMemberB)
	case "questions": // short hashes of what was asked: 4 bytes say nothing
		b, is := v.(*types.AttributeValueMemberB)
		good = is && len(b.Value) > 0 && len(b.Value)%store.QuestionSize == 0
	case "sealed at its key", "sealed at its partition":
		b, is := v.(*types.AttributeValueMemberB)
		place := pk
		if form == "sealed at its key" {
			place += "/" + sk
		}
		if good = is; good {
			plain := w.checkSealed(locks, owner, team, b.Value, place)
			if k.pk == "CACHE#{team}#{hash}" && plain != nil {
				w.checkMarks(it, unpacked(plain), locks[team])
			}
		}
	case "marks": // see there
		_, good = v.(*types.AttributeValueMemberBS)
	case "learned":
		good = learned(it.text(name), team, owner)
	case "keys":
		good = keysOf(it.text(name))
	}
	if !good {
		w.fail(thatItemsAreKnown, "%s %s has %s, which must be of form %q", pk, sk, name, form)
	}
}

// learned reports whether what a team has learned of providers is numbers by
// field, provider and segment, from runs of its own.
func learned(doc, team string, owner map[string]string) bool {
	var l struct {
		Known map[string]struct {
			First map[string]float64 `json:"first"`
			Later map[string]float64 `json:"later"`
		} `json:"known"`
		Runs []string `json:"runs"`
	}
	d := json.NewDecoder(strings.NewReader(doc))
	d.DisallowUnknownFields()
	if d.Decode(&l) != nil {
		return false
	}
	for at := range l.Known {
		if !segment.MatchString(at) {
			return false
		}
	}
	return !slices.ContainsFunc(l.Runs, func(run string) bool { return owner[run] != team })
}

// keysOf reports whether a document says which keys a team has, and nothing of
// what they are.
func keysOf(doc string) bool {
	var all map[string]struct {
		Version     string    `json:"version"`
		Fingerprint string    `json:"fingerprint"`
		Verified    bool      `json:"verified"`
		ChangedAt   time.Time `json:"changedAt"`
	}
	d := json.NewDecoder(strings.NewReader(doc))
	d.DisallowUnknownFields()
	if d.Decode(&all) != nil {
		return false
	}
	for provider, k := range all {
		revoked := k.Version == "" && k.Fingerprint == ""
		if !provided.MatchString(provider) || !revoked && (!version.MatchString(k.Version) || !fingerprint.MatchString(k.Fingerprint)) {
			return false
		}
	}
	return true
}

var (
	segment     = regexp.MustCompile(`^[a-z ]+/` + providerNames + `/[A-Z]{0,2}\|(?:small|medium|large)?\|(?:senior|staff)?$`)
	provided    = regexp.MustCompile(`^` + providerNames + `$`)
	version     = regexp.MustCompile(`^[0-9a-f]{32}$`)
	fingerprint = regexp.MustCompile(`^[0-9a-f]{8}$`)
)

// checkMarks checks that an answer can be forgotten by whom it is about: beside
// it are the keyed hashes of its provider, and of the address and the domain that
// it tells. Pages of a discovery and questions that are only being asked have
// none.
func (w *world) checkMarks(it item, plain []byte, l lock) {
	var a struct {
		Page, Asking json.RawMessage
		Prospect     struct {
			Contact struct{ Email string }
			Company struct{ Domain string }
		}
	}
	if err := json.Unmarshal(plain, &a); err != nil {
		w.fail(thatItemsAreKnown, "%s is no answer: %v", it.text("pk"), err)
		return
	}
	marks := map[string]bool{}
	for _, mark := range binary(it["subjects"]) {
		if marks[string(mark)] = true; len(mark) != 8 {
			w.fail(thatItemsAreKnown, "%s has a mark of %d bytes", it.text("pk"), len(mark))
		}
	}
	if a.Page != nil || a.Asking != nil {
		if len(marks) > 0 {
			w.fail(thatItemsAreKnown, "%s is no answer about anybody and has %d marks", it.text("pk"), len(marks))
		}
		return
	}
	of := 0
	for _, provider := range providers {
		if marks[l.mark("provider "+provider)] {
			of++
		}
	}
	if of != 1 {
		w.fail(thatAnswersAreMarked, "%s is marked as an answer of %d providers", it.text("pk"), of)
	}
	for subject, value := range map[string]string{"person": a.Prospect.Contact.Email, "company": a.Prospect.Company.Domain} {
		if value != "" && !marks[l.mark(subject+" "+strings.ToLower(value))] {
			w.fail(thatAnswersAreMarked, "%s cannot be forgotten by its %s", it.text("pk"), subject)
		}
	}
}
