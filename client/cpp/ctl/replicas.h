// The replicas of a gateway behind one name: in Kubernetes the addresses of the headless Service.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "client/cpp/ctl/command_line.h"

namespace sluice::ctl {

// Those of each of `targets`, which are more than one, or one with a name. What has no address is there, with the reason.
struct ReplicaTarget {
  Target target;
  absl::Status trouble;
};
absl::StatusOr<std::vector<ReplicaTarget>> AllReplicas(const std::vector<Target>& targets);

// A target for each address of the name in `target.address`, sorted, TLS against the name. NOT_FOUND: it has none.
// INVALID_ARGUMENT: no HOST:PORT.
absl::StatusOr<std::vector<Target>> ReplicasOf(const Target& target);

}  // namespace sluice::ctl
