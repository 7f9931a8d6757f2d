#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "server/http/http_server.h"
#include "server/net/descriptor_limit.h"
#include "server/runtime/mutex.h"
#include "tests/integration/http/http_client.h"
#include "tests/support/eventually.h"

namespace sluice {
namespace {

using testing::HasSubstr;

class HttpTest : public testing::Test {
 protected:
  void SetUp() override { Start({.listen = "127.0.0.1:0"}); }
  void Start(HttpOptions options) {
    server_.reset();
    auto started = HttpServer::Start(std::move(options), metrics_, [this] {
      MutexLock lock(mutex_);
      return items_;
    });
    ASSERT_TRUE(started.ok()) << started.status();
    server_ = *std::move(started);
  }

  void SetItems(std::vector<ReadinessItem> items) {
    MutexLock lock(mutex_);
    items_ = std::move(items);
  }

  HttpAnswer Get(const std::string& path, const std::string& headers = "") const {
    return HttpGet(server_->port(), path, headers);
  }
  uint64_t Refused(const std::string& reason) {
    return metrics_.GetCounter("sluice_connections_refused_total", "", {{"listener", "http"}, {"reason", reason}})
        .value();
  }
  static absl::Status StartError(const std::string& listen) {
    MetricsRegistry metrics;
    return HttpServer::Start({.listen = listen}, metrics, [] { return std::vector<ReadinessItem>(); }).status();
  }

  MetricsRegistry metrics_;
  Mutex mutex_;
  std::vector<ReadinessItem> items_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpTest, ReportsThePortItChose) {
  EXPECT_GT(server_->port(), 0);
  EXPECT_EQ(server_->address(), "127.0.0.1:" + std::to_string(server_->port()));
}

TEST_F(HttpTest, IsAliveEvenWhenNotReady) {
  SetItems({{.name = "connection plant", .ready = false, .detail = "connection refused"}});
  EXPECT_EQ(Get("/healthz").status, 200);
}

TEST_F(HttpTest, IsReadyWhenEveryItemIs) {
  EXPECT_EQ(Get("/readyz").status, 200);
  SetItems(
      {{.name = "connection plant", .ready = true, .detail = ""}, {.name = "workers", .ready = true, .detail = ""}});
  auto response = Get("/readyz");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "ready\n[+] connection plant\n[+] workers\n");
}

TEST_F(HttpTest, SaysWhatIsNotReadyAndWhyOnOneLineEach) {
  SetItems({{.name = "connection plant", .ready = false, .detail = "bad user name\nor password"},
            {.name = "workers", .ready = true, .detail = ""}});
  auto response = Get("/readyz");
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.body, "not ready\n[-] connection plant: bad user name\\nor password\n[+] workers\n");
}

TEST_F(HttpTest, ShowsMetrics) {
  metrics_.GetCounter("sluice_x_total", "X.").Add(3);
  auto response = Get("/metrics");
  EXPECT_EQ(response.status, 200);
  EXPECT_THAT(response.head, HasSubstr("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
  EXPECT_THAT(response.body, HasSubstr("sluice_x_total 3\n"));
}

TEST_F(HttpTest, AnswersUnknownPathsWith404) { EXPECT_EQ(Get("/").status, 404); }

TEST_F(HttpTest, StopsAtOnceAndFreesThePort) {
  ASSERT_EQ(Get("/healthz").status, 200);
  auto before = std::chrono::steady_clock::now();
  server_->Stop();
  server_->Stop();
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(2));
  EXPECT_TRUE(StartError(server_->address()).ok());
}

TEST_F(HttpTest, StopsAtOnceUnderAClientThatSaysNothing) {
  SocketClient silent;
  ASSERT_TRUE(silent.Connect(server_->port()));
  ASSERT_EQ(Get("/healthz").status, 200) << "the silent client keeps others out";
  auto before = std::chrono::steady_clock::now();
  server_->Stop();
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(1));
}

