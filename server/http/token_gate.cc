#include "server/http/token_gate.h"

#include <algorithm>

#include "server/certificates/pem.h"
#include "server/certificates/token.h"
#include "server/config/text.h"
#include "server/telemetry/log.h"

namespace sluice {
namespace {

// Takes as long for a wrong token as for the right one of the same length, so that nobody finds it letter by letter.
bool SameSecret(std::string_view a, std::string_view b) {
  unsigned difference = a.size() == b.size() ? 0 : 1;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) difference |= static_cast<unsigned char>(a[i] ^ b[i]);
  return difference == 0;
}

}  // namespace

absl::Status TokenGate::Load() {
  MutexLock lock(mutex_);
  return LoadLocked();
}

absl::Status TokenGate::LoadLocked() {
  next_look_ = clock_.Now() + kLookEvery;
  const absl::StatusOr<std::string> content = ReadPemFile(path_);
  std::string_view problem = text::Message(content.status());
  if (content.ok() && !IsToken(*content)) {
    problem = "holds no token: one has up to 1024 visible letters of ASCII, without blanks";
  }
  if (!problem.empty()) return absl::InvalidArgumentError(text::Concat(setting_, ": '", path_, "' ", problem));
  token_ = TokenOf(*content);
  return absl::OkStatus();
}

bool TokenGate::Admits(std::string_view authorization) {
  MutexLock lock(mutex_);
  if (clock_.Now() >= next_look_) {
    std::string complaint(text::Message(LoadLocked()));
    if (complaint != complaint_ && !complaint.empty()) {
      log::Error("a token file is not usable, the last good token stays in use", {{"detail", complaint}});
    }
    complaint_ = std::move(complaint);
  }
  constexpr std::string_view kScheme = "bearer ";
  if (authorization.size() < kScheme.size() ||
      !text::EqualsIgnoreCase(authorization.substr(0, kScheme.size()), kScheme)) {
    return false;
  }
  return !token_.empty() && SameSecret(authorization.substr(kScheme.size()), token_);
}

}  // namespace sluice
