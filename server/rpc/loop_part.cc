#include "server/rpc/loop_part.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/rpc/call.h"
#include "server/rpc/connection.h"

namespace sluice::rpc {

ServerShared::ServerShared(ServerOptions server_options, const Clock& server_clock, MetricsRegistry& registry)
    : options(std::move(server_options)),
      clock(server_clock),
      budget(options.receive_bytes),
      metrics{registry.GetGauge("sluice_rpc_open_calls", "Calls (streams) under way", {{"listener", options.name}}),
              registry.GetCounter("sluice_rpc_calls_total", "Calls that came", {{"listener", options.name}}),
              registry.GetCounter("sluice_rpc_requests_refused_total",
                                  "Requests that are not gRPC as it is served here", {{"listener", options.name}}),
              registry.GetCounter("sluice_rpc_frames_received_total", "HTTP/2 frames that came",
                                  {{"listener", options.name}}),
              registry.GetCounter("sluice_rpc_frames_sent_total", "HTTP/2 frames that were sent",
                                  {{"listener", options.name}})} {
  for (const Service& service : options.services) {
    for (const Method& method : service.methods) {
      methods.emplace(absl::StrCat("/", service.name, "/", method.name), method.make);
      absl::StrAppend(&known, known.empty() ? "/" : ", /", service.name, "/", method.name);
    }
  }
}

const MakeHandler* ServerShared::FindMethod(const std::string& path) const {
  const auto found = methods.find(path);
  return found == methods.end() ? nullptr : &found->second;
}

absl::Status ServerShared::UnknownMethod(std::string_view path) const {
  const std::string shown = absl::CHexEscape(std::string(path.substr(0, kMostShownOfAName)));
  return absl::UnimplementedError(absl::StrCat("no method '", shown, "' here; this listener serves ", known));
}

// ---- wakes

void CallWaker::Wake() {
  if (over_.load(std::memory_order_relaxed)) return;
  if (!queued_.exchange(true, std::memory_order_acq_rel)) part_->Wake(shared_from_this());
}

void CallWaker::Run() {
  queued_.store(false, std::memory_order_release);  // What is wished from now on asks for another run.
  if (call_ != nullptr) call_->OnWake();
}

void LoopPart::Wake(std::shared_ptr<CallWaker> waker) {
  const MutexLock lock(mutex_);
  if (closed_) return;
  woken_.push_back(std::move(waker));
  // Whoever was first has posted. Under the lock, since the loop may go after Close().
  if (woken_.size() == 1) loop.Post([self = shared_from_this()] { self->RunWoken(); });
}

void LoopPart::Close() {
  std::vector<std::shared_ptr<CallWaker>> dropped;
  const MutexLock lock(mutex_);
  closed_ = true;
  dropped.swap(woken_);
}

void LoopPart::RunWoken() {
  {
    const MutexLock lock(mutex_);
    running_.swap(woken_);
  }
  for (const std::shared_ptr<CallWaker>& waker : running_) waker->Run();
  running_.clear();
}

// ---- connections

LoopPart::LoopPart(std::shared_ptr<ServerShared> server, EventLoop& event_loop, uint64_t seed)
    : shared(std::move(server)), loop(event_loop), engine_(seed) {}

LoopPart::~LoopPart() = default;

void LoopPart::Add(std::unique_ptr<Channel> channel) {
  if (shared->stopping.load()) return;
  connections_.push_back(std::make_unique<ServerConnection>(*this, std::move(channel), shared->clock.Now()));
  ServerConnection& connection = *connections_.back();
  connection.index_ = connections_.size() - 1;
  shared->connections.fetch_add(1);
  connection.Start();
}

void LoopPart::Remove(ServerConnection& connection) {
  const size_t index = connection.index_;
  if (index >= connections_.size() || connections_[index].get() != &connection) return;
  removed_.push_back(std::move(connections_[index]));
  if (index + 1 != connections_.size()) {
    connections_[index] = std::move(connections_.back());
    connections_[index]->index_ = index;
  }
  connections_.pop_back();
  PostTurnEnd();
}

void LoopPart::Dirty(ServerConnection& connection) {
  dirty_.push_back(&connection);
  PostTurnEnd();
}

void LoopPart::PostTurnEnd() {
  if (turn_end_posted_) return;
  turn_end_posted_ = true;
  // Runs behind what is ready already, which may have more to send.
  loop.Post([self = shared_from_this()] { self->TurnEnd(); });
}

void LoopPart::TurnEnd() {
  turn_end_posted_ = false;
  const SteadyTime now = shared->clock.Now();
  flushing_.swap(dirty_);
  for (ServerConnection* connection : flushing_) connection->Flush(now);
  flushing_.clear();
  if (removed_.empty()) return;
  for (const auto& removed : removed_) std::erase(dirty_, removed.get());
  const size_t count = removed_.size();
  removed_.clear();
  if (shared->connections.fetch_sub(count) == count) {
    const MutexLock lock(shared->mutex);
    shared->changed.NotifyAll();
  }
}

void LoopPart::ShutdownAll(const std::string& text) {
  const SteadyTime now = shared->clock.Now();
  for (const auto& connection : connections_) connection->Shutdown(text, now);
}

void LoopPart::EndAllCalls(const std::string& text) {
  for (const auto& connection : connections_) connection->EndCalls(absl::UnavailableError(text));
}

void LoopPart::CutAll() {
  while (!connections_.empty()) connections_.back()->Cut(absl::UnavailableError("the server stops"));
}

}  // namespace sluice::rpc
