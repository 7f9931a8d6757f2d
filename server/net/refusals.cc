#include "server/net/refusals.h"

#include <utility>

namespace sluice {

Refusals::Refusals(std::string listener, std::initializer_list<std::string_view> reasons, const Clock& clock,
                   MetricsRegistry& metrics)
    : listener_(std::move(listener)), metrics_(metrics), limit_(clock, {.burst = 10, .interval = Millis(10'000)}) {
  AddReasons(reasons);
}

void Refusals::AddReasons(std::initializer_list<std::string_view> reasons) {
  for (std::string_view reason : reasons) {
    counters_[std::string(reason)] = &metrics_.GetCounter(
        "sluice_connections_refused_total", "Connections that a listener did not let in, or ended over a limit.",
        {{"listener", listener_}, {"reason", std::string(reason)}});
  }
}

void Refusals::Count(std::string_view reason, std::string_view peer, std::string_view detail, log::Level level) {
  const auto found = counters_.find(reason);
  if (found != counters_.end()) found->second->Add();
  constexpr std::string_view kEvent = "connection refused";
  if (!limit_.Admit(kEvent, reason)) return;
  log::Write(level, kEvent, {{"listener", listener_}, {"reason", reason}, {"peer", peer}, {"detail", detail}});
}

uint64_t Refusals::count(std::string_view reason) const {
  const auto found = counters_.find(reason);
  return found == counters_.end() ? 0 : found->second->value();
}

}  // namespace sluice
