// What sluicectl top shows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "sluice/v1/live.pb.h"

namespace sluice::ctl {

enum class TopSort : uint8_t { kRate, kInFlight, kOldest, kWaiting, kName };
inline constexpr std::string_view kTopSortNames[] = {"rate", "in-flight", "oldest", "waiting", "name"};

struct TopView {
  v1::ListChainsResponse chains;
  v1::ListWorkersResponse workers;
  v1::ListConnectionsResponse connections;
};

// Sorted by `sort`, the largest first, names in their order. Of each kind as many as `rows` lines have room for: chains get
// what workers and connections leave, and the other way round. `title`: whom it is of.
std::string TopScreen(TopView view, TopSort sort, size_t rows, const std::string& title, bool colour);

}  // namespace sluice::ctl
