// What the SDK's integration tests share: a running worker with what it reported, and a gate for its handlers.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "sluice/worker.h"
#include "tests/support/fake_gateway.h"

namespace sluice::client {

using ::sluice::testing::FakeGateway;
using Kind = Event::Kind;

// A gate that handlers wait at until the test opens it.
class Gate {
 public:
  void Open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void Pass() {
    std::unique_lock lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
  }
  bool AwaitArrivals(int count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(10), [&] { return waiting_ >= count; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
  int waiting_ = 0;
};

// A worker in a thread of its own, and what it reported.
class RunningWorker {
 public:
  RunningWorker(Options options, Handler handler) : worker_(Prepare(std::move(options)), std::move(handler)) {
    thread_ = std::thread([this] { status_ = worker_.Run(); });
  }
  ~RunningWorker() {
    worker_.Stop();
    if (thread_.joinable()) thread_.join();
  }
  Worker& worker() { return worker_; }
  Status Join() {
    thread_.join();
    return status_;
  }
  std::optional<Event> Await(Kind kind) {
    std::unique_lock lock(mutex_);
    std::optional<Event> found;
    changed_.wait_for(lock, std::chrono::seconds(10), [&] {
      while (!events_.empty() && !found) {
        if (events_.front().kind == kind) found = events_.front();
        events_.pop_front();
      }
      return found.has_value();
    });
    return found;
  }

 private:
  Options Prepare(Options options) {
    options.on_event = [this](const Event& event) {
      const std::lock_guard lock(mutex_);
      events_.push_back(event);
      changed_.notify_all();
    };
    return options;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Event> events_;
  Worker worker_;
  Status status_;
  std::thread thread_;
};

inline Options For(const FakeGateway& gateway) {
  Options options;
  options.gateways = {gateway.address()};
  options.chains = {"test"};
  options.worker_name = "tester";
  options.instance = "one";
  options.concurrency = 2;
  options.security = Security::kPlaintext;
  options.reconnect_first = std::chrono::milliseconds(10);
  return options;
}

inline Reply Echo(const Message& message) {
  return {.topic = "reply", .payload = std::string(message.payload), .qos = 1};
}

inline v1::Delivery WithPayload(std::string payload) {
  v1::Delivery delivery;
  delivery.set_payload(std::move(payload));
  return delivery;
}

}  // namespace sluice::client
