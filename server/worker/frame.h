// One GatewayFrame before it is encoded, and one WorkerFrame after it was decoded.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/queue/dispatcher.h"
#include "server/worker/settle_handler.h"

namespace sluice {

// A delivery that waits for its frame.
struct PendingDelivery {
  Delivery delivery;
  SteadyTime lease_ends;  // Counted from when the session was handed it; after that it is another's.
  size_t size_bound = 0;  // Its encoded size is never larger.
};

struct DrainNotice {
  Millis deadline{0};  // From now. 0: none (worker), at once (gateway).
  std::string reason;
};

// What goes to the worker in one write.
struct OutgoingFrame {
  std::string welcome;  // Welcome, encoded; empty: none.
  std::vector<PendingDelivery> deliveries;
  std::vector<ItemResult> results;
  std::vector<Revocation> revokes;
  std::optional<uint64_t> ping;
  std::optional<uint64_t> pong;
  std::optional<DrainNotice> drain;

  bool empty() const {
    return welcome.empty() && deliveries.empty() && results.empty() && revokes.empty() && !ping && !pong &&
           !drain.has_value();
  }
  // Keeps the vectors' memory.
  void Clear();
};

struct Hello {
  uint32_t min_protocol_version = 1;
  uint32_t max_protocol_version = 1;
  std::string worker_name;
  std::string instance;
  std::string sdk;
  std::vector<std::string> chains;
  Window window;
  Millis lease{0};
  bool tells_began = false;  // Has the feature "began".
};

inline constexpr std::string_view kBeganFeature = "began";

struct LeaseExtension {
  uint64_t delivery_id = 0;
  Millis lease{0};
};

// What one frame of a worker said. Parts take effect in this order.
struct IncomingFrame {
  std::optional<Hello> hello;
  std::vector<uint64_t> began;
  std::optional<Window> window;
  std::vector<LeaseExtension> extends;
  std::vector<WorkerReply> replies;
  std::vector<WorkerSettle> settles;
  std::vector<ItemResult> invalid;  // Settles that were left out, with the reason.
  std::optional<uint64_t> ping;
  std::optional<uint64_t> pong;
  std::optional<DrainNotice> drain;
};

}  // namespace sluice
