#include "client/cpp/ctl/live_text.h"

#include <algorithm>

#include "client/cpp/ctl/text.h"

namespace sluice::ctl {
namespace {

// What a table has room for.
constexpr size_t kChainsShown = 40;
constexpr size_t kNameShown = 48;

template <typename Names>
std::string Joined(const Names& names, size_t max_chars) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ",") + name;
  return Printable(text, max_chars);
}

std::string InFlight(const v1::LiveWorker& worker) {
  return std::to_string(worker.in_flight()) + "/" + std::to_string(worker.window_messages());
}

std::string Bound(uint64_t value, uint64_t most) { return std::to_string(value) + "/" + std::to_string(most); }

std::string Outcomes(const v1::DeliveryCounts& counts) {
  return std::to_string(counts.acked()) + " acked, " + std::to_string(counts.retried()) + " retried, " +
         std::to_string(counts.rejected()) + " rejected, " + std::to_string(counts.dropped()) + " dropped; " +
         Count(counts.leases_expired(), "lease") + " expired";
}

// With the replica in front, where there are several.
std::vector<std::string> With(const std::vector<std::string>* replicas, std::string_view replica,
                              std::vector<std::string> cells) {
  if (replicas != nullptr) cells.insert(cells.begin(), Printable(replica));
  return cells;
}
std::string_view ReplicaOf(const std::vector<std::string>* replicas, int row) {
  return replicas == nullptr ? std::string_view() : (*replicas)[static_cast<size_t>(row)];
}
constexpr char kReplica[] = "REPLICA";

Style StyleOf(const v1::LiveWorker& worker) { return worker.state() == "open" ? Style::kPlain : Style::kCaution; }

}  // namespace

std::string WorkersTable(const v1::ListWorkersResponse& workers, bool colour,
                         const std::vector<std::string>* replicas) {
  if (workers.workers().empty()) return "no worker is connected\n";
  Table table(With(replicas, kReplica,
                   {"SESSION", "WORKER", "STATE", "CHAINS", "IN FLIGHT", "OLDEST", "SETTLED/S", "ACKED", "RETRIED",
                    "REJECTED", "DROPPED", "EXPIRED", "SDK", "FROM", "SINCE"}));
  int row = 0;
  for (const v1::LiveWorker& worker : workers.workers()) {
    const v1::DeliveryCounts& counts = worker.counts();
    table.Add(
        With(replicas, ReplicaOf(replicas, row++),
             {Printable(worker.session()), Printable(worker.worker(), kNameShown), Printable(worker.state()),
              Joined(worker.chains(), kChainsShown), InFlight(worker),
              worker.has_oldest_delivery_ms() ? Age(worker.oldest_delivery_ms()) : "-", Rate(worker.settle_rate()),
              std::to_string(counts.acked()), std::to_string(counts.retried()), std::to_string(counts.rejected()),
              std::to_string(counts.dropped()), std::to_string(counts.leases_expired()),
              worker.sdk().empty() ? "-" : Printable(worker.sdk()), Printable(worker.peer()), Age(worker.age_ms())}),
        StyleOf(worker));
  }
  std::string text = table.ToString(0, colour);
  const uint64_t shown = static_cast<uint64_t>(workers.workers_size());
  if (shown > 1 && workers.streams() > shown) text += "and " + std::to_string(workers.streams() - shown) + " more\n";
  return text;
}

std::string WorkerText(const v1::LiveWorker& worker) {
  std::string text;
  const auto line = [&text](const char* name, const std::string& value) {
    text += name;
    text.append(16 - std::char_traits<char>::length(name), ' ');
    text += value + "\n";
  };
  line("session", Printable(worker.session()));
  line("worker", Printable(worker.worker()));
  line("principal", worker.principal().empty() ? "nobody asked" : Printable(worker.principal()));
  line("from", Printable(worker.peer()));
  if (!worker.sdk().empty()) line("sdk", Printable(worker.sdk()));
  if (!worker.user_agent().empty()) line("client", Printable(worker.user_agent()));
  line("state", Printable(worker.state()) + ", since " + Age(worker.age_ms()));
  line("chains", Joined(worker.chains(), SIZE_MAX));
  line("window", Count(worker.window_messages(), "message") +
                     (worker.window_bytes() == 0 ? "" : ", " + Bytes(worker.window_bytes())));
  line("in flight",
       Count(worker.in_flight(), "message") + ", " + Bytes(worker.in_flight_bytes()) +
           (worker.has_oldest_delivery_ms() ? "; the oldest for " + Age(worker.oldest_delivery_ms()) : ""));
  line("rates", Rate(worker.delivery_rate()) + " delivered and " + Rate(worker.settle_rate()) + " settled a second");
  line("deliveries", std::to_string(worker.counts().deliveries()) + ": " + Outcomes(worker.counts()));
  return text;
}

