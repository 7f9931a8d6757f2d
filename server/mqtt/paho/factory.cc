#include "server/mqtt/paho/factory.h"

#include <utility>

#include "server/mqtt/paho/intake.h"

namespace sluice {

std::unique_ptr<IntakeConnection> MakePahoIntake(MqttOptions options, std::vector<Subscription> subscriptions,
                                                 InboundSink& sink, const Clock& clock, MetricsRegistry& metrics) {
  return std::make_unique<paho::Intake>(
      std::make_shared<paho::IntakeCore>(std::move(options), std::move(subscriptions), sink, clock, metrics));
}

}  // namespace sluice
