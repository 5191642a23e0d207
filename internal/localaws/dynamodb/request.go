package dynamodb

import (
	"strconv"
	"strings"

	"github.com/messageai/sluice/internal/localaws/wire"
)

// request has the members of all item operations; each operation reads those
// it knows.
type request struct {
	operation string // Put, Update, Delete, ConditionCheck, Get, Query, Scan
	hasTable  bool
	table     string
	item      item // Item of a Put
	key       item

	condition, update, projection, filter, keyCondition, index *string

	names  map[string]string
	values item
	legacy []string // names of members from before expressions

	consistent   bool
	backward     bool // ScanIndexForward false
	limit        *int
	segment      *int
	segments     *int
	start        item
	selects      string
	returnValues string
	onFailure    string // ReturnValuesOnConditionCheckFailure
	capacity     string // ReturnConsumedCapacity
	metrics      string // ReturnItemCollectionMetrics
}

// newFrame returns a request for the members of a call on several tables, which
// has no table of its own to be checked.
func newFrame() *request { return &request{hasTable: true, table: "frame"} }

// request reads a request body, or one action of a transaction.
func (p *parser) request(operation string) *request {
	r := &request{operation: operation}
	p.object(func(name string) { p.member(r, name) })
	return r
}

// requestOf reads, authorises and checks the request of an operation on one
// table; kind is the operation's name without "Item".
func (s *Service) requestOf(call *wire.Call, kind string) (*request, error) {
	p := newParser(call.Body)
	r := p.request(kind)
	if err := p.end(); err != nil {
		return nil, err
	}
	index := ""
	if r.index != nil {
		index = *r.index
	}
	if err := s.authorize(call, call.Operation, r.table, index); err != nil {
		return nil, err
	}
	if err := r.check(); err != nil {
		return nil, err
	}
	return r, p.refused
}

func (p *parser) member(r *request, name string) {
	switch name {
	case "TableName":
		if p.null() {
			return
		}
		r.hasTable, r.table = true, tableName(p.text())
	case "Item":
		r.item = p.attributes()
	case "Key":
		r.key = p.attributes()
	case "ExclusiveStartKey":
		r.start = p.attributes()
	case "ExpressionAttributeNames":
		r.names = p.textMap()
	case "ExpressionAttributeValues":
		r.values = p.attributes()
	case "ConditionExpression":
		r.condition = p.optionalText()
	case "UpdateExpression":
		r.update = p.optionalText()
	case "ProjectionExpression":
		r.projection = p.optionalText()
	case "FilterExpression":
		r.filter = p.optionalText()
	case "KeyConditionExpression":
		r.keyCondition = p.optionalText()
	case "IndexName":
		r.index = p.optionalText()
	case "ConsistentRead":
		r.consistent = !p.null() && p.boolean()
	case "ScanIndexForward":
		r.backward = !p.null() && !p.boolean()
	case "Limit":
		r.limit = p.optionalInteger()
	case "Segment":
		r.segment = p.optionalInteger()
	case "TotalSegments":
		r.segments = p.optionalInteger()
	case "Select":
		r.selects = p.text()
	case "ReturnValues":
		r.returnValues = p.text()
	case "ReturnValuesOnConditionCheckFailure":
		r.onFailure = p.text()
	case "ReturnConsumedCapacity":
		r.capacity = p.text()
	case "ReturnItemCollectionMetrics":
		r.metrics = p.text()
	case "AttributesToGet", "AttributeUpdates", "Expected", "ConditionalOperator", "KeyConditions", "QueryFilter", "ScanFilter":
		if !p.null() {
			r.legacy = append(r.legacy, name)
			p.skip()
		}
	default:
		p.skip()
	}
}

func (p *parser) optionalText() *string {
	if p.null() {
		return nil
	}
	s := p.text()
	return &s
}

func (p *parser) optionalInteger() *int {
	if p.null() {
		return nil
	}
	n := p.integer()
	return &n
}

// check checks the members that every operation has. Its errors come before
// those of attribute values.
func (r *request) check() error {
	if err := checkTableName(r.table, r.hasTable, 1); err != nil {
		return err
	}
	var c constraints
	c.enum(r.capacity, "returnConsumedCapacity", "INDEXES", "TOTAL", "NONE")
	c.enum(r.metrics, "returnItemCollectionMetrics", "SIZE", "NONE")
	c.enum(r.returnValues, "returnValues", "ALL_NEW", "UPDATED_OLD", "ALL_OLD", "NONE", "UPDATED_NEW")
	c.enum(r.onFailure, "returnValuesOnConditionCheckFailure", "ALL_OLD", "NONE")
	c.enum(r.selects, "select", "SPECIFIC_ATTRIBUTES", "COUNT", "ALL_ATTRIBUTES", "ALL_PROJECTED_ATTRIBUTES")
	switch r.operation {
	case "Put":
		if r.item == nil {
			c.add("null", "item", "not be null")
		}
	case "Get", "Update", "Delete", "ConditionCheck":
		if r.key == nil {
			c.add("null", "key", "not be null")
		}
	}
	if r.segments != nil && (*r.segments < 1 || *r.segments > 1_000_000) {
		c.add("'out of range'", "totalSegments", "have value between 1 and 1000000")
	}
	if r.segment != nil && *r.segment < 0 {
		c.add("'negative'", "segment", "have value greater than or equal to 0")
	}
	if r.limit != nil && *r.limit < 1 {
		if r.operation == "Query" && len(c.faults) == 0 { // AWS words it in another way here (observed 2026)
			return invalid("1 validation error detected: Value at 'Limit' failed to satisfy constraint: Member must have value greater than or equal to 1")
		}
		c.add("'"+strconv.Itoa(*r.limit)+"'", "limit", "have value greater than or equal to 1")
	}
	if err := c.err(); err != nil {
		return err
	}
	return r.checkLegacy()
}

