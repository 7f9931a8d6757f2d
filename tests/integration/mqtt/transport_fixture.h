// A transport with its loop, driven from the test's thread by calls that wait for their outcome.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "server/mqtt/transport/transport.h"
#include "server/net/event_loop.h"
#include "tests/support/eventually.h"
#include "tests/support/recorder.h"

namespace sluice {

// "OK", or the message of an error.
inline std::string Text(const absl::Status& status) {
  return status.ok() ? "OK" : std::string(status.message().data(), status.message().size());
}

// What an operation brings, once.
template <typename T>
class Outcome {
 public:
  void Set(T value) { recorder_->Add(std::move(value)); }
  bool there() const { return !recorder_->values().empty(); }
  // Waits for it.
  T Get() const {
    auto values = recorder_->WaitFor(1);
    if (values.empty()) throw std::runtime_error("no outcome in time");
    EXPECT_EQ(values.size(), 1u) << "one completion for each operation";
    return values.front();
  }

 private:
  std::shared_ptr<Recorder<T>> recorder_ = std::make_shared<Recorder<T>>();
};

struct ReadOutcome {
  absl::Status status;
  std::string bytes;
};

inline MqttOptions OptionsFor(const std::string& uri) {
  MqttOptions options;
  options.name = "plant";
  options.uri = uri;
  return options;
}

class TestTransport {
 public:
  explicit TestTransport(const MqttOptions& options) : loop_("test-transport") {
    loop_.Start(nullptr);
    Run([&] { transport_ = MakeTransport(loop_, options); });
  }
  explicit TestTransport(const std::string& uri) : TestTransport(OptionsFor(uri)) {}
  ~TestTransport() { loop_.Stop(kNever); }
  TestTransport(const TestTransport&) = delete;
  TestTransport& operator=(const TestTransport&) = delete;

  EventLoop& loop() { return loop_; }
  Transport& operator*() { return *transport_; }
  Transport* operator->() { return transport_.get(); }

  // Runs on the loop's thread; returns when it has.
  void Run(const std::function<void()>& task) {
    Outcome<bool> done;
    loop_.Post([&task, done]() mutable {
      task();
      done.Set(true);
    });
    done.Get();
  }

  Outcome<absl::Status> StartOpen() {
    Outcome<absl::Status> outcome;
    Run([&] { transport_->Open([outcome](const absl::Status& status) mutable { outcome.Set(status); }); });
    return outcome;
  }
  absl::Status Open() { return StartOpen().Get(); }

  Outcome<ReadOutcome> StartRead(size_t size = 64 * 1024) {
    Outcome<ReadOutcome> outcome;
    auto buffer = std::make_shared<std::string>(size, '\0');
    Run([&] {
      transport_->Read(*buffer, [outcome, buffer](const absl::Status& status, size_t bytes) mutable {
        outcome.Set({status, buffer->substr(0, bytes)});
      });
    });
    return outcome;
  }
  ReadOutcome Read(size_t size = 64 * 1024) { return StartRead(size).Get(); }
  // `size` bytes, however many reads that takes; fewer when it ends before.
  std::string ReadExactly(size_t size) {
    std::string all;
    while (all.size() < size) {
      ReadOutcome next = Read(size - all.size());
      if (!next.status.ok()) break;
      all += next.bytes;
    }
    return all;
  }

  // `bytes` must stay until the outcome.
  Outcome<absl::Status> StartWrite(std::string_view bytes) {
    Outcome<absl::Status> outcome;
    Run([&] { transport_->Write(bytes, [outcome](const absl::Status& status) mutable { outcome.Set(status); }); });
    return outcome;
  }
  absl::Status Write(std::string_view bytes) { return StartWrite(bytes).Get(); }

  Outcome<absl::Status> StartClose(Millis timeout = kTestDeadline) {
    Outcome<absl::Status> outcome;
    Run([&] { transport_->Close(timeout, [outcome](const absl::Status& status) mutable { outcome.Set(status); }); });
    return outcome;
  }
  absl::Status Close(Millis timeout = kTestDeadline) { return StartClose(timeout).Get(); }
  void Destroy() {
    Run([&] { DestroyHere(); });
  }
  // On the loop's thread.
  void DestroyHere() { transport_.reset(); }

 private:
  EventLoop loop_;
  std::unique_ptr<Transport> transport_;
};

}  // namespace sluice