std::string ChainsTable(const v1::ListChainsResponse& chains, bool colour, const std::vector<std::string>* replicas) {
  if (chains.chains().empty()) return "there is no chain\n";
  Table table(With(replicas, kReplica,
                   {"CHAIN", "STATE", "WORKERS", "WAITING", "BYTES", "IN JOURNAL", "IN FLIGHT", "OLDEST", "IN/S",
                    "DELIVERED/S", "SETTLED/S", "ACKED", "RETRIED", "REJECTED", "DROPPED", "EXPIRED"}));
  std::string pauses;
  int row = 0;
  for (const v1::LiveChain& chain : chains.chains()) {
    const std::string replica(ReplicaOf(replicas, row++));
    const v1::DeliveryCounts& counts = chain.counts();
    const bool waits = chain.waiting() + chain.on_disk() > 0;
    const char* const state = chain.has_pause()     ? "paused"
                              : chain.workers() > 0 ? "served"
                              : waits               ? "stuck"
                                                    : "no worker";
    table.Add(With(replicas, replica,
                   {Printable(chain.name(), kNameShown), state, std::to_string(chain.workers()),
                    std::to_string(chain.waiting()), Bytes(chain.waiting_bytes()), std::to_string(chain.on_disk()),
                    std::to_string(chain.in_flight()), chain.has_oldest_ms() ? Age(chain.oldest_ms()) : "-",
                    Rate(chain.arrival_rate()), Rate(chain.delivery_rate()), Rate(chain.settle_rate()),
                    std::to_string(counts.acked()), std::to_string(counts.retried()), std::to_string(counts.rejected()),
                    std::to_string(counts.dropped()), std::to_string(counts.leases_expired())}),
              chain.has_pause()                    ? Style::kCaution
              : state == std::string_view("stuck") ? Style::kTrouble
                                                   : Style::kPlain);
    if (!chain.has_pause()) continue;
    pauses += (replica.empty() ? "" : Printable(replica) + ": ") + Printable(chain.name()) + " is paused since " +
              UtcTime(chain.pause().since_unix_ms()) + " by " + Printable(chain.pause().by()) +
              (chain.pause().reason().empty() ? "" : ": " + Printable(chain.pause().reason())) + "\n";
  }
  return table.ToString(0, colour) + (pauses.empty() ? "" : "\n" + pauses);
}

std::string ConnectionsTable(const v1::ListConnectionsResponse& connections, bool colour,
                             const std::vector<std::string>* replicas) {
  if (connections.connections().empty()) return "there is no connection\n";
  Table table(With(replicas, kReplica,
                   {"CONNECTION", "SERVER", "STATE", "RECEIVED", "IN/S", "IN BYTES", "IN BYTES/S", "PUBLISHED", "OUT/S",
                    "OUT BYTES", "OUT BYTES/S", "OUTBOX", "OUTBOX BYTES"}));
  std::string details;
  int row = 0;
  for (const v1::LiveConnection& connection : connections.connections()) {
    const std::string replica(ReplicaOf(replicas, row++));
    const bool ready = std::ranges::all_of(connection.links(), &v1::ConnectionStatus::ready);
    const auto byte_rate = [](double rate) { return Bytes(static_cast<uint64_t>(rate)); };
    table.Add(
        With(replicas, replica,
             {Printable(connection.name(), kNameShown), Printable(connection.server()),
              connection.links().empty() ? "-"
              : !ready                   ? "not ready"
              : connection.outbox_full() ? "outbox full"
                                         : "ready",
              std::to_string(connection.received()), Rate(connection.receive_rate()),
              Bytes(connection.received_bytes()), byte_rate(connection.receive_byte_rate()),
              std::to_string(connection.published()), Rate(connection.publish_rate()),
              Bytes(connection.published_bytes()), byte_rate(connection.publish_byte_rate()),
              Bound(connection.outbox_messages(), connection.outbox_max_messages()), Bytes(connection.outbox_bytes())}),
        !ready                     ? Style::kTrouble
        : connection.outbox_full() ? Style::kCaution
                                   : Style::kPlain);
    for (const v1::ConnectionStatus& link : connection.links()) {
      if (link.ready() && link.detail().empty()) continue;
      details += (replica.empty() ? "" : Printable(replica) + ": ") + Printable(link.name()) +
                 (link.ready() ? ": " : " is not ready: ") + Printable(link.detail()) + "\n";
    }
  }
  return table.ToString(0, colour) + (details.empty() ? "" : "\n" + details);
}

}  // namespace sluice::ctl
