// The bytes of one HTTP request, over Boost.Beast.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "server/net/http_message.h"

namespace sluice {

struct ParsedRequest {
  enum class State : uint8_t {
    kIncomplete,
    kDone,
    kMalformed,
    kLargeHeader,
    kLargeBody,
  };
  State state = State::kIncomplete;
  size_t size = 0;  // Of the request; what follows is the next one's.
  HttpRequest request;
  bool known = false;  // GET, HEAD or POST.
  bool head = false;   // The answer has no body.
  bool keep_alive = false;
};

// `bytes` are all that came of it. No more than `most` are taken for a header, and `most_body` for a body.
ParsedRequest ParseHttpRequest(std::string_view bytes, size_t most, size_t most_body = 1'024);

}  // namespace sluice
