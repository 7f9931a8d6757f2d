// The way of a dead letter: journal, store, out of the journal, dead-letter topic; and what happens where it is cut.
#include <gmock/gmock.h>

#include <cerrno>
#include <optional>

#include "tests/support/temp_dir.h"
#include "tests/unit/deadletter/dead_letters_fixture.h"

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

TEST_F(DeadLettersTest, AreNotedInTheJournalAtOnceAndEndThereWhenTheyAreStored) {
  Die({"a", "b"});
  EXPECT_EQ(journal_->depth().ingress_messages, 0u);
  EXPECT_EQ(journal_->depth().dead_letters, 2u);
  EXPECT_THAT(store_.reasons(), IsEmpty());
  EXPECT_THAT(Published(), IsEmpty());

  letters_->Work();

  EXPECT_THAT(store_.reasons(), ElementsAre(Pair("a", "gave up"), Pair("b", "gave up")));
  EXPECT_EQ(store_.attempts(), 1) << "one transaction for a batch";
  EXPECT_EQ(journal_->depth().dead_letters, 0u);
  EXPECT_EQ(journal_->depth().outbox_messages, 2u);
  EXPECT_THAT(Published(), ElementsAre("a", "b"));
  EXPECT_EQ(letters_->waiting(), 0u);
}

TEST_F(DeadLettersTest, AreNotedElsewhereWhereThatIsAskedFor) {
  std::vector<std::function<void()>> notes;
  letters_->NoteBy([&](std::function<void()> note) { notes.push_back(std::move(note)); });
  Die({"a"});
  EXPECT_EQ(journal_->depth().dead_letters, 0u) << "who brings it does not wait for the disk";
  EXPECT_EQ(letters_->waiting(), 1u) << "it counts all the same";
  letters_->Work();
  EXPECT_THAT(store_.reasons(), IsEmpty()) << "not before it is noted";

  ASSERT_EQ(notes.size(), 1u);
  notes.front()();
  EXPECT_EQ(journal_->depth().dead_letters, 1u);
  letters_->Work();
  EXPECT_THAT(store_.reasons(), ElementsAre(Pair("a", "gave up")));
  EXPECT_EQ(letters_->waiting(), 0u);
}

TEST_F(DeadLettersTest, ArePublishedByTheNextStartWhereTheBrokerHasNotConfirmedThem) {
  Die({"a"});
  letters_->Work();
  CrashAndStart();
  const std::vector<RecoveredReply> left = journal_test::AllReplies(*journal_);
  ASSERT_EQ(left.size(), 1u);
  EXPECT_EQ(left[0].connection, "plant");
  EXPECT_EQ(left[0].message->topic, "plant/dead");
}

TEST_F(DeadLettersTest, HoldWhatIsToBeKnownOfThem) {
  Die({"a"});
  letters_->Work();
  const StoredLetter letter = store_.Get("a");
  EXPECT_EQ(letter.kind, StoredLetter::Kind::kMessage);
  EXPECT_EQ(letter.id, scene_.Routed("a").id);
  EXPECT_EQ(letter.connection, "plant");
  EXPECT_EQ(letter.route, "temperature");
  EXPECT_EQ(letter.chain, "readings");
  EXPECT_EQ(letter.start_node, "node3");
  EXPECT_EQ(letter.attempts, 5u);
  EXPECT_EQ(letter.worker, "w/1");
  EXPECT_EQ(letter.died_unix_ms, clock_.UnixMillis());
}

TEST_F(DeadLettersTest, OfQos0AreStoredToo) {
  Die({"a"}, Qos::kAtMostOnce);
  EXPECT_EQ(journal_->depth().dead_letters, 0u);
  letters_->Work();
  EXPECT_THAT(store_.reasons(), ElementsAre(Pair("a", "gave up")));
  EXPECT_THAT(Published(), ElementsAre("a"));
}

TEST_F(DeadLettersTest, WithoutATopicAreStoredAndNotPublished) {
  scene_.chain.SetOptions({});
  Die({"a"});
  letters_->Work();
  EXPECT_THAT(store_.reasons(), ElementsAre(Pair("a", "gave up")));
  EXPECT_THAT(Published(), IsEmpty());
  EXPECT_EQ(journal_->depth().dead_letters, 0u);
}

