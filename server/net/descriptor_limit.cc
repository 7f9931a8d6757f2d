#include "server/net/descriptor_limit.h"

#include <sys/resource.h>

#include <algorithm>

namespace sluice {
namespace {

// RLIM_INFINITY, and what some container runtimes set, would be no bound.
constexpr size_t kMostDescriptors = 1u << 20;

size_t Bounded(rlim_t limit) { return limit >= kMostDescriptors ? kMostDescriptors : static_cast<size_t>(limit); }

}  // namespace

size_t RaiseDescriptorLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
  }
  return DescriptorLimit();
}

size_t DescriptorLimit() {
  rlimit limit{};
  // It cannot fail; every process has this many.
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 256;
  return Bounded(limit.rlim_cur);
}

size_t DescriptorsForConnections(size_t limit) {
  constexpr size_t kMostKept = 512;
  return limit - std::min(limit / 4, kMostKept);
}

}  // namespace sluice
