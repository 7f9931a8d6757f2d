#include "server/telemetry/audit_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <ctime>
#include <utility>

#include "server/runtime/error_text.h"
#include "server/telemetry/json_string.h"
#include "server/telemetry/log.h"

namespace sluice {
namespace {

std::string Utc(int64_t unix_ms) {
  const std::time_t seconds = unix_ms / 1'000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text.data();
}

// 0: it was appended.
int Append(const std::string& file, const std::string& line) {
  const int fd = open(file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return errno;
  const ssize_t written = write(fd, line.data(), line.size());
  const int error = written < 0 ? errno : static_cast<size_t>(written) == line.size() ? 0 : ENOSPC;
  close(fd);
  return error;
}

}  // namespace

void AuditLog::Write(const AuditEntry& entry) {
  int error = 0;
  if (!file_.empty()) {
    std::string line = "{\"time\":\"" + Utc(clock_.UnixMillis()) + "\"";
    const std::pair<const char*, std::string_view> fields[] = {{"who", entry.who},
                                                               {"from", entry.from},
                                                               {"what", entry.what},
                                                               {"outcome", entry.outcome},
                                                               {"detail", entry.detail}};
    for (const auto& [name, value] : fields) {
      line += std::string(",\"") + name + "\":";
      AppendJsonString(line, value);
    }
    line += "}\n";
    MutexLock lock(mutex_);
    error = Append(file_, line);
    if (error == 0) return;
  }
  if (error != 0) {
    log::Error("the audit file cannot be written", {{"file", file_}, {"error", ErrorText(error)}});
  }
  log::Info("audit", {{"who", entry.who},
                      {"from", entry.from},
                      {"what", entry.what},
                      {"outcome", entry.outcome},
                      {"detail", entry.detail}});
}

}  // namespace sluice
