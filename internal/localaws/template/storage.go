package template

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
)

func (t *Template) table(r *resolver, res *resource, p *properties) {
	name := r.name(res.id, res)
	table := Table{LogicalID: res.id, Name: name, ARN: arn("dynamodb", "table/%s")(r.opts, name)}
	for _, a := range p.objects("AttributeDefinitions") {
		table.Attributes = append(table.Attributes, Attribute{a.required("AttributeName"), a.oneOf("AttributeType", "S", "N", "B")})
		a.done()
	}
	used := map[string]bool{}
	table.Keys = p.keySchema(table.Attributes, used)
	for _, x := range p.objects("GlobalSecondaryIndexes") {
		index := Index{Name: x.required("IndexName"), Keys: x.keySchema(table.Attributes, used)}
		projection := x.object("Projection")
		index.Projection = projection.oneOf("ProjectionType", "ALL", "KEYS_ONLY", "INCLUDE")
		index.Included = projection.texts("NonKeyAttributes")
		projection.done()
		x.ignore("OnDemandThroughput", "WarmThroughput")
		x.done()
		table.Indexes = append(table.Indexes, index)
	}
	for _, a := range table.Attributes {
		if !used[a.Name] {
			p.fail("AttributeDefinitions", "%s is in no key, which DynamoDB refuses", a.Name)
		}
	}
	if mode := p.text("BillingMode", "PROVISIONED"); mode != "PAY_PER_REQUEST" {
		p.fail("BillingMode", "%s is not supported, only PAY_PER_REQUEST", mode)
	}
	ttl := p.object("TimeToLiveSpecification")
	if ttl.flag("Enabled", false) {
		table.TTLAttribute = ttl.required("AttributeName")
	}
	ttl.ignore("AttributeName")
	ttl.done()
	recovery := p.object("PointInTimeRecoverySpecification")
	recovery.flag("PointInTimeRecoveryEnabled", false)
	recovery.number("RecoveryPeriodInDays", 35, 1, 35)
	recovery.done()
	p.flag("DeletionProtectionEnabled", false)
	p.ignore("TableName", "SSESpecification", "TableClass", "Tags", "OnDemandThroughput", "WarmThroughput", "ContributorInsightsSpecification")
	t.Tables = append(t.Tables, table)
}

// keySchema reads a KeySchema and notes its attributes in used.
func (p *properties) keySchema(defined []Attribute, used map[string]bool) []Attribute {
	var keys []Attribute
	for _, k := range p.objects("KeySchema") {
		key := Attribute{k.required("AttributeName"), k.oneOf("KeyType", "HASH", "RANGE")}
		k.done()
		if !slices.ContainsFunc(defined, func(a Attribute) bool { return a.Name == key.Name }) {
			k.fail("AttributeName", "%s is not in AttributeDefinitions", key.Name)
		}
		used[key.Name] = true
		keys = append(keys, key)
	}
	if len(keys) == 0 || keys[0].Type != "HASH" {
		p.fail("KeySchema", "a HASH key is required first")
	}
	return keys
}

func (t *Template) queue(r *resolver, res *resource, p *properties) {
	name := r.name(res.id, res)
	q := Queue{
		LogicalID: res.id, Name: name, ARN: arn("sqs", "%s")(r.opts, name), Attributes: map[string]string{},
		Visibility: p.seconds("VisibilityTimeout", 30, 0, 43200),
	}
	for _, attribute := range []string{
		"DelaySeconds", "VisibilityTimeout", "MessageRetentionPeriod", "ReceiveMessageWaitTimeSeconds", "MaximumMessageSize",
		"SqsManagedSseEnabled", "KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds",
	} {
		if p.has(attribute) {
			q.Attributes[attribute] = p.text(attribute, "")
		}
	}
	if p.has("RedrivePolicy") {
		redrive := p.object("RedrivePolicy")
		q.DeadLetterARN = redrive.required("deadLetterTargetArn")
		q.MaxReceiveCount = redrive.number("maxReceiveCount", 0, 1, 1000)
		if q.MaxReceiveCount == 0 {
			redrive.fail("", "property maxReceiveCount is required")
		}
		redrive.done()
		q.Attributes["RedrivePolicy"] = encode(map[string]any{"deadLetterTargetArn": q.DeadLetterARN, "maxReceiveCount": q.MaxReceiveCount})
	}
	if p.has("RedriveAllowPolicy") {
		allow := p.object("RedriveAllowPolicy")
		q.Attributes["RedriveAllowPolicy"] = encode(allow.values)
	}
	p.ignore("QueueName", "Tags")
	t.Queues = append(t.Queues, q)
}

func encode(v any) string {
	data, err := json.Marshal(v)
	if err != nil { // values come from YAML scalars: cannot fail
		return ""
	}
	return string(data)
}

// orderQueues puts every dead-letter queue before the queues that use it.
func (t *Template) orderQueues(r *resolver) {
	done := map[string]bool{}
	var ordered []Queue
	for left := t.Queues; len(left) > 0; {
		var next []Queue
		for _, q := range left {
			if q.DeadLetterARN == "" || done[q.DeadLetterARN] {
				ordered = append(ordered, q)
				done[q.ARN] = true
			} else {
				next = append(next, q)
			}
		}
		if len(next) == len(left) {
			r.fail(next[0].LogicalID+".RedrivePolicy", "%q is not another queue of this template", next[0].DeadLetterARN)
			return
		}
		left = next
	}
	t.Queues = ordered
}

