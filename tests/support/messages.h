// Makes messages for tests.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "server/message/message.h"

namespace sluice {

struct MessageSpec {
  std::string topic = "plant/boiler/temp";
  std::string payload = "81.5";
  Qos qos = Qos::kAtLeastOnce;
  std::unique_ptr<Properties> properties;
  SteadyTime received{};
};

inline MessagePtr MakeMessage(MessageSpec spec = {}) {
  auto text =
      std::make_shared<const std::pair<std::string, std::string>>(std::move(spec.topic), std::move(spec.payload));
  auto message = std::make_shared<Message>();
  message->topic = text->first;
  message->payload = text->second;
  message->qos = spec.qos;
  message->properties = std::move(spec.properties);
  message->received = spec.received;
  message->storage = text;
  return message;
}

}  // namespace sluice
