#include "server/mqtt/wire/factory.h"

#include <utility>

#include "server/mqtt/wire/egress.h"
#include "server/mqtt/wire/intake.h"

namespace sluice {

std::unique_ptr<IntakeConnection> MakeWireIntake(MqttOptions options, std::vector<Subscription> subscriptions,
                                                 InboundSink& sink, const Clock& clock, MetricsRegistry& metrics) {
  return std::make_unique<wire::Intake>(
      std::make_shared<wire::IntakeCore>(std::move(options), std::move(subscriptions), sink, clock, metrics));
}

std::unique_ptr<Publisher> MakeWirePublisher(MqttOptions options, PublishListener& listener, const Clock& clock,
                                             MetricsRegistry& metrics) {
  return std::make_unique<wire::Egress>(
      std::make_shared<wire::EgressCore>(std::move(options), listener, clock, metrics));
}

}  // namespace sluice
