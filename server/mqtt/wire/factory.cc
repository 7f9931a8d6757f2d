#include "server/mqtt/wire/factory.h"

#include <utility>

#include "server/mqtt/client_ids.h"
#include "server/mqtt/wire/egress.h"
#include "server/mqtt/wire/intake.h"
#include "server/mqtt/wire/session_end.h"
#include "server/mqtt/wire/shared.h"
#include "server/mqtt/wire/standalone.h"

namespace sluice {

std::unique_ptr<IntakeConnection> MakeWireIntake(MqttOptions options, std::vector<Subscription> subscriptions,
                                                 InboundSink& sink, const Clock& clock, MetricsRegistry& metrics) {
  return std::make_unique<wire::Intake>(
      wire::Standalone<wire::IntakeCore>::Make(std::move(options), wire::Link::Role::kIntake, clock, metrics,
                                               /*shares_link=*/false, std::move(subscriptions), sink, clock, metrics));
}

std::unique_ptr<Publisher> MakeWirePublisher(MqttOptions options, PublishListener& listener, const Clock& clock,
                                             MetricsRegistry& metrics) {
  options.client_id = RepliesClientId(options);
  return std::make_unique<wire::Egress>(wire::Standalone<wire::EgressCore>::Make(
      std::move(options), wire::Link::Role::kReplies, clock, metrics, listener, clock));
}

SharedConnection MakeWireShared(MqttOptions options, PublishListener& listener, const Clock& clock,
                                MetricsRegistry& metrics) {
  auto core = std::make_shared<wire::SharedCore>(std::move(options), listener, clock, metrics);
  SharedConnection shared;
  shared.publisher = std::make_unique<wire::Egress>(std::shared_ptr<wire::EgressCore>(core, &core->egress()));
  shared.intake = [core](std::vector<Subscription> subscriptions, InboundSink& sink) {
    wire::IntakeCore& intake = core->MakeIntake(std::move(subscriptions), sink);
    return std::make_unique<wire::Intake>(std::shared_ptr<wire::IntakeCore>(core, &intake));
  };
  return shared;
}

std::unique_ptr<SessionFarewell> MakeWireSessionFarewell(MqttOptions options, std::function<void()> ended,
                                                         const Clock& clock) {
  return std::make_unique<wire::EndOfSession>(
      std::make_shared<wire::SessionEndCore>(std::move(options), std::move(ended), clock));
}

}  // namespace sluice
