// Calls over a session, against nghttp2's client side: messages and windows.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/unit/rpc/session_fixture.h"

namespace sluice::rpc {
namespace {

using testing::ElementsAre;
using testing::Pair;

TEST_F(SessionTest, AUnaryCallIsAnsweredWithHeadersMessageAndTrailers) {
  Connect();
  RecordedCall& call = Begin({{"x-name", "value"}, {"user-agent", "test/1"}});
  EXPECT_EQ(call.head.path, "/test.Service/Method");
  EXPECT_EQ(call.head.authority, "test");
  EXPECT_THAT(call.head.metadata, ElementsAre(Pair("x-name", "value"), Pair("user-agent", "test/1")));
  EXPECT_EQ(call.head.deadline, kNever);

  client->Send(id, Framed("hello"));
  client->HalfClose(id);
  Exchange();
  EXPECT_THAT(call.messages, ElementsAre("hello"));
  EXPECT_TRUE(call.half_closed);

  call.stream.SendHeaders({{"x-early", "1"}, {"x-bytes-bin", std::string("\0\xff", 2)}});
  call.stream.Write(Payload("world"));
  call.stream.Finish(absl::OkStatus(), {{"x-late", "2"}});
  EXPECT_FALSE(call.over);
  Exchange();
  EXPECT_TRUE(call.over);
  EXPECT_EQ(call.cancelled, std::nullopt);
  EXPECT_THAT(response().Messages(), ElementsAre("world"));
  ASSERT_EQ(response().blocks.size(), 2);
  EXPECT_THAT(response().blocks[0],
              ElementsAre(Pair(":status", "200"), Pair("content-type", "application/grpc"),
                          Pair("grpc-accept-encoding", "identity"), Pair("x-early", "1"), Pair("x-bytes-bin", "AP8")));
  EXPECT_THAT(response().blocks[1], ElementsAre(Pair("grpc-status", "0"), Pair("x-late", "2")));
  EXPECT_TRUE(response().ended);
  EXPECT_TRUE(response().closed);
  EXPECT_EQ(response().reset, std::nullopt);
  EXPECT_EQ(session->calls(), 0);
}

TEST_F(SessionTest, AStatusWithoutAMessageIsASingleBlock) {
  Connect();
  RecordedCall& call = Begin();
  client->HalfClose(id);
  Exchange();
  call.stream.Finish(absl::NotFoundError("no such thing: 100 % \xc3\xa4"), {});
  Exchange();
  ASSERT_EQ(response().blocks.size(), 1);
  EXPECT_THAT(response().blocks[0],
              ElementsAre(Pair(":status", "200"), Pair("content-type", "application/grpc"), Pair("grpc-status", "5"),
                          Pair("grpc-message", "no such thing: 100 %25 %C3%A4")));
  EXPECT_TRUE(call.over);
}

TEST_F(SessionTest, AnEndBeforeTheClientsOneResetsWithNoError) {
  Connect();
  RecordedCall& call = Begin();
  call.stream.Write(Payload("one"));
  Exchange();
  EXPECT_EQ(call.written, 1);
  call.stream.Finish(absl::AbortedError("enough"), {});
  Exchange();
  EXPECT_EQ(response().status(), 10);
  EXPECT_EQ(response().reset, 0u);  // NO_ERROR: what was said before counts.
  EXPECT_TRUE(call.over);
  EXPECT_EQ(call.cancelled, std::nullopt);
}

TEST_F(SessionTest, MessagesGoBothWaysWhileTheCallLasts) {
  Connect();
  RecordedCall& call = Begin();
  for (int i = 0; i < 50; ++i) {
    client->Send(id, Framed(std::string(static_cast<size_t>(i * 37), 'a')));
    Exchange();
    ASSERT_EQ(call.messages.size(), static_cast<size_t>(i + 1));
    call.stream.Write(Payload(call.messages.back()));
    Exchange();
    ASSERT_EQ(call.written, i + 1);
  }
  EXPECT_EQ(response().Messages(), call.messages);
}

TEST_F(SessionTest, MessagesAreTheSameHoweverTheirBytesCome) {
  for (const size_t chunk : {1u, 2u, 7u, 1000u}) {
    Connect();
    RecordedCall& call = Begin();
    client->Send(id, Framed("") + Framed("a") + Framed(std::string(70'000, 'b')) + Framed("") + Framed("c"));
    client->HalfClose(id);
    for (int turn = 0; turn < 100 && !call.half_closed; ++turn) {
      const std::string bytes = client->Take();
      for (size_t at = 0; at < bytes.size(); at += chunk)
        session->Receive(std::string_view(bytes).substr(at, chunk), now);
      client->Give(TakeOutput());
    }
    EXPECT_THAT(call.messages, ElementsAre("", "a", std::string(70'000, 'b'), "", "c"));
    EXPECT_TRUE(call.half_closed);
  }
}

TEST_F(SessionTest, WhatIsNotAskedForHoldsTheClientBack) {
  limits.stream_window = 65'535;
  reads_on = false;
  Connect();
  RecordedCall& call = Begin();
  for (int i = 0; i < 100; ++i) client->Send(id, Framed(std::string(10'000, 'x')));
  Exchange();
  EXPECT_TRUE(call.messages.empty());
  EXPECT_LE(session->receiving(), 65'535u);
  EXPECT_EQ(client->send_window(id), 0);
  const size_t held = client->unsent(id);
  EXPECT_GT(held, 900'000u);

  // The other calls of the connection are not held.
  const int32_t slow = id;
  reads_on = true;
  RecordedCall& other = Begin();
  client->Send(id, Framed(std::string(500'000, 'y')));
  Exchange();
  EXPECT_EQ(other.messages.size(), 1);
  EXPECT_EQ(client->unsent(slow), held);

  // Each one taken lets as much come.
  for (int i = 1; i <= 100; ++i) {
    calls[0]->stream.Read();
    Exchange();
    ASSERT_EQ(calls[0]->messages.size(), static_cast<size_t>(i));
    ASSERT_LE(session->receiving(), 65'535u);
  }
  EXPECT_EQ(client->unsent(slow), 0);
  EXPECT_EQ(session->receiving(), 0);
  EXPECT_EQ(budget.taken(), 0);
}

TEST_F(SessionTest, AMessageLargerThanTheWindowComesOnceItIsAskedFor) {
  limits.stream_window = 65'535;
  reads_on = false;
  Connect();
  RecordedCall& call = Begin();
  client->Send(id, Framed(std::string(1'000'000, 'x')));
  client->HalfClose(id);
  Exchange();
  EXPECT_TRUE(call.messages.empty());
  EXPECT_FALSE(call.half_closed);
  call.stream.Read();
  Exchange();
  EXPECT_THAT(call.messages, ElementsAre(std::string(1'000'000, 'x')));
  EXPECT_TRUE(call.half_closed);  // Without another Read().
}

TEST_F(SessionTest, NoReactionRunsWithinTheCallThatAskedForIt) {
  reads_on = false;
  Connect();
  RecordedCall& call = Begin();
  client->Send(id, Framed("kept"));
  Exchange();
  call.stream.Read();
  EXPECT_TRUE(call.messages.empty());
  call.stream.Write(Payload("x"));
  EXPECT_EQ(call.written, 0);
  call.stream.Finish(absl::OkStatus(), {});
  EXPECT_FALSE(call.over);
  Exchange();
  EXPECT_TRUE(call.over);
  EXPECT_TRUE(call.messages.empty());  // Nothing is handed out after the end.
}

TEST_F(SessionTest, AClientThatReadsNothingIsWrittenNoMoreThanItsWindow) {
  Connect(65'535, /*automatic=*/false);
  RecordedCall& call = Begin();
  call.stream.Write(Payload(std::string(200'000, 'x')));
  Exchange();
  EXPECT_EQ(call.written, 0);
  EXPECT_EQ(response().data.size(), 65'535u);
  client->GiveWindow(id, 200'000);
  client->GiveWindow(0, 200'000);
  Exchange();
  EXPECT_EQ(call.written, 1);
  EXPECT_THAT(response().Messages(), ElementsAre(std::string(200'000, 'x')));
}

TEST_F(SessionTest, LargePartsAreNotCopied) {
  Connect(8u << 20);
  limits.output_bytes = 8u << 20;
  RecordedCall& call = Begin();
  const auto bytes = std::make_shared<std::string>(100'000, 'x');
  Payload payload("head");
  payload.AppendShared(*bytes, bytes);
  payload.Append("tail");
  call.stream.Write(std::move(payload));
  session->Gather(now);
  std::vector<std::string_view> pieces;
  session->output().Front(pieces, 1000);
  size_t shared = 0;
  for (const std::string_view piece : pieces) {
    if (piece.data() >= bytes->data() && piece.data() < bytes->data() + bytes->size()) shared += piece.size();
  }
  EXPECT_GT(shared, 90'000u);
  EXPECT_EQ(bytes.use_count(), 2);
  // It is kept until it was sent, also when the call is gone before.
  client->Reset(id);
  Deliver(client->Take());
  session->Gather(now);
  EXPECT_TRUE(call.over);
  EXPECT_EQ(bytes.use_count(), 2);
  EXPECT_GT(TakeOutput().size(), bytes->size());
  EXPECT_EQ(bytes.use_count(), 1);
}

TEST_F(SessionTest, CallsShareTheConnectionFrameByFrame) {
  Connect(8u << 20);
  limits.output_bytes = 8u << 20;
  RecordedCall& large = Begin();
  const int32_t large_id = id;
  Begin();
  large.stream.Write(Payload(std::string(2u << 20, 'x')));
  calls[1]->stream.Write(Payload("small"));
  session->Gather(now);
  std::vector<std::string_view> pieces;
  session->output().Front(pieces, 1000);
  std::string first;
  for (const std::string_view piece : pieces) first += piece;
  client->Give(std::string_view(first).substr(0, 300'000));
  EXPECT_THAT(response().Messages(), ElementsAre("small"));
  EXPECT_LT(client->response(large_id).data.size(), 300'000u);
}

}  // namespace
}  // namespace sluice::rpc
