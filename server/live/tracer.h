// What has become of a message: TraceService's other side.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <utility>

#include "server/admin/trace_control.h"
#include "server/deadletter/store.h"
#include "server/journal/reader.h"
#include "server/live/trace_path.h"
#include "server/queue/dispatcher.h"
#include "server/reply/outbox.h"
#include "server/runtime/clock.h"
#include "server/tap/trace_ring.h"
#include "server/telemetry/metrics.h"

namespace sluice {

// Thread-safe. Nothing here is called on a message's path.
class Tracer final : public TraceControl {
 public:
  // All outlive it.
  struct Parts {
    const Clock& clock;
    const TraceRing& ring;
    const Dispatcher& dispatcher;
    const Outbox& outbox;
    const DeadLetterStore& letters;
    MessageReader* journal;  // Null: it is in memory, and holds nothing that does not wait there.
  };
  Tracer(Parts parts, MetricsRegistry& metrics);

  absl::Status Trace(const v1::TraceRequest& request, v1::TraceResponse& response) override;

 private:
  struct Search;
  using Known = std::map<std::pair<uint64_t, uint64_t>, KnownMessage>;

  // What is asked for, wherever it stands.
  void LookIntoSteps(const Search& search, Known& known) const;
  void LookIntoQueues(const Search& search, Known& known) const;
  absl::Status LookIntoLetters(const Search& search, Known& known) const;
  // True: there is more than was looked at.
  bool LookIntoJournal(const Search& search, Known& known) const;
  bool Scan(const Search& search, RecordId after, Known& known) const;
  // Where the journal has what came at the time of the message.
  RecordId JustBefore(int64_t unix_ms) const;
  // The rest of what is known of these.
  void AddSteps(Known& known) const;
  absl::Status AddRefusedReplies(Known& known) const;
  void AddUnconfirmed(Known& known) const;
  void SayWhyOnDisk(Known& known) const;
  absl::Status NotFound(const Search& search) const;

  const Parts parts_;
};

}  // namespace sluice
