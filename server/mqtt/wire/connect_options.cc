#include "server/mqtt/wire/connect_options.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "server/mqtt/backoff.h"
#include "server/mqtt/packet_size.h"

namespace sluice::wire {
namespace {

// Of a connection that subscribes.
constexpr uint16_t kFirstPacketId = 0x4000;
// How long the broker keeps a reply connection's session, so that QoS 2 stays exactly once over a reconnect.
constexpr uint32_t kRepliesSessionExpirySeconds = 300;

// From `first` on.
uint16_t RandomPacketId(uint16_t first) {
  return static_cast<uint16_t>(first + RandomSeed() % (size_t{UINT16_MAX} - first + 1));
}

}  // namespace

ConnectOptions OptionsOf(const MqttOptions& options, Link::Role role, const Presence& presence) {
  ConnectOptions connect;
  connect.mqtt5 = options.mqtt5;
  connect.client_id = options.client_id;
  if (!options.username.empty()) connect.username = options.username;
  if (!options.password.empty()) connect.password = options.password;
  connect.keep_alive_s = static_cast<uint16_t>(std::min<uint32_t>(options.keep_alive_s, UINT16_MAX));
  // It is not announced: a broker drops what is larger without a word (MQTT-3.1.2-25), and not every one counts right. So
  // it comes, passes by, and is told.
  connect.max_packet_bytes = UINT32_MAX;
  if (options.max_packet_bytes < kNoPacketLimit) connect.packet_limit = options.max_packet_bytes;
  connect.receive_maximum = options.receive_maximum;
  connect.receive_limit = UINT16_MAX;  // See MayRead() of intake, which bounds what is taken in.
  connect.will = presence.will();
  if (role != Link::Role::kReplies) {
    connect.clean_start = options.clean_session;
    connect.session_expiry_s = options.clean_session ? 0 : options.session_expiry_s;
    // Far from the broker's own, which begin at 1: mochi-mqtt takes a SUBSCRIBE for an answer to the PUBLISH of the
    // same identifier, refuses the one and forgets the other.
    connect.first_packet_id = role == Link::Role::kShared ? RandomPacketId(kFirstPacketId) : kFirstPacketId;
    connect.releases_inherited_ids = role == Link::Role::kShared;
    // No topic aliases: mochi-mqtt stores those of one connection with a session's messages and sends them on another,
    // and the session could never be taken up again.
  } else {
    // Some brokers remember packet identifiers of QoS 2 over a clean start: a restart is not to begin with the same.
    connect.first_packet_id = RandomPacketId(1);
    // An older process' session means nothing to this one. MQTT 3.1.1 keeps sessions for ever: there each connection
    // has its own.
    connect.clean_start = true;
    connect.session_expiry_s = kRepliesSessionExpirySeconds;
  }
  return connect;
}

}  // namespace sluice::wire