TEST_F(DeadLettersTest, AreStoredAfterACrashBetweenJournalAndStore) {
  Die({"a", "b", "c"});
  CrashAndStart();
  Die({"new"});
  letters_->Work();
  EXPECT_THAT(store_.reasons(),
              ElementsAre(Pair("a", "gave up"), Pair("b", "gave up"), Pair("c", "gave up"), Pair("new", "gave up")));
  EXPECT_EQ(store_.Get("a").worker, "w/1");
  EXPECT_EQ(store_.Get("a").attempts, 5u);
  EXPECT_EQ(store_.Get("a").died_unix_ms, clock_.UnixMillis());
  EXPECT_EQ(journal_->depth().dead_letters, 0u);
  EXPECT_THAT(Published(), ElementsAre("a", "b", "c", "new")) << "each once";
}

TEST_F(DeadLettersTest, AreStoredAgainAfterACrashBetweenStoreAndJournal) {
  Die({"a"});
  files_.FailWritesAfter(0, ENOSPC);
  letters_->Work();
  EXPECT_EQ(store_.reasons().size(), 1u);
  files_.Heal();
  CrashAndStart();
  EXPECT_EQ(journal_->depth().dead_letters, 1u);
  letters_->Work();
  EXPECT_THAT(store_.reasons(), ElementsAre(Pair("a", "gave up")));
  EXPECT_EQ(journal_->depth().dead_letters, 0u);
  EXPECT_THAT(Published(), ElementsAre("a"));
}

TEST_F(DeadLettersTest, WhatDiesWhileTheJournalIsReadIsPublishedOnce) {
  Die({"before"});
  CrashAndStart();
  bool first = true;
  letters_->SetJournaled([&](RecordId after) {
    if (std::exchange(first, false)) Die({"meanwhile"});
    return journal_->ReadDeadLetters(after);
  });
  letters_->Work();
  EXPECT_THAT(Published(), ElementsAre("before", "meanwhile"));
  EXPECT_EQ(journal_->depth().dead_letters, 0u);
}

TEST_F(DeadLettersTest, OfARouteThatIsGoneAreKeptAndNotPublished) {
  Die({"a"});
  scene_.route.id = "renamed";
  CrashAndStart();
  letters_->Work();
  EXPECT_EQ(store_.Get("a").route, "temperature");
  EXPECT_THAT(Published(), IsEmpty());
  EXPECT_EQ(journal_->depth().dead_letters, 0u);
}

TEST_F(DeadLettersTest, OfAConnectionThatIsGoneAreKeptAndNotPublished) {
  scene_.route.connection = "gone";
  Die({"a"});
  letters_->Work();
  EXPECT_EQ(store_.Get("a").connection, "gone");
  EXPECT_THAT(Published(), IsEmpty());
  EXPECT_EQ(journal_->depth().dead_letters, 0u);
}

TEST_F(DeadLettersTest, StayInTheJournalWhileTheStoreCannotBeWrittenAndTheNextAttemptComesLater) {
  store_.FillDisk();
  Die({"a"});
  const SteadyTime next = letters_->Work();
  EXPECT_EQ(next, clock_.Now() + Millis(100));
  EXPECT_EQ(letters_->trouble(), "RESOURCE_EXHAUSTED: no space left");
  EXPECT_EQ(journal_->depth().dead_letters, 1u);
  EXPECT_THAT(Published(), IsEmpty());
  EXPECT_EQ(metrics_->GetCounter("sluice_dead_letter_write_failures_total", "").value(), 1u);

  letters_->Work();
  EXPECT_EQ(store_.attempts(), 1) << "not before its time";
  clock_.Advance(Millis(100));
  EXPECT_EQ(letters_->Work(), clock_.Now() + Millis(200)) << "the pause grows";

  store_.FreeDisk();
  clock_.Advance(Millis(200));
  letters_->Work();
  EXPECT_EQ(letters_->trouble(), "");
  EXPECT_THAT(store_.reasons(), ElementsAre(Pair("a", "gave up")));
  EXPECT_EQ(journal_->depth().dead_letters, 0u);
}

