// A route: which messages it takes, what it does to them, which chain they go to.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "server/message/message.h"
#include "server/message/message_id.h"

namespace sluice {

// How a payload is to be read; the numbers are sluice.v1.DataType's.
enum class DataType : uint8_t { kUnspecified = 0, kJson = 1, kText = 2, kBinary = 3 };

// Which messages of a chain keep their order: none, those of one topic, or those whose topic has the same
// level `level` (1-based; a topic with fewer levels is its own key).
struct OrderBy {
  enum class Kind : uint8_t { kNone, kTopic, kLevel };
  Kind kind = Kind::kNone;
  uint32_t level = 0;

  friend bool operator==(const OrderBy&, const OrderBy&) = default;
};

// How dead letters are published: `auto` is the payload with user properties that tell why where MQTT 5 has them, and
// an envelope where it does not (3.1.1).
enum class DeadLetterFormat : uint8_t { kAuto, kPayload, kEnvelope };

struct ChainOptions {
  OrderBy order_by;
  Millis lease{30'000};         // What a delivery gets where the worker does not ask.
  Millis max_lease{600'000};    // Extends end here, counted from the delivery.
  uint32_t max_attempts = 5;    // Then the message is dead-lettered. At least 1.
  Millis retry_backoff{1'000};  // Before attempt 2; doubles with each, with jitter.
  Millis max_retry_backoff{60'000};
  size_t max_messages = 10'000;  // Waiting in the queue; in flight is bounded by the workers' windows.
  size_t max_bytes = 64u << 20;
  std::string dead_letter_topic;  // Empty: kept, not published.
  Qos dead_letter_qos = Qos::kAtLeastOnce;
  DeadLetterFormat dead_letter_format = DeadLetterFormat::kAuto;

  friend bool operator==(const ChainOptions&, const ChainOptions&) = default;
};

// A chain, interned: equal names are the same object, which lives as long as the ChainDirectory.
struct Chain {
  std::string name;
  uint32_t index = 0;  // Dense, from 0: the position in per-chain tables.
  ChainOptions options;
};

class TargetPattern;

// `chain:ID[:startNode]`, already taken apart. With a `${…}` in it the pattern is resolved per message. Made by
// MakeTarget() (target.h).
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
  DataType data_type = DataType::kUnspecified;
  bool to_hex = false;
  bool headers_to_metadata = false;
  bool metadata_to_headers = false;
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
  const Chain* chain = nullptr;
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
