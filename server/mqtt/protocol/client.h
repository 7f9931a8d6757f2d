// The client's side of MQTT 3.1.1 and 5 without I/O: bytes in become events, commands become bytes out. No sockets, no
// clock, no threads, no logs. The driver moves the bytes, keeps the time, and decides when it may acknowledge.
//
// Each exchange has a file of its own, which cites its clauses; this class joins them into a connection and into what
// outlives one (MQTT 5.0 §4.1: the session state).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "server/message/message.h"
#include "server/mqtt/protocol/events.h"

namespace sluice::wire {

// What goes into CONNECT (MQTT 5.0 §3.1, 3.1.1 §3.1). The fields that MQTT 3.1.1 does not have are left out there.
// Strings are what MQTT allows (server/message/topic.h). With MQTT 3.1.1 a password needs a user name, and an empty
// client id a clean start.
struct ConnectOptions {
  bool mqtt5 = true;
  std::string client_id;
  std::optional<std::string> username;
  std::optional<std::string> password;  // A secret.
  bool clean_start = false;
  uint16_t keep_alive_s = 30;         // 0: none.
  uint32_t session_expiry_s = 0;      // MQTT 5.
  uint16_t receive_maximum = 65'535;  // MQTT 5: announced. 1 … 65,535.
  // MQTT 5: more unacknowledged messages than this are an error; 0: than receive_maximum, as MQTT-3.3.4-9 has it. For
  // brokers that miscount: mosquitto 2.0 sends twice as many when acknowledgements reach it together.
  uint16_t receive_limit = 0;
  uint32_t max_packet_bytes = 256u << 20;  // Announced with MQTT 5; a larger packet is an error with both.
  // A larger packet than this is the error, announced or not; 0: than max_packet_bytes, as MQTT 5.0 §3.1.2.11.4 has it.
  uint32_t packet_limit = 0;
  uint16_t topic_alias_maximum = 0;  // MQTT 5: aliases the broker may use.
  // The first identifier of what this client sends and wants an answer to, 1 … 65,535; the others follow. The broker
  // counts its own (§2.2.1), but not every broker keeps the two apart.
  uint16_t first_packet_id = 1;
  // An earlier process may have published in the session that this one takes up, and the broker still hold half of a
  // message of QoS 2: it would take a new one of the same identifier for that (§4.3.3), and drop it. So what a session
  // of others may hold of an identifier is released before its first use.
  bool releases_inherited_ids = false;
  // The broker need not be that of the last connection, so that a session it has may be another one: what this client
  // holds of the last is forgotten. Better a message twice than one taken for a duplicate.
  bool foreign_session = false;
  struct Will {
    std::shared_ptr<const OutboundMessage> message;
    uint32_t delay_s = 0;  // MQTT 5.
  };
  std::optional<Will> will;
};

struct SubscribeRequest {
  std::string_view filter;  // As ParseSubscription() takes it.
  Qos qos = Qos::kAtMostOnce;
  // MQTT 5.
  uint32_t id = 0;        // Subscription identifier, 0: none.
  bool no_local = false;  // Not with a shared subscription (MQTT-3.8.3-4).
  bool retain_as_published = true;
  uint8_t retain_handling = 0;  // §3.8.3.1: 0 … 2.
};

// Not thread-safe. A life: Connect, then Receive with what comes and the commands; ConnectionLost; Connect again.
//
// The commands (AcknowledgeAccepted, Publish, Subscribe, Unsubscribe, Ping, Disconnect) need connected(): without it
// they append nothing, and return false or 0. They and AcceptAll may be called from within events; Connect, Receive and
// ConnectionLost may not.
class Client {
 public:
  explicit Client(ConnectOptions options);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // ---- the connection

  // A new network connection is there: appends CONNECT. `options` may differ from the last time in all but mqtt5 and
  // the client id, unless the broker assigned it (certificates and passwords rotate); they are not to change while the
  // connection lasts.
  void Connect();
  ConnectOptions& options();
  // The network connection is gone. What belongs to it is forgotten (unsent output, aliases, acknowledgements not
  // sent, requests not answered); what belongs to the session is kept until a clean start,
  // or until a CONNACK says that the broker has not.
  void ConnectionLost();

  struct Progress {
    size_t consumed = 0;  // Bytes at the front that are done with.
    // Bytes needed for the packet at the front to be whole, as far as known: at least one more than there are.
    size_t wanted = 0;
    // The connection is of no use any more (§4.13). What came before may still be acknowledged; then EndAfterError(),
    // send what is in output(), and close. Its reason and text also say it when the broker disconnected: see
    // OnDisconnect.
    std::optional<ProtocolError> error;
  };
  // Takes in the whole packets at the front of `bytes` and tells `events`, whose views point into `bytes`. What comes
  // after the end (an error, a refusal, Disconnect) is passed over.
  //
  // A PUBLISH or an answer that is wrong inside does not end the connection: see ClientEvents::OnBadPacket. Nor does a
  // PUBLISH that is larger than max_packet_bytes: it passes by. What else is wrong does; but a small packet of a type or
  // with flags that no broker may send is got past once its fixed header has ended two connections: another type is
  // passed over, and wrong flags are not looked at.
  Progress Receive(std::string_view bytes, ClientEvents& events);
  // Appends a DISCONNECT with the error's reason, where the standard allows one.
  void EndAfterError();
  // A PUBLISH that is too large is passing by.
  bool passing_by() const;
  // What the unfinished packet at the front of `bytes` says of itself, for people: "PUBLISH to 'a' of 300 bytes".
  static std::string Unfinished(std::string_view bytes);