TEST_F(DeadLettersTest, AreSettledWithoutBeingStoredTwiceWhenOnlyTheJournalFails) {
  Die({"a"});
  files_.FailWritesAfter(0, ENOSPC);
  letters_->Work();
  EXPECT_THAT(Published(), IsEmpty());
  files_.Heal();
  clock_.Advance(Millis(100));
  letters_->Work();
  EXPECT_EQ(store_.attempts(), 1) << "what was replayed meanwhile must not come back";
  EXPECT_EQ(journal_->depth().dead_letters, 0u);
  EXPECT_THAT(Published(), ElementsAre("a"));
}

TEST_F(DeadLettersTest, AtTheBoundNothingMoreIsAskedForUntilHalfIsWritten) {
  store_.FillDisk();
  Die({"a", "b", "c"});
  EXPECT_THAT(full_, IsEmpty());
  Die({"d"});
  EXPECT_THAT(full_, ElementsAre(true));
  letters_->Work();
  EXPECT_THAT(full_, ElementsAre(true));
  store_.FreeDisk();
  clock_.Advance(Millis(100));
  letters_->Work();
  EXPECT_THAT(full_, ElementsAre(true, false));
}

TEST_F(DeadLettersTest, AtTheBoundOfBytesTheSame) {
  Die({std::string(100'000, 'x')});
  EXPECT_THAT(full_, ElementsAre(true));
}

// ---- what no chain can take

TEST_F(DeadLettersTest, WhatNoChainTakesIsStoredWithItsReason) {
  Refuse({"a"});
  EXPECT_EQ(journal_->depth().dead_letters, 1u);
  letters_->Work();
  const StoredLetter letter = store_.Get("a");
  EXPECT_EQ(letter.kind, StoredLetter::Kind::kMessage);
  EXPECT_EQ(letter.id, scene_.Routed("a").id);
  EXPECT_EQ(letter.connection, "plant");
  EXPECT_EQ(letter.route, "temperature");
  EXPECT_EQ(letter.chain, "");
  EXPECT_EQ(letter.reason, "no chain: too many");
  EXPECT_EQ(letter.attempts, 0u);
  EXPECT_EQ(letter.died_unix_ms, clock_.UnixMillis());
  EXPECT_EQ(journal_->depth().dead_letters, 0u);
  EXPECT_THAT(Published(), IsEmpty()) << "it has no chain whose topic it could go to";
}

TEST_F(DeadLettersTest, WhatNoChainTakesIsStoredAfterACrash) {
  Refuse({"a", "b"});
  CrashAndStart();
  letters_->Work();
  EXPECT_THAT(store_.reasons(), ElementsAre(Pair("a", "no chain: too many"), Pair("b", "no chain: too many")));
  EXPECT_EQ(store_.Get("a").chain, "");
  EXPECT_EQ(journal_->depth().dead_letters, 0u);
}

TEST_F(DeadLettersTest, AFloodOfWhatNoChainTakesIsLeftInTheJournalAndStopsNoWorker) {
  letters_->Work();
  for (int i = 0; i < 50; ++i) Refuse({"flood " + std::to_string(i)});
  EXPECT_THAT(full_, IsEmpty());
  EXPECT_EQ(letters_->waiting(), 2u) << "half of the bound";
  EXPECT_TRUE(letters_->TakesUnroutable());
  EXPECT_EQ(journal_->depth().dead_letters, 50u);
  Die({"honest"});
  letters_->Work();
  EXPECT_EQ(store_.reasons().size(), 51u);
  EXPECT_EQ(journal_->depth().dead_letters, 0u);
  EXPECT_THAT(Published(), ElementsAre("honest")) << "once";
  EXPECT_EQ(letters_->waiting(), 0u);

  Refuse({"later"});
  EXPECT_EQ(letters_->waiting(), 1u) << "there is room in memory again";
  letters_->Work();
  EXPECT_EQ(store_.reasons().size(), 52u);
}

TEST_F(DeadLettersTest, WhatIsLeftInTheJournalWhileItIsReadIsStoredToo) {
  letters_->Work();
  bool first = true;
  for (int i = 0; i < 5; ++i) Refuse({"flood " + std::to_string(i)});
  letters_->SetJournaled([&](RecordId after) {
    if (std::exchange(first, false)) Refuse({"meanwhile"});
    return journal_->ReadDeadLetters(after, {.max_entries = 2});
  });
  letters_->Work();
  EXPECT_EQ(store_.reasons().size(), 6u);
  EXPECT_EQ(journal_->depth().dead_letters, 0u);
  EXPECT_EQ(letters_->waiting(), 0u);
}

TEST_F(DeadLettersTest, WithoutAJournalToLeaveItInTheBrokerIsToKeepIt) {
  letters_->SetJournaled(nullptr);
  Refuse({"a"});
  EXPECT_TRUE(letters_->TakesUnroutable());
  Refuse({"b"});
  EXPECT_FALSE(letters_->TakesUnroutable());
  EXPECT_THAT(full_, IsEmpty());
  letters_->Work();
  EXPECT_TRUE(letters_->TakesUnroutable());
}

TEST_F(DeadLettersTest, RefusedRepliesAreConfirmedWhenTheyAreStored) {
  OutboxEntry reply = scene_.Reply("answer");
  ASSERT_TRUE(journal_->Settle({}, {&reply, 1}).ok());
  auto place = std::make_shared<int>(0);
  std::vector<RefusedReply> replies;
  replies.push_back({.record = reply.record,
                     .connection = "plant",
                     .message = reply.message,
                     .reason = "refused: 0x87",
                     .message_id = {.high = 1, .low = 2},
                     .route = "temperature",
                     .chain = "readings",
                     .place = place});
  store_.FillDisk();
  letters_->Take(std::move(replies));
  letters_->Work();
  EXPECT_EQ(journal_->depth().outbox_messages, 1u);
  EXPECT_EQ(place.use_count(), 2) << "its place in the outbox is held";

  store_.FreeDisk();
  clock_.Advance(Millis(100));
  letters_->Work();
  EXPECT_EQ(journal_->depth().outbox_messages, 0u);
  EXPECT_EQ(place.use_count(), 1);
  const StoredLetter letter = store_.Get("answer");
  EXPECT_EQ(letter.kind, StoredLetter::Kind::kReply);
  EXPECT_EQ(letter.reason, "refused: 0x87");
  EXPECT_EQ(letter.answers, (MessageId{.high = 1, .low = 2}));
  EXPECT_NE(letter.id, letter.answers);
  EXPECT_THAT(Published(), IsEmpty()) << "a refused reply is not published to the dead-letter topic";
}

TEST_F(DeadLettersTest, OldOnesAreLetGoEveryMinute) {
  letters_->Work();
  EXPECT_EQ(store_.expired(), 1);
  letters_->Work();
  EXPECT_EQ(store_.expired(), 1);
  clock_.Advance(Millis(60'000));
  letters_->Work();
  EXPECT_EQ(store_.expired(), 2);
}

// A letter that is the end of the process when it is written would be that of each start.
TEST_F(DeadLettersTest, OneThatProcessesDiedOverStaysInTheJournalAndTheOthersAreWritten) {
  struct Killed {};
  const TempDir folder;
  std::unique_ptr<CrashMarks> marks;
  const auto start = [&] {
    CrashAndStart();
    marks.reset();
    marks = *CrashMarks::Open(folder / "crash-marks");
    letters_->Mark(*marks);
    letters_->LookAt([](const Message& message) {
      if (message.payload == "poison") throw Killed();
    });
  };
  start();
  Die({"a", "poison", "b"});
  int deaths = 0;
  for (bool alive = false; !alive; ++deaths) {
    ASSERT_LT(deaths, 6);
    try {
      letters_->Work();
      alive = true;
    } catch (const Killed&) {
      start();
    }
  }
  EXPECT_EQ(deaths, 4);
  EXPECT_EQ(store_.reasons().size(), 2u);
  EXPECT_FALSE(store_.reasons().contains("poison"));
  EXPECT_EQ(letters_->waiting(), 0u);
  EXPECT_EQ(journal_->ReadDeadLetters(0)->size(), 1u);
}

}  // namespace
}  // namespace sluice
