// The intake side of the gateway: from what a connection received to what stands in the journal and the chain queues.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "server/journal/journal.h"
#include "server/mqtt/driver.h"
#include "server/route/chain_directory.h"
#include "server/route/route.h"
#include "server/route/route_index.h"
#include "server/runtime/clock.h"
#include "server/telemetry/metrics.h"

namespace sluice {

// Where journaled messages go: the chain queues.
class RoutedSink {
 public:
  virtual ~RoutedSink() = default;
  // Takes all of them; what stays in `batch` is unspecified. From the drivers' threads; must not wait.
  virtual void Enqueue(std::span<RoutedMessage> batch) = 0;
};

// One for each intake connection (each group of a plan). For each batch: check, match, process, resolve the target,
// name; then one Append for the whole batch, then one Enqueue. A message that nothing wants, or that cannot be taken,
// is counted in sluice_messages_dropped_total by reason and answered for all the same: sending it again would not help.
//
// Driven by its connection's thread alone (InboundSink's rule), so it has no lock; its buffers are reused.
class Router final : public InboundSink {
 public:
  // `connection` is the name for metrics and logs. `group` may go; all else outlives the router.
  Router(std::string connection, const SubscriptionGroup& group, ChainDirectory& chains, Journal& journal,
         RoutedSink& next, MetricsRegistry& metrics, const Clock& clock);
  Router(const Router&) = delete;
  Router& operator=(const Router&) = delete;

  // An error is the journal's: then nothing was handed on, and nothing may be acknowledged.
  absl::Status OnMessages(std::span<InboundMessage> batch) override;

 private:
  enum class Drop : uint8_t { kInvalidTopic, kInvalidProperties, kExpired, kNoRoute, kNoChain };
  static constexpr size_t kDrops = 5;

  // Lets through one line per interval, with the number of those it held back.
  struct LogGate {
    SteadyTime next{SteadyTime::min()};
    uint64_t held_back = 0;
  };

  void Take(const InboundMessage& inbound);
  void RouteTo(uint32_t route_at, const MessagePtr& message);
  const Chain* ResolveChain(const Route& route, const Message& message);
  bool IsExpired(const Message& message);
  bool Opens(LogGate& gate);
  void Count(Drop reason) { drops_[static_cast<size_t>(reason)]->Add(); }

  // Constant after construction.
  const std::string connection_;
  const RouteIndex index_;
  ChainDirectory& chains_;
  Journal& journal_;
  RoutedSink& next_;
  const Clock& clock_;
  std::array<Counter*, 3> received_{};    // By QoS.
  std::array<Counter*, kDrops> drops_{};  // By Drop.
  std::vector<Counter*> routed_by_;       // As index_.routes().

  // Of the connection's thread. The buffers are empty between batches, with their room kept.
  std::vector<RoutedMessage> routed_;
  std::vector<uint32_t> routed_at_;  // Beside routed_: positions in index_.routes().
  std::vector<uint32_t> scratch_;
  std::vector<uint32_t> found_;
  std::string chain_name_;
  std::string start_node_;
  MessagePtr hex_;                                               // Of the message at hand, made when first needed.
  SteadyTime now_;                                               // Of the batch, when first needed.
  absl::flat_hash_map<std::string, const Chain*> known_chains_;  // Found for templates; bounded by the directory.
  LogGate invalid_log_;
  LogGate no_chain_log_;
  LogGate unknown_identifier_log_;
};

}  // namespace sluice
