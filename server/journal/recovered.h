// What a journal gives back after a restart, as plain values: who wires it makes routes and chains of the names.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/journal/reply_refusal.h"
#include "server/message/message.h"
#include "server/message/message_id.h"
#include "server/route/route.h"

namespace sluice {

struct RecoveredMessage {
  RecordId record = 0;
  MessageId id;
  std::string connection;
  std::string route;
  std::string chain;
  std::string start_node;
  uint32_t attempts = 0;
  // With the properties, and with `received` as far in the past as the clocks say. The ordering key follows from its
  // topic and the chain's options.
  std::shared_ptr<Message> message;
};

struct RecoveredReply {
  RecordId record = 0;
  std::string connection;
  std::shared_ptr<OutboundMessage> message;
  std::optional<ReplyRefusal> refusal;  // See OutboxEntry.
};

struct RecoveredDeadLetter {
  RecoveredMessage message;
  std::string reason;
  std::string worker;
  int64_t unix_ms = 0;
};

// Bytes of a segment that could not be read.
struct JournalDamage {
  std::string path;
  uint32_t sequence = 0;
  uint64_t offset = 0;
  uint64_t length = 0;
  uint8_t kind = 0;       // Of the record, where its header could still be read; else 0.
  bool unsynced = false;  // So young that a power loss explains it.

  std::string ToString() const;
};

// What opening or inspecting a journal found.
struct JournalReport {
  uint32_t segments = 0;
  uint64_t bytes = 0;     // Of all records, dead or alive.
  uint64_t records = 0;   // Frames that could be read.
  uint64_t messages = 0;  // Live ones, from here on.
  uint64_t replies = 0;
  uint64_t dead_letters = 0;
  uint64_t received_packets = 0;
  uint64_t live_bytes = 0;
  uint64_t cut_bytes = 0;  // At the end, of a batch that was not written to its end: nobody was told that it was.
  std::vector<JournalDamage> damage;
  std::vector<std::string> warnings;

  // Something that was acknowledged may be lost.
  bool Damaged() const;
};

}  // namespace sluice
