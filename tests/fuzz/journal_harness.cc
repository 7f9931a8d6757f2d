#include "tests/fuzz/journal_harness.h"

#include <memory>
#include <utility>

#include "server/journal/inspect.h"
#include "server/journal/load.h"
#include "server/journal/record.h"
#include "server/journal/segment_journal.h"
#include "tests/fuzz/harness.h"
#include "tests/support/memory_files.h"

namespace sluice {
namespace {

constexpr char kDirectory[] = "/journal";

// The first byte of an input.
enum InputBits : uint8_t {
  kFrames = 1,     // The rest is frames (kind, flags, length, body), which get good checksums.
  kBadFrames = 2,  // Some of these do not.
  kTwo = 4,        // Two segments: the rest is cut in half.
};

SegmentHead HeadOf(uint32_t sequence) {
  SegmentHead head;
  head.sequence = sequence;
  head.salt = 1;
  head.synced = true;
  return head;
}

std::string SegmentOf(uint32_t sequence, std::string_view bytes, uint8_t bits, uint64_t previous_end) {
  if ((bits & kFrames) == 0) return std::string(bytes);
  SegmentHead head = HeadOf(sequence);
  head.previous_end = previous_end;
  std::string out = EncodeHead(head);
  while (bytes.size() >= 3) {
    const auto kind = static_cast<uint8_t>(bytes[0]);
    const auto flags = static_cast<uint8_t>(bytes[1]);
    const auto size = std::min<size_t>(static_cast<uint8_t>(bytes[2]), bytes.size() - 3);
    const std::string body(bytes.substr(3, size));
    bytes.remove_prefix(3 + size);
    BatchEncoder encoder;
    encoder.AddCopy(static_cast<RecordKind>(kind % 12), 0, body);
    std::string frame(encoder.Finish(FrameSeed(head), out.size()));
    FrameHeader header = *DecodeFrameHeader(frame.data(), FrameSeed(head), out.size());
    header.flags = flags & 3;
    EncodeFrameHeader(header, FrameSeed(head), out.size(), frame.data());
    if ((bits & kBadFrames) != 0 && (flags & 0x80) != 0) frame[flags & 15] ^= 4;
    out += frame;
  }
  return out;
}

// Everything that can be read, as one text; the number of entries.
std::pair<std::string, size_t> ReadAll(SegmentJournal& journal) {
  std::string text;
  size_t count = 0;
  RecordId after = 0;
  for (auto some = journal.ReadMessages(0, {.max_entries = 3}); !some.empty();
       some = journal.ReadMessages(after, {.max_entries = 3})) {
    for (const RecoveredMessage& each : some) {
      REQUIRE(each.record > after && each.message != nullptr);
      after = each.record;
      text += std::to_string(each.record) + each.chain + std::string(each.message->topic) +
              std::string(each.message->payload);
      ++count;
    }
  }
  after = 0;
  for (auto some = journal.ReadReplies(0); some.ok() && !some->empty(); some = journal.ReadReplies(after)) {
    for (const RecoveredReply& each : *some) {
      REQUIRE(each.record > after);
      after = each.record;
      text += std::to_string(each.record) + each.message->topic + each.message->payload;
      ++count;
    }
  }
  after = 0;
  for (auto some = journal.ReadDeadLetters(0); some.ok() && !some->empty(); some = journal.ReadDeadLetters(after)) {
    for (const RecoveredDeadLetter& each : *some) {
      REQUIRE(each.message.record > after);
      after = each.message.record;
      text += std::to_string(each.message.record) + each.reason;
      ++count;
    }
  }
  for (const ReceivedPacket& each : journal.ReadReceived()) text += each.session + std::to_string(each.packet_id);
  return {text, count};
}

}  // namespace

void RunJournalInput(std::string_view input) {
  if (input.empty()) return;
  const auto bits = static_cast<uint8_t>(input[0]);
  input.remove_prefix(1);
  MemoryFiles files;
  const size_t half = (bits & kTwo) != 0 ? input.size() / 2 : input.size();
  const std::string first = SegmentOf(1, input.substr(0, half), bits, 0);
  files.Put(std::string(kDirectory) + "/" + SegmentName(1), first);
  if ((bits & kTwo) != 0) {
    files.Put(std::string(kDirectory) + "/" + SegmentName(2), SegmentOf(2, input.substr(half), bits, first.size()));
  }

  auto inspection = InspectJournal(kDirectory, files);
  SegmentJournalOptions options;
  options.path = kDirectory;
  options.files = &files;
  options.background = false;
  options.fsync = Fsync::kOff;
  options.segment_bytes = 64u << 10;
  size_t unreadable = 0;
  options.on_warning = [&](const std::string&) { ++unreadable; };
  auto plain = SegmentJournal::Open(options);
  REQUIRE(!plain.ok() || (inspection.ok() && !inspection->report.Damaged()));
  if (plain.ok()) plain->reset();
  options.salvage = true;
  auto salvaged = SegmentJournal::Open(options);
  REQUIRE(salvaged.ok() || !plain.ok());
  if (!salvaged.ok()) return;
  auto [text, count] = ReadAll(**salvaged);
  const Journal::Depth depth = (*salvaged)->depth();
  REQUIRE(count + unreadable >= depth.ingress_messages + depth.outbox_messages + depth.dead_letters);

  // It goes on as a journal like any other.
  RoutedMessage routed;
  auto message = MakeMessage("t", "fresh");
  message->qos = Qos::kAtLeastOnce;
  routed.message = std::move(message);
  const absl::Status appended = (*salvaged)->Append({&routed, 1});
  REQUIRE(appended.ok() || routed.record == 0);
  (*salvaged)->Maintain();
  salvaged->reset();
  options.salvage = false;
  auto again = SegmentJournal::Open(options);
  REQUIRE(again.ok());
  REQUIRE((*again)->report().damage.empty());
  REQUIRE((*again)->depth().ingress_messages == depth.ingress_messages + 1);
  REQUIRE((*again)->depth().outbox_messages == depth.outbox_messages);
}

std::vector<std::string> JournalSeeds() {
  const auto frame = [](uint8_t kind, uint8_t flags, const std::string& body) {
    return std::string{static_cast<char>(kind), static_cast<char>(flags), static_cast<char>(body.size())} + body;
  };
  RoutedMessage routed;
  auto message = MakeMessage("plant/temp", "81.5");
  message->qos = Qos::kExactlyOnce;
  auto properties = std::make_unique<Properties>();
  properties->content_type = "text";
  properties->correlation_data = "c";
  properties->expiry_s = 60;
  properties->user = {{"a", "b"}};
  message->properties = std::move(properties);
  routed.message = std::move(message);
  OutboundMessage reply;
  reply.topic = "reply";
  BatchEncoder encoder;
  encoder.AddMessage(1, routed);
  encoder.AddReply(2, {.message = std::make_shared<OutboundMessage>(std::move(reply)), .connection = "plant"});
  encoder.AddMessage(3, routed);
  const std::vector<RecordId> ended{1};
  encoder.AddIds(RecordKind::kEnd, ended);
  encoder.AddAttempts(3, 2);
  encoder.AddDead({3, 5, "reason", "worker", 7});
  encoder.AddPacket(RecordKind::kReceived, {"plant", 7});
  encoder.AddSynced(1, 128);
  const SegmentHead head = HeadOf(1);
  const std::string bytes(encoder.Finish(FrameSeed(head), kHeadSize));
  std::string frames;
  std::string batches;
  for (const BatchEncoder::Frame& each : encoder.frames()) {
    const std::string body = bytes.substr(each.offset + kFrameHeaderSize, each.size - kFrameHeaderSize);
    frames += frame(static_cast<uint8_t>(each.kind), 3, body);
    batches += frame(static_cast<uint8_t>(each.kind),
                     each.offset == 0                          ? 1
                     : each.offset + each.size == bytes.size() ? 2
                                                               : 0,
                     body);
  }
  return {std::string(1, '\0') + EncodeHead(head) + bytes,
          std::string(1, '\0') + EncodeHead(head) + bytes + std::string(500, '\0'),
          std::string(1, kFrames) + frames,
          std::string(1, kFrames) + batches,
          std::string(1, kFrames | kBadFrames) + frames + frame(1, 0x83, "x") + frames,
          std::string(1, kFrames | kTwo) + frames + frames,
          std::string(1, kFrames | kTwo | kBadFrames) + batches + frame(3, 0x84, "xyz") + batches};
}

}  // namespace sluice
