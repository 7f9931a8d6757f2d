#include "server/live/chain_pauses.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/identity/strict_json.h"
#include "server/telemetry/json_string.h"

namespace sluice {
namespace {

constexpr size_t kLargestFile = 16u << 20;

absl::StatusOr<std::string> ReadAll(JournalFile& file) {
  const absl::StatusOr<uint64_t> size = file.Size();
  if (!size.ok()) return size.status();
  if (*size > kLargestFile) return absl::DataLossError("it is too large");
  std::string text(*size, '\0');
  const absl::StatusOr<size_t> read = ReadUpTo(file, text.data(), text.size(), 0);
  if (!read.ok()) return read.status();
  text.resize(*read);
  return text;
}

absl::StatusOr<ChainPauses::Pauses> Parse(const std::string& text) {
  const absl::StatusOr<nlohmann::json> object = ParseJsonObject(text);
  if (!object.ok()) return object.status();
  ChainPauses::Pauses pauses;
  for (const auto& [chain, value] : object->items()) {
    const std::optional<std::string_view> by = value.is_object() ? StringMember(value, "by") : std::nullopt;
    const std::optional<std::string_view> reason = value.is_object() ? StringMember(value, "reason") : std::nullopt;
    const auto since = value.is_object() ? value.find("since_unix_ms") : value.end();
    if (!by || !reason || since == value.end() || !since->is_number_integer()) {
      return absl::DataLossError("an entry has not what it should have");
    }
    pauses[chain] = {.since_unix_ms = since->get<int64_t>(), .by = std::string(*by), .reason = std::string(*reason)};
  }
  return pauses;
}

std::string Format(const ChainPauses::Pauses& pauses) {
  std::string text = "{";
  for (const auto& [chain, pause] : pauses) {
    text += text.size() > 1 ? ",\n " : "\n ";
    AppendJsonString(text, chain);
    absl::StrAppend(&text, ": {\"since_unix_ms\": ", pause.since_unix_ms, ", \"by\": ");
    AppendJsonString(text, pause.by);
    text += ", \"reason\": ";
    AppendJsonString(text, pause.reason);
    text += "}";
  }
  return text + "\n}\n";
}

}  // namespace

absl::StatusOr<std::unique_ptr<ChainPauses>> ChainPauses::Open(std::string path, JournalFiles& files) {
  std::unique_ptr<ChainPauses> made(new ChainPauses(std::move(path), files));
  if (made->path_.empty()) return made;
  absl::StatusOr<std::unique_ptr<JournalFile>> file = files.Open(made->path_, JournalFiles::Mode::kRead);
  if (absl::IsNotFound(file.status())) return made;
  const absl::StatusOr<std::string> text = file.ok() ? ReadAll(**file) : absl::StatusOr<std::string>(file.status());
  absl::StatusOr<Pauses> pauses = text.ok() ? Parse(*text) : absl::StatusOr<Pauses>(text.status());
  if (!pauses.ok()) {
    return absl::DataLossError(absl::StrCat(made->path_, ": which chains are paused cannot be read: ",
                                            pauses.status().message(), "; remove the file to start with none"));
  }
  MutexLock lock(made->mutex_);
  made->pauses_ = *std::move(pauses);
  return made;
}

absl::Status ChainPauses::Save(const Pauses& pauses) const {
  if (path_.empty()) return absl::OkStatus();
  const auto write = [&]() -> absl::Status {
    const std::string next = path_ + ".new";
    {
      absl::StatusOr<std::unique_ptr<JournalFile>> file = files_.Open(next, JournalFiles::Mode::kCreate);
      if (!file.ok()) return file.status();
      if (absl::Status status = WriteAll(**file, Format(pauses), 0); !status.ok()) return status;
      if (absl::Status status = (*file)->Sync(); !status.ok()) return status;
    }
    if (absl::Status status = files_.Rename(next, path_); !status.ok()) return status;
    return files_.SyncDirectory(path_.substr(0, path_.rfind('/')));
  };
  const absl::Status status = write();
  if (status.ok()) return status;
  return absl::UnavailableError(absl::StrCat("it cannot be written that the chain is paused: ", status.message()));
}

absl::StatusOr<bool> ChainPauses::Add(std::string_view chain, Pause pause, const std::function<void()>& carry_out) {
  MutexLock changing(changing_);
  Pauses next = all();
  if (!next.emplace(chain, std::move(pause)).second) return false;
  if (absl::Status status = Save(next); !status.ok()) return status;
  Become(std::move(next));
  carry_out();
  return true;
}

absl::StatusOr<bool> ChainPauses::Remove(std::string_view chain, const std::function<void()>& carry_out) {
  MutexLock changing(changing_);
  Pauses next = all();
  const auto found = next.find(chain);
  if (found == next.end()) return false;
  next.erase(found);
  if (absl::Status status = Save(next); !status.ok()) return status;
  Become(std::move(next));
  carry_out();
  return true;
}

void ChainPauses::Become(Pauses pauses) {
  MutexLock lock(mutex_);
  pauses_ = std::move(pauses);
}

ChainPauses::Pauses ChainPauses::all() const {
  MutexLock lock(mutex_);
  return pauses_;
}

}  // namespace sluice
