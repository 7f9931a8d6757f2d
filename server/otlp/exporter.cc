#include "server/otlp/exporter.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "server/telemetry/log.h"

namespace sluice {
namespace {

constexpr char kDroppedHelp[] =
    "Spans that no collector has got: too many waited (full), it refused them, it was not there for two minutes "
    "(unreachable), or the gateway ended (shutdown).";

Counter& DroppedFor(MetricsRegistry& metrics, const char* reason) {
  return metrics.GetCounter("sluice_spans_dropped_total", kDroppedHelp, {{"reason", reason}});
}

// What it takes of memory.
size_t BytesOf(const std::string& span) { return sizeof(span) + span.size(); }

}  // namespace

SpanExporter::SpanExporter(const Clock& clock, ExporterLimits limits, OtlpResource resource, std::string version,
                           SpanSender& sender, MetricsRegistry& metrics, uint64_t seed, std::function<void()> wake)
    : clock_(clock),
      limits_(limits),
      resource_(std::move(resource)),
      version_(std::move(version)),
      sender_(sender),
      wake_(std::move(wake)),
      exported_(metrics.GetCounter("sluice_spans_exported_total", "Spans that the collector has taken.")),
      dropped_full_(DroppedFor(metrics, "full")),
      dropped_refused_(DroppedFor(metrics, "refused")),
      dropped_unreachable_(DroppedFor(metrics, "unreachable")),
      dropped_shutdown_(DroppedFor(metrics, "shutdown")),
      log_limit_(clock, {.burst = 1, .interval = Millis(60'000)}),
      backoff_(limits.first_pause, limits.longest_pause, seed) {
  metrics.AddCallbackGauge("sluice_spans_held", "Spans that wait for the collector.", {}, [this] {
    MutexLock lock(mutex_);
    return static_cast<double>(held_spans_);
  });
}

void SpanExporter::Take(std::vector<Span> spans) {
  size_t dropped = 0;
  bool wake = false;
  std::vector<std::string> encoded;
  encoded.reserve(spans.size());
  // Here rather than later: what a span is made of goes where it came from, and a text of known size is kept.
  if (HasRoom()) std::ranges::transform(spans, std::back_inserter(encoded), EncodeSpan);
  dropped = spans.size() - encoded.size();
  if (!encoded.empty()) {
    MutexLock lock(mutex_);
    const bool was_due = waiting_.size() >= limits_.request_spans;
    for (std::string& span : encoded) {
      const size_t bytes = BytesOf(span);
      if (held_spans_ >= limits_.max_spans || held_bytes_ + bytes > limits_.max_bytes) {
        ++dropped;
        continue;
      }
      ++held_spans_;
      held_bytes_ += bytes;
      if (waiting_.empty()) oldest_ = clock_.Now();
      waiting_.push_back(std::move(span));
    }
    wake = !was_due && waiting_.size() >= limits_.request_spans;
  }
  if (dropped > 0) dropped_full_.Add(dropped);
  if (wake) wake_();
}

bool SpanExporter::HasRoom() const {
  MutexLock lock(mutex_);
  return held_spans_ < limits_.max_spans && held_bytes_ < limits_.max_bytes;
}

SteadyTime SpanExporter::Tick(SteadyTime now) {
  while (true) {
    if (!request_ && !MakeRequest(now)) {
      MutexLock lock(mutex_);
      return waiting_.empty() ? now + limits_.interval : oldest_ + limits_.interval;
    }
    if (request_->sending) return now + limits_.interval;
    if (now < request_->again_at && !flushing_.load()) return request_->again_at;
    request_->sending = true;
    // A copy: it may have to be sent again.
    sender_.Send(request_->body, [this](const SendOutcome& outcome) { OnOutcome(outcome); });
    if (request_ && request_->sending) return now + limits_.interval;
  }
}

bool SpanExporter::MakeRequest(SteadyTime now) {
  std::vector<std::string> spans;
  size_t bytes = 0;
  {
    MutexLock lock(mutex_);
    const bool due = !waiting_.empty() && (waiting_.size() >= limits_.request_spans || flushing_.load() ||
                                           now >= oldest_ + limits_.interval);
    if (!due) return false;
    while (!waiting_.empty() && spans.size() < limits_.request_spans &&
           (spans.empty() || bytes + BytesOf(waiting_.front()) <= limits_.request_bytes)) {
      bytes += BytesOf(waiting_.front());
      spans.push_back(std::move(waiting_.front()));
      waiting_.pop_front();
    }
    oldest_ = waiting_.empty() ? kNever : now;
  }
  Request& request = request_.emplace(Request{});
  request.spans = spans.size();
  request.bytes = bytes;
  request.begun = request.again_at = now;
  request.body = EncodeRequest(spans, resource_, version_);
  return true;
}

void SpanExporter::OnOutcome(const SendOutcome& outcome) {
  using enum SendOutcome::Code;
  const SteadyTime now = clock_.Now();
  const bool over = outcome.code != kTryAgain || flushing_.load() || now - request_->begun >= limits_.give_up;
  if (outcome.code != kTaken || outcome.rejected.spans > 0) {
    const std::string& why = outcome.code == kTaken ? outcome.rejected.why : outcome.why;
    if (log_limit_.Admit("spans not taken", outcome.code == kTryAgain ? "again" : "refused")) {
      log::Warning("the collector of traces has not taken spans",
                   {{"reason", why}, {"spans", request_->spans}, {"sent_again", !over}});
    }
    failing_ = failing_ || outcome.code != kTaken;
  } else if (std::exchange(failing_, false)) {
    log::Info("the collector of traces takes spans again");
  }
  if (outcome.code != kTryAgain) backoff_.Reset();
  if (!over) {
    const Millis pause = backoff_.Next(outcome.retry_after.value_or(Millis{0}));
    request_->again_at = now + pause;
    request_->sending = false;
    return;
  }
  const size_t spans = request_->spans;
  if (outcome.code == kTaken) {
    const size_t rejected = std::min<size_t>(outcome.rejected.spans, spans);
    exported_.Add(spans - rejected);
    if (rejected > 0) dropped_refused_.Add(rejected);
  } else if (outcome.code == kRefused) {
    dropped_refused_.Add(spans);
  } else {
    (flushing_.load() ? dropped_shutdown_ : dropped_unreachable_).Add(spans);
  }
  const size_t bytes = request_->bytes;
  request_.reset();
  Release(spans, bytes);
  wake_();
}

void SpanExporter::Release(size_t spans, size_t bytes) {
  MutexLock lock(mutex_);
  held_spans_ -= spans;
  held_bytes_ -= bytes;
  if (held_spans_ == 0) emptied_.NotifyAll();
}

void SpanExporter::BeginFlush() {
  flushing_.store(true);
  wake_();
}

bool SpanExporter::WaitUntilEmpty(SteadyTime deadline) {
  MutexLock lock(mutex_);
  while (held_spans_ > 0 && clock_.Now() < deadline) emptied_.WaitUntil(mutex_, deadline);
  return held_spans_ == 0;
}

void SpanExporter::GiveUp() {
  request_.reset();
  MutexLock lock(mutex_);
  if (held_spans_ > 0) dropped_shutdown_.Add(held_spans_);
  waiting_.clear();
  held_spans_ = held_bytes_ = 0;
  emptied_.NotifyAll();
}

}  // namespace sluice
