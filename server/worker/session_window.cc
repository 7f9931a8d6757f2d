// What a session tells the dispatcher by itself: the window as it stands, and messages that fit no frame.
#include <utility>

#include "server/worker/session.h"

namespace sluice {
namespace {

// For settles that the session itself makes.
class NoResults final : public ResultSink {
 public:
  void SendResults(std::vector<ItemResult> /*results*/) override {}
};

}  // namespace

void Session::SetWindowLocked(Window window) {
  context_.metrics.window_messages.Add(static_cast<int64_t>(window.messages) - window_.messages);
  window_ = window;
}

void Session::SyncWindow() {
  {
    MutexLock lock(mutex_);
    // Whoever is telling looks again before it leaves; so the last word is the current window.
    if (telling_window_) return;
    telling_window_ = true;
  }
  while (true) {
    Window window;
    SessionId session = 0;
    {
      MutexLock lock(mutex_);
      window = stalled_ ? Window{} : window_;
      bool told = window.messages == told_window_.messages && window.bytes == told_window_.bytes;
      if (told || session_ == 0 || !OpenLocked()) {
        telling_window_ = false;
        return;
      }
      told_window_ = window;
      session = session_;
    }
    context_.source.SetWindow(session, window);
  }
}

void Session::RejectOversized() {
  std::vector<WorkerSettle> settles;
  SessionId session = 0;
  {
    MutexLock lock(mutex_);
    session = session_;
    for (uint64_t id : oversized_) {
      WorkerSettle& settle = settles.emplace_back();
      settle.delivery_id = id;
      settle.verdict = Verdict::kReject;
      settle.reason = "larger than a frame of the worker stream may be (workers.maxFrameBytes)";
    }
    oversized_.clear();
  }
  context_.metrics.oversized.Add(settles.size());
  context_.settles.OnSettles(session, std::move(settles), std::make_shared<NoResults>());
}

}  // namespace sluice
