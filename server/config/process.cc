#include <optional>
#include <string>

#include "server/certificates/token.h"
#include "server/config/address.h"
#include "server/config/pem_files.h"
#include "server/config/sections.h"
#include "server/runtime/text.h"

namespace sluice {
namespace {

std::string Bytes(uint64_t bytes) {
  constexpr uint64_t kMiB = 1u << 20;
  return bytes < kMiB ? text::Concat(bytes, " bytes") : text::Concat(bytes / kMiB, " MiB");
}

// What would otherwise be found at the start, or on the day when the journal has grown.
void CheckDisk(Reading& reading, MapReader& map, const JournalConfig& journal) {
  absl::StatusOr<uint64_t> disk = reading.surroundings().disk_of(journal.path);
  // The log has a directory of its own, which may belong to somebody else.
  if (disk.ok()) disk = reading.surroundings().disk_of(journal.log_path());
  if (!disk.ok()) {
    map.Error("path", text::Concat(text::Message(disk.status()),
                                   "; allowed: a directory that the gateway may write to or make, or enabled: false"));
    return;
  }
  for (const std::string& directory : {journal.path, journal.log_path()}) {
    const std::optional<std::string> mode = reading.surroundings().open_to_all(directory);
    if (!mode) continue;
    map.Warn("path", text::Concat(Quoted(directory), " can be written to by every user of this machine (mode ", *mode,
                                  "), who can replace what was acknowledged; allowed: chmod o-w"));
  }
  if (*disk == 0) return;  // As some file systems say that know no bounds.
  const uint64_t needed = 2 * journal.max_bytes + 4 * journal.segment_bytes;
  const bool beyond = journal.max_bytes > *disk;
  if (beyond && map.Find("maxBytes") != nullptr) {
    map.Error("maxBytes", text::Concat("found ", Bytes(journal.max_bytes), ", more than the ", Bytes(*disk),
                                       " of the whole disk under ", Quoted(journal.path),
                                       ", which would be full before; allowed: less than half of it"));
  } else if (needed > *disk) {
    map.Warn("maxBytes", text::Concat("maxBytes (", Bytes(journal.max_bytes), ") needs up to ", Bytes(needed),
                                      " and the disk under ", Quoted(journal.path), " has ", Bytes(*disk),
                                      ", so it may be full before the bound is reached"));
  }
}

void ReadGateway(Reading& reading, const Entry& entry, std::string& name) {
  MapReader map(reading, kGatewaySection, entry, "gateway");
  const std::optional<Text> text = map.ReadText("name");
  if (!text) return;
  if (!text::IsWord(text->text)) return map.Reject("name", *text);
  name = text->text;
}

void CheckToken(Reading& reading, MapReader& map, const HttpConfig& http) {
  const absl::StatusOr<std::string> token = reading.surroundings().read_file(http.metrics_token_file);
  if (!token.ok()) {
    map.Error("metricsTokenFile", text::Concat("file ", Quoted(http.metrics_token_file),
                                               " cannot be read: ", text::Message(token.status())));
  } else if (!IsToken(*token)) {
    map.Error("metricsTokenFile",
              text::Concat("file ", Quoted(http.metrics_token_file),
                           " holds no token; allowed: up to 1024 visible letters of ASCII, without blanks"));
  } else if (!http.tls && !ListensOnLoopback(http.listen)) {
    map.Warn("metricsTokenFile", text::Concat("the token goes to ", http.listen, " in plain text (http.tls)"));
  }
}

void ReadHttp(Reading& reading, const Entry& entry, HttpConfig& http) {
  MapReader map(reading, kHttpSection, entry, "http");
  if (!map.valid()) return;
  map.Read("listen", http.listen);
  if (const Entry* given = map.Find("tls")) {
    ReadListenerTls(reading, kHttpTlsSection, *given, "http.tls", "", nullptr, http.tls.emplace());
  }
  if (map.Read("metricsTokenFile", http.metrics_token_file)) CheckToken(reading, map, http);
}

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
  if (journal.enabled && !journal.path.empty()) CheckDisk(reading, map, journal);
}

}  // namespace

void ReadProcess(Reading& reading, MapReader& top, Draft& draft) {
  draft.config.name = reading.surroundings().host_name;
  if (const Entry* gateway = top.Find("gateway")) ReadGateway(reading, *gateway, draft.config.name);
  if (const Entry* http = top.Find("http")) ReadHttp(reading, *http, draft.config.http);
  if (const Entry* log = top.Find("log")) {
    MapReader map(reading, kLogSection, *log, "log");
    map.Read("level", draft.config.log.level);
    map.Read("format", draft.config.log.format);
  }
  if (const Entry* shutdown = top.Find("shutdown")) {
    MapReader(reading, kShutdownSection, *shutdown, "shutdown").Read("drain", draft.config.shutdown_drain);
  }
  // Its defaults are looked at, too.
  const Entry absent{.key = "journal", .at = top.at(), .value = {}};
  const Entry* journal = top.Find("journal");
  ReadJournal(reading, journal != nullptr ? *journal : absent, draft.config.journal);
}

}  // namespace sluice
