#include "tests/unit/rpc/http2_client.h"

#include <algorithm>
#include <cstring>

namespace sluice::rpc {

struct Http2Client::Callbacks {
  static Http2Client& Of(void* user) { return *static_cast<Http2Client*>(user); }

  static ssize_t Read(nghttp2_session*, int32_t id, uint8_t* buffer, size_t length, uint32_t* flags,
                      nghttp2_data_source*, void* user) {
    Outgoing& outgoing = Of(user).requests_[id];
    const size_t size = std::min(length, outgoing.data.size());
    std::memcpy(buffer, outgoing.data.data(), size);
    outgoing.data.erase(0, size);
    if (outgoing.data.empty() && outgoing.end) *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (size == 0 && !outgoing.end) return NGHTTP2_ERR_DEFERRED;
    return static_cast<ssize_t>(size);
  }
  static int OnBegin(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    Of(user).responses_[frame->hd.stream_id].blocks.emplace_back();
    return 0;
  }
  static int OnHeader(nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name, size_t name_size,
                      const uint8_t* value, size_t value_size, uint8_t, void* user) {
    Of(user).responses_[frame->hd.stream_id].blocks.back().emplace_back(
        std::string(reinterpret_cast<const char*>(name), name_size),
        std::string(reinterpret_cast<const char*>(value), value_size));
    return 0;
  }
  static int OnData(nghttp2_session*, uint8_t, int32_t id, const uint8_t* data, size_t size, void* user) {
    Of(user).responses_[id].data.append(reinterpret_cast<const char*>(data), size);
    return 0;
  }
  static int OnFrame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    Http2Client& client = Of(user);
    const bool ack = (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0;
    switch (frame->hd.type) {
      case NGHTTP2_HEADERS:
      case NGHTTP2_DATA:
        if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) client.responses_[frame->hd.stream_id].ended = true;
        break;
      case NGHTTP2_RST_STREAM:
        client.responses_[frame->hd.stream_id].reset = frame->rst_stream.error_code;
        break;
      case NGHTTP2_PING:
        ++(ack ? client.pongs_ : client.pings_);
        break;
      case NGHTTP2_GOAWAY:
        client.goaways_.push_back(
            {frame->goaway.error_code, frame->goaway.last_stream_id,
             std::string(reinterpret_cast<const char*>(frame->goaway.opaque_data), frame->goaway.opaque_data_len)});
        break;
      default:
        break;
    }
    return 0;
  }
  static int OnClose(nghttp2_session*, int32_t id, uint32_t, void* user) {
    Of(user).responses_[id].closed = true;
    return 0;
  }
};

Http2Client::Http2Client(uint32_t window, bool automatic) {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, Callbacks::OnBegin);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, Callbacks::OnHeader);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, Callbacks::OnData);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, Callbacks::OnFrame);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, Callbacks::OnClose);
  nghttp2_option* option = nullptr;
  nghttp2_option_new(&option);
  nghttp2_option_set_no_auto_window_update(option, automatic ? 0 : 1);
  nghttp2_session_client_new2(&session_, callbacks, this, option);
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);
  const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window},
                                             {NGHTTP2_SETTINGS_ENABLE_PUSH, 0}};
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, 2);
  if (window > 65'535)
    nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, static_cast<int32_t>(window));
}

int32_t Http2Client::Call(const std::string& path, const HeaderList& more) {
  HeaderList headers = {{":method", "POST"},    {":scheme", "http"}, {":path", path},
                        {":authority", "test"}, {"te", "trailers"},  {"content-type", "application/grpc"}};
  for (const auto& [name, value] : more) {
    const auto same =
        std::find_if(headers.begin(), headers.end(), [&](const auto& field) { return field.first == name; });
    if (same != headers.end() && !name.ends_with("-bin")) headers.erase(same);
    if (value == "-") continue;
    headers.insert(name.starts_with(':') ? headers.begin() : headers.end(), {name, value});
  }
  return Request(headers);
}

int32_t Http2Client::Request(const HeaderList& headers, bool end) {
  std::vector<nghttp2_nv> fields;
  for (const auto& [name, value] : headers) {
    fields.push_back({reinterpret_cast<uint8_t*>(const_cast<char*>(name.data())),
                      reinterpret_cast<uint8_t*>(const_cast<char*>(value.data())), name.size(), value.size(),
                      NGHTTP2_NV_FLAG_NONE});
  }
  const nghttp2_data_provider data{.source = {.ptr = nullptr}, .read_callback = Callbacks::Read};
  const int32_t id =
      nghttp2_submit_request(session_, nullptr, fields.data(), fields.size(), end ? nullptr : &data, nullptr);
  requests_[id];
  return id;
}

void Http2Client::Send(int32_t stream, std::string_view bytes) {
  requests_[stream].data.append(bytes);
  nghttp2_session_resume_data(session_, stream);
}

void Http2Client::HalfClose(int32_t stream) {
  requests_[stream].end = true;
  nghttp2_session_resume_data(session_, stream);
}

void Http2Client::Reset(int32_t stream, uint32_t code) {
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream, code);
}

void Http2Client::Ping() { nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr); }

void Http2Client::GiveWindow(int32_t stream, int32_t bytes) {
  nghttp2_submit_window_update(session_, NGHTTP2_FLAG_NONE, stream, bytes);
}

std::string Http2Client::Take() {
  std::string all;
  while (true) {
    const uint8_t* data = nullptr;
    const ssize_t size = nghttp2_session_mem_send(session_, &data);
    if (size <= 0) return all;
    all.append(reinterpret_cast<const char*>(data), static_cast<size_t>(size));
  }
}

bool Http2Client::Give(std::string_view bytes) {
  return nghttp2_session_mem_recv(session_, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()) ==
         static_cast<ssize_t>(bytes.size());
}

}  // namespace sluice::rpc
