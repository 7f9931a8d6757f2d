#include "server/config/sections.h"

namespace sluice {
namespace {

// Better refused than ignored: who asks for a journal relies on it.
void RefuseJournal(Reading& reading, const Entry& entry) {
  constexpr std::string_view kRefusal =
      "the persistent journal is not part of this version, whose journal is in memory; allowed: enabled: false, or no "
      "journal section";
  MapReader map(reading, kJournalSection, entry, "journal");
  bool enabled = false;
  const bool off = map.Read("enabled", enabled) && !enabled;
  if (enabled) map.Error("enabled", kRefusal);
  for (std::string_view key : {"path", "fsync"}) {
    std::string ignored;
    map.Read(key, ignored);
    if (map.Find(key) != nullptr && !off) map.Error(key, kRefusal);
  }
}

void RefuseAdmin(Reading& reading, const Entry& entry) {
  MapReader map(reading, kAdminSection, entry, "admin");
  std::string ignored;
  map.Read("listen", ignored);
  if (entry.value.kind == Value::Kind::kNull) return;
  reading.Error(entry.at, "admin: the administration socket is not part of this version; allowed: no admin section");
}

}  // namespace

void ReadProcess(Reading& reading, MapReader& top, Draft& draft) {
  if (const Entry* http = top.Find("http")) {
    MapReader(reading, kHttpSection, *http, "http").Read("listen", draft.config.http.listen);
  }
  if (const Entry* log = top.Find("log")) {
    MapReader map(reading, kLogSection, *log, "log");
    map.Read("level", draft.config.log.level);
    map.Read("format", draft.config.log.format);
  }
  if (const Entry* shutdown = top.Find("shutdown")) {
    MapReader(reading, kShutdownSection, *shutdown, "shutdown").Read("drain", draft.config.shutdown_drain);
  }
  if (const Entry* journal = top.Find("journal")) RefuseJournal(reading, *journal);
  if (const Entry* admin = top.Find("admin")) RefuseAdmin(reading, *admin);
}

}  // namespace sluice
