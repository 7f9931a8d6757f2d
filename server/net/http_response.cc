#include "server/net/http_response.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <utility>

namespace sluice {
namespace {

namespace beast_http = boost::beast::http;

}  // namespace

ParsedResponse ParseHttpResponse(std::string_view bytes, bool ended, size_t most) {
  ParsedResponse parsed;
  beast_http::response_parser<beast_http::string_body> parser;
  parser.header_limit(static_cast<uint32_t>(most));
  parser.body_limit(most);
  parser.eager(true);
  boost::beast::error_code error;
  size_t size = 0;
  while (size < bytes.size() && !parser.is_done() && !error) {
    const std::string_view rest = bytes.substr(size);
    const size_t used = parser.put(boost::asio::buffer(rest.data(), rest.size()), error);
    size += used;
    if (used == 0) break;
  }
  if (error == beast_http::error::need_more) error = {};
  if (!error && ended && !parser.is_done()) parser.put_eof(error);
  if (error) {
    const bool large = error == beast_http::error::header_limit || error == beast_http::error::body_limit;
    parsed.state = large ? ParsedResponse::State::kTooLarge : ParsedResponse::State::kMalformed;
    return parsed;
  }
  if (!parser.is_done()) {
    if (bytes.size() > 2 * most) parsed.state = ParsedResponse::State::kTooLarge;
    if (ended) parsed.state = ParsedResponse::State::kMalformed;
    return parsed;
  }
  auto& message = parser.get();
  parsed.state = ParsedResponse::State::kDone;
  parsed.status = static_cast<int>(message.result_int());
  parsed.retry_after = std::string(message[beast_http::field::retry_after]);
  parsed.body = std::move(message.body());
  return parsed;
}

}  // namespace sluice
