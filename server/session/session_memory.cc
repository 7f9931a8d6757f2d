#include "server/session/session_memory.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "server/journal/crc32c.h"
#include "server/telemetry/log.h"

namespace sluice {
namespace {

constexpr std::string_view kHead = "sluice-sessions 1\n";
constexpr std::string_view kSession = "session";
constexpr std::string_view kFilter = "filter";
constexpr std::string_view kAsked = "asked";  // As a filter, and nobody knows whether it was granted.
constexpr std::string_view kChecksum = "checksum ";
// Far more than any configuration asks for; what is larger is not this file.
constexpr uint64_t kMostBytes = 64u << 20;

absl::string_view Absl(std::string_view text) { return {text.data(), text.size()}; }

// " LENGTH:TEXT", so that a text may hold anything.
void AppendText(std::string& out, std::string_view text) { absl::StrAppend(&out, " ", text.size(), ":", Absl(text)); }

std::string ChecksumLine(std::string_view text) { return absl::StrFormat("%s%08x\n", Absl(kChecksum), Crc32c(text)); }

bool TakePrefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

std::optional<std::string> TakeText(std::string_view& text) {
  size_t size = 0;
  if (!TakePrefix(text, " ")) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), size);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  if (!TakePrefix(text, ":") || size > text.size()) return std::nullopt;
  std::string taken(text.substr(0, size));
  text.remove_prefix(size);
  return taken;
}

absl::Status Damaged() { return absl::DataLossError("it is damaged"); }

}  // namespace

std::string BrokerOf(std::string_view uri) {
  if (const size_t scheme = uri.find("://"); scheme != std::string_view::npos) uri.remove_prefix(scheme + 3);
  return std::string(uri.substr(0, uri.find('/')));
}

bool SessionMemory::Held::has_remainders() const {
  return std::ranges::any_of(remembered, [this](const std::string& filter) { return !wanted.contains(filter); });
}

std::unique_ptr<SessionMemory> SessionMemory::Open(std::string path, JournalFiles& files) {
  std::unique_ptr<SessionMemory> memory(new SessionMemory(std::move(path), files));
  if (memory->path_.empty()) return memory;
  absl::StatusOr<std::string> text = memory->Read();
  if (absl::IsNotFound(text.status())) return memory;
  absl::Status status = text.status();
  if (text.ok()) {
    absl::StatusOr<Sessions> sessions = Parse(*text);
    status = sessions.status();
    if (sessions.ok()) {
      MutexLock lock(memory->mutex_);
      memory->sessions_ = *std::move(sessions);
      memory->saved_ = *std::move(text);
      return memory;
    }
  }
  log::Warning("what was asked of brokers cannot be read: subscriptions of earlier configurations may live on",
               {{"path", memory->path_}, {"reason", std::string(status.message())}});
  if (absl::Status moved = files.Rename(memory->path_, memory->path_ + ".damaged"); !moved.ok()) {
    log::Warning("it could not be put aside", {{"reason", std::string(moved.message())}});
  }
  return memory;
}

absl::StatusOr<std::string> SessionMemory::Read() const {
  absl::StatusOr<std::unique_ptr<JournalFile>> file = files_.Open(path_, JournalFiles::Mode::kRead);
  if (!file.ok()) return file.status();
  const absl::StatusOr<uint64_t> size = (*file)->Size();
  if (!size.ok()) return size.status();
  if (*size > kMostBytes) return Damaged();
  std::string text(*size, '\0');
  const absl::StatusOr<size_t> read = ReadUpTo(**file, text.data(), text.size(), 0);
  if (!read.ok()) return read.status();
  text.resize(*read);
  return text;
}

absl::StatusOr<SessionMemory::Sessions> SessionMemory::Parse(std::string_view text) {
  const size_t checksum = text.rfind(kChecksum);
  if (checksum == std::string_view::npos || text.substr(checksum) != ChecksumLine(text.substr(0, checksum))) {
    return Damaged();
  }
  text = text.substr(0, checksum);
  if (!TakePrefix(text, kHead)) return absl::DataLossError("it is of another version");
  Sessions sessions;
  Held* held = nullptr;
  while (!text.empty()) {
    if (TakePrefix(text, kSession)) {
      std::optional<std::string> client_id = TakeText(text);
      std::optional<std::string> broker = TakeText(text);
      std::optional<std::string> connection = TakeText(text);
      if (!client_id || !broker || !connection) return Damaged();
      held = &sessions[{*std::move(client_id), *std::move(broker)}];
      held->connection = *std::move(connection);
    } else if (const bool asked = TakePrefix(text, kAsked); held != nullptr && (asked || TakePrefix(text, kFilter))) {
      std::optional<std::string> filter = TakeText(text);
      if (!filter) return Damaged();
      if (asked) held->asked.insert(*filter);
      held->remembered.insert(*std::move(filter));
    } else {
      return Damaged();
    }
    if (!TakePrefix(text, "\n")) return Damaged();
  }
  return sessions;
}

std::string SessionMemory::Format() const {
  std::string text(kHead);
  for (const auto& [name, held] : sessions_) {
    std::set<std::string> filters = held.wanted;
    filters.insert(held.remembered.begin(), held.remembered.end());
    if (filters.empty()) continue;
    absl::StrAppend(&text, Absl(kSession));
    AppendText(text, name.client_id);
    AppendText(text, name.broker);
    AppendText(text, held.connection);
    text += '\n';
    for (const std::string& filter : filters) {
      absl::StrAppend(&text, Absl(held.asked.contains(filter) ? kAsked : kFilter));
      AppendText(text, filter);
      text += '\n';
    }
  }
  return text + ChecksumLine(text);
}

