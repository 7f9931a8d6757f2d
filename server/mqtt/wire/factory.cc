#include "server/mqtt/wire/factory.h"

#include <utility>

#include "server/mqtt/wire/egress.h"
#include "server/mqtt/wire/intake.h"
#include "server/mqtt/wire/session_end.h"

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

std::unique_ptr<SessionFarewell> MakeWireSessionFarewell(MqttOptions options, std::function<void()> ended, const Clock& clock) {
  return std::make_unique<wire::EndOfSession>(
      std::make_shared<wire::SessionEndCore>(std::move(options), std::move(ended), clock));
}

}  // namespace sluice
