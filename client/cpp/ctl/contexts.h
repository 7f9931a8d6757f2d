// Gateways under names of one's own, in a file of the user: how to reach each, without any secret.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cpp/ctl/console.h"

namespace sluice::ctl {

// Empty: it is not said.
struct Context {
  std::vector<std::string> addresses;
  std::string ca_file;
  std::string cert_file;
  std::string key_file;
  std::string token_file;

  friend bool operator==(const Context&, const Context&) = default;
};

struct Contexts {
  std::string current;  // Empty: none.
  std::map<std::string, Context, std::less<>> named;

  // NOT_FOUND: there is none of that name; the nearest one is said.
  absl::StatusOr<Context> Find(std::string_view name) const;
};

// `$XDG_CONFIG_HOME/sluice/contexts.yaml`, or `~/.config/sluice/contexts.yaml`; empty: there is no home.
std::string ContextsPath(const Console& console);

// What stands in the file; none when it is not there. INVALID_ARGUMENT: it cannot be read; the error names the line.
absl::StatusOr<Contexts> ParseContexts(std::string_view text, const std::string& path);
absl::StatusOr<Contexts> ReadContexts(const std::string& path);
// As ParseContexts reads it.
std::string ToYaml(const Contexts& contexts);
// Mode 0600, in a folder of mode 0700 that is made; what was there is replaced as a whole.
absl::Status WriteContexts(const std::string& path, const Contexts& contexts);
// What is to be said of the file's mode; empty: nothing.
std::string AboutMode(const std::string& path);

// Letters, digits, '-', '_' and '.'; at most 64.
bool IsContextName(std::string_view name);

}  // namespace sluice::ctl
