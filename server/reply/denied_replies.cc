#include "server/reply/denied_replies.h"

#include <functional>

#include "server/message/utf8.h"
#include "server/queue/chain_metrics.h"
#include "server/telemetry/log.h"

namespace sluice {
namespace {

// A topic may have 64 KiB, and be anything.
constexpr size_t kShownTopicBytes = 256;

// Each that a check of a reply may end with.
constexpr ItemResult::Code kDenials[] = {ItemResult::Code::kDenied, ItemResult::Code::kInvalidTopic,
                                         ItemResult::Code::kInvalidQos, ItemResult::Code::kTooLarge,
                                         ItemResult::Code::kInvalid};

std::string Shown(std::string_view topic) {
  std::string shown(CutUtf8(topic, kShownTopicBytes));
  MendUtf8(shown.data(), shown.size());
  return shown;
}

}  // namespace

std::string_view DenialName(ItemResult::Code code, bool by_rule) {
  if (by_rule) return "not_permitted";
  switch (code) {
    case ItemResult::Code::kDenied:
      return "denied";
    case ItemResult::Code::kInvalidTopic:
      return "invalid_topic";
    case ItemResult::Code::kInvalidQos:
      return "invalid_qos";
    case ItemResult::Code::kTooLarge:
      return "too_large";
    default:
      return "invalid";
  }
}

DeniedReplies::DeniedReplies(const Clock& clock, MetricsRegistry& metrics, std::string_view then)
    : metrics_(metrics), then_(then), log_limit_(clock, {.burst = 5, .interval = Millis(1'000)}) {}

void DeniedReplies::Note(const Denied& denied) {
  CounterOf(denied.chain, denied.by_rule ? kByRule : static_cast<size_t>(denied.code)).Add();
  const std::string_view reason = DenialName(denied.code, denied.by_rule);
  if (!log_limit_.Admit("reply refused by the gateway", reason)) return;
  log::Warning("reply refused by the gateway", {{"chain", denied.chain},
                                                {"worker", denied.worker},
                                                {"topic", Shown(denied.topic)},
                                                {"reason", reason},
                                                {"why", denied.why},
                                                {"then", then_}});
}

void DeniedReplies::Expect(std::string_view chain) {
  MutexLock lock(mutex_);
  Counters& counters = counters_[std::string(chain)];
  for (const ItemResult::Code code : kDenials) {
    counters[static_cast<size_t>(code)] = &Make(chain, static_cast<size_t>(code));
  }
  counters[kByRule] = &Make(chain, kByRule);
}

Counter& DeniedReplies::CounterOf(std::string_view chain, size_t slot) {
  MutexLock lock(mutex_);
  auto found = counters_.find(chain);
  if (found == counters_.end()) {
    if (named_ < kMostNamed) {
      ++named_;
    } else {
      chain = kOtherChains;
    }
    found = counters_.try_emplace(std::string(chain)).first;
  }
  Counter*& counter = found->second[slot];
  if (counter == nullptr) counter = &Make(found->first, slot);
  return *counter;
}

Counter& DeniedReplies::Make(std::string_view chain, size_t slot) {
  return metrics_.GetCounter(
      "sluice_replies_denied_total", "Replies that the gateway itself refused, by chain and reason",
      {{"chain", std::string(chain)},
       {"reason", std::string(DenialName(static_cast<ItemResult::Code>(slot), slot == kByRule))}});
}

}  // namespace sluice
