#include "server/dashboard/stream_answer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/dashboard/answers.h"

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// A reader that takes what it is told to.
class Reader final : public HttpStream {
 public:
  void Write(std::string bytes, std::function<void()> written) override {
    lines.push_back(std::move(bytes));
    written_ = std::move(written);
  }
  void End() override { ended = true; }
  void OnGone(std::function<void()> gone) override { gone_ = std::move(gone); }

  void Take() {
    if (const auto written = std::exchange(written_, nullptr)) written();
  }
  void Leave() {
    written_ = nullptr;
    if (const auto gone = std::exchange(gone_, nullptr)) gone();
  }

  std::vector<std::string> lines;
  bool ended = false;

 private:
  std::function<void()> written_;
  std::function<void()> gone_;
};

// The loop never runs: all that happens is what the test does.
class StreamAnswerTest : public testing::Test {
 protected:
  StreamAnswerTest() {
    stream_->CancelBy([this] { ++cancelled_; });
  }
  ~StreamAnswerTest() override { reader_->Leave(); }
  void Answer(const std::string& json) {
    answers_.answer(json, [this] { ++taken_; });
  }
  // The head is written.
  void Begin() { std::exchange(response_->stream, nullptr)(reader_); }

  EventLoop loop_{"test"};
  std::optional<HttpResponse> response_;
  std::shared_ptr<Reader> reader_ = std::make_shared<Reader>();
  std::shared_ptr<StreamAnswer> stream_ = StreamAnswer::Make(
      loop_, [this](HttpResponse response) { response_ = std::move(response); }, LinesResponse(), StatusResponse);
  rpc::JsonAnswers answers_ = stream_->Answers();
  int taken_ = 0;
  int cancelled_ = 0;
};

TEST_F(StreamAnswerTest, WritesALineForEachAnswerAndOneForTheEnd) {
  Answer("{\"a\":1}");
  ASSERT_TRUE(response_);
  EXPECT_EQ(response_->status, 200);
  Begin();
  reader_->Take();
  Answer("{\"a\":2}");
  reader_->Take();
  answers_.end(absl::OkStatus());
  EXPECT_FALSE(reader_->ended) << "the last line has not left";
  reader_->Take();
  EXPECT_TRUE(reader_->ended);
  EXPECT_THAT(reader_->lines,
              ElementsAre("{\"a\":1}\n", "{\"a\":2}\n", "{\"end\":{\"code\":\"OK\",\"message\":\"\"}}\n"));
  EXPECT_EQ(taken_, 2);
  EXPECT_EQ(cancelled_, 0);
}

TEST_F(StreamAnswerTest, AnAnswerIsTakenWhenItsReaderHasIt) {
  Answer("{}");
  Begin();
  EXPECT_EQ(taken_, 0);
  reader_->Take();
  EXPECT_EQ(taken_, 1);
}

TEST_F(StreamAnswerTest, ACallThatIsRefusedAtOnceHasAStatusAndNoLines) {
  answers_.end(absl::PermissionDeniedError("needs the role operator"));
  ASSERT_TRUE(response_);
  EXPECT_EQ(response_->status, 403);
  EXPECT_EQ(response_->stream, nullptr);
}

TEST_F(StreamAnswerTest, AnEndBeforeTheHeadIsWrittenIsNotLost) {
  Answer("{}");
  answers_.end(absl::UnavailableError("x"));
  answers_ = {};
  stream_ = nullptr;
  Begin();
  reader_->Take();
  EXPECT_THAT(reader_->lines, ElementsAre("{}\n", "{\"end\":{\"code\":\"UNAVAILABLE\",\"message\":\"x\"}}\n"));
}

TEST_F(StreamAnswerTest, AReaderThatLeavesCancelsTheCall) {
  Answer("{}");
  Begin();
  reader_->Leave();
  EXPECT_EQ(cancelled_, 1);
  Answer("{}");
  EXPECT_THAT(reader_->lines, ElementsAre("{}\n"));
}

TEST_F(StreamAnswerTest, AReaderThatHasGoneBeforeItBeganCancelsTheCall) {
  Answer("{}");
  response_.reset();
  EXPECT_EQ(cancelled_, 1);
  EXPECT_THAT(reader_->lines, IsEmpty());
}

}  // namespace
}  // namespace sluice
