// Messages of admin.proto as JSON: the fields' own names, absent values as their defaults, numbers as numbers (as text
// beyond 2^53, which JSON's readers would round), kinds as the filters take them ("message"), bytes in base64.
#pragma once

#include <google/protobuf/message.h>

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace sluice::ctl {

// With a line break at the end.
std::string ToJson(const google::protobuf::Message& message, bool one_line);

// In quotes.
std::string JsonString(std::string_view text);

// What ToJson wrote. The error says what is wrong with the text, for behind the place where it stands, and shows
// nothing of its values.
absl::Status FromJson(const std::string& json, google::protobuf::Message& message);

}  // namespace sluice::ctl
