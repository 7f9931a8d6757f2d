#include "server/otlp/exporter.h"

#include <gtest/gtest.h>

#include <thread>
#include <utility>

#include "sluice/otlp/v1/otlp.pb.h"
#include "tests/support/manual_clock.h"

namespace sluice {
namespace {

using enum SendOutcome::Code;

// A collector that answers when the test says so.
class Collector final : public SpanSender {
 public:
  void Send(std::string body, std::function<void(SendOutcome)> done) override {
    otlp::v1::ExportTraceServiceRequest request;
    EXPECT_TRUE(request.ParseFromString(body));
    std::vector<std::string> names;
    for (const auto& span : request.resource_spans(0).scope_spans(0).spans()) names.push_back(span.name());
    requests.push_back(std::move(names));
    EXPECT_EQ(done_, nullptr) << "one at a time";
    done_ = std::move(done);
    if (answers_at_once) Answer({});
  }
  void Answer(SendOutcome outcome) { std::exchange(done_, nullptr)(std::move(outcome)); }
  bool asked() const { return done_ != nullptr; }

  std::vector<std::vector<std::string>> requests;
  bool answers_at_once = false;

 private:
  std::function<void(SendOutcome)> done_;
};

SendOutcome Again(std::optional<Millis> after = std::nullopt) {
  return {.code = kTryAgain, .why = "no route to host", .retry_after = after, .rejected = {}};
}

class ExporterTest : public testing::Test {
 protected:
  void Take(std::initializer_list<const char*> names) {
    std::vector<Span> spans;
    for (const char* name : names) spans.emplace_back().name = name;
    exporter_.Take(std::move(spans));
  }
  void Tick(Millis later = Millis(0)) {
    clock_.Advance(later);
    next_ = exporter_.Tick(clock_.Now());
  }
  uint64_t Dropped(const char* reason) {
    return metrics_.GetCounter("sluice_spans_dropped_total", "", {{"reason", reason}}).value();
  }
  uint64_t Exported() { return metrics_.GetCounter("sluice_spans_exported_total", "").value(); }

