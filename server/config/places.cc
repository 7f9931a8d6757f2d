// Where the gateway makes something: what would otherwise fail at the start, or when the first line is to be written.
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "server/config/sections.h"
#include "server/runtime/text.h"

namespace sluice {
namespace {

// In the journal's directory, which is made first, and has been looked at.
bool IsBesideJournal(const Reading& reading, const std::string& path, const JournalConfig& journal) {
  if (!journal.enabled || journal.path.empty()) return false;
  const auto& canonical = reading.surroundings().canonical;
  const auto directory_of = [](const std::filesystem::path& file) { return file.parent_path().string(); };
  // Not journal.path itself, which may end with a slash.
  return canonical(directory_of(path)) == canonical(directory_of(std::filesystem::path(journal.path) / "file"));
}

std::optional<std::string> SocketPath(const std::string& listen) {
  if (!listen.starts_with("unix:")) return std::nullopt;
  return listen.substr(5);
}

}  // namespace

void CheckPlaces(Reading& reading, const Entry& root, const Draft& draft) {
  const GatewayConfig& config = draft.config;
  const Surroundings& around = reading.surroundings();
  const auto check = [&](std::string_view section, std::string_view key, const std::string& path, const auto& can_be) {
    if (path.empty() || IsBesideJournal(reading, path, config.journal)) return;
    const absl::Status status = can_be(path);
    if (status.ok()) return;
    reading.Error(PlaceOf(root, section, key).value_or(root.at),
                  text::Concat(section, ".", key, ": ", text::Message(status),
                               "; allowed: a place where the user that this runs as may make it"));
  };
  check("audit", "file", config.audit_file, around.check_append);
  check("workers", "listen", SocketPath(config.workers.listen).value_or(""), around.check_socket);
  check("admin", "listen", SocketPath(config.admin.listen.value_or("")).value_or(""), around.check_socket);
}

}  // namespace sluice
