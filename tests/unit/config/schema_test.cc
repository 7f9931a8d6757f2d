// The schema against the code that reads by it, and against docs/configuration.md.
#include "server/config/schema.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>

#include "tests/unit/config/fixture.h"
#include "tests/unit/config/reference.h"

namespace sluice {
namespace {

// A configuration that has every section whose keys have defaults, and none of these keys.
constexpr std::string_view kBase =
    "connections: {plant: {server: 'broker:1883', clientId: gw, caFile: /etc/sluice/ca.pem, status: {topic: s}}}\n"
    "routes: [{from: {path: a/b}, to: {path: c}}]\n"
    "workers: {tls: {certFile: /etc/sluice/server.pem, keyFile: /etc/sluice/server.key}}\n"
    "http: {tls: {certFile: /etc/sluice/server.pem, keyFile: /etc/sluice/server.key}}\n"
    "admin: {listen: '127.0.0.1:9443', tls: {certFile: /etc/sluice/server.pem, keyFile: /etc/sluice/server.key}, "
    "dashboard: {listen: '127.0.0.1:8090', tls: {certFile: /etc/sluice/server.pem, keyFile: /etc/sluice/server.key}}}\n"
    "telemetry: {otlp: {endpoint: 'https://collector', tls: {caFile: /etc/sluice/ca.pem}}}\n"
    "chains: {x: {}}\n";

// "connections.NAME" with the names of kBase.
std::string PathOf(const Section& section) {
  std::string path(section.path);
  auto replace = [&](std::string_view from, std::string_view to) {
    if (const size_t at = path.find(from); at != std::string::npos) path.replace(at, from.size(), to);
  };
  replace("connections.NAME", "connections.plant");
  replace("chains.NAME", "chains.x");
  replace("[]", "[0]");
  return path;
}

std::string PathOf(const Section& section, const Key& key) {
  const std::string path = PathOf(section);
  return path.empty() ? std::string(key.name) : path + "." + std::string(key.name);
}

Setting SettingOf(const Section& section, const Key& key, std::string_view value) {
  Setting setting{.path = {}, .value = std::string(value)};
  std::istringstream path(PathOf(section, key));
  for (std::string step; std::getline(path, step, '.');) {
    const size_t list = step.find('[');
    setting.path.push_back(step.substr(0, list));
    if (list != std::string::npos) setting.path.push_back(step.substr(list));
  }
  return setting;
}

// A document that holds nothing but this key.
std::string Nested(const Section& section, const Key& key, std::string_view value) {
  std::string yaml = std::string(key.name) + ": " + std::string(value);
  std::string path = PathOf(section);
  while (!path.empty()) {
    const size_t dot = path.rfind('.');
    std::string step = dot == std::string::npos ? path : path.substr(dot + 1);
    path = dot == std::string::npos ? "" : path.substr(0, dot);
    const bool list = step.ends_with("[0]");
    if (list) step.resize(step.size() - 3);
    yaml = step + (list ? ": [{" + yaml + "}]" : ": {" + yaml + "}");
  }
  return "{" + yaml + "}";
}

template <typename Visit>
void ForEachKey(Visit visit) {
  for (const Section* section : AllSections()) {
    for (const Key& key : section->keys) visit(*section, key);
  }
}

bool IsContainer(const Key& key) {
  return key.type == KeyType::kMap || key.type == KeyType::kClaims || key.type == KeyType::kNamedMaps ||
         key.type == KeyType::kListOfMaps;
}

bool HasRange(const Key& key) {
  return key.type == KeyType::kNumber || key.type == KeyType::kBytes || key.type == KeyType::kDuration ||
         key.type == KeyType::kDurationOrSeconds;
}

TEST(Schema, EveryKeyIsReadAndRefusesAValueOfAnotherKind) {
  const FakeWorld world;
  ForEachKey([&](const Section& section, const Key& key) {
    const std::string yaml = Nested(section, key, IsContainer(key) ? "7" : "{a: b}");
    const std::string expected = PathOf(section, key) + ": found ";
    EXPECT_NE(Lines(world.Load(yaml)).find(expected), std::string::npos) << yaml << "\n" << Lines(world.Load(yaml));
  });
}

TEST(Schema, DefaultsAreWhatTheConfigurationHasWithoutTheKey) {
  const FakeWorld world;
  const LoadResult without = world.Load(kBase);
  ASSERT_EQ(Lines(without), "");
  size_t checked = 0;
  ForEachKey([&](const Section& section, const Key& key) {
    if (key.fallback.empty()) return;
    const std::vector<Setting> settings = {SettingOf(section, key, key.fallback)};
    const LoadResult with = world.Load(kBase, settings);
    EXPECT_EQ(Lines(with), "");
    EXPECT_TRUE(with.config == without.config) << PathOf(section, key) << ": " << key.fallback;
    ++checked;
  });
  EXPECT_GT(checked, 30u);
}

TEST(Schema, RangesAreTakenAtBothEnds) {
  const FakeWorld world;
  ForEachKey([&](const Section& section, const Key& key) {
    if (!HasRange(key)) return;
    for (std::string_view value : {SplitRange(key.allowed).min, SplitRange(key.allowed).max}) {
      const std::vector<Setting> settings = {SettingOf(section, key, value)};
      const std::string refusal = PathOf(section, key) + ": found '";
      EXPECT_EQ(Lines(world.Load(kBase, settings)).find(refusal), std::string::npos) << refusal << value;
    }
  });
}

TEST(Schema, EveryKeyHasAMeaning) {
  ForEachKey([](const Section& section, const Key& key) {
    EXPECT_TRUE(key.meaning.ends_with('.') || key.meaning.ends_with("there")) << PathOf(section, key);
    EXPECT_EQ(key.meaning.find('|'), std::string_view::npos) << "it would end the table's cell: " << key.name;
  });
}

// docs/configuration.md shows the schema. After a change of it:
//   SLUICE_UPDATE_DOCS=1 build/release/bin/config_test --gtest_filter='Reference.*'
TEST(Reference, IsInTheDocument) {
  const std::string path = std::string(SLUICE_SOURCE_DIR) + "/docs/configuration.md";
  std::ifstream in(path);
  std::string document{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  const size_t begin = document.find(kReferenceBegin);
  ASSERT_NE(begin, std::string::npos) << "no place for the keys in " << path;
  const std::string reference = RenderReference();
  if (std::getenv("SLUICE_UPDATE_DOCS") != nullptr) {  // NOLINT(concurrency-mt-unsafe): one thread.
    std::ofstream(path) << document.substr(0, begin) << reference;
    return;
  }
  EXPECT_EQ(document.substr(begin), reference);
}

}  // namespace
}  // namespace sluice
