#include <algorithm>
#include <charconv>
#include <map>
#include <optional>

#include "server/config/duration.h"
#include "server/config/sections.h"
#include "server/route/target.h"
#include "server/runtime/text.h"

namespace sluice {
namespace {

constexpr uint32_t kMaxLevel = 1'000;

bool IsChainName(std::string_view name) {
  return !name.empty() && name.size() <= kMaxTargetNameBytes && !text::Contains(name, ":") &&
         !text::Contains(name, "${") && std::none_of(name.begin(), name.end(), text::IsBlankOrControl);
}

std::optional<OrderBy> ParseOrderBy(std::string_view text) {
  constexpr std::string_view kLevel = "topic level ";
  if (text == "none") return OrderBy{.kind = OrderBy::Kind::kNone};
  if (text == "topic") return OrderBy{.kind = OrderBy::Kind::kTopic};
  if (!text.starts_with(kLevel)) return std::nullopt;
  text.remove_prefix(kLevel.size());
  uint32_t level = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), level);
  if (error != std::errc() || end != text.data() + text.size() || level == 0 || level > kMaxLevel) return std::nullopt;
  return OrderBy{.kind = OrderBy::Kind::kLevel, .level = level};
}

DeadLetterFormat FormatNamed(std::string_view name) {
  if (name == "payload") return DeadLetterFormat::kPayload;
  return name == "envelope" ? DeadLetterFormat::kEnvelope : DeadLetterFormat::kAuto;
}

void ReadChain(Reading& reading, const Entry& entry, const std::string& path, ChainOptions& options, Draft& draft) {
  MapReader map(reading, kChainSection, entry, path);
  if (std::optional<Text> text = map.ReadText("orderBy")) {
    if (std::optional<OrderBy> order = ParseOrderBy(text->text)) {
      options.order_by = *order;
    } else {
      map.Reject("orderBy", *text);
    }
  }
  map.Read("lease", options.lease);
  map.Read("maxLease", options.max_lease);
  if (options.lease > options.max_lease && (map.Find("lease") != nullptr || map.Find("maxLease") != nullptr)) {
    map.Error(map.Find("lease") != nullptr ? "lease" : "maxLease",
              text::Concat("lease (", FormatDuration(options.lease), ") is longer than maxLease (",
                           FormatDuration(options.max_lease), "); allowed: at most as long"));
  }
  map.Read("maxAttempts", options.max_attempts);
  map.Read("retryBackoff", options.retry_backoff);
  map.Read("maxRetryBackoff", options.max_retry_backoff);
  if (options.retry_backoff > options.max_retry_backoff &&
      (map.Find("retryBackoff") != nullptr || map.Find("maxRetryBackoff") != nullptr)) {
    map.Error(
        map.Find("retryBackoff") != nullptr ? "retryBackoff" : "maxRetryBackoff",
        text::Concat("retryBackoff (", FormatDuration(options.retry_backoff), ") is longer than maxRetryBackoff (",
                     FormatDuration(options.max_retry_backoff), "); allowed: at most as long"));
  }
  if (const Entry* queue = map.Find("queue")) {
    MapReader limits(reading, kChainQueueSection, *queue, text::Concat(path, ".queue"));
    limits.Read("maxMessages", options.max_messages);
    limits.Read("maxBytes", options.max_bytes);
  }
  if (const Entry* backlog = map.Find("backlog")) {
    MapReader limits(reading, kChainBacklogSection, *backlog, text::Concat(path, ".backlog"));
    limits.Read("maxMessages", options.max_on_disk_messages);
    limits.Read("maxBytes", options.max_on_disk_bytes);
  }
  if (map.Read("deadLetterTopic", options.dead_letter_topic)) {
    draft.dead_letters.push_back({.key = map.PathOf("deadLetterTopic"),
                                  .topic = options.dead_letter_topic,
                                  .at = map.Find("deadLetterTopic")->value.at});
  }
  map.Read("deadLetterQos", options.dead_letter_qos);
  std::string format;
  if (map.Read("deadLetterFormat", format)) options.dead_letter_format = FormatNamed(format);
}

}  // namespace

void ReadChains(Reading& reading, MapReader& top, Draft& draft) {
  if (const Entry* defaults = top.Find("chainDefaults")) {
    ReadChain(reading, *defaults, "chainDefaults", draft.config.chain_defaults, draft);
  }
  top.Read("maxTemplateChains", draft.config.max_template_chains);
  top.Read("templateChainIdle", draft.config.template_chain_idle);
  const Entry* entry = top.Find("chains");
  if (entry == nullptr || entry->value.kind == Value::Kind::kNull) return;
  if (entry->value.kind != Value::Kind::kMap) {
    top.Error("chains", "found no map; allowed: a map of names, each with a map of keys");
    return;
  }
  std::map<std::string, Position> lines;
  for (const Entry& chain : entry->value.entries) {
    if (!IsChainName(chain.key)) {
      reading.Error(chain.at,
                    text::Concat("chains: found the name ", Quoted(chain.key),
                                 "; allowed: 1 to 256 bytes without ':', '${', blanks and control characters"));
      continue;
    }
    auto [first, is_new] = lines.try_emplace(chain.key, chain.at);
    if (!is_new) {
      reading.Error(chain.at, text::Concat("chains: ", Quoted(chain.key), " is given twice; the first is ",
                                           reading.Place(first->second, chain.at)));
      continue;
    }
    auto options = draft.config.chains.try_emplace(chain.key, draft.config.chain_defaults).first;
    ReadChain(reading, chain, text::Concat("chains.", chain.key), options->second, draft);
  }
}

}  // namespace sluice
