#include "server/rpc/protocol/fields.h"

#include "absl/strings/str_cat.h"
#include "server/rpc/protocol/grpc_text.h"

namespace sluice::rpc {
namespace {

const uint8_t* Bytes(std::string_view text) { return reinterpret_cast<const uint8_t*>(text.data()); }

}  // namespace

void Fields::AddMetadata(const Metadata& metadata) {
  for (const auto& [name, value] : metadata) {
    if (IsReservedName(name) || nghttp2_check_header_name(Bytes(name), name.size()) == 0) continue;
    if (IsBinary(name)) {
      AddOwned(name, EncodeBinary(value));
    } else if (nghttp2_check_header_value_rfc9113(Bytes(value), value.size()) != 0) {
      Add(name, value);
    }
  }
}

void Fields::AddStatus(const absl::Status& status) {
  AddOwned("grpc-status", absl::StrCat(static_cast<int>(status.code())));
  if (!status.message().empty()) AddOwned("grpc-message", EncodeStatusMessage(std::string(status.message())));
}

}  // namespace sluice::rpc
