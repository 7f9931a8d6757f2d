#include "server/config/shown.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "server/config/version.h"
#include "tests/unit/config/fixture.h"

namespace sluice {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kWhole =
    "connections:  # the plant's\n"
    "  plant: {server: 'ssl://broker:8883', username: gw, password: 'swordfish !', clientId: gw}\n"
    "  office: {server: office, password: '${OFFICE}', username: gw, clientId: gw2, caFile: /etc/sluice/ca.pem}\n"
    "routes:\n"
    "  - {connection: plant, from: {path: '$share/g/a/#', processors: [toHex]}, to: {path: 'c:${topic.2}'}}\n"
    "  - {connection: office, from: {path: 'true'}, to: {path: d}}\n"
    "chains: {}\n"
    "workers: {listen: 'unix:/run/w', insecure: true}\n";

LoadResult Loaded(std::string_view yaml, std::span<const Setting> settings = {}) {
  FakeWorld world;
  world.variables["OFFICE"] = "the office's";
  LoadResult result = world.Load(yaml, settings);
  EXPECT_EQ(Lines(result), "");
  return result;
}

TEST(ShownConfig, SaysTheSameAgainWithoutCommentsAndSecrets) {
  EXPECT_EQ(Loaded(kWhole).shown,
            "connections:\n"
            "  plant:\n"
            "    server: \"ssl://broker:8883\"\n"
            "    username: gw\n"
            "    password: \"(secret)\"\n"
            "    clientId: gw\n"
            "  office:\n"
            "    server: office\n"
            "    password: \"${OFFICE}\"\n"
            "    username: gw\n"
            "    clientId: gw2\n"
            "    caFile: /etc/sluice/ca.pem\n"
            "routes:\n"
            "  - connection: plant\n"
            "    from:\n"
            "      path: $share/g/a/#\n"
            "      processors:\n"
            "        - toHex\n"
            "    to:\n"
            "      path: \"c:${topic.2}\"\n"
            "  - connection: office\n"
            "    from:\n"
            "      path: true\n"
            "    to:\n"
            "      path: d\n"
            "chains: {}\n"
            "workers:\n"
            "  listen: \"unix:/run/w\"\n"
            "  insecure: true\n");
}

TEST(ShownConfig, MeansTheSameWhenItIsReadAgain) {
  const LoadResult first = Loaded(kWhole);
  LoadResult second = Loaded(first.shown);
  second.config.connections["plant"].password = "swordfish !";
  EXPECT_EQ(second.config.connections, first.config.connections);
  EXPECT_EQ(second.config.routes, first.config.routes);
  EXPECT_EQ(second.shown, first.shown);
}

TEST(ShownConfig, ASecretThatAnAliasHasCarriedElsewhereIsNotShownEither) {
  const std::string shown =
      Loaded(
          "connections: {plant: {server: broker, username: gw, password: &p swordfish, clientId: *p}}\n"
          "routes: [{from: {path: a/b}, to: {path: c}}]\n"
          "workers: {listen: 'unix:/run/w', insecure: true}\n")
          .shown;
  EXPECT_THAT(shown, Not(HasSubstr("swordfish")));
}

TEST(ShownConfig, HasWhatTheCommandLineSays) {
  const Setting level{.path = {"log", "level"}, .value = "debug"};
  EXPECT_THAT(Loaded(kMinimal, {&level, 1}).shown, HasSubstr("log:\n  level: debug\n"));
}

TEST(ConfigVersion, IsWhatSha256sumSaysOfTheFile) {
  EXPECT_EQ(ConfigHash(""), "e3b0c44298fc");
  EXPECT_EQ(ConfigHash("abc"), "ba7816bf8f01");
  EXPECT_EQ(ConfigHashNumber("ba7816bf8f01"), 0xba7816bf8f01);
  EXPECT_EQ(Loaded(kMinimal).hash, ConfigHash(kMinimal));
  EXPECT_EQ(ToString(ConfigVersion{.hash = "ba7816bf8f01", .unix_ms = 1'800'000'000'123, .source = "gw.yaml (start)"}),
            "ba7816bf8f01, since 2027-01-15T08:00:00Z, from gw.yaml (start)");
}

}  // namespace
}  // namespace sluice
