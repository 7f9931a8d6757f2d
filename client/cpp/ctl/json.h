// Answers in JSON, by protobuf's own mapping: field names as in admin.proto, 64-bit numbers as strings, bytes in
// base64.
#pragma once

#include <google/protobuf/message.h>

#include <string>

namespace sluice::ctl {

// Over several lines, or in one, with a line break at the end.
std::string ToJson(const google::protobuf::Message& message, bool one_line);

}  // namespace sluice::ctl
