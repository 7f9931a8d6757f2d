// The `paho` driver: Eclipse Paho MQTT C++ behind intake.h. Replies go out through wire/. No Paho header is
// needed to use it.
//
// Facts that its users see:
//  - A batch is one message. Paho acknowledges when OnMessages returns, whatever it returned; so when it returns an
//    error, the process ends on the spot with kExitNotTaken, and the broker sends the message again.
//  - MQTT 3.1.1 and QoS 2: Paho sends PUBREC before OnMessages, so a kill in between loses the message. Subscribe at
//    QoS ≤ 1 there.
//  - A pause disconnects. With clean_session the broker then drops the session, and messages published meanwhile are
//    lost.
//  - All of Paho's clients in a process share two threads and one lock; a slow OnMessages slows every connection.
#pragma once

#include <memory>
#include <vector>

#include "server/mqtt/intake.h"
#include "server/mqtt/options.h"
#include "server/runtime/clock.h"
#include "server/telemetry/metrics.h"

namespace sluice {

// Exit status of a process whose sink could not take a message (EX_IOERR).
inline constexpr int kExitNotTaken = 74;

// `sink`, `clock` and `metrics` must outlive Stop(), and with it the result's destruction. `subscriptions` have
// distinct filters and, with MQTT 5, distinct ids.
std::unique_ptr<IntakeConnection> MakePahoIntake(MqttOptions options, std::vector<Subscription> subscriptions,
                                                 InboundSink& sink, const Clock& clock, MetricsRegistry& metrics);

}  // namespace sluice
