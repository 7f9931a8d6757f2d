// grpc.health.v1: what load balancers and probes ask before they send anybody here.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "server/rpc/service/service.h"

namespace sluice::rpc {

// Thread-safe. Calls may outlive it.
class Health {
 public:
  // `services` and the server as a whole ("") are SERVING from the start; others are not known here.
  explicit Health(std::vector<std::string> services);
  Health(const Health&) = delete;
  Health& operator=(const Health&) = delete;
  ~Health();

  // For all, and for good: the server is about to stop. Whoever watches is told.
  void SetNotServing();

  Service service() const;

 private:
  class State;
  class Check;
  class Watch;
  std::shared_ptr<State> state_;
};

}  // namespace sluice::rpc
