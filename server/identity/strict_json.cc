#include "server/identity/strict_json.h"

#include <set>
#include <utility>
#include <vector>

namespace sluice {
namespace {

using Json = nlohmann::json;

constexpr int kDeepest = 16;

}  // namespace

absl::StatusOr<nlohmann::json> ParseJsonObject(std::string_view text) {
  std::vector<std::set<std::string>> keys;  // Of the objects that are open.
  bool twice = false;
  bool deep = false;
  const auto watch = [&](int depth, Json::parse_event_t event, Json& parsed) {
    if (depth > kDeepest) deep = true;
    if (event == Json::parse_event_t::object_start) {
      keys.emplace_back();
    } else if (event == Json::parse_event_t::object_end) {
      keys.pop_back();
    } else if (event == Json::parse_event_t::key) {
      if (!keys.back().insert(parsed.get_ref<const std::string&>()).second) twice = true;
    }
    return true;
  };
  Json object = Json::parse(text, watch, /*allow_exceptions=*/false);
  if (object.is_discarded() || !object.is_object()) return absl::InvalidArgumentError("is no JSON object");
  if (twice) return absl::InvalidArgumentError("names a key twice");
  if (deep) return absl::InvalidArgumentError("is nested too deep");
  return object;
}

std::optional<std::string_view> StringMember(const nlohmann::json& object, const char* name) {
  const auto member = object.find(name);
  if (member == object.end() || !member->is_string()) return std::nullopt;
  return member->get_ref<const std::string&>();
}

}  // namespace sluice
