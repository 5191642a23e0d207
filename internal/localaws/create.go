package localaws

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/big"
	"path"
	"strings"

	"github.com/messageai/sluice/internal/localaws/s3"
	"github.com/messageai/sluice/internal/localaws/template"
	"github.com/messageai/sluice/internal/localaws/wire"
)

const journalName = "localaws"

// beginning is the journal's record of one process: it tells request ids of
// different processes apart, and keeps the definition of the tables that the
// stored items fit.
type beginning struct {
	Process int               `json:"process"`
	Tables  map[string]string `json:"tables"` // definition by name, as JSON
}

// begin records that this process has taken over. Tables cannot be changed in
// place: a template that changes one does not fit the stored state.
func (s *Stack) begin() error {
	b := beginning{Tables: map[string]string{}}
	for _, raw := range s.journal.Past(journalName) {
		if err := json.Unmarshal(raw, &b); err != nil {
			return fmt.Errorf("restore stack: %w", err)
		}
	}
	b.Process++
	for _, t := range s.tmpl.Tables {
		t.LogicalID, t.TTLAttribute = "", ""
		now, err := json.Marshal(t)
		if err != nil {
			return fmt.Errorf("begin: %w", err)
		}
		if was, ok := b.Tables[t.Name]; ok && was != string(now) {
			return fmt.Errorf("table %s is defined otherwise than the stored one; remove the state folder to start anew", t.Name)
		}
		b.Tables[t.Name] = string(now)
	}
	s.process = b.Process
	s.queues.ReturnInFlight()
	return s.journal.Append(journalName, b)
}

// operate performs one operation as the account's root. An error with one of
// the codes in already means that the resource is there.
func operate(ctx context.Context, to wire.Service, service, operation string, in, out any, already ...string) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	result, err := to.Handle(ctx, &wire.Call{Service: service, Operation: operation, Body: body})
	if err != nil {
		for _, code := range already {
			if wire.CodeOf(err) == code {
				return nil
			}
		}
		return fmt.Errorf("%s: %w", operation, err)
	}
	if out == nil {
		return nil
	}
	if body, err = json.Marshal(result); err == nil {
		err = json.Unmarshal(body, out)
	}
	return err
}

// create makes the resources that are not there yet.
func (s *Stack) create(ctx context.Context) error {
	for _, b := range s.tmpl.Buckets {
		if err := s.objects.CreateBucket(b.Name); err != nil {
			return fmt.Errorf("bucket %s: %w", b.LogicalID, err)
		}
		rules := make([]s3.Rule, len(b.Expirations))
		for i, e := range b.Expirations {
			rules[i] = s3.Rule(e)
		}
		if err := s.objects.SetLifecycle(b.Name, rules); err != nil {
			return fmt.Errorf("bucket %s: %w", b.LogicalID, err)
		}
	}
	for _, t := range s.tmpl.Tables {
		if err := s.createTable(ctx, t); err != nil {
			return fmt.Errorf("table %s: %w", t.LogicalID, err)
		}
	}
	for _, q := range s.tmpl.Queues {
		if err := s.createQueue(ctx, q); err != nil {
			return fmt.Errorf("queue %s: %w", q.LogicalID, err)
		}
	}
	for _, sec := range s.tmpl.Secrets {
		if err := s.createSecret(ctx, sec); err != nil {
			return fmt.Errorf("secret %s: %w", sec.LogicalID, err)
		}
	}
	for _, a := range s.tmpl.Aliases {
		in := map[string]string{"AliasName": a.Name, "TargetKeyId": a.KeyID}
		if err := operate(ctx, s.keys, "kms", "CreateAlias", in, nil, "AlreadyExistsException"); err != nil {
			return fmt.Errorf("alias %s: %w", a.LogicalID, err)
		}
	}
	for _, m := range s.tmpl.StateMachines {
		if err := s.createStateMachine(ctx, m); err != nil {
			return fmt.Errorf("state machine %s: %w", m.LogicalID, err)
		}
	}
	return nil
}

func (s *Stack) createTable(ctx context.Context, t template.Table) error {
	type keyElement struct{ AttributeName, KeyType string }
	type projection struct {
		ProjectionType   string
		NonKeyAttributes []string `json:",omitempty"`
	}
	type index struct {
		IndexName  string
		KeySchema  []keyElement
		Projection projection
	}
	type definition struct{ AttributeName, AttributeType string }
	schema := func(keys []template.Attribute) []keyElement {
		out := make([]keyElement, len(keys))
		for i, k := range keys {
			out[i] = keyElement{k.Name, k.Type}
		}
		return out
	}
	in := struct {
		TableName              string
		BillingMode            string
		AttributeDefinitions   []definition
		KeySchema              []keyElement
		GlobalSecondaryIndexes []index `json:",omitempty"`
	}{TableName: t.Name, BillingMode: "PAY_PER_REQUEST", KeySchema: schema(t.Keys)}
	for _, a := range t.Attributes {
		in.AttributeDefinitions = append(in.AttributeDefinitions, definition{a.Name, a.Type})
	}
	for _, x := range t.Indexes {
		in.GlobalSecondaryIndexes = append(in.GlobalSecondaryIndexes, index{x.Name, schema(x.Keys), projection{x.Projection, x.Included}})
	}
	if err := operate(ctx, s.tables, "dynamodb", "CreateTable", in, nil, "ResourceInUseException"); err != nil {
		return err
	}
	if t.TTLAttribute == "" {
		return nil
	}
	var now struct {
		TimeToLiveDescription struct{ AttributeName string }
	}
	if err := operate(ctx, s.tables, "dynamodb", "DescribeTimeToLive", map[string]string{"TableName": t.Name}, &now); err != nil {
		return err
	}
	if now.TimeToLiveDescription.AttributeName == t.TTLAttribute {
		return nil
	}
	return operate(ctx, s.tables, "dynamodb", "UpdateTimeToLive", map[string]any{
		"TableName":               t.Name,
		"TimeToLiveSpecification": map[string]any{"Enabled": true, "AttributeName": t.TTLAttribute},
	}, nil)
}

