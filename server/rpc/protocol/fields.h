// Header blocks as nghttp2 wants them. For this folder: nghttp2 is seen.
#pragma once

#include <nghttp2/nghttp2.h>

#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "server/rpc/service/service.h"

namespace sluice::rpc {

inline constexpr std::string_view kContentType = "application/grpc";

class Fields {
 public:
  // Both must stay until the block was submitted, which copies them.
  void Add(std::string_view name, std::string_view value) {
    fields_.push_back({.name = reinterpret_cast<uint8_t*>(const_cast<char*>(name.data())),
                       .value = reinterpret_cast<uint8_t*>(const_cast<char*>(value.data())),
                       .namelen = name.size(),
                       .valuelen = value.size(),
                       .flags = NGHTTP2_NV_FLAG_NONE});
  }
  void AddOwned(std::string_view name, std::string value) { Add(name, owned_.emplace_back(std::move(value))); }
  // What HTTP/2 or gRPC do not allow is left out.
  void AddMetadata(const Metadata& metadata);
  void AddStatus(const absl::Status& status);

  const nghttp2_nv* data() const { return fields_.data(); }
  size_t size() const { return fields_.size(); }

 private:
  std::vector<nghttp2_nv> fields_;
  std::deque<std::string> owned_;
};

}  // namespace sluice::rpc
