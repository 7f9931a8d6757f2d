#include <utility>

#include "server/gateway.h"
#include "server/mqtt/paho/factory.h"
#include "server/mqtt/wire/factory.h"

namespace sluice {

MqttDrivers MqttDrivers::Real() {
  return {
      .intake =
          [](const MqttOptions& options, std::vector<Subscription> subscriptions, InboundSink& sink, const Clock& clock,
             MetricsRegistry& metrics) {
            const auto make = options.driver == MqttDriver::kPaho ? &MakePahoIntake : &MakeWireIntake;
            return make(options, std::move(subscriptions), sink, clock, metrics);
          },
      .publisher = [](const MqttOptions& options, PublishListener& listener, const Clock& clock,
                      MetricsRegistry& metrics) { return MakeWirePublisher(options, listener, clock, metrics); },
      .end_session = [](const MqttOptions& options, std::function<void()> ended,
                        const Clock& clock) { return MakeWireSessionFarewell(options, std::move(ended), clock); },
      .shared = [](const MqttOptions& options, PublishListener& listener, const Clock& clock,
                   MetricsRegistry& metrics) { return MakeWireShared(options, listener, clock, metrics); },
  };
}

}  // namespace sluice
