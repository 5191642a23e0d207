package dynamodb

import (
	"fmt"
	"slices"
)

// definition is what CreateTable was told, in AWS's own shape; it is also what
// the journal keeps of a table.
type definition struct {
	TableName                 string
	TableID                   string `json:"TableId"`
	Created                   int64  // Unix milliseconds
	AttributeDefinitions      []attributeDefinition
	KeySchema                 []keyElement
	LocalSecondaryIndexes     []indexDefinition `json:",omitempty"`
	GlobalSecondaryIndexes    []indexDefinition `json:",omitempty"`
	BillingMode               string
	ProvisionedThroughput     *throughput `json:",omitempty"`
	DeletionProtectionEnabled bool
	TimeToLive                string `json:",omitempty"` // attribute, if enabled
}

type attributeDefinition struct{ AttributeName, AttributeType string }

type keyElement struct{ AttributeName, KeyType string }

type indexDefinition struct {
	IndexName  string
	KeySchema  []keyElement
	Projection struct {
		ProjectionType   string
		NonKeyAttributes []string `json:",omitempty"`
	}
	ProvisionedThroughput *throughput `json:",omitempty"`
}

type throughput struct{ ReadCapacityUnits, WriteCapacityUnits int64 }

// Limits: DynamoDB Developer Guide, "Quotas", read November 2026.
const (
	maxLocalIndexes   = 5
	maxGlobalIndexes  = 20
	maxProjectedNames = 100
)

func (d *definition) kindOf(name string) kind {
	for _, a := range d.AttributeDefinitions {
		if a.AttributeName == name {
			return kindNamed(a.AttributeType)
		}
	}
	return kindNone
}

// keysOf turns a valid key schema into the form that is worked with.
func (d *definition) keysOf(elements []keyElement) keySchema {
	k := keySchema{part: elements[0].AttributeName, partKind: d.kindOf(elements[0].AttributeName), all: []string{elements[0].AttributeName}}
	if len(elements) > 1 {
		k.sort, k.sortKind = elements[1].AttributeName, d.kindOf(elements[1].AttributeName)
		k.all = append(k.all, k.sort)
	}
	return k
}

// check finds what AWS would refuse in a table's definition.
func (d *definition) check() error {
	if err := d.checkMembers(); err != nil {
		return err
	}
	if err := d.checkThroughput(); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, a := range d.AttributeDefinitions {
		if seen[a.AttributeName] {
			return badParameter("Duplicate AttributeName in AttributeDefinitions: %s", a.AttributeName)
		}
		seen[a.AttributeName] = true
	}
	used := map[string]bool{}
	if err := d.checkKeys("", d.KeySchema, used); err != nil {
		return err
	}
	if err := d.checkIndexes(used); err != nil {
		return err
	}
	if len(used) != len(d.AttributeDefinitions) {
		return badParameter("Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions")
	}
	return nil
}

// checkMembers checks each member by itself.
func (d *definition) checkMembers() error {
	var c constraints
	for i, a := range d.AttributeDefinitions {
		c.enum(a.AttributeType, fmt.Sprintf("attributeDefinitions.%d.member.attributeType", i+1), "B", "N", "S")
	}
	c.enum(d.BillingMode, "billingMode", "PROVISIONED", "PAY_PER_REQUEST")
	c.keySchema("keySchema", d.KeySchema)
	check := func(member string, indexes []indexDefinition) {
		for i, ix := range indexes {
			at := fmt.Sprintf("%s.%d.member.", member, i+1)
			if len(ix.IndexName) < 3 || len(ix.IndexName) > 255 {
				c.add("'"+ix.IndexName+"'", at+"indexName", "have length between 3 and 255")
			} else if !isName(ix.IndexName) {
				c.add("'"+ix.IndexName+"'", at+"indexName", "satisfy regular expression pattern: [a-zA-Z0-9_.-]+")
			}
			c.keySchema(at+"keySchema", ix.KeySchema)
			c.enum(ix.Projection.ProjectionType, at+"projection.projectionType", "ALL", "INCLUDE", "KEYS_ONLY")
		}
	}
	check("localSecondaryIndexes", d.LocalSecondaryIndexes)
	check("globalSecondaryIndexes", d.GlobalSecondaryIndexes)
	return c.err()
}

