// A world for configurations: an environment, files, and a host name, all made up.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/config/load.h"
#include "server/config/surroundings.h"

namespace sluice {

struct FakeWorld {
  std::map<std::string, std::string> variables = {{"HOME", "/root"}};
  std::map<std::string, std::string> files = {
      {"/etc/sluice/ca.pem", "ca"},           {"/etc/sluice/client.pem", "cert"}, {"/etc/sluice/client.key", "key"},
      {"/etc/sluice/server.pem", "cert"},     {"/etc/sluice/server.key", "key"},  {"/etc/sluice/workers-ca.pem", "ca"},
      {"/etc/sluice/password", "swordfish\n"}};

  Surroundings surroundings() const {
    Surroundings made_up;
    made_up.environment = [this](const std::string& name) -> std::optional<std::string> {
      auto variable = variables.find(name);
      if (variable == variables.end()) return std::nullopt;
      return variable->second;
    };
    made_up.read_file = [this](const std::string& path) -> absl::StatusOr<std::string> {
      auto file = files.find(path);
      if (file == files.end()) return absl::NotFoundError("No such file or directory");
      return file->second;
    };
    made_up.check_file = [this](const std::string& path) {
      return files.contains(path) ? absl::OkStatus() : absl::NotFoundError("No such file or directory");
    };
    made_up.host_name = "edge-7";
    return made_up;
  }

  LoadResult Load(std::string_view yaml, std::span<const Setting> settings = {}) const {
    return LoadConfig(yaml, "gw.yaml", surroundings(), settings);
  }
};

inline std::string Lines(const LoadResult& result) {
  std::string lines;
  for (const Diagnostic& error : result.errors) lines += error.ToString() + "\n";
  return lines;
}

inline std::string WarningLines(const LoadResult& result) {
  std::string lines;
  for (const std::string& warning : result.config.warnings) lines += warning + "\n";
  return lines;
}

// Four lines that are a whole configuration. What a test adds begins in line 5.
inline constexpr std::string_view kMinimal =
    "connections: {plant: {server: 'broker:1883', clientId: gw}}\n"
    "routes: [{from: {path: a/b}, to: {path: c}}]\n"
    "workers: {listen: 'unix:/run/w', insecure: true}\n"
    "\n";

// `connection` (flow style, without braces) within an otherwise right configuration; it begins in line 2, column 11.
inline std::string WithConnection(std::string_view connection) {
  return "connections:\n  plant: {" + std::string(connection) +
         "}\n"
         "routes: [{from: {path: a/b}, to: {path: c}}]\n"
         "workers: {listen: 'unix:/run/w', insecure: true}\n";
}

// `route` (flow style, without braces) as the only one; it begins in line 2, column 6.
inline std::string WithRoute(std::string_view route) {
  return "routes:\n  - {" + std::string(route) +
         "}\n"
         "connections: {plant: {server: 'broker:1883', clientId: gw}}\n"
         "workers: {listen: 'unix:/run/w', insecure: true}\n";
}

}  // namespace sluice
