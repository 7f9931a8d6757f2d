#include "server/mqtt/paho/factory.h"

#include <utility>

#include "server/mqtt/paho/egress.h"
#include "server/mqtt/paho/intake.h"

namespace sluice {

std::unique_ptr<IntakeConnection> MakePahoIntake(MqttOptions options, std::vector<Subscription> subscriptions,
                                                 InboundSink& sink, const Clock& clock, MetricsRegistry& metrics) {
  return std::make_unique<paho::Intake>(
      std::make_shared<paho::IntakeCore>(std::move(options), std::move(subscriptions), sink, clock, metrics));
}

std::unique_ptr<Publisher> MakePahoPublisher(MqttOptions options, PublishListener& listener, const Clock& clock,
                                             MetricsRegistry& metrics) {
  return std::make_unique<paho::Egress>(
      std::make_shared<paho::EgressCore>(std::move(options), listener, clock, metrics));
}

}  // namespace sluice
