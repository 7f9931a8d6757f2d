#include "client/cpp/ctl/json.h"

#include <google/protobuf/util/json_util.h>

namespace sluice::ctl {

std::string ToJson(const google::protobuf::Message& message, bool one_line) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = true;
  options.add_whitespace = !one_line;
  std::string json;
  // Fails for messages with Any in them only.
  static_cast<void>(google::protobuf::util::MessageToJsonString(message, &json, options));
  if (!json.ends_with('\n')) json += '\n';
  return json;
}

}  // namespace sluice::ctl
