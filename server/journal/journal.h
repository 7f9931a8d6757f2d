// Where messages of QoS 1 and 2 stand between the broker's acknowledgement and their settlement, and
// replies until the broker has confirmed them. Implementations say what survives what.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "absl/status/status.h"
#include "server/message/message.h"
#include "server/route/route.h"

namespace sluice {

// A reply on its way into the outbox.
struct OutboxEntry {
  std::shared_ptr<const OutboundMessage> message;
  RecordId record = 0;  // Set by Settle().
};

// Thread-safe. Each call is one batch: one write, all or nothing.
class Journal {
 public:
  virtual ~Journal() = default;

  // Takes messages in and gives each of QoS >= 1 its record; QoS 0 keeps record 0. On return of OK the broker may be
  // told. An error leaves nothing behind.
  virtual absl::Status Append(std::span<RoutedMessage> batch) = 0;

  // One transaction: ends the ingress `records` (0 is skipped) and puts `replies` into the outbox.
  virtual absl::Status Settle(std::span<const RecordId> records, std::span<OutboxEntry> replies) = 0;

  // The broker has confirmed these outbox records, or they have failed for good.
  virtual void Confirm(std::span<const RecordId> outbox_records) = 0;

  struct Depth {
    size_t ingress_messages = 0;
    size_t outbox_messages = 0;
  };
  virtual Depth depth() const = 0;
};

}  // namespace sluice
