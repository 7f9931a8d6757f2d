#include "server/live/trace_path.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/message/message.h"

namespace sluice {
namespace {

using testing::ElementsAre;

constexpr SteadyTime kStart{Millis(1'000'000)};
constexpr int64_t kUnixMs = 1'700'000'000'000;

class TracePathTest : public testing::Test {
 protected:
  TracePathTest() { known_.id = {static_cast<uint64_t>(kUnixMs) << 16, 1}; }

  void Step(TracedStep step, int64_t after_us = 0) {
    step.at = kStart + std::chrono::microseconds(after_us);
    known_.steps.emplace_back(step);
  }
  void Received() {
    Step({.step = PassingStep::kReceived,
          .topic = "in/7",
          .qos = Qos::kAtLeastOnce,
          .connection = "plant",
          .chain = "c",
          .payload_bytes = 4,
          .received = kStart - std::chrono::microseconds(500),
          .journaled = true});
  }
  void Delivered(uint32_t attempt, std::string_view worker, int64_t after_us) {
    Step({.step = PassingStep::kDelivered,
          .topic = "in/7",
          .chain = "c",
          .worker = worker,
          .attempt = attempt,
          .payload_bytes = 4},
         after_us);
  }
  void Settled(uint32_t attempt, std::string_view outcome, int64_t after_us) {
    Step({.step = PassingStep::kSettled, .chain = "c", .attempt = attempt, .outcome = outcome}, after_us);
  }
  void Waits(Whereabouts whereabouts) {
    const std::shared_ptr<Message> message = MakeMessage("in/7", "21.5");
    message->qos = Qos::kAtLeastOnce;
    whereabouts.message = message;
    whereabouts.id = known_.id;
    known_.whereabouts = std::move(whereabouts);
  }

  const v1::TracedMessage& Traced() {
    ToProto(known_, {.now = kStart, .unix_ms = kUnixMs}, kStart - Millis(1), traced_);
    return traced_;
  }
  std::vector<std::string> Steps() {
    std::vector<std::string> steps;
    for (const v1::TraceStep& step : Traced().steps()) {
      std::string text = v1::TraceStepKind_Name(step.kind()).substr(std::string("TRACE_STEP_KIND_").size());
      if (step.attempt() > 0) text += " " + std::to_string(step.attempt());
      for (const std::string* each : {&step.worker(), &step.outcome(), &step.topic()}) {
        if (!each->empty()) text += " " + *each;
      }
      steps.push_back(text);
    }
    return steps;
  }

