#include "client/cpp/ctl/contexts.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <variant>

#include "client/cpp/ctl/files.h"
#include "server/config/document.h"
#include "server/config/nearest.h"
#include "server/telemetry/json_string.h"

namespace sluice::ctl {
namespace {

struct FileKey {
  const char* name;
  std::string Context::* field;
};
constexpr FileKey kFiles[] = {{"caFile", &Context::ca_file},
                              {"certFile", &Context::cert_file},
                              {"keyFile", &Context::key_file},
                              {"tokenFile", &Context::token_file}};

class ContextsReader {
 public:
  explicit ContextsReader(const std::string& path) : path_(path) {}

  absl::Status Read(const Value& root, Contexts& contexts) const {
    if (root.kind == Value::Kind::kNull) return absl::OkStatus();
    if (root.kind != Value::Kind::kMap) return Wrong(root.at, "is to be a map");
    for (const Entry& entry : root.entries) {
      if (entry.key == "current") {
        if (absl::Status status = ReadText(entry, contexts.current); !status.ok()) return status;
      } else if (entry.key == "contexts") {
        if (absl::Status status = ReadNamed(entry, contexts); !status.ok()) return status;
      } else {
        constexpr std::string_view kKnown[] = {"current", "contexts"};
        return Wrong(entry.at, "'" + entry.key + "' is no key" + DidYouMean(entry.key, kKnown));
      }
    }
    return absl::OkStatus();
  }

 private:
  absl::Status Wrong(Position at, const std::string& what) const {
    return absl::InvalidArgumentError(path_ + ":" + std::to_string(at.line) + ": " + what);
  }
  absl::Status ReadText(const Entry& entry, std::string& out) const {
    if (entry.value.kind != Value::Kind::kScalar) return Wrong(entry.at, "'" + entry.key + "' is to be a text");
    out = entry.value.text;
    return absl::OkStatus();
  }
  absl::Status ReadNamed(const Entry& entry, Contexts& contexts) const {
    if (entry.value.kind == Value::Kind::kNull) return absl::OkStatus();
    if (entry.value.kind != Value::Kind::kMap) return Wrong(entry.at, "'contexts' is to be a map of names");
    for (const Entry& named : entry.value.entries) {
      if (!IsContextName(named.key)) return Wrong(named.at, "'" + named.key + "' is no name of a context");
      if (absl::Status status = ReadOne(named, contexts.named[named.key]); !status.ok()) return status;
    }
    return absl::OkStatus();
  }
  absl::Status ReadOne(const Entry& named, Context& context) const {
    if (named.value.kind == Value::Kind::kNull) return absl::OkStatus();
    if (named.value.kind != Value::Kind::kMap) return Wrong(named.at, "'" + named.key + "' is to be a map");
    for (const Entry& entry : named.value.entries) {
      const auto* const file =
          std::ranges::find_if(kFiles, [&entry](const FileKey& key) { return entry.key == key.name; });
      if (file != std::end(kFiles)) {
        if (absl::Status status = ReadText(entry, context.*file->field); !status.ok()) return status;
      } else if (entry.key == "addresses") {
        if (entry.value.kind != Value::Kind::kList) return Wrong(entry.at, "'addresses' is to be a list");
        for (const Value& address : entry.value.items) {
          if (address.kind != Value::Kind::kScalar) return Wrong(address.at, "an address is to be a text");
          context.addresses.push_back(address.text);
        }
      } else {
        constexpr std::string_view kKnown[] = {"addresses", "caFile", "certFile", "keyFile", "tokenFile"};
        return Wrong(entry.at, "'" + entry.key + "' is no key" + DidYouMean(entry.key, kKnown));
      }
    }
    return absl::OkStatus();
  }

