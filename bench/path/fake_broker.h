// An MQTT driver without MQTT: puts messages into the gateway's intake in batches, and confirms its replies at once.
// What a gateway over it costs is all that is not the driver.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bench/meter.h"
#include "server/gateway.h"
#include "server/mqtt/intake.h"
#include "server/mqtt/publisher.h"
#include "server/runtime/mutex.h"

namespace sluice::bench {

struct FakeLoad {
  Qos qos = Qos::kAtMostOnce;
  size_t payload_bytes = 128;  // At least SequenceBook::kTextSize.
  size_t batch = 64;           // The most messages to a call of the intake, as one read of a socket brings.
  size_t outstanding = 1000;   // Messages sent and not answered.
  double per_second = 0;       // Pace; 0: as fast as they are answered.
  RunLength length;
};

// All of it runs on the thread that calls Run, as on the one thread of a driver; Publish may be called by any.
class FakeBroker {
 public:
  explicit FakeBroker(FakeLoad load);
  FakeBroker(const FakeBroker&) = delete;
  FakeBroker& operator=(const FakeBroker&) = delete;

  // For one connection. They must not outlive the broker.
  MqttDrivers Drivers();

  // Sends one message, and when its reply has come (so a worker is there) the load. Call when the gateway has started.
  // False: no reply within `patience`.
  bool Run(Millis patience);
  // "path_cpu_us" and "fake_cpu_us": the process' CPU time per message without the fake's own, and the fake's own.
  JsonObject Result() const;

 private:
  class Intake;
  class FakePublisher;

  // CPU time spent so far, in ns.
  struct Cpu {
    int64_t process = 0;
    int64_t fake = 0;
  };
  Cpu Spent() const;
  // Makes up to `count` messages and hands them over.
  void Send(size_t count, int64_t now);
  // Confirms what was published since the last call.
  void Confirm();
  size_t MaySend(int64_t now) const;
  void Advance(int64_t now);

  const FakeLoad load_;
  const std::string topic_ = "bench/in";

  // Of the driver's thread, once the gateway has started.
  InboundSink* sink_ = nullptr;
  PublishListener* listener_ = nullptr;
  std::vector<uint32_t> subscription_ids_;
  SteadyRun run_;
  SequenceBook book_;
  LatencyHistogram latency_;
  std::vector<InboundMessage> batch_;
  std::vector<Outgoing> taken_;
  std::vector<PublishOutcome> outcomes_;
  int64_t start_ = 0;
  uint64_t calls_ = 0;
  uint64_t refused_ = 0;  // Messages the gateway would not take.
  uint64_t confirm_calls_ = 0;
  int64_t gateway_cpu_ = 0;  // Of this thread, inside the gateway's functions.
  Cpu cpu_begin_;
  Cpu cpu_end_;

  Mutex mutex_;
  CondVar published_cond_;
  std::vector<Outgoing> published_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::bench
