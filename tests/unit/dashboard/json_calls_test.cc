#include "server/rpc/json_calls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/rpc/service/sync_call.h"
#include "sluice/v1/live.pb.h"
#include "sluice/v1/tap.pb.h"

namespace sluice::rpc {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

// Services whose handlers run on a pool, as the gateway's do, and a caller on the loop.
class JsonCallsTest : public testing::Test {
 protected:
  struct Result {
    std::vector<std::string> answers;
    absl::Status status;
  };

  ~JsonCallsTest() override {
    loop_.Stop(kNever);
    calls_.Stop();
  }

  std::vector<Service> Services() {
    const auto chains = [this](SyncCall& call, const v1::ListChainsRequest& request, v1::ListChainsResponse& response) {
      authorization_ = std::string(Find(call.info().metadata, "authorization"));
      if (request.chain() == "none") return absl::NotFoundError("there is no chain 'none'");
      response.add_chains()->set_name(request.chain());
      return absl::OkStatus();
    };
    const auto wait = [](SyncCall& call, const v1::ListWorkersRequest&, v1::ListWorkersResponse&) {
      while (!call.cancelled()) std::this_thread::yield();
      return absl::OkStatus();
    };
    const auto tail = [](SyncCall& call, const v1::TailRequest& request,
                         const std::function<bool(const v1::TailResponse&)>& write) {
      for (uint32_t i = 0; i < request.rate(); ++i) {
        v1::TailResponse response;
        response.set_dropped(i);
        if (!write(response)) return absl::CancelledError("");
      }
      while (request.rate() == 0 && !call.cancelled()) std::this_thread::yield();
      return absl::OkStatus();
    };
    const auto many = [](SyncCall&, const std::function<bool(v1::ListChainsRequest&)>&, v1::ListChainsResponse&) {
      return absl::OkStatus();
    };
    return {{.name = "sluice.v1.LiveService",
             .methods = {{"ListChains", Unary<v1::ListChainsRequest, v1::ListChainsResponse>(pool_, chains)},
                         {"ListWorkers", Unary<v1::ListWorkersRequest, v1::ListWorkersResponse>(pool_, wait)},
                         {"Undescribed", Unary<v1::ListChainsRequest, v1::ListChainsResponse>(pool_, chains)}}},
            {.name = "sluice.v1.AdminService",
             .methods = {{"ImportDeadLetters",
                          ClientStreaming<v1::ListChainsRequest, v1::ListChainsResponse>(pool_, many)}}},
            {.name = "sluice.v1.TapService",
             .methods = {{"Tail", ServerStreaming<v1::TailRequest, v1::TailResponse>(pool_, tail)}}}};
  }

  // Begins a call on the loop; its end is in the future. What comes is taken at once.
  std::future<Result> Begin(JsonRequest request, std::function<void(std::function<void()> cancel)> began = nullptr) {
    struct Waiting {
      Result result;
      std::promise<Result> done;
    };
    const auto waiting = std::make_shared<Waiting>();
    loop_.Post([this, waiting, request = std::move(request), began = std::move(began)] {
      std::function<void()> cancel = calls_.Begin(request, {.answer =
                                                                [waiting](std::string json, const auto& taken) {
                                                                  waiting->result.answers.push_back(std::move(json));
                                                                  taken();
                                                                },
                                                            .end =
                                                                [waiting](const absl::Status& status) {
                                                                  waiting->result.status = status;
                                                                  waiting->done.set_value(std::move(waiting->result));
                                                                }});
      if (began) began(std::move(cancel));
    });
    return waiting->done.get_future();
  }
  Result Call(std::string path, std::string json) {
    return Begin({.path = std::move(path), .json = std::move(json), .metadata = {{"authorization", "Bearer t"}}}).get();
  }

  EventLoop loop_{"test"};
  WorkerPool pool_{4, 4};
  std::string authorization_;
  JsonCalls calls_{loop_, Services()};

