#include "tests/support/scripted_broker.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>
#include <utility>

namespace sluice {
namespace {

bool ReadAll(int fd, char* to, size_t size) {
  while (size > 0) {
    ssize_t got = recv(fd, to, size, 0);
    if (got <= 0) return false;
    to += got;
    size -= static_cast<size_t>(got);
  }
  return true;
}

}  // namespace

ScriptedBroker::ScriptedBroker(Script script) : script_(std::move(script)) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(listener_, 16) != 0 ||
      getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw std::runtime_error("cannot listen on 127.0.0.1");
  }
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { Accept(); });
}

ScriptedBroker::~ScriptedBroker() {
  shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  close(listener_);
  for (int fd : sockets_) shutdown(fd, SHUT_RDWR);
  for (std::thread& server : servers_) server.join();
  for (int fd : sockets_) close(fd);
}

void ScriptedBroker::Accept() {
  while (true) {
    int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    ++connections_;
    std::lock_guard<std::mutex> lock(mutex_);
    sockets_.push_back(fd);
    servers_.emplace_back([this, fd] { Serve(fd); });
  }
}

void ScriptedBroker::Serve(int fd) {
  char byte = 0;
  while (ReadAll(fd, &byte, 1)) {
    auto first = static_cast<uint8_t>(byte);
    size_t length = 0;
    int shift = 0;
    do {
      if (!ReadAll(fd, &byte, 1)) return;
      length |= (static_cast<size_t>(byte) & 0x7F) << shift;
      shift += 7;
    } while ((byte & 0x80) != 0);
    std::string body(length, '\0');
    if (!ReadAll(fd, body.data(), length)) return;
    std::optional<std::string> answer = script_(first, body);
    if (!answer) break;
    if (send(fd, answer->data(), answer->size(), MSG_NOSIGNAL) < 0) break;
  }
  shutdown(fd, SHUT_RDWR);
}

std::string ScriptedBroker::Connack(uint8_t reason, std::string_view properties) {
  std::string packet = {'\x20', static_cast<char>(3 + properties.size()), '\0', static_cast<char>(reason),
                        static_cast<char>(properties.size())};
  packet += properties;
  return packet;
}

std::string ScriptedBroker::Suback(std::string_view subscribe, uint8_t reason) {
  return {'\x90', '\x04', subscribe.at(0), subscribe.at(1), '\0', static_cast<char>(reason)};
}

std::string ScriptedBroker::Disconnect(uint8_t reason) { return {'\xE0', '\x02', static_cast<char>(reason), '\0'}; }

}  // namespace sluice
