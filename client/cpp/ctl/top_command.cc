// A live screen of what a gateway does.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <iterator>
#include <string>

#include "client/cpp/ctl/commands.h"
#include "client/cpp/ctl/terminal.h"
#include "client/cpp/ctl/text.h"
#include "client/cpp/ctl/top_screen.h"

namespace sluice::ctl {
namespace {

absl::StatusOr<TopView> LookAtAll(LiveClient& client) {
  TopView view;
  absl::StatusOr<v1::ListChainsResponse> chains = client.Chains({});
  if (!chains.ok()) return chains.status();
  v1::ListWorkersRequest all;
  all.set_limit(10'000);
  absl::StatusOr<v1::ListWorkersResponse> workers = client.Workers(all);
  if (!workers.ok()) return workers.status();
  absl::StatusOr<v1::ListConnectionsResponse> connections = client.Connections({});
  if (!connections.ok()) return connections.status();
  view.chains = *std::move(chains);
  view.workers = *std::move(workers);
  view.connections = *std::move(connections);
  return view;
}

}  // namespace

int RunTop(LiveClient& client, const TopCommand& command, Terminal& terminal, const std::string& title,
           const Console& console) {
  TopSort sort = command.sort;
  bool begun = false;
  while (true) {
    const absl::StatusOr<TopView> view = LookAtAll(client);
    // One that was there may be restarting: who looks on wants to see it come back.
    if (!view.ok() && !begun) return Fail(view.status(), console);
    begun = true;
    const auto until = std::chrono::steady_clock::now() + command.every;
    bool again = false;
    while (!again) {
      const Terminal::Size size = terminal.size();
      const std::string text =
          view.ok() ? TopScreen(*view, sort, size.rows, Printable(title), console.colour)
                    : Printable(title) + ": " + Printable(std::string(view.status().message())) + "\nq: quit\n";
      terminal.Draw(ClipToScreen(text, size));
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
      const std::optional<char> key = terminal.Key(std::max(left, std::chrono::milliseconds(0)));
      if (key == 'q' || key == 'Q') return kOk;
      if (key == 's') sort = static_cast<TopSort>((static_cast<size_t>(sort) + 1) % std::size(kTopSortNames));
      again = !key;
    }
  }
}

}  // namespace sluice::ctl
