#include "server/rpc/service/service.h"

namespace sluice::rpc {
namespace {

class Refusal final : public CallHandler {
 public:
  Refusal(Call& call, const absl::Status& status) { call.Finish(status); }
  void OnMessage(std::string /*message*/) override {}
  void OnHalfClose() override {}
  void OnWritten() override {}
  void OnCancel(const absl::Status& /*why*/) override {}
};

}  // namespace

std::unique_ptr<CallHandler> Refuse(Call& call, const absl::Status& status) {
  return std::make_unique<Refusal>(call, status);
}

}  // namespace sluice::rpc
