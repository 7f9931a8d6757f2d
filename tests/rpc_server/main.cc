// A gRPC server with calls that do nothing useful, for programs of others to be run against: h2spec, gRPC's clients in
// other languages. Prints its port, and serves until its standard input ends.
#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/net/listener.h"
#include "server/rpc/server.h"
#include "server/rpc/service/sync_call.h"

namespace {

using sluice::Clock;
using sluice::rpc::Call;
using sluice::rpc::CallHandler;
using sluice::rpc::Payload;
using sluice::rpc::Requests;
using sluice::rpc::SyncCall;
using sluice::rpc::Synchronous;

// Answers each message with itself, ends when the client does.
class Echo final : public CallHandler {
 public:
  explicit Echo(Call& call) : call_(call) { call_.Read(); }
  void OnMessage(std::string message) override { call_.Write(Payload(std::move(message))); }
  void OnHalfClose() override { call_.Finish(absl::OkStatus(), {{"x-trailer-bin", std::string("\0\xff", 2)}}); }
  void OnWritten() override { call_.Read(); }
  void OnCancel(const absl::Status& /*why*/) override {}

 private:
  Call& call_;
};

int Serve() {
  sluice::MetricsRegistry metrics;
  sluice::EventLoop loop("rpc");
  loop.Start(nullptr);
  sluice::rpc::WorkerPool pool(2, 100);
  const auto fail = [](SyncCall& call) {
    return absl::DataLossError(absl::StrCat("lost: ", call.Read().value_or(""), " \xc3\xa4 100 %"));
  };
  const auto count = [](SyncCall& call) {
    const size_t messages = call.Read().value_or("").size();
    for (size_t i = 0; i < messages; ++i) call.Write(Payload(absl::StrCat(i)));
    return absl::OkStatus();
  };
  const auto sum = [](SyncCall& call) {
    size_t bytes = 0;
    while (const auto message = call.Read()) bytes += message->size();
    call.Write(Payload(absl::StrCat(bytes)));
    return absl::OkStatus();
  };
  sluice::rpc::ServerOptions options{.name = "test"};
  options.services = {{.name = "test.Echo",
                       .methods = {{"Unary", [](Call& call) { return std::make_unique<Echo>(call); }},
                                   {"Stream", [](Call& call) { return std::make_unique<Echo>(call); }},
                                   {"Count", Synchronous(pool, Requests::kOne, count)},
                                   {"Sum", Synchronous(pool, Requests::kMany, sum)},
                                   {"Fail", Synchronous(pool, Requests::kOne, fail)}}}};
  options.refused = [](std::string_view reason, std::string_view peer, std::string_view detail) {
    std::fprintf(stderr, "%s: %s: %s\n", std::string(peer).c_str(), std::string(reason).c_str(),
                 std::string(detail).c_str());
  };
  sluice::rpc::Server server(std::move(options), {&loop}, Clock::Real(), metrics);
  auto listener = sluice::Listener::Bind({.name = "test", .listen = "127.0.0.1:0"}, Clock::Real(), metrics);
  if (!listener.ok()) {
    std::fprintf(stderr, "%s\n", listener.status().ToString().c_str());
    return 1;
  }
  (*listener)->Start(loop, {}, [&](std::unique_ptr<sluice::Channel> channel) { server.Serve(std::move(channel)); });
  std::printf("%d\n", (*listener)->port());
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
  (*listener)->Stop();
  const bool stopped = server.Stop(Clock::Real().Now());
  return loop.Stop(Clock::Real().Now() + sluice::Millis(5'000)) && stopped ? 0 : 1;
}

}  // namespace

int main() { return Serve(); }
