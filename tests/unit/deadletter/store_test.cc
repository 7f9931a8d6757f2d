#include "server/deadletter/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "server/sqlite/sqlite.h"
#include "tests/support/manual_clock.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/deadletter/letters.h"

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

class DeadLetterStoreTest : public testing::Test {
 protected:
  DeadLetterStoreTest() { Open(); }

  void Open(DeadLetterLimits limits = {.max_age = Millis(0)}) {
    store_.reset();
    // A registry of its own: the gauges of the store before are gone with it.
    metrics_ = std::make_unique<MetricsRegistry>();
    auto store = DeadLetterStore::Open(path_, limits, clock_, *metrics_);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }
  absl::Status OpenError(const std::string& path) {
    MetricsRegistry metrics;
    return DeadLetterStore::Open(path, {}, clock_, metrics).status();
  }
  void Put(LetterSpec spec) { ASSERT_TRUE(PutOne(*store_, std::move(spec)).ok()); }
  KeptLetter Get(uint64_t id) {
    auto kept = store_->Get(MakeLetter({.id = id}).id);
    EXPECT_TRUE(kept.ok()) << kept.status();
    return kept.ok() ? *std::move(kept) : KeptLetter{};
  }
  uint64_t Evicted(const char* bound) {
    return metrics_->GetCounter("sluice_dead_letters_evicted_total", "", {{"bound", bound}}).value();
  }
  // The database, as another program sees it.
  sqlite::Database OtherProgram() {
    auto database = sqlite::Database::Open(path_);
    EXPECT_TRUE(database.ok());
    return *std::move(database);
  }

  TempDir folder_;
  const std::string path_ = folder_ / "state/dead-letters.db";
  ManualClock clock_;
  std::unique_ptr<MetricsRegistry> metrics_;
  std::unique_ptr<DeadLetterStore> store_;
};

TEST_F(DeadLetterStoreTest, KeepsEverythingOverARestart) {
  StoredLetter letter = MakeLetter();
  auto message = std::make_shared<Message>();
  const std::string payload("\0\xff\n", 3);
  message->topic = "a/b";
  message->payload = payload;
  message->qos = Qos::kExactlyOnce;
  message->retain = true;
  message->dup = true;
  message->received_unix_ms = 1'699'999'999'999;
  auto properties = std::make_unique<Properties>();
  properties->content_type = "text/plain";
  properties->response_topic = "answers";
  properties->correlation_data = std::string("\0\1", 2);
  properties->user = {{"name", "value"}, {"name", "12:colons"}, {"", ""}};
  properties->expiry_s = 60;
  message->properties = std::move(properties);
  letter.message = message;
  ASSERT_TRUE(store_->Put({&letter, 1}).ok());

  Open();

  const KeptLetter kept = Get(1);
  EXPECT_EQ(kept.payload_bytes, 3u);
  EXPECT_EQ(kept.letter.kind, StoredLetter::Kind::kMessage);
  EXPECT_EQ(kept.letter.id, letter.id);
  EXPECT_EQ(kept.letter.connection, "plant");
  EXPECT_EQ(kept.letter.route, "temperature");
  EXPECT_EQ(kept.letter.chain, "readings");
  EXPECT_EQ(kept.letter.start_node, "node3");
  EXPECT_EQ(kept.letter.died_unix_ms, 1'700'000'000'000);
  EXPECT_EQ(kept.letter.attempts, 5u);
  EXPECT_EQ(kept.letter.reason, "rejected: no unit");
  EXPECT_EQ(kept.letter.worker, "alarm/1");
  const Message& read = *kept.letter.message;
  EXPECT_EQ(read.topic, "a/b");
  EXPECT_EQ(read.payload, payload);
  EXPECT_EQ(read.qos, Qos::kExactlyOnce);
  EXPECT_TRUE(read.retain);
  EXPECT_TRUE(read.dup);
  EXPECT_EQ(read.received_unix_ms, 1'699'999'999'999);
  ASSERT_NE(read.properties, nullptr);
  EXPECT_EQ(read.properties->content_type, "text/plain");
  EXPECT_EQ(read.properties->response_topic, "answers");
  EXPECT_EQ(read.properties->correlation_data, std::string("\0\1", 2));
  EXPECT_EQ(read.properties->user, (UserProperties{{"name", "value"}, {"name", "12:colons"}, {"", ""}}));
  EXPECT_EQ(read.properties->expiry_s, 60u);
}

