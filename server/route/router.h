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
  // `connection` gives the name for metrics and logs, and its session at the broker. It and `group` may go; all else
  // outlives the router. `unreleased`: packets of QoS 2 that earlier processes took in, of any session.
  Router(const MqttOptions& connection, std::span<const ReceivedPacket> unreleased, const SubscriptionGroup& group,
         ChainDirectory& chains, Journal& journal, RoutedSink& next, MetricsRegistry& metrics, const Clock& clock);
  Router(const Router&) = delete;
  Router& operator=(const Router&) = delete;

  // An error is the journal's: then nothing was handed on, and nothing may be acknowledged.
  absl::Status OnMessages(std::span<InboundMessage> batch) override;
  absl::Status OnReleased(std::span<const uint16_t> packet_ids) override;
  std::vector<uint16_t> UnreleasedPackets() override;
  absl::Status OnSessionLost() override;

 private:
  enum class Drop : uint8_t { kInvalidTopic, kInvalidProperties, kExpired, kNoRoute, kNoChain };
  static constexpr size_t kDrops = 5;

  // Lets through one line per interval, with the number of those it held back.
  struct LogGate {
    SteadyTime next{SteadyTime::min()};
    uint64_t held_back = 0;
  };

  void NoteUnreleased(uint16_t packet_id, bool unreleased);
  // `packet_ids` as the journal takes them; valid until the next call.
  std::span<const ReceivedPacket> PacketsOf(std::span<const uint16_t> packet_ids);
  void Take(const InboundMessage& inbound);
  void RouteTo(uint32_t route_at, const MessagePtr& message);
  const Chain* ResolveChain(const Route& route, const Message& message);
  bool IsExpired(const Message& message);
  bool Opens(LogGate& gate);
  void Count(Drop reason) { ++dropped_[static_cast<size_t>(reason)]; }
  // Once it is certain that the batch will not be offered again.
  void PublishCounts();

  // Constant after construction.
  const std::string connection_;
  const std::string session_;  // What packet ids count in.
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
  std::vector<uint32_t> routed_at_;      // Beside routed_: positions in index_.routes().
  std::vector<uint16_t> packet_ids_;     // Of QoS 2, of what was routed.
  std::vector<ReceivedPacket> packets_;  // See PacketsOf(): grows only, so that names are not copied again and again.
  std::vector<bool> unreleased_;         // By packet id; empty until there is one.
  std::array<uint64_t, 3> taken_{};      // Of the batch, as received_.
  std::array<uint64_t, kDrops> dropped_{};  // Of the batch, as drops_.
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
