package shapes

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

// element is an XML element; content is its text, without that of its children.
type element struct {
	name     string
	content  string
	children []*element
}

func parseXML(body []byte) (*element, error) {
	d := xml.NewDecoder(bytes.NewReader(body))
	open := []*element{{}}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			if root := open[0].children; len(root) == 1 {
				return root[0], nil
			}
			return nil, io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, err
		}
		inner := open[len(open)-1]
		switch t := token.(type) {
		case xml.StartElement:
			child := &element{name: t.Name.Local}
			inner.children = append(inner.children, child)
			open = append(open, child)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			inner.content += string(t)
		}
	}
}

// text returns what a child says, "" if there is none.
func (e *element) text(name string) string {
	for _, child := range e.children {
		if child.name == name {
			return child.content
		}
	}
	return ""
}

// named groups children by name.
func (e *element) named() map[string][]*element {
	out := map[string][]*element{}
	for _, child := range e.children {
		out[child.name] = append(out[child.name], child)
	}
	return out
}

// element checks an element. The items of a flattened list are its siblings,
// and each is checked as an item.
func (v *visit) element(e *element, s *shape, item bool) {
	switch {
	case s.Type == "structure":
		if strings.TrimSpace(e.content) != "" {
			v.wrong("has text between its members")
		}
		children := e.named()
		names := make([]string, 0, len(children))
		for name := range children {
			names = append(names, name)
		}
		v.structure(names, s, func(name string, m member) {
			of := v.model.Shapes[m.Shape]
			flat := of.Type == "list" && (of.Flattened || m.Flattened)
			if len(children[name]) > 1 && !flat {
				v.wrong("is there %d times", len(children[name]))
			}
			for _, child := range children[name] {
				v.element(child, of, flat)
			}
		})
	case s.Type == "list" && item:
		v.element(e, v.model.Shapes[s.Member.Shape], false)
	case s.Type == "list":
		want := s.Member.LocationName
		if want == "" {
			want = "member"
		}
		for _, child := range e.children {
			if child.name != want {
				v.wrong("has %s among its items %s", child.name, want)
				continue
			}
			v.element(child, v.model.Shapes[s.Member.Shape], false)
		}
	case len(e.children) > 0:
		v.wrong("has children, and is a %s", s.Type)
	default:
		v.text(e.content, s, s.TimestampFormat)
	}
}

func isBase64(text string) bool {
	_, err := base64.StdEncoding.DecodeString(text)
	return err == nil
}
