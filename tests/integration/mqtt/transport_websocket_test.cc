// WebSocket as a broker's gate: the request, the frames, and answers that are none.
#include "tests/integration/mqtt/stack_peer.h"
#include "tests/integration/mqtt/transport_fixture.h"

namespace sluice {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

class TransportWebSocket : public testing::Test {
 protected:
  // Begins to connect; the handshake is left to the test.
  void Start(const std::string& path = "") {
    transport.emplace(OptionsFor(server.uri("ws") + path));
    opened = transport->StartOpen();
    peer.emplace(ServePlain(server.Accept()));
  }
  void Connect() {
    Start();
    peer->Agree(peer->ReceiveRequest());
    ASSERT_EQ(Text(opened.Get()), "OK");
  }
  // The outcome of a handshake that is answered with this.
  absl::Status OutcomeOfAnswer(std::string_view answer) {
    Start();
    peer->ReceiveRequest();
    peer->raw().Send(answer);
    return opened.Get();
  }

  RawServer server;
  std::optional<TestTransport> transport;
  Outcome<absl::Status> opened;
  std::optional<WebSocketPeer> peer;
};

TEST_F(TransportWebSocket, AsksForMqttAtThePath) {
  Start("/broker?tenant=a");
  const std::string request = peer->ReceiveRequest();
  EXPECT_THAT(request, AllOf(StartsWith("GET /broker?tenant=a HTTP/1.1\r\n"),
                             HasSubstr("\r\nHost: 127.0.0.1:" + std::to_string(server.port()) + "\r\n"),
                             HasSubstr("\r\nSec-WebSocket-Protocol: mqtt\r\n")));
  peer->Agree(request);
  EXPECT_EQ(Text(opened.Get()), "OK");
}

TEST_F(TransportWebSocket, AsksAtSlashMqttWhenThereIsNoPath) {
  Start();
  EXPECT_THAT(peer->ReceiveRequest(), StartsWith("GET /mqtt HTTP/1.1\r\n"));
}

TEST_F(TransportWebSocket, ReadsOneStreamWhateverTheFramesAre) {
  Connect();
  peer->SendFrame({.payload = "one,"});
  peer->SendFrame({.last = false, .payload = "tw"});
  peer->SendFrame({.opcode = WebSocketPeer::kContinuation, .last = false, .payload = ""});
  peer->SendFrame({.opcode = WebSocketPeer::kContinuation, .payload = "o,"});
  peer->SendFrame({.payload = ""});
  peer->SendFrame({.payload = "three"});
  EXPECT_EQ(transport->ReadExactly(13), "one,two,three");
}

TEST_F(TransportWebSocket, DoesNotWaitForTheEndOfAFrameOfAnySize) {
  Connect();
  const std::string header("\x82\x7F\x00\x00\x00\x00\x7F\xFF\xFF\xFF", 10);  // 2 GiB.
  peer->raw().Send(header + "start");
  EXPECT_EQ(transport->ReadExactly(5), "start");
}

TEST_F(TransportWebSocket, WritesBinaryFramesThatAreWhole) {
  Connect();
  const std::string bytes(40'000, 'x');
  Outcome<absl::Status> written = transport->StartWrite(bytes);
  std::string received;
  while (received.size() < bytes.size()) {
    std::optional<WebSocketPeer::Frame> frame = peer->ReceiveFrame();
    ASSERT_TRUE(frame);
    EXPECT_EQ(frame->opcode, WebSocketPeer::kBinary);
    EXPECT_TRUE(frame->last);
    received += frame->payload;
  }
  EXPECT_EQ(received, bytes);
  EXPECT_EQ(Text(written.Get()), "OK");
}

TEST_F(TransportWebSocket, AnswersAPingWhileItReads) {
  Connect();
  Outcome<ReadOutcome> read = transport->StartRead();
  peer->SendFrame({.opcode = WebSocketPeer::kPing, .payload = "are you there"});
  std::optional<WebSocketPeer::Frame> frame = peer->ReceiveFrame();
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->opcode, WebSocketPeer::kPong);
  EXPECT_EQ(frame->payload, "are you there");
  EXPECT_FALSE(read.there());
}

TEST_F(TransportWebSocket, RefusesTextFrames) {
  Connect();
  peer->SendFrame({.opcode = WebSocketPeer::kText, .payload = "text"});
  EXPECT_EQ(Text(transport->Read().status), "the broker sent a WebSocket frame that is not binary");
}

TEST_F(TransportWebSocket, SaysWhyTheBrokerClosed) {
  Connect();
  peer->SendFrame({.opcode = WebSocketPeer::kClose, .payload = std::string("\x03\xF0", 2) + "not here"});
  EXPECT_EQ(Text(transport->Read().status), "closed by the broker (WebSocket close code 1008: not here)");
}

TEST_F(TransportWebSocket, ReportsAViolationOfTheProtocol) {
  Connect();
  peer->raw().Send(std::string("\xFF\x00", 2));
  EXPECT_THAT(Text(transport->Read().status), StartsWith("the broker violates the WebSocket protocol: "));
}

TEST_F(TransportWebSocket, SaysThatThePathIsWrong) {
  const absl::Status status = OutcomeOfAnswer("HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nNot here\n");
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Text(status), "the broker answered 404 to the WebSocket request for '/mqtt': check the path");
}

TEST_F(TransportWebSocket, SaysThatTheServiceAtThePathIsAnother) {
  Start("/chat");
  peer->Agree(peer->ReceiveRequest(), "");
  EXPECT_EQ(Text(opened.Get()),
            "the broker's WebSocket at '/chat' does not speak MQTT (subprotocol ''): check the path");
  Start("/chat");
  peer->Agree(peer->ReceiveRequest(), "chat");
  EXPECT_THAT(Text(opened.Get()), HasSubstr("(subprotocol 'chat')"));
}

TEST_F(TransportWebSocket, RefusesAnAnswerToAnotherRequest) {
  EXPECT_THAT(Text(OutcomeOfAnswer("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: "
                                   "Upgrade\r\nSec-WebSocket-Accept: bm90aGluZw==\r\n\r\n")),
              StartsWith("the broker's answer to the WebSocket request for '/mqtt' is wrong: "));
}

TEST_F(TransportWebSocket, DoubtsThatAPortSpeaksWebSocketWhenItsAnswerIsNotHttp) {
  EXPECT_EQ(Text(OutcomeOfAnswer("\x20\x02 no HTTP at all\r\n\r\n")),
            "the broker's answer is not HTTP: is it a WebSocket port?");
}

TEST_F(TransportWebSocket, DoubtsThatAPortSpeaksWebSocketWhenItClosesWithoutAWord) {
  Start();
  peer->ReceiveRequest();
  peer->raw().Close();
  EXPECT_EQ(Text(opened.Get()), "closed by the broker within the WebSocket handshake: is it a WebSocket port?");
}

}  // namespace
}  // namespace sluice
