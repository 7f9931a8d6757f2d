// What permission costs a reply: CPU time and allocations, by the number of filters of the worker's rules.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <string>

#include "bench/micro/allocations.h"
#include "server/identity/permissions.h"
#include "server/route/route.h"

namespace sluice {
namespace {

// A worker with so many filters that allow, of which the last matches, and a quarter as many that deny.
void CheckReply(benchmark::State& state) {
  const int64_t filters = state.range(0);
  PermissionRule rule{.name = "bench", .who = {"spiffe://plant/worker/*"}, .chains = {"temperature"}};
  for (int64_t i = 1; i < filters; ++i) {
    rule.allow_replies.push_back("plant/+/other-" + std::to_string(i) + "/#");
    if (i % 4 == 0) rule.deny_replies.push_back("plant/${topic.2}/admin-" + std::to_string(i) + "/#");
  }
  rule.allow_replies.emplace_back("plant/${topic.2}/reply/#");
  const absl::StatusOr<Permissions> permissions = Permissions::Compile({rule});
  if (!permissions.ok()) std::abort();
  const Chain chain{"temperature"};
  const StreamGrants grants(permissions->For({.names = {"spiffe://plant/worker/7"}}), {&chain});
  const ReplyAct reply{.topic = "plant/boiler-17/reply/ok", .message_topic = "plant/boiler-17/temp"};
  std::string why;
  const uint64_t before = Allocations();
  for ([[maybe_unused]] auto _ : state) {
    if (!grants.Permits(chain, reply, why)) std::abort();
  }
  state.counters["allocations"] =
      benchmark::Counter(static_cast<double>(Allocations() - before), benchmark::Counter::kAvgIterations);
}
BENCHMARK(CheckReply)->ArgName("filters")->Arg(1)->Arg(4)->Arg(10)->Arg(40);

}  // namespace
}  // namespace sluice

BENCHMARK_MAIN();
