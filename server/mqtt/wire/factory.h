// The `wire` driver: Sluice's own MQTT client behind intake.h and publisher.h.
//
// Facts that its users see:
//  - A batch is what one read of the socket brought. The broker is sent its acknowledgements when OnMessages returned
//    OK; an error breaks the connection off unacknowledged, and the broker sends the messages again.
//  - A pause withholds acknowledgements: the broker's window closes after at most `receive_maximum` more messages of
//    QoS 1 and 2, while pings and QoS 0 go on.
//  - QoS 2 is exactly once over reconnects of this process as long as the broker keeps the session (out: with MQTT 5).
//  - Each connection has a thread of its own, which does not wait for a sink that waits for a disk (it says so with
//    AtMostOnce()): that is called from another, and acknowledgements follow.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "server/mqtt/intake.h"
#include "server/mqtt/options.h"
#include "server/mqtt/publisher.h"
#include "server/mqtt/shared_connection.h"
#include "server/runtime/clock.h"
#include "server/telemetry/metrics.h"

namespace sluice {

// `sink`, `clock` and `metrics` must outlive Stop(), and where Stop() missed its deadline the process. `subscriptions`
// have distinct filters and, with MQTT 5, distinct ids.
std::unique_ptr<IntakeConnection> MakeWireIntake(MqttOptions options, std::vector<Subscription> subscriptions,
                                                 InboundSink& sink, const Clock& clock, MetricsRegistry& metrics);

// Connects as RepliesClientId(options), first with a clean session. `listener`, `clock` and `metrics` as above.
std::unique_ptr<Publisher> MakeWirePublisher(MqttOptions options, PublishListener& listener, const Clock& clock,
                                             MetricsRegistry& metrics);

// Ends the session of this client id at the broker, however long it takes to get there; then `ended` is called, from
// its thread, and perhaps again. `clock` as above.
std::unique_ptr<SessionFarewell> MakeWireSessionFarewell(MqttOptions options, std::function<void()> ended,
                                                         const Clock& clock);

// Both in one connection, under the client id of intake.
SharedConnection MakeWireShared(MqttOptions options, PublishListener& listener, const Clock& clock,
                                MetricsRegistry& metrics);

}  // namespace sluice
