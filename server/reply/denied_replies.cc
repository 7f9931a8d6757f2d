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

std::string_view DenialName(ItemResult::Code code) {
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
  CounterOf(denied.chain, denied.code).Add();
  const std::string_view reason = DenialName(denied.code);
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
  for (const ItemResult::Code code : kDenials) counters[static_cast<size_t>(code)] = &Make(chain, code);
}

Counter& DeniedReplies::CounterOf(std::string_view chain, ItemResult::Code code) {
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
  Counter*& counter = found->second[static_cast<size_t>(code)];
  if (counter == nullptr) counter = &Make(found->first, code);
  return *counter;
}

Counter& DeniedReplies::Make(std::string_view chain, ItemResult::Code code) {
  return metrics_.GetCounter("sluice_replies_denied_total",
                             "Replies that the gateway itself refused, by chain and reason",
                             {{"chain", std::string(chain)}, {"reason", std::string(DenialName(code))}});
}

}  // namespace sluice
