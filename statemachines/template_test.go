package statemachines_test

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/messageai/sluice"
	"github.com/messageai/sluice/internal/localaws/template"
)

// roots are the kinds of resources that work without being referred to.
var roots = []string{
	"AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm", "AWS::CloudWatch::Dashboard", "AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy",
	"AWS::KMS::Alias", "AWS::Events::Rule", "AWS::Lambda::Permission", "AWS::Scheduler::Schedule",
}

var placeholder = regexp.MustCompile(`\$\{([A-Za-z0-9:]+)(\.[A-Za-z0-9.]+)?\}`)

// references collects the names that a part of the template refers to: by !Ref,
// !GetAtt, !Sub, !If, !Condition and, outside functions, DependsOn.
func references(n *yaml.Node, into map[string]bool) {
	switch n.Tag {
	case "!Ref", "!Condition":
		into[n.Value] = true
	case "!GetAtt":
		name, _, _ := strings.Cut(n.Value, ".")
		into[name] = true
	case "!Sub":
		for _, m := range placeholder.FindAllStringSubmatch(n.Value, -1) {
			into[m[1]] = true
		}
	case "!If":
		into[n.Content[0].Value] = true
	}
	for i, c := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 1 {
			if key := n.Content[i-1].Value; key == "DependsOn" || key == "Condition" && c.Kind == yaml.ScalarNode {
				into[c.Value] = true
			}
		}
		references(c, into)
	}
}

// section returns the entries of a mapping, by key.
func section(n *yaml.Node, name string) map[string]*yaml.Node {
	out := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			for j := 0; j+1 < len(n.Content[i+1].Content); j += 2 {
				out[n.Content[i+1].Content[j].Value] = n.Content[i+1].Content[j+1]
			}
		}
	}
	return out
}

// Every parameter, condition and resource is used: by another resource or by an
// output, unless its kind works by itself or events start it.
func TestNothingInTheTemplateIsUnused(t *testing.T) {
	t.Parallel()
	data, err := sluice.Deploy.ReadFile("template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	root := doc.Content[0]
	resources := section(root, "Resources")
	used := map[string]bool{}
	for _, name := range []string{"Globals", "Conditions", "Outputs"} {
		for _, n := range section(root, name) {
			references(n, used)
		}
	}
	for id, n := range resources {
		mine := map[string]bool{}
		references(n, mine)
		delete(mine, id)
		maps.Copy(used, mine)
	}
	for _, name := range []string{"Parameters", "Conditions"} {
		for entry := range section(root, name) {
			if !used[entry] {
				t.Errorf("%s.%s is not used", name, entry)
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(resources)) {
		var events map[string]*yaml.Node
		kind := ""
		for i := 0; i+1 < len(resources[id].Content); i += 2 {
			switch resources[id].Content[i].Value {
			case "Type":
				kind = resources[id].Content[i+1].Value
			case "Properties":
				events = section(resources[id].Content[i+1], "Events")
			}
		}
		if !used[id] && len(events) == 0 && !slices.Contains(roots, kind) {
			t.Errorf("resource %s (%s): nothing refers to it and nothing starts it", id, kind)
		}
	}
}

// Every queue has somebody who reads it and somebody who writes to it: a role,
// or the queue whose dead letters it takes.
func TestEveryQueueIsReadAndWritten(t *testing.T) {
	t.Parallel()
	tmpl := load(t)
	for _, q := range tmpl.Queues {
		read := slices.ContainsFunc(tmpl.Mappings, func(m template.Mapping) bool { return m.QueueARN == q.ARN })
		written := slices.ContainsFunc(tmpl.Queues, func(other template.Queue) bool { return other.DeadLetterARN == q.ARN })
		for _, role := range tmpl.Roles {
			written = written || role.Allows("sqs:SendMessage", q.ARN)
		}
		if !read || !written {
			t.Errorf("queue %s: read %t, written %t", q.LogicalID, read, written)
		}
	}
}
