#include "server/config/sections.h"

namespace sluice {
namespace {

void ReadJournal(Reading& reading, const Entry& entry, JournalConfig& journal) {
  MapReader map(reading, kJournalSection, entry, "journal");
  if (!map.valid()) return;
  map.Read("enabled", journal.enabled);
  if (map.Read("path", journal.path) && journal.path.empty()) {
    map.Error("path", "found an empty path; allowed: a directory, or enabled: false for no journal");
  }
  std::string fsync;
  if (map.Read("fsync", fsync)) {
    journal.fsync = fsync == "always" ? Fsync::kAlways : fsync == "never" ? Fsync::kOff : Fsync::kInterval;
  }
  map.Read("fsyncInterval", journal.fsync_interval);
  map.Read("segmentBytes", journal.segment_bytes);
  map.Read("maxBytes", journal.max_bytes);
  map.Read("maxMessages", journal.max_messages);
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
  if (const Entry* journal = top.Find("journal")) ReadJournal(reading, *journal, draft.config.journal);
}

}  // namespace sluice
