// sluice-gateway-failpoints: the gateway with parts that a test can make fail. Takes the gateway's arguments, and
//
//   SLUICE_FAILPOINT=NAME[:N]       kills itself with SIGKILL when it comes to that point for the N-th time
//   SLUICE_DISK_FAULT=KIND:FILE     the journal's disk fails while FILE is there: KIND is write, space, sync or stall
//   SLUICE_POISON=WHEN:TEXT         kills itself over each message with TEXT: WHEN it is taken (in, for a chain), appended
//                                   (to the journal, for whomever), read (back from it), delivered, published (a reply),
//                                   or kept (as a dead letter)
//
// The gateway that is installed has none of this.
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <utility>

#include "server/run.h"
#include "tests/failpoints/disk.h"
#include "tests/failpoints/failpoint.h"
#include "tests/failpoints/journal.h"
#include "tests/failpoints/mqtt.h"
#include "tests/failpoints/poison.h"

namespace {

const char* Environment(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): before the first thread.
  return value == nullptr ? "" : value;
}

int Fail(const char* variable, const absl::Status& status) {
  std::fprintf(stderr, "%s: %s\n", variable, status.ToString().c_str());
  return EXIT_FAILURE;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace sluice;  // NOLINT(google-build-using-namespace): a program of its own.
  auto failpoint = Failpoint::Parse(Environment("SLUICE_FAILPOINT"));
  if (!failpoint.ok()) return Fail("SLUICE_FAILPOINT", failpoint.status());
  auto fault = DiskFault::Parse(Environment("SLUICE_DISK_FAULT"));
  if (!fault.ok()) return Fail("SLUICE_DISK_FAULT", fault.status());

  auto poison = Poison::Parse(Environment("SLUICE_POISON"));
  if (!poison.ok()) return Fail("SLUICE_POISON", poison.status());

  Failpoint& point = **failpoint;
  const std::unique_ptr<JournalFiles> files = WithFault(JournalFiles::Posix(), *std::move(fault));
  GatewayParts parts;
  parts.mqtt = WithFailpoint(parts.mqtt, point, *poison);
  parts.journal.wrap = [&point, &poison = *poison](Journal& inner) -> std::unique_ptr<Journal> {
    return std::make_unique<FailpointJournal>(inner, point, poison);
  };
  parts.journal.files = files.get();
  parts.seams = poison->seams();
  return RunGateway({argv + 1, argv + argc}, std::move(parts));
}
