// One client of the null broker: its protocol state, without I/O. Bytes in become bytes to write.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/mqtt_codec.h"

namespace sluice::bench {

class Session;

// What happens on a session, for the load.
class SessionListener {
 public:
  virtual ~SessionListener() = default;
  // It has subscribed or unsubscribed.
  virtual void OnSubscriptions(Session& session) = 0;
  // The client published this; each packet once, whatever its QoS.
  virtual void OnPublish(Session& session, const PublishPacket& packet) = 0;
  // The client has acknowledged `count` of the publishes of QoS 1 and 2 it was sent.
  virtual void OnConfirmed(Session& session, size_t count) = 0;
};

// Not thread-safe.
class Session {
 public:
  // `window`: how many publishes of QoS 1 and 2 may be unacknowledged, each way (MQTT 5.0 §4.9).
  Session(uint16_t window, SessionListener& listener) : window_(window), listener_(listener) {}
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Takes the whole packets at the front of `bytes` and appends the answers to out(). Returns how many bytes it took,
  // or nullopt when the connection is to be closed, after out() was written.
  std::optional<size_t> OnBytes(std::string_view bytes);
  // Tells the listener what the calls of OnBytes so far have confirmed.
  void ReportConfirmed();

  // What is to be written to the client. The caller removes what it has written.
  std::string& out() { return out_; }
  const std::string& out() const { return out_; }
  // Closed for breaking the protocol, not by a DISCONNECT.
  const std::string& error() const { return error_; }

  // A PUBLISH made ready for this client, to be sent again and again.
  struct Template {
    std::string bytes;
    PublishLayout layout;
    uint8_t qos = 0;
  };
  // For a message to `topic` of at most QoS `qos`, with the identifiers of the subscriptions it matches; nullopt when
  // it matches none.
  std::optional<Template> MakeTemplate(std::string_view topic, std::string_view payload, uint8_t qos) const;
  // How many more publishes of QoS 1 and 2 may be sent now.
  size_t free_window() const { return window_ - in_flight_; }
  // Appends the publish to out(), with `prefix` over the start of its payload. Needs a free window with QoS 1 and 2.
  void Publish(const Template& publish, std::string_view prefix);

 private:
  struct Subscription {
    TopicFilter filter;
    uint32_t id = 0;
  };
  enum class OutState : uint8_t { kFree, kWaitsForPuback, kWaitsForPubrec, kWaitsForPubcomp };

  // As OnBytes().
  std::optional<size_t> TakeFrames(std::string_view bytes);
  // Each: false when the protocol was broken.
  bool OnFrame(const Frame& frame);
  bool OnConnect(const Frame& frame);
  bool OnPublishFrame(const Frame& frame);
  bool OnAck(const Frame& frame);
  bool OnSubscribe(const Frame& frame);
  bool OnUnsubscribe(const Frame& frame);
  bool Fail(std::string_view error, uint8_t reason_code);
  void Free(uint16_t packet_id);
  uint16_t NextPacketId();

  uint16_t window_;  // Lowered to the client's Receive Maximum.
  uint16_t inbound_window_ = window_;
  SessionListener& listener_;

  bool connected_ = false;
  bool mqtt5_ = false;
  std::string error_;
  std::string out_;
  PublishPacket inbound_;  // Memory used again for each publish.
  std::vector<Subscription> subscriptions_;
  bool subscriptions_changed_ = false;  // And the listener has not been told.

  // Outbound, by packet id; made with the first publish of QoS 1 or 2.
  std::vector<OutState> out_states_;
  size_t in_flight_ = 0;
  size_t confirmed_ = 0;
  uint16_t last_packet_id_ = 0;

  // Inbound QoS 2, by packet id: published, not released.
  std::vector<bool> unreleased_;
  size_t unreleased_count_ = 0;
};

}  // namespace sluice::bench
