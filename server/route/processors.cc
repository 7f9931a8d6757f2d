#include "server/route/processors.h"

#include <algorithm>
#include <array>
#include <memory>
#include <string>

namespace sluice {
namespace {

constexpr std::string_view kFromNames[] = {"headersToMetadata", "setJsonDataType", "setTextDataType",
                                           "setBinaryDataType", "toHex"};
constexpr std::string_view kToNames[] = {"responseToBody", "metadataToHeaders"};

absl::Status Unknown(std::string_view name, std::span<const std::string_view> known) {
  std::string what = "unknown processor '" + std::string(name) + "'; there are ";
  for (std::string_view each : known) {
    if (each != known.front()) what += ", ";
    what += each;
  }
  return absl::InvalidArgumentError(what);
}

// Keeps a message's bytes alive beside the payload made of them.
struct HexStorage {
  MessagePtr original;
  std::string payload;
};

std::string ToHex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string hex(2 * bytes.size(), '\0');
  char* out = hex.data();
  for (char c : bytes) {
    const auto byte = static_cast<uint8_t>(c);
    *out++ = kDigits[byte >> 4];
    *out++ = kDigits[byte & 15];
  }
  return hex;
}

}  // namespace

std::span<const std::string_view> FromProcessorNames() { return kFromNames; }
std::span<const std::string_view> ToProcessorNames() { return kToNames; }

absl::Status ApplyFromProcessor(std::string_view name, Route& route) {
  if (name == "headersToMetadata") {
    route.headers_to_metadata = true;
  } else if (name == "setJsonDataType") {
    route.data_type = DataType::kJson;
  } else if (name == "setTextDataType") {
    route.data_type = DataType::kText;
  } else if (name == "setBinaryDataType") {
    route.data_type = DataType::kBinary;
  } else if (name == "toHex") {
    route.to_hex = true;
    route.data_type = DataType::kText;
  } else {
    return Unknown(name, kFromNames);
  }
  return absl::OkStatus();
}

absl::Status ApplyToProcessor(std::string_view name, Route& route) {
  if (name == "metadataToHeaders") {
    route.metadata_to_headers = true;
  } else if (name != "responseToBody") {  // A reply's payload is its body in any case.
    return Unknown(name, kToNames);
  }
  return absl::OkStatus();
}

MessagePtr WithHexPayload(const MessagePtr& message) {
  auto storage = std::make_shared<HexStorage>(HexStorage{message, ToHex(message->payload)});
  auto changed = std::make_shared<Message>();
  changed->topic = message->topic;
  changed->payload = storage->payload;
  changed->qos = message->qos;
  changed->retain = message->retain;
  changed->dup = message->dup;
  if (message->properties != nullptr) changed->properties = std::make_unique<const Properties>(*message->properties);
  changed->received = message->received;
  changed->received_unix_ms = message->received_unix_ms;
  changed->storage = std::move(storage);
  return changed;
}

}  // namespace sluice