TEST_F(DeadLetterStoreTest, AMessageWithoutPropertiesComesBackWithout) {
  Put({});
  EXPECT_EQ(Get(1).letter.message->properties, nullptr);
}

TEST_F(DeadLetterStoreTest, KeepsRefusedRepliesToo) {
  StoredLetter letter = MakeLetter();
  letter.kind = StoredLetter::Kind::kReply;
  letter.answers = {.high = 7, .low = 8};
  ASSERT_TRUE(store_->Put({&letter, 1}).ok());
  Put({.id = 2, .payload = "message"});
  EXPECT_EQ(Get(1).letter.kind, StoredLetter::Kind::kReply);
  EXPECT_EQ(Get(1).letter.answers, letter.answers);
  EXPECT_THAT(PayloadsOf(*store_, {.kind = StoredLetter::Kind::kMessage}), ElementsAre("message"));
}

TEST_F(DeadLetterStoreTest, AMessageThatDiesAgainTakesItsOwnPlace) {
  Put({.payload = "first", .reason = "a"});
  Put({.payload = "again", .reason = "b", .died_unix_ms = 1'700'000'000'500});
  EXPECT_EQ(store_->totals().messages, 1u);
  EXPECT_EQ(store_->totals().bytes, MakeLetter({.payload = "again", .reason = "b"}).bytes());
  EXPECT_EQ(Get(1).letter.reason, "b");
}

TEST_F(DeadLetterStoreTest, RemovingAReplayedLetterLeavesWhatHasDiedAgainMeanwhile) {
  Put({.payload = "first"});
  const int64_t replayed = Get(1).number;
  Put({.payload = "again"});
  const auto removed = store_->Remove({&replayed, 1});
  ASSERT_TRUE(removed.ok());
  EXPECT_EQ(*removed, 0u);
  EXPECT_THAT(PayloadsOf(*store_), ElementsAre("again"));
}

TEST_F(DeadLetterStoreTest, ListsTheOldestFirstPageByPage) {
  Put({.id = 1, .payload = "third", .died_unix_ms = 3});
  Put({.id = 2, .payload = "first", .died_unix_ms = 1});
  Put({.id = 3, .payload = "second", .died_unix_ms = 2});
  Put({.id = 4, .payload = "fourth", .died_unix_ms = 3});
  for (size_t page : {1u, 2u, 3u, 100u}) {
    EXPECT_THAT(PayloadsOf(*store_, {}, page), ElementsAre("first", "second", "third", "fourth")) << page;
  }
}