func (c *constraints) keySchema(member string, elements []keyElement) {
	switch {
	case len(elements) == 0:
		c.add("'[]'", member, "have length greater than or equal to 1")
	case len(elements) > 2:
		texts := ""
		for i, e := range elements {
			if i > 0 {
				texts += ", "
			}
			texts += fmt.Sprintf("KeySchemaElement(attributeName=%s, keyType=%s)", e.AttributeName, e.KeyType)
		}
		c.add("'["+texts+"]'", member, "have length less than or equal to 2")
	}
	for i, e := range elements {
		if e.AttributeName == "" {
			c.add("''", fmt.Sprintf("%s.%d.member.attributeName", member, i+1), "have length greater than or equal to 1")
		}
		c.enum(e.KeyType, fmt.Sprintf("%s.%d.member.keyType", member, i+1), "HASH", "RANGE")
	}
}

func (d *definition) checkThroughput() error {
	if d.BillingMode == "PAY_PER_REQUEST" {
		if d.ProvisionedThroughput != nil {
			return badParameter("Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST")
		}
		return nil
	}
	if d.ProvisionedThroughput == nil {
		return badParameter("ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED")
	}
	for _, p := range append([]*throughput{d.ProvisionedThroughput}, d.indexThroughput()...) {
		if p == nil {
			return badParameter("ProvisionedThroughput must be specified for every global secondary index when BillingMode is PROVISIONED")
		}
		if p.ReadCapacityUnits < 1 || p.WriteCapacityUnits < 1 {
			return invalid("1 validation error detected: Value at 'provisionedThroughput' failed to satisfy constraint: Member must have value greater than or equal to 1")
		}
	}
	return nil
}

func (d *definition) indexThroughput() []*throughput {
	var list []*throughput
	for _, ix := range d.GlobalSecondaryIndexes {
		list = append(list, ix.ProvisionedThroughput)
	}
	return list
}

// checkKeys checks a key schema against the attribute definitions. used
// collects the attributes that some schema uses.
func (d *definition) checkKeys(indexName string, elements []keyElement, used map[string]bool) error {
	where := ""
	if indexName != "" {
		where = " for index " + indexName
	}
	if elements[0].KeyType != "HASH" {
		return invalid("Invalid KeySchema: The first KeySchemaElement is not a HASH key type")
	}
	if len(elements) == 2 {
		if elements[1].KeyType != "RANGE" {
			return invalid("Invalid KeySchema: The second KeySchemaElement is not a RANGE key type")
		}
		if elements[0].AttributeName == elements[1].AttributeName {
			// AWS reports this in the words for a missing definition.
			return invalid("Invalid KeySchema: Some index key attribute have no definition")
		}
	}
	for _, e := range elements {
		if d.kindOf(e.AttributeName) == kindNone {
			return badParameter("Some index key attributes are not defined in AttributeDefinitions%s. Key: %s", where, e.AttributeName)
		}
		used[e.AttributeName] = true
	}
	return nil
}

func (d *definition) checkIndexes(used map[string]bool) error {
	if n := len(d.LocalSecondaryIndexes); n > maxLocalIndexes {
		return badParameter("Number of LocalSecondaryIndexes exceeds per-table limit of %d", maxLocalIndexes)
	}
	if n := len(d.GlobalSecondaryIndexes); n > maxGlobalIndexes {
		return badParameter("GlobalSecondaryIndex count exceeds the per-table limit of %d", maxGlobalIndexes)
	}
	names := map[string]bool{}
	projected := 0
	for i, ix := range slices.Concat(d.LocalSecondaryIndexes, d.GlobalSecondaryIndexes) {
		if i < len(d.LocalSecondaryIndexes) {
			if len(d.KeySchema) < 2 {
				return badParameter("Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex")
			}
			if len(ix.KeySchema) < 2 {
				return badParameter("Index KeySchema does not have a range key for index: %s", ix.IndexName)
			}
			if ix.KeySchema[0] != d.KeySchema[0] {
				return badParameter("Table KeySchema does not match the HASH key of index: %s", ix.IndexName)
			}
		}
		if names[ix.IndexName] {
			return badParameter("Duplicate index name: %s", ix.IndexName)
		}
		names[ix.IndexName] = true
		if err := d.checkKeys(ix.IndexName, ix.KeySchema, used); err != nil {
			return err
		}
		switch p := ix.Projection; {
		case p.ProjectionType == "":
			return badParameter("Unknown ProjectionType: null")
		case p.ProjectionType == "INCLUDE" && len(p.NonKeyAttributes) == 0:
			return badParameter("ProjectionType is INCLUDE, but NonKeyAttributes is not specified")
		case p.ProjectionType != "INCLUDE" && len(p.NonKeyAttributes) > 0:
			return badParameter("ProjectionType is %s, but NonKeyAttributes is specified", p.ProjectionType)
		default:
			projected += len(p.NonKeyAttributes)
		}
	}
	if projected > maxProjectedNames {
		return badParameter("Number of attributes projected into all indexes exceeds the limit of %d", maxProjectedNames)
	}
	return nil
}
