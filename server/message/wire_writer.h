// Protobuf's wire format, written by hand. The same description of a message runs over a WireSizer first and a
// WireWriter then, so that what is counted is what is written.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "server/message/message_id.h"
#include "server/message/utf8.h"

namespace sluice {

inline constexpr uint32_t kVarintType = 0;
inline constexpr uint32_t kFixed64Type = 1;
inline constexpr uint32_t kLengthType = 2;
inline constexpr uint32_t kFixed32Type = 5;

constexpr size_t VarintSize(uint64_t value) { return (static_cast<size_t>(std::bit_width(value | 1)) + 6) / 7; }

// Counts. Fields with their type's default are left out (proto3), unless the name says Always.
class WireSizer {
 public:
  void Varint(uint32_t field, uint64_t value) {
    if (value != 0) VarintAlways(field, value);
  }
  void VarintAlways(uint32_t field, uint64_t value) { size_ += TagSize(field) + VarintSize(value); }
  void Fixed64(uint32_t field, uint64_t) { size_ += TagSize(field) + sizeof(uint64_t); }
  void Fixed32(uint32_t field, uint32_t) { size_ += TagSize(field) + sizeof(uint32_t); }
  // `bytes` fields.
  void Bytes(uint32_t field, std::string_view bytes) {
    if (!bytes.empty()) BytesAlways(field, bytes);
  }
  void BytesAlways(uint32_t field, std::string_view bytes) {
    size_ += TagSize(field) + VarintSize(bytes.size()) + bytes.size();
  }
  // `string` fields.
  void String(uint32_t field, std::string_view text) { Bytes(field, text); }
  void StringAlways(uint32_t field, std::string_view text) { BytesAlways(field, text); }
  // A `string` field with a UUID's text.
  void Id(uint32_t field, const MessageId&) { size_ += TagSize(field) + 1 + MessageId::kTextSize; }
  // A nested message; `describe` is called with the writer or sizer of its inside.
  template <typename Describe>
  void Message(uint32_t field, const Describe& describe) {
    WireSizer inside;
    describe(inside);
    size_ += NestedSize(field, inside.size());
  }
  // A `bytes` field that stands elsewhere than in the buffer (see WireWriter): counted in size(), not in inline_size().
  void External(uint32_t field, std::string_view bytes) {
    BytesAlways(field, bytes);
    external_ += bytes.size();
  }

  size_t size() const { return size_; }
  size_t inline_size() const { return size_ - external_; }

  // Of a nested message whose inside takes so much.
  static constexpr size_t NestedSize(uint32_t field, size_t inside) {
    return TagSize(field) + VarintSize(inside) + inside;
  }
  static constexpr size_t TagSize(uint32_t field) { return VarintSize(uint64_t{field} << 3); }

 private:
  size_t size_ = 0;
  size_t external_ = 0;
};

// Writes into a buffer that a WireSizer found large enough.
class WireWriter {
 public:
  explicit WireWriter(uint8_t* out) : out_(out) {}

  void Varint(uint32_t field, uint64_t value) {
    if (value != 0) VarintAlways(field, value);
  }
  void VarintAlways(uint32_t field, uint64_t value) {
    Tag(field, kVarintType);
    Raw(value);
  }
  void Fixed64(uint32_t field, uint64_t value) {
    Tag(field, kFixed64Type);
    LittleEndian(value);
  }
  void Fixed32(uint32_t field, uint32_t value) {
    Tag(field, kFixed32Type);
    LittleEndian(value);
  }
  void Bytes(uint32_t field, std::string_view bytes) {
    if (!bytes.empty()) BytesAlways(field, bytes);
  }
  void BytesAlways(uint32_t field, std::string_view bytes) {
    Length(field, bytes.size());
    if (!bytes.empty()) std::memcpy(out_, bytes.data(), bytes.size());
    out_ += bytes.size();
  }
  void String(uint32_t field, std::string_view text) {
    if (!text.empty()) StringAlways(field, text);
  }
  void StringAlways(uint32_t field, std::string_view text) {
    BytesAlways(field, text);
    MendUtf8(reinterpret_cast<char*>(out_ - text.size()), text.size());
  }
  void Id(uint32_t field, const MessageId& id) {
    Length(field, MessageId::kTextSize);
    id.Format(reinterpret_cast<char*>(out_));
    out_ += MessageId::kTextSize;
  }
  template <typename Describe>
  void Message(uint32_t field, const Describe& describe) {
    WireSizer inside;
    describe(inside);
    Length(field, inside.size());
    describe(*this);
  }
  // Tag and length only; the caller puts the bytes after what is written so far.
  void External(uint32_t field, std::string_view bytes) { Length(field, bytes.size()); }
  // Tag and length of a nested message whose inside the caller writes next.
  void Length(uint32_t field, size_t size) {
    Tag(field, kLengthType);
    Raw(size);
  }

  uint8_t* position() const { return out_; }

 private:
  void Tag(uint32_t field, uint32_t type) { Raw(uint64_t{field} << 3 | type); }
  template <typename Number>
  void LittleEndian(Number value) {
    for (size_t i = 0; i < sizeof(Number); ++i) *out_++ = static_cast<uint8_t>(value >> 8 * i);
  }
  void Raw(uint64_t value) {
    while (value >= 0x80) {
      *out_++ = static_cast<uint8_t>(value | 0x80);
      value >>= 7;
    }
    *out_++ = static_cast<uint8_t>(value);
  }

  uint8_t* out_;
};

}  // namespace sluice
