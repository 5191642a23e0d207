package dynamodb

import (
	"crypto/rand"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/messageai/sluice/internal/localaws/wire"
)

func (s *Service) createTable(call *wire.Call) (any, error) {
	var in struct {
		definition
		TableName           *string
		StreamSpecification struct{ StreamEnabled bool }
	}
	if err := call.Decode(&in); err != nil {
		return nil, err
	}
	if in.TableName == nil {
		return nil, invalid("The parameter 'TableName' is required but was not present in the request")
	}
	def := in.definition
	def.TableName = tableName(*in.TableName)
	def.TableID, def.Created, def.TimeToLive = strings.ToLower(rand.Text()), time.Now().UnixMilli(), ""
	if err := s.authorize(call, "CreateTable", def.TableName, ""); err != nil {
		return nil, err
	}
	if err := checkTableName(def.TableName, true, 3); err != nil {
		return nil, err
	}
	if err := def.check(); err != nil {
		return nil, err
	}
	if def.BillingMode == "" {
		def.BillingMode = "PROVISIONED"
	}
	if in.StreamSpecification.StreamEnabled {
		return nil, invalid("the local DynamoDB has no streams; create the table without StreamSpecification")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tables[def.TableName] != nil {
		return nil, wire.Errorf(http.StatusBadRequest, "ResourceInUseException", "Table already exists: %s", def.TableName)
	}
	if err := s.remember(journalRecord{Definition: &def}); err != nil {
		return nil, err
	}
	t := newTable(def, s.opts)
	s.tables[def.TableName] = t
	return map[string]any{"TableDescription": s.describe(t, "CREATING")}, nil
}

// namedTable reads the TableName of a control operation, authorises it and
// finds the table.
func (s *Service) namedTable(call *wire.Call, in any, name **string) (*table, error) {
	if err := call.Decode(in); err != nil {
		return nil, err
	}
	if *name == nil {
		return nil, checkTableName("", false, 1)
	}
	plain := tableName(**name)
	if err := s.authorize(call, call.Operation, plain, ""); err != nil {
		return nil, err
	}
	if err := checkTableName(plain, true, 1); err != nil {
		return nil, err
	}
	t, err := s.table(plain)
	if err != nil {
		return nil, wire.Errorf(http.StatusBadRequest, "ResourceNotFoundException", "Requested resource not found: Table: %s not found", plain)
	}
	return t, nil
}

func (s *Service) deleteTable(call *wire.Call) (any, error) {
	var in struct{ TableName *string }
	t, err := s.namedTable(call, &in, &in.TableName)
	if err != nil {
		return nil, err
	}
	if t.def.DeletionProtectionEnabled {
		return nil, invalid("Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.deleted {
		return nil, notFound()
	}
	if err := s.remember(journalRecord{Deleted: t.def.TableName}); err != nil {
		return nil, err
	}
	t.deleted = true
	delete(s.tables, t.def.TableName)
	return map[string]any{"TableDescription": s.describe(t, "DELETING")}, nil
}

func (s *Service) describeTable(call *wire.Call) (any, error) {
	var in struct{ TableName *string }
	t, err := s.namedTable(call, &in, &in.TableName)
	if err != nil {
		return nil, err
	}
	if err := s.rlock(t); err != nil {
		return nil, err
	}
	defer t.mu.RUnlock()
	return map[string]any{"Table": s.describe(t, "ACTIVE")}, nil
}

// describe builds a TableDescription. Tables are usable at once, but their
// creation reports CREATING as AWS does, so that callers wait.
func (s *Service) describe(t *table, status string) map[string]any {
	d := &t.def
	out := map[string]any{
		"TableName": d.TableName, "TableId": d.TableID, "TableArn": s.tableARN(d.TableName), "TableStatus": status,
		"CreationDateTime":          float64(d.Created) / 1000,
		"AttributeDefinitions":      d.AttributeDefinitions,
		"KeySchema":                 d.KeySchema,
		"ItemCount":                 t.items.count,
		"TableSizeBytes":            t.items.bytes,
		"DeletionProtectionEnabled": d.DeletionProtectionEnabled,
		"ProvisionedThroughput":     describeThroughput(d.ProvisionedThroughput),
	}
	if d.BillingMode == "PAY_PER_REQUEST" {
		out["BillingModeSummary"] = map[string]any{"BillingMode": d.BillingMode, "LastUpdateToPayPerRequestDateTime": float64(d.Created) / 1000}
	}
	describeIndexes := func(member string, list []indexDefinition, global bool) {
		var shapes []any
		for _, ixd := range list {
			ix := t.index(ixd.IndexName)
			shape := map[string]any{
				"IndexName": ixd.IndexName, "IndexArn": s.tableARN(d.TableName) + "/index/" + ixd.IndexName,
				"KeySchema": ixd.KeySchema, "Projection": ixd.Projection,
				"ItemCount": ix.entries.count, "IndexSizeBytes": ix.entries.bytes,
			}
			if global {
				shape["IndexStatus"] = status
				shape["ProvisionedThroughput"] = describeThroughput(ixd.ProvisionedThroughput)
			}
			shapes = append(shapes, shape)
		}
		if len(shapes) > 0 {
			out[member] = shapes
		}
	}
	describeIndexes("LocalSecondaryIndexes", d.LocalSecondaryIndexes, false)
	describeIndexes("GlobalSecondaryIndexes", d.GlobalSecondaryIndexes, true)
	return out
}

func describeThroughput(p *throughput) map[string]int64 {
	if p == nil {
		p = &throughput{}
	}
	return map[string]int64{"ReadCapacityUnits": p.ReadCapacityUnits, "WriteCapacityUnits": p.WriteCapacityUnits, "NumberOfDecreasesToday": 0}
}

func (s *Service) listTables(call *wire.Call) (any, error) {
	var in struct {
		ExclusiveStartTableName string
		Limit                   *int
	}
	if err := call.Decode(&in); err != nil {
		return nil, err
	}
	if err := call.Authorize("dynamodb:ListTables", "*"); err != nil {
		return nil, err
	}
	limit := 100
	if in.Limit != nil {
		limit = *in.Limit
	}
	if limit < 1 || limit > 100 {
		return nil, invalid("1 validation error detected: Value '%d' at 'limit' failed to satisfy constraint: Member must have value between 1 and 100", limit)
	}
	names := []string{}
	s.mu.RLock()
	for name := range s.tables {
		if name > in.ExclusiveStartTableName {
			names = append(names, name)
		}
	}
	s.mu.RUnlock()
	slices.Sort(names)
	out := map[string]any{}
	if len(names) > limit {
		names = names[:limit]
		out["LastEvaluatedTableName"] = names[limit-1]
	}
	out["TableNames"] = names
	return out, nil
}

func (s *Service) updateTimeToLive(call *wire.Call) (any, error) {
	var in struct {
		TableName               *string
		TimeToLiveSpecification *struct {
			AttributeName string
			Enabled       *bool
		}
	}
	t, err := s.namedTable(call, &in, &in.TableName)
	if err != nil {
		return nil, err
	}
	spec := in.TimeToLiveSpecification
	var c constraints
	switch {
	case spec == nil:
		c.add("null", "timeToLiveSpecification", "not be null")
	case spec.Enabled == nil:
		c.add("null", "timeToLiveSpecification.enabled", "not be null")
	case spec.AttributeName == "":
		c.add("''", "timeToLiveSpecification.attributeName", "have length greater than or equal to 1")
	}
	if err := c.err(); err != nil {
		return nil, err
	}
	if err := s.lock(t); err != nil {
		return nil, err
	}
	defer t.mu.Unlock()
	attribute := spec.AttributeName
	switch {
	case *spec.Enabled && t.def.TimeToLive == spec.AttributeName:
		return nil, invalid("TimeToLive is already enabled")
	case *spec.Enabled && t.def.TimeToLive != "":
		return nil, invalid("TimeToLive is active on a different AttributeName: current AttributeName is %s", t.def.TimeToLive)
	case !*spec.Enabled && t.def.TimeToLive == "":
		return nil, invalid("TimeToLive is already disabled")
	case !*spec.Enabled && t.def.TimeToLive != spec.AttributeName:
		return nil, invalid("TimeToLive is active on a different AttributeName: current AttributeName is %s", t.def.TimeToLive)
	case !*spec.Enabled:
		attribute = ""
	}
	def := t.def
	def.TimeToLive = attribute
	if err := s.remember(journalRecord{Definition: &def}); err != nil {
		return nil, err
	}
	t.setTimeToLive(attribute, time.Now())
	return map[string]any{"TimeToLiveSpecification": map[string]any{"AttributeName": spec.AttributeName, "Enabled": *spec.Enabled}}, nil
}

// setTimeToLive changes the attribute and finds the items that have it. The
// table is locked.
func (t *table) setTimeToLive(attribute string, now time.Time) {
	t.def.TimeToLive = attribute
	t.expiry = tree{}
	t.wake.Store(math.MaxInt64)
	if len(t.pending) > 0 {
		t.wakeBy(t.pending[0].due)
	}
	t.items.ascend(position{depth: 1}, func(r *record) bool {
		t.noteExpiry(r, now)
		return true
	})
}

func (s *Service) describeTimeToLive(call *wire.Call) (any, error) {
	var in struct{ TableName *string }
	t, err := s.namedTable(call, &in, &in.TableName)
	if err != nil {
		return nil, err
	}
	if err := s.rlock(t); err != nil {
		return nil, err
	}
	defer t.mu.RUnlock()
	out := map[string]any{"TimeToLiveStatus": "DISABLED"}
	if t.def.TimeToLive != "" {
		out = map[string]any{"TimeToLiveStatus": "ENABLED", "AttributeName": t.def.TimeToLive}
	}
	return map[string]any{"TimeToLiveDescription": out}, nil
}
