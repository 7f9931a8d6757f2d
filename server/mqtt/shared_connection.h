// Both sides of an MQTT client in one connection.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "server/mqtt/intake.h"
#include "server/mqtt/publisher.h"

namespace sluice {

// Intake and egress of a connection in one MQTT connection. The two start it together: nothing is connected before the
// intake is started too, if there is one. Stopping the intake leaves replies going on; stopping the publisher
// disconnects.
struct SharedConnection {
  std::unique_ptr<Publisher> publisher;
  // Makes the intake. At most once, before either is started.
  std::function<std::unique_ptr<IntakeConnection>(std::vector<Subscription>, InboundSink&)> intake;
};

}  // namespace sluice
