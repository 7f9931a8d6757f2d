// What is known of one message, from wherever it was found, as TraceService says it. Pure.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "server/deadletter/store.h"
#include "server/journal/recovered.h"
#include "server/message/message_id.h"
#include "server/queue/whereabouts.h"
#include "server/tap/trace_ring.h"
#include "sluice/v1/trace.pb.h"

namespace sluice {

// A TracedStep with texts of its own.
struct KeptStep {
  explicit KeptStep(const TracedStep& step);

  TracedStep step;  // Its texts point nowhere: they are these.
  std::string topic, connection, chain, worker, outcome, detail;
};

struct KnownMessage {
  MessageId id;
  std::vector<KeptStep> steps;              // In any order.
  std::optional<Whereabouts> whereabouts;   // It waits in memory or is with a worker.
  std::optional<RecoveredMessage> on_disk;  // It stands in the journal alone.
  std::string on_disk_why;                  // For whom it waits there.
  std::optional<KeptLetter> letter;         // It is a dead letter,
  std::vector<KeptLetter> refused;          // or replies to it are.
  size_t unconfirmed = 0;
};

// Times of this process in those of people.
struct WallClock {
  SteadyTime now{};
  int64_t unix_ms = 0;

  int64_t Micros(SteadyTime time) const;
  int64_t Milliseconds(SteadyTime time) const { return Micros(time) / 1'000; }
};

// When the id was made: in milliseconds since the Unix epoch.
inline int64_t UnixMillisOf(MessageId id) { return static_cast<int64_t>(id.high >> 16); }

// `complete_since`: from then on no step of it is missing.
void ToProto(KnownMessage known, const WallClock& clock, SteadyTime complete_since, v1::TracedMessage& out);

}  // namespace sluice
