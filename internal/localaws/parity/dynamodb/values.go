package dynamodb

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/middleware"
)

// An item is written with plain values: strings, ints, bools, nil, []byte, and
// these types.
type (
	item map[string]any // also a map in an item
	list []any
	num  string // a number as text
	ss   []string
	ns   []string
	bs   [][]byte
	null bool // the NULL type with this value
)

// av turns plain values into the SDK's.
func av(it item) map[string]types.AttributeValue {
	out := map[string]types.AttributeValue{}
	for name, v := range it {
		out[name] = value(v)
	}
	return out
}

func value(v any) types.AttributeValue {
	switch v := v.(type) {
	case string:
		return &types.AttributeValueMemberS{Value: v}
	case int:
		return &types.AttributeValueMemberN{Value: fmt.Sprint(v)}
	case num:
		return &types.AttributeValueMemberN{Value: string(v)}
	case []byte:
		return &types.AttributeValueMemberB{Value: v}
	case bool:
		return &types.AttributeValueMemberBOOL{Value: v}
	case null:
		return &types.AttributeValueMemberNULL{Value: bool(v)}
	case ss:
		return &types.AttributeValueMemberSS{Value: v}
	case ns:
		return &types.AttributeValueMemberNS{Value: v}
	case bs:
		return &types.AttributeValueMemberBS{Value: v}
	case item:
		return &types.AttributeValueMemberM{Value: av(v)}
	case list:
		out := []types.AttributeValue{}
		for _, e := range v {
			out = append(out, value(e))
		}
		return &types.AttributeValueMemberL{Value: out}
	default:
		panic(fmt.Sprintf("an item cannot hold %T", v))
	}
}

// plain turns an answer of the SDK into what is noted of it: all that is
// present, attribute values as on the wire, sets in order.
func plain(v any) any {
	switch v := v.(type) {
	case types.AttributeValue:
		member := strings.TrimPrefix(reflect.TypeOf(v).Elem().Name(), "AttributeValueMember")
		inner := plain(reflect.ValueOf(v).Elem().Field(0).Interface())
		if text, ok := inner.(string); ok && (member == "S" || member == "N" || member == "B") {
			return member + ":" + text
		}
		if elements, ok := inner.([]any); ok && len(member) == 2 {
			inOrder(elements)
		}
		return map[string]any{member: inner}
	case middleware.Metadata:
		return nil
	case []byte:
		return fmt.Sprintf("%x", v)
	}
	switch r := reflect.ValueOf(v); r.Kind() {
	case reflect.Pointer:
		if r.IsNil() {
			return nil
		}
		return plain(r.Elem().Interface())
	case reflect.Struct:
		out := map[string]any{}
		for i := range r.NumField() {
			f := r.Type().Field(i)
			if !f.IsExported() || slices.Contains(varying, f.Name) {
				continue
			}
			if p := plain(r.Field(i).Interface()); p != nil && p != "" {
				out[f.Name] = p
			}
		}
		return out
	case reflect.Map:
		if r.IsNil() {
			return nil
		}
		out := map[string]any{}
		for _, k := range r.MapKeys() {
			out[k.String()] = plain(r.MapIndex(k).Interface())
		}
		return out
	case reflect.Slice:
		if r.IsNil() {
			return nil
		}
		out := make([]any, r.Len())
		for i := range out {
			out[i] = plain(r.Index(i).Interface())
		}
		return out
	case reflect.String:
		return r.String()
	case reflect.Bool:
		return r.Bool()
	case reflect.Int32, reflect.Int64:
		return float64(r.Int())
	case reflect.Float64:
		return r.Float()
	default:
		return nil
	}
}

// varying are the members that differ from call to call or place to place.
var varying = []string{"ResultMetadata", "TableArn", "IndexArn", "TableId", "CreationDateTime", "LastUpdateToPayPerRequestDateTime"}

// inOrder sorts elements whose order means nothing.
func inOrder(elements []any) {
	text := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			panic("parity: " + err.Error())
		}
		return string(b)
	}
	slices.SortFunc(elements, func(a, b any) int { return strings.Compare(text(a), text(b)) })
}
