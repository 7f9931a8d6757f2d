#include "client/cpp/ctl/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sluice/v1/admin.pb.h"

namespace sluice::ctl {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

v1::DeadLetter Full() {
  v1::DeadLetter letter;
  letter.set_id("01890a5d-ac96-774b-bcce-b302099a8057");
  letter.set_kind(v1::DEAD_LETTER_KIND_REPLY);
  letter.set_topic("a/\"b\"\n");
  letter.set_payload(std::string("\0\xff", 2));
  letter.set_payload_bytes(2);
  letter.set_qos(2);
  letter.set_retain(true);
  letter.set_correlation_data("");
  letter.set_received_unix_ms(-1);
  letter.set_died_unix_ms(1'700'000'000'000);
  v1::UserProperty& property = *letter.add_user_properties();
  property.set_name("n");
  property.set_value("v");
  return letter;
}

TEST(Json, NumbersAreNumbersAndKindsAreAsTheFiltersTakeThem) {
  const std::string json = ToJson(Full(), true);
  EXPECT_THAT(json, AllOf(HasSubstr(R"("kind":"reply")"), HasSubstr(R"("died_unix_ms":1700000000000)"),
                          HasSubstr(R"("received_unix_ms":-1)"), HasSubstr(R"("payload":"AP8=")"),
                          HasSubstr(R"("user_properties":[{"name":"n","value":"v"}])"), HasSubstr(R"("attempts":0)"),
                          HasSubstr(R"("correlation_data":"")"), Not(HasSubstr("expiry_s"))));
  EXPECT_EQ(std::ranges::count(json, '\n'), 1);
}

TEST(Json, NumbersThatReadersWouldRoundAreText) {
  v1::PurgeDeadLettersResponse response;
  response.set_purged(uint64_t{1} << 53);
  EXPECT_EQ(ToJson(response, true), "{\"purged\":9007199254740992}\n");
  response.set_purged((uint64_t{1} << 53) + 1);
  EXPECT_EQ(ToJson(response, true), "{\"purged\":\"9007199254740993\"}\n");
  v1::PurgeDeadLettersResponse back;
  ASSERT_TRUE(FromJson(ToJson(response, true), back).ok());
  EXPECT_EQ(back.purged(), response.purged());
}

TEST(Json, ManyLinesAreIndented) {
  v1::ListDeadLettersResponse response;
  response.add_dead_letters()->set_id("x");
  EXPECT_THAT(ToJson(response, false), HasSubstr("{\n \"dead_letters\": [\n  {\n   \"id\": \"x\",\n"));
  EXPECT_EQ(ToJson(v1::ListDeadLettersResponse(), false), "{\n \"dead_letters\": [],\n \"next_page_token\": \"\"\n}\n");
}

TEST(Json, ComesBackAsItWas) {
  for (const bool one_line : {true, false}) {
    v1::DeadLetter back;
    const absl::Status read = FromJson(ToJson(Full(), one_line), back);
    ASSERT_TRUE(read.ok()) << read;
    EXPECT_EQ(back.SerializeAsString(), Full().SerializeAsString());
  }
}

TEST(Json, SaysWhatIsWrongAndShowsNoValue) {
  const auto error = [](const std::string& json) {
    v1::DeadLetter letter;
    return std::string(FromJson(json, letter).message());
  };
  EXPECT_EQ(error("hunter2"), "no JSON object");
  EXPECT_EQ(error("[1]"), "no JSON object");
  EXPECT_EQ(error(R"({"id": "a", "hunter2": 1})"), "a key that is not known");
  EXPECT_EQ(error(R"({"qos": "hunter2"})"), "'qos' is no whole number that fits");
  EXPECT_EQ(error(R"({"qos": -1})"), "'qos' is no whole number that fits");
  EXPECT_EQ(error(R"({"attempts": 4294967296})"), "'attempts' is no whole number that fits");
  EXPECT_EQ(error(R"({"attempts": 1.5})"), "'attempts' is no whole number that fits");
  EXPECT_EQ(error(R"({"kind": "hunter2"})"), "'kind' is none of those that are known");
  EXPECT_EQ(error(R"({"payload": "hunter2!"})"), "'payload' is no base64");
  EXPECT_EQ(error(R"({"retain": 1})"), "'retain' is neither true nor false");
  EXPECT_EQ(error(R"({"user_properties": {}})"), "'user_properties' is no list");
}

}  // namespace
}  // namespace sluice::ctl
