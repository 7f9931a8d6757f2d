// What calls are answered that are meant for another server, or misspelt.
#pragma once

#include <grpcpp/generic/async_generic_service.h>

#include <string>
#include <utility>

namespace sluice {

// Ends each with UNIMPLEMENTED, and says what there is; gRPC's own answer has no text. To be registered with
// RegisterCallbackGenericService; outlives the server.
class UnknownMethods final : public grpc::CallbackGenericService {
 public:
  // `known`: "sluice.v1.WorkerService/Work", for people.
  explicit UnknownMethods(std::string known) : known_(std::move(known)) {}

  grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext* context) override;

 private:
  const std::string known_;
};

}  // namespace sluice
