#include "server/admin/letter_import.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/admin/letter_proto.h"
#include "tests/support/manual_clock.h"
#include "tests/unit/deadletter/letters.h"

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class LetterImportTest : public testing::Test {
 protected:
  LetterImportTest() { Open({.max_age = Millis(0)}); }

  void Open(DeadLetterLimits limits) {
    import_.reset();
    auto store = DeadLetterStore::Open(":memory:", limits, clock_, metrics_);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    import_ = std::make_unique<LetterImport>(*store_);
  }
  static v1::ImportDeadLettersRequest Letter(LetterSpec spec) {
    v1::ImportDeadLettersRequest request;
    const StoredLetter letter = MakeLetter(std::move(spec));
    ToProto({.number = 1, .payload_bytes = letter.message->payload.size(), .letter = letter},
            *request.mutable_dead_letter());
    return request;
  }
  absl::Status Take(v1::ImportDeadLettersRequest request) { return import_->Take(request); }
  absl::Status More(const std::string& payload) {
    v1::ImportDeadLettersRequest request;
    request.set_payload(payload);
    return Take(request);
  }

  ManualClock clock_;
  MetricsRegistry metrics_;
  std::unique_ptr<DeadLetterStore> store_;
  std::unique_ptr<LetterImport> import_;
};

TEST_F(LetterImportTest, PutsBackWhatIsMissingAndLeavesTheRest) {
  ASSERT_TRUE(PutOne(*store_, {.id = 1, .payload = "there"}).ok());
  ASSERT_TRUE(Take(Letter({.id = 1, .payload = "of the backup"})).ok());
  ASSERT_TRUE(Take(Letter({.id = 2, .payload = "missing"})).ok());
  ASSERT_TRUE(import_->Finish().ok());
  EXPECT_EQ(import_->response().imported(), 1u);
  EXPECT_EQ(import_->response().present(), 1u);
  EXPECT_THAT(PayloadsOf(*store_), ElementsAre("there", "missing"));
}

TEST_F(LetterImportTest, EveryPropertyComesBack) {
  v1::ImportDeadLettersRequest request = Letter({.id = 1});
  v1::DeadLetter& sent = *request.mutable_dead_letter();
  sent.set_kind(v1::DEAD_LETTER_KIND_REPLY);
  sent.set_answers(MakeLetter({.id = 9}).id.ToString());
  sent.set_qos(2);
  sent.set_retain(true);
  sent.set_content_type("text/plain");
  sent.set_response_topic("r");
  sent.set_correlation_data("");
  sent.set_expiry_s(0);
  sent.set_received_unix_ms(5);
  v1::UserProperty& property = *sent.add_user_properties();
  property.set_name("n");
  property.set_value("v");
  const v1::DeadLetter expected = sent;
  ASSERT_TRUE(Take(request).ok());
  ASSERT_TRUE(import_->Finish().ok());
  v1::DeadLetter kept;
  ToProto(*store_->Get(MakeLetter({.id = 1}).id), kept);
  EXPECT_EQ(kept.SerializeAsString(), expected.SerializeAsString());
}

TEST_F(LetterImportTest, APayloadMayComeInParts) {
  v1::ImportDeadLettersRequest first = Letter({.id = 1, .payload = "abc"});
  first.mutable_dead_letter()->set_payload_bytes(8);
  ASSERT_TRUE(Take(first).ok());
  ASSERT_TRUE(More("def").ok());
  ASSERT_TRUE(More("gh").ok());
  ASSERT_TRUE(import_->Finish().ok());
  EXPECT_THAT(PayloadsOf(*store_), ElementsAre("abcdefgh"));
}

