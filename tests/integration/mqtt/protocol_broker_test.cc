// The MQTT protocol against a real broker, over a plain socket: what mosquitto sends is understood, and mosquitto
// understands what is sent.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <stdexcept>

#include "tests/support/eventually.h"
#include "tests/support/mosquitto.h"
#include "tests/unit/mqtt/protocol/fixture.h"

namespace sluice::wire {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::UnorderedElementsAre;

// Without the PUBRELs, which come when the broker gets to them.
class ExchangeLog final : public EventLog {
 public:
  void OnReleased(uint16_t /*packet_id*/) override {}
};

// A Client with a blocking socket under it. For one thread.
class Connection {
 public:
  Connection(const Mosquitto& broker, ConnectOptions options)
      : port_(broker.port()), mqtt5_(options.mqtt5), client_(std::move(options)) {}
  ~Connection() { Close(); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Connects, and returns what the CONNACK led to.
  std::vector<std::string> Open() {
    Close();
    client_.ConnectionLost();
    buffer_.clear();
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const timeval deadline{.tv_sec = kTestDeadline.count()};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof deadline);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port_);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      throw std::runtime_error("cannot connect to mosquitto");
    }
    client_.Connect();
    return ReadUntil([](const auto& events) { return !events.empty(); });
  }
  // As when the network breaks: without DISCONNECT.
  void Close() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

  void Send() {
    std::string& out = client_.output();
    while (!out.empty()) {
      const ssize_t sent = send(fd_, out.data(), out.size(), MSG_NOSIGNAL);
      if (sent < 0) throw std::runtime_error("cannot send to mosquitto");
      out.erase(0, static_cast<size_t>(sent));
    }
  }

  // Sends what there is, reads and acknowledges, until `done` with what has happened, which is returned.
  std::vector<std::string> ReadUntil(const std::function<bool(const std::vector<std::string>&)>& done) {
    std::vector<std::string> events;
    while (Send(), !done(events)) {
      char bytes[100];  // So that packets come in pieces.
      const ssize_t got = recv(fd_, bytes, sizeof bytes, 0);
      if (got <= 0) throw std::runtime_error("mosquitto closed, or says nothing: " + testing::PrintToString(events));
      buffer_.append(bytes, static_cast<size_t>(got));
      const Client::Progress progress = client_.Receive(buffer_, log_);
      buffer_.erase(0, progress.consumed);
      for (std::string& line : log_.Take()) events.push_back(std::move(line));
      const bool told = !events.empty() && events.back().starts_with("disconnect");
      EXPECT_EQ(progress.error.has_value(), told) << progress.error->text;
      if (accepts) {
        client_.AcceptAll();
        client_.AcknowledgeAccepted();
      }
    }
    return events;
  }
  std::vector<std::string> Read(size_t events) {
    return ReadUntil([events](const auto& all) { return all.size() >= events; });
  }
  // Everything that was sent before has been answered when this returns.
  std::vector<std::string> ReadUntilPingresp() {
    client_.Ping();
    return ReadUntil([](const auto& all) { return !all.empty() && all.back() == "pingresp"; });
  }

  std::string Subscribe(std::string_view filter, Qos qos, uint32_t id = 0) {
    const SubscribeRequest request{.filter = filter, .qos = qos, .id = id};
    client_.Subscribe({&request, 1});
    return Read(1).front();
  }

  Client* operator->() { return &client_; }
  bool mqtt5() const { return mqtt5_; }

  bool accepts = true;

 private:
  const uint16_t port_;
  const bool mqtt5_;
  int fd_ = -1;
  std::string buffer_;
  ExchangeLog log_;
  Client client_;
};

class ProtocolBroker : public testing::TestWithParam<bool> {
 protected:
  ConnectOptions Options(const std::string& client_id) const {
    ConnectOptions options;
    options.mqtt5 = GetParam();
    options.client_id = client_id;
    options.session_expiry_s = 600;
    options.receive_maximum = 20;
    options.topic_alias_maximum = 10;
    return options;
  }
  bool mqtt5() const { return GetParam(); }

  Mosquitto broker_;
};
INSTANTIATE_TEST_SUITE_P(Mqtt, ProtocolBroker, testing::Bool(), VersionName);

TEST_P(ProtocolBroker, PublishesAndReceivesWithEveryQos) {
  Connection device(broker_, Options("device"));
  EXPECT_THAT(device.Open(), ElementsAre("connack 0"));
  EXPECT_EQ(device.Subscribe("plant/#", Qos::kExactlyOnce), "suback 1 2");
  for (int qos = 0; qos <= 2; ++qos) {
    const auto token = static_cast<uint64_t>(10 + qos);
    EXPECT_TRUE(device->Publish(token, Message("plant/" + std::to_string(qos), std::string(300, 'x'), qos)));
  }
  const std::vector<std::string> events = device.Read(5);
  const std::string body = " '" + std::string(300, 'x') + "'";
  EXPECT_THAT(events,
              UnorderedElementsAre("publish plant/0" + body, "publish plant/1" + body + " qos 1 id 1",
                                   "publish plant/2" + body + " qos 2 id 2", "published 11 0", "published 12 0"));
  EXPECT_THAT(device.ReadUntilPingresp(), ElementsAre("pingresp"));
  EXPECT_EQ(device->unconfirmed(), 0u);
  EXPECT_EQ(device->unacknowledged(), 0u);
}

