#include "sluice/worker.h"

#include <atomic>
#include <utility>

#include "client/cpp/src/fleet.h"
#include "client/cpp/src/signals.h"

namespace sluice::client {

class Worker::Impl {
 public:
  Impl(Options options, Handler handler)
      : options_(std::move(options)), handler_(std::move(handler)), fleet_(options_, handler_) {}

  Status Run() {
    if (Status status = Validate(options_); !status.ok()) return status;
    if (ran_.exchange(true)) return {StatusCode::kFailedPrecondition, "Run() was called before; make a new Worker"};
    return fleet_.Run();
  }

  Fleet& fleet() { return fleet_; }

 private:
  const Options options_;
  const Handler handler_;
  std::atomic<bool> ran_ = false;
  Fleet fleet_;
};

Worker::Worker(Options options, Handler handler)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(handler))) {}

Worker::~Worker() = default;

Status Worker::Run() { return impl_->Run(); }

Status Worker::RunUntilSignal() {
  std::unique_ptr<SignalWatch> watch;
  const auto on_signal = [this](int count) { count == 1 ? Drain() : Stop(); };
  if (Status status = SignalWatch::Make(on_signal, watch); !status.ok()) return status;
  return impl_->Run();
}

void Worker::Drain() { impl_->fleet().Drain(); }

void Worker::Stop() { impl_->fleet().Stop(); }

Stats Worker::GetStats() const { return impl_->fleet().GetStats(); }

}  // namespace sluice::client