  KnownMessage known_;
  v1::TracedMessage traced_;
};

TEST_F(TracePathTest, AMessageThatIsAnswered) {
  Step({.step = PassingStep::kConfirmed, .connection = "plant", .outcome = "ok", .reply = 2}, 300);
  Step({.step = PassingStep::kConfirmed, .connection = "plant", .outcome = "not authorized", .reply = 1}, 300);
  Settled(1, "ack", 200);
  Step({.step = PassingStep::kReplied, .topic = "out/a", .connection = "plant", .reply = 1}, 200);
  Step({.step = PassingStep::kReplied, .topic = "out/b", .connection = "plant", .reply = 2}, 200);
  Delivered(1, "w/1", 100);
  Received();
  EXPECT_THAT(Steps(),
              ElementsAre("RECEIVED", "JOURNALED", "QUEUED", "DELIVERED 1 w/1", "SETTLED 1 w/1 ack", "REPLIED out/a",
                          "REPLIED out/b", "CONFIRMED ok out/b", "CONFIRMED not authorized out/a"));
  EXPECT_EQ(traced_.steps(0).at_unix_us(), kUnixMs * 1'000 - 500) << "when the packet was read";
  EXPECT_EQ(traced_.steps(3).at_unix_us(), kUnixMs * 1'000 + 100);
  EXPECT_EQ(traced_.state(), v1::TRACE_STATE_DONE);
  EXPECT_EQ(traced_.topic(), "in/7");
  EXPECT_EQ(traced_.payload_bytes(), 4u);
  EXPECT_FALSE(traced_.incomplete());
}

TEST_F(TracePathTest, StepsOfOneMomentFollowEachOtherByAttempt) {
  Settled(2, "ack", 0);
  Delivered(2, "b/1", 0);
  Settled(1, "retry", 0);
  Delivered(1, "a/1", 0);
  Received();
  EXPECT_THAT(Steps(), ElementsAre("RECEIVED", "JOURNALED", "QUEUED", "DELIVERED 1 a/1", "SETTLED 1 a/1 retry",
                                   "DELIVERED 2 b/1", "SETTLED 2 b/1 ack"));
}

TEST_F(TracePathTest, WhatWasReadBackIsNotSaidToHaveBeenQueuedAtOnce) {
  Received();
  Step({.step = PassingStep::kQueued, .topic = "in/7", .chain = "c"}, 900);
  EXPECT_THAT(Steps(), ElementsAre("RECEIVED", "JOURNALED", "QUEUED"));
  EXPECT_EQ(traced_.steps(2).at_unix_us(), kUnixMs * 1'000 + 900);
  EXPECT_EQ(traced_.steps(2).detail(), "from the journal");
}

TEST_F(TracePathTest, WaitsForAWorker) {
  Waits({.record = 7});
  EXPECT_EQ(Traced().state(), v1::TRACE_STATE_WAITING);
  EXPECT_THAT(traced_.state_detail(), testing::StartsWith("no worker serves"));
  EXPECT_TRUE(traced_.journaled());
  EXPECT_EQ(traced_.topic(), "in/7");
}

TEST_F(TracePathTest, IsWithAWorker) {
  Waits({.state = Whereabouts::State::kWithWorker,
         .attempts = 1,
         .due = kStart + Millis(30'000),
         .worker = "w/1",
         .delivered = kStart - Millis(4)});
  EXPECT_EQ(Traced().state(), v1::TRACE_STATE_WITH_WORKER);
  EXPECT_EQ(traced_.worker(), "w/1");
  EXPECT_EQ(traced_.state_since_unix_ms(), kUnixMs - 4);
  EXPECT_EQ(traced_.due_unix_ms(), kUnixMs + 30'000);
  EXPECT_FALSE(traced_.journaled()) << "QoS 0";
}

TEST_F(TracePathTest, StandsInTheJournalAlone) {
  RecoveredMessage read;
  read.chain = "c";
  read.attempts = 2;
  read.message = MakeMessage("in/7", "x");
  known_.on_disk = std::move(read);
  known_.on_disk_why = "chain 'c' is paused";
  EXPECT_EQ(Traced().state(), v1::TRACE_STATE_ON_DISK);
  EXPECT_EQ(traced_.state_detail(), "chain 'c' is paused");
  EXPECT_EQ(traced_.attempts(), 2u);
  EXPECT_EQ(traced_.chain(), "c");
}

TEST_F(TracePathTest, IsADeadLetterOrItsReplyIs) {
  KeptLetter letter;
  letter.letter.kind = StoredLetter::Kind::kReply;
  letter.letter.message = MakeMessage("out", "");
  letter.letter.reason = "not authorized";
  known_.refused.push_back(letter);
  EXPECT_EQ(Traced().state(), v1::TRACE_STATE_DEAD_LETTER);
  EXPECT_EQ(traced_.state_detail(), "its reply to out: not authorized");

  letter.letter.kind = StoredLetter::Kind::kMessage;
  letter.letter.message = MakeMessage("in/7", "");
  letter.letter.reason = "rejected: no";
  letter.letter.worker = "w/1";
  known_.letter = letter;
  traced_.Clear();
  EXPECT_EQ(Traced().state_detail(), "rejected: no");
  EXPECT_EQ(traced_.worker(), "w/1");
}

TEST_F(TracePathTest, WaitsForTheBroker) {
  Settled(1, "ack", 0);
  known_.unconfirmed = 2;
  EXPECT_EQ(Traced().state(), v1::TRACE_STATE_UNCONFIRMED);
  EXPECT_EQ(traced_.replies_unconfirmed(), 2u);
}

TEST_F(TracePathTest, SaysThatStepsMayBeMissing) {
  known_.id.high = static_cast<uint64_t>(kUnixMs - 5) << 16;
  Delivered(3, "w/1", 0);
  EXPECT_TRUE(Traced().incomplete());
  EXPECT_EQ(traced_.state(), v1::TRACE_STATE_UNSPECIFIED);
}

}  // namespace
}  // namespace sluice
