// A call whose client sends one message, handled on the loop.
#pragma once

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/rpc/service/service.h"

namespace sluice::rpc {

class SingleRequest : public CallHandler {
 public:
  explicit SingleRequest(Call& call) : call_(call) { call_.Read(); }

  void OnMessage(std::string message) final {
    got_ = true;
    OnRequest(message);
  }
  void OnHalfClose() final {
    if (!got_) call_.Finish(absl::InternalError(absl::StrCat(call_.info().path, ": the call ended without a request")));
  }
  void OnWritten() override {}
  void OnCancel(const absl::Status& /*why*/) override {}

 protected:
  virtual void OnRequest(const std::string& bytes) = 0;

  Call& call() { return call_; }
  absl::Status NotThatType() const {
    return absl::InternalError(absl::StrCat(call_.info().path, ": the request is not a message of that type"));
  }

 private:
  Call& call_;
  bool got_ = false;
};

}  // namespace sluice::rpc
