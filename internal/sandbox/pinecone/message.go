package pinecone

import (
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/structpb"
)

// The generated message types are internal to the vendor's module, so they are
// used through reflection. They have no package in their names.

type method struct {
	in, out protoreflect.MessageType
	run     func(in, out protoreflect.Message) error
}

// methods are the operations on offer.
func (s *Server) methods() (map[string]method, error) {
	list := map[string]method{}
	for name, m := range map[string]struct {
		in, out string
		run     func(in, out protoreflect.Message) error
	}{
		"Upsert":             {"UpsertRequest", "UpsertResponse", s.upsert},
		"Query":              {"QueryRequest", "QueryResponse", s.query},
		"Fetch":              {"FetchRequest", "FetchResponse", s.fetch},
		"Update":             {"UpdateRequest", "UpdateResponse", s.update},
		"Delete":             {"DeleteRequest", "DeleteResponse", s.delete},
		"List":               {"ListRequest", "ListResponse", s.list},
		"DescribeIndexStats": {"DescribeIndexStatsRequest", "DescribeIndexStatsResponse", s.stats},
	} {
		in, errIn := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName(m.in))
		out, errOut := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName(m.out))
		if errIn != nil || errOut != nil {
			return nil, fmt.Errorf("%w: %s", errDescriptors, name)
		}
		list[name] = method{in: in, out: out, run: m.run}
	}
	return list, nil
}

func field(m protoreflect.Message, name protoreflect.Name) protoreflect.FieldDescriptor {
	return m.Descriptor().Fields().ByName(name)
}

func has(m protoreflect.Message, name protoreflect.Name) bool { return m.Has(field(m, name)) }

func text(m protoreflect.Message, name protoreflect.Name) string {
	return m.Get(field(m, name)).String()
}

func number(m protoreflect.Message, name protoreflect.Name) int {
	return int(m.Get(field(m, name)).Uint()) //nolint:gosec // uint32 fields
}

func flag(m protoreflect.Message, name protoreflect.Name) bool { return m.Get(field(m, name)).Bool() }

func texts(m protoreflect.Message, name protoreflect.Name) []string {
	list := m.Get(field(m, name)).List()
	out := make([]string, list.Len())
	for i := range out {
		out[i] = list.Get(i).String()
	}
	return out
}

// floats copies a repeated float; the copy outlives the message.
func floats(m protoreflect.Message, name protoreflect.Name) []float32 {
	list := m.Get(field(m, name)).List()
	out := make([]float32, list.Len())
	for i := range out {
		out[i] = float32(list.Get(i).Float())
	}
	return out
}

// object returns a Struct field as a map, nil if it is not set.
func object(m protoreflect.Message, name protoreflect.Name) map[string]any {
	if !has(m, name) {
		return nil
	}
	s, ok := m.Get(field(m, name)).Message().Interface().(*structpb.Struct)
	if !ok {
		return nil
	}
	return s.AsMap()
}

func set(m protoreflect.Message, name protoreflect.Name, v any) {
	m.Set(field(m, name), protoreflect.ValueOf(v))
}

func setFloats(m protoreflect.Message, name protoreflect.Name, values []float32) {
	list := m.Mutable(field(m, name)).List()
	for _, v := range values {
		list.Append(protoreflect.ValueOfFloat32(v))
	}
}

// setObject sets a Struct field; the map holds what [checkMetadata] let in.
func setObject(m protoreflect.Message, name protoreflect.Name, v map[string]any) error {
	s, err := structpb.NewStruct(v)
	if err != nil {
		return fmt.Errorf("metadata: %w", err)
	}
	m.Set(field(m, name), protoreflect.ValueOfMessage(s.ProtoReflect()))
	return nil
}

// usage notes read units in an answer.
func usage(out protoreflect.Message, units int) {
	set(out.Mutable(field(out, "usage")).Message(), "read_units", uint32(units)) //nolint:gosec // small
}

func size(m protoreflect.Message) int { return proto.Size(m.Interface()) }
