// sluice.v1.WorkerService on gRPC's callback API: each call becomes a Session; nothing is decided here.
#pragma once

#include <grpcpp/grpcpp.h>

#include "server/worker/registry.h"
#include "sluice/v1/worker.grpc.pb.h"

namespace sluice {

// The raw method hands over bytes, so that no message object is built per frame.
class WorkerStreamService final : public v1::WorkerService::WithRawCallbackMethod_Work<v1::WorkerService::Service> {
 public:
  explicit WorkerStreamService(SessionRegistry& registry) : registry_(registry) {}

  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* Work(grpc::CallbackServerContext* context) override;

 private:
  SessionRegistry& registry_;
};

}  // namespace sluice
