// sluice-gateway's command line: what it means, and the configuration it asks for. CLI11 stays behind command_line.cc.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/config/load.h"
#include "server/config/surroundings.h"

namespace sluice {

// What the program prints before it ends, and its exit status.
struct Exit {
  int code = 0;
  std::string out;  // For standard output.
  std::string err;  // For standard error.
};

struct CommandLine {
  // Set after --help and mistakes (status 2): there is nothing else to do.
  std::optional<Exit> exit;
  bool version = false;           // Print which build this is and end.
  bool check = false;             // Say what is wrong with the configuration and end.
  bool watch = false;             // Take a changed file as soon as it says something else.
  bool salvage = false;           // Open a damaged journal all the same.
  std::string test_topic;         // Say what the routes would do with a message of this topic, and end; empty: no.
  std::string test_connection;    // With it: that it comes on; empty: each.
  std::string test_payload_file;  // With it; empty: no payload.
  std::string test_reply;         // With it: where a reply would go; empty: that is not asked.
  std::string import_rulego;      // Print a configuration for the endpoints in this file and end; empty: no.
  std::string config_file;        // Empty: the settings are all there is (--broker).
  std::vector<Setting> settings;  // What other flags say, beyond the file.
};

// `arguments` without the program's name.
CommandLine ParseCommandLine(std::span<const std::string> arguments);

// What --import-rulego prints.
Exit ImportFor(const CommandLine& command_line, const Surroundings& surroundings);

// The configuration that the command line asks for, from the file and the flags.
LoadResult LoadFor(const CommandLine& command_line, const Surroundings& surroundings,
                   std::span<const Addition> additions = {});

// As LoadFor(), with `text`, called `name` in errors, in place of the file's content. A command line without a file has
// no place for it, which is an error.
LoadResult LoadTextFor(const CommandLine& command_line, std::string_view text, const std::string& name,
                       const Surroundings& surroundings, std::span<const Addition> additions = {});

// Errors, one a line, for standard error: status 1. Without errors, what --check has to say: status 0.
Exit Report(const CommandLine& command_line, const LoadResult& result);

}  // namespace sluice
