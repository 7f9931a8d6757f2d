// A world for configurations: an environment, files, and a host name, all made up.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/config/load.h"
#include "server/config/surroundings.h"
#include "tests/support/pem.h"

namespace sluice {

// Made once: pairs of different keys that are good for a year from FakeWorld::now_unix_s.
inline constexpr int64_t kFakeNow = 1'800'000'000;
inline const PemPair& FakePem(int which) {
  static const PemPair pairs[] = {MakePem("ca", kFakeNow + 365 * 86'400), MakePem("client", kFakeNow + 365 * 86'400),
                                  MakePem("server", kFakeNow + 365 * 86'400)};
  return pairs[which];
}

struct FakeWorld {
  std::map<std::string, std::string> variables = {{"HOME", "/root"}};
  std::map<std::string, std::string> files = {
      {"/etc/sluice/ca.pem", FakePem(0).cert},     {"/etc/sluice/workers-ca.pem", FakePem(0).cert},
      {"/etc/sluice/client.pem", FakePem(1).cert}, {"/etc/sluice/client.key", FakePem(1).key},
      {"/etc/sluice/server.pem", FakePem(2).cert}, {"/etc/sluice/server.key", FakePem(2).key},
      {"/etc/sluice/password", "swordfish\n"}};
  std::map<std::string, std::string> unusable_directories;  // And why.
  std::map<std::string, std::string> unusable_places;       // Of files to append to, and sockets; and why.
  std::map<std::string, std::string> open_directories;      // And their mode.
  uint64_t disk_bytes = uint64_t{1} << 40;
  std::map<std::string, std::string> links;  // Paths that lead elsewhere.

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
    made_up.files_of = [this](const std::string& path) -> absl::StatusOr<std::vector<std::string>> {
      if (files.contains(path)) return std::vector<std::string>{path};
      std::vector<std::string> found;
      for (const auto& [name, content] : files) {
        if (name.starts_with(path + "/")) found.push_back(name);
      }
      if (found.empty()) return absl::NotFoundError("cannot be read: No such file or directory");
      return found;
    };
    made_up.disk_of = [this](const std::string& path) -> absl::StatusOr<uint64_t> {
      auto unusable = unusable_directories.find(path);
      if (unusable != unusable_directories.end()) return absl::FailedPreconditionError(unusable->second);
      return disk_bytes;
    };
    made_up.check_append = made_up.check_socket = [this](const std::string& path) -> absl::Status {
      auto unusable = unusable_places.find(path);
      return unusable == unusable_places.end() ? absl::OkStatus() : absl::FailedPreconditionError(unusable->second);
    };
    made_up.open_to_all = [this](const std::string& path) -> std::optional<std::string> {
      auto open = open_directories.find(path);
      if (open == open_directories.end()) return std::nullopt;
      return open->second;
    };
    made_up.canonical = [this](const std::string& path) {
      auto link = links.find(path);
      return std::filesystem::path(link == links.end() ? path : link->second).lexically_normal().string();
    };
    made_up.now_unix_s = kFakeNow;
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
