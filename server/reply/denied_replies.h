// Says and counts which replies the gateway itself refuses.
#pragma once

#include <array>
#include <cstddef>
#include <map>
#include <string>
#include <string_view>

#include "server/runtime/mutex.h"
#include "server/telemetry/log_limit.h"
#include "server/telemetry/metrics.h"
#include "server/worker/settle_handler.h"

namespace sluice {

// "denied", "not_permitted" (by a rule), "invalid_topic", …: as in metrics and before the reason of a dead letter.
std::string_view DenialName(ItemResult::Code code, bool by_rule = false);

// Thread-safe.
class DeniedReplies {
 public:
  // `then`: what is done with them, for the log: "dead_letter" or "drop".
  DeniedReplies(const Clock& clock, MetricsRegistry& metrics, std::string_view then);

  // A chain of the configuration: its counters are there from now on, whoever asks for them.
  void Expect(std::string_view chain);

  struct Denied {
    std::string_view chain;
    std::string_view worker;
    std::string_view topic;  // Any bytes.
    ItemResult::Code code;
    std::string_view why;
    bool by_rule = false;  // The worker's permissions refuse it, not what holds for all replies.
  };
  // A warning at a bounded rate, and a count by chain and reason.
  void Note(const Denied& denied);

 private:
  // Of chains that only templates or workers name, with counters of their own; replies of more are counted together.
  static constexpr size_t kMostNamed = 100;
  static constexpr size_t kCodes = 16;
  static constexpr size_t kByRule = kCodes - 1;
  using Counters = std::array<Counter*, kCodes>;

  // `slot`: a code, or kByRule.
  Counter& CounterOf(std::string_view chain, size_t slot);
  Counter& Make(std::string_view chain, size_t slot);

  MetricsRegistry& metrics_;
  const std::string then_;
  log::Limiter log_limit_;

  Mutex mutex_;
  std::map<std::string, Counters, std::less<>> counters_ ABSL_GUARDED_BY(mutex_);
  size_t named_ ABSL_GUARDED_BY(mutex_) = 0;  // Of counters_, without those that were expected.
};

}  // namespace sluice
