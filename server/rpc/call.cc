#include "server/rpc/call.h"

#include <utility>

namespace sluice::rpc {

ServerCall::ServerCall(ServerConnection& connection, CallStream& stream, RequestHead head)
    : connection_(connection),
      stream_(&stream),
      info_{.path = std::move(head.path),
            .authority = std::move(head.authority),
            .metadata = std::move(head.metadata),
            .received = head.received,
            .deadline = head.deadline,
            .peer_name = connection.peer()->text,
            .peer = connection.peer()},
      call_waker_(std::make_shared<CallWaker>(connection.part().shared_from_this(), this)),
      waker_(call_waker_) {
  ServerShared& shared = *connection_.part().shared;
  shared.calls.fetch_add(1, std::memory_order_relaxed);
  shared.metrics.calls.Add(1);
}

void ServerCall::Begin() {
  const ServerShared& shared = *connection_.part().shared;
  const MakeHandler* make = shared.FindMethod(info_.path);
  if (make == nullptr) {
    handler_ = Refuse(*this, shared.UnknownMethod(info_.path));
    return;
  }
  if (shared.options.admit) {
    absl::StatusOr<std::shared_ptr<void>> identity = shared.options.admit(info_);
    if (!identity.ok()) {
      handler_ = Refuse(*this, identity.status());
      return;
    }
    info_.identity = *std::move(identity);
  }
  handler_ = (*make)(*this);
  if (handler_ == nullptr) handler_ = Refuse(*this, absl::InternalError("the method made no handler"));
}

void ServerCall::Read() {
  if (stream_ == nullptr) return;
  stream_->Read();
  connection_.MarkDirty();
}

void ServerCall::LimitMessages(size_t bytes) {
  if (stream_ != nullptr) stream_->LimitMessages(bytes);
}

void ServerCall::SendInitialMetadata(Metadata metadata) {
  if (stream_ == nullptr) return;
  stream_->SendHeaders(std::move(metadata));
  connection_.MarkDirty();
}

void ServerCall::Write(Payload message) {
  if (stream_ == nullptr) return;
  stream_->Write(std::move(message));
  connection_.MarkDirty();
}

void ServerCall::Finish(const absl::Status& status, Metadata trailers) {
  if (stream_ == nullptr) return;
  stream_->Finish(status, std::move(trailers));
  connection_.MarkDirty();
}

void ServerCall::Abort(const absl::Status& status) {
  if (stream_ == nullptr) return;
  stream_->Abort(status);
  connection_.MarkDirty();
}

void ServerCall::OnOver(const absl::Status* cancelled) {
  stream_ = nullptr;
  if (cancelled != nullptr) handler_->OnCancel(*cancelled);
  call_waker_->Forget();
  handler_->OnDone();
  handler_.reset();
  ServerShared& shared = *connection_.part().shared;
  shared.calls.fetch_sub(1, std::memory_order_relaxed);
  shared.metrics.calls.Add(-1);
  delete this;
}

}  // namespace sluice::rpc
