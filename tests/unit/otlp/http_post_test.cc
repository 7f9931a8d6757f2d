#include "server/otlp/http_post.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

using enum SendOutcome::Code;

TEST(OtlpPost, HasWhatTheCollectorNeeds) {
  EXPECT_EQ(PostHead("/v1/traces", "collector:4318", {{"X-Scope", "plant"}}, 12),
            "POST /v1/traces HTTP/1.1\r\nHost: collector:4318\r\nContent-Type: application/x-protobuf\r\n"
            "Content-Length: 12\r\nUser-Agent: sluice\r\nConnection: close\r\nX-Scope: plant\r\n\r\n");
}

TEST(OtlpAnswer, IsReadHoweverItsBodyEnds) {
  using State = ParsedResponse::State;
  const std::string sized = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab";
  for (size_t size = 0; size < sized.size(); ++size) {
    EXPECT_EQ(ParseHttpResponse(sized.substr(0, size), false, 1'000).state, State::kIncomplete) << size;
  }
  EXPECT_EQ(ParseHttpResponse(sized, false, 1'000).body, "ab");
  const ParsedResponse chunked =
      ParseHttpResponse("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n", false, 1'000);
  EXPECT_EQ(chunked.state, State::kDone);
  EXPECT_EQ(chunked.body, "ab");
  const std::string until_end = "HTTP/1.1 200 OK\r\n\r\nab";
  EXPECT_EQ(ParseHttpResponse(until_end, false, 1'000).state, State::kIncomplete);
  EXPECT_EQ(ParseHttpResponse(until_end, true, 1'000).body, "ab");
  EXPECT_EQ(ParseHttpResponse("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab", true, 1'000).state, State::kMalformed);
  EXPECT_EQ(ParseHttpResponse("SSH-2.0\r\n", false, 1'000).state, State::kMalformed);
  EXPECT_EQ(ParseHttpResponse("HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", false, 1'000).state, State::kTooLarge);
}

TEST(OtlpAnswer, SaysWhetherAnotherTryMayHelp) {
  const auto outcome = [](int status, const char* retry_after = "") {
    return OutcomeOf({.state = ParsedResponse::State::kDone, .status = status, .retry_after = retry_after, .body = {}});
  };
  EXPECT_EQ(outcome(200).code, kTaken);
  EXPECT_EQ(outcome(202).code, kTaken);
  for (const int status : {429, 502, 503, 504}) EXPECT_EQ(outcome(status).code, kTryAgain) << status;
  for (const int status : {301, 400, 401, 404, 413, 500}) EXPECT_EQ(outcome(status).code, kRefused) << status;
  EXPECT_EQ(outcome(503, "7").retry_after, Millis(7'000));
  EXPECT_EQ(outcome(503, "Wed, 21 Oct 2026 07:28:00 GMT").retry_after, std::nullopt);
  EXPECT_EQ(outcome(503, "-1").retry_after, std::nullopt);
  EXPECT_EQ(outcome(401).why, "it answers with HTTP status 401");
}

}  // namespace
}  // namespace sluice
