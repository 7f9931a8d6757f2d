#include "server/journal/format.h"

#include "absl/strings/str_cat.h"
#include "server/journal/crc32c.h"

namespace sluice {
namespace {

constexpr std::string_view kHeadMagic("SLUICEJ\n", 8);
constexpr uint32_t kSyncedFlag = 1;

std::optional<SegmentHead> DecodeCopy(std::string_view bytes) {
  if (bytes.size() < kHeadCopySize || !bytes.starts_with(kHeadMagic)) return std::nullopt;
  const char* at = bytes.data();
  if (GetFixed<uint32_t>(at + 60) != Crc32c(bytes.substr(0, 60))) return std::nullopt;
  SegmentHead head;
  head.major = GetFixed<uint16_t>(at + 8);
  head.minor = GetFixed<uint16_t>(at + 10);
  head.sequence = GetFixed<uint32_t>(at + 12);
  head.salt = GetFixed<uint64_t>(at + 16);
  head.previous_end = GetFixed<uint64_t>(at + 24);
  head.next_record = GetFixed<uint64_t>(at + 32);
  head.oldest = GetFixed<uint32_t>(at + 40);
  head.synced = (GetFixed<uint32_t>(at + 44) & kSyncedFlag) != 0;
  return head;
}

}  // namespace

const char* KindName(uint8_t kind) {
  switch (static_cast<RecordKind>(kind)) {
    case RecordKind::kMessage:
      return "message";
    case RecordKind::kReply:
      return "reply";
    case RecordKind::kEnd:
      return "settlement";
    case RecordKind::kConfirm:
      return "confirmation";
    case RecordKind::kAttempts:
      return "attempts";
    case RecordKind::kDead:
      return "dead letter";
    case RecordKind::kReceived:
      return "received packet";
    case RecordKind::kReleased:
      return "released packet";
    case RecordKind::kSynced:
      return "sync mark";
    case RecordKind::kLost:
      return "lost bytes";
  }
  return "record";
}

std::string EncodeHead(const SegmentHead& head) {
  std::string bytes(kHeadCopySize, '\0');
  char* at = bytes.data();
  std::memcpy(at, kHeadMagic.data(), kHeadMagic.size());
  PutFixed<uint16_t>(at + 8, head.major);
  PutFixed<uint16_t>(at + 10, head.minor);
  PutFixed<uint32_t>(at + 12, head.sequence);
  PutFixed<uint64_t>(at + 16, head.salt);
  PutFixed<uint64_t>(at + 24, head.previous_end);
  PutFixed<uint64_t>(at + 32, head.next_record);
  PutFixed<uint32_t>(at + 40, head.oldest);
  PutFixed<uint32_t>(at + 44, head.synced ? kSyncedFlag : 0);
  PutFixed<uint32_t>(at + 60, Crc32c(std::string_view(bytes).substr(0, 60)));
  return bytes + bytes;
}

absl::StatusOr<SegmentHead> DecodeHead(std::string_view bytes, const std::string& path, bool* damaged) {
  std::optional<SegmentHead> head = DecodeCopy(bytes);
  std::optional<SegmentHead> second = bytes.size() < kHeadSize ? std::nullopt : DecodeCopy(bytes.substr(kHeadCopySize));
  *damaged = !head || !second;
  if (!head) head = second;
  if (!head) return absl::DataLossError(absl::StrCat(path, ": the segment's head cannot be read"));
  if (head->major != kFormatMajor) {
    return absl::FailedPreconditionError(absl::StrCat(
        path, " has format ", head->major, ".", head->minor, ", and this program reads ", kFormatMajor, ".x: ",
        head->major > kFormatMajor
            ? "run the newer version of Sluice that wrote it"
            : "let the version of Sluice that wrote it settle everything, then start with an empty directory"));
  }
  return *head;
}

uint32_t FrameSeed(const SegmentHead& head) {
  char bytes[12];
  PutFixed<uint64_t>(bytes, head.salt);
  PutFixed<uint32_t>(bytes + 8, head.sequence);
  return Crc32c({bytes, sizeof bytes});
}

void EncodeFrameHeader(const FrameHeader& header, uint32_t seed, uint64_t offset, char* out) {
  std::memcpy(out, kFrameMagic.data(), kFrameMagic.size());
  out[2] = static_cast<char>(header.kind);
  out[3] = static_cast<char>(header.flags);
  PutFixed<uint32_t>(out + 4, header.body_size);
  PutFixed<uint32_t>(out + 8, header.body_crc);
  PutFixed<uint32_t>(out + 12, Crc32c({out, 12}, seed ^ static_cast<uint32_t>(offset)));
}

std::optional<FrameHeader> DecodeFrameHeader(const char* bytes, uint32_t seed, uint64_t offset) {
  if (std::memcmp(bytes, kFrameMagic.data(), kFrameMagic.size()) != 0) return std::nullopt;
  if (GetFixed<uint32_t>(bytes + 12) != Crc32c({bytes, 12}, seed ^ static_cast<uint32_t>(offset))) return std::nullopt;
  FrameHeader header;
  header.kind = static_cast<uint8_t>(bytes[2]);
  header.flags = static_cast<uint8_t>(bytes[3]);
  header.body_size = GetFixed<uint32_t>(bytes + 4);
  header.body_crc = GetFixed<uint32_t>(bytes + 8);
  return header;
}

uint64_t BodyReader::Varint() {
  uint64_t value = 0;
  for (size_t i = 0; i < kMaxVarintSize && i < left_.size(); ++i) {
    const auto byte = static_cast<uint8_t>(left_[i]);
    value |= static_cast<uint64_t>(byte & 0x7f) << (7 * i);
    if (byte < 0x80) {
      left_.remove_prefix(i + 1);
      return value;
    }
  }
  Fail();
  return 0;
}

uint8_t BodyReader::Byte() {
  const std::string_view byte = Take(1);
  return byte.empty() ? uint8_t{0} : static_cast<uint8_t>(byte[0]);
}

uint64_t BodyReader::Fixed64() {
  const std::string_view bytes = Take(8);
  return bytes.size() == 8 ? GetFixed<uint64_t>(bytes.data()) : 0;
}

std::string_view BodyReader::Take(uint64_t size) {
  if (size > left_.size()) {
    Fail();
    return {};
  }
  const std::string_view taken = left_.substr(0, static_cast<size_t>(size));
  left_.remove_prefix(taken.size());
  return taken;
}

}  // namespace sluice
