// What a broker publishes with QoS 1 and 2, until it is acknowledged (MQTT 5.0 §4.3, §4.6, §4.9; 3.1.1 §4.3, §4.6).
//
// QoS 2 is done as "method A" of figure 4.3 says: a packet identifier that is known is not handed out again, until
// PUBREL says that the broker will use it for another message. Known it is from when the consumer has taken the message
// over, and that outlives the connection; what was only handed out is forgotten with the connection, so that it is
// handed out again when the broker sends it again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "server/message/message.h"
#include "server/mqtt/protocol/acks.h"
#include "server/mqtt/protocol/events.h"
#include "server/mqtt/protocol/fault.h"

namespace sluice::wire {

class InboundFlow {
 public:
  explicit InboundFlow(bool mqtt5) : mqtt5_(mqtt5) {}

  // A new network connection; `receive_maximum` as CONNECT announced it.
  void Begin(uint16_t receive_maximum);
  // It is gone, and the acknowledgements that were not sent with it.
  void ConnectionLost();
  // After that: whether the consumer takes these over, of QoS 2, is not known yet. Until Resolve() they are duplicates
  // that nobody acknowledges.
  void KeepInDoubt(std::span<const uint16_t> packet_ids);
  void Resolve(std::span<const uint16_t> packet_ids, bool taken);
  // Before the first connection: identifiers of messages that an earlier process took over, and saw no PUBREL for.
  void Remember(std::span<const uint16_t> packet_ids);
  // The broker has no session: an identifier it uses is a new message's (MQTT-3.2.2-5).
  void DiscardSession() { received_.clear(); }

  // `fresh`: it is to be handed out, else it is a duplicate that is only acknowledged.
  Fault ReceivePublish(const Publish& publish, bool& fresh);
  // Answers at once, or in Complete().
  Fault ReceivePubrel(const Ack& pubrel, std::string& out);

  // See Client.
  void WithholdCompletions() { withholds_completions_ = true; }
  void Complete(size_t count, std::string& out);
  uint64_t received() const { return gone_ + unacknowledged_.size(); }
  void Accept(uint64_t count);
  void AcknowledgeAccepted(std::string& out);
  size_t unacknowledged() const { return unacknowledged_.size(); }

 private:
  // Of a packet identifier with QoS 2.
  enum class Received : uint8_t {
    kNothing,
    kHandedOut,  // On this connection, and not accepted.
    kAccepted,   // PUBREC is still to be sent on this connection.
    kInDoubt,    // Was handed out on an earlier connection, and may be accepted.
    kRecorded,   // PUBREC was sent, on this connection or an earlier one; PUBREL is to come.
    // As kRecorded, by an earlier process. Its PUBCOMP may have been sent without anybody having noted it, so a PUBLISH
    // without DUP is a new message (MQTT-3.3.1-1).
    kRemembered,
  };
  struct Unacknowledged {
    uint16_t packet_id = 0;
    Qos qos = Qos::kAtLeastOnce;
  };

  Received& StateOf(uint16_t packet_id);
  // An acknowledgement that ends a message's flow was sent.
  void ReturnQuota();

  const bool mqtt5_;
  bool withholds_completions_ = false;

  // Of the session.
  std::vector<Received> received_;  // By identifier; grows to what was ever used.

  // Of the connection.
  std::vector<Unacknowledged> unacknowledged_;  // In the order in which they came (MQTT-4.6.0-2, -3).
  size_t accepted_ = 0;                         // At the front of these.
  uint64_t gone_ = 0;                           // That were acknowledged before them.
  std::vector<Ack> completions_;                // PUBCOMPs that are withheld.
  // How many more the broker may send (§4.9), counted as it must count: PUBCOMP gives one back even for a message of an
  // earlier connection, up to the maximum.
  uint16_t quota_ = UINT16_MAX;
  uint16_t receive_maximum_ = UINT16_MAX;
};

}  // namespace sluice::wire
