// A call as its handler sees it, over its stream. For this folder.
#pragma once

#include <memory>
#include <string>

#include "server/rpc/connection.h"
#include "server/rpc/protocol/call_stream.h"
#include "server/rpc/service/service.h"

namespace sluice::rpc {

// Its own owner: goes after its handler's OnDone.
class ServerCall final : public Call, public CallEvents {
 public:
  ServerCall(ServerConnection& connection, CallStream& stream, RequestHead head);
  // Asks who it is, finds the method and makes the handler.
  void Begin();
  void OnWake() { handler_->OnWake(); }

  // ---- for the handler
  const CallInfo& info() const override { return info_; }
  const std::shared_ptr<Waker>& waker() override { return waker_; }
  void Read() override;
  void LimitMessages(size_t bytes) override;
  void SendInitialMetadata(Metadata metadata) override;
  void Write(Payload message) override;
  void Finish(const absl::Status& status, Metadata trailers) override;
  void Abort(const absl::Status& status) override;

  // ---- from the session
  void OnMessage(std::string message) override { handler_->OnMessage(std::move(message)); }
  void OnHalfClose() override { handler_->OnHalfClose(); }
  void OnWritten() override { handler_->OnWritten(); }
  void OnOver(const absl::Status* cancelled) override;

 private:
  ~ServerCall() override = default;

  ServerConnection& connection_;
  CallStream* stream_;  // Null: it is over.
  CallInfo info_;
  std::shared_ptr<CallWaker> call_waker_;
  std::shared_ptr<Waker> waker_;
  std::unique_ptr<CallHandler> handler_;
};

}  // namespace sluice::rpc
