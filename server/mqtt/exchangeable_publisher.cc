#include "server/mqtt/exchangeable_publisher.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "server/telemetry/log.h"

namespace sluice {

std::shared_ptr<Publisher> ExchangeablePublisher::current() const {
  MutexLock lock(mutex_);
  return inner_;
}

void ExchangeablePublisher::Set(std::unique_ptr<Publisher> next) {
  std::shared_ptr<Publisher> publisher = std::move(next);
  bool start = false;
  while (true) {
    std::vector<Outgoing> first;
    {
      MutexLock lock(mutex_);
      if (held_.empty()) {
        inner_ = publisher;
        holding_ = closed_ = false;
        start = started_;
        break;
      }
      first.swap(held_);
    }
    publisher->Publish(std::move(first));
  }
  if (start) publisher->Start();
}

void ExchangeablePublisher::Withdraw(SteadyTime flush_by, SteadyTime deadline) {
  std::shared_ptr<Publisher> leaving;
  {
    MutexLock lock(mutex_);
    holding_ = true;
    while (handing_over_ > 0) quiet_.Wait(mutex_);
    leaving.swap(inner_);
  }
  if (leaving == nullptr) return;
  if (leaving->State().ready) leaving->Flush(flush_by);
  leaving->Stop(deadline);
  absl::StatusOr<std::vector<Outgoing>> open = leaving->TakeOpen();
  if (!open.ok()) {
    log::Error("replies that an earlier connection had not published stay in the journal for the next start",
               {{"connection", name_}, {"reason", std::string(open.status().message())}});
    return;
  }
  MutexLock lock(mutex_);
  held_.insert(held_.begin(), std::make_move_iterator(open->begin()), std::make_move_iterator(open->end()));
}

void ExchangeablePublisher::Close() {
  std::vector<Outgoing> held;
  {
    MutexLock lock(mutex_);
    closed_ = true;
    held.swap(held_);
  }
  Fail(std::move(held));
}

void ExchangeablePublisher::Start() {
  std::shared_ptr<Publisher> publisher;
  {
    MutexLock lock(mutex_);
    started_ = true;
    publisher = inner_;
  }
  if (publisher) publisher->Start();
}

void ExchangeablePublisher::Publish(std::vector<Outgoing> batch) {
  std::shared_ptr<Publisher> publisher;
  {
    MutexLock lock(mutex_);
    if (!closed_ && holding_) {
      std::ranges::move(batch, std::back_inserter(held_));
      return;
    }
    if (!closed_) {
      publisher = inner_;
      ++handing_over_;
    }
  }
  if (publisher == nullptr) return Fail(std::move(batch));
  publisher->Publish(std::move(batch));
  MutexLock lock(mutex_);
  if (--handing_over_ == 0 && holding_) quiet_.NotifyAll();
}

void ExchangeablePublisher::Fail(std::vector<Outgoing> batch) {
  if (batch.empty()) return;
  std::vector<PublishOutcome> outcomes;
  outcomes.reserve(batch.size());
  for (Outgoing& outgoing : batch) {
    outcomes.push_back(
        {.token = outgoing.token, .code = PublishOutcome::Code::kNoConnection, .message = std::move(outgoing.message)});
  }
  listener_.OnOutcomes(outcomes);
}

void ExchangeablePublisher::DropExpired() {
  if (const std::shared_ptr<Publisher> publisher = current()) publisher->DropExpired();
}

size_t ExchangeablePublisher::Flush(SteadyTime deadline) {
  const std::shared_ptr<Publisher> publisher = current();
  return publisher ? publisher->Flush(deadline) : 0;
}

void ExchangeablePublisher::Stop(SteadyTime deadline) {
  if (const std::shared_ptr<Publisher> publisher = current()) publisher->Stop(deadline);
}

absl::StatusOr<std::vector<Outgoing>> ExchangeablePublisher::TakeOpen() {
  const std::shared_ptr<Publisher> publisher = current();
  return publisher ? publisher->TakeOpen() : std::vector<Outgoing>();
}

ConnectionState ExchangeablePublisher::State() const {
  if (const std::shared_ptr<Publisher> publisher = current()) return publisher->State();
  return {.name = name_ + " (replies)", .ready = false, .detail = "is made anew with other options"};
}

bool ExchangeablePublisher::closed() const {
  MutexLock lock(mutex_);
  return closed_;
}

}  // namespace sluice