TEST_P(ProtocolBroker, ReceivesRetainedMessagesAndAllProperties) {
  Connection device(broker_, Options("device"));
  device.Open();
  OutboundMessage message = Message("plant/kept", "body", 1, /*retain=*/true);
  message.properties = std::make_unique<Properties>(Properties{.content_type = "text",
                                                               .response_topic = "re/ply",
                                                               .correlation_data = std::string("\0\1", 2),
                                                               .user = {{"k", "1"}, {"k", "2"}},
                                                               .expiry_s = 1'000'000});
  device->Publish(1, message);
  device.Read(1);
  const std::string suback = device.Subscribe("plant/+", Qos::kAtLeastOnce, 268'435'455);
  EXPECT_EQ(suback, "suback 2 1");
  std::string retained = device.Read(1).front();
  if (mqtt5()) {
    const std::string binary("\0\1", 2);
    EXPECT_TRUE(
        retained.starts_with("publish plant/kept 'body' qos 1 id 1 retain for 268435455 type 'text' reply "
                             "'re/ply' correlation '" +
                             binary + "' expiry "))
        << retained;
    EXPECT_TRUE(retained.ends_with("k=1 k=2")) << retained;
  } else {
    EXPECT_EQ(retained, "publish plant/kept 'body' qos 1 id 1 retain");
  }
  const std::string_view filter = "plant/+";
  device->Unsubscribe({&filter, 1});
  EXPECT_THAT(device.Read(1), ElementsAre(mqtt5() ? "unsuback 3 0" : "unsuback 3"));
}

TEST_P(ProtocolBroker, MessagesOfASessionAreExactlyOnceOverBrokenConnections) {
  Connection gateway(broker_, Options("gateway"));
  Connection device(broker_, Options("device"));
  gateway.Open();
  gateway.Subscribe("in/#", Qos::kExactlyOnce);
  device.Open();
  const auto publish = [&device](uint64_t token) {
    device->Publish(token, Message("in", std::to_string(token), 2));
    device.Read(1);
  };

  // The first is taken over, but its PUBREC is never sent; the second is only handed out.
  gateway.accepts = false;
  publish(1);
  gateway.Read(1);
  gateway->AcceptAll();
  publish(2);
  EXPECT_THAT(gateway.Read(1), ElementsAre("publish in '2' qos 2 id 2"));
  gateway.accepts = true;
  std::vector<std::string> events = gateway.Open();
  for (std::string& line : gateway.ReadUntilPingresp()) events.push_back(std::move(line));
  EXPECT_THAT(events, ElementsAre("connack 0 session", "publish in '2' qos 2 id 2 dup", "pingresp"));
  // PUBREL has come, and the identifiers are free again.
  publish(3);
  EXPECT_THAT(gateway.ReadUntilPingresp(), Contains("publish in '3' qos 2 id 3"));
  EXPECT_EQ(gateway->unacknowledged(), 0u);
}

TEST_P(ProtocolBroker, PublishesOfASessionAreExactlyOnceOverBrokenConnections) {
  Connection gateway(broker_, Options("gateway"));
  Connection device(broker_, Options("device"));
  device.Open();
  device.Subscribe("out/#", Qos::kExactlyOnce);
  gateway.Open();
  // The broker has them, but its answers are never read.
  for (uint64_t token = 1; token <= 3; ++token) gateway->Publish(token, Message("out", std::to_string(token), 2));
  gateway.Send();
  ASSERT_TRUE(Eventually([&] { return broker_.Logged("Sending PUBREC to gateway (m3"); })) << broker_.log();
  gateway.Close();
  EXPECT_THAT(gateway.Open(), ElementsAre("connack 0 session"));
  for (uint64_t token = 1; token <= 3; ++token) gateway->Publish(token, Message("out", std::to_string(token), 2));
  EXPECT_THAT(gateway.Read(3), ElementsAre("published 1 0", "published 2 0", "published 3 0"));
  const std::vector<std::string> received = device.ReadUntilPingresp();
  EXPECT_EQ(received.size(), 4u) << testing::PrintToString(received);
}

TEST_P(ProtocolBroker, AWillIsPublishedUnlessTheEndIsClean) {
  Connection watcher(broker_, Options("watcher"));
  watcher.Open();
  watcher.Subscribe("will/#", Qos::kAtLeastOnce);
  for (const bool clean : {true, false}) {
    ConnectOptions options = Options("mortal");
    options.username = "u";
    options.password = "p";
    options.session_expiry_s = 0;
    auto will = std::make_shared<OutboundMessage>(Message(clean ? "will/clean" : "will/broken", "gone", 1));
    options.will = ConnectOptions::Will{.message = will};
    Connection mortal(broker_, options);
    mortal.Open();
    if (clean) {
      mortal->Disconnect();
      mortal.Send();
    }
  }
  EXPECT_THAT(watcher.Read(1), ElementsAre("publish will/broken 'gone' qos 1 id 1"));
}

// Refusals and DISCONNECT as mosquitto sends them.
TEST_P(ProtocolBroker, UnderstandsBeingRefusedAndDisconnected) {
  Mosquitto strict({.users = {{"u", "p"}}});
  ConnectOptions options = Options("gateway");
  options.username = "u";
  options.password = "wrong";
  EXPECT_THAT(Connection(strict, options).Open(), ElementsAre(mqtt5() ? "connack 135" : "connack 5"));
  if (!mqtt5()) return;

  Connection connected(broker_, Options("gateway"));
  connected.Open();
  connected->Publish(1, Message("a/#", "", 1));  // Which the caller is not to do.
  EXPECT_THAT(connected.Read(1), ElementsAre("disconnect 130"));
  EXPECT_FALSE(connected->connected());
}

}  // namespace
}  // namespace sluice::wire
