// The bytes of a segment: its head, and the frame around each record. docs/journal.md draws them.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace sluice {

inline constexpr uint16_t kFormatMajor = 1;
inline constexpr uint16_t kFormatMinor = 0;

// What a record says. The numbers stand in files: never reuse one.
enum class RecordKind : uint8_t {
  kMessage = 1,   // Taken in.
  kReply = 2,     // Put into the outbox.
  kEnd = 3,       // Messages that are settled, or dead letters that are purged.
  kConfirm = 4,   // Replies that have left the outbox.
  kAttempts = 5,  // How often messages were delivered.
  kDead = 6,      // A message that is a dead letter from here on.
  kReceived = 7,  // A packet of QoS 2 was taken in ...
  kReleased = 8,  // ... and is complete.
  kSynced = 9,    // Up to where the log certainly stands on the disk.
  kLost = 10,     // Stands over bytes that could not be read when the journal was salvaged.
};
inline constexpr uint8_t kLastKind = 10;
// For people; "record" for kinds that are not known.
const char* KindName(uint8_t kind);

// ---- Segment head: twice, one after the other, so that one damaged byte does not cost a segment.

struct SegmentHead {
  uint16_t major = kFormatMajor;
  uint16_t minor = kFormatMinor;
  uint32_t sequence = 0;      // From 1, without gaps.
  uint64_t salt = 0;          // Random: bytes of another file, or of a payload, never pass for this segment's frames.
  uint32_t oldest = 0;        // Segments before this one were not needed any more when this one was made.
  uint64_t previous_end = 0;  // Where the frames of the segment before end; 0: there was none.
  uint64_t next_record = 1;   // No record before had this id or a higher one.
  bool synced = false;        // Whether the writer syncs: without, nothing is known about what a power loss leaves.

  friend bool operator==(const SegmentHead&, const SegmentHead&) = default;
};

inline constexpr size_t kHeadCopySize = 64;
inline constexpr size_t kHeadSize = 2 * kHeadCopySize;
// Offsets are 32-bit numbers, with room for one batch behind the last.
inline constexpr uint64_t kMaxSegmentBytes = 1u << 30;
inline constexpr size_t kMaxBatchBytes = 1u << 30;

std::string EncodeHead(const SegmentHead& head);
// `bytes`: the first kHeadSize of a file, or fewer. Both copies unreadable: DATA_LOSS; another major version, or not a
// segment at all: FAILED_PRECONDITION that says what to do. `damaged`: one copy could not be read.
absl::StatusOr<SegmentHead> DecodeHead(std::string_view bytes, const std::string& path, bool* damaged);

// ---- Frames

inline constexpr size_t kFrameHeaderSize = 16;
inline constexpr std::string_view kFrameMagic = "\xd5\x4c";
inline constexpr uint8_t kBatchBegins = 1;
inline constexpr uint8_t kBatchEnds = 2;

struct FrameHeader {
  uint8_t kind = 0;
  uint8_t flags = 0;
  uint32_t body_size = 0;
  uint32_t body_crc = 0;

  size_t frame_size() const { return kFrameHeaderSize + body_size; }
};

// What the checksums of a segment's frame headers begin with.
uint32_t FrameSeed(const SegmentHead& head);
// `offset`: where the frame stands in its segment.
void EncodeFrameHeader(const FrameHeader& header, uint32_t seed, uint64_t offset, char* out);
// nullopt: no frame begins here.
std::optional<FrameHeader> DecodeFrameHeader(const char* bytes, uint32_t seed, uint64_t offset);

// ---- Numbers

template <typename T>
void PutFixed(char* out, T value) {
  for (size_t i = 0; i < sizeof(T); ++i) out[i] = static_cast<char>(static_cast<uint64_t>(value) >> (8 * i));
}
template <typename T>
T GetFixed(const char* bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < sizeof(T); ++i) value |= static_cast<uint64_t>(static_cast<uint8_t>(bytes[i])) << (8 * i);
  return static_cast<T>(value);
}

// Seven bits a byte, the lowest first; all but the last have the top bit set.
inline constexpr size_t kMaxVarintSize = 10;
inline char* PutVarint(char* out, uint64_t value) {
  while (value >= 0x80) {
    *out++ = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  *out++ = static_cast<char>(value);
  return out;
}
// Small numbers of either sign as small numbers: 0, -1, 1, -2 …
inline uint64_t ZigZag(int64_t value) {
  return (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
}
inline int64_t UnZigZag(uint64_t value) { return static_cast<int64_t>((value >> 1) ^ (~(value & 1) + 1)); }

// Takes a record's body apart. After a read beyond the end everything reads as empty and ok() is false.
class BodyReader {
 public:
  explicit BodyReader(std::string_view bytes) : left_(bytes) {}

  uint64_t Varint();
  uint8_t Byte();
  uint64_t Fixed64();
  std::string_view Take(uint64_t size);
  // A length, and as many bytes.
  std::string_view Text() { return Take(Varint()); }
  std::string_view Rest() { return Take(left_.size()); }

  bool empty() const { return left_.empty(); }
  bool ok() const { return ok_; }
  void Fail() {
    ok_ = false;
    left_ = {};
  }

 private:
  std::string_view left_;
  bool ok_ = true;
};

}  // namespace sluice
