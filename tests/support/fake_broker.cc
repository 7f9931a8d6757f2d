#include "tests/support/fake_broker.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace sluice {

using namespace mqtt_bytes;  // NOLINT(google-build-using-namespace): as if they were here.

// ------------------------------------------------------------------------------------------------ one connection

FakeBroker::Peer::~Peer() { close(fd_); }

bool FakeBroker::Peer::Send(std::string_view bytes) {
  MutexLock lock(mutex_);
  while (!bytes.empty()) {
    const ssize_t sent = send(fd_, bytes.data(), byte_by_byte_ ? 1 : bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

void FakeBroker::Peer::Close() { shutdown(fd_, SHUT_RDWR); }

void FakeBroker::Peer::Reset() {
  // Linux resets a connection that is "connected" to nothing; closing it is for the destructor.
  sockaddr nothing{};
  nothing.sa_family = AF_UNSPEC;
  connect(fd_, &nothing, sizeof(nothing));
}

// ------------------------------------------------------------------------------------------------ life

FakeBroker::FakeBroker(bool mqtt5) : mqtt5_(mqtt5) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(listener_, 16) != 0 ||
      getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw std::runtime_error("cannot listen on 127.0.0.1");
  }
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { Accept(); });
}

FakeBroker::~FakeBroker() {
  shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  close(listener_);
  std::vector<std::thread> servers;
  {
    MutexLock lock(mutex_);
    ending_ = true;
    changed_.NotifyAll();
    for (const auto& peer : peers_) peer->Close();
    servers.swap(servers_);
  }
  for (std::thread& server : servers) server.join();
}

void FakeBroker::Accept() {
  while (true) {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    const int at_once = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof(at_once));
    auto peer = std::make_shared<Peer>(fd, ++connections_, byte_by_byte_);
    MutexLock lock(mutex_);
    peers_.push_back(peer);
    servers_.emplace_back([this, peer] { Serve(peer); });
  }
}

void FakeBroker::Serve(const std::shared_ptr<Peer>& peer) {
  while (std::optional<Packet> packet = ReadPacket(peer->fd_)) {
    Trick trick;
    {
      MutexLock lock(mutex_);
      trick = trick_;
      if (packet->type() == kSubscribe) sessions_[peer->client_id_].subscribed = true;
    }
    if (!trick || !trick(*peer, *packet)) Answer(peer, *packet);
    MutexLock lock(mutex_);
    while (peer->silent_ && !ending_) changed_.Wait(mutex_);
  }
  peer->Close();
  MutexLock lock(mutex_);
  if (subscriber_ == peer) subscriber_.reset();
}

// ------------------------------------------------------------------------------------------------ verbs

void FakeBroker::Play(Trick trick) {
  MutexLock lock(mutex_);
  trick_ = std::move(trick);
}

void FakeBroker::HoldAcks() {
  MutexLock lock(mutex_);
  hold_acks_ = true;
}

void FakeBroker::ReleaseAcks(bool reversed) {
  MutexLock lock(mutex_);
  hold_acks_ = false;
  if (reversed) std::ranges::reverse(held_acks_);
  for (auto& [peer, ack] : held_acks_) peer->Send(ack);
  held_acks_.clear();
}

size_t FakeBroker::held_acks() const {
  MutexLock lock(mutex_);
  return held_acks_.size();
}

void FakeBroker::ForgetSessions() {
  MutexLock lock(mutex_);
  sessions_.clear();
}

void FakeBroker::Behave() {
  byte_by_byte_ = false;
  MutexLock lock(mutex_);
  trick_ = nullptr;
  hold_acks_ = false;
  held_acks_.clear();
  subscriber_.reset();
  for (const auto& peer : peers_) {
    peer->silent_ = false;
    peer->Close();
  }
  changed_.NotifyAll();
}

void FakeBroker::Announce(std::string properties) {
  MutexLock lock(mutex_);
  properties_ = std::move(properties);
}

bool FakeBroker::HasSubscriber() const {
  MutexLock lock(mutex_);
  return subscriber_ != nullptr;
}

bool FakeBroker::SendToSubscriber(std::string_view bytes) {
  std::shared_ptr<Peer> peer;
  {
    MutexLock lock(mutex_);
    peer = subscriber_;
  }
  return peer != nullptr && peer->Send(bytes);
}

bool FakeBroker::Deliver(const std::string& topic, const std::string& payload, uint8_t qos) {
  uint16_t packet_id = 0;
  if (qos > 0) {
    MutexLock lock(mutex_);
    packet_id = ++last_delivered_;
  }
  return SendToSubscriber(Publish(topic, payload, qos, packet_id));
}

// ------------------------------------------------------------------------------------------------ answers

