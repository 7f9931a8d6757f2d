// Protobuf's wire format, read by hand from contiguous bytes. Never reads outside them, whatever they hold.
#pragma once

#include <cstdint>
#include <string_view>

namespace sluice {

class WireReader {
 public:
  explicit WireReader(std::string_view bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  // The next field's tag (number << 3 | wire type), or 0 at the end and after an error.
  uint32_t NextTag() {
    if (at_ == end_ || failed_) return 0;
    // Like protobuf, cut to 32 bits; there is no field number 0.
    auto tag = static_cast<uint32_t>(Varint());
    return tag < 8 ? Fail() : tag;
  }
  // The value after a tag of that type; 0 or empty after an error.
  uint64_t Varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 70 && at_ != end_; shift += 7) {
      auto byte = static_cast<uint8_t>(*at_++);
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return Fail();
  }
  std::string_view Bytes() {
    uint64_t size = Varint();
    if (failed_ || size > static_cast<uint64_t>(end_ - at_)) {
      Fail();
      return {};
    }
    std::string_view bytes(at_, static_cast<size_t>(size));
    at_ += size;
    return bytes;
  }
  // Passes over the value of a field that is not known.
  void Skip(uint32_t tag);

  bool AtEnd() const { return at_ == end_ || failed_; }
  bool ok() const { return !failed_; }

 private:
  uint32_t Fail() {
    failed_ = true;
    return 0;
  }
  void Advance(size_t size) {
    if (size > static_cast<size_t>(end_ - at_)) {
      Fail();
    } else {
      at_ += size;
    }
  }

  const char* at_;
  const char* const end_;
  bool failed_ = false;
};

}  // namespace sluice
