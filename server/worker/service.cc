#include "server/worker/service.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/net/listen_socket.h"
#include "server/net/peer.h"
#include "server/runtime/mutex.h"
#include "server/worker/frame_decoder.h"

namespace sluice {
namespace {

// A call that is a session's stream.
class WorkerCall final : public rpc::CallHandler, public Stream {
 public:
  WorkerCall(rpc::Call& call, SessionRegistry& registry, size_t max_frame_bytes)
      : call_(call), waker_(call.waker()), registry_(registry), max_frame_bytes_(max_frame_bytes) {}

  absl::Status Begin() {
    const rpc::CallInfo& info = call_.info();
    std::vector<std::string_view> authorization;
    for (const auto& [name, value] : info.metadata) {
      if (name == "authorization") authorization.push_back(value);
    }
    const auto certificate = info.peer == nullptr ? nullptr : info.peer->certificate;
    const std::string host = info.peer == nullptr ? "" : HostOf(info.peer->address);
    absl::StatusOr<std::shared_ptr<Session>> session =
        registry_.Open(*this, info.peer_name, host,
                       {.certificate = certificate,
                        .authorization = authorization,
                        .user_agent = rpc::Find(info.metadata, "user-agent")});
    if (!session.ok()) return session.status();
    session_ = *std::move(session);
    // Nobody is known to be a worker before it has said hello, and then gets the room that frames may need.
    call_.LimitMessages(std::min(kMaxHelloBytes, max_frame_bytes_));
    call_.Read();
    return absl::OkStatus();
  }

  // ---- the call's reactions
  void OnMessage(std::string message) override {
    const bool more = session_->OnRead(message);
    if (std::exchange(first_, false)) call_.LimitMessages(max_frame_bytes_);
    if (more) call_.Read();
  }
  void OnHalfClose() override { session_->OnReadEnd(); }
  void OnWritten() override { session_->OnWritten(); }
  void OnWake() override {
    if (read_.exchange(false)) call_.Read();
    std::optional<absl::Status> aborted;
    {
      MutexLock lock(mutex_);
      aborted.swap(abort_);
    }
    if (aborted) {
      call_.Abort(*aborted);
    } else {
      session_->OnWake();
    }
  }
  void OnCancel(const absl::Status& why) override { session_->OnCancel(why); }
  void OnDone() override {
    if (session_ == nullptr) return;
    const std::shared_ptr<Session> session = std::move(session_);
    session->OnDone();
    // Last: who waits for it may take the registry down.
    registry_.Remove(*session);
  }

  // ---- Stream
  void Wake() override { waker_->Wake(); }
  void WriteFrame(rpc::Payload frame) override { call_.Write(std::move(frame)); }
  void ReadFrame() override {
    read_.store(true);
    waker_->Wake();
  }
  void EndWith(const absl::Status& status) override { call_.Finish(status); }
  void Abort(const absl::Status& status) override {
    {
      MutexLock lock(mutex_);
      abort_ = status;
    }
    waker_->Wake();
  }

 private:
  rpc::Call& call_;
  const std::shared_ptr<rpc::Waker> waker_;
  SessionRegistry& registry_;
  const size_t max_frame_bytes_;
  std::shared_ptr<Session> session_;
  bool first_ = true;

  std::atomic<bool> read_ = false;
  Mutex mutex_;
  std::optional<absl::Status> abort_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

rpc::Service MakeWorkerService(SessionRegistry& registry, size_t max_frame_bytes) {
  const auto make = [&registry, max_frame_bytes](rpc::Call& call) -> std::unique_ptr<rpc::CallHandler> {
    auto handler = std::make_unique<WorkerCall>(call, registry, max_frame_bytes);
    if (absl::Status status = handler->Begin(); !status.ok()) return rpc::Refuse(call, status);
    return handler;
  };
  return {.name = kWorkerServiceName, .methods = {{.name = "Work", .make = make}}};
}

}  // namespace sluice
