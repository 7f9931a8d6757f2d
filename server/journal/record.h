// The bodies of records, and batches of them on their way into a segment.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "server/journal/format.h"
#include "server/journal/journal.h"
#include "server/journal/recovered.h"

namespace sluice {

// Gathers a batch in one buffer that is used again; payloads are copied once, into it. Not thread-safe.
class BatchEncoder {
 public:
  struct Frame {
    RecordKind kind;
    RecordId record;  // Of kMessage, kReply and kDead.
    uint32_t offset;  // In the batch.
    uint32_t size;
  };

  void Clear();

  void AddMessage(RecordId record, const RoutedMessage& routed);
  void AddReply(RecordId record, const OutboxEntry& entry);
  // kEnd or kConfirm; 0 is skipped. Nothing, if none is left.
  void AddIds(RecordKind kind, std::span<const RecordId> records);
  void AddAttempts(RecordId record, uint32_t attempts);
  void AddDead(const DeadLetterNote& note);
  void AddPacket(RecordKind kind, const ReceivedPacket& packet);
  void AddSynced(uint32_t sequence, uint64_t offset);
  // A record as it stands elsewhere.
  void AddCopy(RecordKind kind, RecordId record, std::string_view body);

  bool empty() const { return frames_.empty(); }
  size_t size() const { return size_; }
  std::span<const Frame> frames() const { return frames_; }
  // The batch, for `offset` of the segment with this seed. May be asked for again with another place.
  std::string_view Finish(uint32_t seed, uint64_t offset);

 private:
  // Room for a body of up to `most` bytes behind a frame header.
  char* Begin(size_t most);
  // The body begun last ends at `end`.
  void End(RecordKind kind, RecordId record, const char* end);

  std::unique_ptr<char[]> buffer_;
  size_t capacity_ = 0;
  size_t size_ = 0;
  std::vector<Frame> frames_;
};

// False: the body is no such record.
bool DecodeMessage(std::string_view body, RecoveredMessage& out);
bool DecodeReply(std::string_view body, RecoveredReply& out);
struct DecodedDead {
  RecordId record = 0;
  uint32_t attempts = 0;
  int64_t unix_ms = 0;
  std::string_view worker;
  std::string_view reason;
};
bool DecodeDead(std::string_view body, DecodedDead& out);
// kEnd and kConfirm; appends to `out`.
bool DecodeIds(std::string_view body, std::vector<RecordId>& out);
bool DecodeAttempts(std::string_view body, AttemptsNote& out);
bool DecodePacket(std::string_view body, ReceivedPacket& out);
bool DecodeSynced(std::string_view body, uint32_t& sequence, uint64_t& offset);
// The first number of a kMessage, kReply or kDead; 0: none.
RecordId DecodeRecordId(std::string_view body);

}  // namespace sluice
