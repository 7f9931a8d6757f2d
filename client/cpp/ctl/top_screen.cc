#include "client/cpp/ctl/top_screen.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "client/cpp/ctl/live_text.h"
#include "client/cpp/ctl/text.h"

namespace sluice::ctl {
namespace {

// Lines around the tables: the title, the sums, the help, and a head with an empty line before each of three tables.
constexpr size_t kFrameLines = 3 + (2 * 3);

double KeyOf(const v1::LiveChain& chain, TopSort sort) {
  switch (sort) {
    case TopSort::kRate:
      return chain.settle_rate();
    case TopSort::kInFlight:
      return static_cast<double>(chain.in_flight());
    case TopSort::kOldest:
      return static_cast<double>(chain.oldest_ms());
    case TopSort::kWaiting:
      return static_cast<double>(chain.waiting() + chain.on_disk());
    case TopSort::kName:
      break;
  }
  return 0;
}

double KeyOf(const v1::LiveWorker& worker, TopSort sort) {
  switch (sort) {
    case TopSort::kRate:
      return worker.settle_rate();
    case TopSort::kInFlight:
    case TopSort::kWaiting:
      return static_cast<double>(worker.in_flight());
    case TopSort::kOldest:
      return static_cast<double>(worker.oldest_delivery_ms());
    case TopSort::kName:
      break;
  }
  return 0;
}

double KeyOf(const v1::LiveConnection& connection, TopSort sort) {
  switch (sort) {
    case TopSort::kRate:
      return connection.receive_rate();
    case TopSort::kInFlight:
    case TopSort::kWaiting:
      return static_cast<double>(connection.outbox_messages());
    case TopSort::kOldest:
    case TopSort::kName:
      break;
  }
  return 0;
}

// Rows whose keys are equal stand in the order of these, the same on every screen.
using RowName = std::pair<std::string_view, std::string_view>;
RowName NameOfRow(const v1::LiveChain& chain) { return {chain.name(), ""}; }
RowName NameOfRow(const v1::LiveWorker& worker) { return {worker.worker(), worker.session()}; }
RowName NameOfRow(const v1::LiveConnection& connection) { return {connection.name(), ""}; }

// The first `most` of them.
template <typename Items>
void SortAndCut(Items& items, TopSort sort, size_t most) {
  std::ranges::sort(items, [sort](const auto& a, const auto& b) {
    const double key_a = KeyOf(a, sort), key_b = KeyOf(b, sort);
    return key_a != key_b ? key_a > key_b : NameOfRow(a) < NameOfRow(b);
  });
  const int keep = std::min(items.size(), static_cast<int>(most));
  items.DeleteSubrange(keep, items.size() - keep);
}

// Parts `room` among those that want so much: what one does not need the others get.
std::vector<size_t> Share(size_t room, std::vector<size_t> wants) {
  std::vector<size_t> got(wants.size());
  for (bool given = true; room > 0 && given;) {
    given = false;
    for (size_t i = 0; i < wants.size() && room > 0; ++i) {
      if (got[i] >= wants[i]) continue;
      ++got[i];
      --room;
      given = true;
    }
  }
  return got;
}

struct Sums {
  uint64_t waiting = 0, on_disk = 0, in_flight = 0;
  double arrivals = 0, deliveries = 0, settles = 0;
};

}  // namespace

std::string TopScreen(TopView view, TopSort sort, size_t rows, const std::string& title, bool colour) {
  Sums sums;
  for (const v1::LiveChain& chain : view.chains.chains()) {
    sums.waiting += chain.waiting();
    sums.on_disk += chain.on_disk();
    sums.in_flight += chain.in_flight();
    sums.arrivals += chain.arrival_rate();
    sums.deliveries += chain.delivery_rate();
    sums.settles += chain.settle_rate();
  }
  std::string text = title + ": " + Count(static_cast<uint64_t>(view.chains.chains_size()), "chain") + ", " +
                     Count(view.workers.streams(), "worker") + ", " +
                     Count(static_cast<uint64_t>(view.connections.connections_size()), "connection") + "\n";
  text += "a second: " + Rate(sums.arrivals) + " in, " + Rate(sums.deliveries) + " delivered, " + Rate(sums.settles) +
          " settled; " + std::to_string(sums.waiting) + " wait, " + std::to_string(sums.on_disk) + " in the journal, " +
          std::to_string(sums.in_flight) + " in flight\n";
  text += "sorted by " + std::string(kTopSortNames[static_cast<size_t>(sort)]) + "; s: by another, q: quit\n";

  const size_t room = rows > kFrameLines ? rows - kFrameLines : 3;
  const std::vector<size_t> shares =
      Share(room, {static_cast<size_t>(view.chains.chains_size()), static_cast<size_t>(view.workers.workers_size()),
                   static_cast<size_t>(view.connections.connections_size())});
  SortAndCut(*view.chains.mutable_chains(), sort, shares[0]);
  SortAndCut(*view.workers.mutable_workers(), sort, shares[1]);
  SortAndCut(*view.connections.mutable_connections(), sort, shares[2]);
  // What is said below the tables has no place here.
  for (v1::LiveConnection& connection : *view.connections.mutable_connections()) {
    for (v1::ConnectionStatus& link : *connection.mutable_links()) {
      if (link.ready()) link.clear_detail();
    }
  }
  view.workers.set_streams(static_cast<uint64_t>(view.workers.workers_size()));
  return text + "\n" + ChainsTable(view.chains, colour) + "\n" + WorkersTable(view.workers, colour) + "\n" +
         ConnectionsTable(view.connections, colour);
}

}  // namespace sluice::ctl
