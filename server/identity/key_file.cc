#include "server/identity/key_file.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/telemetry/log.h"

namespace sluice {

KeyFile::KeyFile(std::string setting, std::string path, ReadFile read)
    : setting_(std::move(setting)), path_(std::move(path)), read_(std::move(read)) {}

absl::Status KeyFile::Load() {
  bool changed = false;
  if (absl::Status status = Read(&changed); !status.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(setting_, ": file '", path_, "' ", status.message()));
  }
  return absl::OkStatus();
}

bool KeyFile::Refresh() {
  bool changed = false;
  const absl::Status status = Read(&changed);
  const std::string problem(status.message());
  {
    MutexLock lock(mutex_);
    if (problem == said_) return changed;
    said_ = problem;
  }
  if (status.ok()) {
    log::Info("the keys of an issuer can be read again", {{"setting", setting_}, {"file", path_}});
  } else {
    log::Error("the keys of an issuer cannot be used; the last good ones stay",
               {{"setting", setting_}, {"file", path_}, {"why", problem}});
  }
  return changed;
}

absl::Status KeyFile::Read(bool* changed) {
  absl::StatusOr<std::string> text = read_(path_);
  if (!text.ok()) return text.status();
  {
    MutexLock lock(mutex_);
    if (keys_ != nullptr && *text == text_) return absl::OkStatus();
  }
  absl::StatusOr<KeySet> parsed = KeySet::Parse(*text);
  if (!parsed.ok()) return parsed.status();
  for (const std::string& left_out : parsed->left_out()) {
    log::Warning("a key of an issuer is left out", {{"setting", setting_}, {"file", path_}, {"why", left_out}});
  }
  const size_t count = parsed->keys().size();
  bool first = false;
  {
    MutexLock lock(mutex_);
    first = keys_ == nullptr;
    text_ = *std::move(text);
    keys_ = std::make_shared<const KeySet>(*std::move(parsed));
  }
  *changed = !first;
  if (!first) {
    log::Info("the keys of an issuer are others now", {{"setting", setting_}, {"file", path_}, {"keys", count}});
  }
  return absl::OkStatus();
}

std::shared_ptr<const KeySet> KeyFile::keys() const {
  MutexLock lock(mutex_);
  return keys_;
}

}  // namespace sluice
