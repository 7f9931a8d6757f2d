package gateway

import "fmt"

// rawCodec hands frames over as they stand on the wire: their size counts, and what a case sends need not be valid.
type rawCodec struct{}

func (rawCodec) Marshal(v any) ([]byte, error) {
	frame, ok := v.(*[]byte)
	if !ok {
		return nil, fmt.Errorf("a frame is bytes, not %T", v)
	}
	return *frame, nil
}

func (rawCodec) Unmarshal(data []byte, v any) error {
	frame, ok := v.(*[]byte)
	if !ok {
		return fmt.Errorf("a frame is bytes, not %T", v)
	}
	*frame = append([]byte(nil), data...)
	return nil
}

func (rawCodec) Name() string { return "proto" }
