// What is behind a Client: of the connection, and of the session that outlives it. Private to client.cc, where the
// commands are, and client_receiving.cc, which takes in what the broker says.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "server/mqtt/protocol/bad_packets.h"
#include "server/mqtt/protocol/client.h"
#include "server/mqtt/protocol/events.h"
#include "server/mqtt/protocol/fault.h"
#include "server/mqtt/protocol/inbound_flow.h"
#include "server/mqtt/protocol/outbound_flow.h"
#include "server/mqtt/protocol/packet.h"
#include "server/mqtt/protocol/packet_ids.h"
#include "server/mqtt/protocol/topic_aliases.h"

namespace sluice::wire {

enum class Phase : uint8_t {
  kOffline,
  kConnecting,  // CONNECT is sent.
  kConnected,
  kFailing,  // As kEnded after an error, but that acknowledgements and a DISCONNECT may still go out.
  kEnded,    // Refused, failed or disconnected: nothing is sent or taken in any more.
};

struct Client::State {
  explicit State(ConnectOptions connect_options)
      : options(std::move(connect_options)),
        ids(options.first_packet_id),
        inbound(options.mqtt5),
        outbound(options.mqtt5, ids) {}

  // Each takes in one packet; a fault ends the connection.
  Fault Dispatch(const FixedHeader& header, std::string_view body, ClientEvents& events);
  Fault ReceiveConnack(std::string_view body, ClientEvents& events);
  Fault ReceivePublish(const FixedHeader& header, std::string_view body, ClientEvents& events);
  // These never end it.
  void ReceiveAck(const FixedHeader& header, std::string_view body, ClientEvents& events);
  void ReceiveAnswer(const FixedHeader& header, std::string_view body, ClientEvents& events);
  Fault ReceiveDisconnect(std::string_view body, ClientEvents& events);

  void DiscardSession() {
    inbound.DiscardSession();
    outbound.DiscardSession();
  }

  // `known`: the fixed header is wrong, and has ended connections before; but where the packet ends is certain enough,
  // so that it is got past.
  Fault CheckHeader(const FixedHeader& header, std::string_view front, bool& known) const;
  Fault CheckOrder(const FixedHeader& header) const;
  // It is of a type that a broker may send at this point.
  bool MayComeNow(const FixedHeader& header) const;
  uint32_t packet_limit() const { return options.packet_limit == 0 ? options.max_packet_bytes : options.packet_limit; }
  bool TooLargeAPublish(const FixedHeader& header) const {
    return header.type == PacketType::kPublish && header.packet_size() > packet_limit();
  }
  Fault ReceiveOversized(ClientEvents& events);
  // The PUBLISH at hand is wrong inside. `size`: of the packet, of which `bytes` may be the front.
  Fault TakeBadPublish(std::string_view bytes, size_t size, const Fault& fault, ClientEvents& events);
  // The same of another packet. `astray`: see BadPacket.
  static void TellPassedOver(const FixedHeader& header, std::string_view body, const Fault& fault, bool astray,
                             ClientEvents& events);
  // `times`: how often these bytes have come. `unframed`: the fixed header is wrong.
  ProtocolError Fail(const FixedHeader& header, const Fault& fault, size_t times, bool unframed);

  ConnectOptions options;
  std::string output;

  // Of the connection.
  Phase phase = Phase::kOffline;
  bool accepted = false;  // CONNACK has accepted.
  bool passing_over = false;
  Connack connack;
  bool ping_outstanding = false;
  TopicAliases aliases;
  wire::Publish publish;        // Its memory is used for each PUBLISH.
  std::string_view last_topic;  // Of the last PUBLISH that this Receive() took in.
  Oversized oversized;
  uint8_t error_reason = 0;  // Of kFailing.

  // Of the session, and what of it belongs to the connection.
  bool connect_unanswered = false;  // Since the last CONNACK that accepted.
  RepeatedBytes repeated;
  bool was_connected = false;
  PacketIds ids;
  InboundFlow inbound;
  OutboundFlow outbound;
};

}  // namespace sluice::wire
