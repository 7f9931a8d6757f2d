// Spans on their way to a collector: gathered into requests, held within bounds, sent again where that may help.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "server/mqtt/backoff.h"
#include "server/otlp/encode.h"
#include "server/runtime/clock.h"
#include "server/runtime/mutex.h"
#include "server/spans/span.h"
#include "server/telemetry/log_limit.h"
#include "server/telemetry/metrics.h"

namespace sluice {

// What became of a request.
struct SendOutcome {
  enum class Code : uint8_t {
    kTaken,
    kTryAgain,  // Nobody answered, or the collector has too much to do.
    kRefused,   // It would be the same again.
  };
  Code code = Code::kTaken;
  std::string why;                    // For people, without secrets.
  std::optional<Millis> retry_after;  // What the collector asks for.
  Rejected rejected;                  // With kTaken: of what it holds.
};

// Sends one request at a time.
class SpanSender {
 public:
  virtual ~SpanSender() = default;
  // `done` runs once, on the exporter's thread; also within the call.
  virtual void Send(std::string body, std::function<void(SendOutcome)> done) = 0;
};

struct ExporterLimits {
  // Of all that is held, what is on its way included. What is more is dropped.
  size_t max_spans = 20'000;
  size_t max_bytes = 16u << 20;
  // Of one request.
  size_t request_spans = 512;
  size_t request_bytes = 1u << 20;
  // How long spans wait to be gathered.
  Millis interval{1'000};
  // Between attempts, with jitter; and how long one request is tried.
  Millis first_pause{1'000};
  Millis longest_pause{30'000};
  Millis give_up{120'000};
};

// Take() from any thread; Tick() and what a sender reports from one.
class SpanExporter final : public SpanSink {
 public:
  // `sender` and `clock` outlive it. `wake`: Tick() is wanted soon; from any thread.
  SpanExporter(const Clock& clock, ExporterLimits limits, OtlpResource resource, std::string version,
               SpanSender& sender, MetricsRegistry& metrics, uint64_t seed, std::function<void()> wake);
  SpanExporter(const SpanExporter&) = delete;
  SpanExporter& operator=(const SpanExporter&) = delete;

  void Take(std::vector<Span> spans) override;
  // Sends what is due; says when it wants to be called next.
  SteadyTime Tick(SteadyTime now);

  // From now on nothing waits to be gathered, and nothing is tried again after a pause.
  void BeginFlush();
  // True: nothing is held any more.
  bool WaitUntilEmpty(SteadyTime deadline);
  // What is still held will not be sent: counted. Once, when no Tick() runs any more.
  void GiveUp();

 private:
  // A request that is on its way, or waits to be sent again. Of the thread of Tick().
  struct Request {
    std::string body;
    size_t spans = 0;
    size_t bytes = 0;
    SteadyTime begun{};
    SteadyTime again_at{};
    bool sending = false;
  };

  bool HasRoom() const;
  bool MakeRequest(SteadyTime now);
  void OnOutcome(const SendOutcome& outcome);
  void Release(size_t spans, size_t bytes);

  const Clock& clock_;
  const ExporterLimits limits_;
  const OtlpResource resource_;
  const std::string version_;
  SpanSender& sender_;
  const std::function<void()> wake_;
  Counter& exported_;
  Counter& dropped_full_;
  Counter& dropped_refused_;
  Counter& dropped_unreachable_;
  Counter& dropped_shutdown_;
  log::Limiter log_limit_;

  // Of the thread of Tick().
  std::optional<Request> request_;
  Backoff backoff_;
  bool failing_ = false;  // The last attempt did not get through.

  std::atomic<bool> flushing_ = false;
  mutable Mutex mutex_;
  CondVar emptied_;
  std::deque<std::string> waiting_ ABSL_GUARDED_BY(mutex_);  // Encoded.
  SteadyTime oldest_ ABSL_GUARDED_BY(mutex_) = kNever;       // When the first of waiting_ came, about.
  size_t held_spans_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t held_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace sluice
