#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/config/address.h"
#include "server/config/sections.h"
#include "server/runtime/text.h"

namespace sluice {
namespace {

struct Listener {
  std::string_view section;
  std::string address;
  std::optional<Position> at;  // Nothing: it is the default.

  std::string Name() const { return text::Concat(section, ".listen"); }
};

const Entry* Find(const Value& map, std::string_view key) {
  for (const Entry& entry : map.entries) {
    if (entry.key == key) return &entry;
  }
  return nullptr;
}

std::optional<Position> DashboardPlace(const Entry& root) {
  const Entry* admin = Find(root.value, "admin");
  if (admin == nullptr) return std::nullopt;
  return PlaceOf(*admin, "dashboard", "listen");
}

}  // namespace

std::optional<Position> PlaceOf(const Entry& root, std::string_view section, std::string_view key) {
  const Entry* entry = Find(root.value, section);
  const Entry* value = entry == nullptr ? nullptr : Find(entry->value, key);
  if (value == nullptr) return std::nullopt;
  return value->value.at;
}

void CheckListeners(Reading& reading, const Entry& root, const Draft& draft) {
  const GatewayConfig& config = draft.config;
  std::vector<Listener> listeners = {{"workers", config.workers.listen, PlaceOf(root, "workers", "listen")},
                                     {"http", config.http.listen, PlaceOf(root, "http", "listen")}};
  const std::string beside_journal =
      config.journal.enabled ? text::Concat("unix:", config.journal.path, "/admin.sock") : "";
  listeners.push_back({"admin", config.admin.listen.value_or(beside_journal), PlaceOf(root, "admin", "listen")});
  if (const std::string& dashboard = config.admin.dashboard.listen; !dashboard.empty()) {
    listeners.push_back({"admin.dashboard", dashboard, DashboardPlace(root)});
  }
  for (size_t i = 0; i < listeners.size(); ++i) {
    for (size_t k = 0; k < i; ++k) {
      const Listener& one = listeners[i].at ? listeners[i] : listeners[k];
      const Listener& other = listeners[i].at ? listeners[k] : listeners[i];
      if (!ListenersClash(one.address, other.address, reading.surroundings().canonical)) continue;
      reading.Error(
          one.at.value_or(root.at),
          text::Concat(one.Name(), ": ", Quoted(one.address), " is in the way of ", other.Name(), ", ",
                       Quoted(other.address), other.at ? "" : " by default", "; allowed: an address of its own"));
    }
  }
}

}  // namespace sluice
