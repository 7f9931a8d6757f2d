// The intake side of the gateway: from what a connection received to what stands in the journal and the chain queues.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "server/journal/journal.h"
#include "server/mqtt/intake.h"
#include "server/mqtt/options.h"
#include "server/route/chain_directory.h"
#include "server/route/route.h"
#include "server/route/route_index.h"
#include "server/route/unroutable.h"
#include "server/runtime/clock.h"
#include "server/runtime/mutex.h"
#include "server/spans/message_spans.h"
#include "server/telemetry/metrics.h"

namespace sluice {

// Where journaled messages go: the chain queues.
class RoutedSink {
 public:
  virtual ~RoutedSink() = default;
  // Takes all of them; what stays in `batch` is unspecified. From the drivers' threads; must not wait.
  virtual void Enqueue(std::span<RoutedMessage> batch) = 0;
};

// What an intake connection has received, by QoS.
struct ReceivedCounters {
  std::array<Counter*, 3> messages{};
  std::array<Counter*, 3> bytes{};  // Topic, payload, properties.
};
ReceivedCounters ReceivedBy(const std::string& connection, MetricsRegistry& metrics);

// One for each intake connection (each group of a plan). For each batch: check, match, process, resolve the target,
// name; then one append for the whole batch, then one Enqueue. A message of QoS 1 or 2 that no route or chain can take,
// or that is wrong inside, becomes a dead letter with the reason, in the same append. At QoS 0, and when it has expired,
// it is counted in sluice_messages_dropped_total and answered for all the same: sending it again would not help.
//
// Driven by one thread at a time (InboundSink's rule), so it has no lock; its buffers are reused. Where the journal waits
// for a disk there is a second one beside it, with the same routes, for messages of QoS 0.
class Router final : public InboundSink {
 public:
  // `connection` gives the name for metrics and logs, and its session at the broker. It and `group` may go; all else
  // outlives the router. `unreleased`: packets of QoS 2 that earlier processes took in, of any session.
  Router(const MqttOptions& connection, std::span<const ReceivedPacket> unreleased, const SubscriptionGroup& group,
         ChainDirectory& chains, Journal& journal, RoutedSink& next, UnroutableSink& unroutable,
         MetricsRegistry& metrics, const Clock& clock);
  Router(const Router&) = delete;
  Router& operator=(const Router&) = delete;

  // Set-up: of what it takes in, this decides what is traced. It outlives the router.
  void TraceBy(MessageSpans* spans);

  // An error is the journal's: then nothing was handed on, and nothing may be acknowledged.
  absl::Status OnMessages(std::span<InboundMessage> batch) override;
  InboundSink* AtMostOnce() override { return at_most_once_.get(); }
  absl::Status OnReleased(std::span<const uint16_t> packet_ids) override;
  std::vector<uint16_t> UnreleasedPackets() override;
  absl::Status OnSessionLost() override;
  std::vector<std::string> TakeRemainders() override { return std::exchange(remainders_, {}); }

  // What its packet identifiers count in.
  const std::string& session() const { return session_; }

  // From the next batch on messages go to the routes of `group`, those that still come for what it subscribed to before
  // to the routes of `retired`. From any thread.
  void SetRoutes(const SubscriptionGroup& group, const SubscriptionGroup& retired);

 private:
  enum class Drop : uint8_t { kInvalidTopic, kInvalidProperties, kExpired, kNoRoute, kNoChain, kUndeliverable };
  static constexpr size_t kDrops = 6;

  // Lets through one line per interval, with the number of those it held back.
  struct LogGate {
    SteadyTime next{SteadyTime::min()};
    uint64_t held_back = 0;
  };

  struct Beside {};
  Router(Beside, const Router& other);

