// What is asked of all replicas of a gateway at once, and added up.
#include <algorithm>
#include <future>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "client/cpp/ctl/commands.h"
#include "client/cpp/ctl/json.h"
#include "client/cpp/ctl/live_text.h"
#include "client/cpp/ctl/text.h"
#include "client/cpp/ctl/watch.h"

namespace sluice::ctl {
namespace {

constexpr char kSum[] = "(all)";

// What each answers, in their order. They are asked at the same time: one that is away is waited for by nobody else.
template <typename Ask>
auto AskEach(std::span<const Replica> replicas, const Ask& ask) {
  using Answer = decltype(ask(replicas.front()));
  std::vector<std::future<Answer>> asked;
  for (const Replica& replica : replicas) {
    asked.push_back(std::async(std::launch::async, [&replica, &ask]() -> Answer {
      if (!replica.trouble.ok()) return replica.trouble;
      return ask(replica);
    }));
  }
  std::vector<Answer> answers;
  answers.reserve(asked.size());
  for (std::future<Answer>& one : asked) answers.push_back(one.get());
  return answers;
}

// Those that have answered. Says of the others why not, and sets `away`.
template <typename Response>
std::vector<std::pair<std::string, Response>> Answered(std::span<const Replica> replicas,
                                                       std::vector<absl::StatusOr<Response>> answers, bool& away,
                                                       const Console& console) {
  std::vector<std::pair<std::string, Response>> answered;
  for (size_t i = 0; i < replicas.size(); ++i) {
    if (answers[i].ok()) {
      answered.emplace_back(replicas[i].address, *std::move(answers[i]));
    } else {
      away = true;
      Fail(answers[i].status(), console);
    }
  }
  return answered;
}

void AddTo(v1::DeliveryCounts& sum, const v1::DeliveryCounts& one) {
  sum.set_deliveries(sum.deliveries() + one.deliveries());
  sum.set_acked(sum.acked() + one.acked());
  sum.set_retried(sum.retried() + one.retried());
  sum.set_rejected(sum.rejected() + one.rejected());
  sum.set_dropped(sum.dropped() + one.dropped());
  sum.set_leases_expired(sum.leases_expired() + one.leases_expired());
}

void AddTo(v1::LiveChain& sum, const v1::LiveChain& one) {
  sum.set_name(one.name());
  sum.set_waiting(sum.waiting() + one.waiting());
  sum.set_waiting_bytes(sum.waiting_bytes() + one.waiting_bytes());
  sum.set_on_disk(sum.on_disk() + one.on_disk());
  sum.set_in_flight(sum.in_flight() + one.in_flight());
  if (one.has_oldest_ms()) sum.set_oldest_ms(std::max(sum.oldest_ms(), one.oldest_ms()));
  sum.set_workers(sum.workers() + one.workers());
  sum.set_arrival_rate(sum.arrival_rate() + one.arrival_rate());
  sum.set_delivery_rate(sum.delivery_rate() + one.delivery_rate());
  sum.set_settle_rate(sum.settle_rate() + one.settle_rate());
  sum.set_arrivals(sum.arrivals() + one.arrivals());
  AddTo(*sum.mutable_counts(), one.counts());
}

// Its state is that of its links, which are each replica's own.
void AddTo(v1::LiveConnection& sum, const v1::LiveConnection& one) {
  sum.set_name(one.name());
  sum.set_server(one.server());
  sum.set_received(sum.received() + one.received());
  sum.set_received_bytes(sum.received_bytes() + one.received_bytes());
  sum.set_receive_rate(sum.receive_rate() + one.receive_rate());
  sum.set_receive_byte_rate(sum.receive_byte_rate() + one.receive_byte_rate());
  sum.set_published(sum.published() + one.published());
  sum.set_publish_rate(sum.publish_rate() + one.publish_rate());
  sum.set_published_bytes(sum.published_bytes() + one.published_bytes());
  sum.set_publish_byte_rate(sum.publish_byte_rate() + one.publish_byte_rate());
  sum.set_outbox_messages(sum.outbox_messages() + one.outbox_messages());
  sum.set_outbox_bytes(sum.outbox_bytes() + one.outbox_bytes());
  sum.set_outbox_max_messages(sum.outbox_max_messages() + one.outbox_max_messages());
  sum.set_outbox_max_bytes(sum.outbox_max_bytes() + one.outbox_max_bytes());
}

// Items of one name together, each replica's and then their sum; `replicas` says whose each is.
template <typename Item, typename Response, typename Items>
std::vector<std::pair<std::string, Item>> ByName(const std::vector<std::pair<std::string, Response>>& answered,
                                                 Items items) {
  std::map<std::string, std::vector<std::pair<std::string, Item>>> by_name;
  for (const auto& [replica, response] : answered) {
    for (const Item& item : items(response)) by_name[item.name()].emplace_back(replica, item);
  }
  std::vector<std::pair<std::string, Item>> rows;
  for (auto& [name, each] : by_name) {
    Item sum;
    for (const auto& [replica, item] : each) AddTo(sum, item);
    const bool several = each.size() > 1;
    for (auto& row : each) rows.push_back(std::move(row));
    if (several) rows.emplace_back(kSum, std::move(sum));
  }
  return rows;
}

std::string AtReplicas(size_t replicas) { return " at " + Count(replicas, "replica") + "\n"; }

std::string WorkersOfAll(const std::vector<std::pair<std::string, v1::ListWorkersResponse>>& answered, bool json,
                         bool colour) {
  v1::ListWorkersResponse together;
  std::vector<std::string> replicas;
  std::string lines;
  uint64_t in_flight = 0, window = 0;
  double rate = 0;
  for (const auto& [replica, response] : answered) {
    together.set_streams(together.streams() + response.streams());
    for (const v1::LiveWorker& worker : response.workers()) {
      if (json) lines += OfReplica(replica, ToJson(worker, true));
      replicas.push_back(replica);
      in_flight += worker.in_flight();
      window += worker.window_messages();
      rate += worker.settle_rate();
      *together.add_workers() = worker;
    }
  }
  if (json) return lines;
  return WorkersTable(together, colour, &replicas) + "\n" + Count(together.streams(), "worker") + ", " +
         std::to_string(in_flight) + " in flight of " + std::to_string(window) + ", " + Rate(rate) +
         " settled a second" + AtReplicas(answered.size());
}

// `make(rows, replicas)`: the table.
template <typename Item, typename Response, typename Items, typename Make>
std::string TableOfAll(const std::vector<std::pair<std::string, Response>>& answered, bool json, Items items,
                       Make make) {
  std::string lines;
  if (json) {
    for (const auto& [replica, response] : answered) {
      for (const Item& item : items(response)) lines += OfReplica(replica, ToJson(item, true));
    }
    return lines;
  }
  std::vector<std::string> replicas;
  Response together;
  for (auto& [replica, item] : ByName<Item>(answered, items)) {
    replicas.push_back(replica);
    *make.add(together) = std::move(item);
  }
  return make.table(together, replicas);
}

struct ChainsOfAll {
  bool colour;
  static v1::LiveChain* add(v1::ListChainsResponse& response) { return response.add_chains(); }
  std::string table(const v1::ListChainsResponse& response, const std::vector<std::string>& replicas) const {
    return ChainsTable(response, colour, &replicas);
  }
};
struct ConnectionsOfAll {
  bool colour;
  static v1::LiveConnection* add(v1::ListConnectionsResponse& response) { return response.add_connections(); }
  std::string table(const v1::ListConnectionsResponse& response, const std::vector<std::string>& replicas) const {
    return ConnectionsTable(response, colour, &replicas);
  }
};

std::string LookAtAll(std::span<const Replica> replicas, const LookCommand& command, bool json, bool& away,
                      const Console& console) {
  if (command.what == LookCommand::What::kChains) {
    v1::ListChainsRequest request;
    request.set_chain(command.name);
    const auto answered = Answered(
        replicas, AskEach(replicas, [&](const Replica& one) { return one.live->Chains(request); }), away, console);
    return TableOfAll<v1::LiveChain>(
        answered, json, [](const v1::ListChainsResponse& one) -> const auto& { return one.chains(); },
        ChainsOfAll{console.colour});
  }
  if (command.what == LookCommand::What::kConnections) {
    v1::ListConnectionsRequest request;
    request.set_connection(command.name);
    const auto answered = Answered(
        replicas, AskEach(replicas, [&](const Replica& one) { return one.live->Connections(request); }), away, console);
    return TableOfAll<v1::LiveConnection>(
        answered, json, [](const v1::ListConnectionsResponse& one) -> const auto& { return one.connections(); },
        ConnectionsOfAll{console.colour});
  }
  v1::ListWorkersRequest request;
  request.set_limit(10'000);
  const auto answered = Answered(
      replicas, AskEach(replicas, [&](const Replica& one) { return one.live->Workers(request); }), away, console);
  return WorkersOfAll(answered, json, console.colour);
}

// All that `command` asks for of one replica, and one more if there is more.
absl::StatusOr<std::vector<v1::DeadLetter>> LettersOf(AdminClient& client, const ListCommand& command) {
  std::vector<v1::DeadLetter> letters;
  v1::ListDeadLettersRequest request;
  *request.mutable_filter() = command.filter;
  while (command.limit == 0 || letters.size() <= command.limit) {
    request.set_page_size(kLettersAtOnce);
    absl::StatusOr<v1::ListDeadLettersResponse> page = client.List(request);
    if (!page.ok()) return page.status();
    for (v1::DeadLetter& letter : *page->mutable_dead_letters()) letters.push_back(std::move(letter));
    if (page->next_page_token().empty()) break;
    request.set_page_token(page->next_page_token());
  }
  return letters;
}

}  // namespace

std::string OfReplica(const std::string& replica, const std::string& json) {
  std::string text = "{\"replica\":";
  return text + JsonString(replica) + "," + json.substr(1);
}

int RunStatusOfAll(std::span<const Replica> replicas, bool json, const Console& console) {
  bool away = false;
  const auto answered =
      Answered(replicas, AskEach(replicas, [](const Replica& one) { return one.client->Status(); }), away, console);
  size_t ready = 0;
  uint64_t messages = 0, replies = 0, letters = 0;
  for (const auto& [replica, status] : answered) {
    ready += IsReady(status) ? 1 : 0;
    messages += status.journal().messages();
    replies += status.journal().replies();
    letters += status.dead_letters().messages();
    console.out << (json ? OfReplica(replica, ToJson(status, true)) : replica + ": " + StatusText(status) + "\n");
  }
  if (!json) {
    console.out << Count(replicas.size(), "replica") << ": " << ready << " ready, " << answered.size() - ready
                << " not ready, " << replicas.size() - answered.size() << " without an answer; in their journals "
                << Count(messages, "message") << " and " << replies << (replies == 1 ? " reply" : " replies") << "; "
                << Count(letters, "dead letter") << "\n";
  }
  return away ? kFailure : kOk;
}

int RunLookOfAll(std::span<const Replica> replicas, const LookCommand& command, bool json, const Console& console) {
  bool away = false;
  const int status =
      Watch([&]() -> absl::StatusOr<std::string> { return LookAtAll(replicas, command, json, away, console); },
            command.watch, json, console);
  return away ? kFailure : status;
}

int RunListOfAll(std::span<const Replica> replicas, const ListCommand& command, bool json, const Console& console) {
  bool away = false;
  auto answered = Answered(
      replicas, AskEach(replicas, [&](const Replica& one) { return LettersOf(*one.client, command); }), away, console);
  std::vector<std::pair<std::string, v1::DeadLetter>> letters;
  for (auto& [replica, some] : answered) {
    for (v1::DeadLetter& letter : some) letters.emplace_back(replica, std::move(letter));
  }
  std::ranges::sort(letters, {}, [](const auto& one) {
    return std::tuple(one.second.died_unix_ms(), std::string_view(one.first), std::string_view(one.second.id()));
  });
  const bool more = command.limit != 0 && letters.size() > command.limit;
  if (more) letters.resize(command.limit);
  if (json) {
    for (const auto& [replica, letter] : letters) console.out << OfReplica(replica, ToJson(letter, true));
    return away ? kFailure : kOk;
  }
  console.out << LettersTable(letters) << Count(letters.size(), "dead letter") << (more ? " shown" : "")
              << AtReplicas(answered.size());
  if (more) console.err << "there are more: --limit 0 lists all\n";
  return away ? kFailure : kOk;
}

int RunTraceOfAll(std::span<const Replica> replicas, const TraceCommand& command, bool json, const Console& console) {
  auto answers = AskEach(replicas, [&](const Replica& one) { return one.trace->Trace(command.request); });
  bool away = false, found = false;
  absl::Status unknown;
  for (size_t i = 0; i < replicas.size(); ++i) {
    if (absl::IsNotFound(answers[i].status()) && replicas[i].trouble.ok()) {
      unknown = answers[i].status();
    } else if (!answers[i].ok()) {
      away = true;
      Fail(answers[i].status(), console);
    } else {
      if (!json) console.out << (found ? "\n" : "") << replicas[i].address << ":\n";
      found = true;
      const std::string text = TraceText(*answers[i], json, console);
      console.out << (json ? OfReplica(replicas[i].address, text) : text);
    }
  }
  if (found || unknown.ok()) return away ? kFailure : kOk;
  return Fail(unknown, console);
}

}  // namespace sluice::ctl
