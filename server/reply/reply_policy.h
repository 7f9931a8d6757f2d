// Decides what a worker's reply becomes: where it goes, at which QoS, and whether it may. Pure.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "server/message/message.h"
#include "server/route/route.h"
#include "server/worker/settle_handler.h"

namespace sluice {

// No topic anywhere: nothing is published, which is no error (RuleGo's contract).
struct NothingToPublish {};

// Why the gateway does not publish it, for the worker.
struct ReplyRefused {
  ItemResult::Code code;
  std::string message;
  // What it would have been, as far as it can be: a QoS out of range counts as 2.
  std::unique_ptr<OutboundMessage> reply;
  bool by_rule = false;  // The worker's permissions refuse it.
};

using ReplyDecision = std::variant<NothingToPublish, ReplyRefused, std::unique_ptr<OutboundMessage>>;

struct ReplyRules {
  // True when a reply may go to `topic`; else the reason is put into `why`. Called for valid topic names only.
  std::function<bool(const Route& route, std::string_view topic, std::string& why)> permits;
  size_t max_payload_bytes = 32u << 20;
  // See CheckNoControlCharacters().
  bool allow_control_characters = false;
  // What is refused goes to the dead letters.
  bool keep_denied = true;
};

// Topic: the reply's, else metadata "responseTopic", else the message's MQTT 5 Response Topic. QoS: the reply's, else
// metadata "responseQos" (not a number counts as 0, as in RuleGo), else 0. Correlation data of the message is
// echoed when the reply goes to the message's Response Topic and brings none (MQTT 5.0 §4.10.1). Takes the reply's
// strings. `OutboundMessage::made` is the caller's.
ReplyDecision DecideReply(WorkerReply& reply, const Message& message, const Route& route, const ReplyRules& rules);

// Why `reply` must not be published on the connection of `route`, without ReplyRefused::reply; nullopt if it may.
std::optional<ReplyRefused> CheckReply(const OutboundMessage& reply, const Route& route, const ReplyRules& rules);

}  // namespace sluice
