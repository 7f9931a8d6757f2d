// What the journal on disk keeps across a restart, and how it uses the disk.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "tests/support/manual_clock.h"
#include "tests/unit/journal/journal_support.h"

namespace sluice::journal_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class SegmentJournalTest : public testing::Test {
 protected:
  void Restart() {
    journal_.reset();
    journal_ = OpenJournal(TestOptions(files_));
    ASSERT_NE(journal_, nullptr);
  }
  std::vector<RecordId> Append(const std::vector<std::string>& payloads) {
    auto batch = scene_.Batch(payloads);
    EXPECT_TRUE(journal_->Append(batch).ok());
    std::vector<RecordId> records;
    for (const RoutedMessage& routed : batch) records.push_back(routed.record);
    return records;
  }

  MemoryFiles files_;
  Scene scene_;
  std::unique_ptr<SegmentJournal> journal_ = OpenJournal(TestOptions(files_));
};

TEST_F(SegmentJournalTest, GivesBackWhatWasNotSettledInOrder) {
  const auto records = Append({"a", "b", "c", "d", "e", "f", "g", "h"});
  ASSERT_TRUE(journal_->Settle(std::vector<RecordId>{records[1], records[4]}, {}).ok());
  Restart();
  const auto messages = AllMessages(*journal_);
  EXPECT_THAT(Payloads(messages), ElementsAre("a", "c", "d", "f", "g", "h"));
  EXPECT_EQ(messages[1].record, records[2]);
  EXPECT_EQ(journal_->report().messages, 6u);
  EXPECT_EQ(journal_->depth().ingress_messages, 6u);
}

TEST_F(SegmentJournalTest, GivesBackAllThatAMessageHad) {
  RoutedMessage routed = scene_.Routed("");
  auto message = MakeMessage("plant/ünit/temp", std::string("\0\xff payload", 10));
  message->qos = Qos::kExactlyOnce;
  message->retain = true;
  message->dup = true;
  message->received_unix_ms = -5;
  auto properties = std::make_unique<Properties>();
  properties->content_type = "application/json";
  properties->response_topic = "plant/reply";
  properties->correlation_data = "";
  properties->user = {{"a", "1"}, {"a", "2"}, {"", ""}};
  properties->expiry_s = 0xffffffff;
  message->properties = std::move(properties);
  routed.message = message;
  routed.id = {0xffffffffffffffff, 1};
  routed.attempts = 3;
  ASSERT_TRUE(journal_->Append({&routed, 1}).ok());
  Restart();
  auto all = AllMessages(*journal_);
  ASSERT_THAT(all, SizeIs(1));
  const RecoveredMessage& back = all[0];
  EXPECT_EQ(back.record, routed.record);
  EXPECT_EQ(back.id, routed.id);
  EXPECT_EQ(back.connection, "plant");
  EXPECT_EQ(back.route, "temperature");
  EXPECT_EQ(back.chain, "readings");
  EXPECT_EQ(back.start_node, "node3");
  EXPECT_EQ(back.attempts, 3u);
  EXPECT_EQ(back.message->topic, message->topic);
  EXPECT_EQ(back.message->payload, message->payload);
  EXPECT_EQ(back.message->qos, Qos::kExactlyOnce);
  EXPECT_TRUE(back.message->retain);
  EXPECT_TRUE(back.message->dup);
  EXPECT_EQ(back.message->received_unix_ms, -5);
  ASSERT_NE(back.message->properties, nullptr);
  EXPECT_EQ(back.message->properties->content_type, "application/json");
  EXPECT_EQ(back.message->properties->response_topic, "plant/reply");
  EXPECT_EQ(back.message->properties->correlation_data, "");
  EXPECT_EQ(back.message->properties->user, message->properties->user);
  EXPECT_EQ(back.message->properties->expiry_s, 0xffffffff);
}

