// A configuration is broken in every way that comes to mind; no diagnostic shows the password, and nothing crashes.
#include <gtest/gtest.h>

#include <random>

#include "tests/unit/config/fixture.h"

namespace sluice {
namespace {

constexpr std::string_view kSecret = "hunter2";

void ExpectNoSecret(const FakeWorld& world, const std::string& yaml) {
  const LoadResult result = world.Load(yaml);
  for (const Diagnostic& error : result.errors) {
    EXPECT_EQ(error.ToString().find(kSecret), std::string::npos) << error.ToString() << "\nin\n" << yaml;
    EXPECT_EQ(error.ToString().find('\n'), std::string::npos) << error.ToString();
  }
  EXPECT_EQ(WarningLines(result).find(kSecret), std::string::npos) << WarningLines(result) << "\nin\n" << yaml;
}

TEST(Secrets, AreNotShownByAnyError) {
  FakeWorld world;
  world.variables["SECRET"] = "hunter2";
  for (const char* connection : {
           "server: b, password: [hunter2]",
           "server: b, password: {hunter2: hunter2}",
           "server: b, password: hunter2, Password: hunter2, PASSWORD: hunter2",
           "server: b, password: hunter2, password: hunter2",
           "server: b, password: '${hunter2'",
           "server: b, password: 'x${hunter2}'",
           "server: b, password: '${x hunter2}'",
           "server: b, password: \"hunter2\\0\"",
           "server: b, password: \"hunter2\\q\"",
           "server: b, password: *hunter2",
           "server: b, password: &a hunter2, username: *a, qos: *a",
           "server: b, password: @hunter2",
           "server: b, password: hunter2: x",
           "server: b, password: 'hunter2",
           "server: b, password: !hunter2 x",
           "server: b, password hunter2",
           "server: b, password:hunter2",
           "server: b, pasword: hunter2",
           "server: b, qos: '${SECRET}'",
           "server: '${SECRET}://b'",
           "server: b, keepAlive: '${SECRET}', caFile: '${SECRET}'",
           "server: 'mqtt://u:hunter2@b'",
           "server: 'u:hunter2@b:1883'",
           "server: b, passwordFile: '${SECRET}'",
           "server: b, password: hunter2, protocol: 3.1.1, passwordFile: /etc/sluice/password",
       }) {
    ExpectNoSecret(world, WithConnection(connection));
  }
  for (const char* yaml :
       {"connections:\n  plant:\n    server: b\n    password hunter2\n",
        "connections:\n  plant:\n    password hunter2\n    server: b\n", "connections:\n  password: hunter2\n",
        "connections: {password hunter2: }\n", "connections:\n  plant:\n    password: |\n  hunter2\n",
        "password: hunter2\n", "hunter2\n", "connections: hunter2\n"}) {
    ExpectNoSecret(world, yaml);
  }
}

// Characters and lines are struck out, doubled and swapped, thousands of times, always the same ones.
TEST(Secrets, AreNotShownHoweverAFileIsDamaged) {
  const FakeWorld world;
  const std::string whole =
      "connections:\n  plant: &p\n    server: mqtts://b:8883\n    username: u\n    password: \"hunter2\"\n"
      "    caFile: /etc/sluice/ca.pem\n    qos: 1\n    maxReconnectInterval: 10\n"
      "routes:\n  - id: x\n    from: {path: $share/g/a/+, qos: 1, processors: [toHex]}\n    to: {path: "
      "\"chain:${topic}\"}\n"
      "chains: {a: {orderBy: topic level 2, queue: {maxBytes: 1MiB}}}\n"
      "replies: {allow: [\"a/#\"]}\nworkers: {listen: \"[::]:1\", insecure: true}\n";
  ASSERT_EQ(Lines(world.Load(whole)), "");
  std::mt19937 random(20'260'822);
  constexpr std::string_view kNoise = "{}[]:,'\"#&*!|>%@`-? \n\t$\\0\xC3";
  for (int i = 0; i < 5'000; ++i) {
    std::string damaged = whole;
    for (uint32_t k = 0; k <= random() % 3; ++k) {
      const size_t at = random() % damaged.size();
      switch (random() % 3) {
        case 0:
          damaged.erase(at, 1 + random() % 5);
          break;
        case 1:
          damaged.insert(at, 1, kNoise[random() % kNoise.size()]);
          break;
        default:
          damaged[at] = kNoise[random() % kNoise.size()];
      }
      if (damaged.empty()) damaged = "x";
    }
    const LoadResult result = world.Load(damaged);
    // A password that has lost its key is a text like any other.
    if (damaged.find("    password: \"hunter2\"\n") == std::string::npos) continue;
    for (const Diagnostic& error : result.errors) {
      EXPECT_EQ(error.ToString().find(kSecret), std::string::npos) << error.ToString() << "\nin\n" << damaged;
    }
  }
}

}  // namespace
}  // namespace sluice
