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

// What a call that was reset ends with: CANCELLED where the client did it, or a proxy on its way, whatever HTTP/2 error it
// names; INTERNAL where we did, since HTTP/2's rules were broken in it.
absl::Status StatusOfReset(uint32_t http2_error, bool by_client);

// Names that gRPC and HTTP/2 keep for themselves: not metadata of the application's.
bool IsReservedName(std::string_view name);

}  // namespace sluice::rpc