  void SetUp() override { loop_.Start(nullptr); }
};

TEST_F(JsonCallsTest, AnswersInJsonWithWhatHasNoValueToo) {
  const Result result = Call("/sluice.v1.LiveService/ListChains", R"({"chain": "a<b"})");
  EXPECT_TRUE(result.status.ok()) << result.status;
  ASSERT_THAT(result.answers, SizeIs(1));
  EXPECT_THAT(result.answers[0], HasSubstr(R"("name":"a\u003cb")"));
  EXPECT_THAT(result.answers[0], HasSubstr(R"("onDisk":"0")"));
  EXPECT_EQ(authorization_, "Bearer t");
}

TEST_F(JsonCallsTest, NothingIsARequestWithoutFields) {
  EXPECT_TRUE(Call("/sluice.v1.LiveService/ListChains", "").status.ok());
  EXPECT_TRUE(Call("/sluice.v1.LiveService/ListChains", "{}").status.ok());
}

TEST_F(JsonCallsTest, AMethodsErrorIsTheEnd) {
  const Result result = Call("/sluice.v1.LiveService/ListChains", R"({"chain": "none"})");
  EXPECT_TRUE(absl::IsNotFound(result.status)) << result.status;
  EXPECT_THAT(result.answers, SizeIs(0));
}

TEST_F(JsonCallsTest, WhatIsNotItsMessageIsRefused) {
  for (const char* json : {"{", "[]", "1", R"({"chian": "x"})", R"({"chain": 7, "chain": {}})", "\xff"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(Call("/sluice.v1.LiveService/ListChains", json).status)) << json;
  }
}

TEST_F(JsonCallsTest, FindsMethodsWhoseClientSendsOneMessage) {
  EXPECT_EQ(calls_.Find("/sluice.v1.LiveService/ListChains"), JsonCalls::Kind::kUnary);
  EXPECT_EQ(calls_.Find("/sluice.v1.TapService/Tail"), JsonCalls::Kind::kStream);
  for (const char* path : {"/sluice.v1.AdminService/ImportDeadLetters", "/sluice.v1.LiveService/Undescribed",
                           "/sluice.v1.LiveService/", "sluice.v1.LiveService/ListChains", ""}) {
    EXPECT_EQ(calls_.Find(path), JsonCalls::Kind::kNone) << path;
    EXPECT_TRUE(absl::IsUnimplemented(Call(path, "{}").status)) << path;
  }
}

TEST_F(JsonCallsTest, AStreamsAnswersComeInOrderAndThenItsEnd) {
  const Result result = Call("/sluice.v1.TapService/Tail", R"({"rate": 50})");
  EXPECT_TRUE(result.status.ok());
  ASSERT_THAT(result.answers, SizeIs(50));
  EXPECT_EQ(result.answers[49], R"({"events":[],"dropped":"49"})");
}

// A reader that takes nothing keeps one answer, and the method waits.
TEST_F(JsonCallsTest, TheNextAnswerWaitsUntilTheOneBeforeIsTaken) {
  std::promise<std::function<void()>> first;
  std::promise<std::string> second;
  loop_.Post([&] {
    calls_.Begin({.path = "/sluice.v1.TapService/Tail", .json = R"({"rate": 2})"},
                 {.answer =
                      [&, count = 0](const std::string& json, std::function<void()> taken) mutable {
                        ++count == 1 ? first.set_value(std::move(taken)) : second.set_value(json);
                      },
                  .end = [](const absl::Status&) {}});
  });
  std::function<void()> taken = first.get_future().get();
  std::future<std::string> next = second.get_future();
  EXPECT_EQ(next.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
  loop_.Post(std::move(taken));
  EXPECT_EQ(next.get(), R"({"events":[],"dropped":"1"})");
}

TEST_F(JsonCallsTest, ACallThatIsCancelledEnds) {
  std::promise<std::function<void()>> began;
  std::future<Result> result = Begin({.path = "/sluice.v1.TapService/Tail", .json = "{}"},
                                     [&](std::function<void()> cancel) { began.set_value(std::move(cancel)); });
  std::function<void()> cancel = began.get_future().get();
  loop_.Post(cancel);
  EXPECT_TRUE(absl::IsCancelled(result.get().status));
  loop_.Post(cancel);  // Twice is once.
}

TEST_F(JsonCallsTest, ACallEndsAtItsDeadline) {
  const absl::Status status =
      Begin({.path = "/sluice.v1.LiveService/ListWorkers", .deadline = Clock::Real().Now() + Millis(20)}).get().status;
  EXPECT_TRUE(absl::IsDeadlineExceeded(status)) << status;
}

TEST_F(JsonCallsTest, WhatRunsWhenItStopsIsTold) {
  std::promise<void> began;
  std::future<Result> result =
      Begin({.path = "/sluice.v1.LiveService/ListWorkers"}, [&](const auto&) { began.set_value(); });
  began.get_future().wait();
  loop_.Stop(kNever);
  calls_.Stop();
  EXPECT_TRUE(absl::IsUnavailable(result.get().status));
}

}  // namespace
}  // namespace sluice::rpc
