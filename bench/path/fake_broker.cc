#include "bench/path/fake_broker.h"

#include <sys/resource.h>

#include <algorithm>
#include <ctime>

namespace sluice::bench {
namespace {

constexpr Millis kTurn{5};  // How long a phase may be overdue when nothing else happens.

int64_t ThreadCpuNanos() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

int64_t ProcessCpuNanos() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto nanos = [](const timeval& time) {
    return int64_t{time.tv_sec} * 1'000'000'000 + int64_t{time.tv_usec} * 1000;
  };
  return nanos(usage.ru_utime) + nanos(usage.ru_stime);
}

}  // namespace

class FakeBroker::Intake final : public IntakeConnection {
 public:
  explicit Intake(std::string name) : name_(std::move(name)) {}
  void Start() override {}
  void Pause(std::string /*reason*/) override {}
  void Resume() override {}
  void StayOut(std::vector<size_t> /*shared_subscriptions*/) override {}
  void Resubscribe(std::vector<Subscription> /*subscriptions*/) override {}
  bool UnsubscribeShared(SteadyTime /*deadline*/) override { return true; }
  void Stop(SteadyTime /*deadline*/) override {}
  ConnectionState State() const override { return {name_, true, ""}; }

 private:
  const std::string name_;
};

class FakeBroker::FakePublisher final : public Publisher {
 public:
  FakePublisher(std::string name, FakeBroker& broker) : name_(std::move(name)), broker_(broker) {}
  void Start() override {}
  void Publish(std::vector<Outgoing> batch) override {
    const MutexLock lock(broker_.mutex_);
    const bool was_empty = broker_.published_.empty();
    if (was_empty) {
      broker_.published_ = std::move(batch);
      broker_.published_cond_.NotifyOne();
    } else {
      std::ranges::move(batch, std::back_inserter(broker_.published_));
    }
  }
  void DropExpired() override {}
  size_t Flush(SteadyTime /*deadline*/) override {
    broker_.Confirm();
    return 0;
  }
  void Stop(SteadyTime /*deadline*/) override {}
  absl::StatusOr<std::vector<Outgoing>> TakeOpen() override { return std::vector<Outgoing>(); }
  ConnectionState State() const override { return {name_, true, ""}; }

 private:
  const std::string name_;
  FakeBroker& broker_;
};

FakeBroker::FakeBroker(FakeLoad load) : load_(load), run_(load.length) {}

MqttDrivers FakeBroker::Drivers() {
  return {
      .intake =
          [this](const MqttOptions& options, const std::vector<Subscription>& subscriptions, InboundSink& sink,
                 const Clock&, MetricsRegistry&) {
            sink_ = &sink;
            for (const Subscription& subscription : subscriptions) subscription_ids_.push_back(subscription.id);
            return std::make_unique<Intake>(options.name);
          },
      .publisher =
          [this](const MqttOptions& options, PublishListener& listener, const Clock&, MetricsRegistry&) {
            listener_ = &listener;
            return std::make_unique<FakePublisher>(options.name, *this);
          },
  };
}

FakeBroker::Cpu FakeBroker::Spent() const { return {ProcessCpuNanos(), ThreadCpuNanos() - gateway_cpu_}; }

size_t FakeBroker::MaySend(int64_t now) const {
  if (book_.sent() == 0) return 1;
  if (!run_.MaySend(book_.sent()) || book_.lost() >= load_.outstanding) return 0;
  size_t count = std::min(load_.batch, load_.outstanding - book_.lost());
  if (load_.per_second > 0) {
    const auto due = static_cast<uint64_t>(1e-9 * static_cast<double>(now - start_) * load_.per_second);
    count = std::min(count, due - std::min(due, book_.sent()));
  }
  return count;
}

