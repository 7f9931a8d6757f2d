// What we publish with QoS 1 and 2, until the broker has confirmed it (MQTT 5.0 §4.3, §4.4, §4.6; 3.1.1 the same):
//
//   QoS 1: PUBLISH -> PUBACK
//   QoS 2: PUBLISH -> PUBREC -> PUBREL -> PUBCOMP
//
// The identifiers and how far each message got outlive the connection. The messages are the caller's to keep.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/message/message.h"
#include "server/mqtt/protocol/acks.h"
#include "server/mqtt/protocol/events.h"
#include "server/mqtt/protocol/fault.h"
#include "server/mqtt/protocol/packet_ids.h"

namespace sluice::wire {

class OutboundFlow {
 public:
  OutboundFlow(bool mqtt5, PacketIds& ids) : mqtt5_(mqtt5), ids_(ids) {}

  // The broker kept the session: appends the PUBRELs again, in the order of their PUBRECs (MQTT-4.4.0-1, MQTT-4.6.0-4).
  // PUBLISHes go out again as Publish() is called for them.
  void Resume(std::string& out);
  // It did not: nothing that was sent is known to it.
  void DiscardSession();
  // It is a session of others, or may be. As DiscardSession(), and each identifier is released before its first use
  // with QoS 2: see ConnectOptions::releases_inherited_ids.
  void Inherit();

  // See Client.
  bool Publish(uint64_t token, const OutboundMessage& message, std::optional<uint32_t> expiry_s, std::string& out);
  size_t unconfirmed() const { return unconfirmed_; }

  Fault ReceivePuback(const Ack& puback, ClientEvents& events);
  Fault ReceivePubrec(const Ack& pubrec, std::string& out, ClientEvents& events);
  Fault ReceivePubcomp(const Ack& pubcomp, ClientEvents& events);

 private:
  struct Resumed {
    uint64_t token = 0;
    uint16_t packet_id = 0;  // 0: sent again, or confirmed.
  };

  // The packet id under which the broker may know `token` from the connection before; from then on it is in use on
  // this one. 0: there is none.
  uint16_t TakeResumed(uint64_t token);
  void Confirm(uint16_t packet_id, uint8_t reason, ClientEvents& events);

  const bool mqtt5_;
  PacketIds& ids_;
  size_t unconfirmed_ = 0;
  uint64_t pubrecs_ = 0;  // Gives them their order.

  // What the connection before left, by token. Empty once all of it was sent again or confirmed.
  std::vector<Resumed> resumed_;
  size_t resumed_left_ = 0;

  // By identifier: nothing of others stands in its way. Empty: of none.
  std::vector<bool> released_;
};

}  // namespace sluice::wire
