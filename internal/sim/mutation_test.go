package sim_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/messageai/sluice/internal/money"
	"github.com/messageai/sluice/internal/provider"
	"github.com/messageai/sluice/internal/provider/hunter"
)

// mutation switches one safeguard of the product off, from outside: it stands
// between the functions and AWS or the providers, and changes what passes.
type mutation struct {
	name string
	// hole is what the product loses.
	hole string
	// breaks are the promises of which one must be seen to be broken; whatever
	// else goes wrong does not count.
	breaks []promise
	// call changes a call to AWS; nil leaves all alone.
	call func(w *world, function string, call *awsCall, next aws.HTTPClient) (*http.Response, error)
	// provider changes a call to a provider; nil leaves all alone.
	provider func(w *world, r *http.Request, next http.RoundTripper) (*http.Response, error)
	// needs tells the scenarios in which the hole can show; nil is all.
	needs func(scenario) bool
	// adds an event to them, where one that the hole needs is drawn too rarely.
	adds func(scenario) event
	// quick says that nearly every scenario shows it.
	quick bool
}

func (m *mutation) aws() func(*world, string, *awsCall, aws.HTTPClient) (*http.Response, error) {
	if m == nil {
		return nil
	}
	return m.call
}

type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// awsCall is a call to AWS with its body read.
type awsCall struct {
	r         *http.Request
	service   string // "DynamoDB_20120810", "AmazonSQS", "AWSStepFunctions"; "" for S3
	operation string // "" for S3
	body      []byte
}

func readCall(r *http.Request) (*awsCall, error) {
	c := &awsCall{r: r}
	c.service, c.operation, _ = strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if r.Body == nil {
		return c, nil
	}
	var err error
	if c.body, err = io.ReadAll(r.Body); err != nil {
		return nil, fmt.Errorf("read call: %w", err)
	}
	return c, r.Body.Close()
}

// request is the call, as it is now.
func (c *awsCall) request() *http.Request {
	r := c.r.Clone(c.r.Context())
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(c.body)), int64(len(c.body))
	return r
}

// answer is what AWS would say to the call, had it been made.
func (c *awsCall) answer(body string) *http.Response {
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/x-amz-json-1.0"}, "Etag": {`"0"`}}, Body: io.NopCloser(strings.NewReader(body)),
		ContentLength: int64(len(body)), Request: c.r,
	}
}

// is reports whether the call is an operation whose body contains all texts.
func (c *awsCall) is(operation string, texts ...string) bool {
	if c.operation != operation {
		return false
	}
	for _, text := range texts {
		if !bytes.Contains(c.body, []byte(text)) {
			return false
		}
	}
	return true
}

// edit changes the body's JSON.
func (c *awsCall) edit(change func(body map[string]any)) {
	d := json.NewDecoder(bytes.NewReader(c.body))
	d.UseNumber()
	var body map[string]any
	if err := d.Decode(&body); err != nil {
		return // then it is no call that a mutation knows
	}
	change(body)
	if data, err := json.Marshal(body); err == nil {
		c.body = data
	}
}

// pass makes the call as it is now.
func (c *awsCall) pass(next aws.HTTPClient) (*http.Response, error) { return next.Do(c.request()) }

// without makes a mutation that loses a condition: where the call is an
// operation with the texts, instead replaces it ("" for none).
func without(operation, instead string, texts ...string) func(*world, string, *awsCall, aws.HTTPClient) (*http.Response, error) {
	return func(_ *world, _ string, c *awsCall, next aws.HTTPClient) (*http.Response, error) {
		if c.is(operation, texts...) {
			c.edit(func(body map[string]any) {
				if body["ConditionExpression"] = instead; instead == "" {
					delete(body, "ConditionExpression")
				}
			})
		}
		return c.pass(next)
	}
}

