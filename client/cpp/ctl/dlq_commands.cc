#include <algorithm>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "client/cpp/ctl/commands.h"
#include "client/cpp/ctl/json.h"
#include "client/cpp/ctl/text.h"
#include "server/config/nearest.h"

namespace sluice::ctl {
namespace {

constexpr size_t kTopicChars = 40;
constexpr size_t kReasonChars = 60;
constexpr size_t kShownPayload = 4u << 10;
constexpr char kDeadLetter[] = "dead letter";

int64_t NowUnixMs() {
  using std::chrono::system_clock;
  return std::chrono::duration_cast<std::chrono::milliseconds>(system_clock::now().time_since_epoch()).count();
}

std::vector<std::string> Row(const v1::DeadLetter& letter, int64_t now) {
  const auto age = static_cast<uint64_t>(std::max<int64_t>(0, now - letter.died_unix_ms()));
  const bool reply = letter.kind() == v1::DEAD_LETTER_KIND_REPLY;
  return {letter.id(),
          Age(age),
          reply                    ? "(reply)"
          : letter.chain().empty() ? "(none)"
                                   : Printable(letter.chain()),
          Printable(letter.topic(), kTopicChars),
          Bytes(letter.payload_bytes()),
          std::to_string(letter.attempts()),
          Printable(letter.reason(), kReasonChars)};
}

std::string Describe(const v1::DeadLetter& letter, bool full) {
  std::string text;
  auto line = [&text](const char* name, const std::string& value) {
    if (!value.empty()) text += std::string(name) + std::string(17 - std::string_view(name).size(), ' ') + value + "\n";
  };
  const bool reply = letter.kind() == v1::DEAD_LETTER_KIND_REPLY;
  line("id", letter.id());
  line("kind", reply ? "reply, refused" : "message");
  line("answers", letter.answers());
  line("reason", Printable(letter.reason()));
  line("attempts", std::to_string(letter.attempts()));
  line("worker", Printable(letter.worker()));
  line("died", UtcTime(letter.died_unix_ms()));
  if (!reply) line("received", UtcTime(letter.received_unix_ms()));
  line("connection", Printable(letter.connection()));
  line("route", Printable(letter.route()));
  line("chain", Printable(letter.chain()));
  line("start node", Printable(letter.start_node()));
  line("topic", Printable(letter.topic()));
  line("qos", std::to_string(letter.qos()) + (letter.retain() ? ", retain" : ""));
  line("content type", Printable(letter.content_type()));
  line("response topic", Printable(letter.response_topic()));
  if (letter.has_correlation_data()) line("correlation data", Printable(letter.correlation_data()));
  if (letter.has_expiry_s()) line("expiry", std::to_string(letter.expiry_s()) + " s");
  for (const v1::UserProperty& property : letter.user_properties()) {
    line("user property", Printable(property.name()) + " = " + Printable(property.value()));
  }
  line("payload", Bytes(letter.payload_bytes()));
  return text + Payload(letter.payload(), letter.payload_bytes(), full ? SIZE_MAX : kShownPayload);
}

int TellReplayed(const v1::ReplayDeadLettersResponse& response, const Console& console) {
  console.out << Count(response.replayed(), kDeadLetter) << " replayed\n";
  for (const v1::DeadLetterFailure& failure : response.failures()) {
    console.err << failure.id() << ": " << Printable(failure.message()) << "\n";
  }
  if (response.failed() > static_cast<uint64_t>(response.failures_size())) {
    console.err << "… and " << response.failed() - static_cast<uint64_t>(response.failures_size()) << " more\n";
  }
  if (!response.stopped().empty()) console.err << "stopped: " << Printable(response.stopped()) << "\n";
  return response.failed() == 0 && response.stopped().empty() ? kOk : kFailure;
}

// How many it would be.
absl::StatusOr<uint64_t> DryRun(AdminClient& client, const ActCommand& command) {
  if (command.verb == ActCommand::Verb::kPurge) {
    v1::PurgeDeadLettersRequest request;
    *request.mutable_selection() = command.selection;
    request.set_dry_run(true);
    const auto response = client.Purge(request);
    if (!response.ok()) return response.status();
    return response->purged();
  }
  v1::ReplayDeadLettersRequest request;
  *request.mutable_selection() = command.selection;
  request.set_dry_run(true);
  const auto response = client.Replay(request);
  if (!response.ok()) return response.status();
  return response->replayed();
}

// An exit status to end with; nullopt: go on.
std::optional<int> AskFirst(AdminClient& client, const ActCommand& command, const Console& console) {
  const std::string verb = command.verb == ActCommand::Verb::kPurge ? "purge" : "replay";
  if (!console.interactive) {
    console.err << "sluicectl: dlq " << verb
                << " asks before it acts on more than named ids, and there is nobody to ask; "
                << "say --yes\n";
    return kUsage;
  }
  const absl::StatusOr<uint64_t> count = DryRun(client, command);
  if (!count.ok()) return Fail(count.status(), console);
  if (*count == 0) {
    if (const std::optional<int> exit = SayIfNoSuchChain(client, command.selection.filter(), console)) return exit;
    console.out << "there is none\n";
    return kOk;
  }
  const std::string question = command.verb == ActCommand::Verb::kPurge
                                   ? "remove " + Count(*count, kDeadLetter) + " for good?"
                                   : "replay " + Count(*count, kDeadLetter) + "?";
  if (Confirm(question, console)) return std::nullopt;
  console.out << "nothing done\n";
  return kFailure;
}

const std::vector<std::string> kListHead = {"ID", "AGE", "CHAIN", "TOPIC", "PAYLOAD", "ATTEMPTS", "REASON"};

}  // namespace

std::string LettersTable(const std::vector<std::pair<std::string, v1::DeadLetter>>& letters) {
  if (letters.empty()) return "";
  const int64_t now = NowUnixMs();
  std::vector<std::string> head = kListHead;
  head.insert(head.begin(), "REPLICA");
  Table table(std::move(head));
  for (const auto& [replica, letter] : letters) {
    std::vector<std::string> row = Row(letter, now);
    row.insert(row.begin(), Printable(replica));
    table.Add(std::move(row));
  }
  return table.ToString();
}

int RunList(AdminClient& client, const ListCommand& command, bool json, const Console& console) {
  const int64_t now = NowUnixMs();
  Table table(kListHead);
  uint32_t listed = 0;
  bool more = false;
  v1::ListDeadLettersRequest request;
  *request.mutable_filter() = command.filter;
  while (!more) {
    const uint32_t left = command.limit == 0 ? kLettersAtOnce : command.limit - listed;
    // One more than is shown tells whether there are more.
    request.set_page_size(std::min(kLettersAtOnce, left + 1));
    const absl::StatusOr<v1::ListDeadLettersResponse> page = client.List(request);
    if (!page.ok()) return Fail(page.status(), console);
    for (const v1::DeadLetter& letter : page->dead_letters()) {
      more = command.limit != 0 && listed == command.limit;
      if (more) break;
      ++listed;
      if (json) {
        console.out << ToJson(letter, true);
      } else {
        table.Add(Row(letter, now));
      }
    }
    if (page->next_page_token().empty()) break;
    request.set_page_token(page->next_page_token());
  }
  if (listed == 0) {
    if (const std::optional<int> exit = SayIfNoSuchChain(client, command.filter, console)) return *exit;
  }
  if (json) return kOk;
  console.out << (listed == 0 ? "there is none\n" : table.ToString());
  if (more) console.err << "there are more: --limit 0 lists all\n";
  return kOk;
}

std::optional<int> SayIfNoSuchChain(AdminClient& client, const v1::DeadLetterFilter& filter, const Console& console) {
  if (filter.chain().empty()) return std::nullopt;
  const absl::StatusOr<v1::GetStatusResponse> status = client.Status();
  if (!status.ok()) return Fail(status.status(), console);
  std::vector<std::string_view> names;
  for (const v1::ChainStatus& chain : status->chains()) names.push_back(chain.name());
  if (std::ranges::find(names, filter.chain()) != names.end()) return std::nullopt;
  return Fail(absl::NotFoundError("there is no chain '" + filter.chain() + "'" + DidYouMean(filter.chain(), names)),
              console);
}

int RunShow(AdminClient& client, const ShowCommand& command, bool json, const Console& console) {
  v1::GetDeadLetterRequest request;
  request.set_id(command.id);
  const absl::StatusOr<v1::GetDeadLetterResponse> response = client.Get(request);
  if (!response.ok()) return Fail(response.status(), console);
  const v1::DeadLetter& letter = response->dead_letter();
  console.out << (json ? ToJson(letter, false) : Describe(letter, command.full));
  return kOk;
}

int RunAct(AdminClient& client, const ActCommand& command, bool json, const Console& console) {
  if (command.selection.has_filter() && !command.yes) {
    if (const std::optional<int> exit = AskFirst(client, command, console)) return *exit;
  }
  if (command.verb == ActCommand::Verb::kPurge) {
    v1::PurgeDeadLettersRequest request;
    *request.mutable_selection() = command.selection;
    const auto response = client.Purge(request);
    if (!response.ok()) return Fail(response.status(), console);
    if (response->purged() == 0 && command.selection.has_filter()) {
      if (const std::optional<int> exit = SayIfNoSuchChain(client, command.selection.filter(), console)) return *exit;
    }
    console.out << (json ? ToJson(*response, true) : Count(response->purged(), kDeadLetter) + " removed\n");
    // Of named ids each is meant.
    const bool all =
        command.selection.has_filter() || response->purged() == static_cast<uint64_t>(command.selection.ids_size());
    if (!all && !json) console.err << "sluicectl: the others are not there\n";
    return all ? kOk : kFailure;
  }
  v1::ReplayDeadLettersRequest request;
  *request.mutable_selection() = command.selection;
  const auto response = client.Replay(request);
  if (!response.ok()) return Fail(response.status(), console);
  if (response->replayed() + response->failed() == 0 && response->stopped().empty() && command.selection.has_filter()) {
    if (const std::optional<int> exit = SayIfNoSuchChain(client, command.selection.filter(), console)) return *exit;
  }
  if (!json) return TellReplayed(*response, console);
  console.out << ToJson(*response, true);
  return response->failed() == 0 && response->stopped().empty() ? kOk : kFailure;
}

}  // namespace sluice::ctl