void SessionMemory::Begin(const SessionName& name, const std::string& connection,
                          std::span<const std::string> filters) {
  MutexLock lock(mutex_);
  const auto [found, unknown] = sessions_.try_emplace(name);
  Held& held = found->second;
  for (const std::string& filter : filters) {
    if (!unknown && !held.remembered.contains(filter)) held.asked.insert(filter);
  }
  held.connection = connection;
  held.begun = true;
  held.wanted = {filters.begin(), filters.end()};
}

void SessionMemory::Change(const SessionName& name, std::span<const std::string> filters) {
  MutexLock lock(mutex_);
  const auto found = sessions_.find(name);
  if (found == sessions_.end()) return;
  Held& held = found->second;
  std::set<std::string> wanted(filters.begin(), filters.end());
  for (const std::string& filter : held.wanted) {
    if (!wanted.contains(filter)) held.remembered.insert(filter);
  }
  for (const std::string& filter : wanted) {
    if (!held.wanted.contains(filter) && !held.remembered.contains(filter)) held.asked.insert(filter);
  }
  held.wanted = std::move(wanted);
}

void SessionMemory::Leave(const SessionName& name) {
  MutexLock lock(mutex_);
  const auto found = sessions_.find(name);
  if (found == sessions_.end()) return;
  Held& held = found->second;
  held.begun = false;
  held.remembered.merge(held.wanted);
  held.wanted.clear();
}

std::vector<std::string> SessionMemory::RemaindersOf(const SessionName& name) const {
  MutexLock lock(mutex_);
  std::set<std::string> remainders;
  for (const auto& [other, held] : sessions_) {
    if (other != name && (held.begun || other.client_id != name.client_id)) continue;
    remainders.insert(held.remembered.begin(), held.remembered.end());
  }
  if (const auto found = sessions_.find(name); found != sessions_.end()) {
    for (const std::string& filter : found->second.wanted) remainders.erase(filter);
  }
  return {remainders.begin(), remainders.end()};
}

bool SessionMemory::Holds(const SessionName& name, const std::string& filter) const {
  MutexLock lock(mutex_);
  const auto found = sessions_.find(name);
  return found == sessions_.end() || !found->second.asked.contains(filter);
}

void SessionMemory::Granted(const SessionName& name, const std::string& filter) {
  MutexLock lock(mutex_);
  const auto found = sessions_.find(name);
  // One write for all of them.
  if (found != sessions_.end() && found->second.asked.erase(filter) > 0 && found->second.asked.empty()) {
    (void)SaveLocked();
  }
}

std::vector<SessionMemory::Session> SessionMemory::Others() const {
  MutexLock lock(mutex_);
  std::vector<Session> others;
  for (const auto& [name, held] : sessions_) {
    if (!held.begun) others.push_back({name, held.connection, {held.remembered.begin(), held.remembered.end()}});
  }
  return others;
}

bool SessionMemory::InUse(const std::string& client_id) const {
  MutexLock lock(mutex_);
  return std::ranges::any_of(
      sessions_, [&](const auto& session) { return session.second.begun && session.first.client_id == client_id; });
}

void SessionMemory::Left(const SessionName& name, const std::string& filter) {
  MutexLock lock(mutex_);
  const auto found = sessions_.find(name);
  if (found == sessions_.end() || found->second.remembered.erase(filter) == 0) return;
  found->second.asked.erase(filter);
  // One write for all of them.
  if (!found->second.has_remainders()) (void)SaveLocked();
}

void SessionMemory::Renewed(const SessionName& name) {
  MutexLock lock(mutex_);
  const auto found = sessions_.find(name);
  if (found == sessions_.end()) return;
  found->second.remembered.clear();
  found->second.asked = found->second.wanted;
  (void)SaveLocked();
}

void SessionMemory::Ended(const SessionName& name) {
  MutexLock lock(mutex_);
  if (sessions_.erase(name) > 0) (void)SaveLocked();
}

absl::Status SessionMemory::Save() {
  MutexLock lock(mutex_);
  return SaveLocked();
}

absl::Status SessionMemory::SaveLocked() {
  if (path_.empty()) return absl::OkStatus();
  std::string text = Format();
  if (text == saved_) return absl::OkStatus();
  const absl::Status status = Write(text);
  if (status.ok()) {
    saved_ = std::move(text);
  } else {
    log::Error("what is asked of brokers cannot be remembered: after a change of routes some may live on in a session",
               {{"path", path_}, {"reason", std::string(status.message())}});
  }
  return status;
}

absl::Status SessionMemory::Write(std::string_view text) const {
  const std::string next = path_ + ".new";
  {
    absl::StatusOr<std::unique_ptr<JournalFile>> file = files_.Open(next, JournalFiles::Mode::kCreate);
    if (!file.ok()) return file.status();
    if (absl::Status status = WriteAll(**file, text, 0); !status.ok()) return status;
    if (absl::Status status = (*file)->Sync(); !status.ok()) return status;
  }
  if (absl::Status status = files_.Rename(next, path_); !status.ok()) return status;
  return files_.SyncDirectory(path_.substr(0, path_.rfind('/')));
}

}  // namespace sluice
