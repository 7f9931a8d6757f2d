// The part of a gateway that decides which stream a message goes to, and nothing else of one: messages that were
// answered are sent again, to one stream after the other.
#pragma once

#include <sys/resource.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "bench/json.h"
#include "bench/meter.h"

namespace sluice::bench {

struct TransportOptions {
  size_t streams = 1;
  size_t outstanding = 1'000;
  size_t payload_bytes = 128;
  double warmup_s = 1;
  double steady_s = 3;
};

// A stream as the dispatcher sees it.
class Outlet {
 public:
  virtual ~Outlet() = default;
  // There is something to Take(). From any thread.
  virtual void Wake() = 0;
};

// Thread-safe.
class Dispatcher {
 public:
  explicit Dispatcher(const TransportOptions& options) : options_(options) {}

  // False: the run is complete, and the stream to be ended. Once all streams are there the messages begin to flow.
  void Add(Outlet& outlet) {
    const std::lock_guard lock(mutex_);
    outlets_.push_back({&outlet, 0});
    if (outlets_.size() < options_.streams) return;
    started_ = NowNanos();
    GiveLocked(options_.outstanding);
  }
  // `count` messages came back.
  void Answered(size_t count) {
    const std::lock_guard lock(mutex_);
    const int64_t now = NowNanos();
    answered_ += count;
    ++frames_;
    if (options_.outstanding == 1) latency_.Add(now - sent_at_);
    const double passed = 1e-9 * static_cast<double>(now - started_);
    if (steady_begin_ == 0 && passed >= options_.warmup_s) {
      steady_begin_ = now;
      begin_ = Cpu();
      answered_begin_ = answered_;
      frames_begin_ = frames_;
      latency_ = {};
    } else if (steady_end_ == 0 && passed >= options_.warmup_s + options_.steady_s) {
      steady_end_ = now;
      cpu_us_ = 1e6 * (Cpu() - begin_);
      messages_ = answered_ - answered_begin_;
      frames_ -= frames_begin_;
      done_.store(true);
    }
    if (!done_.load()) GiveLocked(count);
  }
  // What `outlet` has to send.
  size_t Take(const Outlet& outlet) {
    const std::lock_guard lock(mutex_);
    for (Due& due : outlets_) {
      if (due.outlet != &outlet) continue;
      sent_at_ = NowNanos();
      return std::exchange(due.count, 0);
    }
    return 0;
  }
  bool done() const { return done_.load(); }

  void Print(const char* transport) {
    const std::lock_guard lock(mutex_);
    const double seconds = 1e-9 * static_cast<double>(steady_end_ - steady_begin_);
    const auto count = static_cast<double>(messages_);
    JsonObject result;
    result.Add("event", "result").Add("transport", transport).Add("streams", options_.streams);
    result.Add("outstanding", options_.outstanding).Add("messages_per_s", count / seconds);
    result.Add("cpu_us_per_message", cpu_us_ / count).Add("messages_per_frame", count / static_cast<double>(frames_));
    if (options_.outstanding == 1) result.Add("latency_us", latency_.ToJson());
    result.Print();
  }

 private:
  struct Due {
    Outlet* outlet;
    size_t count;
  };

  static double Cpu() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           1e-6 * static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
  }
  void GiveLocked(size_t count) {
    for (size_t i = 0; i < count; ++i) {
      Due& due = outlets_[next_++ % outlets_.size()];
      if (due.count++ == 0) due.outlet->Wake();
    }
  }

  const TransportOptions options_;
  std::atomic<bool> done_ = false;
  std::mutex mutex_;
  std::vector<Due> outlets_;
  size_t next_ = 0;
  int64_t started_ = 0;
  int64_t sent_at_ = 0;
  int64_t steady_begin_ = 0;
  int64_t steady_end_ = 0;
  double begin_ = 0;
  double cpu_us_ = 0;
  uint64_t answered_ = 0;
  uint64_t answered_begin_ = 0;
  uint64_t messages_ = 0;
  uint64_t frames_ = 0;
  uint64_t frames_begin_ = 0;
  LatencyHistogram latency_;
};

}  // namespace sluice::bench