void FakeBroker::Answer(const std::shared_ptr<Peer>& peer, const Packet& packet) {
  Cursor in(packet.body);
  switch (packet.type()) {
    case kConnect:
      return AnswerConnect(peer, packet);
    case kPublish:
      return AnswerPublish(peer, packet);
    case kPubrec:
      peer->Send(Ack(kPubrel, in.TwoBytes()));
      return;
    case kPubrel:
      return SendAck(peer, Ack(kPubcomp, in.TwoBytes()));
    case kSubscribe: {
      // As many codes as filters: each is granted what it asks for.
      in.TwoBytes();
      if (mqtt5_) in.Take(in.Variable());
      std::string codes;
      while (!in.empty()) {
        in.String();
        codes += static_cast<char>(in.Byte() & 3);
      }
      {
        MutexLock lock(mutex_);
        subscriber_ = peer;
      }
      peer->Send(Suback(packet.body, codes));
      return;
    }
    case kUnsubscribe:
      peer->Send(MakePacket(kUnsuback << 4, packet.body.substr(0, 2) + (mqtt5_ ? std::string(2, '\0') : "")));
      return;
    case kPingreq:
      peer->Send(MakePacket(kPingresp << 4, ""));
      return;
    case kDisconnect:
      peer->Close();
      return;
    default:
      return;  // PUBACK, PUBCOMP.
  }
}

void FakeBroker::AnswerConnect(const std::shared_ptr<Peer>& peer, const Packet& packet) {
  constexpr uint8_t kCleanStart = 0x02;
  Cursor in(packet.body);
  in.Take(7);  // The protocol's name and version.
  const bool clean = (in.Byte() & kCleanStart) != 0;
  in.TwoBytes();  // Keep alive.
  if (mqtt5_) in.Take(in.Variable());
  peer->client_id_ = in.String();
  bool present = false;
  std::string properties;
  {
    MutexLock lock(mutex_);
    if (clean) sessions_.erase(peer->client_id_);
    present = sessions_.contains(peer->client_id_);
    properties = properties_;
  }
  peer->Send(Connack(0, present, properties));
  // Only now: nothing may be delivered before CONNACK.
  MutexLock lock(mutex_);
  if (sessions_[peer->client_id_].subscribed) subscriber_ = peer;
}

void FakeBroker::AnswerPublish(const std::shared_ptr<Peer>& peer, const Packet& packet) {
  constexpr uint8_t kDup = 0x08;
  Cursor in(packet.body);
  Published published{.qos = packet.qos(), .dup = (packet.first & kDup) != 0, .connection = peer->number()};
  published.topic = in.String();
  if (published.qos > 0) published.packet_id = in.TwoBytes();
  if (mqtt5_) in.Take(in.Variable());
  published.payload = in.Rest();
  const uint16_t packet_id = published.packet_id;
  const uint8_t qos = published.qos;
  published_.Add(std::move(published));
  if (qos == 1) SendAck(peer, Ack(kPuback, packet_id));
  if (qos == 2) SendAck(peer, Ack(kPubrec, packet_id));
}

void FakeBroker::SendAck(const std::shared_ptr<Peer>& peer, const std::string& ack) {
  {
    MutexLock lock(mutex_);
    if (hold_acks_) {
      held_acks_.emplace_back(peer, ack);
      return;
    }
  }
  peer->Send(ack);
}

// ------------------------------------------------------------------------------------------------ packets

std::string FakeBroker::Connack(uint8_t code, bool session_present, std::string_view properties) const {
  std::string body = {static_cast<char>(session_present), static_cast<char>(code)};
  if (mqtt5_) AppendVariable(body, properties.size());
  if (mqtt5_) body += properties;
  return MakePacket(kConnack << 4, body);
}

std::string FakeBroker::Suback(std::string_view subscribe, std::string_view codes) const {
  std::string body(subscribe.substr(0, 2));
  if (mqtt5_) body += '\0';
  body += codes;
  return MakePacket(kSuback << 4, body);
}

std::string FakeBroker::Publish(std::string_view topic, std::string_view payload, uint8_t qos, uint16_t packet_id,
                                std::string_view properties) const {
  std::string body;
  AppendString(body, topic);
  if (qos > 0) AppendTwoBytes(body, packet_id);
  if (mqtt5_) AppendVariable(body, properties.size());
  if (mqtt5_) body += properties;
  body += payload;
  return MakePacket(static_cast<uint8_t>(kPublish << 4 | qos << 1), body);
}

std::string FakeBroker::Ack(PacketType type, uint16_t packet_id) const {
  std::string body;
  AppendTwoBytes(body, packet_id);
  return MakePacket(static_cast<uint8_t>(type << 4 | (type == kPubrel ? 2 : 0)), body);
}

std::string FakeBroker::Disconnect(uint8_t reason, std::string_view properties) {
  std::string body(1, static_cast<char>(reason));
  AppendVariable(body, properties.size());
  body += properties;
  return MakePacket(kDisconnect << 4, body);
}

}  // namespace sluice
