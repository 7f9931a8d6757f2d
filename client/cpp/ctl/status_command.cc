#include <string>

#include "client/cpp/ctl/commands.h"
#include "client/cpp/ctl/json.h"
#include "client/cpp/ctl/text.h"

namespace sluice::ctl {
namespace {

std::string Conditions(const v1::GetStatusResponse& status) {
  std::string text;
  for (const v1::ReadinessItem& item : status.readiness()) {
    text += std::string("  ") + (item.ready() ? "[+] " : "[-] ") + Printable(item.name());
    if (!item.detail().empty()) text += ": " + Printable(item.detail());
    text += '\n';
  }
  return text;
}

std::string Stages(const v1::GetStatusResponse& status) {
  const v1::JournalStatus& journal = status.journal();
  std::string text = "journal: " + Count(journal.messages(), "message") + ", " + std::to_string(journal.replies()) +
                     (journal.replies() == 1 ? " reply" : " replies");
  text += journal.persistent()
              ? ", " + Bytes(journal.live_bytes()) + " alive, " + Bytes(journal.disk_bytes()) + " on disk\n"
              : ", in memory only\n";
  text +=
      "workers: " + Count(status.workers().streams(), "stream") + " at " + Printable(status.workers().address()) + "\n";
  text += "outbox: " + std::to_string(status.outbox().messages()) + " not confirmed\n";
  const v1::DeadLettersStatus& letters = status.dead_letters();
  text += "dead letters: " + std::to_string(letters.messages()) + ", " + Bytes(letters.bytes());
  if (letters.waiting() > 0) text += ", " + std::to_string(letters.waiting()) + " on their way";
  if (!letters.trouble().empty()) text += "; CANNOT BE WRITTEN: " + Printable(letters.trouble());
  return text + "\n";
}

std::string Chains(const v1::GetStatusResponse& status) {
  if (status.chains_size() == 0) return "";
  Table table({"CHAIN", "WAITING", "ON DISK", "IN FLIGHT"});
  for (const v1::ChainStatus& chain : status.chains()) {
    table.Add({Printable(chain.name()), std::to_string(chain.waiting()), std::to_string(chain.on_disk()),
               std::to_string(chain.in_flight())});
  }
  return "\n" + table.ToString();
}

// As many as a screen has room for; --json shows all.
std::string Workers(const v1::GetStatusResponse& status) {
  constexpr int kMost = 50;
  if (status.workers().open_size() == 0) return "";
  Table table({"WORKER", "PRINCIPAL", "FROM", "SINCE"});
  for (int i = 0; i < status.workers().open_size() && i < kMost; ++i) {
    const v1::WorkerStream& stream = status.workers().open(i);
    table.Add({Printable(stream.worker()), stream.principal().empty() ? "-" : Printable(stream.principal()),
               Printable(stream.peer()), Age(stream.age_ms())});
  }
  const int left = status.workers().open_size() - kMost;
  return "\n" + table.ToString() + (left > 0 ? "and " + std::to_string(left) + " more\n" : "");
}

std::string Configuration(const v1::GetStatusResponse& status) {
  if (status.configuration().hash().empty()) return "";
  const v1::ConfigurationVersion& version = status.configuration();
  return "configuration: " + Printable(version.hash()) + ", since " + UtcTime(version.since_unix_ms()) + ", from " +
         Printable(version.source()) + "\n";
}

}  // namespace

bool IsReady(const v1::GetStatusResponse& status) {
  for (const v1::ReadinessItem& item : status.readiness()) {
    if (!item.ready()) return false;
  }
  return true;
}

std::string StatusText(const v1::GetStatusResponse& status) {
  return Printable(status.gateway()) + ", Sluice " + Printable(status.version()) + ", up " + Age(status.uptime_ms()) +
         (status.draining() ? ", DRAINING" : "") + (IsReady(status) ? ": ready\n" : ": not ready\n") +
         Configuration(status) + Conditions(status) + Stages(status) + Chains(status) + Workers(status);
}

int RunStatus(AdminClient& client, bool json, const Console& console) {
  const absl::StatusOr<v1::GetStatusResponse> status = client.Status();
  if (!status.ok()) return Fail(status.status(), console);
  console.out << (json ? ToJson(*status, false) : StatusText(*status));
  return kOk;
}

}  // namespace sluice::ctl
