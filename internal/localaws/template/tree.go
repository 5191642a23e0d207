package template

import (
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// parse reads YAML or JSON into maps, slices and scalars, with the short form
// of every intrinsic function (!Ref x) turned into the long one ({Ref: x}).
func parse(data []byte) (map[string]any, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("read template: %w", err)
	}
	if len(doc.Content) != 1 {
		return nil, errors.New("read template: it is empty")
	}
	v, err := convert(doc.Content[0])
	if err != nil {
		return nil, fmt.Errorf("read template: %w", err)
	}
	root, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("read template: it is not a mapping")
	}
	return root, nil
}

// intrinsics are the functions that the resolver knows, by their short tag.
var intrinsics = map[string]string{
	"!Ref": "Ref", "!Condition": "Condition", "!GetAtt": "Fn::GetAtt", "!Sub": "Fn::Sub", "!Join": "Fn::Join",
	"!If": "Fn::If", "!FindInMap": "Fn::FindInMap", "!Select": "Fn::Select", "!Equals": "Fn::Equals",
	"!And": "Fn::And", "!Or": "Fn::Or", "!Not": "Fn::Not",
}

func convert(n *yaml.Node) (any, error) {
	v, err := convertPlain(n)
	if err != nil || !strings.HasPrefix(n.Tag, "!") || strings.HasPrefix(n.Tag, "!!") {
		return v, err
	}
	name, ok := intrinsics[n.Tag]
	if !ok {
		return nil, fmt.Errorf("line %d: intrinsic function %s is not supported", n.Line, n.Tag)
	}
	return map[string]any{name: v}, nil
}

func convertPlain(n *yaml.Node) (any, error) {
	switch n.Kind {
	case yaml.MappingNode:
		m := make(map[string]any, len(n.Content)/2)
		for i := 0; i < len(n.Content); i += 2 {
			key := n.Content[i]
			if key.Kind != yaml.ScalarNode || key.ShortTag() == "!!merge" {
				return nil, fmt.Errorf("line %d: CloudFormation knows only plain keys", key.Line)
			}
			if _, ok := m[key.Value]; ok {
				return nil, fmt.Errorf("line %d: key %q is there twice", key.Line, key.Value)
			}
			v, err := convert(n.Content[i+1])
			if err != nil {
				return nil, err
			}
			m[key.Value] = v
		}
		return m, nil
	case yaml.SequenceNode:
		list := make([]any, len(n.Content))
		for i, c := range n.Content {
			v, err := convert(c)
			if err != nil {
				return nil, err
			}
			list[i] = v
		}
		return list, nil
	case yaml.ScalarNode:
		return convertScalar(n)
	case yaml.AliasNode:
		return nil, fmt.Errorf("line %d: YAML aliases are not supported", n.Line)
	}
	return nil, fmt.Errorf("line %d: this is not valid in a template", n.Line)
}

// convertScalar keeps dates (policy versions) and intrinsics' arguments as the
// strings they are written as.
func convertScalar(n *yaml.Node) (any, error) {
	var v any
	switch n.ShortTag() {
	case "!!bool", "!!null":
	case "!!int", "!!float":
		if len(n.Value) > 1 && n.Value[0] == '0' && strings.Trim(n.Value, "0123456789") == "" {
			return n.Value, nil // an account id, not an octal number
		}
	default:
		return n.Value, nil
	}
	if err := n.Decode(&v); err != nil {
		return nil, fmt.Errorf("line %d: %w", n.Line, err)
	}
	return v, nil
}
