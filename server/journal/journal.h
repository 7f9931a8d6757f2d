// Where messages of QoS 1 and 2 stand between the broker's acknowledgement and their settlement, and
// replies until the broker has confirmed them. Implementations say what survives what.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "server/journal/reply_refusal.h"
#include "server/message/message.h"
#include "server/route/route.h"
#include "server/route/unroutable.h"

namespace sluice {

// A reply on its way into the outbox.
struct OutboxEntry {
  std::shared_ptr<const OutboundMessage> message;
  RecordId record = 0;          // Set by Settle().
  std::string_view connection;  // Where it is to be published; read by Settle() only.
  // Set: it is not to be published but kept with the dead letters; read by Settle() only.
  const ReplyRefusal* refusal = nullptr;
};

// A packet of QoS 2 that was taken in and not released (PUBREL) yet: its id must not be taken for a new message.
struct ReceivedPacket {
  std::string session;  // What the packet id counts in: the connection, or its client id.
  uint16_t packet_id = 0;

  friend bool operator==(const ReceivedPacket&, const ReceivedPacket&) = default;
};

// A message nobody is to get any more, and why.
struct DeadLetterNote {
  RecordId record = 0;
  uint32_t attempts = 0;
  std::string_view reason;
  std::string_view worker;  // The last that had it; may be empty.
  int64_t unix_ms = 0;      // When it died.
};

// How often a message was delivered so far.
struct AttemptsNote {
  RecordId record = 0;
  uint32_t attempts = 0;
};

// Thread-safe. Each call is one batch: one write, all or nothing.
//
// What is not purely virtual has a default that is right for a journal which keeps nothing across a restart.
class Journal {
 public:
  virtual ~Journal() = default;

  // Whether its calls wait for a disk. No network thread may make them then, but for messages of QoS 0 and Confirm().
  virtual bool waits_for_disk() const { return false; }

  // Takes messages in and gives each of QoS >= 1 its record; QoS 0 keeps record 0. On return of OK the broker may be
  // told. An error leaves nothing behind.
  virtual absl::Status Append(std::span<RoutedMessage> batch) = 0;

  // Append(), and in the same batch that these packets of QoS 2 have been taken in (PUBREC may be sent): both or
  // neither.
  virtual absl::Status AppendReceived(std::span<RoutedMessage> batch, std::span<const ReceivedPacket> /*packets*/) {
    return Append(batch);
  }

  // AppendReceived(), and in the same batch `unroutable`, of QoS >= 1, as dead letters from the begin: all or nothing.
  virtual absl::Status AppendIntake(std::span<RoutedMessage> batch, std::span<Unroutable> unroutable,
                                    std::span<const ReceivedPacket> packets) {
    if (!batch.empty() || !packets.empty()) {
      if (absl::Status status = AppendReceived(batch, packets); !status.ok()) return status;
    }
    for (Unroutable& each : unroutable) {
      if (absl::Status status = Append({&each.message, 1}); !status.ok()) return status;
      const DeadLetterNote note{
          .record = each.message.record, .reason = each.reason, .worker = {}, .unix_ms = each.unix_ms};
      if (absl::Status status = DeadLetter({&note, 1}); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  // These packets are complete (PUBREL came): their ids are free. Unknown ones are ignored.
  virtual absl::Status Release(std::span<const ReceivedPacket> /*packets*/) { return absl::OkStatus(); }

  // One transaction: ends the ingress `records` (0 is skipped) and puts `replies` into the outbox.
  virtual absl::Status Settle(std::span<const RecordId> records, std::span<OutboxEntry> replies) = 0;

  // The broker has confirmed these outbox records, or they have failed for good.
  virtual void Confirm(std::span<const RecordId> outbox_records) = 0;

  // Takes messages out of the ingress for good, but keeps them, with the reasons, until Settle() ends them: whoever
  // keeps dead letters has them by then.
  virtual absl::Status DeadLetter(std::span<const DeadLetterNote> /*notes*/) { return absl::OkStatus(); }

  // So that attempts go on counting after a restart. Not worth an error: what is lost is a count.
  virtual void NoteAttempts(std::span<const AttemptsNote> /*notes*/) {}

  struct Depth {
    size_t ingress_messages = 0;
    size_t outbox_messages = 0;
    size_t dead_letters = 0;
    size_t received_packets = 0;
    uint64_t live_bytes = 0;  // On disk, of all of these.
    uint64_t disk_bytes = 0;  // Of all segments.
  };
  virtual Depth depth() const = 0;
};

}  // namespace sluice
