// A publisher whose connection may be exchanged for another one, with what that one had not published yet.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "server/mqtt/publisher.h"
#include "server/runtime/mutex.h"

namespace sluice {

// What is handed over is with the connection there is; between two of them it is kept, in order; after Close() it ends as
// kNoConnection. Thread-safe, but Set(), Withdraw(), Close() and Stop() are called by one thread at a time.
class ExchangeablePublisher final : public Publisher {
 public:
  // `name` of the connection. `listener` outlives it; it may be called within Publish().
  ExchangeablePublisher(std::string name, PublishListener& listener) : name_(std::move(name)), listener_(listener) {}

  // The connection from now on. It is started if Start() was called, else with that.
  void Set(std::unique_ptr<Publisher> next);
  // Disconnects, at the latest at `deadline`; before that the broker has until `flush_by` to confirm what was sent. What
  // it did not confirm goes to the next connection, so that the broker may get it twice.
  void Withdraw(SteadyTime flush_by, SteadyTime deadline);
  // After Withdraw(): there will be no other, until Set().
  void Close();

  void Start() override;
  void Publish(std::vector<Outgoing> batch) override;
  void DropExpired() override;
  size_t Flush(SteadyTime deadline) override;
  void Stop(SteadyTime deadline) override;
  absl::StatusOr<std::vector<Outgoing>> TakeOpen() override;
  ConnectionState State() const override;
  // There is none, and will be none.
  bool closed() const;

 private:
  std::shared_ptr<Publisher> current() const;
  void Fail(std::vector<Outgoing> batch);

  const std::string name_;
  PublishListener& listener_;

  mutable Mutex mutex_;
  CondVar quiet_;
  std::shared_ptr<Publisher> inner_ ABSL_GUARDED_BY(mutex_);
  bool started_ ABSL_GUARDED_BY(mutex_) = false;
  bool holding_ ABSL_GUARDED_BY(mutex_) = true;  // What comes is kept here.
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  size_t handing_over_ ABSL_GUARDED_BY(mutex_) = 0;  // Calls of Publish() that are with the connection.
  std::vector<Outgoing> held_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice
