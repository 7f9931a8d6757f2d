// Which requests become calls, and what the others are answered.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <string>

#include "tests/unit/rpc/session_fixture.h"

namespace sluice::rpc {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

class SessionRequestsTest : public SessionTest {
 protected:
  // Answered without a handler.
  const Http2Client::Response& Refused(const HeaderList& more) {
    if (session == nullptr) Connect();
    id = client->Call("/test.Service/Method", more);
    Exchange();
    EXPECT_TRUE(calls.empty());
    EXPECT_TRUE(response().ended);
    return response();
  }
};

std::string Gzip(std::string_view plain) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  std::string packed(plain.size() + 1'000, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

std::string Packed(std::string_view plain) {
  std::string framed = Framed(Gzip(plain));
  framed[0] = 1;
  return framed;
}

TEST_F(SessionRequestsTest, OnlyGrpcIsServed) {
  EXPECT_EQ(Refused({{"content-type", "text/plain"}}).Field(":status"), "415");
  EXPECT_EQ(Refused({{"content-type", "-"}}).Field(":status"), "415");
  EXPECT_EQ(Refused({{"content-type", "application/grpc-web"}}).Field(":status"), "415");
  EXPECT_EQ(Refused({{":method", "GET"}}).Field(":status"), "405");
  EXPECT_EQ(Refused({{"te", "-"}}).status(), 13);
  Connect();
  Begin({{"content-type", "application/grpc+proto"}});
  Begin({{"content-type", "application/grpc; charset=utf-8"}});
  Begin({{"content-type", "application/grpc+proto;charset=utf-8"}});
}

TEST_F(SessionRequestsTest, MessagesOfAnotherFormatAreNotTakenForProtobuf) {
  for (const char* format : {"application/grpc+json", "application/grpc+", "application/grpc+protobuf;x"}) {
    EXPECT_EQ(Refused({{"content-type", format}}).status(), 12) << format;
    EXPECT_THAT(response().Field("grpc-message"), HasSubstr("protobuf")) << format;
  }
}

TEST_F(SessionRequestsTest, TimeoutsAreGrpcs) {
  Connect();
  const std::vector<std::pair<std::string, std::chrono::nanoseconds>> timeouts = {
      {"1H", std::chrono::hours(1)},           {"2M", std::chrono::minutes(2)},
      {"3S", std::chrono::seconds(3)},         {"4m", std::chrono::milliseconds(4)},
      {"5000u", std::chrono::milliseconds(5)}, {"99999999n", std::chrono::nanoseconds(99'999'999)}};
  for (const auto& [text, timeout] : timeouts) EXPECT_EQ(Begin({{"grpc-timeout", text}}).head.deadline, now + timeout);
  EXPECT_GT(Begin({{"grpc-timeout", "99999999H"}}).head.deadline, now + std::chrono::hours(100'000));
  calls.clear();
  Connect();
  for (const char* text : {"1", "S", "1s", "-1S", "123456789S", "1.5S"}) {
    const Http2Client::Response& refused = Refused({{"grpc-timeout", text}});
    EXPECT_EQ(refused.status(), 13) << text;
  }
}

TEST_F(SessionRequestsTest, BinaryMetadataIsBase64OnTheWireOnly) {
  Connect();
  RecordedCall& call = Begin({{"a-bin", "AP8="}, {"a-bin", "AP8"}, {"b-bin", "YQ, YmM"}});
  EXPECT_THAT(call.head.metadata,
              ElementsAre(Pair("a-bin", std::string("\0\xff", 2)), Pair("a-bin", std::string("\0\xff", 2)),
                          Pair("b-bin", "a"), Pair("b-bin", "bc")));
  calls.clear();
  Connect();
  EXPECT_THAT(Refused({{"a-bin", "?"}}).Field("grpc-message"), HasSubstr("'a-bin' is not base64"));
  EXPECT_EQ(response().status(), 13);
}

TEST_F(SessionRequestsTest, WhatIsNotAllowedInMetadataIsNotSent) {
  Connect();
  RecordedCall& call = Begin();
  call.stream.SendHeaders({{"grpc-status", "0"},
                           {":status", "500"},
                           {"Upper", "x"},
                           {"new-line", "a\nb"},
                           {"connection", "close"},
                           {"good", "x"}});
  call.stream.Finish(absl::OkStatus(), {{"grpc-message", "y"}, {"fine", "z"}});
  Exchange();
  EXPECT_EQ(response().Field("good"), "x");
  EXPECT_EQ(response().blocks[0].size(), 4);
  EXPECT_THAT(response().blocks[1], ElementsAre(Pair("grpc-status", "0"), Pair("fine", "z")));
}

TEST_F(SessionRequestsTest, TheDetailsOfAStatusAreTheHandlers) {
  Connect();
  RecordedCall& call = Begin();
  call.stream.Finish(absl::NotFoundError("x"), {{"grpc-status-details-bin", std::string("\x08\x05", 2)}});
  Exchange();
  EXPECT_EQ(response().Field("grpc-status-details-bin"), "CAU");
  EXPECT_EQ(response().status(), 5);
}

TEST_F(SessionRequestsTest, UnknownCompressionIsRefusedAndSaysWhatThereIs) {
  EXPECT_EQ(Refused({{"grpc-encoding", "gzip"}}).status(), 12);
  EXPECT_EQ(response().Field("grpc-accept-encoding"), "identity");
  EXPECT_THAT(response().Field("grpc-message"), HasSubstr("'gzip' is not accepted; identity is"));
  limits.gzip = true;
  Connect();
  EXPECT_EQ(Refused({{"grpc-encoding", "snappy"}}).status(), 12);
  EXPECT_EQ(response().Field("grpc-accept-encoding"), "identity,gzip");
  Begin({{"grpc-encoding", "identity"}});
}

TEST_F(SessionRequestsTest, GzipIsUnpackedUpToTheLimit) {
  limits.gzip = true;
  limits.message_bytes = 1u << 20;
  Connect();
  RecordedCall& call = Begin({{"grpc-encoding", "gzip"}});
  client->Send(id, Packed("hello") + Framed("plain") + Packed("") + Packed(std::string(1u << 20, 'x')));
  Exchange();
  EXPECT_THAT(call.messages, ElementsAre("hello", "plain", "", std::string(1u << 20, 'x')));

  client->Send(id, Packed(std::string((1u << 20) + 1, 'x')));
  Exchange();
  EXPECT_EQ(response().status(), 8);
  EXPECT_THAT(response().Field("grpc-message"), HasSubstr("unpacks to more than 1048576"));

  for (std::string bad : {Gzip("hello").substr(0, 10), std::string("no gzip"), Gzip("a") + "b", std::string()}) {
    Begin({{"grpc-encoding", "gzip"}});
    std::string framed = Framed(bad);
    framed[0] = 1;
    client->Send(id, framed);
    Exchange();
    EXPECT_EQ(response().status(), 13) << bad.size();
  }
}

TEST_F(SessionRequestsTest, ARefusedRequestsBodyIsPassedOver) {
  Refused({{"content-type", "text/plain"}});
  client->Send(id, std::string(1'000, 'x'));
  Exchange();
  EXPECT_EQ(response().reset, 0u);
  RecordedCall& call = Begin();
  client->Send(id, Framed("x"));
  Exchange();
  EXPECT_EQ(call.messages.size(), 1);
  EXPECT_EQ(session->counts().refused, 1);
  EXPECT_EQ(session->counts().calls, 1);
}

}  // namespace
}  // namespace sluice::rpc