  ManualClock clock_;
  MetricsRegistry metrics_;
  Collector collector_;
  int woken_ = 0;
  SteadyTime next_{};
  SpanExporter exporter_{clock_,
                         {.max_spans = 5,
                          .max_bytes = 1u << 20,
                          .request_spans = 3,
                          .request_bytes = 1u << 20,
                          .interval = Millis(1'000),
                          .first_pause = Millis(100),
                          .longest_pause = Millis(400),
                          .give_up = Millis(2'000)},
                         {},
                         "",
                         collector_,
                         metrics_,
                         /*seed=*/1,
                         [this] { ++woken_; }};
};

TEST_F(ExporterTest, GathersSpansForAWhile) {
  Take({"a"});
  Tick(Millis(400));
  EXPECT_TRUE(collector_.requests.empty());
  EXPECT_EQ(next_, clock_.Now() + Millis(600));
  Take({"b"});
  Tick(Millis(600));
  EXPECT_EQ(collector_.requests, (std::vector<std::vector<std::string>>{{"a", "b"}}));
  collector_.Answer({});
  EXPECT_EQ(Exported(), 2u);
  Tick(Millis(5'000));
  EXPECT_EQ(collector_.requests.size(), 1u);
}

TEST_F(ExporterTest, AFullRequestWakesAndDoesNotWait) {
  Take({"a", "b"});
  EXPECT_EQ(woken_, 0);
  Take({"c", "d"});
  EXPECT_EQ(woken_, 1);
  Tick();
  EXPECT_EQ(collector_.requests, (std::vector<std::vector<std::string>>{{"a", "b", "c"}}));
}

TEST_F(ExporterTest, OneRequestIsUnderWayAtATime) {
  Take({"a", "b", "c", "d"});
  Tick();
  Tick(Millis(2'000));
  EXPECT_EQ(collector_.requests.size(), 1u);
  collector_.Answer({});
  Tick(Millis(1'000));
  EXPECT_EQ(collector_.requests.size(), 2u);
}

TEST_F(ExporterTest, WhatIsPastTheBoundIsDroppedAndCountedTheRequestUnderWayIncluded) {
  Take({"a", "b", "c"});
  Tick();
  Take({"d", "e", "f", "g"});
  EXPECT_EQ(Dropped("full"), 2u);
  collector_.Answer({});
  Take({"h"});
  EXPECT_EQ(Dropped("full"), 2u);
}

TEST_F(ExporterTest, TheBoundOnBytesHolds) {
  SpanExporter small(clock_, {.max_bytes = 2 * (sizeof(std::string) + EncodeSpan(Span()).size())}, {}, "", collector_,
                     metrics_, 1, [] {});
  small.Take(std::vector<Span>(3));
  EXPECT_EQ(Dropped("full"), 1u);
}

TEST_F(ExporterTest, ARequestThatNobodyTookIsSentAgainAfterPausesThatGrow) {
  Take({"a"});
  Tick(Millis(1'000));
  std::vector<Millis> pauses;
  for (int i = 0; i < 3; ++i) {
    collector_.Answer(Again());
    Tick();
    EXPECT_FALSE(collector_.asked());
    pauses.push_back(std::chrono::duration_cast<Millis>(next_ - clock_.Now()));
    Tick(pauses.back());
    EXPECT_TRUE(collector_.asked());
  }
  EXPECT_LE(pauses[0], Millis(100));
  EXPECT_GE(pauses[0], Millis(50));
  EXPECT_GE(pauses[2], Millis(200));
  EXPECT_LE(pauses[2], Millis(400));
  collector_.Answer({});
  EXPECT_EQ(collector_.requests, (std::vector<std::vector<std::string>>(4, {"a"})));
  EXPECT_EQ(Exported(), 1u);
}

TEST_F(ExporterTest, WaitsForAsLongAsTheCollectorAsksWithinTheBound) {
  Take({"a"});
  Tick(Millis(1'000));
  collector_.Answer(Again(Millis(60'000)));
  Tick();
  EXPECT_EQ(next_, clock_.Now() + Millis(400));
}

TEST_F(ExporterTest, GivesARequestUpInTheEnd) {
  Take({"a", "b"});
  Tick(Millis(1'000));
  collector_.Answer(Again());
  Tick(Millis(2'000));
  collector_.Answer(Again());
  EXPECT_EQ(Dropped("unreachable"), 2u);
  Take({"c", "d", "e", "f", "g"});
  EXPECT_EQ(Dropped("full"), 0u);
}

TEST_F(ExporterTest, WhatIsRefusedIsNotSentAgain) {
  Take({"a"});
  Tick(Millis(1'000));
  collector_.Answer({.code = kRefused, .why = "400", .retry_after = {}, .rejected = {}});
  EXPECT_EQ(Dropped("refused"), 1u);
  Tick(Millis(10'000));
  EXPECT_EQ(collector_.requests.size(), 1u);
}

TEST_F(ExporterTest, APartialSuccessCountsBoth) {
  Take({"a", "b"});
  Tick(Millis(1'000));
  collector_.Answer({.code = kTaken, .why = {}, .retry_after = {}, .rejected = {.spans = 1, .why = "too old"}});
  EXPECT_EQ(Exported(), 1u);
  EXPECT_EQ(Dropped("refused"), 1u);
}

TEST_F(ExporterTest, AtTheEndWhatIsHeldIsSentAtOnce) {
  collector_.answers_at_once = true;
  Take({"a", "b", "c", "d"});
  exporter_.BeginFlush();
  EXPECT_FALSE(exporter_.WaitUntilEmpty(clock_.Now()));
  Tick();
  EXPECT_EQ(collector_.requests, (std::vector<std::vector<std::string>>{{"a", "b", "c"}, {"d"}}));
  EXPECT_TRUE(exporter_.WaitUntilEmpty(clock_.Now()));
}

TEST_F(ExporterTest, AtTheEndNothingIsTriedAgain) {
  Take({"a"});
  Tick(Millis(1'000));
  collector_.Answer(Again());
  exporter_.BeginFlush();
  Tick();
  ASSERT_TRUE(collector_.asked()) << "a pause does not hold it up";
  collector_.Answer(Again());
  EXPECT_EQ(Dropped("shutdown"), 1u);
  EXPECT_TRUE(exporter_.WaitUntilEmpty(clock_.Now()));
}

TEST_F(ExporterTest, WhatIsLeftAtTheVeryEndIsCounted) {
  Take({"a", "b", "c", "d"});
  Tick();
  exporter_.GiveUp();
  EXPECT_EQ(Dropped("shutdown"), 4u);
}

}  // namespace
}  // namespace sluice