TEST_F(LetterImportTest, AStreamThatMakesNoSenseIsRefused) {
  v1::ImportDeadLettersRequest part = Letter({.id = 1, .payload = "abc"});
  part.mutable_dead_letter()->set_payload_bytes(4);
  EXPECT_EQ(More("x").code(), absl::StatusCode::kInvalidArgument);
  ASSERT_TRUE(Take(part).ok());
  EXPECT_EQ(import_->Finish().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Take(Letter({.id = 2})).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(More("").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(More("de").code(), absl::StatusCode::kInvalidArgument);
  v1::ImportDeadLettersRequest huge = Letter({.id = 1});
  huge.mutable_dead_letter()->set_payload_bytes(LetterImport::kLargestPayload + 1);
  EXPECT_EQ(LetterImport(*store_).Take(huge).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(store_->totals().messages, 0u);
}

TEST_F(LetterImportTest, WhatNoDeadLetterCanBeIsItemisedAndDisturbsNoOther) {
  v1::ImportDeadLettersRequest bad = Letter({.id = 1});
  bad.mutable_dead_letter()->set_topic("a/+");
  ASSERT_TRUE(Take(bad).ok());
  v1::ImportDeadLettersRequest qos = Letter({.id = 2});
  qos.mutable_dead_letter()->set_qos(3);
  ASSERT_TRUE(Take(qos).ok());
  ASSERT_TRUE(Take(Letter({.id = 3, .payload = "good"})).ok());
  ASSERT_TRUE(import_->Finish().ok());
  EXPECT_EQ(import_->response().failed(), 2u);
  EXPECT_THAT(import_->response().failures(0).message(), HasSubstr("its topic has the wildcard"));
  EXPECT_THAT(PayloadsOf(*store_), ElementsAre("good"));
}

TEST_F(LetterImportTest, AMalformedPacketHasNoTopicAndComesBackAllTheSame) {
  v1::ImportDeadLettersRequest packet = Letter({.id = 1, .payload = "raw"});
  packet.mutable_dead_letter()->set_kind(v1::DEAD_LETTER_KIND_MESSAGE);
  packet.mutable_dead_letter()->clear_topic();
  packet.mutable_dead_letter()->clear_route();
  ASSERT_TRUE(Take(packet).ok());
  packet.mutable_dead_letter()->set_route("r");
  packet.mutable_dead_letter()->set_id(MakeLetter({.id = 2}).id.ToString());
  ASSERT_TRUE(Take(packet).ok());
  ASSERT_TRUE(import_->Finish().ok());
  EXPECT_THAT(PayloadsOf(*store_), ElementsAre("raw"));
  EXPECT_EQ(import_->response().failed(), 1u) << "what had a route had a topic";
}

TEST_F(LetterImportTest, ABoundEndsItAndLetsNothingGo) {
  Open({.max_messages = 2, .max_age = Millis(0)});
  ASSERT_TRUE(PutOne(*store_, {.id = 7, .payload = "oldest", .died_unix_ms = 1}).ok());
  ASSERT_TRUE(Take(Letter({.id = 1, .payload = "first"})).ok());
  ASSERT_TRUE(Take(Letter({.id = 2, .payload = "second"})).ok());
  const absl::Status finished = import_->Finish();
  EXPECT_EQ(finished.code(), absl::StatusCode::kResourceExhausted) << finished;
  EXPECT_EQ(import_->response().imported(), 1u);
  EXPECT_THAT(PayloadsOf(*store_), ElementsAre("oldest", "first"));
}

TEST_F(LetterImportTest, WhatWouldGoAtOnceForItsAgeIsSaid) {
  Open({.max_age = Millis(1'000)});
  ASSERT_TRUE(Take(Letter({.id = 1, .died_unix_ms = clock_.UnixMillis() - 1'001})).ok());
  ASSERT_TRUE(Take(Letter({.id = 2, .payload = "young", .died_unix_ms = clock_.UnixMillis() - 999})).ok());
  ASSERT_TRUE(import_->Finish().ok());
  EXPECT_THAT(import_->response().failures(0).message(), HasSubstr("deadLetters.maxAge"));
  EXPECT_THAT(PayloadsOf(*store_), ElementsAre("young"));
}

}  // namespace
}  // namespace sluice
