// What curl would do, for tests.
#pragma once

#include <string>
#include <string_view>

#include "tests/support/socket_client.h"

namespace sluice {

struct HttpAnswer {
  int status = 0;  // 0: none came.
  std::string head;
  std::string body;
};

inline HttpAnswer ParseAnswer(const std::string& all) {
  HttpAnswer answer;
  const size_t end = all.find("\r\n\r\n");
  if (!all.starts_with("HTTP/1.1 ") || end == std::string::npos) return answer;
  answer.status = std::stoi(all.substr(9, 3));
  answer.head = all.substr(0, end + 2);
  answer.body = all.substr(end + 4);
  return answer;
}

// `headers` end with a line end each.
inline std::string HttpText(std::string_view path, std::string_view headers = "Connection: close\r\n",
                            std::string_view method = "GET") {
  std::string text(method);
  text.append(" ").append(path).append(" HTTP/1.1\r\nHost: x\r\n").append(headers).append("\r\n");
  return text;
}

// One request to a connection of its own.
inline HttpAnswer HttpGet(int port, std::string_view path, std::string_view headers = "") {
  SocketClient client;
  if (!client.Connect(port)) return {};
  client.Send(HttpText(path, std::string(headers) + "Connection: close\r\n"));
  return ParseAnswer(client.ReadAll());
}

}  // namespace sluice
