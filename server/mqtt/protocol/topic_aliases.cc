#include "server/mqtt/protocol/topic_aliases.h"

namespace sluice::wire {

Fault TopicAliases::Resolve(uint16_t alias, Publish& publish) {
  // MQTT-3.1.2-26, MQTT-3.3.2-8 and -9.
  if (alias == 0 || alias > maximum_) {
    return {reason::kTopicAliasInvalid,
            "the topic alias " + std::to_string(alias) + " is not within the maximum of " + std::to_string(maximum_),
            FaultKind::kTopicAlias};
  }
  if (!publish.topic.empty()) {
    if (topics_.size() < alias) topics_.resize(alias);
    topics_[alias - 1u] = publish.topic;
    return {};
  }
  if (topics_.size() < alias || topics_[alias - 1u].empty()) {
    return Violation("the topic alias " + std::to_string(alias) + " has not been given a topic",
                     FaultKind::kTopicAlias);
  }
  publish.topic = topics_[alias - 1u];
  return {};
}

}  // namespace sluice::wire
