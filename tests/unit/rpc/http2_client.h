// An HTTP/2 client without I/O, over nghttp2's client side: what a session is tested with.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <cstdlib>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/rpc/protocol/message_reader.h"

namespace sluice::rpc {

using HeaderList = std::vector<std::pair<std::string, std::string>>;

// A message in gRPC's frame.
inline std::string Framed(std::string_view message) {
  const auto prefix = MessagePrefix(message.size());
  return std::string(prefix.data(), prefix.size()).append(message);
}

class Http2Client {
 public:
  struct Response {
    std::vector<HeaderList> blocks;  // Headers, trailers; or a single one.
    std::string data;
    bool ended = false;             // END_STREAM
    std::optional<uint32_t> reset;  // RST_STREAM's code.
    bool closed = false;

    std::string Field(std::string_view name) const {
      for (const HeaderList& block : blocks) {
        for (const auto& [key, value] : block) {
          if (key == name) return value;
        }
      }
      return "";
    }
    int status() const { return Field("grpc-status").empty() ? -1 : std::atoi(Field("grpc-status").c_str()); }
    std::vector<std::string> Messages() const {
      std::vector<std::string> messages;
      for (std::string_view rest = data; rest.size() >= 5;) {
        size_t size = 0;
        for (size_t i = 1; i < 5; ++i) size = size << 8 | static_cast<uint8_t>(rest[i]);
        if (rest.size() < 5 + size) break;
        messages.emplace_back(rest.substr(5, size));
        rest.remove_prefix(5 + size);
      }
      return messages;
    }
  };
  struct Goaway {
    uint32_t code = 0;
    int32_t last_stream = 0;
    std::string text;
  };

  // `window`: what the server may send ahead, for each call and for all. `automatic`: it is given back at once.
  explicit Http2Client(uint32_t window = 65'535, bool automatic = true);
  ~Http2Client() { nghttp2_session_del(session_); }
  Http2Client(const Http2Client&) = delete;
  Http2Client& operator=(const Http2Client&) = delete;

  // What a gRPC client sends, with `more` behind it; a name in `more` that is there already takes its place, and is
  // left out where its value is "-".
  int32_t Call(const std::string& path, const HeaderList& more = {});
  int32_t Request(const HeaderList& headers, bool end = false);
  void Send(int32_t stream, std::string_view bytes);
  void HalfClose(int32_t stream);
  void Reset(int32_t stream, uint32_t code = NGHTTP2_CANCEL);
  void Ping();
  void GiveWindow(int32_t stream, int32_t bytes);

  // What it has to send.
  std::string Take();
  // What it receives. False: it is not HTTP/2.
  bool Give(std::string_view bytes);

  const Response& response(int32_t stream) { return responses_[stream]; }
  const std::vector<Goaway>& goaways() const { return goaways_; }
  size_t pings() const { return pings_; }
  size_t pongs() const { return pongs_; }
  uint32_t setting(int32_t id) {
    return nghttp2_session_get_remote_settings(session_, static_cast<nghttp2_settings_id>(id));
  }
  // What the client may still send of that call.
  int32_t send_window(int32_t stream) { return nghttp2_session_get_stream_remote_window_size(session_, stream); }
  size_t unsent(int32_t stream) { return requests_[stream].data.size(); }
  nghttp2_session* session() { return session_; }

 private:
  struct Callbacks;
  struct Outgoing {
    std::string data;
    bool end = false;
  };

  nghttp2_session* session_ = nullptr;
  std::map<int32_t, Outgoing> requests_;
  std::map<int32_t, Response> responses_;
  std::vector<Goaway> goaways_;
  size_t pings_ = 0;
  size_t pongs_ = 0;
};

}  // namespace sluice::rpc
