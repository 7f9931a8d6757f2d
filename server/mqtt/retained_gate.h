// Which retained messages come in. MQTT 5 lets a SUBSCRIBE say so; with 3.1.1 a broker sends them with every one, and
// the gateway drops what was not asked for. Does no I/O of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/mqtt/intake.h"
#include "server/mqtt/options.h"
#include "server/telemetry/metrics.h"

namespace sluice {

// Not thread-safe. Subscriptions are named by their index.
class RetainedGate {
 public:
  RetainedGate(std::span<const Subscription> subscriptions, bool mqtt5);

  // A connection is up. A session of an earlier process has what Subscription::held says.
  void OnUp(bool session_present);
  // A SUBSCRIBE goes out for it.
  void Asked(size_t index);
  // Its answer came.
  void Answered(size_t index, bool granted);
  // It was unsubscribed from.
  void Left(size_t index);

  // Of a message with the RETAIN flag, which MQTT 3.1.1 has for those that answer a SUBSCRIBE only (MQTT-3.3.1-9).
  // `dup`: sent before, and not acknowledged.
  bool Drops(std::string_view topic, bool dup) const;

 private:
  struct Item {
    std::string filter;  // Without $share/GROUP/.
    Retained retained = Retained::kNew;
    bool held = false;  // In the session.
    bool drops = false;
  };

  std::vector<Item> items_;  // With MQTT 5 none.
};

// Counts what is dropped.
Counter& UnwantedRetained(MetricsRegistry& metrics, const MqttOptions& options);

// Retain Handling of a SUBSCRIBE (MQTT 5.0 §3.8.3.1). `had`: this process has had those of this subscription.
uint8_t RetainHandling(const Subscription& subscription, const MqttOptions& options, bool had);

}  // namespace sluice
