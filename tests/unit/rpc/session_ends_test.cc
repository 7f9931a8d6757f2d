// How the calls of a session end before their time, and what their ends leave behind.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/unit/rpc/session_fixture.h"

namespace sluice::rpc {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST_F(SessionTest, AnAbortGoesAheadOfWhatTheClientDoesNotRead) {
  Connect(65'535, /*automatic=*/false);
  RecordedCall& call = Begin();
  call.stream.Write(Payload(std::string(200'000, 'x')));
  Exchange();
  call.stream.Abort(absl::UnavailableError("the gateway stops"));
  Exchange();
  EXPECT_EQ(response().status(), 14);
  EXPECT_EQ(response().Field("grpc-message"), "the gateway stops");
  EXPECT_TRUE(call.over);
  EXPECT_EQ(call.cancelled, std::nullopt);

  // After Finish too.
  RecordedCall& other = Begin();
  client->GiveWindow(0, 65'535);
  other.stream.Write(Payload(std::string(200'000, 'x')));
  other.stream.Finish(absl::OkStatus(), {});
  Exchange();
  EXPECT_FALSE(other.over);
  other.stream.Abort(absl::UnavailableError("now"));
  Exchange();
  EXPECT_EQ(response().status(), 14);
  EXPECT_TRUE(other.over);
}

// grpc-go closes a connection with the largest number of a stream.
TEST_F(SessionTest, AClientThatTakesItsLeaveWithAnyLastStreamHasDoneNothingWrong) {
  Connect();
  RecordedCall& call = Begin();
  Deliver(std::string("\0\0\x08\x07\0\0\0\0\0\x7f\xff\xff\xff\0\0\0\0", 17));
  Exchange();
  EXPECT_TRUE(session->over());
  session->ConnectionLost(absl::UnavailableError("closed"));
  EXPECT_EQ(session->ending()->cause, EndCause::kClosed);
  EXPECT_TRUE(call.cancelled.has_value());
}

TEST_F(SessionTest, AClientThatTakesItsLeaveForAnErrorIsToldApart) {
  Connect();
  Deliver(std::string("\0\0\x08\x07\0\0\0\0\0\x7f\xff\xff\xff\0\0\0\x01", 17));
  Exchange();
  EXPECT_TRUE(session->over());
  EXPECT_EQ(session->ending()->cause, EndCause::kProtocol);
}

TEST_F(SessionTest, AStatusThatIsNotReadUpToEndsTheCall) {
  Connect(65'535, /*automatic=*/false);
  RecordedCall& call = Begin();
  call.stream.Write(Payload(std::string(200'000, 'x')));
  call.stream.Finish(absl::OkStatus(), {});
  Exchange();
  PassUntil(now + limits.finish_timeout - Millis(1));
  EXPECT_FALSE(call.over);
  PassUntil(now + Millis(1));
  EXPECT_TRUE(call.over);
  EXPECT_EQ(response().status(), 14);  // Not OK: a part is missing.
}

// Proxies have errors of their own for a time-out or a reload: none of them is a fault of the client's.
TEST_F(SessionTest, AResetIsACancellationWhateverItsError) {
  Connect();
  for (const uint32_t error : {NGHTTP2_CANCEL, NGHTTP2_NO_ERROR, NGHTTP2_PROTOCOL_ERROR, NGHTTP2_INTERNAL_ERROR,
                               NGHTTP2_REFUSED_STREAM, NGHTTP2_ENHANCE_YOUR_CALM}) {
    RecordedCall& call = Begin();
    call.stream.Write(Payload("x"));
    client->Reset(id, error);
    Exchange();
    ASSERT_TRUE(call.over);
    ASSERT_TRUE(call.cancelled.has_value());
    EXPECT_EQ(call.cancelled->code(), absl::StatusCode::kCancelled) << error;
    EXPECT_EQ(call.written, 0);
  }
}

TEST_F(SessionTest, ACallThatBreaksHttp2sRulesIsReset) {
  Connect();
  RecordedCall& call = Begin({{"content-length", "3"}});
  client->Send(id, Framed("more than three"));
  Exchange();
  EXPECT_EQ(response().reset, NGHTTP2_PROTOCOL_ERROR);
  ASSERT_TRUE(call.cancelled.has_value());
  EXPECT_EQ(call.cancelled->code(), absl::StatusCode::kInternal);
}

TEST_F(SessionTest, ALostConnectionEndsEachCallOnce) {
  Connect();
  Begin();
  Begin();
  calls[1]->stream.Write(Payload("x"));
  calls[1]->stream.Finish(absl::OkStatus(), {});  // Not sent yet.
  session->ConnectionLost(absl::UnavailableError("closed by the peer"));
  EXPECT_TRUE(calls[0]->over && calls[1]->over);
  EXPECT_EQ(calls[0]->cancelled->code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(calls[1]->cancelled, std::nullopt);
  EXPECT_TRUE(session->over() && session->abrupt());
  session->Gather(now);
  session.reset();
}

TEST_F(SessionTest, TheDeadlineEndsTheCallOnBothSides) {
  Connect();
  RecordedCall& call = Begin({{"grpc-timeout", "250m"}});
  EXPECT_EQ(call.head.deadline, now + Millis(250));
  call.stream.Write(Payload("x"));
  Exchange();
  PassUntil(now + Millis(249));
  EXPECT_FALSE(call.over);
  PassUntil(now + Millis(1));
  EXPECT_TRUE(call.over);
  EXPECT_EQ(call.cancelled->code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(response().status(), 4);
}

TEST_F(SessionTest, ATooLargeMessageEndsItsCallBeforeItIsKept) {
  limits.message_bytes = 1000;
  Connect();
  RecordedCall& call = Begin();
  client->Send(id, Framed(std::string(1000, 'x')));
  Exchange();
  EXPECT_EQ(call.messages.size(), 1);
  client->Send(id, Framed(std::string(1001, 'x')).substr(0, 5));
  Exchange();
  EXPECT_TRUE(call.over);
  EXPECT_EQ(call.cancelled->code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(response().status(), 8);
  EXPECT_THAT(response().Field("grpc-message"), HasSubstr("1001 bytes; at most 1000"));
  EXPECT_FALSE(session->over());
}

TEST_F(SessionTest, AHandlerBoundsWhatMayComeNext) {
  limits.message_bytes = 1'000;
  Connect();
  RecordedCall& call = Begin();
  call.stream.LimitMessages(10);
  client->Send(id, Framed("0123456789"));
  Exchange();
  call.stream.LimitMessages(5'000);  // Not more than all may.
  client->Send(id, Framed(std::string(1'000, 'x')));
  Exchange();
  EXPECT_EQ(call.messages.size(), 2);
  call.stream.LimitMessages(10);
  client->Send(id, Framed("0123456789a"));
  Exchange();
  EXPECT_TRUE(call.over);
  EXPECT_EQ(response().status(), 8);
}

TEST_F(SessionTest, WhatIsNoMessageEndsItsCall) {
  Connect();
  for (const std::string& bytes : {std::string("\x02\0\0\0\x01x", 6), std::string("\x01\0\0\0\x01x", 6)}) {
    RecordedCall& call = Begin();
    client->Send(id, bytes);
    Exchange();
    EXPECT_TRUE(call.over);
    EXPECT_EQ(response().status(), 13);
  }
  RecordedCall& call = Begin();
  client->Send(id, Framed("abc").substr(0, 6));
  client->HalfClose(id);
  Exchange();
  EXPECT_EQ(call.cancelled->code(), absl::StatusCode::kInternal);
  EXPECT_EQ(response().status(), 13);
}

TEST_F(SessionTest, WhatIsReceivedAtOnceIsBounded) {
  budget.Take((256u << 20) - 100'000);  // Other connections.
  limits.stream_window = 1u << 20;
  Connect();
  RecordedCall& first = Begin();
  client->Send(id, Framed(std::string(90'000, 'x')).substr(0, 80'000));
  Exchange();
  RecordedCall& second = Begin();
  client->Send(id, Framed(std::string(90'000, 'x')).substr(0, 80'000));
  Exchange();
  EXPECT_FALSE(first.over);
  EXPECT_TRUE(second.over);
  EXPECT_EQ(second.cancelled->code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(response().status(), 8);
  session.reset();
  EXPECT_EQ(budget.taken(), (256u << 20) - 100'000);
}

TEST_F(SessionTest, WhatComesAfterTheEndIsPassedOver) {
  Connect();
  RecordedCall& call = Begin();
  client->Send(id, Framed("a"));
  const std::string bytes = client->Take();
  call.finishes_on_message = true;
  session->Receive(bytes, now);
  client->Send(id, Framed(std::string(50'000, 'b')));
  Exchange();
  EXPECT_THAT(call.messages, ElementsAre("a"));
  EXPECT_TRUE(call.over);
  // The connection goes on, and its window is whole.
  RecordedCall& next = Begin();
  for (int i = 0; i < 100; ++i) client->Send(id, Framed(std::string(50'000, 'c')));
  Exchange();
  EXPECT_EQ(next.messages.size(), 100);
}

}  // namespace
}  // namespace sluice::rpc