void FakeBroker::Send(size_t count, int64_t now) {
  // As a driver that reads many messages at once: their bytes stay where they were read to.
  const size_t stride = load_.payload_bytes;
  const auto bytes = std::make_shared<std::string>(count * stride, 'x');
  const SteadyTime received = Clock::Real().Now();
  const int64_t received_unix_ms = Clock::Real().UnixMillis();
  for (size_t i = 0; i < count; ++i) {
    auto message = std::make_shared<Message>();
    char* payload = bytes->data() + i * stride;
    SequenceBook::Write(book_.sent(), payload);
    message->topic = topic_;
    message->payload = {payload, stride};
    message->qos = load_.qos;
    message->received = received;
    message->received_unix_ms = received_unix_ms;
    message->storage = bytes;
    batch_.push_back({std::move(message), subscription_ids_});
    book_.Sent(book_.sent(), now);
  }
  const int64_t before = ThreadCpuNanos();
  if (!sink_->OnMessages(batch_).ok()) refused_ += count;
  gateway_cpu_ += ThreadCpuNanos() - before;
  batch_.clear();
  ++calls_;
}

void FakeBroker::Confirm() {
  {
    const MutexLock lock(mutex_);
    taken_.swap(published_);
  }
  if (taken_.empty()) return;
  const int64_t now = NowNanos();
  for (const Outgoing& outgoing : taken_) {
    const auto sequence = SequenceBook::Read(outgoing.message->payload);
    if (!sequence) {
      book_.CountForeign();
    } else if (const auto took = book_.Answered(*sequence, now); took && run_.steady()) {
      latency_.Add(*took);
    }
    outcomes_.push_back({.token = outgoing.token});
  }
  const int64_t before = ThreadCpuNanos();
  listener_->OnOutcomes(outcomes_);
  taken_.clear();
  gateway_cpu_ += ThreadCpuNanos() - before;
  outcomes_.clear();
  ++confirm_calls_;
}

void FakeBroker::Advance(int64_t now) {
  const SteadyRun::Phase before = run_.phase();
  if (before == SteadyRun::Phase::kIdle) return;
  run_.Advance(now, book_.sent(), book_.answered());
  if (run_.phase() == before) return;
  if (before == SteadyRun::Phase::kWarmup) cpu_begin_ = Spent();
  if (before == SteadyRun::Phase::kSteady) cpu_end_ = Spent();
}

bool FakeBroker::Run(Millis patience) {
  const SteadyTime deadline = Clock::Real().Now() + patience;
  while (run_.phase() != SteadyRun::Phase::kDone) {
    int64_t now = NowNanos();
    const size_t count = MaySend(now);
    if (count > 0) Send(count, now);
    Confirm();
    now = NowNanos();
    if (run_.phase() == SteadyRun::Phase::kIdle) {
      if (book_.answered() > 0) {
        run_.Start(now);
        start_ = now;
      } else if (Clock::Real().Now() > deadline) {
        return false;
      }
    }
    Advance(now);
    // With a pace the thread turns without a rest, as Paho's is kept busy by its system calls.
    const bool rests = MaySend(now) == 0 && (load_.per_second == 0 || run_.phase() == SteadyRun::Phase::kIdle);
    if (rests) {
      const MutexLock lock(mutex_);
      if (published_.empty()) published_cond_.WaitUntil(mutex_, Clock::Real().Now() + kTurn);
    }
  }
  return true;
}

JsonObject FakeBroker::Result() const {
  const auto messages = static_cast<double>(std::max<uint64_t>(1, run_.SteadyAnswered()));
  const auto micros = [&](int64_t nanos) { return 1e-3 * static_cast<double>(nanos) / messages; };
  const int64_t fake = cpu_end_.fake - cpu_begin_.fake;
  const int64_t process = cpu_end_.process - cpu_begin_.process;
  JsonObject result;
  result.Add("event", "result").Add("sent", book_.sent()).Add("answered", book_.answered()).Add("lost", book_.lost());
  result.Add("duplicates", book_.duplicates()).Add("foreign", book_.foreign());
  result.Add("refused", refused_);
  run_.Describe(result);
  result.Add("latency_us", latency_.ToJson());
  result.Add("path_cpu_us", micros(process - fake)).Add("fake_cpu_us", micros(fake));
  result.Add("messages_per_intake_call", static_cast<double>(book_.sent()) / static_cast<double>(calls_));
  result.Add("replies_per_confirm_call",
             static_cast<double>(book_.answered()) / static_cast<double>(std::max<uint64_t>(1, confirm_calls_)));
  return result;
}

}  // namespace sluice::bench