  // What is to be sent. The driver takes it away with std::string::swap or clears it.
  std::string& output();

  // CONNECT was accepted, and nothing has ended the connection since.
  bool connected() const;
  // Of the last CONNACK.
  const Connack& connack() const;

  // ---- taking in

  // Before the first Connect: packet ids of QoS 2 messages that an earlier process took over in this session, and saw
  // no PUBREL for.
  void Remember(std::span<const uint16_t> packet_ids);
  // The consumer has taken over every message handed to OnPublish so far. From now on their acknowledgement may be
  // sent, and a message of QoS 2 among them is known as a duplicate when it comes again, also over reconnects.
  void AcceptAll() { Accept(received()); }
  // Where that is known later: of the first `count` PUBLISHes of QoS 1 and 2, duplicates too, that this connection has
  // received; so many are received() so far.
  void Accept(uint64_t count);
  uint64_t received() const;
  // Appends the acknowledgements of all that was accepted: PUBACK and PUBREC, in the order in which the PUBLISHes came
  // (MQTT-4.6.0-2, -3). Not to call it holds the broker's window closed. To be called after a Receive that handed out
  // nothing as well, while unacknowledged() is not 0: a duplicate of QoS 2 is only acknowledged.
  void AcknowledgeAccepted();
  // From the start: PUBCOMP is not appended when PUBREL comes (OnReleased), but with Complete(): those of the next `count`.
  void WithholdCompletions();
  void Complete(size_t count);
  // After ConnectionLost(): of these messages of QoS 2 the consumer does not say yet whether it takes them over. Until
  // Resolve(), over reconnects, they are duplicates when they come again; where they were not taken, a connection on
  // which they came is to be given up, so that they come once more.
  void KeepInDoubt(std::span<const uint16_t> packet_ids);
  void Resolve(std::span<const uint16_t> packet_ids, bool taken);
  // From now on, until the connection is lost, what the broker publishes is passed over: no event, no acknowledgement,
  // so that it sends what is of QoS 1 and 2 again with the next connection. What came before is not concerned.
  void PassOver();
  // PUBLISHes of QoS 1 and 2, duplicates too, whose PUBACK or PUBREC has not been appended.
  size_t unacknowledged() const;

  // ---- publishing

  // Appends a PUBLISH. `token` names a message of QoS 1 or 2 in OnPublished, and over reconnects: a token that was
  // unconfirmed when the last connection broke is sent again as the standard says, with its packet id and DUP, or
  // as PUBREL, if the broker kept the session (call it in the old order, before all others), else as a new PUBLISH.
  // The PUBRELs are appended with the CONNACK already, since they go in the order of their PUBRECs (MQTT-4.6.0-4): for
  // their tokens nothing is appended here. So a broker may confirm a token before this was called for it; then it is
  // not to be. Within connack()'s limits (receive maximum, maximum QoS, packet size, retain), and its strings what MQTT
  // allows: the caller holds both. The message is not kept. `expiry_s`: goes out instead of the message's own expiry,
  // which it must have. False: no packet id is free.
  bool Publish(uint64_t token, const OutboundMessage& message, std::optional<uint32_t> expiry_s = std::nullopt);
  // Publishes of QoS 1 and 2 that have not been confirmed, those of an earlier connection's session too.
  size_t unconfirmed() const;

  // ---- the rest

  // The packet id that OnSuback / OnUnsuback will name; 0: none is free.
  uint16_t Subscribe(std::span<const SubscribeRequest> requests);  // One SUBSCRIBE; with one `id` for all.
  uint16_t Unsubscribe(std::span<const std::string_view> filters);
  // Of either: its answer is not waited for any more, and would be one astray.
  void Forget(uint16_t packet_id);
  void Ping();
  // PINGREQ sent, and no PINGRESP came yet.
  bool ping_outstanding() const;
  // Appends DISCONNECT; nothing more is sent on this connection. `session_expiry_s` replaces CONNECT's (MQTT 5.0
  // §3.14.2.2.2), unless that was 0. MQTT 3.1.1 has no reasons: with one nothing is appended, for DISCONNECT there
  // means a clean end.
  void Disconnect(uint8_t reason = 0, std::optional<uint32_t> session_expiry_s = std::nullopt);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sluice::wire
