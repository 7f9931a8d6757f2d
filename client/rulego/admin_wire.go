package rulego

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// What is asked of sluice.v1.AdminService are three small messages, so they are written by hand. Numbers are those of
// proto/sluice/v1/configuration.proto.
const (
	kindRoute = 1

	itemKind, itemID = 1, 2 // GetConfigurationItemRequest and DeleteConfigurationItemRequest alike.

	putKind, putYAML, putName = 1, 2, 3

	answerItem = 1 // GetConfigurationItemResponse.
	itemInFile = 3 // ConfigurationItem.
)

// bytesCodec hands gRPC messages that are encoded already.
type bytesCodec struct{}

func (bytesCodec) Name() string { return "proto" }

func (bytesCodec) Marshal(v any) ([]byte, error) {
	message, ok := v.(*[]byte)
	if !ok {
		return nil, fmt.Errorf("%T is no encoded message", v)
	}
	return *message, nil
}

func (bytesCodec) Unmarshal(data []byte, v any) error {
	message, ok := v.(*[]byte)
	if !ok {
		return fmt.Errorf("%T takes no encoded message", v)
	}
	*message = append([]byte(nil), data...)
	return nil
}

func appendText(message []byte, field protowire.Number, text string) []byte {
	return protowire.AppendString(protowire.AppendTag(message, field, protowire.BytesType), text)
}

func appendNumber(message []byte, field protowire.Number, number uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(message, field, protowire.VarintType), number)
}

func putRequest(yaml, name string) []byte {
	return appendText(appendText(appendNumber(nil, putKind, kindRoute), putYAML, yaml), putName, name)
}

func itemRequest(id string) []byte {
	return appendText(appendNumber(nil, itemKind, kindRoute), itemID, id)
}

// field is the last of its number in a message: a number, or the bytes of a text or message.
func field(message []byte, wanted protowire.Number) (number uint64, bytes []byte) {
	for len(message) > 0 {
		field, kind, size := protowire.ConsumeTag(message)
		if size < 0 {
			return number, bytes
		}
		message = message[size:]
		value := message
		size = protowire.ConsumeFieldValue(field, kind, message)
		if size < 0 {
			return number, bytes
		}
		message = message[size:]
		if field != wanted {
			continue
		}
		switch kind {
		case protowire.VarintType:
			number, _ = protowire.ConsumeVarint(value)
		case protowire.BytesType:
			bytes, _ = protowire.ConsumeBytes(value)
		}
	}
	return number, bytes
}

func inFile(answer []byte) bool {
	_, item := field(answer, answerItem)
	set, _ := field(item, itemInFile)
	return set == 1
}
