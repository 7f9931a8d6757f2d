#include "tests/support/mqtt_device.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>

#include "tests/support/mqtt_bytes.h"

namespace sluice {
namespace {

using namespace mqtt_bytes;  // NOLINT(google-build-using-namespace): as if they were here.

// MQTT 5.0 §2.2.2.2, those that a PUBLISH may have.
enum PropertyId : uint8_t {
  kPayloadFormat = 1,
  kMessageExpiry = 2,
  kContentType = 3,
  kResponseTopic = 8,
  kCorrelationData = 9,
  kSubscriptionIdentifier = 11,
  kTopicAlias = 35,
  kUserProperty = 38,
};

std::string Encode(const Properties& properties) {
  std::string out;
  auto add = [&out](PropertyId id, std::string_view value) {
    out += static_cast<char>(id);
    AppendString(out, value);
  };
  if (!properties.content_type.empty()) add(kContentType, properties.content_type);
  if (!properties.response_topic.empty()) add(kResponseTopic, properties.response_topic);
  if (properties.correlation_data) add(kCorrelationData, *properties.correlation_data);
  if (properties.expiry_s) {
    out += static_cast<char>(kMessageExpiry);
    AppendFourBytes(out, *properties.expiry_s);
  }
  for (const auto& [name, value] : properties.user) {
    add(kUserProperty, name);
    AppendString(out, value);
  }
  return out;
}

Properties Decode(Cursor in) {
  Properties properties;
  while (!in.empty()) {
    switch (in.Byte()) {
      case kPayloadFormat:
        in.Byte();
        break;
      case kMessageExpiry:
        properties.expiry_s = in.FourBytes();
        break;
      case kContentType:
        properties.content_type = in.String();
        break;
      case kResponseTopic:
        properties.response_topic = in.String();
        break;
      case kCorrelationData:
        properties.correlation_data = in.String();
        break;
      case kSubscriptionIdentifier:
        in.Variable();
        break;
      case kTopicAlias:
        in.TwoBytes();
        break;
      case kUserProperty: {
        std::string name = in.String();
        properties.user.emplace_back(std::move(name), in.String());
        break;
      }
      default:
        throw std::out_of_range("unknown property");
    }
  }
  return properties;
}

std::string NextClientId() {
  static std::atomic<int> next{0};
  return "device-" + std::to_string(++next);
}

}  // namespace

MqttDevice::MqttDevice(const std::string& uri, Options options) : mqtt5_(options.mqtt5) {
  fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(std::stoi(uri.substr(uri.rfind(':') + 1))));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    close(fd_);
    throw std::runtime_error("cannot connect to " + uri);
  }
  reader_ = std::thread([this] { Read(); });

  constexpr uint8_t kCleanStart = 0x02;
  constexpr uint8_t kHasPassword = 0x40;
  constexpr uint8_t kHasUsername = 0x80;
  uint8_t flags = kCleanStart;
  if (!options.username.empty()) flags |= kHasUsername;
  if (!options.password.empty()) flags |= kHasPassword;
  std::string body;
  AppendString(body, "MQTT");
  body += static_cast<char>(mqtt5_ ? 5 : 4);
  body += static_cast<char>(flags);
  AppendTwoBytes(body, 0);  // No keep alive.
  if (mqtt5_) body += '\0';
  AppendString(body, options.client_id.empty() ? NextClientId() : options.client_id);
  if (!options.username.empty()) AppendString(body, options.username);
  if (!options.password.empty()) AppendString(body, options.password);
  Send(kConnect << 4, body);
  try {
    if (Await({kConnack, 0}, "CONNACK") != 0) throw std::runtime_error("the broker refused the device");
  } catch (const std::runtime_error&) {
    shutdown(fd_, SHUT_RDWR);
    reader_.join();
    close(fd_);
    throw;
  }
}

MqttDevice::~MqttDevice() {
  Send(kDisconnect << 4, "");
  shutdown(fd_, SHUT_RDWR);
  reader_.join();
  close(fd_);
}

void MqttDevice::Publish(const std::string& topic, const std::string& payload, Qos qos, bool retain,
                         const Properties& properties) {
  auto level = static_cast<uint8_t>(qos);
  uint16_t identifier = qos == Qos::kAtMostOnce ? uint16_t{0} : NextIdentifier();
  std::string body;
  AppendString(body, topic);
  if (qos != Qos::kAtMostOnce) AppendTwoBytes(body, identifier);
  if (mqtt5_) {
    std::string encoded = Encode(properties);
    AppendVariable(body, encoded.size());
    body += encoded;
  }
  body += payload;
  Send(static_cast<uint8_t>(kPublish << 4 | level << 1 | (retain ? 1 : 0)), body);
  uint8_t reason = 0;
  if (qos == Qos::kAtLeastOnce) reason = Await({kPuback, identifier}, "PUBACK");
  if (qos == Qos::kExactlyOnce) reason = Await({kPubcomp, identifier}, "PUBCOMP");
  if (reason >= 0x80) throw std::runtime_error("the broker refused a message: " + std::to_string(reason));
}

