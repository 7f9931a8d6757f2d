#include "server/grpc/unknown_methods.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace sluice {
namespace {

constexpr size_t kLongestMethod = 200;

class Answer final : public grpc::ServerGenericBidiReactor {
 public:
  explicit Answer(grpc::Status status) { Finish(std::move(status)); }
  void OnDone() override { delete this; }
};

}  // namespace

grpc::ServerGenericBidiReactor* UnknownMethods::CreateReactor(grpc::GenericCallbackServerContext* context) {
  const std::string method = absl::CHexEscape(context->method().substr(0, kLongestMethod));
  return new Answer(
      {grpc::StatusCode::UNIMPLEMENTED, absl::StrCat("no method '", method, "' here; this listener serves ", known_)});
}

}  // namespace sluice
