// The server under test of connectrpc's conformance suite, which starts it once for each of its configurations: reads a
// ServerCompatRequest from standard input, answers with where it listens, and serves until SIGTERM.
#include <array>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <memory>
#include <optional>
#include <string>

#include "connectrpc/conformance/v1/server_compat.pb.h"
#include "server/net/listener.h"
#include "server/net/tls_server.h"
#include "server/rpc/server.h"
#include "tests/rpc_server/conformance/service.h"
#include "tests/support/temp_dir.h"

namespace {

namespace pb = connectrpc::conformance::v1;

// Messages of the suite come and go behind their length, in four bytes.
template <typename Message>
bool ReadMessage(Message& message) {
  std::array<unsigned char, 4> prefix{};
  if (std::fread(prefix.data(), 1, prefix.size(), stdin) != prefix.size()) return false;
  uint32_t size = 0;
  for (const unsigned char byte : prefix) size = size << 8 | byte;
  std::string bytes(size, '\0');
  return std::fread(bytes.data(), 1, size, stdin) == size && message.ParseFromString(bytes);
}

template <typename Message>
void WriteMessage(const Message& message) {
  const std::string bytes = message.SerializeAsString();
  const auto size = static_cast<uint32_t>(bytes.size());
  for (const int shift : {24, 16, 8, 0}) std::putchar(static_cast<int>(size >> shift & 0xff));
  std::fwrite(bytes.data(), 1, bytes.size(), stdout);
  std::fflush(stdout);
}

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return 1;
}

int Serve(const sigset_t& signals) {
  pb::ServerCompatRequest request;
  if (!ReadMessage(request)) return Fail(absl::InvalidArgumentError("no ServerCompatRequest on standard input"));
  pb::ServerCompatResponse response;
  response.set_host("127.0.0.1");

  const sluice::TempDir directory;
  std::shared_ptr<sluice::TlsServer> tls;
  if (request.use_tls()) {
    sluice::TlsFiles files{.cert_file = directory.Write("tls.crt", request.server_creds().cert()),
                           .key_file = directory.Write("tls.key", request.server_creds().key())};
    if (!request.client_tls_cert().empty()) files.client_ca_file = directory.Write("ca.crt", request.client_tls_cert());
    auto loaded = sluice::TlsServer::Load({.setting = "tls", .files = files}, sluice::Clock::Real());
    if (!loaded.ok()) return Fail(loaded.status());
    tls = *std::move(loaded);
    response.set_pem_cert(request.server_creds().cert());
  }

  sluice::MetricsRegistry metrics;
  sluice::EventLoop loop("conformance");
  loop.Start(nullptr);
  sluice::rpc::ServerOptions options{.name = "conformance",
                                     .services = {sluice::conformance::ConformanceService(loop)}};
  options.limits.gzip = true;
  if (request.message_receive_limit() > 0) options.limits.message_bytes = request.message_receive_limit();
  options.refused = [](std::string_view reason, std::string_view /*peer*/, std::string_view detail) {
    std::fprintf(stderr, "%s: %s\n", std::string(reason).c_str(), std::string(detail).c_str());
  };
  sluice::rpc::Server server(std::move(options), {&loop}, sluice::Clock::Real(), metrics);
  auto listener = sluice::Listener::Bind({.name = "conformance", .listen = "127.0.0.1:0", .tls = tls},
                                         sluice::Clock::Real(), metrics);
  if (!listener.ok()) return Fail(listener.status());
  (*listener)->Start(loop, {}, [&](std::unique_ptr<sluice::Channel> channel) { server.Serve(std::move(channel)); });
  response.set_port(static_cast<uint32_t>((*listener)->port()));
  WriteMessage(response);

  int received = 0;
  sigwait(&signals, &received);
  (*listener)->Stop();
  const bool stopped = server.Stop(sluice::Clock::Real().Now());
  return loop.Stop(sluice::Clock::Real().Now() + sluice::Millis(5'000)) && stopped ? 0 : 1;
}

}  // namespace

int main() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  try {
    return Serve(signals);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "sluice-rpc-conformance-server: %s\n", error.what());
    return 1;
  }
}