// checkLegacy refuses the parameters from before expressions; together with
// expressions AWS refuses them too.
func (r *request) checkLegacy() error {
	if len(r.legacy) == 0 {
		return nil
	}
	var modern []string
	for _, e := range r.expressions() {
		if e.src != nil {
			modern = append(modern, e.member)
		}
	}
	if len(modern) > 0 {
		return invalid("Can not use both expression and non-expression parameters in the same request: Non-expression parameters: {%s} Expression parameters: {%s}",
			strings.Join(r.legacy, ", "), strings.Join(modern, ", "))
	}
	return invalid("the local DynamoDB does not know %s; use expressions", strings.Join(r.legacy, ", "))
}

type expressionMember struct {
	member string
	src    *string
}

func (r *request) expressions() []expressionMember {
	return []expressionMember{
		{"UpdateExpression", r.update},
		{"ConditionExpression", r.condition},
		{"ProjectionExpression", r.projection},
		{"FilterExpression", r.filter},
		{"KeyConditionExpression", r.keyCondition},
	}
}

// parsed holds a request's expressions after parsing; absent ones are nil.
type parsed struct {
	update       *updateExpression
	condition    condition
	projection   []path
	filter       condition
	keyCondition condition
}

// parse parses the expressions of a request and checks its substitutes.
func (s *Service) parse(r *request) (*parsed, error) {
	sc := &scope{reserved: s.reserved, names: r.names, values: r.values}
	if err := r.checkSubstitutes(); err != nil {
		return nil, err
	}
	out := &parsed{}
	var err error
	if r.update != nil {
		if out.update, err = parseUpdate(*r.update, sc); err != nil {
			return nil, err
		}
	}
	for _, c := range []struct {
		member string
		src    *string
		to     *condition
	}{{"ConditionExpression", r.condition, &out.condition}, {"KeyConditionExpression", r.keyCondition, &out.keyCondition}, {"FilterExpression", r.filter, &out.filter}} {
		if c.src == nil {
			continue
		}
		if *c.to, err = parseCondition(c.member, *c.src, sc); err != nil {
			return nil, err
		}
	}
	if r.projection != nil {
		if out.projection, err = parseProjection(*r.projection, sc); err != nil {
			return nil, err
		}
	}
	return out, sc.checkUsed()
}

// checkSubstitutes checks the form of names and values.
func (r *request) checkSubstitutes() error {
	if r.names == nil && r.values == nil {
		return nil
	}
	member := "ExpressionAttributeNames"
	if r.names == nil || len(r.names) > 0 && r.values != nil && len(r.values) == 0 {
		member = "ExpressionAttributeValues"
	}
	if r.update == nil && r.condition == nil && r.projection == nil && r.filter == nil && r.keyCondition == nil {
		return invalid("%s can only be specified when using expressions: %s is null", member, r.mainExpression())
	}
	if r.names != nil && len(r.names) == 0 || r.values != nil && len(r.values) == 0 {
		return invalid("%s must not be empty", member)
	}
	for name, meant := range r.names {
		if !isSubstitute(name, '#') {
			return invalid("ExpressionAttributeNames contains invalid key: Syntax error; key: \"%s\"", name)
		}
		if meant == "" {
			return invalid("ExpressionAttributeNames contains invalid value: Value is empty for key %s", name)
		}
	}
	for _, v := range r.values {
		if !isSubstitute(v.name, ':') {
			return invalid("ExpressionAttributeValues contains invalid key: Syntax error; key: \"%s\"", v.name)
		}
	}
	return nil
}

// mainExpression names the member in which an operation's substitutes are
// expected.
func (r *request) mainExpression() string {
	switch r.operation {
	case "Update":
		return "UpdateExpression"
	case "Get":
		return "ProjectionExpression"
	case "Query":
		return "KeyConditionExpression"
	case "Scan":
		return "FilterExpression"
	default:
		return "ConditionExpression"
	}
}

func isSubstitute(name string, mark byte) bool {
	return len(name) > 1 && name[0] == mark && wordEnd(name, 1) == len(name)
}
