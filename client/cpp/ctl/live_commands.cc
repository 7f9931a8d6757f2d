// Looks at a running gateway, and steers it.
#include <functional>
#include <string>

#include "client/cpp/ctl/commands.h"
#include "client/cpp/ctl/json.h"
#include "client/cpp/ctl/live_text.h"
#include "client/cpp/ctl/text.h"
#include "client/cpp/ctl/watch.h"

namespace sluice::ctl {
namespace {

// Of a list a line each.
template <typename Items>
std::string JsonLines(const Items& items) {
  std::string text;
  for (const auto& item : items) text += ToJson(item, true);
  return text;
}

absl::StatusOr<std::string> LookAtWorkers(LiveClient& client, const LookCommand& command, bool json, bool colour) {
  v1::ListWorkersRequest request;
  request.set_worker(command.name);
  if (command.name.empty()) request.set_limit(10'000);
  const absl::StatusOr<v1::ListWorkersResponse> workers = client.Workers(request);
  if (!workers.ok()) return workers.status();
  if (json) return JsonLines(workers->workers());
  if (command.what == LookCommand::What::kWorkers) return WorkersTable(*workers, colour);
  std::string text;
  for (const v1::LiveWorker& worker : workers->workers()) text += (text.empty() ? "" : "\n") + WorkerText(worker);
  return text;
}

absl::StatusOr<std::string> LookAtChains(LiveClient& client, const LookCommand& command, bool json, bool colour) {
  v1::ListChainsRequest request;
  request.set_chain(command.name);
  const absl::StatusOr<v1::ListChainsResponse> chains = client.Chains(request);
  if (!chains.ok()) return chains.status();
  return json ? JsonLines(chains->chains()) : ChainsTable(*chains, colour);
}

absl::StatusOr<std::string> LookAtConnections(LiveClient& client, const LookCommand& command, bool json, bool colour) {
  v1::ListConnectionsRequest request;
  request.set_connection(command.name);
  const absl::StatusOr<v1::ListConnectionsResponse> connections = client.Connections(request);
  if (!connections.ok()) return connections.status();
  return json ? JsonLines(connections->connections()) : ConnectionsTable(*connections, colour);
}

// Says what came of an act: `sentence` of the response, or the response itself.
template <typename Response, typename Sentence>
int Say(const absl::StatusOr<Response>& response, bool json, const Console& console, Sentence sentence) {
  if (!response.ok()) return Fail(response.status(), console);
  console.out << (json ? ToJson(*response, false) : sentence(*response) + "\n");
  return kOk;
}

std::string NameOf(const v1::LiveWorker& worker) {
  return Printable(worker.worker()) + " (session " + Printable(worker.session()) + ")";
}

int Drain(LiveClient& client, const SteerCommand& command, bool json, const Console& console) {
  v1::DrainWorkerRequest request;
  request.set_worker(command.name);
  request.set_reason(command.reason);
  request.set_within_ms(static_cast<uint64_t>(command.within.count()));
  return Say(client.DrainWorker(request), json, console, [](const v1::DrainWorkerResponse& response) {
    return NameOf(response.worker()) + " drains: it gets nothing more on this stream, and settles the " +
           Count(response.worker().in_flight(), "message") + " that it holds";
  });
}

int Disconnect(LiveClient& client, const SteerCommand& command, bool json, const Console& console) {
  v1::DisconnectWorkerRequest request;
  request.set_worker(command.name);
  request.set_reason(command.reason);
  return Say(client.DisconnectWorker(request), json, console, [](const v1::DisconnectWorkerResponse& response) {
    return NameOf(response.worker()) + " is disconnected; it held " + Count(response.worker().in_flight(), "message");
  });
}

int Pause(LiveClient& client, const SteerCommand& command, bool json, const Console& console) {
  v1::PauseChainRequest request;
  request.set_chain(command.name);
  request.set_reason(command.reason);
  return Say(client.PauseChain(request), json, console, [&](const v1::PauseChainResponse& response) {
    const v1::LiveChain& chain = response.chain();
    const std::string name = "chain '" + Printable(chain.name()) + "'";
    if (response.unchanged()) {
      return name + " was paused already, since " + UtcTime(chain.pause().since_unix_ms()) + " by " +
             Printable(chain.pause().by());
    }
    return name + " is paused: " + Count(chain.waiting() + chain.on_disk(), "message") + " and what comes wait; " +
           std::to_string(chain.in_flight()) + " with workers go on" +
           (response.durable() ? "" : ". It lasts until the gateway ends, for there is no journal on disk");
  });
}

int Resume(LiveClient& client, const SteerCommand& command, bool json, const Console& console) {
  v1::ResumeChainRequest request;
  request.set_chain(command.name);
  return Say(client.ResumeChain(request), json, console, [](const v1::ResumeChainResponse& response) {
    const std::string name = "chain '" + Printable(response.chain().name()) + "'";
    return response.unchanged() ? name + " was not paused" : name + " goes on";
  });
}

int DrainAll(LiveClient& client, const SteerCommand& command, bool json, const Console& console) {
  v1::DrainGatewayRequest request;
  request.set_reason(command.reason);
  return Say(client.DrainGateway(request), json, console, [](const v1::DrainGatewayResponse& response) {
    return "the gateway takes nothing more; " + Count(response.unsettled(), "message") + " to settle, " +
           std::to_string(response.unconfirmed()) + (response.unconfirmed() == 1 ? " reply" : " replies") +
           " to be confirmed. sluicectl gateway resume ends it";
  });
}

}  // namespace

int RunLook(LiveClient& client, const LookCommand& command, bool json, const Console& console) {
  const auto look = [&]() -> absl::StatusOr<std::string> {
    switch (command.what) {
      case LookCommand::What::kWorkers:
      case LookCommand::What::kWorker:
        return LookAtWorkers(client, command, json, console.colour);
      case LookCommand::What::kChains:
        return LookAtChains(client, command, json, console.colour);
      case LookCommand::What::kConnections:
        break;
    }
    return LookAtConnections(client, command, json, console.colour);
  };
  return Watch(look, command.watch, json, console);
}

int RunSteer(LiveClient& client, const SteerCommand& command, bool json, const Console& console) {
  switch (command.verb) {
    case SteerCommand::Verb::kDrainWorker:
      return Drain(client, command, json, console);
    case SteerCommand::Verb::kDisconnectWorker:
      return Disconnect(client, command, json, console);
    case SteerCommand::Verb::kPauseChain:
      return Pause(client, command, json, console);
    case SteerCommand::Verb::kResumeChain:
      return Resume(client, command, json, console);
    case SteerCommand::Verb::kDrainGateway:
      return DrainAll(client, command, json, console);
    case SteerCommand::Verb::kResumeGateway:
      break;
  }
  return Say(client.ResumeGateway(), json, console,
             [](const v1::ResumeGatewayResponse&) { return std::string("the gateway takes messages again"); });
}

}  // namespace sluice::ctl
