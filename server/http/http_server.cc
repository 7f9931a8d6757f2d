#include "server/http/http_server.h"

#include <algorithm>
#include <atomic>
#include <deque>
#include <utility>

#include "server/http/accept.h"
#include "server/http/answerer.h"
#include "server/net/event_loop.h"
#include "server/net/http_service.h"
#include "server/net/listener.h"
#include "server/runtime/text.h"
#include "server/telemetry/exposition.h"
#include "server/telemetry/json_string.h"
#include "server/telemetry/open_metrics.h"

namespace sluice {
namespace {

// Less than a probe waits by default.
constexpr Millis kHealthTime{900};
constexpr char kRealm[] = "Bearer realm=\"metrics\"";

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

HttpResponse ReadinessAnswer(const ReadinessCallback& readiness) {
  const std::vector<ReadinessItem> items = readiness();
  const bool ready = std::all_of(items.begin(), items.end(), [](const ReadinessItem& item) { return item.ready; });
  return TextResponse(ready ? 200 : 503, ReadinessText(items, ready));
}

HttpResponse PrometheusAnswer(const MetricsRegistry& metrics) {
  return {.content_type = "text/plain; version=0.0.4; charset=utf-8",
          .body = std::make_shared<const std::string>(PrometheusText(metrics))};
}

HttpResponse OpenMetricsAnswer(const MetricsRegistry& metrics) {
  return {.content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8",
          .body = std::make_shared<const std::string>(OpenMetricsText(metrics))};
}

// The connections of one address are not limited: probes, Prometheus and whoever disturbs them may be one.
AcceptLimits LimitsOf(const HttpLimits& limits) {
  return {.connections = limits.connections + 256,
          .connections_per_address = 0,
          .handshakes_per_second = 2'000,
          .handshakes_per_second_per_address = 0,
          .handshake_timeout = limits.request_time};
}

// One question of /healthz: the first answer counts. Kept by what may answer, on whatever thread.
struct HealthQuestion {
  std::atomic<bool> answered = false;
  HttpReply reply;

  void Answer(const absl::Status& status) {
    if (answered.exchange(true)) return;
    reply(status.ok() ? TextResponse(200, "ok\n")
                      : TextResponse(503, text::Concat("not alive: ", text::Message(status), "\n")));
  }
};

// Questions that wait for an answer, and what becomes of those that get none in time. On the loop's thread.
class HealthQuestions {
 public:
  explicit HealthQuestions(EventLoop& loop) : timer_(loop) {}

  std::shared_ptr<HealthQuestion> Add(HttpReply reply) {
    auto question = std::make_shared<HealthQuestion>();
    question->reply = std::move(reply);
    waiting_.push_back({question, Clock::Real().Now() + kHealthTime});
    Sweep();
    return question;
  }

 private:
  struct Waiting {
    std::shared_ptr<HealthQuestion> question;
    SteadyTime until;
  };

  void Sweep() {
    const SteadyTime now = Clock::Real().Now();
    while (!waiting_.empty() && (waiting_.front().question->answered || waiting_.front().until <= now)) {
      waiting_.front().question->Answer(absl::DeadlineExceededError("nobody answers"));
      waiting_.pop_front();
    }
    if (!waiting_.empty()) timer_.Set(waiting_.front().until, [this] { Sweep(); });
  }

  std::deque<Waiting> waiting_;
  Timer timer_;
};

}  // namespace

struct HttpServer::Impl {
  Impl(HttpOptions with, MetricsRegistry& registry, ReadinessCallback ready)
      : options(std::move(with)),
        readiness("http readyz", {[asked = std::move(ready)] { return ReadinessAnswer(asked); }}),
        // As MetricsFormat counts.
        exposition("http metrics", {[&registry] { return PrometheusAnswer(registry); },
                                    [&registry] { return OpenMetricsAnswer(registry); }}),
        loop("http"),
        questions(loop) {}

  void Handle(const HttpRequest& request, HttpReply reply) {
    if (request.path == "/healthz") return AnswerHealth(std::move(reply));
    if (request.path == "/readyz") return readiness.Ask(std::move(reply));
    if (request.path != "/metrics") return reply(TextResponse(404, "not found\n"));
    if (options.metrics_token != nullptr && !options.metrics_token->Admits(request.authorization)) {
      HttpResponse refused = TextResponse(401, "a bearer token is required\n");
      refused.authenticate = kRealm;
      return reply(std::move(refused));
    }
    exposition.Ask(std::move(reply), static_cast<size_t>(MetricsFormatFor(request.All("accept"))));
  }

  void AnswerHealth(HttpReply reply) {
    if (!options.health) return reply(TextResponse(200, "ok\n"));
    options.health(
        [question = questions.Add(std::move(reply))](const absl::Status& status) { question->Answer(status); });
  }

  const HttpOptions options;
  Answerer readiness;
  Answerer exposition;
  EventLoop loop;
  HealthQuestions questions;
  std::shared_ptr<HttpService> service;
  std::unique_ptr<Listener> listener;
  bool stopped = false;
};

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(HttpOptions options, MetricsRegistry& metrics,
                                                              ReadinessCallback readiness, const Clock& clock) {
  auto refusals = std::make_shared<Refusals>("http", std::initializer_list<std::string_view>{}, clock, metrics);
  absl::StatusOr<std::unique_ptr<Listener>> listener = Listener::Bind({.name = "http",
                                                                       .listen = options.listen,
                                                                       .tls = options.tls,
                                                                       .limits = LimitsOf(options.limits),
                                                                       .spare_descriptors = 4,
                                                                       .refusals = refusals},
                                                                      clock, metrics);
  if (!listener.ok()) return listener.status();
  auto impl = std::make_unique<Impl>(std::move(options), metrics, std::move(readiness));
  impl->listener = *std::move(listener);
  impl->service = HttpService::Make(
      impl->options.limits, refusals,
      [impl = impl.get()](const HttpRequest& request, HttpReply reply) { impl->Handle(request, std::move(reply)); });
  impl->loop.Start(nullptr);
  impl->listener->Start(impl->loop, {}, [service = impl->service](std::unique_ptr<Channel> channel) {
    service->Serve(std::move(channel));
  });
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

HttpServer::~HttpServer() { Stop(); }

const std::string& HttpServer::address() const { return impl_->listener->address(); }

int HttpServer::port() const { return impl_->listener->port(); }

void HttpServer::Stop() {
  if (std::exchange(impl_->stopped, true)) return;
  impl_->listener->Stop();
  impl_->readiness.Stop();
  impl_->exposition.Stop();
  impl_->loop.Stop(kNever);
  // The loop runs no more: what was on it may go here.
  impl_->service->Stop();
}

}  // namespace sluice
