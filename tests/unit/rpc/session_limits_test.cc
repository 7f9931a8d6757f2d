// What a client may not do, and what a connection may not be: each ends with a reason and the limit.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "tests/unit/rpc/session_fixture.h"

namespace sluice::rpc {
namespace {

using testing::HasSubstr;

class SessionLimitsTest : public SessionTest {
 protected:
  // How many of `frame` the session takes before it ends the connection; 0: it never does.
  int FloodWith(const std::function<std::string(int)>& frame, int at_most = 5'000) {
    for (int i = 1; i <= at_most; ++i) {
      session->Receive(frame(i), now);
      client->Give(TakeOutput());
      if (session->over()) return i;
    }
    return 0;
  }
  void ExpectCalm(EndCause cause, const std::string& text) {
    ASSERT_TRUE(session->ending().has_value());
    EXPECT_EQ(session->ending()->cause, cause) << EndCauseName(session->ending()->cause);
    EXPECT_THAT(session->ending()->text, HasSubstr(text));
    ASSERT_FALSE(client->goaways().empty());
    EXPECT_EQ(client->goaways().back().code, NGHTTP2_ENHANCE_YOUR_CALM);
    EXPECT_EQ(client->goaways().back().text, session->ending()->text);
    EXPECT_FALSE(session->abrupt());
    EXPECT_TRUE(IsRefusal(cause));
  }
};

TEST_F(SessionLimitsTest, PingsInExcessOfDataEndTheConnection) {
  Connect();
  RecordedCall& call = Begin();
  const std::string ping = RawFrame(6, 0, 0, "12345678");
  EXPECT_EQ(FloodWith([&](int) { return ping; }), static_cast<int>(limits.pings.burst + 1));
  ExpectCalm(EndCause::kPings, "more than 20 PING frames without data, and 1 a second");
  EXPECT_TRUE(call.over);
  EXPECT_EQ(call.cancelled->code(), absl::StatusCode::kCancelled);
}

TEST_F(SessionLimitsTest, PingsWithDataOrWithTimeAreFine) {
  Connect();
  RecordedCall& call = Begin();
  const std::string ping = RawFrame(6, 0, 0, "12345678");
  for (int i = 0; i < 1'000; ++i) {
    call.stream.Write(Payload("x"));
    Exchange();
    session->Receive(ping, now);
    client->Give(TakeOutput());
  }
  EXPECT_FALSE(session->over());
  for (int i = 0; i < 100; ++i) {
    now += Millis(1'000);
    session->Receive(ping, now);
    client->Give(TakeOutput());
  }
  EXPECT_FALSE(session->over());
}

TEST_F(SessionLimitsTest, RapidResetEndsTheConnection) {
  Connect();
  int resets = 0;
  while (!session->over() && resets < 5'000) {
    client->Reset(client->Call("/test.Service/Method"));
    ++resets;
    Exchange();
  }
  EXPECT_EQ(resets, 5'000) << "a request that was not sent is no reset";
  resets = 0;
  while (!session->over() && resets < 5'000) {
    const int32_t stream = client->Call("/test.Service/Method");
    Deliver(client->Take());
    client->Reset(stream);
    Deliver(client->Take());
    client->Give(TakeOutput());
    ++resets;
  }
  EXPECT_EQ(resets, static_cast<int>(limits.resets.burst + 1));
  ExpectCalm(EndCause::kResets, "more than 200 RST_STREAM frames, and 20 a second");
  for (const auto& call : calls) EXPECT_TRUE(call->over);
}

TEST_F(SessionLimitsTest, ResetsThatTheClientProvokesCountToo) {
  Connect();
  int provoked = 0;
  while (!session->over() && provoked < 5'000) {
    const int32_t stream = client->Call("/test.Service/Method");
    Deliver(client->Take());
    session->Receive(RawFrame(8, 0, static_cast<uint32_t>(stream), "\x7f\xff\xff\xff"), now);  // Too large a window.
    client->Give(TakeOutput());
    ++provoked;
  }
  EXPECT_EQ(provoked, static_cast<int>(limits.resets.burst + 1));
  ExpectCalm(EndCause::kResets, "had to be reset");
}

TEST_F(SessionLimitsTest, SettingsEndTheConnection) {
  Connect();
  const int taken = FloodWith([](int) { return RawFrame(4, 0, 0); });
  EXPECT_GT(taken, 10);
  EXPECT_LE(taken, static_cast<int>(limits.settings.burst + 1));
  EXPECT_EQ(session->ending()->cause, EndCause::kSettings);  // The client has given up: so many acknowledgements.
}

TEST_F(SessionLimitsTest, WindowUpdatesInExcessOfDataEndTheConnection) {
  Connect();
  const std::string update = RawFrame(8, 0, 0, std::string("\0\0\0\1", 4));
  EXPECT_GT(FloodWith([&](int) { return update; }), 1'900);
  ExpectCalm(EndCause::kWindowUpdates, "WINDOW_UPDATE");
}

TEST_F(SessionLimitsTest, PrioritiesAndUnknownFramesEndTheConnection) {
  for (const uint8_t type : {uint8_t{2}, uint8_t{16}, uint8_t{77}}) {
    Connect();
    Begin();
    const std::string payload = type == 16 ? std::string("\0\0\0\1u=1", 7) : std::string("\0\0\0\0\x10", 5);
    const std::string frame = RawFrame(type, 0, type == 2 ? static_cast<uint32_t>(id) : 0, payload);
    EXPECT_EQ(FloodWith([&](int) { return frame; }), static_cast<int>(limits.priorities.burst + 1)) << int{type};
    ExpectCalm(EndCause::kPriorities, "PRIORITY");
  }
}

TEST_F(SessionLimitsTest, EmptyFramesEndTheConnection) {
  Connect();
  Begin();
  const std::string data = RawFrame(0, 0, static_cast<uint32_t>(id));
  EXPECT_EQ(FloodWith([&](int) { return data; }), static_cast<int>(limits.empty_frames.burst + 1));
  ExpectCalm(EndCause::kEmptyFrames, "empty frames");
}

TEST_F(SessionLimitsTest, ContinuationsEndTheConnection) {
  Connect();
  session->Receive(RawFrame(1, 0, 1, "\x82"), now);
  EXPECT_GT(FloodWith([](int) { return RawFrame(9, 0, 1, "\x86"); }, 100), 0);
  EXPECT_TRUE(IsRefusal(session->ending()->cause));
}

TEST_F(SessionLimitsTest, ALargeHeaderListIsRefusedAndAHugeOneEndsTheConnection) {
  Connect();
  EXPECT_EQ(client->setting(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE), 16u << 10);
  id = client->Call("/test.Service/Method", {{"x-large", std::string(20'000, 'x')}});
  Exchange();
  EXPECT_EQ(response().status(), 8);
  EXPECT_TRUE(calls.empty());
  EXPECT_FALSE(session->over());

  // One field in the table, and a reference of one byte to it, over and over.
  std::string block("\x83\x86\x04\x02/x\x40\x06x-bomb\x7f\xe9\x06", 17);
  block += std::string(1'000, 'x') + std::string(100, '\xbe');
  session->Receive(RawFrame(1, 4, static_cast<uint32_t>(id + 2), block), now);
  client->Give(TakeOutput());
  EXPECT_TRUE(session->over());
  ASSERT_TRUE(session->ending().has_value());
  EXPECT_EQ(session->ending()->cause, EndCause::kHeaderList);
}

TEST_F(SessionLimitsTest, MoreCallsThanAnnouncedAreRefused) {
  limits.streams = 3;
  Connect();
  EXPECT_EQ(client->setting(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS), 3);
  for (int i = 0; i < 3; ++i) Begin();
  EXPECT_EQ(session->calls(), 3);
  client->Call("/test.Service/Method");
  Exchange();
  EXPECT_EQ(session->calls(), 3);  // A client that keeps to it waits.
  client->Reset(1);
  Exchange();
  EXPECT_EQ(calls.size(), 4);
}

TEST_F(SessionLimitsTest, AClientThatSaysNothingIsEnded) {
  Connect();
  session = std::make_unique<Http2Session>(limits, budget, *this, now);
  TakeOutput();
  now += limits.handshake_timeout - Millis(1);
  session->Tick(now);
  TakeOutput();
  EXPECT_FALSE(session->over());
  now += Millis(1);
  session->Tick(now);
  TakeOutput();
  EXPECT_TRUE(session->over());
  EXPECT_EQ(session->ending()->cause, EndCause::kHandshakeTimeout);
}

TEST_F(SessionLimitsTest, WhatIsNoHttp2IsEnded) {
  Connect();
  session = std::make_unique<Http2Session>(limits, budget, *this, now);
  session->Receive("GET / HTTP/1.1\r\nHost: x\r\n\r\n", now);
  TakeOutput();
  EXPECT_TRUE(session->over());
  EXPECT_EQ(session->ending()->cause, EndCause::kPreface);
}

TEST_F(SessionLimitsTest, AFrameThatIsNeverWholeEndsTheConnection) {
  for (const std::string& part :
       {RawFrame(0, 0, 1, std::string(1000, 'x')).substr(0, 500), std::string("\0\0", 2), RawFrame(1, 0, 3, "\x82")}) {
    Connect();
    Begin();
    session->Receive(part, now);
    for (int i = 0; i < 19; ++i) {  // It drips, or is silent.
      now += Millis(1'000);
      session->Tick(now);
      if (part.size() > 100) session->Receive("x", now);
      ASSERT_FALSE(session->over());
    }
    now += Millis(1'000);
    session->Tick(now);
    client->Give(TakeOutput());
    EXPECT_TRUE(session->over());
    ExpectCalm(EndCause::kFrameTimeout, "20000 ms");
  }
}

TEST_F(SessionLimitsTest, AMessageThatIsNeverWholeEndsItsCall) {
  Connect();
  RecordedCall& call = Begin();
  client->Send(id, Framed(std::string(100'000, 'x')).substr(0, 1000));
  Exchange();
  PassUntil(now + limits.message_timeout);
  EXPECT_FALSE(call.over);  // 100,000 bytes have a second more.
  PassUntil(now + Millis(1'000));
  EXPECT_TRUE(call.over);
  EXPECT_EQ(call.cancelled->code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(session->receiving(), 0);
  EXPECT_FALSE(session->over());
}

TEST_F(SessionLimitsTest, AClientThatDoesNotReadIsCutOff) {
  Connect(8u << 20);
  limits.output_bytes = 100'000;
  RecordedCall& call = Begin();
  for (int i = 0; i < 20; ++i) {
    call.stream.Write(Payload(std::string(50'000, 'x')));
    session->Gather(now);
    session->Sent(0, now);  // The socket takes nothing.
  }
  EXPECT_LT(session->output().size(), 200'000u);
  EXPECT_LE(call.written, 2);
  EXPECT_TRUE(session->wants_input()) << "a proxy may read nothing before we have";
  Pass(limits.write_timeout - Millis(1));
  EXPECT_FALSE(session->over());
  Pass(Millis(1));
  EXPECT_TRUE(session->over() && session->abrupt());
  EXPECT_EQ(session->ending()->cause, EndCause::kWriteTimeout);
  EXPECT_TRUE(call.over);
}

TEST_F(SessionLimitsTest, ASilentClientIsAskedAndThenCutOff) {
  Connect();
  RecordedCall& call = Begin();
  // It answers.
  PassUntil(now + 10 * limits.keepalive_time);
  EXPECT_FALSE(session->over());
  EXPECT_EQ(client->pings(), 10u);
  // It does not.
  SteadyTime asked = now;
  while (!session->over()) {
    const size_t sent = TakeOutput().size();
    Pass(Millis(100));
    ASSERT_LT(now, SteadyTime(std::chrono::hours(3)));
    if (sent > 0) asked = now;
  }
  EXPECT_GE(now - asked, limits.keepalive_timeout - Millis(200));
  EXPECT_TRUE(session->abrupt());
  EXPECT_EQ(session->ending()->cause, EndCause::kKeepalive);
  EXPECT_TRUE(call.over);
}

TEST_F(SessionLimitsTest, AConnectionWithoutCallsEnds) {
  Connect();
  RecordedCall& call = Begin();
  PassUntil(now + 2 * limits.idle_timeout);
  EXPECT_FALSE(session->over());
  call.stream.Finish(absl::OkStatus(), {});
  Exchange();
  PassUntil(now + limits.idle_timeout - Millis(1));
  EXPECT_FALSE(session->over());
  PassUntil(now + Millis(1));
  EXPECT_TRUE(session->over());
  EXPECT_EQ(session->ending()->cause, EndCause::kIdle);
  EXPECT_EQ(client->goaways().back().code, NGHTTP2_NO_ERROR);
}

// ---- the server's wish

TEST_F(SessionLimitsTest, AShutdownLetsCallsGoOnAndTakesThoseUnderWay) {
  Connect();
  Begin();
  const int32_t first = id;
  session->Shutdown(EndCause::kShutdown, "the server stops", now);
  // On its way when the announcement goes out.
  const int32_t late = client->Call("/test.Service/Method");
  Deliver(client->Take());
  EXPECT_EQ(calls.size(), 2);
  Exchange();
  ASSERT_EQ(client->goaways().size(), 2);
  EXPECT_EQ(client->goaways()[0].last_stream, INT32_MAX);
  EXPECT_EQ(client->goaways()[1].last_stream, late);
  EXPECT_EQ(client->goaways()[1].text, "the server stops");
  EXPECT_FALSE(session->over());

  for (const int32_t stream : {first, late}) client->Send(stream, Framed("x"));
  Exchange();
  for (const auto& call : calls) {
    EXPECT_EQ(call->messages.size(), 1);
    call->stream.Finish(absl::OkStatus(), {});
  }
  Exchange();
  EXPECT_EQ(client->response(first).status(), 0);
  EXPECT_EQ(client->response(late).status(), 0);
  EXPECT_TRUE(session->over());
  EXPECT_FALSE(session->abrupt());
}

TEST_F(SessionLimitsTest, AShutdownDoesNotWaitForAClientThatDoesNotAnswer) {
  Connect();
  session->Shutdown(EndCause::kShutdown, "the server stops", now);
  TakeOutput();
  Pass(Millis(1'000));
  TakeOutput();
  EXPECT_TRUE(session->over());
}

TEST_F(SessionLimitsTest, AShutdownDoesNotWaitForAnswersThatAreNotRead) {
  Connect(/*window=*/0, /*automatic=*/false);
  client->Request({{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":authority", "a"}}, true);
  Exchange();
  session->Shutdown(EndCause::kShutdown, "the server stops", now);
  Exchange();
  PassUntil(now + Millis(9'999));
  EXPECT_FALSE(session->over());
  PassUntil(now + Millis(1));
  EXPECT_TRUE(session->over());
}

TEST_F(SessionLimitsTest, TheGracesEndTellsEachClientWhy) {
  Connect();
  RecordedCall& call = Begin();
  session->Shutdown(EndCause::kShutdown, "the server stops", now);
  Exchange();
  session->EndCalls(absl::UnavailableError("the server stops"));
  Exchange();
  EXPECT_TRUE(call.over);
  EXPECT_EQ(call.cancelled->code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(response().status(), 14);
  EXPECT_TRUE(session->over());
}

}  // namespace
}  // namespace sluice::rpc