TEST_F(SegmentJournalTest, AMessageGoesOnAgeingWhileTheProcessIsDown) {
  ManualClock clock;
  RoutedMessage routed = scene_.Routed("x");
  auto message = MakeMessage("t", "x");
  message->qos = Qos::kAtLeastOnce;
  message->received_unix_ms = clock.UnixMillis() - 30'000;
  routed.message = message;
  ASSERT_TRUE(journal_->Append({&routed, 1}).ok());
  journal_.reset();
  auto options = TestOptions(files_);
  options.clock = &clock;
  journal_ = OpenJournal(std::move(options));
  EXPECT_EQ(AllMessages(*journal_)[0].message->received, clock.Now() - Millis(30'000));
}

TEST_F(SegmentJournalTest, GivesBackAllThatAReplyHad) {
  auto outbound = std::make_shared<OutboundMessage>();
  outbound->topic = "plant/reply";
  outbound->payload = std::string("\0x", 2);
  outbound->qos = Qos::kExactlyOnce;
  outbound->retain = true;
  auto properties = std::make_unique<Properties>();
  properties->correlation_data = "c";
  outbound->properties = std::move(properties);
  std::vector<OutboxEntry> replies{{outbound, 0, "plant"}, scene_.Reply("second", Qos::kAtMostOnce)};
  ASSERT_TRUE(journal_->Settle({}, replies).ok());
  Restart();
  auto all = AllReplies(*journal_);
  ASSERT_THAT(all, SizeIs(2));
  EXPECT_EQ(all[0].record, replies[0].record);
  EXPECT_EQ(all[0].connection, "plant");
  EXPECT_EQ(all[0].message->topic, "plant/reply");
  EXPECT_EQ(all[0].message->payload, outbound->payload);
  EXPECT_EQ(all[0].message->qos, Qos::kExactlyOnce);
  EXPECT_TRUE(all[0].message->retain);
  ASSERT_NE(all[0].message->properties, nullptr);
  EXPECT_EQ(all[0].message->properties->correlation_data, "c");
  EXPECT_EQ(all[1].message->properties, nullptr);
  journal_->Confirm(std::vector<RecordId>{replies[0].record});
  Restart();
  EXPECT_THAT(Payloads(AllReplies(*journal_)), ElementsAre("second"));
}

// Its expiry goes on counting while nobody is there.
TEST_F(SegmentJournalTest, GivesBackWhenAReplyWithAnExpiryWasMade) {
  ManualClock clock;
  auto outbound = std::make_shared<OutboundMessage>();
  outbound->made_unix_ms = clock.UnixMillis();
  auto properties = std::make_unique<Properties>();
  properties->expiry_s = 3;
  outbound->properties = std::move(properties);
  std::vector<OutboxEntry> replies{{outbound, 0, "plant"}};
  ASSERT_TRUE(journal_->Settle({}, replies).ok());
  journal_.reset();
  clock.Advance(Millis(12'000));
  auto options = TestOptions(files_);
  options.clock = &clock;
  journal_ = OpenJournal(std::move(options));
  const auto all = AllReplies(*journal_);
  ASSERT_THAT(all, SizeIs(1));
  EXPECT_EQ(all[0].message->made, clock.Now() - Millis(12'000));
  EXPECT_LE(all[0].message->expires(), clock.Now());
}

TEST_F(SegmentJournalTest, GivesBackWhyTheGatewayRefusedAReply) {
  const ReplyRefusal refusal{
      .reason = "denied: secret", .message_id = {7, 8}, .route = "temperature", .chain = "c", .worker = "w/1"};
  std::vector<OutboxEntry> replies{scene_.Reply("kept"), scene_.Reply("published")};
  replies[0].refusal = &refusal;
  ASSERT_TRUE(journal_->Settle({}, replies).ok());
  Restart();
  const auto all = AllReplies(*journal_);
  ASSERT_THAT(Payloads(all), ElementsAre("kept", "published"));
  ASSERT_TRUE(all[0].refusal.has_value());
  EXPECT_EQ(all[0].refusal->reason, "denied: secret");
  EXPECT_EQ(all[0].refusal->message_id, refusal.message_id);
  EXPECT_EQ(all[0].refusal->route, "temperature");
  EXPECT_EQ(all[0].refusal->chain, "c");
  EXPECT_EQ(all[0].refusal->worker, "w/1");
  EXPECT_FALSE(all[1].refusal.has_value());
}

TEST_F(SegmentJournalTest, NeverGivesTheSameRecordTwice) {
  const auto first = Append({"a"});
  ASSERT_TRUE(journal_->Settle(first, {}).ok());
  Restart();
  EXPECT_GT(Append({"b"})[0], first[0]);
}

TEST_F(SegmentJournalTest, GivesBackMessagesThatCameSinceItWasOpenedToo) {
  Append({"before"});
  Restart();
  Append({"after"});
  EXPECT_THAT(Payloads(AllMessages(*journal_)), ElementsAre("before", "after"));
}

TEST_F(SegmentJournalTest, GivesBackOnlyRepliesFromBeforeItWasOpened) {
  std::vector<OutboxEntry> before{scene_.Reply("before")};
  ASSERT_TRUE(journal_->Settle({}, before).ok());
  Restart();
  std::vector<OutboxEntry> after{scene_.Reply("after")};
  ASSERT_TRUE(journal_->Settle({}, after).ok());
  auto replies = AllReplies(*journal_);
  ASSERT_THAT(replies, SizeIs(1));
  EXPECT_EQ(replies[0].message->payload, "before");
}

TEST_F(SegmentJournalTest, ReadsMessagesByTheirRecordsWithinTheLimits) {
  const auto records = Append({"a", "b", "c", "d"});
  ASSERT_TRUE(journal_->Settle(std::vector<RecordId>{records[1]}, {}).ok());
  const std::vector<RecordId> wanted{records[3], records[1], 999, records[0], records[2]};
  auto all = journal_->ReadMessages(wanted);
  EXPECT_THAT(Payloads(all.messages), ElementsAre("d", "a", "c")) << "in the order asked for, without what is settled";
  EXPECT_EQ(all.looked_at, 5u);
  auto some = journal_->ReadMessages(wanted, {.max_entries = 2});
  EXPECT_THAT(Payloads(some.messages), ElementsAre("d", "a"));
  EXPECT_EQ(some.looked_at, 4u);
  EXPECT_THAT(journal_->ReadMessages(wanted, {.max_bytes = 1}).messages, SizeIs(1)) << "at least one";
}

TEST_F(SegmentJournalTest, HoldsATimeThatCannotBeToWhatCanBeReckonedWith) {
  for (const int64_t received : {INT64_MIN, INT64_MAX}) {
    std::vector<RoutedMessage> batch(1);
    batch[0] = scene_.Routed("a");
    auto message = MakeMessage("plant/boiler/temp", "a");
    message->qos = Qos::kAtLeastOnce;
    message->received_unix_ms = received;
    batch[0].message = message;
    ASSERT_TRUE(journal_->Append(batch).ok());
  }
  auto all = AllMessages(*journal_);
  ASSERT_THAT(all, SizeIs(2));
  const SteadyTime now = Clock::Real().Now();
  EXPECT_LT(all[0].message->received, now);
  EXPECT_GT(all[0].message->received, now - std::chrono::hours(24 * 365 * 11));
  EXPECT_LE(all[1].message->received, now) << "not in the future";
}

TEST_F(SegmentJournalTest, SaysHowItIs) {
  Append({"a"});
  EXPECT_TRUE(journal_->health().ok());
  files_.FailWritesAfter(0, ENOSPC);
  auto batch = scene_.Batch({"b"});
  ASSERT_FALSE(journal_->Append(batch).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(journal_->health())) << journal_->health();
  files_.Heal();
  ASSERT_TRUE(journal_->Append(batch).ok());
  EXPECT_TRUE(journal_->health().ok());
}

TEST_F(SegmentJournalTest, KeepsDeadLettersUntilTheyAreSettled) {
  const auto records = Append({"a", "b", "c"});
  std::vector<DeadLetterNote> notes;
  for (RecordId record : records) notes.push_back({record, 5, "gave up after 5 attempts", "worker/1", 1234});
  ASSERT_TRUE(journal_->DeadLetter(notes).ok());
  Restart();
  EXPECT_THAT(AllMessages(*journal_), IsEmpty());
  auto letters = AllDeadLetters(*journal_, 2);
  ASSERT_THAT(letters, SizeIs(3));
  EXPECT_EQ(letters[1].message.message->payload, "b");
  EXPECT_EQ(letters[1].message.attempts, 5u);
  EXPECT_EQ(letters[1].reason, "gave up after 5 attempts");
  EXPECT_EQ(letters[1].worker, "worker/1");
  EXPECT_EQ(letters[1].unix_ms, 1234);

  ASSERT_TRUE(journal_->Settle(std::vector<RecordId>{records[0]}, {}).ok());
  Restart();
  EXPECT_THAT(AllMessages(*journal_), IsEmpty());
  EXPECT_THAT(AllDeadLetters(*journal_), SizeIs(2));
  EXPECT_EQ(journal_->depth().dead_letters, 2u);
}

TEST_F(SegmentJournalTest, RemembersAttempts) {
  const auto records = Append({"a", "b"});
  journal_->NoteAttempts(std::vector<AttemptsNote>{{records[1], 2}, {999, 3}});
  Restart();
  auto all = AllMessages(*journal_);
  EXPECT_EQ(all[0].attempts, 0u);
  EXPECT_EQ(all[1].attempts, 2u);
}

TEST_F(SegmentJournalTest, RemembersPacketsOfQoS2UntilTheyAreReleased) {
  auto batch = scene_.Batch({"a"});
  const std::vector<ReceivedPacket> packets{{"plant", 7}, {"plant", 65535}, {"other", 7}};
  ASSERT_TRUE(journal_->AppendReceived(batch, packets).ok());
  ASSERT_TRUE(journal_->Release({&packets[0], 1}).ok());
  Restart();
  EXPECT_THAT(journal_->ReadReceived(), ElementsAre(packets[2], packets[1]));
  ASSERT_TRUE(journal_->AppendReceived({}, {&packets[0], 1}).ok()) << "the id is free again";
  Restart();
  EXPECT_THAT(journal_->ReadReceived(), ElementsAre(packets[2], packets[0], packets[1]));
}

TEST_F(SegmentJournalTest, WhatNoChainTakesIsADeadLetterOverARestart) {
  auto batch = scene_.Batch({"a"});
  const ReceivedPacket packet{"plant", 7};
  std::vector<Unroutable> dead(2);
  dead[0] = {.message = scene_.Routed("b"), .reason = "no route: nobody's", .unix_ms = 5};
  dead[0].message.chain = nullptr;
  dead[1] = {.message = scene_.Routed("c"), .reason = "no chain: too many", .unix_ms = 6};
  ASSERT_TRUE(journal_->AppendIntake(batch, dead, {&packet, 1}).ok());
  Restart();
  EXPECT_THAT(Payloads(AllMessages(*journal_)), ElementsAre("a"));
  const auto letters = AllDeadLetters(*journal_);
  ASSERT_THAT(letters, SizeIs(2));
  EXPECT_EQ(letters[0].message.message->payload, "b");
  EXPECT_EQ(letters[0].message.connection, "plant");
  EXPECT_EQ(letters[0].message.chain, "");
  EXPECT_EQ(letters[0].reason, "no route: nobody's");
  EXPECT_EQ(letters[0].unix_ms, 5);
  EXPECT_EQ(letters[1].reason, "no chain: too many");
  EXPECT_THAT(journal_->ReadReceived(), ElementsAre(packet));
}

TEST_F(SegmentJournalTest, TheNumberOfWhatNoChainTakesIsBounded) {
  auto options = TestOptions(files_);
  options.max_messages = 2;
  journal_.reset();
  journal_ = OpenJournal(std::move(options));
  std::vector<Unroutable> dead(2);
  for (Unroutable& each : dead) each = {.message = scene_.Routed("b"), .reason = "no route"};
  ASSERT_TRUE(journal_->AppendIntake({}, dead, {}).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(journal_->AppendIntake({}, {&dead[0], 1}, {})));
  auto batch = scene_.Batch({"a"});
  EXPECT_TRUE(journal_->AppendIntake(batch, {}, {}).ok()) << "they take no place of those that can be worked on";
}

TEST_F(SegmentJournalTest, RemovesSegmentsWithNothingAliveInThem) {
  for (int i = 0; i < 50; ++i) {
    const auto records = Append({std::string(10'000, 'x')});
    ASSERT_TRUE(journal_->Settle(records, {}).ok());
  }
  // With the reserve of two.
  EXPECT_LE(files_.Paths().size(), 4u);
  EXPECT_LE(journal_->depth().disk_bytes, 4u * (64u << 10));
  Restart();
  EXPECT_EQ(journal_->depth().ingress_messages, 0u);
}

TEST_F(SegmentJournalTest, CarriesLongLivedRecordsForward) {
  auto batch = scene_.Batch({"long-lived", "dead", "tried"});
  const ReceivedPacket packet{"plant", 7};
  ASSERT_TRUE(journal_->AppendReceived(batch, {&packet, 1}).ok());
  const DeadLetterNote note{batch[1].record, 5, "because", "w", 1};
  ASSERT_TRUE(journal_->DeadLetter({&note, 1}).ok());
  journal_->NoteAttempts(std::vector<AttemptsNote>{{batch[2].record, 4}});
  std::vector<OutboxEntry> replies{scene_.Reply("unconfirmed")};
  ASSERT_TRUE(journal_->Settle({}, replies).ok());
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(journal_->Settle(Append({std::string(10'000, 'x')}), {}).ok());
    ASSERT_LE(journal_->depth().disk_bytes, 7u * (64u << 10));
  }
  EXPECT_EQ(files_.Content(PathOf(1)), nullptr);
  Restart();
  EXPECT_THAT(Payloads(AllMessages(*journal_)), ElementsAre("long-lived", "tried"));
  EXPECT_EQ(AllMessages(*journal_)[1].attempts, 4u);
  ASSERT_THAT(AllDeadLetters(*journal_), SizeIs(1));
  EXPECT_EQ(AllDeadLetters(*journal_)[0].reason, "because");
  EXPECT_THAT(Payloads(AllReplies(*journal_)), ElementsAre("unconfirmed"));
  EXPECT_THAT(journal_->ReadReceived(), ElementsAre(packet));
  EXPECT_LT(files_.written_bytes(), 100u * 10'000 * 13 / 10) << "of which carrying is little";
}

TEST_F(SegmentJournalTest, RefusesMoreThanItsBounds) {
  auto options = TestOptions(files_);
  options.max_messages = 3;
  options.max_bytes = 2000;
  journal_.reset();
  journal_ = OpenJournal(std::move(options));
  const auto records = Append({"a", "b", "c"});
  auto batch = scene_.Batch({"d"});
  EXPECT_TRUE(absl::IsResourceExhausted(journal_->Append(batch)));
  EXPECT_EQ(batch[0].record, 0u);
  ASSERT_TRUE(journal_->Settle(records, {}).ok());
  EXPECT_TRUE(journal_->Append(batch).ok());
  auto large = scene_.Batch({std::string(2000, 'x')});
  EXPECT_TRUE(absl::IsResourceExhausted(journal_->Append(large)));
}

TEST_F(SegmentJournalTest, TakesAMessageLargerThanASegment) {
  Append({"small", std::string(300'000, 'x'), "after"});
  Append({"more"});
  Restart();
  const auto all = AllMessages(*journal_);
  ASSERT_THAT(all, SizeIs(4));
  EXPECT_EQ(all[1].message->payload.size(), 300'000u);
  EXPECT_EQ(all[3].message->payload, "more");
}

TEST_F(SegmentJournalTest, ABatchIsOneWrite) {
  const size_t before = files_.write_calls();
  Append({"a", "b", "c", "d"});
  EXPECT_EQ(files_.write_calls() - before, 1u);
}

TEST_F(SegmentJournalTest, SaysWhoElseHasItOpen) {
  auto second = SegmentJournal::Open(TestOptions(files_));
  EXPECT_TRUE(absl::IsFailedPrecondition(second.status()));
  EXPECT_THAT(second.status().ToString(), HasSubstr("/journal/LOCK"));
}

}  // namespace
}  // namespace sluice::journal_test
