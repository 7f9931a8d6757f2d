#include "server/worker/service.h"

#include <memory>
#include <string>
#include <utility>

namespace sluice {
namespace {

// absl's codes are gRPC's.
grpc::Status ToGrpc(const absl::Status& status) {
  return {static_cast<grpc::StatusCode>(status.code()), std::string(status.message())};
}

using Reactor = grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>;

// A call that is turned away at once.
class Refusal final : public Reactor {
 public:
  explicit Refusal(const absl::Status& status) { Finish(ToGrpc(status)); }
  void OnDone() override { delete this; }
};

// A call that is a session's stream. Owned by gRPC until OnDone.
class Call final : public Reactor, public Stream {
 public:
  explicit Call(grpc::CallbackServerContext& context) : context_(context) {}

  absl::Status Begin(SessionRegistry& registry) {
    registry_ = &registry;
    absl::StatusOr<std::shared_ptr<Session>> session = registry.Open(*this, context_.peer());
    if (!session.ok()) return session.status();
    session_ = *std::move(session);
    StartRead(&incoming_);
    return absl::OkStatus();
  }

  void OnReadDone(bool ok) override {
    if (!ok) {
      session_->OnReadEnd();
    } else if (session_->OnRead(&incoming_)) {
      StartRead(&incoming_);
    }
  }
  void OnWriteDone(bool ok) override { session_->OnWriteDone(ok); }
  void OnCancel() override { session_->OnCancel(); }
  void OnDone() override {
    std::shared_ptr<Session> session = std::move(session_);
    SessionRegistry& registry = *registry_;
    session->OnDone();
    delete this;
    // Last: who waits for it may take the registry and the server down.
    registry.Remove(*session);
  }

  void WriteFrame(const grpc::ByteBuffer* frame) override { StartWrite(frame); }
  void EndWith(const absl::Status& status) override { Finish(ToGrpc(status)); }
  void Abort(const absl::Status& status) override {
    // TryCancel would tell the worker CANCELLED, whatever the reason. On a server's call this sends the status
    // ahead of what the worker does not read.
    grpc_call_cancel_with_status(context_.c_call(), static_cast<grpc_status_code>(status.code()),
                                 std::string(status.message()).c_str(), nullptr);
  }

 private:
  grpc::CallbackServerContext& context_;
  SessionRegistry* registry_ = nullptr;
  std::shared_ptr<Session> session_;
  grpc::ByteBuffer incoming_;
};

}  // namespace

Reactor* WorkerStreamService::Connect(grpc::CallbackServerContext* context) {
  auto call = std::make_unique<Call>(*context);
  absl::Status status = call->Begin(registry_);
  if (!status.ok()) return new Refusal(status);
  return call.release();
}

}  // namespace sluice
