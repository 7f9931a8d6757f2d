#include "server/mqtt/protocol/disconnect.h"

#include "server/mqtt/protocol/packet.h"
#include "server/mqtt/protocol/properties.h"

namespace sluice::wire {

Fault DecodeDisconnect(std::string_view body, Disconnected& disconnected) {
  Reader reader(body);
  // Reason and properties may each be left out (§3.14.2.1, §3.14.2.2.1).
  if (!reader.empty()) disconnected.reason = reader.Byte();
  if (reader.empty()) return {};
  PropertyReader properties(reader, PacketType::kDisconnect);
  for (Property property; properties.Next(property);) {
    if (property.id == PropertyId::kReasonString) disconnected.reason_string = property.text;
    if (property.id == PropertyId::kServerReference) disconnected.server_reference = property.text;
  }
  if (Fault fault = properties.TakeFault()) return fault;
  if (!reader.empty()) return Malformed("is longer than its fields");
  return {};
}

void AppendDisconnect(std::string& out, uint8_t reason, std::optional<uint32_t> session_expiry_s) {
  std::string body;
  if (reason != 0 || session_expiry_s) AppendByte(body, reason);
  if (session_expiry_s) {
    std::string list;
    AppendNumber(list, PropertyId::kSessionExpiryInterval, *session_expiry_s);
    AppendVariableByteInteger(body, list.size());
    body += list;
  }
  AppendFixedHeader(out, PacketType::kDisconnect, 0, body.size());
  out += body;
}

void AppendDisconnect(std::string& out) { AppendFixedHeader(out, PacketType::kDisconnect, 0, 0); }

}  // namespace sluice::wire
