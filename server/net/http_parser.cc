#include "server/net/http_parser.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <string>

namespace sluice {
namespace {

namespace http = boost::beast::http;

constexpr uint64_t kLargestBody = 1'024;

}  // namespace

ParsedRequest ParseHttpRequest(std::string_view bytes, size_t most) {
  ParsedRequest parsed;
  http::request_parser<http::string_body> parser;
  parser.header_limit(static_cast<uint32_t>(most));
  parser.body_limit(kLargestBody);
  parser.eager(true);
  boost::beast::error_code error;
  // Bytes that only prepare a request are none of it.
  while (parsed.size < bytes.size() && !parser.is_done() && !error) {
    const std::string_view rest = bytes.substr(parsed.size);
    const size_t used = parser.put(boost::asio::buffer(rest.data(), rest.size()), error);
    parsed.size += used;
    if (used == 0) break;
  }
  if (error == http::error::need_more) error = {};
  if (error) {
    const bool large = error == http::error::header_limit || error == http::error::body_limit;
    parsed.state = large ? ParsedRequest::State::kTooLarge : ParsedRequest::State::kMalformed;
    return parsed;
  }
  if (!parser.is_done()) {
    if (bytes.size() > most + kLargestBody) parsed.state = ParsedRequest::State::kTooLarge;
    return parsed;
  }
  const auto& message = parser.get();
  parsed.state = ParsedRequest::State::kDone;
  parsed.head = message.method() == http::verb::head;
  parsed.get = parsed.head || message.method() == http::verb::get;
  parsed.keep_alive = message.keep_alive();
  const std::string target(message.target());
  parsed.request.path = target.substr(0, target.find('?'));
  parsed.request.authorization = std::string(message[http::field::authorization]);
  return parsed;
}

}  // namespace sluice
