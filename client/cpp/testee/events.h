// The testee's voice: one JSON object a line.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

#include "sluice/options.h"
#include "sluice/worker.h"

namespace sluice::testee {

using Json = nlohmann::json;

// Thread-safe. Writes the line and flushes.
void Say(std::string_view event, Json members);

void SayEvent(const client::Event& event);
void SayResult(const client::ItemResult& result);
void SayMessage(const client::Message& message);

}  // namespace sluice::testee
