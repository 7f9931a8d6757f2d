// Which worker is let in, and for which chains.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "server/identity/permissions.h"
#include "server/route/chain_directory.h"
#include "server/worker/frame.h"

namespace sluice {

inline constexpr uint32_t kProtocolVersion = 1;

// What decides about the chains of a Hello. Thread-safe if `may_create` is.
struct AdmissionRules {
  ChainDirectory& chains;
  // May a chain that no route names yet be made, since a template may name it? Null: no.
  std::function<bool(std::string_view chain)> may_create;
};

struct Admission {
  uint32_t protocol_version = kProtocolVersion;
  std::vector<ChainRef> accepted;  // At least one, each once.
  struct Refused {
    std::string chain;
    std::string reason;
    bool unknown = false;  // Nothing names it: a change of the configuration may.
  };
  std::vector<Refused> refused;
};

// `grants`: null permits every chain. PermissionDenied: none is accepted, and one because of that. FailedPrecondition: no
// common protocol version, or no chain accepted. InvalidArgument: the version range is empty.
absl::StatusOr<Admission> Admit(const Hello& hello, const AdmissionRules& rules, const Grants* grants = nullptr);

}  // namespace sluice
