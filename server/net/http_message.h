// HTTP/1.1 requests without a body that matters, and their answers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "server/runtime/clock.h"

namespace sluice {

struct HttpRequest {
  std::string path;           // Without what follows '?'.
  std::string authorization;  // The header's value; empty: none.
};

struct HttpResponse {
  int status = 200;
  std::string_view content_type = "text/plain; charset=utf-8";  // A constant.
  // Shared by those that are answered with the same.
  std::shared_ptr<const std::string> body;
  std::string_view authenticate;  // WWW-Authenticate, a constant; empty: none.
};

inline HttpResponse TextResponse(int status, std::string text) {
  return {.status = status, .body = std::make_shared<const std::string>(std::move(text))};
}

// Answers a request: once, from any thread.
using HttpReply = std::function<void(HttpResponse)>;

struct HttpLimits {
  // Open at once. For one more the one that has waited longest for its request is closed, so that probes get through
  // whatever others hold open.
  size_t connections = 2'000;
  size_t header_bytes = 8 * 1024;
  // From accept, or from the first byte of a further request, until the request is there.
  Millis request_time{2'000};
  // Between two requests.
  Millis idle_time{5'000};
  // From the request until its answer has been made, and from then until it has been taken.
  Millis answer_time{5'000};
  size_t requests_per_connection = 1'000;
};

}  // namespace sluice