func (t *Template) bucket(r *resolver, res *resource, p *properties) {
	b := Bucket{LogicalID: res.id, Name: r.name(res.id, res)}
	if b.Name != strings.ToLower(b.Name) || len(b.Name) < 3 || len(b.Name) > 63 || strings.Contains(b.Name, "_") {
		p.fail("BucketName", "%q is not a bucket name", b.Name)
	}
	if p.has("LifecycleConfiguration") {
		b.Expirations = p.object("LifecycleConfiguration").expirations()
	}
	p.ignore("BucketName", "VersioningConfiguration", "PublicAccessBlockConfiguration", "BucketEncryption", "OwnershipControls", "Tags")
	t.Buckets = append(t.Buckets, b)
}

// inertActions are what a lifecycle rule may do that makes no difference here:
// there are no multipart uploads and no versions.
var inertActions = []string{
	"AbortIncompleteMultipartUpload", "NoncurrentVersionExpiration", "NoncurrentVersionExpirationInDays",
	"NoncurrentVersionTransition", "NoncurrentVersionTransitions",
}

// expirations reads a LifecycleConfiguration.
func (p *properties) expirations() []Expiration {
	rules := p.objects("Rules")
	if len(rules) == 0 {
		p.fail("", "property Rules is required")
	}
	var out []Expiration
	ids := map[string]bool{}
	for _, rule := range rules {
		if id := rule.text("Id", ""); id != "" && ids[id] {
			rule.fail("Id", "%q is the id of another rule", id)
		} else {
			ids[id] = true
		}
		rule.required("Status")
		enabled := rule.oneOf("Status", "Enabled", "Disabled") == "Enabled"
		e := Expiration{Prefix: rule.text("Prefix", ""), Days: rule.number("ExpirationInDays", 0, 1, math.MaxInt32)}
		if !rule.has("ExpirationInDays") && !slices.ContainsFunc(inertActions, rule.has) {
			rule.fail("", "the rule does nothing, which S3 refuses")
		}
		rule.ignore(inertActions...)
		rule.done()
		if enabled && e.Days > 0 {
			out = append(out, e)
		}
	}
	p.done()
	return out
}

func (t *Template) secret(r *resolver, res *resource, p *properties) {
	name := r.name(res.id, res)
	s := Secret{LogicalID: res.id, Name: name, ARN: secretARN(r.opts, name), Description: p.text("Description", ""), Value: p.text("SecretString", "")}
	if p.has("GenerateSecretString") {
		if s.Value != "" {
			p.fail("", "SecretString and GenerateSecretString exclude each other")
		}
		g := p.object("GenerateSecretString")
		s.Generate = &Generate{
			Template:           g.text("SecretStringTemplate", ""),
			Key:                g.text("GenerateStringKey", ""),
			Length:             g.number("PasswordLength", 32, 1, 4096),
			ExcludeCharacters:  g.text("ExcludeCharacters", ""),
			ExcludeLowercase:   g.flag("ExcludeLowercase", false),
			ExcludeUppercase:   g.flag("ExcludeUppercase", false),
			ExcludeNumbers:     g.flag("ExcludeNumbers", false),
			ExcludePunctuation: g.flag("ExcludePunctuation", false),
			IncludeSpace:       g.flag("IncludeSpace", false),
		}
		g.flag("RequireEachIncludedType", true)
		g.done()
		if (s.Generate.Template == "") != (s.Generate.Key == "") {
			g.fail("", "SecretStringTemplate and GenerateStringKey go together")
		}
		var object map[string]any
		if s.Generate.Template != "" && json.Unmarshal([]byte(s.Generate.Template), &object) != nil {
			g.fail("SecretStringTemplate", "it is not a JSON object")
		}
	}
	p.ignore("Name", "KmsKeyId", "Tags")
	t.Secrets = append(t.Secrets, s)
}

func (t *Template) key(r *resolver, res *resource, p *properties) {
	id := r.name(res.id, res)
	p.resourcePolicy("KeyPolicy")
	p.oneOf("KeySpec", "SYMMETRIC_DEFAULT")
	p.oneOf("KeyUsage", "ENCRYPT_DECRYPT")
	p.flag("Enabled", true)
	p.ignore("EnableKeyRotation", "RotationPeriodInDays", "PendingWindowInDays", "Tags")
	t.Keys = append(t.Keys, Key{LogicalID: res.id, ID: id, ARN: arn("kms", "key/%s")(r.opts, id), Description: p.text("Description", "")})
}

func (t *Template) alias(r *resolver, res *resource, p *properties) {
	a := Alias{LogicalID: res.id, Name: r.name(res.id, res)}
	p.ignore("AliasName")
	target := p.required("TargetKeyId")
	a.KeyID = target[strings.LastIndexByte(target, '/')+1:]
	if !strings.HasPrefix(a.Name, "alias/") {
		p.fail("AliasName", "%q does not begin with alias/", a.Name)
	}
	if !slices.ContainsFunc(t.Keys, func(k Key) bool { return k.ID == a.KeyID }) {
		p.fail("TargetKeyId", "%q is not a key of this template", target)
	}
	t.Aliases = append(t.Aliases, a)
}