// createQueue makes a queue, or gives the one that is there the template's
// attributes.
func (s *Stack) createQueue(ctx context.Context, q template.Queue) error {
	err := operate(ctx, s.queues, "sqs", "CreateQueue", map[string]any{"QueueName": q.Name, "Attributes": q.Attributes}, nil)
	if wire.CodeOf(err) != "QueueNameExists" {
		return err
	}
	return operate(ctx, s.queues, "sqs", "SetQueueAttributes", map[string]any{"QueueUrl": s.queues.URL(q.Name), "Attributes": q.Attributes}, nil)
}

// createSecret makes a secret. One that is there keeps its value: somebody may
// have put a real one in.
func (s *Stack) createSecret(ctx context.Context, sec template.Secret) error {
	in := map[string]string{"Name": sec.Name, "Description": sec.Description, "ClientRequestToken": rand.Text() + rand.Text()}
	if sec.Value != "" {
		in["SecretString"] = sec.Value
	}
	if sec.Generate != nil {
		value, err := generate(*sec.Generate)
		if err != nil {
			return err
		}
		in["SecretString"] = value
	}
	return operate(ctx, s.secrets, "secretsmanager", "CreateSecret", in, nil, "ResourceExistsException")
}

// generate draws the value of a GenerateSecretString.
func generate(g template.Generate) (string, error) {
	classes := []struct {
		letters string
		exclude bool
	}{
		{"abcdefghijklmnopqrstuvwxyz", g.ExcludeLowercase},
		{"ABCDEFGHIJKLMNOPQRSTUVWXYZ", g.ExcludeUppercase},
		{"0123456789", g.ExcludeNumbers},
		{"!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", g.ExcludePunctuation},
		{" ", !g.IncludeSpace},
	}
	var letters string
	for _, c := range classes {
		if !c.exclude {
			letters += c.letters
		}
	}
	letters = strings.Map(func(r rune) rune {
		if strings.ContainsRune(g.ExcludeCharacters, r) {
			return -1
		}
		return r
	}, letters)
	if letters == "" {
		return "", errors.New("generate secret: every character is excluded")
	}
	password := make([]byte, g.Length)
	for i := range password {
		n, err := rand.Int(rand.Reader, big.NewInt(int64(len(letters))))
		if err != nil {
			return "", fmt.Errorf("generate secret: %w", err)
		}
		password[i] = letters[n.Int64()]
	}
	if g.Key == "" {
		return string(password), nil
	}
	var object map[string]any
	if err := json.Unmarshal([]byte(g.Template), &object); err != nil {
		return "", fmt.Errorf("generate secret: %w", err)
	}
	out := maps.Clone(object)
	out[g.Key] = string(password)
	value, err := json.Marshal(out)
	return string(value), err
}

// keyID returns the id of the key with a logical id, which is made when the
// template first asks for it. KMS draws the id, so an alias remembers it.
func (s *Stack) keyID(ctx context.Context, logicalID string) (string, error) {
	alias := "alias/" + s.opts.StackName + "-cloudformation/" + logicalID
	var key struct{ KeyMetadata struct{ KeyId string } } //nolint:revive // the wire's spelling
	err := operate(ctx, s.keys, "kms", "DescribeKey", map[string]string{"KeyId": alias}, &key)
	if wire.CodeOf(err) != "NotFoundException" {
		return key.KeyMetadata.KeyId, err
	}
	if err := operate(ctx, s.keys, "kms", "CreateKey", map[string]string{"Description": logicalID}, &key); err != nil {
		return "", err
	}
	id := key.KeyMetadata.KeyId
	return id, operate(ctx, s.keys, "kms", "CreateAlias", map[string]string{"AliasName": alias, "TargetKeyId": id}, nil)
}

func (s *Stack) createStateMachine(ctx context.Context, m template.StateMachine) error {
	text, err := fs.ReadFile(s.opts.Dir, path.Clean(m.DefinitionURI))
	if err != nil {
		return fmt.Errorf("read definition: %w", err)
	}
	definition, err := m.Define(text)
	if err != nil {
		return err
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, definition); err != nil {
		return fmt.Errorf("%s is not JSON: %w", m.DefinitionURI, err)
	}
	err = operate(ctx, s.states, "states", "CreateStateMachine", map[string]any{
		"name": m.Name, "roleArn": m.Role.ARN, "type": "STANDARD", "definition": compact.String(),
	}, nil)
	if wire.CodeOf(err) != "StateMachineAlreadyExists" {
		return err
	}
	return operate(ctx, s.states, "states", "UpdateStateMachine", map[string]any{
		"stateMachineArn": m.ARN, "roleArn": m.Role.ARN, "definition": compact.String(),
	}, nil)
}
