// A route: which messages it takes, what it does to them, which chain they go to.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/message/message.h"
#include "server/message/message_id.h"
#include "server/message/retained.h"
#include "server/route/chain_options.h"

namespace sluice {

// How a payload is to be read; the numbers are sluice.v1.DataType's.
enum class DataType : uint8_t { kUnspecified = 0, kJson = 1, kText = 2, kBinary = 3 };

// A chain, interned: equal names are the same object. One that the configuration names lives as long as the
// ChainDirectory; one whose name a message or a worker brought lives as long as somebody holds a ChainRef to it, and
// until the directory forgets it.
class Chain {
 public:
  explicit Chain(std::string chain_name = "", uint32_t chain_index = 0, ChainOptions options = {})
      : name(std::move(chain_name)), index(chain_index) {
    SetOptions(std::move(options));
  }
  Chain(const Chain&) = delete;
  Chain& operator=(const Chain&) = delete;

  // Thread-safe. Those of now; what was returned stays as it was, for as long as the chain.
  const ChainOptions& options() const { return *options_.load(std::memory_order_acquire); }
  // By one thread at a time. What was returned before is kept, some hundred bytes for each change.
  void SetOptions(ChainOptions options) {
    kept_.push_back(std::make_unique<const ChainOptions>(std::move(options)));
    options_.store(kept_.back().get(), std::memory_order_release);
  }

  bool can_be_forgotten() const { return users != nullptr; }

  // Set-up.
  std::string name;
  uint32_t index;  // Small: the position in per-chain tables. Another chain's, once this one is forgotten.
  std::atomic<uint32_t>* users = nullptr;  // Of one that can be forgotten: how many hold a ChainRef.

 private:
  std::vector<std::unique_ptr<const ChainOptions>> kept_;
  std::atomic<const ChainOptions*> options_ = nullptr;
};

// Holds a chain. What is configured is not counted, so that it costs no more than a pointer. As thread-safe as a
// std::shared_ptr.
class ChainRef {
 public:
  ChainRef() = default;
  // Null, or a chain that is configured, or that somebody holds.
  ChainRef(const Chain* chain) : chain_(chain) { Hold(); }  // NOLINT(google-explicit-constructor)
  ChainRef(const ChainRef& other) : chain_(other.chain_) { Hold(); }
  ChainRef(ChainRef&& other) noexcept : chain_(std::exchange(other.chain_, nullptr)) {}
  ChainRef& operator=(ChainRef other) noexcept {
    std::swap(chain_, other.chain_);
    return *this;
  }
  ~ChainRef() {
    if (chain_ != nullptr && chain_->users != nullptr) chain_->users->fetch_sub(1, std::memory_order_release);
  }

  const Chain* get() const { return chain_; }
  const Chain& operator*() const { return *chain_; }
  const Chain* operator->() const { return chain_; }
  friend bool operator==(const ChainRef& a, const ChainRef& b) { return a.chain_ == b.chain_; }

 private:
  void Hold() {
    if (chain_ != nullptr && chain_->users != nullptr) chain_->users->fetch_add(1, std::memory_order_relaxed);
  }

  const Chain* chain_ = nullptr;
};

class TargetPattern;

// `chain:ID[:startNode]`, already taken apart. With a `${…}` in it the pattern is resolved per message. Made by
// MakeTarget() (target.h). A fixed one's chain is one of the configuration.
struct Target {
  std::string text;                              // As configured, without the "chain:" prefix.
  const Chain* chain = nullptr;                  // Null when the text is a template.
  std::string start_node;                        // Of a fixed target.
  std::shared_ptr<const TargetPattern> pattern;  // Of a template; else null.
};

// Constant after configuration. Lives as long as the RouteTable, also when it is removed.
struct Route {
  std::string id;
  std::string connection;
  std::string filter;  // Without the $share prefix.
  std::string share;   // Group of a shared subscription (MQTT 5.0 §4.8.2); empty: none.
  Qos qos = Qos::kAtMostOnce;
  Retained retained = Retained::kNew;
  DataType data_type = DataType::kUnspecified;
  bool to_hex = false;
  bool headers_to_metadata = false;
  bool metadata_to_headers = false;
  bool trust_reply_headers = false;  // With headers_to_metadata: devices may name their replies' topic and QoS.
  Target target;

  // What is subscribed to: "$share/GROUP/FILTER" or the filter.
  std::string Subscription() const { return share.empty() ? filter : "$share/" + share + "/" + filter; }
};

// Names a record of the journal; 0: not journaled (QoS 0).
using RecordId = uint64_t;

// A message on its way to one chain, from intake until it is settled. Movable only: it stands in one place.
struct RoutedMessage {
  MessagePtr message;
  const Route* route = nullptr;
  ChainRef chain;
  std::string start_node;
  std::string_view ordering_key;  // Into the message's topic; empty: unordered.
  MessageId id;
  RecordId record = 0;
  uint32_t attempts = 0;  // Those that were delivered and count.

  RoutedMessage() = default;
  RoutedMessage(RoutedMessage&&) = default;
  RoutedMessage& operator=(RoutedMessage&&) = default;
  RoutedMessage(const RoutedMessage&) = delete;
  RoutedMessage& operator=(const RoutedMessage&) = delete;
};

}  // namespace sluice
