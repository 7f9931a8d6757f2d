#include "server/net/http_parser.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <string>
#include <utility>

#include "server/runtime/text.h"

namespace sluice {
namespace {

namespace http = boost::beast::http;

}  // namespace

ParsedRequest ParseHttpRequest(std::string_view bytes, size_t most, size_t most_body) {
  ParsedRequest parsed;
  http::request_parser<http::string_body> parser;
  parser.header_limit(static_cast<uint32_t>(most));
  parser.body_limit(most_body);
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
    parsed.state = error == http::error::header_limit ? ParsedRequest::State::kLargeHeader
                   : error == http::error::body_limit ? ParsedRequest::State::kLargeBody
                                                      : ParsedRequest::State::kMalformed;
    return parsed;
  }
  if (!parser.is_done()) {
    if (bytes.size() > most + most_body) parsed.state = ParsedRequest::State::kLargeBody;
    return parsed;
  }
  auto& message = parser.get();
  parsed.state = ParsedRequest::State::kDone;
  parsed.head = message.method() == http::verb::head;
  parsed.request.post = message.method() == http::verb::post;
  parsed.known = parsed.head || parsed.request.post || message.method() == http::verb::get;
  parsed.keep_alive = message.keep_alive();
  const std::string target(message.target());
  parsed.request.path = target.substr(0, target.find('?'));
  parsed.request.authorization = std::string(message[http::field::authorization]);
  for (const auto& field : message) {
    parsed.request.headers.emplace_back(text::Lower(std::string(field.name_string())), std::string(field.value()));
  }
  parsed.request.body = std::move(message.body());
  return parsed;
}

}  // namespace sluice
