// Package wire is protobuf's wire format, as far as frames need it. Deliveries are read as views and settles are written
// straight into the outgoing frame, because generated types allocate and copy each field.
package wire

import (
	"encoding/binary"
	"math/bits"
)

// Type of a field.
type Type uint8

// The types that proto3 has.
const (
	Varint  Type = 0
	Fixed64 Type = 1
	Bytes   Type = 2
	Fixed32 Type = 5
)

// Reader reads the fields of one encoded message, in the order they stand there. It keeps numbers where it could keep
// slices, since a pointer that is stored costs while the garbage collector runs.
type Reader struct {
	input      []byte
	at         int
	start, end int // Of Bytes.
	bad        bool

	// The field that Next has found.
	Type   Type
	Number uint32
	Value  uint64 // Varint, Fixed64, Fixed32.
}

// NewReader of an encoded message.
func NewReader(input []byte) Reader { return Reader{input: input} }

// OK is false once the input has turned out to be malformed.
func (r *Reader) OK() bool { return !r.bad }

// Bytes is a view into the input.
func (r *Reader) Bytes() []byte { return r.input[r.start:r.end:r.end] }

// Next is false at the end of the input, and where it is malformed.
func (r *Reader) Next() bool {
	if r.at >= len(r.input) {
		return false
	}
	tag := uint64(r.input[r.at])
	r.at++
	if tag >= 0x80 {
		var ok bool
		r.at--
		if tag, ok = r.varint(); !ok || tag > 1<<32-1 {
			return r.fail()
		}
	}
	if tag>>3 == 0 {
		return r.fail()
	}
	r.Number, r.Type = uint32(tag>>3), Type(tag&7)
	switch r.Type {
	case Varint:
		var ok bool
		if r.Value, ok = r.varint(); !ok {
			return r.fail()
		}
	case Bytes:
		size, ok := r.varint()
		if !ok || size > uint64(len(r.input)-r.at) {
			return r.fail()
		}
		r.start = r.at
		r.at += int(size)
		r.end = r.at
	case Fixed64:
		if len(r.input)-r.at < 8 {
			return r.fail()
		}
		r.Value = binary.LittleEndian.Uint64(r.input[r.at:])
		r.at += 8
	case Fixed32:
		if len(r.input)-r.at < 4 {
			return r.fail()
		}
		r.Value = uint64(binary.LittleEndian.Uint32(r.input[r.at:]))
		r.at += 4
	default: // Groups, which proto3 does not have, and types that do not exist.
		return r.fail()
	}
	return true
}

func (r *Reader) fail() bool {
	r.bad, r.at = true, len(r.input)
	return false
}

func (r *Reader) varint() (uint64, bool) {
	if r.at < len(r.input) && r.input[r.at] < 0x80 {
		r.at++
		return uint64(r.input[r.at-1]), true
	}
	value, size := binary.Uvarint(r.input[r.at:])
	if size <= 0 {
		return 0, false
	}
	r.at += size
	return value, true
}

// VarintSize is the size of an encoded number.
func VarintSize(value uint64) int { return (bits.Len64(value|1) + 6) / 7 }

// VarintFieldSize is that of a field with its tag; as proto3 says, 0 is not written. Tags here have one byte: all field
// numbers are below 16.
func VarintFieldSize(value uint64) int {
	if value == 0 {
		return 0
	}
	return 1 + VarintSize(value)
}

// BytesSize is that of a field of so many bytes, with its tag, present also when empty.
func BytesSize(size int) int { return 1 + VarintSize(uint64(size)) + size }

// BytesFieldSize is the same of a field that is not written when empty.
func BytesFieldSize(size int) int {
	if size == 0 {
		return 0
	}
	return BytesSize(size)
}

// AppendVarint writes a field; 0 is written, too.
func AppendVarint(out []byte, number uint32, value uint64) []byte {
	return binary.AppendUvarint(append(out, byte(number<<3)), value)
}

// AppendVarintField writes a field unless it is 0.
func AppendVarintField(out []byte, number uint32, value uint64) []byte {
	if value == 0 {
		return out
	}
	return AppendVarint(out, number, value)
}

// AppendHead writes the head of a field of `size` bytes that the caller writes next.
func AppendHead(out []byte, number uint32, size int) []byte {
	return binary.AppendUvarint(append(out, byte(number<<3)|byte(Bytes)), uint64(size))
}

// AppendBytesField writes a field unless it is empty.
func AppendBytesField[T string | []byte](out []byte, number uint32, value T) []byte {
	if len(value) == 0 {
		return out
	}
	return append(AppendHead(out, number, len(value)), value...)
}
