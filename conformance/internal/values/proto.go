package values

import (
	"encoding/json"
	"fmt"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// FromProto turns a message into plain values: members by the proto's names, enums by their names in lower case without the
// prefix ("ack"), bytes as strings. What is absent is nil; scalars without presence have their default.
func FromProto(message protoreflect.Message) map[string]any {
	members := map[string]any{}
	fields := message.Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		name := string(field.Name())
		switch {
		case field.IsMap():
			entries := map[string]any{}
			message.Get(field).Map().Range(func(key protoreflect.MapKey, value protoreflect.Value) bool {
				entries[key.String()] = fromValue(field.MapValue(), value)
				return true
			})
			members[name] = entries
		case field.IsList():
			list := message.Get(field).List()
			elements := make([]any, list.Len())
			for at := range elements {
				elements[at] = fromValue(field, list.Get(at))
			}
			members[name] = elements
		case field.HasPresence() && !message.Has(field):
			members[name] = nil
		default:
			members[name] = fromValue(field, message.Get(field))
		}
	}
	return members
}

func fromValue(field protoreflect.FieldDescriptor, value protoreflect.Value) any {
	switch field.Kind() {
	case protoreflect.MessageKind:
		return FromProto(value.Message())
	case protoreflect.BytesKind:
		return string(value.Bytes())
	case protoreflect.EnumKind:
		if named := field.Enum().Values().ByNumber(value.Enum()); named != nil {
			return shortEnum(field.Enum(), named)
		}
		return int64(value.Enum())
	}
	return value.Interface()
}

// shortEnum: OUTCOME_ACK is "ack".
func shortEnum(enum protoreflect.EnumDescriptor, value protoreflect.EnumValueDescriptor) string {
	zero := string(enum.Values().ByNumber(0).Name())
	prefix := zero[:strings.LastIndex(zero, "_")+1]
	for !allBegin(enum, prefix) {
		prefix = prefix[:strings.LastIndex(strings.TrimSuffix(prefix, "_"), "_")+1]
	}
	return strings.ToLower(strings.TrimPrefix(string(value.Name()), prefix))
}

func allBegin(enum protoreflect.EnumDescriptor, prefix string) bool {
	for i := range enum.Values().Len() {
		if !strings.HasPrefix(string(enum.Values().Get(i).Name()), prefix) {
			return false
		}
	}
	return true
}

// ToProto fills a message from plain values as FromProto makes them. Members of bytes fields may also be named NAME_base64, or
// NAME_bytes for so many "x"; "handler" in a Delivery is the steps that stand in the payload; enums may be numbers.
func ToProto(members map[string]any, message protoreflect.Message) error {
	fields := message.Descriptor().Fields()
	for name, value := range members {
		if name == "handler" && fields.ByName("payload") != nil {
			encoded, err := json.Marshal(map[string]any{"steps": value})
			if err != nil {
				return err
			}
			message.Set(fields.ByName("payload"), protoreflect.ValueOfBytes(encoded))
			continue
		}
		field := fields.ByName(protoreflect.Name(name))
		if field == nil {
			if set, err := setSpecial(message, name, value); set || err != nil {
				if err != nil {
					return err
				}
				continue
			}
			return fmt.Errorf("%s has no field %q", message.Descriptor().Name(), name)
		}
		if err := setField(message, field, value); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func setSpecial(message protoreflect.Message, name string, value any) (bool, error) {
	fields := message.Descriptor().Fields()
	if base, ok := strings.CutSuffix(name, "_base64"); ok && fields.ByName(protoreflect.Name(base)) != nil {
		decoded, err := Base64(fmt.Sprint(value))
		if err == nil {
			message.Set(fields.ByName(protoreflect.Name(base)), protoreflect.ValueOfBytes(decoded))
		}
		return true, err
	}
	if base, ok := strings.CutSuffix(name, "_bytes"); ok && fields.ByName(protoreflect.Name(base)) != nil {
		count, ok := Number(value)
		if !ok {
			return true, fmt.Errorf("%s is no number", name)
		}
		return true, setField(message, fields.ByName(protoreflect.Name(base)), strings.Repeat("x", int(count)))
	}
	return false, nil
}

func setField(message protoreflect.Message, field protoreflect.FieldDescriptor, value any) error {
	switch {
	case value == nil:
		return nil
	case field.IsMap():
		entries, ok := value.(map[string]any)
		if !ok {
			return fmt.Errorf("should be a map")
		}
		target := message.Mutable(field).Map()
		for key, one := range entries {
			target.Set(protoreflect.ValueOfString(key).MapKey(), protoreflect.ValueOfString(fmt.Sprint(one)))
		}
		return nil
	case field.IsList():
		elements, ok := value.([]any)
		if !ok {
			return fmt.Errorf("should be a list")
		}
		target := message.Mutable(field).List()
		for _, one := range elements {
			if field.Kind() == protoreflect.MessageKind {
				if err := ToProto(toMap(one), target.AppendMutable().Message()); err != nil {
					return err
				}
				continue
			}
			scalar, err := toScalar(field, one)
			if err != nil {
				return err
			}
			target.Append(scalar)
		}
		return nil
	case field.Kind() == protoreflect.MessageKind:
		return ToProto(toMap(value), message.Mutable(field).Message())
	}
	scalar, err := toScalar(field, value)
	if err == nil {
		message.Set(field, scalar)
	}
	return err
}

// toMap takes [name, value] for a user property, and nothing for an empty message.
func toMap(value any) map[string]any {
	switch value := value.(type) {
	case map[string]any:
		return value
	case []any:
		if len(value) == 2 {
			return map[string]any{"name": value[0], "value": value[1]}
		}
	}
	return map[string]any{}
}

func toScalar(field protoreflect.FieldDescriptor, value any) (protoreflect.Value, error) {
	number, isNumber := Number(value)
	switch field.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(fmt.Sprint(value)), nil
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte(fmt.Sprint(value))), nil
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(value == true), nil
	case protoreflect.EnumKind:
		for i := range field.Enum().Values().Len() {
			if named := field.Enum().Values().Get(i); shortEnum(field.Enum(), named) == value {
				return protoreflect.ValueOfEnum(named.Number()), nil
			}
		}
		if isNumber {
			return protoreflect.ValueOfEnum(protoreflect.EnumNumber(number)), nil
		}
	case protoreflect.Uint32Kind:
		if isNumber {
			return protoreflect.ValueOfUint32(uint32(number)), nil
		}
	case protoreflect.Uint64Kind:
		if isNumber {
			return protoreflect.ValueOfUint64(uint64(number)), nil
		}
	case protoreflect.Int64Kind:
		if isNumber {
			return protoreflect.ValueOfInt64(int64(number)), nil
		}
	}
	return protoreflect.Value{}, fmt.Errorf("%s cannot be %v", field.Name(), value)
}
