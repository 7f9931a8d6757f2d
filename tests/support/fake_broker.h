// A broker of the tests' own, which behaves until a test tells it not to: for what no real broker can be brought to do.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "server/runtime/mutex.h"
#include "tests/support/mqtt_bytes.h"
#include "tests/support/recorder.h"

namespace sluice {

// Listens on a free port of 127.0.0.1 and serves each connection on a thread of its own. Grants every subscription,
// acknowledges every message, keeps sessions, and routes nothing: what subscribers get is what a test delivers.
class FakeBroker {
 public:
  using Packet = mqtt_bytes::RawPacket;

  // One connection of a client.
  class Peer {
   public:
    Peer(int fd, int number, bool byte_by_byte) : fd_(fd), number_(number), byte_by_byte_(byte_by_byte) {}
    ~Peer();
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;

    int number() const { return number_; }  // 1 for the broker's first.
    // False: the client has closed.
    bool Send(std::string_view bytes);
    void Close();
    // With a TCP reset instead of the end of the stream.
    void Reset();
    // Nothing is read or answered any more, and nothing closed. For tricks only.
    void FallSilent() { silent_ = true; }

   private:
    friend class FakeBroker;
    const int fd_;
    const int number_;
    const bool byte_by_byte_;
    std::atomic<bool> silent_{false};
    std::string client_id_;  // Of the serving thread.
    Mutex mutex_;            // One Send at a time.
  };

  // Called with each packet before the broker answers. True: played, the broker does nothing more about it. Must be
  // thread-safe when several clients are connected.
  using Trick = std::function<bool(Peer& peer, const Packet& packet)>;

  explicit FakeBroker(bool mqtt5 = true);
  ~FakeBroker();
  FakeBroker(const FakeBroker&) = delete;
  FakeBroker& operator=(const FakeBroker&) = delete;

  std::string uri() const { return "tcp://127.0.0.1:" + std::to_string(port_); }

  // ---- what it does wrong, from now on
  void Play(Trick trick);
  // Connections from now on get each byte in a write of its own.
  void SendByteByByte() { byte_by_byte_ = true; }
  // PUBACK, PUBREC and PUBCOMP are kept back until ReleaseAcks(), which sends the last one first when `reversed`.
  void HoldAcks();
  void ReleaseAcks(bool reversed = false);
  void ForgetSessions();
  // No more of any of that: closes all connections, and is a broker as it should be from then on.
  void Behave();

  // ---- what it does
  // The CONNACK's properties, MQTT 5.
  void Announce(std::string properties);
  bool HasSubscriber() const;
  // To the client that subscribed last. False: there is none.
  bool SendToSubscriber(std::string_view bytes);
  bool Deliver(const std::string& topic, const std::string& payload, uint8_t qos = 1);

  // ---- what it saw
  struct Published {
    std::string topic;
    std::string payload;
    uint8_t qos = 0;
    bool dup = false;
    uint16_t packet_id = 0;
    int connection = 0;
  };
  int connections() const { return connections_; }
  const Recorder<Published>& published() const { return published_; }
  // The most PUBLISHes of QoS 1 and 2 that were unacknowledged at once, while acknowledgements were held.
  size_t held_acks() const;

  // ---- packets of its version
  std::string Connack(uint8_t code, bool session_present = false, std::string_view properties = "") const;
  // To the SUBSCRIBE with this body.
  std::string Suback(std::string_view subscribe, std::string_view codes) const;
  std::string Publish(std::string_view topic, std::string_view payload, uint8_t qos = 0, uint16_t packet_id = 0,
                      std::string_view properties = "") const;
  std::string Ack(mqtt_bytes::PacketType type, uint16_t packet_id) const;
  // MQTT 5.
  static std::string Disconnect(uint8_t reason, std::string_view properties = "");

 private:
  struct Session {
    bool subscribed = false;
  };

  void Accept();
  void Serve(const std::shared_ptr<Peer>& peer);
  void Answer(const std::shared_ptr<Peer>& peer, const Packet& packet);
  void AnswerConnect(const std::shared_ptr<Peer>& peer, const Packet& packet);
  void AnswerPublish(const std::shared_ptr<Peer>& peer, const Packet& packet);
  void SendAck(const std::shared_ptr<Peer>& peer, const std::string& ack);

  const bool mqtt5_;
  int listener_ = -1;
  uint16_t port_ = 0;
  std::atomic<int> connections_{0};
  std::atomic<bool> byte_by_byte_{false};
  Recorder<Published> published_;
  std::thread acceptor_;

  mutable Mutex mutex_;
  CondVar changed_;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  Trick trick_ ABSL_GUARDED_BY(mutex_);
  std::string properties_ ABSL_GUARDED_BY(mutex_);  // Of CONNACK.
  std::map<std::string, Session> sessions_ ABSL_GUARDED_BY(mutex_);
  bool hold_acks_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::pair<std::shared_ptr<Peer>, std::string>> held_acks_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<Peer> subscriber_ ABSL_GUARDED_BY(mutex_);
  uint16_t last_delivered_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<std::shared_ptr<Peer>> peers_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> servers_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice
