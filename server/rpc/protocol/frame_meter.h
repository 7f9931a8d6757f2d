// The borders of HTTP/2 frames in a stream of bytes: what limits on frames are applied to, before nghttp2 sees them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice::rpc {

// RFC 9113 §4.1.
struct FrameHead {
  uint32_t length = 0;  // Without the head.
  uint8_t type = 0;
  uint8_t flags = 0;
  uint32_t stream = 0;
};

inline constexpr size_t kFrameHeadBytes = 9;
inline constexpr std::string_view kClientMagic = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// The client's preface, then frames. What is no frame at all goes on as nonsense heads, which nghttp2 refuses.
class FrameMeter {
 public:
  // Calls `see(head)` for each head that becomes whole. Once it returns false, the position behind that head is returned
  // and nothing more is looked at; else bytes.size().
  template <typename See>
  size_t Scan(std::string_view bytes, const See& see) {
    size_t at = 0;
    while (at < bytes.size()) {
      if (skip_ > 0) {
        const size_t skipped = skip_ < bytes.size() - at ? skip_ : bytes.size() - at;
        skip_ -= skipped;
        at += skipped;
        continue;
      }
      head_[have_++] = static_cast<uint8_t>(bytes[at++]);
      if (have_ < kFrameHeadBytes) continue;
      have_ = 0;
      const FrameHead head{
          .length = uint32_t{head_[0]} << 16 | uint32_t{head_[1]} << 8 | head_[2],
          .type = head_[3],
          .flags = head_[4],
          .stream =
              (uint32_t{head_[5]} << 24 | uint32_t{head_[6]} << 16 | uint32_t{head_[7]} << 8 | head_[8]) & 0x7fffffffu};
      skip_ = head.length;
      if (!see(head)) return at;
    }
    return at;
  }

  // A frame, or the preface, has begun and is not whole.
  bool within_frame() const { return skip_ > 0 || have_ > 0; }

 private:
  std::array<uint8_t, kFrameHeadBytes> head_{};
  size_t have_ = 0;
  size_t skip_ = kClientMagic.size();
};

}  // namespace sluice::rpc
