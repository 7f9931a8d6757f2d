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
    kTooLarge,  // Its header, or its body, which none of ours has.
  };
  State state = State::kIncomplete;
  size_t size = 0;  // Of the request; what follows is the next one's.
  HttpRequest request;
  bool get = false;   // GET or HEAD.
  bool head = false;  // The answer has no body.
  bool keep_alive = false;
};

// `bytes` are all that came of it. No more than `most` are taken for a header.
ParsedRequest ParseHttpRequest(std::string_view bytes, size_t most);

}  // namespace sluice