// dropped makes a mutation that swallows calls and says that they were made.
func dropped(in, operation, says string, texts ...string) func(*world, string, *awsCall, aws.HTTPClient) (*http.Response, error) {
	return func(_ *world, function string, c *awsCall, next aws.HTTPClient) (*http.Response, error) {
		if (in == "" || in == function) && c.is(operation, texts...) {
			return c.answer(says), nil
		}
		return c.pass(next)
	}
}

// stripped makes a mutation in which items of a kind lose an attribute.
func stripped(kind, attribute string) func(*world, string, *awsCall, aws.HTTPClient) (*http.Response, error) {
	return func(_ *world, _ string, c *awsCall, next aws.HTTPClient) (*http.Response, error) {
		if c.is("PutItem", kind) {
			c.edit(func(body map[string]any) { delete(part(body, "Item"), attribute) })
		}
		return c.pass(next)
	}
}

// transaction makes a mutation that changes the items of a write transaction
// that contains all texts.
func transaction(change func(items []any), texts ...string) func(*world, string, *awsCall, aws.HTTPClient) (*http.Response, error) {
	return func(_ *world, _ string, c *awsCall, next aws.HTTPClient) (*http.Response, error) {
		if c.is("TransactWriteItems", texts...) {
			c.edit(func(body map[string]any) {
				if items, ok := body["TransactItems"].([]any); ok {
					change(items)
				}
			})
		}
		return c.pass(next)
	}
}

// part is a member of a JSON object, by its path.
func part(v any, path ...string) map[string]any {
	for _, name := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[name]
	}
	m, _ := v.(map[string]any)
	return m
}

// number reads a number as the product wrote it, and add changes it.
func number(of map[string]any) money.Micro {
	text, _ := of["N"].(string)
	n, _ := strconv.ParseInt(text, 10, 64) // a mutation of something else is noticed as such
	return money.Micro(n)
}

func add(of map[string]any, delta money.Micro) {
	of["N"] = strconv.FormatInt(int64(number(of)+delta), 10)
}

// has returns a filter for scenarios with such an event.
func has(do ...string) func(scenario) bool {
	return func(s scenario) bool {
		return slices.ContainsFunc(s.Events, func(e event) bool { return slices.Contains(do, e.Do) })
	}
}

// any campaign of a scenario.
func with(campaign func(campaign) bool) func(scenario) bool {
	return func(s scenario) bool { return slices.ContainsFunc(s.Campaigns, campaign) }
}

