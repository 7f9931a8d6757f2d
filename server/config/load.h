// From YAML to a GatewayConfig, or to everything that is wrong with it. Pure: what the text refers to comes through
// Surroundings.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/config/addition.h"
#include "server/config/config.h"
#include "server/config/diagnostic.h"
#include "server/config/surroundings.h"

namespace sluice {

// A route, chain or connection of the configuration.
struct LoadedItem {
  ItemKey key;
  int source = 0;     // As Position has it.
  std::string shown;  // Its YAML without secrets, as ShownConfig() has it.
};

struct LoadResult {
  GatewayConfig config;            // Only of use when ok(). `warnings` hold what Diagnostic::ToString gives.
  std::vector<Diagnostic> errors;  // In the order of their lines.
  std::string hash;                // ConfigVersion::hash of what was read; empty: it could not be read.
  std::string text;                // What was read, as it is; may hold secrets.
  std::string shown;              // What ShownConfig() makes of it, with settings and additions. Only of use when ok().
  std::vector<LoadedItem> items;  // Those of the file first. Only of use when ok().

  bool ok() const { return errors.empty(); }
};

// A value that the command line gives; it replaces what the file says. Environment references in it are not expanded
// (the shell has had its chance).
struct Setting {
  std::vector<std::string> path;  // {"workers", "listen"}; "[0]" is an item of a list.
  std::string value;
};

// `file` names the text in errors. `additions` are taken as if they stood in the file; the hash is the file's alone. Errors
// and warnings never hold a password. Does not throw.
LoadResult LoadConfig(std::string_view text, const std::string& file, const Surroundings& surroundings,
                      std::span<const Setting> settings = {}, std::span<const Addition> additions = {});

// A configuration that consists of settings alone.
LoadResult LoadSettings(std::span<const Setting> settings, const Surroundings& surroundings,
                        std::span<const Addition> additions = {});

// As LoadConfig, for a file that surroundings.read_file reads.
LoadResult LoadConfigFile(const std::string& file, const Surroundings& surroundings,
                          std::span<const Setting> settings = {}, std::span<const Addition> additions = {});

}  // namespace sluice
