// Protobuf's wire format, as far as frames need it. Deliveries are read as views and settles are written straight into
// the outgoing frame, because generated classes allocate and copy each field.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace sluice::client::wire {

enum class Type : uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

struct Field {
  uint32_t number = 0;
  Type type = Type::kVarint;
  uint64_t value = 0;      // kVarint, kFixed64, kFixed32.
  std::string_view bytes;  // kBytes: a view into the input.
};

// Reads the fields of one encoded message, in the order they stand there.
class Reader {
 public:
  explicit Reader(std::string_view input) : at_(input.data()), end_(input.data() + input.size()) {}

  // False at the end of the input, and where it is malformed: then ok() is false.
  bool Next(Field& field) {
    if (at_ == end_) return false;
    uint64_t tag = 0;
    if (!Varint(tag) || tag > UINT32_MAX || (tag >> 3) == 0) return Fail();
    field.number = static_cast<uint32_t>(tag >> 3);
    field.type = static_cast<Type>(tag & 7);
    switch (field.type) {
      case Type::kVarint:
        return Varint(field.value) || Fail();
      case Type::kBytes: {
        uint64_t size = 0;
        if (!Varint(size) || size > static_cast<uint64_t>(end_ - at_)) return Fail();
        field.bytes = {at_, static_cast<size_t>(size)};
        at_ += size;
        return true;
      }
      case Type::kFixed64:
        return Fixed(8, field.value) || Fail();
      case Type::kFixed32:
        return Fixed(4, field.value) || Fail();
    }
    return Fail();  // Groups, which proto3 does not have, and types that do not exist.
  }
  bool ok() const { return ok_; }

 private:
  bool Fail() {
    ok_ = false;
    at_ = end_;
    return false;
  }
  bool Varint(uint64_t& value) {
    if (at_ != end_ && static_cast<uint8_t>(*at_) < 0x80) {
      value = static_cast<uint8_t>(*at_++);
      return true;
    }
    uint64_t result = 0;
    for (unsigned shift = 0; shift < 64 && at_ != end_; shift += 7) {
      const auto byte = static_cast<uint8_t>(*at_++);
      result |= static_cast<uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) {
        value = result;
        return true;
      }
    }
    return false;
  }
  bool Fixed(ptrdiff_t size, uint64_t& value) {
    if (end_ - at_ < size) return false;
    value = 0;
    for (ptrdiff_t i = 0; i < size; ++i) value |= static_cast<uint64_t>(static_cast<uint8_t>(at_[i])) << (8 * i);
    at_ += size;
    return true;
  }

  const char* at_;
  const char* end_;
  bool ok_ = true;
};

inline size_t VarintSize(uint64_t value) { return (static_cast<size_t>(std::bit_width(value | 1)) + 6) / 7; }

// The size of a field with its tag. As proto3 says, a default value is not written.
inline size_t VarintFieldSize(uint32_t number, uint64_t value) {
  return value == 0 ? 0 : VarintSize(uint64_t{number} << 3) + VarintSize(value);
}
// `present`: written even when empty (optional fields, messages in repeated fields).
inline size_t BytesFieldSize(uint32_t number, size_t size, bool present = false) {
  return size == 0 && !present ? 0 : VarintSize(uint64_t{number} << 3) + VarintSize(size) + size;
}

// Writes into memory that the caller has measured with the functions above.
class Writer {
 public:
  explicit Writer(char* at) : at_(at) {}

  void Varint(uint64_t value) {
    while (value >= 0x80) {
      *at_++ = static_cast<char>(value | 0x80);
      value >>= 7;
    }
    *at_++ = static_cast<char>(value);
  }
  void VarintField(uint32_t number, uint64_t value, bool present = false) {
    if (value == 0 && !present) return;
    Varint(uint64_t{number} << 3);
    Varint(value);
  }
  // The head of a field of `size` bytes that the caller writes next.
  void BytesHead(uint32_t number, size_t size) {
    Varint((uint64_t{number} << 3) | static_cast<uint64_t>(Type::kBytes));
    Varint(size);
  }
  void BytesField(uint32_t number, std::string_view bytes, bool present = false) {
    if (bytes.empty() && !present) return;
    BytesHead(number, bytes.size());
    if (!bytes.empty()) std::memcpy(at_, bytes.data(), bytes.size());
    at_ += bytes.size();
  }
  const char* at() const { return at_; }

 private:
  char* at_;
};

}  // namespace sluice::client::wire