  // What messages are matched against, and what goes with it.
  struct Routing {
    RouteIndex index;
    std::vector<std::string> share_prefixes;
    std::vector<Counter*> routed_by;  // As index.routes().
  };
  std::shared_ptr<const Routing> MakeRouting(const SubscriptionGroup& group, const SubscriptionGroup& retired) const;
  void Adopt(std::shared_ptr<const Routing> routing);
  void NoteUnreleased(uint16_t packet_id, bool unreleased);
  // `packet_ids` as the journal takes them; valid until the next call.
  std::span<const ReceivedPacket> PacketsOf(std::span<const uint16_t> packet_ids);
  void Take(const InboundMessage& inbound);
  void TakeOne(const InboundMessage& inbound);
  void RouteTo(uint32_t route_at, const MessagePtr& message);
  // Null: there is none, and no_chain_ says why.
  ChainRef ResolveChain(const Route& route, const Message& message);
  // No route is to get it, or `route` has no chain for it: at QoS 1 and 2 a dead letter.
  void Refuse(Drop reason, const Route* route, const MessagePtr& message, std::string_view why);
  // Of the message at hand, which is traced and ends here.
  void TraceDropped(const MessagePtr& message, const Route* route, std::string_view why);
  bool IsExpired(const Message& message);
  // It came for a subscription of an earlier configuration: which?
  void LookForRemainders(const InboundMessage& inbound);
  bool Opens(LogGate& gate);
  void Count(Drop reason) { ++dropped_[static_cast<size_t>(reason)]; }
  // Once it is certain that the batch will not be offered again.
  void PublishCounts();

  // Constant after construction.
  const std::string connection_;
  const std::string session_;  // What packet ids count in.
  MetricsRegistry& metrics_;
  ChainDirectory& chains_;
  Journal& journal_;
  RoutedSink& next_;
  UnroutableSink& unroutable_sink_;
  const Clock& clock_;
  const Route no_route_;  // Names the connection, and is none.
  const ReceivedCounters received_;
  MessageSpans* spans_ = nullptr;         // Null: nothing is traced.
  std::array<Counter*, kDrops> drops_{};  // By Drop.
  std::array<Counter*, kDrops> dead_{};   // By Drop; null: that is dropped at any QoS.

  std::atomic<bool> routing_changed_ = false;  // next_routing_ is to be taken.
  Mutex mutex_;
  std::shared_ptr<const Routing> next_routing_ ABSL_GUARDED_BY(mutex_);

  std::unique_ptr<Router> at_most_once_;  // Constant. Null: this one takes all.

  std::shared_ptr<const Routing> routing_;  // Of the thread that drives it.
  // Likewise. The buffers are empty between batches, with their room kept.
  std::optional<TraceParent> parent_;  // Of the message at hand, if it is traced.
  std::vector<SpanLink> traced_;       // Of the batch.
  std::vector<RoutedMessage> routed_;
  std::vector<uint32_t> routed_at_;  // Beside routed_: positions in the index' routes().
  std::vector<Unroutable> unroutable_;
  std::vector<uint16_t> packet_ids_;     // Of QoS 2, of what stands in the journal.
  std::vector<ReceivedPacket> packets_;  // See PacketsOf(): grows only, so that names are not copied again and again.
  std::vector<bool> unreleased_;         // By packet id; empty until there is one.
  std::array<uint64_t, 3> taken_{};      // Of the batch, as received_.
  std::array<uint64_t, 3> taken_bytes_{};
  std::array<uint64_t, kDrops> dropped_{};     // Of the batch, as drops_.
  std::array<uint64_t, kDrops> died_{};        // Of the batch, as dead_.
  absl::flat_hash_set<uint32_t> unknown_ids_;  // Those that were looked for.
  std::vector<std::string> remainders_;        // Found, and not taken yet.
  std::vector<uint32_t> scratch_;
  std::vector<uint32_t> found_;
  std::string chain_name_;
  std::string start_node_;
  std::string no_chain_;  // Why ResolveChain() found none.
  MessagePtr hex_;        // Of the message at hand, made when first needed.
  SteadyTime now_;        // Of the batch, when first needed.
  ChainRef last_chain_;   // Found for a template in this batch.
  LogGate refused_log_;
  LogGate unknown_identifier_log_;
};

}  // namespace sluice
