// How gRPC writes statuses, time-outs and binary metadata into HTTP/2's headers (doc/PROTOCOL-HTTP2.md of gRPC).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "server/runtime/clock.h"

namespace sluice::rpc {

// grpc-message: percent-encoded UTF-8. Longer texts are cut, since a client that gets a header list over its limit
// learns nothing at all.
inline constexpr size_t kLongestStatusMessage = 2'048;
std::string EncodeStatusMessage(std::string_view message);

// grpc-timeout: "100m". None: it is not well-formed (1 to 8 digits and a unit).
std::optional<std::chrono::nanoseconds> ParseTimeout(std::string_view text);

// Metadata of names that end in "-bin": base64 without padding; read with or without. False: it is none.
bool IsBinary(std::string_view name);
std::string EncodeBinary(std::string_view bytes);
bool DecodeBinary(std::string_view text, std::string* bytes);

// Which status a reset of the client stands for, by its HTTP/2 error code.
absl::Status StatusOfReset(uint32_t http2_error);

// Names that gRPC and HTTP/2 keep for themselves: not metadata of the application's.
bool IsReservedName(std::string_view name);

}  // namespace sluice::rpc