  const std::string& path_;
};

absl::Status Trouble(const std::string& path, const char* what) {
  return absl::UnavailableError("cannot " + std::string(what) + " '" + path +
                                "': " + std::generic_category().message(errno));
}

}  // namespace

absl::StatusOr<Context> Contexts::Find(std::string_view name) const {
  if (const auto found = named.find(name); found != named.end()) return found->second;
  std::vector<std::string_view> names;
  names.reserve(named.size());
  for (const auto& [each, context] : named) names.push_back(each);
  return absl::NotFoundError("there is no context '" + std::string(name) + "'" + DidYouMean(name, names) +
                             (names.empty() ? "; context set makes one" : "; context list shows them"));
}

std::string ContextsPath(const Console& console) {
  const std::string configured = console.environment("XDG_CONFIG_HOME").value_or("");
  // What is relative is to be ignored (XDG Base Directory Specification).
  if (configured.starts_with('/')) return configured + "/sluice/contexts.yaml";
  const std::string home = console.environment("HOME").value_or("");
  return home.empty() ? "" : home + "/.config/sluice/contexts.yaml";
}

bool IsContextName(std::string_view name) {
  constexpr size_t kMost = 64;
  return !name.empty() && name.size() <= kMost && std::ranges::all_of(name, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' ||
           c == '.';
  });
}

absl::StatusOr<Contexts> ParseContexts(std::string_view text, const std::string& path) {
  const std::variant<Value, Diagnostic> parsed = ParseDocument(text, path);
  if (const auto* wrong = std::get_if<Diagnostic>(&parsed)) return absl::InvalidArgumentError(wrong->ToString());
  Contexts contexts;
  if (absl::Status status = ContextsReader(path).Read(std::get<Value>(parsed), contexts); !status.ok()) return status;
  return contexts;
}

absl::StatusOr<Contexts> ReadContexts(const std::string& path) {
  std::error_code error;
  if (path.empty() || !std::filesystem::exists(path, error)) return Contexts();
  const absl::StatusOr<std::string> text = ReadNamedFile("", path);
  if (!text.ok()) return text.status();
  return ParseContexts(*text, path);
}

std::string ToYaml(const Contexts& contexts) {
  std::string text = "# How sluicectl reaches gateways (sluicectl context). It names files, and holds no secrets.\n";
  const auto put = [&text](const char* before, const std::string& value) {
    text += before;
    AppendJsonString(text, value);
    text += '\n';
  };
  if (!contexts.current.empty()) put("current: ", contexts.current);
  text += contexts.named.empty() ? "contexts: {}\n" : "contexts:\n";
  for (const auto& [name, context] : contexts.named) {
    text += "  ";
    AppendJsonString(text, name);
    text += context == Context() ? ": {}\n" : ":\n";
    if (!context.addresses.empty()) text += "    addresses:\n";
    for (const std::string& address : context.addresses) put("      - ", address);
    for (const FileKey& key : kFiles) {
      if (!(context.*key.field).empty()) put(("    " + std::string(key.name) + ": ").c_str(), context.*key.field);
    }
  }
  return text;
}

absl::Status WriteContexts(const std::string& path, const Contexts& contexts) {
  if (path.empty())
    return absl::FailedPreconditionError("neither $XDG_CONFIG_HOME nor $HOME says where contexts stand");
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  std::error_code error;
  std::filesystem::create_directories(folder.parent_path(), error);
  if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return Trouble(folder, "make");
  const std::string text = ToYaml(contexts);
  std::string fresh = path + ".XXXXXX";
  const int file = mkostemp(fresh.data(), O_CLOEXEC);  // Of mode 0600.
  if (file < 0) return Trouble(fresh, "make");
  bool written = write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && fsync(file) == 0;
  written = close(file) == 0 && written;
  if (written && rename(fresh.c_str(), path.c_str()) == 0) return absl::OkStatus();
  const absl::Status status = Trouble(path, "write");
  unlink(fresh.c_str());
  return status;
}

std::string AboutMode(const std::string& path) {
  struct stat found{};
  if (path.empty() || stat(path.c_str(), &found) != 0 || (found.st_mode & 077) == 0) return "";
  return "others may " + std::string((found.st_mode & 022) != 0 ? "change" : "read") + " " + path +
         ", which says where gateways are; chmod 600 makes it yours alone";
}

}  // namespace sluice::ctl
