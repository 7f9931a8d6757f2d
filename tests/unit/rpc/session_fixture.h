// A session, a client, and the calls' handlers as a test sees them.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/rpc/protocol/session.h"
#include "tests/unit/rpc/http2_client.h"

namespace sluice::rpc {

// A call's handler: writes down what happens.
class RecordedCall final : public CallEvents {
 public:
  RecordedCall(CallStream& call_stream, RequestHead request_head, bool reads)
      : stream(call_stream), head(std::move(request_head)), reads_on(reads) {
    if (reads_on) stream.Read();
  }
  void OnMessage(std::string message) override {
    messages.push_back(std::move(message));
    if (finishes_on_message) stream.Finish(absl::OkStatus(), {});
    if (reads_on) stream.Read();
  }
  void OnHalfClose() override { half_closed = true; }
  void OnWritten() override { ++written; }
  void OnOver(const absl::Status* why) override {
    EXPECT_FALSE(over);
    over = true;
    if (why != nullptr) cancelled = *why;
  }

  CallStream& stream;  // Until it is over.
  RequestHead head;
  bool reads_on;
  bool finishes_on_message = false;
  std::vector<std::string> messages;
  bool half_closed = false;
  int written = 0;
  bool over = false;
  std::optional<absl::Status> cancelled;
};

class SessionTest : public testing::Test, public SessionEvents {
 protected:
  CallEvents& OnCall(CallStream& stream, RequestHead head) override {
    calls.push_back(std::make_unique<RecordedCall>(stream, std::move(head), reads_on));
    return *calls.back();
  }

  // A new connection, with `limits`, and a client whose window is so large.
  void Connect(uint32_t window = 65'535, bool automatic = true) {
    session.reset();
    calls.clear();
    session = std::make_unique<Http2Session>(limits, budget, *this, now);
    client = std::make_unique<Http2Client>(window, automatic);
    Exchange();
  }
  // Moves bytes both ways until there are none.
  void Exchange() {
    for (int turns = 0; turns < 10'000; ++turns) {
      const bool to_server = Deliver(client->Take());
      const std::string to_client = TakeOutput();
      if (!to_client.empty()) client->Give(to_client);
      if (!to_server && to_client.empty()) return;
    }
    ADD_FAILURE() << "the two never fall silent";
  }
  bool Deliver(std::string_view bytes) {
    if (bytes.empty()) return false;
    session->Receive(bytes, now);
    return true;
  }
  // What the session has to send, as if the socket took it.
  std::string TakeOutput() {
    session->Gather(now);
    std::string all;
    std::vector<std::string_view> pieces;
    session->output().Front(pieces, 1'000'000);
    for (const std::string_view piece : pieces) all += piece;
    session->Sent(all.size(), now);
    return all;
  }
  void Pass(Millis time) {
    now += time;
    session->Tick(now);
  }
  // Time passes in the steps in which something is due.
  void PassUntil(SteadyTime until) {
    while (session->next_due() <= until && !session->over()) {
      now = session->next_due();
      session->Tick(now);
      Exchange();
    }
    now = until;
  }
  RecordedCall& Begin(const HeaderList& more = {}) {
    id = client->Call("/test.Service/Method", more);
    Exchange();
    EXPECT_FALSE(calls.empty());
    return *calls.back();
  }
  const Http2Client::Response& response() { return client->response(id); }

  Limits limits;
  ReceiveBudget budget{256u << 20};
  SteadyTime now{std::chrono::hours(1)};
  bool reads_on = true;
  std::vector<std::unique_ptr<RecordedCall>> calls;
  std::unique_ptr<Http2Session> session;
  std::unique_ptr<Http2Client> client;
  int32_t id = 0;  // Of the last call.
};

// A frame, raw.
inline std::string RawFrame(uint8_t type, uint8_t flags, uint32_t stream, std::string_view payload = {}) {
  std::string frame;
  for (const int shift : {16, 8, 0}) frame.push_back(static_cast<char>(payload.size() >> shift));
  frame.push_back(static_cast<char>(type));
  frame.push_back(static_cast<char>(flags));
  for (const int shift : {24, 16, 8, 0}) frame.push_back(static_cast<char>(stream >> shift));
  return frame.append(payload);
}

}  // namespace sluice::rpc