// mutations are the safeguards that are switched off, one at a time.
func mutations() []*mutation {
	crash := has(doKillBefore, doKillAfter, doLose)
	sameTeam := func(s scenario) bool { return len(s.Campaigns) == 2 && s.Campaigns[1].Team == 0 }
	rivals := func(s scenario) bool { return len(s.Campaigns) == 2 && s.Campaigns[1].Team == 1 }
	capped := with(func(c campaign) bool { return len(c.Caps) > 0 && !c.Bare })
	return []*mutation{
		{
			name: "prospect claim", hole: "a prospect is claimed whoever has it",
			breaks: []promise{thatClaimsHold},
			call:   without("PutItem", "", `"CLAIM#`, "attribute_not_exists(pk)"),
			needs:  sameTeam,
		},
		{
			name: "conversion", quick: true, hole: "no chunk can be converted, whatever happens",
			breaks: []promise{thatRunsEnd},
			call:   refused("convert", func(*world) bool { return true }),
		},
		{
			name: "enrichment", hole: "once anything has gone wrong, wherever, nothing is enriched",
			breaks: []promise{thatRowsAreEnriched},
			call:   refused("enrich", wentWrong),
		},
		{
			name: "pushes", hole: "once anything has gone wrong, wherever, nothing is pushed",
			breaks: []promise{thatCRMIsOneToOne},
			call:   refused("push-hubspot", wentWrong),
			needs:  func(s scenario) bool { return !with(func(c campaign) bool { return c.Hold })(s) },
		},
		{
			name: "claims of a killed worker", quick: true, hole: "a lost claim does not tell who holds it",
			breaks: []promise{thatClaimsHold},
			call: func(_ *world, _ string, c *awsCall, next aws.HTTPClient) (*http.Response, error) {
				if c.is("PutItem", `"CLAIM#`) {
					c.edit(func(body map[string]any) { delete(body, "ReturnValuesOnConditionCheckFailure") })
				}
				return c.pass(next)
			},
			needs: crash,
		},
		{
			name: "lead claim", hole: "a person becomes a lead as often as found",
			breaks: []promise{thatLeadsAreOne},
			call:   without("PutItem", "", `"LEAD#`, "attribute_not_exists(pk)"),
			needs:  with(func(c campaign) bool { return len(c.From) > 0 }),
		},
		{
			name: "lease", hole: "two workers may do one step",
			breaks: []promise{thatNothingIsBoughtTwice, thatBillsAreSettled},
			call:   without("UpdateItem", "attribute_exists(pk) OR attribute_not_exists(pk) OR #lease < :now OR attribute_exists(#out)", "attribute_not_exists(#out)"),
			needs:  has(doCopy),
		},
		{
			name: "spending cap", hole: "a reservation is granted without looking at the cap",
			breaks: []promise{thatBooksBalance},
			call:   transaction(func(items []any) { delete(part(items[0], "Update"), "ConditionExpression") }, "room - :max"),
			needs:  capped,
		},
		{
			name: "settlement", quick: true, hole: "reservations stay open",
			breaks: []promise{thatBooksBalance},
			call:   dropped("", "TransactWriteItems", "{}", "SET actual = :actual"),
		},
		{
			name: "settled dear", hole: "what was set aside is settled, whatever was charged",
			breaks: []promise{thatBillsAreSettled},
			call: transaction(func(items []any) {
				back := number(part(items[0], "Update", "ExpressionAttributeValues", ":back"))
				for _, it := range items[:2] {
					values := part(it, "Update", "ExpressionAttributeValues")
					add(part(values, ":back"), -back)
					add(part(values, ":more"), back)
				}
				add(part(items[2], "Update", "ExpressionAttributeValues", ":actual"), back)
			}, "SET actual = :actual", ":back"),
		},
		{
			name: "paid answers are kept", hole: "the cache forgets what was bought",
			breaks: []promise{thatNothingIsBoughtTwice},
			call:   dropped("enrich", "PutItem", "{}", `"CACHE#`),
			needs:  crash,
		},
		{
			name: "lost answers are remembered", hole: "a reservation does not say what was asked",
			breaks: []promise{thatNothingIsBoughtTwice},
			call: transaction(func(items []any) {
				delete(part(items[2], "Put", "Item"), "questions")
			}, "room - :max"),
			needs: crash,
		},
		{
			name: "a wave's reservation", hole: "nothing is set aside for the questions of a wave",
			breaks: []promise{thatBillsAreSettled},
			call: transaction(func(items []any) {
				for _, it := range items[:2] {
					part(it, "Update", "ExpressionAttributeValues", ":max")["N"] = "0"
				}
				part(items[2], "Put", "Item", "max")["N"] = "0"
			}, "room - :max", `"questions"`),
		},
		{
			name: "paid ahead", hole: "a lost answer whose repetition is free is settled at less than its price",
			breaks: []promise{thatBillsAreSettled},
			call: transaction(func(items []any) {
				less := hunter.Definition().Prices.Operations[provider.OpVerifyEmail].Max() / 2
				for _, it := range items[:2] {
					values := part(it, "Update", "ExpressionAttributeValues")
					add(part(values, ":back"), less)
					add(part(values, ":more"), -less)
				}
				add(part(items[2], "Update", "ExpressionAttributeValues", ":actual"), -less)
			}, ":prepaid"),
			needs: func(s scenario) bool {
				return slices.ContainsFunc(s.Events, func(e event) bool { return e.In == "hunter" || e.In == "enrich" })
			},
		},
		{
			name: "claims are given back", hole: "the claim of a person whom no row has stays",
			breaks: []promise{thatClaimsHold},
			call:   dropped("score", "DeleteItem", "{}", `"CLAIM#`),
			needs: func(s scenario) bool {
				return slices.ContainsFunc(s.Campaigns, func(c campaign) bool { return slices.Contains(c.Platforms, "googleplaces") })
			},
			// Every worker dies after it has claimed somebody, until the provider is given up.
			adds: func(s scenario) event {
				return event{Do: doKillAfter, In: "enrich", Call: "s3", Nth: 2 + int(s.Seed%6), Times: 60}
			},
		},
		{
			name: "a circuit opened by hand", hole: "workers do not see that a person has shut a provider",
			breaks: []promise{thatOrdersAreObeyed},
			call:   dropped("api", "PutItem", "{}", `"BREAKER#`),
			needs:  has(doShut),
		},
		{
			name: "marks of answers", quick: true, hole: "nobody can find an answer by whom it is about",
			breaks: []promise{thatAnswersAreMarked},
			call:   stripped(`"CACHE#`, "subjects"),
		},
		{
			name: "ends of answers", quick: true, hole: "answers are kept for ever",
			breaks: []promise{thatItemsAreKnown},
			call:   stripped(`"CACHE#`, "ttl"),
		},
		{
			name: "push receipt", hole: "what was pushed is not kept",
			breaks: []promise{thatReceiptsProve},
			call: func(_ *world, _ string, c *awsCall, next aws.HTTPClient) (*http.Response, error) {
				if c.r.Method == http.MethodPut && strings.Contains(c.r.URL.Path, "/push/") {
					return c.answer(""), nil
				}
				return c.pass(next)
			},
		},
		{
			name: "our id in the CRM", quick: true, hole: "a record is written under an id of the moment",
			breaks:   []promise{thatCRMIsOneToOne},
			provider: twice,
		},
		{
			name: "look before writing", hole: "the CRM is taken to be empty, before the push and after it",
			breaks: []promise{thatReceiptsProve},
			provider: func(_ *world, r *http.Request, next http.RoundTripper) (*http.Response, error) {
				if strings.HasSuffix(r.URL.Path, "/contacts/batch/read") {
					return (&awsCall{r: r}).answer(`{"status":"COMPLETE","results":[]}`), r.Body.Close()
				}
				return next.RoundTrip(r)
			},
		},
		{
			name: "do-not-contact list", quick: true, hole: "the list reads as empty",
			breaks: []promise{thatListIsKept},
			call:   dropped("", "Query", `{"Count":0,"ScannedCount":0,"Items":[]}`, `"SUPPRESS#"`),
			needs:  func(s scenario) bool { return s.Listed > 0 || has(doSuppress)(s) },
		},
		{
			name: "team in a claim", hole: "the claims of two teams have the same keys",
			breaks: []promise{thatTeamsAreApart},
			call:   renamed("", "CLAIM#"),
			needs:  rivals,
		},
		{
			name: "team in the API", quick: true, hole: "one team's requests read the other's items",
			breaks: []promise{thatTeamsAreApart},
			call:   renamed("api", "TEAM#"),
		},
		{
			name: "dead letters", hole: "nobody fails the task of a message that no worker could handle",
			breaks: []promise{thatNothingIsLeft, thatRunsEnd},
			call:   dropped("reap", "SendTaskFailure", "{}"),
			needs: func(s scenario) bool {
				return slices.ContainsFunc(s.Events, func(e event) bool { return e.times() >= 5 })
			},
		},
		{
			name: "parking", hole: "the messages of a paused run are forgotten",
			breaks: []promise{thatRunsEnd},
			call:   dropped("", "PutItem", "{}", `#PARKED"`),
			needs:  func(s scenario) bool { return capped(s) || has(doPause)(s) },
		},
		{
			name: "pause", hole: "workers do not see that their run is paused",
			breaks: []promise{thatPausesHold},
			call: func(_ *world, function string, c *awsCall, next aws.HTTPClient) (*http.Response, error) {
				r, err := c.pass(next)
				if err != nil || function == "api" || !c.is("GetItem", `"RUN#`, `"CAMPAIGN#`) {
					return r, err
				}
				body, err := io.ReadAll(r.Body)
				if err != nil {
					return nil, err
				}
				return c.answer(strings.Replace(string(body), `{"S":"paused"}`, `{"S":"running"}`, 1)), r.Body.Close()
			},
			needs: has(doPause),
		},
		{
			name: "counts of a chunk", quick: true, hole: "a chunk's rows are counted twice",
			breaks: []promise{thatRowsCount},
			call: func(_ *world, function string, c *awsCall, next aws.HTTPClient) (*http.Response, error) {
				if function == "convert" && c.is("UpdateItem", `"CHUNK#`) {
					c.body = bytes.Replace(c.body, []byte(`\"rejected\":`), []byte(`\"rejected\":1`), 1)
				}
				return c.pass(next)
			},
		},
		{
			name: "Idempotency-Key", hole: "a repeated request is carried out again",
			breaks: []promise{thatRequestsHappenOnce},
			call:   without("PutItem", "attribute_exists(pk) OR attribute_not_exists(pk) OR #end < :now", `"IDEM#`, "attribute_not_exists(pk) OR #end < :now"),
			needs:  with(func(c campaign) bool { return c.Again > 0 }),
		},
		{
			name: "sealed objects", quick: true, hole: "rows lie in the bucket as they are",
			breaks: []promise{thatNothingLeaks},
			call:   unsealed(func(c *awsCall) bool { return c.operation == "" }),
		},
		{
			name: "sealed items", quick: true, hole: "prospects and answers lie in the tables as they are",
			breaks: []promise{thatNothingLeaks},
			call:   unsealed(func(c *awsCall) bool { return c.service == "DynamoDB_20120810" }),
		},
		{
			name: "a data key per team", hole: "both teams have one data key",
			breaks: []promise{thatTeamsAreApart},
			call: func(_ *world, _ string, c *awsCall, next aws.HTTPClient) (*http.Response, error) {
				if c.is("GetItem", `"DATAKEY"`) || c.is("PutItem", `"DATAKEY"`) || c.service == "TrentService" {
					c.body = bytes.ReplaceAll(c.body, []byte(teams[1].name), []byte(teams[0].name))
				}
				return c.pass(next)
			},
			needs: rivals,
		},
		{
			name: "a key per provider", quick: true, hole: "one provider is asked with another's key",
			breaks: []promise{thatNothingLeaks},
			call: func(_ *world, function string, c *awsCall, next aws.HTTPClient) (*http.Response, error) {
				if function == "enrich" && c.is("GetSecretValue") {
					c.body = bytes.ReplaceAll(c.body, []byte("providers/hunter"), []byte("providers/apollo"))
				}
				return c.pass(next)
			},
		},
		{
			name: "what was planned is written", hole: "a contact gets the properties of another",
			breaks:   []promise{thatRecordsAgree},
			provider: shuffled,
		},
		{
			name: "what is theirs in the CRM", hole: "a contact's title and phone read as blank",
			breaks: []promise{thatRecordsAgree},
			provider: func(_ *world, r *http.Request, next http.RoundTripper) (*http.Response, error) {
				resp, err := next.RoundTrip(r)
				if err != nil || !strings.HasSuffix(r.URL.Path, "/contacts/batch/read") {
					return resp, err
				}
				body, err := readBody(&resp.Body)
				if err != nil {
					return resp, nil //nolint:nilerr // the reader meets it again
				}
				return (&awsCall{r: r}).answer(strings.NewReplacer(`"jobtitle":`, `"blank1":`, `"phone":`, `"blank2":`).Replace(string(body))), nil
			},
			needs: func(s scenario) bool { return s.Known > 0 },
		},
	}
}
