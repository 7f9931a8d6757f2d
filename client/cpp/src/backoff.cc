#include "client/cpp/src/backoff.h"

#include <algorithm>

namespace sluice::client {

bool IsFatal(StatusCode code) {
  return code == StatusCode::kInvalidArgument || code == StatusCode::kUnauthenticated ||
         code == StatusCode::kPermissionDenied || code == StatusCode::kFailedPrecondition ||
         code == StatusCode::kUnimplemented;
}

Millis Backoff::Next(StatusCode code) {
  Millis whole = longest_;
  if (!IsFatal(code)) {
    constexpr unsigned kMaxDoublings = 20;
    whole = std::min(longest_, first_ * (1 << std::min(failures_, kMaxDoublings)));
    ++failures_;
  }
  std::uniform_int_distribution<Millis::rep> within(whole.count() / 2, whole.count());
  return Millis(within(random_));
}

}  // namespace sluice::client
