// sluice-gateway-failpoints: the gateway with parts that a test can make fail. Takes the gateway's arguments, and
//
//   SLUICE_FAILPOINT=NAME[:N]    kills itself with SIGKILL when it comes to that point for the N-th time
//
// The gateway that is installed has none of this.
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "server/run.h"
#include "tests/failpoints/failpoint.h"
#include "tests/failpoints/journal.h"
#include "tests/failpoints/mqtt.h"

namespace {

const char* Environment(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): before the first thread.
  return value == nullptr ? "" : value;
}

}  // namespace

int main(int argc, char** argv) {
  auto failpoint = sluice::Failpoint::Parse(Environment("SLUICE_FAILPOINT"));
  if (!failpoint.ok()) {
    std::fprintf(stderr, "SLUICE_FAILPOINT: %s\n", failpoint.status().ToString().c_str());
    return EXIT_FAILURE;
  }
  sluice::Failpoint& point = **failpoint;
  return sluice::RunGateway({argv + 1, argv + argc},
                            {.mqtt = sluice::WithFailpoint(sluice::MqttDrivers::Real(), point),
                             .wrap_journal = [&point](sluice::Journal& inner) -> std::unique_ptr<sluice::Journal> {
                               return std::make_unique<sluice::FailpointJournal>(inner, point);
                             }});
}
