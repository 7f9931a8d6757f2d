// What was put beside the file: how it is taken up at the start, listed, and changed.
#include <algorithm>
#include <utility>

#include "server/config/document.h"
#include "server/config/shown.h"
#include "server/reload/lines.h"
#include "server/reload/running_config.h"
#include "server/runtime/text.h"
#include "server/telemetry/log.h"

namespace sluice {
namespace {

constexpr size_t kMostAdditions = 10'000;

std::vector<ItemKey> KeysOf(const ItemEdit& edit) {
  std::vector<ItemKey> keys = edit.removed;
  for (const Addition& addition : edit.put) keys.push_back(addition.key);
  return keys;
}

absl::Status CheckVersion(const ItemKey& key, const HeldAdditions& held, uint64_t expected) {
  const auto found = held.find(key);
  const uint64_t version = found == held.end() ? 0 : found->second.stored.version;
  if (version == expected) return absl::OkStatus();
  if (version == 0) return absl::AbortedError(text::Concat(ToString(key), " is not there any more"));
  return absl::AbortedError(
      text::Concat(ToString(key), " has version ", version,
                   expected == 0 ? std::string(": somebody else has put it") : text::Concat(", not ", expected)));
}

absl::Status CheckUnused(const ItemKey& connection, const GatewayConfig& config) {
  constexpr size_t kMostNamed = 3;
  std::string users;
  size_t count = 0;
  for (const RouteConfig& route : config.routes) {
    if (route.connection != connection.id || ++count > kMostNamed) continue;
    text::AppendPart(users, ToString(ItemKey{.kind = ItemKind::kRoute, .id = route.id}));
  }
  if (count == 0) return absl::OkStatus();
  if (count > kMostNamed) users += text::Concat(" and ", count - kMostNamed, " more");
  return absl::FailedPreconditionError(text::Concat(ToString(connection), " is used by ", users,
                                                    ": delete them first, or give them another connection"));
}

}  // namespace

absl::Status TakeUp(std::shared_ptr<AdditionStore> store, GatewayConfig& config, ConfigOrigin& origin) {
  const absl::StatusOr<AdditionStore::Content> content = store->Read();
  if (!content.ok()) return content.status();
  origin.store = std::move(store);
  origin.last_version = content->last_version;
  origin.additions = Hold(*content);
  if (origin.additions.empty() || !origin.load) return absl::OkStatus();
  std::optional<ConfigText> base;
  if (!origin.text.empty()) base = ConfigText{.text = origin.text, .name = origin.name};
  Desired desired = LoadDesired(origin.load, base, std::move(origin.additions), {});
  if (!desired.loaded.ok()) return absl::InvalidArgumentError(reload::Lines(desired.loaded.errors));
  config = std::move(desired.loaded.config);
  origin.shown = std::move(desired.loaded.shown);
  origin.items = std::move(desired.loaded.items);
  origin.additions = std::move(desired.additions);
  for (const auto& [key, held] : origin.additions) {
    if (held.trouble.empty()) continue;
    log::Error("what was put at run time is set aside: it does not go with the configuration",
               {{"what", ToString(key)}, {"reason", held.trouble}});
  }
  return absl::OkStatus();
}

HeldAdditions RunningConfig::additions() const {
  MutexLock lock(mutex_);
  return additions_;
}

ConfiguredItems RunningConfig::Items() const {
  MutexLock lock(mutex_);
  ConfiguredItems all{.config = config_, .items = {}, .durable = store_ != nullptr && store_->durable()};
  const auto add = [&all](const HeldAddition& held, std::string yaml) {
    all.items.push_back({.key = held.stored.key,
                         .yaml = std::move(yaml),
                         .version = held.stored.version,
                         .put_unix_ms = held.stored.put_unix_ms,
                         .put_by = held.stored.put_by,
                         .trouble = held.trouble});
  };
  for (const LoadedItem& item : items_) {
    const auto held = additions_.find(item.key);
    if (item.source != 0 && held != additions_.end()) {
      add(held->second, item.shown);
    } else {
      all.items.push_back({.key = item.key, .in_file = true, .yaml = item.shown});
    }
  }
  for (const auto& [key, held] : additions_) {
    if (!held.trouble.empty()) add(held, ShownConfig(held.value));
  }
  // The file's before one that is set aside because the file has its id.
  std::ranges::sort(all.items, [](const ConfiguredItem& a, const ConfiguredItem& b) {
    return a.key == b.key ? a.in_file && !b.in_file : a.key < b.key;
  });
  return all;
}

absl::Status RunningConfig::Check(const ItemEdit& edit) const {
  if (!open_) return absl::UnavailableError("the gateway starts or shuts down");
  if (store_ == nullptr || !origin_.load) {
    return absl::FailedPreconditionError("this gateway takes nothing beside its configuration");
  }
  const std::vector<ItemKey> keys = KeysOf(edit);
  if (edit.expected_version && keys.size() != 1) {
    return absl::InvalidArgumentError("a version goes with one item, and there are several");
  }
  MutexLock lock(mutex_);
  for (const ItemKey& key : keys) {
    const auto in_file = [&key](const LoadedItem& item) { return item.key == key && item.source == 0; };
    // One that is set aside because the file has its id can be removed.
    const bool is_removed = std::ranges::find(edit.removed, key) != edit.removed.end() && additions_.contains(key);
    if (!is_removed && std::ranges::any_of(items_, in_file)) {
      return absl::FailedPreconditionError(
          text::Concat(ToString(key), " stands in ", base_ ? base_->name : origin_.name, ": change it there"));
    }
    if (edit.expected_version) {
      if (absl::Status status = CheckVersion(key, additions_, *edit.expected_version); !status.ok()) return status;
    }
  }
  for (const ItemKey& key : edit.removed) {
    const auto found = additions_.find(key);
    if (found == additions_.end()) return absl::NotFoundError(text::Concat("there is no ", ToString(key)));
    // One that is set aside is used by nothing that runs.
    if (key.kind != ItemKind::kConnection || !found->second.trouble.empty()) continue;
    if (absl::Status status = CheckUnused(key, *config_); !status.ok()) return status;
  }
  if (additions_.size() + edit.put.size() > kMostAdditions) {
    return absl::ResourceExhaustedError(text::Concat("more than ", kMostAdditions, " would be put at run time"));
  }
  return absl::OkStatus();
}

HeldAdditions RunningConfig::Edited(const ItemEdit& edit, const std::string& asker) const {
  HeldAdditions held = additions();
  for (const ItemKey& key : edit.removed) held.erase(key);
  for (const Addition& addition : edit.put) {
    held.insert_or_assign(addition.key, HeldAddition{.stored = {.key = addition.key,
                                                                .yaml = YamlOf(addition.value),
                                                                .version = last_version_ + 1,
                                                                .put_unix_ms = clock_.UnixMillis(),
                                                                .put_by = asker},
                                                     .value = addition.value,
                                                     .name = addition.name,
                                                     .trouble = ""});
  }
  return held;
}

absl::StatusOr<EditOutcome> RunningConfig::Edit(ItemEdit edit, const std::string& asker, bool try_only) {
  MutexLock lock(changing_);
  if (absl::Status status = Check(edit); !status.ok()) return status;
  HeldAdditions wanted = Edited(edit, asker);
  const std::set<ItemKey> needed = Active(wanted);
  Desired desired = LoadDesired(origin_.load, base_, std::move(wanted), needed);
  if (!desired.loaded.ok()) return absl::InvalidArgumentError(reload::Lines(desired.loaded.errors));
  EditOutcome outcome{.plan = PlanReload(*config(), desired.loaded.config),
                      .warnings = desired.loaded.config.warnings,
                      .version = 0,
                      .durable = store_->durable()};
  // Warnings of the file were told when it was taken.
  std::erase_if(outcome.warnings,
                [this](const std::string& warning) { return std::ranges::count(config()->warnings, warning) > 0; });
  if (outcome.plan.needs_restart()) return absl::FailedPreconditionError(outcome.plan.RestartReasons());
  if (try_only) return outcome;
  if (absl::Status status = Commit(edit, std::move(desired), outcome.plan); !status.ok()) return status;
  if (!edit.put.empty()) outcome.version = last_version_;
  for (const PlannedChange& change : outcome.plan.changes) {
    log::Info("configuration changes",
              {{"what", change.subject}, {"keys", change.keys}, {"effect", change.effect}, {"asker", asker}});
  }
  return outcome;
}

absl::Status RunningConfig::Commit(const ItemEdit& edit, Desired desired, const ReloadPlan& plan) {
  const HeldAdditions before = additions();
  std::vector<StoredAddition> put;
  put.reserve(edit.put.size());
  std::vector<StoredAddition> old;  // To put back.
  std::vector<ItemKey> added;
  for (const Addition& addition : edit.put) put.push_back(desired.additions.at(addition.key).stored);
  for (const ItemKey& key : KeysOf(edit)) {
    const auto found = before.find(key);
    found == before.end() ? added.push_back(key) : old.push_back(found->second.stored);
  }
  // Stored before anything is routed by it: a message of a route that no start knows any more would go nowhere.
  if (absl::Status status = store_->Write(put, edit.removed); !status.ok()) return status;
  if (!put.empty()) ++last_version_;
  if (absl::Status status = carry_(desired.loaded.config, plan); !status.ok()) {
    if (absl::Status back = store_->Write(old, added); !back.ok()) {
      log::Error("what could not be carried out stands in the store all the same", {{"reason", back.ToString()}});
    }
    return status;
  }
  MutexLock lock(mutex_);
  // The places of a text that was given stand for nothing later.
  for (auto& [key, held] : desired.additions) held.name = text::Concat("run time: ", ToString(key));
  Publish(std::move(desired.loaded), std::move(desired.additions));
  return absl::OkStatus();
}

void RunningConfig::Publish(LoadResult result, HeldAdditions additions) {
  config_ = std::make_shared<const GatewayConfig>(std::move(result.config));
  shown_ = std::move(result.shown);
  items_ = std::move(result.items);
  additions_ = std::move(additions);
}

}  // namespace sluice
