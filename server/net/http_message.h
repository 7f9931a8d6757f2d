// HTTP/1.1 requests and their answers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/runtime/clock.h"

namespace sluice {

struct Peer;  // net/peer.h: who is connected.

struct HttpRequest {
  bool post = false;          // Else it is GET or HEAD.
  std::string path;           // Without what follows '?'.
  std::string authorization;  // The header's value; empty: none.
  // All that came, in order, with names in small letters. Holds secrets: never log it.
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::shared_ptr<const Peer> peer;  // The same object for all requests of a connection. Null where it is only parsed.

  // The values of all headers of this name, in small letters.
  std::vector<std::string_view> All(std::string_view name) const {
    std::vector<std::string_view> values;
    for (const auto& [key, value] : headers) {
      if (key == name) values.push_back(value);
    }
    return values;
  }
};

// The body of an answer that is made bit by bit and ends with its connection. On the loop's thread.
class HttpStream {
 public:
  virtual ~HttpStream() = default;
  // One at a time: `written` runs when the kernel has taken it, and the next may come. Whoever does not take it within
  // HttpLimits::answer_time is disconnected.
  virtual void Write(std::string bytes, std::function<void()> written) = 0;
  // After what was written. Idempotent.
  virtual void End() = 0;
  // `gone` runs once when nobody will read any more; not after End().
  virtual void OnGone(std::function<void()> gone) = 0;
};

struct HttpResponse {
  int status = 200;
  std::string_view content_type = "text/plain; charset=utf-8";  // A constant.
  // Shared by those that are answered with the same.
  std::shared_ptr<const std::string> body;
  std::string_view authenticate;  // WWW-Authenticate, a constant; empty: none.
  std::string_view headers;       // Further ones, a constant: "NAME: VALUE\r\n" each.
  // Instead of `body`: called on the loop's thread when the head has been written.
  std::function<void(std::shared_ptr<HttpStream> stream)> stream;
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
  bool posts = false;  // POST is taken, besides GET and HEAD.
  // Parsed again with each read, so that it must stay small.
  size_t body_bytes = 1'024;
  // From accept, or from the first byte of a further request, until the request is there.
  Millis request_time{2'000};
  // Between two requests.
  Millis idle_time{5'000};
  // From the request until its answer has been made, and from then until it has been taken.
  Millis answer_time{5'000};
  size_t requests_per_connection = 1'000;
};

}  // namespace sluice