void MqttDevice::Subscribe(const std::string& filter, Qos qos) {
  uint16_t identifier = NextIdentifier();
  std::string body;
  AppendTwoBytes(body, identifier);
  if (mqtt5_) body += '\0';
  AppendString(body, filter);
  body += static_cast<char>(qos);
  Send(kSubscribe << 4 | 2, body);
  if (Await({kSuback, identifier}, "SUBACK") >= 0x80) throw std::runtime_error("the broker refused " + filter);
}

std::string MqttDevice::connack() const {
  MutexLock lock(mutex_);
  return connack_;
}

uint16_t MqttDevice::NextIdentifier() {
  if (++last_identifier_ == 0) ++last_identifier_;
  return last_identifier_;
}

void MqttDevice::Send(uint8_t first, std::string_view body) {
  const std::string packet = MakePacket(first, body);
  MutexLock lock(send_mutex_);
  for (size_t sent = 0; sent < packet.size();) {
    ssize_t written = send(fd_, packet.data() + sent, packet.size() - sent, MSG_NOSIGNAL);
    if (written <= 0) return;  // The reader sees the end too.
    sent += static_cast<size_t>(written);
  }
}

uint8_t MqttDevice::Await(Answer answer, const char* what) {
  auto deadline = std::chrono::steady_clock::now() + kTestDeadline;
  MutexLock lock(mutex_);
  while (!answers_.contains(answer) && !closed_ && std::chrono::steady_clock::now() < deadline) {
    changed_.WaitUntil(mutex_, deadline);
  }
  auto found = answers_.find(answer);
  if (found == answers_.end()) throw std::runtime_error(std::string("the broker sent no ") + what);
  uint8_t reason = found->second;
  answers_.erase(found);
  return reason;
}

void MqttDevice::Answered(Answer answer, uint8_t reason) {
  MutexLock lock(mutex_);
  answers_[answer] = reason;
  changed_.NotifyAll();
}

void MqttDevice::Read() {
  while (std::optional<RawPacket> packet = ReadPacket(fd_)) Handle(packet->first, packet->body);
  MutexLock lock(mutex_);
  closed_ = true;
  changed_.NotifyAll();
}

void MqttDevice::Handle(uint8_t first, std::string_view body) {
  auto type = static_cast<uint8_t>(first >> 4);
  if (type == kPublish) return HandlePublish(first & 0x0F, body);
  Cursor in(body);
  if (type == kConnack) {
    {
      MutexLock lock(mutex_);
      connack_ = body;
    }
    in.Byte();
    return Answered({kConnack, 0}, in.Byte());
  }
  if (type != kPuback && type != kPubrec && type != kPubrel && type != kPubcomp && type != kSuback) return;
  std::string identifier(body.substr(0, 2));
  uint16_t number = in.TwoBytes();
  if (type == kSuback && mqtt5_) in.Take(in.Variable());
  uint8_t reason = in.empty() ? uint8_t{0} : in.Byte();
  if (type == kPubrel) return Send(kPubcomp << 4, identifier);
  if (type == kPubrec && reason < 0x80) return Send(kPubrel << 4 | 2, identifier);
  // A refused QoS 2 message ends with its PUBREC.
  if (type == kPubrec) type = kPubcomp;
  Answered({type, number}, reason);
}

void MqttDevice::HandlePublish(uint8_t flags, std::string_view body) {
  Cursor in(body);
  Received received;
  received.topic = in.String();
  received.qos = static_cast<Qos>(flags >> 1 & 3);
  received.retain = (flags & 1) != 0;
  received.dup = (flags & 8) != 0;
  std::string identifier;
  if (received.qos != Qos::kAtMostOnce) identifier = in.Take(2);
  if (mqtt5_) received.properties = Decode(Cursor(in.Take(in.Variable())));
  received.payload = in.Rest();
  Qos qos = received.qos;
  received_.Add(std::move(received));
  if (qos == Qos::kAtLeastOnce) Send(kPuback << 4, identifier);
  if (qos == Qos::kExactlyOnce) Send(kPubrec << 4, identifier);
}

}  // namespace sluice
