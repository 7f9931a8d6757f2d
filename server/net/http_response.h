// The bytes of an answer to one HTTP request, over Boost.Beast.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice {

struct ParsedResponse {
  enum class State : uint8_t {
    kIncomplete,
    kDone,
    kMalformed,
    kTooLarge,
  };
  State state = State::kIncomplete;
  int status = 0;
  std::string retry_after;  // The header's value; empty: none.
  std::string body;
};

// `bytes` are all that came of it; `ended`: nothing more will. No more than `most` are taken for its header and its body.
ParsedResponse ParseHttpResponse(std::string_view bytes, bool ended, size_t most);

}  // namespace sluice
