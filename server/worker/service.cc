#include "server/worker/service.h"

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/container/inlined_vector.h"

namespace sluice {
namespace {

// absl's codes are gRPC's.
grpc::Status ToGrpc(const absl::Status& status) {
  return {static_cast<grpc::StatusCode>(status.code()), std::string(status.message())};
}

using Reactor = grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>;

// What the session answers as no WorkerFrame: no field has the number 0.
constexpr std::string_view kNoFrame("\0", 1);

void Release(void* owner) { delete static_cast<std::shared_ptr<rpc::Payload>*>(owner); }

grpc::ByteBuffer ToBuffer(rpc::Payload payload) {
  const auto owner = std::make_shared<rpc::Payload>(std::move(payload));
  absl::InlinedVector<grpc::Slice, 1> slices;
  for (size_t i = 0; i < owner->pieces(); ++i) {
    // gRPC takes a mutable pointer and never writes through it.
    void* bytes = const_cast<char*>(owner->piece(i).data());
    slices.emplace_back(bytes, owner->piece(i).size(), Release, new std::shared_ptr<rpc::Payload>(owner));
  }
  return {slices.data(), slices.size()};
}

// gRPC orders the reactions of a call, but is built without ThreadSanitizer, which so cannot see it. This says it again
// (a plain store and load on x86), so that everything else under a reaction is checked.
class Handover {
 public:
  void Give() { given_.store(true, std::memory_order_release); }
  void Take() const { static_cast<void>(given_.load(std::memory_order_acquire)); }

 private:
  std::atomic<bool> given_{false};
};

// A call that is turned away at once.
class Refusal final : public Reactor {
 public:
  explicit Refusal(const absl::Status& status) {
    Finish(ToGrpc(status));
    begun_.Give();
  }
  void OnDone() override {
    begun_.Take();
    delete this;
  }

 private:
  Handover begun_;
};

// A call that is a session's stream. Owned by gRPC until OnDone.
class Call final : public Reactor, public Stream {
 public:
  explicit Call(grpc::CallbackServerContext& context) : context_(context) {}

  // No reaction runs before Work() has returned the call.
  absl::Status Begin(SessionRegistry& registry) {
    registry_ = &registry;
    absl::StatusOr<std::shared_ptr<Session>> session = registry.Open(*this, context_.peer());
    if (!session.ok()) return session.status();
    session_ = *std::move(session);
    StartRead(&incoming_);
    begun_.Give();
    return absl::OkStatus();
  }

  void OnReadDone(bool ok) override {
    begun_.Take();
    reads_.Take();
    bool more = ok && session_->OnRead(TakeIncoming());
    incoming_slice_ = grpc::Slice();
    if (!ok) session_->OnReadEnd();
    reads_.Give();
    if (more) StartRead(&incoming_);
  }
  void OnWriteDone(bool ok) override {
    begun_.Take();
    writes_.Take();
    outgoing_.Clear();
    session_->OnWriteDone(ok);
  }
  void OnCancel() override {
    begun_.Take();
    session_->OnCancel();
    cancel_.Give();
  }
  void OnDone() override {
    for (const Handover* handover : {&begun_, &reads_, &writes_, &cancel_}) handover->Take();
    std::shared_ptr<Session> session = std::move(session_);
    SessionRegistry& registry = *registry_;
    session->OnDone();
    delete this;
    // Last: who waits for it may take the registry and the server down.
    registry.Remove(*session);
  }

  bool Wake() override { return true; }
  void WriteFrame(rpc::Payload frame) override {
    outgoing_ = ToBuffer(std::move(frame));
    writes_.Give();
    StartWrite(&outgoing_);
  }
  void ReadFrame() override {
    reads_.Give();
    StartRead(&incoming_);
  }
  void EndWith(const absl::Status& status) override {
    writes_.Give();
    Finish(ToGrpc(status));
  }
  void Abort(const absl::Status& status) override {
    // TryCancel would tell the worker CANCELLED, whatever the reason. On a server's call this sends the status
    // ahead of what the worker does not read.
    grpc_call_cancel_with_status(context_.c_call(), static_cast<grpc_status_code>(status.code()),
                                 std::string(status.message()).c_str(), nullptr);
  }

 private:
  // In one piece; stays until the next read.
  std::string_view TakeIncoming() {
    if (incoming_.Length() == 0) return {};
    if (!incoming_.TrySingleSlice(&incoming_slice_).ok() && !incoming_.DumpToSingleSlice(&incoming_slice_).ok()) {
      return kNoFrame;
    }
    incoming_.Clear();
    return {reinterpret_cast<const char*>(incoming_slice_.begin()), incoming_slice_.size()};
  }

  grpc::CallbackServerContext& context_;
  SessionRegistry* registry_ = nullptr;
  std::shared_ptr<Session> session_;
  grpc::ByteBuffer incoming_;
  grpc::Slice incoming_slice_;
  grpc::ByteBuffer outgoing_;  // Owned by the write under way.
  Handover begun_;
  Handover reads_;
  Handover writes_;  // The end is the last of them.
  Handover cancel_;
};

}  // namespace

Reactor* WorkerStreamService::Work(grpc::CallbackServerContext* context) {
  auto call = std::make_unique<Call>(*context);
  absl::Status status = call->Begin(registry_);
  if (!status.ok()) return new Refusal(status);
  return call.release();
}

}  // namespace sluice