TEST_F(HttpTest, ClientsThatSendByteByByteAreCutOff) {
  std::vector<std::unique_ptr<SocketClient>> slow;
  for (int i = 0; i < 4; ++i) {
    slow.push_back(std::make_unique<SocketClient>());
    ASSERT_TRUE(slow.back()->Connect(server_->port()));
  }
  std::atomic<bool> stop = false;
  std::thread trickle([&] {
    while (!stop) {
      for (const auto& client : slow) client->Send("X");
      slow.front()->ClosedWithin(Millis(20));
    }
  });
  EXPECT_EQ(Get("/healthz").status, 200);
  for (const auto& each : slow) EXPECT_TRUE(each->ClosedWithin(Millis(20'000)));
  stop = true;
  trickle.join();
  EXPECT_EQ(Refused("http_request_time"), 4u);
}

TEST_F(HttpTest, AClientThatTakesItsAnswerSlowlyGetsAllOfIt) {
  for (int i = 0; i < 20'000; ++i) {
    metrics_.GetCounter("sluice_x_total", "X.", {{"which", std::to_string(i) + std::string(200, 'x')}});
  }
  SocketClient client;
  ASSERT_TRUE(client.Connect(server_->port()));
  client.Send(HttpText("/metrics"));
  ASSERT_EQ(Get("/healthz").status, 200);
  std::string all = client.ReadAll();
  size_t body = all.find("\r\n\r\n");
  ASSERT_NE(body, std::string::npos);
  EXPECT_THAT(all, HasSubstr("Content-Length: " + std::to_string(all.size() - body - 4) + "\r\n"));
  EXPECT_GT(all.size(), 4'000'000u) << "more than the kernel holds for a client that does not read";
}

TEST_F(HttpTest, AClientThatDoesNotTakeItsAnswerIsCutOff) {
  Start({.listen = "127.0.0.1:0", .limits = {.answer_time = Millis(300)}});
  for (int i = 0; i < 20'000; ++i) {
    metrics_.GetCounter("sluice_x_total", "X.", {{"which", std::to_string(i) + std::string(400, 'x')}});
  }
  SocketClient client;
  ASSERT_TRUE(client.Connect(server_->port()));
  client.Send(HttpText("/metrics"));
  EXPECT_TRUE(Eventually([&] { return Refused("http_answer_time") == 1; }));
}

TEST_F(HttpTest, KeepsAConnectionForFurtherRequests) {
  SocketClient client;
  ASSERT_TRUE(client.Connect(server_->port()));
  const std::string answer =
      "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 3\r\n"
      "Connection: keep-alive\r\n\r\nok\n";
  for (int i = 0; i < 3; ++i) {
    client.Send(HttpText("/healthz", ""));
    EXPECT_EQ(client.Read(answer.size()), answer);
  }
  client.Send(HttpText("/healthz", "") + HttpText("/healthz", "") + HttpText("/healthz"));
  EXPECT_EQ(client.Read(2 * answer.size()), answer + answer) << "those that come together, too";
  EXPECT_EQ(ParseAnswer(client.ReadAll()).status, 200) << "and it is closed when the client says so";
}

TEST_F(HttpTest, AnIdleConnectionAndOneThatWasUsedOftenAreClosed) {
  Start({.listen = "127.0.0.1:0", .limits = {.idle_time = Millis(100), .requests_per_connection = 2}});
  SocketClient idle;
  ASSERT_TRUE(idle.Connect(server_->port()));
  idle.Send(HttpText("/healthz", ""));
  EXPECT_THAT(idle.ReadAll(), HasSubstr("keep-alive"));
  SocketClient often;
  ASSERT_TRUE(often.Connect(server_->port()));
  often.Send(HttpText("/healthz", "") + HttpText("/healthz", "") + HttpText("/healthz", ""));
  EXPECT_THAT(often.ReadAll(), testing::EndsWith("Connection: close\r\n\r\nok\n"));
}

TEST_F(HttpTest, AnswersWhatIsNoRequestThatItKnows) {
  const auto answer_to = [&](const std::string& text) {
    SocketClient client;
    EXPECT_TRUE(client.Connect(server_->port()));
    client.Send(text);
    return ParseAnswer(client.ReadAll());
  };
  EXPECT_EQ(answer_to("\x16\x03\x01\r\n\r\n").status, 400);
  EXPECT_EQ(answer_to(HttpText("/healthz", "X: " + std::string(9'000, 'x') + "\r\n")).status, 431);
  EXPECT_EQ(answer_to(HttpText("/healthz", "Content-Length: 2000000\r\n")).status, 413);
  EXPECT_EQ(answer_to(HttpText("/healthz", "Content-Length: 2\r\n\r\nhi", "POST")).status, 405);
  const HttpAnswer head = answer_to(HttpText("/healthz", "Connection: close\r\n", "HEAD"));
  EXPECT_EQ(head.status, 200);
  EXPECT_THAT(head.head, HasSubstr("Content-Length: 3\r\n"));
  EXPECT_EQ(head.body, "");
  EXPECT_EQ(answer_to("GET /healthz HTTP/1.0\r\n\r\n").body, "ok\n");
  EXPECT_EQ(answer_to(HttpText("/healthz?verbose=1")).status, 200);
}

TEST_F(HttpTest, HealthIsWhatTheCallbackSaysInTime) {
  Start({.listen = "127.0.0.1:0", .health = [](const auto& answer) { answer(absl::OkStatus()); }});
  EXPECT_EQ(Get("/healthz").status, 200);
  Start({.listen = "127.0.0.1:0", .health = [](const auto& answer) { answer(absl::InternalError("stuck")); }});
  EXPECT_EQ(Get("/healthz").status, 503);
  EXPECT_EQ(Get("/healthz").body, "not alive: stuck\n");
  std::vector<std::function<void(absl::Status)>> kept;
  Start({.listen = "127.0.0.1:0", .health = [&](auto answer) { kept.push_back(std::move(answer)); }});
  EXPECT_EQ(Get("/healthz").body, "not alive: nobody answers\n");
  kept.front()(absl::OkStatus());  // Too late: nothing happens.
  server_->Stop();
}

TEST_F(HttpTest, AReadinessThatBlocksAndMetricsThatTakeLongHoldUpNoHealth) {
  std::atomic<bool> go_on = false;
  const auto block = [&] {
    while (!go_on) std::this_thread::sleep_for(Millis(1));
  };
  metrics_.AddCallbackGauge("sluice_slow", "S.", {}, [&] {
    block();
    return 1.0;
  });
  server_ = *HttpServer::Start({.listen = "127.0.0.1:0"}, metrics_, [&] {
    block();
    return std::vector<ReadinessItem>();
  });
  SocketClient readiness;
  SocketClient exposition;
  ASSERT_TRUE(readiness.Connect(server_->port()));
  ASSERT_TRUE(exposition.Connect(server_->port()));
  readiness.Send(HttpText("/readyz"));
  exposition.Send(HttpText("/metrics"));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(Get("/healthz").status, 200);
  go_on = true;
  EXPECT_EQ(ParseAnswer(readiness.ReadAll()).status, 200);
  EXPECT_THAT(exposition.ReadAll(), HasSubstr("sluice_slow 1"));
  server_.reset();
}

TEST_F(HttpTest, NamesTheAddressItCannotListenOn) {
  const absl::Status second = StartError(server_->address());
  EXPECT_EQ(second.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(second.message(), "cannot listen on " + server_->address() + ": Address already in use");
}

TEST_F(HttpTest, RefusesWhatIsNoAddress) {
  for (const char* listen : {"", "9090", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:70000", "127.0.0.1:-1"}) {
    EXPECT_EQ(StartError(listen).code(), absl::StatusCode::kInvalidArgument) << listen;
  }
  EXPECT_THAT(std::string(StartError("no-such-host.invalid:0").message()),
              HasSubstr("cannot listen on no-such-host.invalid:0: "));
}

// Takes its descriptors from the machine's, so that the test has enough.
class HttpAbuse : public HttpTest {
 protected:
  static void SetUpTestSuite() { RaiseDescriptorLimit(); }
};

TEST_F(HttpAbuse, ProbesAnswerWithinASecondBesideAThousandIdleSocketsAndAHundredNewOnesASecond) {
  std::deque<std::unique_ptr<SocketClient>> idle;
  const auto add = [&] {
    idle.push_back(std::make_unique<SocketClient>());
    ASSERT_TRUE(idle.back()->Connect(server_->port()));
  };
  for (int i = 0; i < 1'000; ++i) add();
  std::atomic<bool> stop = false;
  std::thread flood([&] {
    while (!stop) {
      add();
      if (idle.size() > 1'300) idle.pop_front();
      std::this_thread::sleep_for(Millis(10));
    }
  });
  Millis slowest{0};
  const SteadyTime end = Clock::Real().Now() + Millis(3'000);
  for (int i = 0; Clock::Real().Now() < end; ++i) {
    const SteadyTime begin = Clock::Real().Now();
    EXPECT_EQ(Get(i % 2 == 0 ? "/healthz" : "/readyz").status, 200);
    slowest = std::max(slowest, std::chrono::duration_cast<Millis>(Clock::Real().Now() - begin));
    std::this_thread::sleep_for(Millis(20));
  }
  stop = true;
  flood.join();
  EXPECT_LT(slowest, Millis(1'000));
  RecordProperty("slowest_ms", static_cast<int>(slowest.count()));
}

TEST_F(HttpAbuse, WithoutDescriptorsProbesAreAnsweredAllTheSame) {
  std::vector<std::unique_ptr<SocketClient>> probes;
  for (int i = 0; i < 3; ++i) probes.push_back(std::make_unique<SocketClient>());  // Each has its own before.
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  const int next = dup(0);
  close(next);
  rlimit low = before;
  low.rlim_cur = static_cast<rlim_t>(next);
  setrlimit(RLIMIT_NOFILE, &low);
  for (const auto& probe : probes) {
    EXPECT_TRUE(probe->Connect(server_->port()));
    probe->Send(HttpText("/readyz"));
    EXPECT_EQ(ParseAnswer(probe->ReadAll()).status, 200);
  }
  setrlimit(RLIMIT_NOFILE, &before);
}

TEST_F(HttpAbuse, WhenAllPlacesAreTakenTheOneThatWaitedLongestGoes) {
  Start({.listen = "127.0.0.1:0", .limits = {.connections = 10, .request_time = Millis(60'000)}});
  std::vector<std::unique_ptr<SocketClient>> idle;
  for (int i = 0; i < 50; ++i) {
    idle.push_back(std::make_unique<SocketClient>());
    ASSERT_TRUE(idle.back()->Connect(server_->port()));
  }
  EXPECT_EQ(Get("/healthz").status, 200);
  EXPECT_TRUE(idle.front()->ClosedWithin(Millis(10'000)));
  EXPECT_EQ(Refused("http_evicted"), 41u);
}

}  // namespace
}  // namespace sluice
