#include "server/telemetry/http.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <poll.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "server/runtime/mutex.h"

namespace sluice {
namespace {

using testing::HasSubstr;

// A client of a few words.
class Connection {
 public:
  explicit Connection(int port) : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  }
  ~Connection() { close(socket_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Fails silently when the other end has closed.
  void Send(std::string_view bytes) const { send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL); }
  bool ClosedWithin(std::chrono::milliseconds time) const {
    pollfd waiting{.fd = socket_, .events = POLLRDHUP, .revents = 0};
    return poll(&waiting, 1, static_cast<int>(time.count())) == 1;
  }
  std::string ReadAll() const {
    std::string all;
    char buffer[65'536];
    for (ssize_t got = 0; (got = recv(socket_, buffer, sizeof(buffer), 0)) > 0;) {
      all.append(buffer, static_cast<size_t>(got));
    }
    return all;
  }

 private:
  const int socket_;
};

class HttpTest : public testing::Test {
 protected:
  void SetUp() override {
    auto started = HttpServer::Start("127.0.0.1:0", metrics_, [this] {
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

  httplib::Result Get(const std::string& path) const { return httplib::Client("127.0.0.1", server_->port()).Get(path); }

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
  EXPECT_EQ(Get("/healthz")->status, 200);
}

TEST_F(HttpTest, IsReadyWhenEveryItemIs) {
  EXPECT_EQ(Get("/readyz")->status, 200);
  SetItems(
      {{.name = "connection plant", .ready = true, .detail = ""}, {.name = "workers", .ready = true, .detail = ""}});
  auto response = Get("/readyz");
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->body, "ready\n[+] connection plant\n[+] workers\n");
}

TEST_F(HttpTest, SaysWhatIsNotReadyAndWhyOnOneLineEach) {
  SetItems({{.name = "connection plant", .ready = false, .detail = "bad user name\nor password"},
            {.name = "workers", .ready = true, .detail = ""}});
  auto response = Get("/readyz");
  EXPECT_EQ(response->status, 503);
  EXPECT_EQ(response->body, "not ready\n[-] connection plant: bad user name\\nor password\n[+] workers\n");
}

TEST_F(HttpTest, ShowsMetrics) {
  metrics_.GetCounter("sluice_x_total", "X.").Add(3);
  auto response = Get("/metrics");
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->get_header_value("Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_THAT(response->body, HasSubstr("sluice_x_total 3\n"));
}

TEST_F(HttpTest, AnswersUnknownPathsWith404) { EXPECT_EQ(Get("/")->status, 404); }

TEST_F(HttpTest, StopsAtOnceAndFreesThePort) {
  ASSERT_EQ(Get("/healthz")->status, 200);
  auto before = std::chrono::steady_clock::now();
  server_->Stop();
  server_->Stop();
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(2));
  EXPECT_TRUE(HttpServer::Start(server_->address(), metrics_, [] { return std::vector<ReadinessItem>(); }).ok());
}

TEST_F(HttpTest, StopsSoonUnderAClientThatSaysNothing) {
  Connection silent(server_->port());
  ASSERT_EQ(Get("/healthz")->status, 200) << "the silent client keeps others out";
  auto before = std::chrono::steady_clock::now();
  server_->Stop();
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(5));
}

TEST_F(HttpTest, ClientsThatSendByteByByteAreCutOff) {
  // As many as there are threads; each byte comes long before a timeout for one read would end the connection.
  std::vector<std::unique_ptr<Connection>> slow;
  for (int i = 0; i < 4; ++i) slow.push_back(std::make_unique<Connection>(server_->port()));
  std::atomic<bool> stop = false;
  std::thread trickle([&] {
    while (!stop) {
      for (const auto& client : slow) client->Send("X");
      slow.front()->ClosedWithin(std::chrono::milliseconds(20));
    }
  });
  httplib::Client client("127.0.0.1", server_->port());
  client.set_read_timeout(20);
  httplib::Result answer = client.Get("/healthz");
  EXPECT_TRUE(answer && answer->status == 200);
  for (const auto& each : slow) EXPECT_TRUE(each->ClosedWithin(std::chrono::seconds(20)));
  stop = true;
  trickle.join();
}

TEST_F(HttpTest, AClientThatTakesItsAnswerSlowlyGetsAllOfIt) {
  for (int i = 0; i < 20'000; ++i) {
    metrics_.GetCounter("sluice_x_total", "X.", {{"which", std::to_string(i) + std::string(200, 'x')}});
  }
  Connection client(server_->port());
  client.Send("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_EQ(Get("/healthz")->status, 200);
  std::string all = client.ReadAll();
  size_t body = all.find("\r\n\r\n");
  ASSERT_NE(body, std::string::npos);
  EXPECT_THAT(all, HasSubstr("Content-Length: " + std::to_string(all.size() - body - 4) + "\r\n"));
  EXPECT_GT(all.size(), 4'000'000u) << "more than the kernel holds for a client that does not read";
}

TEST_F(HttpTest, NamesTheAddressItCannotListenOn) {
  auto second = HttpServer::Start(server_->address(), metrics_, [] { return std::vector<ReadinessItem>(); });
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(second.status().message(), "cannot listen on " + server_->address() + ": Address already in use");
}

TEST_F(HttpTest, RefusesWhatIsNoAddress) {
  for (const char* listen : {"", "9090", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:70000", "127.0.0.1:-1"}) {
    auto started = HttpServer::Start(listen, metrics_, [] { return std::vector<ReadinessItem>(); });
    EXPECT_EQ(started.status().code(), absl::StatusCode::kInvalidArgument) << listen;
  }
  auto started = HttpServer::Start("no-such-host.invalid:0", metrics_, [] { return std::vector<ReadinessItem>(); });
  EXPECT_THAT(std::string(started.status().message()), HasSubstr("cannot listen on no-such-host.invalid:0: "));
}

}  // namespace
}  // namespace sluice
