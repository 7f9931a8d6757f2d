#include "server/telemetry/http.h"

#include <httplib.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <future>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "server/telemetry/exposition.h"
#include "server/telemetry/http_deadline.h"
#include "server/telemetry/json_string.h"

namespace sluice {
namespace {

constexpr size_t kThreads = 4;
constexpr char kPlainText[] = "text/plain; charset=utf-8";

struct HostPort {
  std::string host;  // Without brackets.
  int port = 0;
  bool ipv6 = false;
};

std::optional<HostPort> Parse(std::string_view listen) {
  size_t colon = listen.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = listen.substr(0, colon);
  std::string_view digits = listen.substr(colon + 1);
  HostPort out;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), out.port);
  if (error != std::errc() || end != digits.data() + digits.size() || out.port < 0 || out.port > 65'535) {
    return std::nullopt;
  }
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
    out.ipv6 = true;
  }
  out.host = host.empty() ? "0.0.0.0" : host;
  return out;
}

std::string ReadinessText(const std::vector<ReadinessItem>& items, bool ready) {
  std::string text = ready ? "ready\n" : "not ready\n";
  for (const ReadinessItem& item : items) {
    text += item.ready ? "[+] " : "[-] ";
    text += item.name;
    if (!item.detail.empty()) {
      text += ": ";
      // One line each, whatever a library's error text holds.
      std::string quoted;
      AppendJsonString(quoted, item.detail);
      text.append(quoted, 1, quoted.size() - 2);
    }
    text += '\n';
  }
  return text;
}

// Not httplib's default, SO_REUSEPORT: a second gateway on the same port must fail, not share.
void ReuseAddress(int socket) {
  int yes = 1;
  setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
}

}  // namespace

struct HttpServer::Impl {
  // A few slow clients must not keep the probes out.
  HttpDeadlineServer server;
  std::string address;
  int port = 0;
  std::promise<void> running;
  std::thread listener;
};

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(std::string_view listen, const MetricsRegistry& metrics,
                                                              ReadinessCallback readiness) {
  std::optional<HostPort> where = Parse(listen);
  if (!where) return absl::InvalidArgumentError(std::string(listen) + " is not HOST:PORT");

  auto impl = std::make_unique<Impl>();
  httplib::Server& server = impl->server;
  server.set_socket_options([](int socket) { ReuseAddress(socket); });
  server.set_payload_max_length(1024);
  server.Get("/healthz",
             [](const httplib::Request&, httplib::Response& response) { response.set_content("ok\n", kPlainText); });
  server.Get("/readyz", [readiness = std::move(readiness)](const httplib::Request&, httplib::Response& response) {
    std::vector<ReadinessItem> items = readiness();
    bool ready = std::all_of(items.begin(), items.end(), [](const ReadinessItem& item) { return item.ready; });
    response.status = ready ? 200 : 503;
    response.set_content(ReadinessText(items, ready), kPlainText);
  });
  server.Get("/metrics", [&metrics](const httplib::Request&, httplib::Response& response) {
    response.set_content(PrometheusText(metrics), "text/plain; version=0.0.4; charset=utf-8");
  });

  errno = 0;
  if (where->port == 0) {
    impl->port = server.bind_to_any_port(where->host);
  } else if (server.bind_to_port(where->host, where->port)) {
    impl->port = where->port;
  } else {
    impl->port = -1;
  }
  if (impl->port < 0) {
    int error = errno;
    return absl::UnavailableError("cannot listen on " + std::string(listen) + ": " +
                                  (error != 0 ? std::generic_category().message(error) : "no such host"));
  }
  impl->address = (where->ipv6 ? "[" + where->host + "]" : where->host) + ":" + std::to_string(impl->port);

  // httplib asks for its threads once it runs; before that its stop() would do nothing.
  server.new_task_queue = [&running = impl->running] {
    running.set_value();
    return new httplib::ThreadPool(kThreads);
  };
  impl->listener = std::thread([&server] { server.listen_after_bind(); });
  impl->running.get_future().wait();
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

HttpServer::~HttpServer() { Stop(); }

const std::string& HttpServer::address() const { return impl_->address; }

int HttpServer::port() const { return impl_->port; }

void HttpServer::Stop() {
  if (!impl_->listener.joinable()) return;
  impl_->server.stop();
  impl_->listener.join();
}

}  // namespace sluice
