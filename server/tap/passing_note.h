// What the stages tell of a message that passes.
#pragma once

#include <cstdint>
#include <string_view>

#include "server/message/message.h"
#include "server/message/message_id.h"
#include "server/message/qos.h"
#include "server/route/route.h"
#include "server/runtime/clock.h"

namespace sluice {

// The numbers are PassingStep's.
enum class PassingStep : uint8_t {
  kReceived = 1,
  kDelivered = 2,
  kSettled = 3,
  kReplied = 4,
  kConfirmed = 5,
  kDied = 6,
  kQueued = 7,
  kLeaseEnded = 8,
  kWorkerLost = 9,
  kDropped = 10,
};

// What a stage tells. The views need to hold only while it does.
struct PassingNote {
  PassingStep step = PassingStep::kReceived;
  MessageId message_id;
  std::string_view topic;
  Qos qos = Qos::kAtMostOnce;
  bool retain = false;
  std::string_view connection;
  std::string_view chain;
  std::string_view worker;
  uint32_t attempt = 0;
  std::string_view outcome;
  std::string_view detail;
  std::string_view payload;
  // kReceived: when the broker's packet was read, and whether the message stands in the journal.
  SteadyTime received{};
  bool journaled = false;
  // kReplied, kConfirmed: which of the replies it is, counted over the process. 0: nobody counts.
  uint32_t reply = 0;
};

// What a message itself says. `route` null, `chain` of none: it has none.
PassingNote NoteOf(PassingStep step, const Message& message, MessageId id, const Route* route, const ChainRef& chain);

}  // namespace sluice
