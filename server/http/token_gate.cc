#include "server/http/token_gate.h"

#include <algorithm>

#include "server/certificates/pem.h"
#include "server/certificates/token.h"
#include "server/runtime/text.h"
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

absl::StatusOr<std::shared_ptr<TokenGate>> TokenGate::Load(std::string setting, std::string path) {
  std::shared_ptr<TokenGate> gate(new TokenGate(std::move(setting), std::move(path)));
  if (absl::Status status = gate->Read(); !status.ok()) return status;
  return gate;
}

absl::Status TokenGate::Read() {
  const absl::StatusOr<std::string> content = ReadPemFile(path_);
  std::string_view problem = text::Message(content.status());
  if (content.ok() && !IsToken(*content)) {
    problem = "holds no token: one has up to 1024 visible letters of ASCII, without blanks";
  }
  if (!problem.empty()) return absl::InvalidArgumentError(text::Concat(setting_, ": '", path_, "' ", problem));
  MutexLock lock(mutex_);
  token_ = TokenOf(*content);
  return absl::OkStatus();
}

SteadyTime TokenGate::Tick(SteadyTime now) {
  if (now < next_look_) return next_look_;
  next_look_ = now + kLookEvery;
  std::string complaint(text::Message(Read()));
  if (complaint != complaint_ && !complaint.empty()) {
    log::Error("a token file is not usable, the last good token stays in use", {{"detail", complaint}});
  }
  complaint_ = std::move(complaint);
  return next_look_;
}

bool TokenGate::Admits(std::string_view authorization) {
  constexpr std::string_view kScheme = "bearer ";
  if (authorization.size() < kScheme.size() ||
      !text::EqualsIgnoreCase(authorization.substr(0, kScheme.size()), kScheme)) {
    return false;
  }
  MutexLock lock(mutex_);
  return SameSecret(authorization.substr(kScheme.size()), token_);
}

}  // namespace sluice
