// What is put beside the file, with the real loader and the real store, and nobody to carry it out.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/addition/store.h"
#include "server/reload/running_config.h"
#include "tests/support/manual_clock.h"

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr char kFile[] = R"(connections:
  plant: {server: "mqtt://127.0.0.1:1883", clientId: gw, username: ops, password: swordfish}
routes:
  - {id: own, connection: plant, from: {path: own/#, qos: 1}, to: {path: "chain:a"}}
chains:
  a: {lease: 5m}
workers: {listen: "127.0.0.1:7443", insecure: true}
journal: {enabled: false}
)";

// Fails when it is told to; what it holds is as before then.
class TestStore final : public AdditionStore {
 public:
  bool durable() const override { return true; }
  absl::StatusOr<Content> Read() const override { return content; }
  absl::Status Write(std::span<const StoredAddition> put, std::span<const ItemKey> removed) override {
    if (!trouble.ok()) return trouble;
    const auto remove = [this](const ItemKey& key) {
      std::erase_if(content.additions, [&key](const StoredAddition& each) { return each.key == key; });
    };
    for (const ItemKey& key : removed) remove(key);
    for (const StoredAddition& addition : put) {
      remove(addition.key);
      content.additions.push_back(addition);
      content.last_version = std::max(content.last_version, addition.version);
    }
    return absl::OkStatus();
  }

  Content content;
  absl::Status trouble = absl::OkStatus();
};

class RunningItemsTest : public testing::Test {
 protected:
  RunningItemsTest() { Start(); }

  // Anew, with the file and the store as they are.
  void Start() {
    LoadResult loaded = Load(std::nullopt, {});
    ASSERT_TRUE(loaded.ok()) << loaded.errors.front().ToString();
    ConfigOrigin origin{.name = "gw.yaml",
                        .hash = loaded.hash,
                        .shown = loaded.shown,
                        .load = [this](const auto& text, auto additions) { return Load(text, additions); },
                        .text = loaded.text,
                        .items = loaded.items};
    ASSERT_TRUE(TakeUp(store_, loaded.config, origin).ok());
    running_ = std::make_unique<RunningConfig>(
        std::move(loaded.config), std::move(origin),
        [this](const GatewayConfig& wanted, const ReloadPlan& /*plan*/) {
          if (carry_.ok()) carried_ = wanted;
          return carry_;
        },
        clock_, metrics_);
    running_->Open();
  }
  LoadResult Load(const std::optional<ConfigText>& text, std::span<const Addition> additions) {
    Surroundings around = Surroundings::Real();
    around.environment = [](const std::string& name) -> std::optional<std::string> {
      return name == "SECRET" ? std::optional<std::string>("hunter2") : std::nullopt;
    };
    return LoadConfig(text ? text->text : file_, "gw.yaml", around, {}, additions);
  }

  absl::StatusOr<EditOutcome> Put(const std::string& yaml, std::optional<uint64_t> expected = std::nullopt,
                                  ItemKind kind = ItemKind::kRoute, bool try_only = false) {
    ParsedItems parsed = ParseItems(yaml, "new.yaml", kind);
    if (!parsed.errors.empty()) return absl::InvalidArgumentError(parsed.errors.front().ToString());
    return running_->Edit({.put = std::move(parsed.items), .removed = {}, .expected_version = expected}, "ops",
                          try_only);
  }
  absl::StatusOr<EditOutcome> Delete(const std::string& id, std::optional<uint64_t> expected = std::nullopt,
                                     ItemKind kind = ItemKind::kRoute) {
    return running_->Edit({.put = {}, .removed = {{.kind = kind, .id = id}}, .expected_version = expected}, "ops",
                          false);
  }
  std::vector<std::string> Routes() const {
    std::vector<std::string> ids;
    for (const RouteConfig& route : running_->config()->routes) ids.push_back(route.id);
    return ids;
  }
  ConfiguredItem Item(ItemKind kind, const std::string& id) const {
    for (const ConfiguredItem& item : running_->Items().items) {
      if (item.key == ItemKey{.kind = kind, .id = id}) return item;
    }
    return {};
  }

  std::string file_ = kFile;
  std::shared_ptr<TestStore> store_ = std::make_shared<TestStore>();
  ManualClock clock_;
  MetricsRegistry metrics_;
  std::optional<GatewayConfig> carried_;
  absl::Status carry_ = absl::OkStatus();
  std::unique_ptr<RunningConfig> running_;
};

constexpr char kNew[] = "id: new\nfrom: {path: new/#, qos: 1}\nto: {path: \"chain:b\"}\n";

TEST_F(RunningItemsTest, ARouteThatIsPutRunsAndIsStored) {
  const absl::StatusOr<EditOutcome> outcome = Put(kNew);
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(outcome->version, 1u);
  EXPECT_TRUE(outcome->durable);
  EXPECT_THAT(Routes(), ElementsAre("own", "new"));
  EXPECT_EQ(carried_->routes.back().connection, "plant");
  ASSERT_EQ(store_->content.additions.size(), 1u);
  const ConfiguredItem item = Item(ItemKind::kRoute, "new");
  EXPECT_FALSE(item.in_file);
  EXPECT_EQ(item.version, 1u);
  EXPECT_EQ(item.put_by, "ops");
  EXPECT_THAT(item.yaml, HasSubstr("path: new/#"));
  EXPECT_TRUE(Item(ItemKind::kRoute, "own").in_file);
  EXPECT_EQ(running_->version().hash, ConfigHash(kFile)) << "the version is the file's";
}

TEST_F(RunningItemsTest, WhatWasPutIsThereAfterARestart) {
  ASSERT_TRUE(Put(kNew).ok());
  ASSERT_TRUE(Put("b: {lease: 7m}", {}, ItemKind::kChain).ok());
  Start();
  EXPECT_THAT(Routes(), ElementsAre("own", "new"));
  EXPECT_EQ(running_->config()->chains.at("b").lease, Millis(420'000));
  ASSERT_TRUE(Put(kNew).ok());
  EXPECT_EQ(Item(ItemKind::kRoute, "new").version, 3u) << "versions go on where they were";
}

TEST_F(RunningItemsTest, ADeletedVersionNeverComesAgain) {
  ASSERT_TRUE(Put(kNew).ok());
  ASSERT_TRUE(Delete("new").ok());
  EXPECT_THAT(Routes(), ElementsAre("own"));
  Start();
  ASSERT_TRUE(Put(kNew).ok());
  EXPECT_EQ(Item(ItemKind::kRoute, "new").version, 2u);
}

TEST_F(RunningItemsTest, WhatStandsInTheFileIsChangedThere) {
  const absl::Status put = Put("{id: own, from: {path: other}, to: {path: c}}").status();
  EXPECT_EQ(put, absl::FailedPreconditionError("route 'own' stands in gw.yaml: change it there"));
  EXPECT_EQ(Delete("own").status(), put);
  EXPECT_TRUE(absl::IsFailedPrecondition(Put("a: {lease: 1m}", {}, ItemKind::kChain).status()));
  EXPECT_TRUE(absl::IsNotFound(Delete("nobody").status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(Put("plant: {server: \"127.0.0.1\"}", {}, ItemKind::kConnection).status()));
}

TEST_F(RunningItemsTest, TwoWritersDoNotOverwriteEachOther) {
  ASSERT_TRUE(Put(kNew, 0).ok());
  EXPECT_EQ(Put(kNew, 0).status(), absl::AbortedError("route 'new' has version 1: somebody else has put it"));
  ASSERT_TRUE(Put(kNew, 1).ok());
  EXPECT_EQ(Put(kNew, 1).status(), absl::AbortedError("route 'new' has version 2, not 1"));
  EXPECT_TRUE(absl::IsAborted(Delete("new", 1).status()));
  ASSERT_TRUE(Delete("new", 2).ok());
  EXPECT_EQ(Put(kNew, 2).status(), absl::AbortedError("route 'new' is not there any more"));
}

TEST_F(RunningItemsTest, ErrorsNameTextLineAndField) {
  EXPECT_THAT(std::string(Put("id: new\nfrom: {path: new/#, qos: 3}\nto: {path: c}\n").status().message()),
              HasSubstr("new.yaml:2:26: route.from.qos: found '3'"));
  EXPECT_THAT(std::string(Put("id: new\nfrm: {path: x}\nto: {path: c}\n").status().message()),
              HasSubstr("did you mean 'from'"));
  EXPECT_THAT(std::string(Put("{id: new, from: {path: own/#}, to: {path: a}}").status().message()),
              HasSubstr("takes in 'own/#' as the route in line 4 of gw.yaml does"));
  EXPECT_THAT(Routes(), ElementsAre("own"));
  EXPECT_TRUE(store_->content.additions.empty());
}

TEST_F(RunningItemsTest, NobodyReadsTheEnvironmentThroughARoute) {
  const absl::Status status = Put("{id: new, from: {path: \"${SECRET}\"}, to: {path: c}}").status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(status.message(), testing::Not(HasSubstr("hunter2")));
  EXPECT_TRUE(Put("{id: new, from: {path: t/+}, to: {path: \"chain:${topic.2}\", chains: [x]}}").ok());
  for (const ConfiguredItem& item : running_->Items().items)
    EXPECT_THAT(item.yaml, testing::Not(HasSubstr("swordfish")));
}

TEST_F(RunningItemsTest, SeveralAreAllOrNothing) {
  EXPECT_FALSE(
      Put("routes: [{id: x, from: {path: x}, to: {path: c}}, {id: y, from: {path: 'y/#/z'}, to: {path: c}}]").ok());
  EXPECT_THAT(Routes(), ElementsAre("own"));
  EXPECT_TRUE(Put("routes: [{id: x, from: {path: x}, to: {path: c}}, {from: {path: y}, to: {path: c}}]\n"
                  "chains: {c: {lease: 1m}}")
                  .ok());
  EXPECT_THAT(Routes(), ElementsAre("own", "x", "y"));
}

TEST_F(RunningItemsTest, ATryChangesNothing) {
  const absl::StatusOr<EditOutcome> outcome = Put(kNew, {}, ItemKind::kRoute, true);
  ASSERT_TRUE(outcome.ok());
  EXPECT_THAT(outcome->plan.changes.front().subject, HasSubstr("route 'new'"));
  EXPECT_FALSE(carried_.has_value());
  EXPECT_TRUE(store_->content.additions.empty());
}

TEST_F(RunningItemsTest, WhatCannotBeStoredOrCarriedOutIsNotThere) {
  store_->trouble = absl::ResourceExhaustedError("the disk is full");
  EXPECT_EQ(Put(kNew).status(), store_->trouble);
  EXPECT_FALSE(carried_.has_value());
  store_->trouble = absl::OkStatus();
  carry_ = absl::InternalError("cannot");
  EXPECT_EQ(Put(kNew).status(), carry_);
  EXPECT_TRUE(store_->content.additions.empty());
  EXPECT_THAT(Routes(), ElementsAre("own"));
}

TEST_F(RunningItemsTest, AFileThatBringsAnIdThatWasPutIsRefused) {
  ASSERT_TRUE(Put(kNew).ok());
  file_ += "# changed\n";
  ASSERT_TRUE(running_->Apply(std::nullopt, "SIGHUP", "").ok());
  EXPECT_THAT(Routes(), ElementsAre("own", "new")) << "a reload keeps what was put";
  file_.replace(file_.find("  - {id: own"), 0, "  - {id: new, connection: plant, from: {path: n}, to: {path: a}}\n");
  const absl::Status status = running_->Apply(std::nullopt, "SIGHUP", "").status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(status.message(), HasSubstr("the id 'new' is taken by the route in line 4 of gw.yaml"));
  ASSERT_TRUE(Delete("new").ok());
  EXPECT_TRUE(running_->Apply(std::nullopt, "SIGHUP", "").ok());
}

TEST_F(RunningItemsTest, AtAStartTheFileWinsAndWhatDoesNotGoWithItIsSetAside) {
  ASSERT_TRUE(Put(kNew).ok());
  ASSERT_TRUE(Put("{id: other, from: {path: o}, to: {path: c}}").ok());
  const std::string before = file_;
  file_.replace(file_.find("id: own"), 7, "id: new");
  Start();
  EXPECT_THAT(Routes(), ElementsAre("new", "other"));
  EXPECT_THAT(running_->Items().items,
              testing::Contains(testing::Field(&ConfiguredItem::trouble, HasSubstr("is taken"))));
  EXPECT_TRUE(Put("{id: third, from: {path: t}, to: {path: c}}").ok()) << "it is in nobody's way";
  file_ = before;
  ASSERT_TRUE(running_->Apply(std::nullopt, "SIGHUP", "").ok());
  EXPECT_THAT(Routes(), ElementsAre("own", "new", "other", "third")) << "and comes back with a file that it goes with";
  file_.replace(file_.find("id: own"), 7, "id: new");
  Start();
  EXPECT_TRUE(Delete("new").ok()) << "the one that is set aside";
  EXPECT_EQ(store_->content.additions.size(), 2u);
}

TEST(AdditionStoreTest, KeepsWhatWasWrittenAndTheHighestVersion) {
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("sluice-additions-" + std::to_string(getpid()));
  std::filesystem::create_directory(folder);
  const std::string path = folder / "additions.db";
  const StoredAddition one{
      .key = {.kind = ItemKind::kRoute, .id = "r"}, .yaml = "id: r\n", .version = 1, .put_unix_ms = 5, .put_by = "ops"};
  StoredAddition two = one;
  two.key.id = "s";
  two.version = 2;
  {
    auto store = OpenAdditionStore(path);
    ASSERT_TRUE(store.ok()) << store.status();
    EXPECT_TRUE((*store)->durable());
    ASSERT_TRUE((*store)->Write(std::vector{one, two}, {}).ok());
    ASSERT_TRUE((*store)->Write({}, std::vector{two.key}).ok());
  }
  auto store = OpenAdditionStore(path);
  ASSERT_TRUE(store.ok()) << store.status();
  const auto content = (*store)->Read();
  EXPECT_THAT(content->additions, ElementsAre(one));
  EXPECT_EQ(content->last_version, 2u);
  std::filesystem::remove_all(folder);
}

constexpr char kHall[] = "hall: {server: \"mqtt://127.0.0.2:1883\", clientId: hall}\n";
constexpr char kHallRoute[] = "{id: new, connection: hall, from: {path: new/#, qos: 1}, to: {path: \"chain:b\"}}\n";

TEST_F(RunningItemsTest, AConnectionIsPutUsedAndDeletedWhenNothingUsesItAnyMore) {
  ASSERT_TRUE(Put(kHall, 0, ItemKind::kConnection).ok());
  EXPECT_EQ(carried_->connections.at("hall").client_id, "hall");
  ASSERT_TRUE(Put(kHallRoute).ok());
  const absl::Status used = Delete("hall", std::nullopt, ItemKind::kConnection).status();
  EXPECT_EQ(used.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(used.message(), HasSubstr("connection 'hall' is used by route 'new'"));
  Start();  // As after a kill.
  EXPECT_TRUE(running_->config()->connections.contains("hall"));
  ASSERT_TRUE(Delete("new").ok());
  ASSERT_TRUE(Delete("hall", 1, ItemKind::kConnection).ok());
  EXPECT_FALSE(carried_->connections.contains("hall"));
  EXPECT_EQ(Delete("plant", std::nullopt, ItemKind::kConnection).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(RunningItemsTest, APasswordIsRefusedAndNotShown) {
  const absl::Status status =
      Put("hall: {server: \"mqtt://127.0.0.2:1883\", username: a, password: hunter2}", 0, ItemKind::kConnection)
          .status();
  EXPECT_THAT(status.message(), HasSubstr("passwordFile"));
  EXPECT_THAT(status.message(), testing::Not(HasSubstr("hunter2")));
  EXPECT_TRUE(store_->content.additions.empty());
}

TEST_F(RunningItemsTest, RoutesOfTheFileKeepTheirDefaultAndCannotUseWhatWasPut) {
  file_.replace(file_.find("connection: plant, "), 19, "");
  Start();
  ASSERT_TRUE(Put(kHall, 0, ItemKind::kConnection).ok());
  EXPECT_EQ(carried_->routes.front().connection, "plant");
  file_.replace(file_.find("id: own, "), 9, "id: own, connection: hall, ");
  const absl::Status status = running_->Apply(std::nullopt, "ops", "").status();
  EXPECT_THAT(status.message(), HasSubstr("found 'hall', which is no connection"));
}

TEST_F(RunningItemsTest, WhatCollidesWithTheFileAtAStartIsSetAsideWhicheverOfThemTheErrorNames) {
  // By name the file's comes second, and has the error.
  ASSERT_TRUE(Put("a: {server: \"mqtt://127.0.0.1:1883\", clientId: later}", 0, ItemKind::kConnection).ok());
  ASSERT_TRUE(Put("{id: new, connection: a, from: {path: new/#}, to: {path: \"chain:b\"}}").ok());
  ASSERT_TRUE(Put("{id: other, connection: plant, from: {path: other/#}, to: {path: \"chain:b\"}}").ok());
  file_.replace(file_.find("clientId: gw"), 12, "clientId: later");
  Start();
  EXPECT_THAT(Item(ItemKind::kConnection, "a").trouble, HasSubstr("clientId"));
  EXPECT_THAT(Routes(), ElementsAre("own", "other"));
  EXPECT_THAT(Item(ItemKind::kRoute, "new").trouble, HasSubstr("which is no connection"));
  // A reload tries again, and is not refused for what is set aside.
  EXPECT_TRUE(running_->Apply(std::nullopt, "ops", "").ok());
  file_.replace(file_.find("clientId: later"), 15, "clientId: gw");
  EXPECT_TRUE(running_->Apply(std::nullopt, "ops", "").ok());
  EXPECT_THAT(Routes(), ElementsAre("own", "new", "other"));
  EXPECT_EQ(Item(ItemKind::kConnection, "a").trouble, "");
}

}  // namespace
}  // namespace sluice