TEST_F(DeadLetterStoreTest, APageEndsAtItsBytesButHoldsOne) {
  Put({.id = 1, .payload = std::string(5'000, 'x')});
  Put({.id = 2, .payload = "y"});
  const auto page = store_->List({}, {}, {.max_entries = 10, .max_bytes = 1});
  ASSERT_TRUE(page.ok());
  EXPECT_THAT(*page, SizeIs(1));
}

TEST_F(DeadLetterStoreTest, AListCutsPayloadsAndSaysTheirSize) {
  Put({.payload = "0123456789"});
  const auto page = store_->List({}, {}, {.max_payload_bytes = 4});
  ASSERT_TRUE(page.ok());
  EXPECT_EQ(page->front().letter.message->payload, "0123");
  EXPECT_EQ(page->front().payload_bytes, 10u);
}

TEST_F(DeadLetterStoreTest, FiltersByChainTopicReasonAndAge) {
  Put({.id = 1, .chain = "a", .topic = "plant/1/temp", .payload = "1", .reason = "Lease expired", .died_unix_ms = 100});
  Put({.id = 2, .chain = "b", .topic = "plant/2/temp", .payload = "2", .reason = "rejected", .died_unix_ms = 200});
  Put({.id = 3, .chain = "b", .topic = "$SYS/load", .payload = "3", .reason = "rejected: 100%", .died_unix_ms = 300});
  EXPECT_THAT(PayloadsOf(*store_, {.chain = "b"}), ElementsAre("2", "3"));
  EXPECT_THAT(PayloadsOf(*store_, {.topic_filter = "plant/+/temp"}), ElementsAre("1", "2"));
  EXPECT_THAT(PayloadsOf(*store_, {.topic_filter = "#"}), ElementsAre("1", "2")) << "as MQTT matches $ topics";
  EXPECT_THAT(PayloadsOf(*store_, {.reason = "lease EXP"}), ElementsAre("1"));
  EXPECT_THAT(PayloadsOf(*store_, {.reason = "0%"}), ElementsAre("3")) << "no wildcards in it";
  EXPECT_THAT(PayloadsOf(*store_, {.died_before_unix_ms = 200}), ElementsAre("1"));
  EXPECT_THAT(PayloadsOf(*store_, {.died_after_unix_ms = 200}), ElementsAre("2", "3"));
  const LetterFilter several{.chain = "b", .topic_filter = "plant/#", .reason = "rej", .died_before_unix_ms = 1'000};
  EXPECT_THAT(PayloadsOf(*store_, several), ElementsAre("2"));
  EXPECT_EQ(*store_->Count(several), 1u);
  EXPECT_EQ(*store_->Count({}), 3u);
}

TEST_F(DeadLetterStoreTest, WhatIsNotThereIsNotFound) {
  const auto kept = store_->Get({.high = 1, .low = 2});
  EXPECT_EQ(kept.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(kept.status().message()), HasSubstr("00000000-0000-0001-0000-000000000002"));
}

TEST_F(DeadLetterStoreTest, RemovesByFilterInManyChunks) {
  std::vector<StoredLetter> letters;
  for (uint64_t i = 0; i < 2'500; ++i) {
    letters.push_back(MakeLetter({.id = i, .chain = i % 5 == 0 ? "kept" : "gone", .payload = std::to_string(i)}));
  }
  ASSERT_TRUE(store_->Put(letters).ok());
  const auto removed = store_->RemoveMatching({.chain = "gone"});
  ASSERT_TRUE(removed.ok());
  EXPECT_EQ(*removed, 2'000u);
  EXPECT_EQ(store_->totals().messages, 500u);
  EXPECT_EQ(*store_->RemoveMatching({}), 500u);
  EXPECT_EQ(store_->totals().messages, 0u);
  EXPECT_EQ(store_->totals().bytes, 0u);
}

TEST_F(DeadLetterStoreTest, AtTheBoundOfMessagesTheOldestGo) {
  Open({.max_messages = 2, .max_age = Millis(0)});
  for (uint64_t i = 1; i <= 4; ++i) Put({.id = i, .payload = std::to_string(i), .died_unix_ms = 10 - int64_t(i)});
  EXPECT_THAT(PayloadsOf(*store_), ElementsAre("2", "1")) << "the oldest by their death";
  EXPECT_EQ(Evicted("maxMessages"), 2u);
}

TEST_F(DeadLetterStoreTest, AFloodOfWhatNoChainTakesDrivesOutItsOwnKindOnly) {
  Open({.max_messages = 10, .max_age = Millis(0)});
  for (uint64_t i = 1; i <= 4; ++i)
    Put({.id = i, .payload = "honest " + std::to_string(i), .died_unix_ms = int64_t(i)});
  for (uint64_t i = 11; i <= 60; ++i) {
    Put({.id = i, .chain = "", .payload = std::to_string(i), .died_unix_ms = int64_t(i)});
  }
  EXPECT_EQ(store_->totals().messages, 10u);
  EXPECT_EQ(store_->totals().unroutable_messages, 6u);
  EXPECT_EQ(store_->Count({.chain = "readings"}).value(), 4u);
  EXPECT_EQ(Evicted("maxMessages"), 44u);

  for (uint64_t i = 61; i <= 70; ++i) Put({.id = i, .payload = std::to_string(i), .died_unix_ms = int64_t(i)});
  EXPECT_EQ(store_->totals().messages, 10u);
  EXPECT_EQ(store_->totals().unroutable_messages, 0u) << "half of it is not theirs: the oldest go";
  Open({.max_messages = 10, .max_age = Millis(0)});
  EXPECT_EQ(store_->totals().unroutable_messages, 0u);
}

TEST_F(DeadLetterStoreTest, AFloodOfBytesThatNoChainTakesDrivesOutItsOwnKindOnly) {
  Open({.max_bytes = 20'000, .max_age = Millis(0)});
  Put({.id = 1, .payload = "honest", .died_unix_ms = 1});
  for (uint64_t i = 11; i <= 60; ++i) {
    Put({.id = i, .chain = "", .payload = std::string(2'000, 'x'), .died_unix_ms = int64_t(i)});
  }
  EXPECT_LE(store_->totals().bytes, 20'000u);
  EXPECT_EQ(store_->Count({.chain = "readings"}).value(), 1u);
}

TEST_F(DeadLetterStoreTest, AtTheBoundOfBytesTheOldestGoAndTheNewestStays) {
  Open({.max_bytes = 2'000, .max_age = Millis(0)});
  for (uint64_t i = 1; i <= 3; ++i) {
    Put({.id = i, .payload = std::string(500, static_cast<char>('0' + i)), .died_unix_ms = int64_t(i)});
  }
  EXPECT_EQ(store_->totals().messages, 2u);
  Put({.id = 4, .payload = std::string(5'000, 'x'), .died_unix_ms = 4});
  EXPECT_THAT(PayloadsOf(*store_), ElementsAre(std::string(5'000, 'x')));
  EXPECT_EQ(Evicted("maxBytes"), 3u);
}

TEST_F(DeadLetterStoreTest, LettersGoOfAge) {
  Open({.max_age = Millis(1'000)});
  const int64_t now = clock_.UnixMillis();
  Put({.id = 1, .payload = "old", .died_unix_ms = now});
  Put({.id = 2, .payload = "young", .died_unix_ms = now + 1});
  clock_.Advance(Millis(1'001));
  ASSERT_TRUE(store_->Expire().ok());
  EXPECT_THAT(PayloadsOf(*store_), ElementsAre("young"));
  EXPECT_EQ(Evicted("maxAge"), 1u);
}

TEST_F(DeadLetterStoreTest, BoundsThatWereLoweredHoldFromTheStart) {
  for (uint64_t i = 1; i <= 3; ++i) Put({.id = i, .payload = std::to_string(i), .died_unix_ms = int64_t(i)});
  Open({.max_messages = 1, .max_age = Millis(0)});
  EXPECT_THAT(PayloadsOf(*store_), ElementsAre("3"));
}

TEST_F(DeadLetterStoreTest, TheFileIsItsOwnersAlone) {
  Put({});
  for (const char* suffix : {"", "-wal", "-shm"}) {
    struct stat status{};
    ASSERT_EQ(stat((path_ + suffix).c_str(), &status), 0) << suffix;
    EXPECT_EQ(status.st_mode & 0777, 0600u) << suffix;
  }
}

TEST_F(DeadLetterStoreTest, AFailedWriteLeavesNothingBehindAndTheNextGoesOn) {
  Put({.id = 1, .payload = "before"});
  const sqlite::Database other = OtherProgram();
  ASSERT_TRUE(other.Execute("BEGIN IMMEDIATE").ok());
  EXPECT_EQ(PutOne(*store_, {.id = 2, .payload = "after"}).code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(store_->totals().messages, 1u);
  ASSERT_TRUE(other.Execute("ROLLBACK").ok());
  Put({.id = 2, .payload = "after"});
  EXPECT_THAT(PayloadsOf(*store_), ElementsAre("before", "after"));
}

TEST_F(DeadLetterStoreTest, ABatchIsWrittenWholeOrNotAtAll) {
  Put({.id = 1, .payload = "before"});
  ASSERT_TRUE(OtherProgram()
                  .Execute("CREATE TRIGGER refuse BEFORE INSERT ON letters WHEN NEW.chain = 'refused' BEGIN "
                           "SELECT RAISE(ABORT, 'refused'); END")
                  .ok());
  std::vector<StoredLetter> letters;
  letters.push_back(MakeLetter({.id = 1, .payload = "replaced"}));
  letters.push_back(MakeLetter({.id = 2, .chain = "refused"}));
  EXPECT_FALSE(store_->Put(letters).ok());
  EXPECT_THAT(PayloadsOf(*store_), ElementsAre("before"));
  EXPECT_EQ(store_->totals().messages, 1u);
}

TEST_F(DeadLetterStoreTest, ADatabaseOfANewerVersionIsRefusedWithWhatToDo) {
  ASSERT_TRUE(OtherProgram().Execute("PRAGMA user_version = 2").ok());
  store_.reset();
  const absl::Status status = OpenError(path_);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr(path_));
  EXPECT_THAT(std::string(status.message()), HasSubstr("newer version of Sluice (schema 2; this one knows 1)"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("run that version, or move the file away"));
}

TEST_F(DeadLetterStoreTest, WhatIsNoDatabaseOfItsIsRefused) {
  const std::string text = folder_.Write("text", std::string(4'096, 'x'));
  EXPECT_EQ(OpenError(text).code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(OpenError(text).message()), HasSubstr("move it away"));
  const std::string foreign = folder_ / "foreign";
  ASSERT_TRUE(sqlite::Database::Open(foreign)->Execute("CREATE TABLE t(x)").ok());
  EXPECT_THAT(std::string(OpenError(foreign).message()), HasSubstr("another program's database"));
  EXPECT_EQ(OpenError(folder_.path()).code(), absl::StatusCode::kUnavailable) << "a folder";
  EXPECT_THAT(std::string(OpenError(text + "/below").message()), HasSubstr("cannot be made"));
}

TEST(DeadLetterStore, InMemoryItNeedsNoFile) {
  ManualClock clock;
  MetricsRegistry metrics;
  auto store = DeadLetterStore::Open(":memory:", {}, clock, metrics);
  ASSERT_TRUE(store.ok()) << store.status();
  ASSERT_TRUE(PutOne(**store, {.died_unix_ms = clock.UnixMillis()}).ok());
  EXPECT_EQ((*store)->totals().messages, 1u);
  EXPECT_FALSE(std::filesystem::exists(":memory:"));
}

TEST_F(DeadLetterStoreTest, OtherBoundsHoldAtOnce) {
  Open({.max_messages = 10, .max_age = Millis(0)});
  for (uint64_t id = 1; id <= 5; ++id) Put({.id = id, .died_unix_ms = clock_.UnixMillis()});
  ASSERT_TRUE(store_->SetLimits({.max_messages = 2, .max_age = Millis(0)}).ok());
  EXPECT_EQ(store_->totals().messages, 2u);
  EXPECT_EQ(Evicted("maxMessages"), 3u);
  clock_.Advance(Millis(2'000));
  ASSERT_TRUE(store_->SetLimits({.max_messages = 2, .max_age = Millis(1'000)}).ok());
  EXPECT_EQ(store_->totals().messages, 0u);
  EXPECT_EQ(Evicted("maxAge"), 2u);
}

}  // namespace
}  // namespace sluice
