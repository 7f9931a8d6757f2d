#include "server/route/ordering_key.h"

#include "server/message/topic.h"

namespace sluice {

std::string_view OrderingKey(const OrderBy& order_by, std::string_view topic) {
  switch (order_by.kind) {
    case OrderBy::Kind::kNone:
      return {};
    case OrderBy::Kind::kTopic:
      return topic;
    case OrderBy::Kind::kLevel:
      break;
  }
  const std::optional<std::string_view> level = TopicLevel(topic, order_by.level);
  if (!level) return topic;
  if (!level->empty()) return *level;
  return topic.substr(topic.find('/'), 1);
}

}  // namespace sluice
