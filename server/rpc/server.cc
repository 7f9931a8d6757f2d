#include "server/rpc/server.h"

#include <algorithm>
#include <utility>

#include "server/rpc/loop_part.h"

namespace sluice::rpc {
namespace {

// After the deadline: to tell the clients, and to cut what does not read that.
constexpr Millis kLastWords{1'000};
// A loop that has not come by so long after that is stuck.
constexpr Millis kStuck{5'000};

bool WaitForNone(ServerShared& shared, SteadyTime deadline) {
  const MutexLock lock(shared.mutex);
  while (shared.connections.load() > 0 && Clock::Real().Now() < deadline) {
    shared.changed.WaitUntil(shared.mutex, deadline);
  }
  return shared.connections.load() == 0;
}

}  // namespace

Server::Server(ServerOptions options, const std::vector<EventLoop*>& loops, const Clock& clock,
               MetricsRegistry& metrics)
    : shared_(std::make_shared<ServerShared>(std::move(options), clock, metrics)) {
  for (EventLoop* loop : loops) {
    parts_.push_back(std::make_shared<LoopPart>(shared_, *loop, shared_->options.seed + parts_.size()));
  }
}

Server::~Server() {
  Stop(Clock::Real().Now());
  for (const std::shared_ptr<LoopPart>& part : parts_) part->Close();
}

void Server::Serve(std::unique_ptr<Channel> channel) {
  for (const std::shared_ptr<LoopPart>& part : parts_) {
    if (&part->loop == &channel->loop()) {
      part->Add(std::move(channel));
      return;
    }
  }
}

void Server::Drain(const std::string& text) {
  shared_->stopping.store(true);
  for (const std::shared_ptr<LoopPart>& part : parts_) {
    part->loop.Post([part, text] { part->ShutdownAll(text); });
  }
}

bool Server::Stop(SteadyTime deadline, const std::string& text) {
  Drain(text);
  if (WaitForNone(*shared_, deadline)) return true;
  for (const std::shared_ptr<LoopPart>& part : parts_) {
    part->loop.Post([part, text] { part->EndAllCalls(text); });
  }
  const SteadyTime last = std::max(deadline, Clock::Real().Now()) + kLastWords;
  if (WaitForNone(*shared_, last)) return true;
  for (const std::shared_ptr<LoopPart>& part : parts_) {
    part->loop.Post([part] { part->CutAll(); });
  }
  return WaitForNone(*shared_, last + kStuck);
}

size_t Server::connections() const { return shared_->connections.load(); }
size_t Server::calls() const { return shared_->calls.load(); }

std::vector<std::string_view> Server::RefusalReasons() {
  std::vector<std::string_view> reasons;
  for (size_t i = 0; i < kEndCauses; ++i) {
    if (IsRefusal(static_cast<EndCause>(i))) reasons.push_back(EndCauseName(static_cast<EndCause>(i)));
  }
  return reasons;
}

}  // namespace sluice::rpc
