#include "bench/mqtt_client.h"

#include <poll.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "bench/meter.h"

namespace sluice::bench {
namespace {
constexpr int64_t kAnswerNanos = 10'000'000'000;  // How long the broker may take to answer CONNECT and SUBSCRIBE.
// MQTT 3.1.1 cannot announce a Receive Maximum; this is mosquitto's default, above which 2.0.11 forgets QoS 2 messages.
constexpr uint16_t kWindow311 = 20;
}  // namespace

absl::StatusOr<MqttClient> MqttClient::Connect(std::string_view host_port, const ConnectOptions& options) {
  auto fd = ConnectTo(host_port);
  if (!fd.ok()) return fd.status();
  MqttClient client(*std::move(fd), options.mqtt5);
  if (!options.mqtt5) client.receive_maximum_ = kWindow311;
  AppendConnect(client.out_, options);
  if (absl::Status status = client.WaitFor(client.connected_, "CONNACK", [](const PublishPacket&) {}); !status.ok())
    return status;
  return client;
}

absl::Status MqttClient::Subscribe(const std::string& filter, uint8_t qos, const OnMessage& on_message) {
  FiltersPacket packet;
  packet.packet_id = ++last_packet_id_;
  packet.filters.push_back({filter, qos});
  AppendSubscribe(out_, packet, mqtt5_);
  subscribed_ = false;
  return WaitFor(subscribed_, "SUBACK", on_message);
}

void MqttClient::Publish(std::string_view topic, std::string_view payload, uint8_t qos) {
  PublishPacket packet;
  packet.topic = topic;
  packet.payload = payload;
  packet.qos = qos;
  if (qos > 0) {
    // In flight are far fewer than there are ids, and brokers confirm in order, so that the next id is free.
    if (++last_packet_id_ == 0) last_packet_id_ = 1;
    packet.packet_id = last_packet_id_;
    ++in_flight_;
  }
  AppendPublish(out_, packet, mqtt5_);
}

absl::Status MqttClient::WaitFor(const bool& flag, const char* what, const OnMessage& on_message) {
  const int64_t deadline = NowNanos() + kAnswerNanos;
  while (!flag) {
    if (NowNanos() > deadline) return absl::DeadlineExceededError(absl::StrCat("no ", what, " from the broker"));
    if (absl::Status status = Turn(100, on_message); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status MqttClient::Turn(int timeout_ms, const OnMessage& on_message) {
  if (WriteTo(fd_, out_) == Io::kClosed) return absl::UnavailableError("the broker closed the connection");
  pollfd poll_fd{.fd = fd_.get(), .events = static_cast<int16_t>(POLLIN | (out_.empty() ? 0 : POLLOUT)), .revents = 0};
  if (poll(&poll_fd, 1, timeout_ms) <= 0 || (poll_fd.revents & ~POLLOUT) == 0) return absl::OkStatus();
  switch (in_.ReadFrom(fd_)) {
    case Io::kOk:
      break;
    case Io::kWouldBlock:
      return absl::OkStatus();
    case Io::kClosed:
      return absl::UnavailableError("the broker closed the connection");
  }
  Frame frame;
  while (true) {
    const Framing framing = NextFrame(in_.bytes(), frame);
    if (framing == Framing::kIncomplete) break;
    if (framing == Framing::kMalformed) return absl::DataLossError("malformed packet from the broker");
    if (absl::Status status = OnFrame(frame, on_message); !status.ok()) return status;
    in_.Take(frame.size);
  }
  return absl::OkStatus();
}

absl::Status MqttClient::OnFrame(const Frame& frame, const OnMessage& on_message) {
  switch (frame.type) {
    case PacketType::kConnack: {
      const auto packet = DecodeConnack(frame, mqtt5_);
      if (!packet) return absl::DataLossError("malformed CONNACK");
      if (packet->reason_code != 0) {
        return absl::UnavailableError(
            absl::StrCat("the broker refused the connection, reason code ", packet->reason_code));
      }
      if (mqtt5_) receive_maximum_ = packet->receive_maximum;
      connected_ = true;
      return absl::OkStatus();
    }
    case PacketType::kSuback: {
      const auto packet = DecodeSuback(frame, mqtt5_);
      if (!packet) return absl::DataLossError("malformed SUBACK");
      const bool granted =
          std::ranges::all_of(packet->reason_codes, [](char c) { return static_cast<uint8_t>(c) <= 2; });
      if (!granted) return absl::PermissionDeniedError("the broker refused the subscription");
      subscribed_ = true;
      return absl::OkStatus();
    }
    case PacketType::kPublish: {
      if (!DecodePublish(frame, mqtt5_, inbound_)) return absl::DataLossError("malformed PUBLISH");
      if (inbound_.qos == 1) AppendAck(out_, PacketType::kPuback, inbound_.packet_id);
      if (inbound_.qos == 2) AppendAck(out_, PacketType::kPubrec, inbound_.packet_id);
      on_message(inbound_);
      return absl::OkStatus();
    }
    case PacketType::kPuback:
    case PacketType::kPubrec:
    case PacketType::kPubrel:
    case PacketType::kPubcomp: {
      const auto packet = DecodeAck(frame);
      if (!packet) return absl::DataLossError("malformed acknowledgement");
      if (packet->reason_code >= 0x80) {
        return absl::UnavailableError(absl::StrCat("the broker refused a message, reason code ", packet->reason_code));
      }
      if (frame.type == PacketType::kPubrec) AppendAck(out_, PacketType::kPubrel, packet->packet_id);
      if (frame.type == PacketType::kPubrel) AppendAck(out_, PacketType::kPubcomp, packet->packet_id);
      if (frame.type == PacketType::kPuback || frame.type == PacketType::kPubcomp) --in_flight_;
      return absl::OkStatus();
    }
    case PacketType::kPingresp:
      return absl::OkStatus();
    case PacketType::kDisconnect:
      return absl::UnavailableError("the broker disconnected");
    default:
      return absl::DataLossError("unexpected packet from the broker");
  }
}

}  // namespace sluice::bench
