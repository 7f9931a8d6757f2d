#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <new>

#include "absl/strings/str_cat.h"
#include "server/rpc/protocol/session.h"

namespace sluice::rpc {
namespace {

// Pings and settings of the client that were not answered yet, since nothing can be sent.
constexpr size_t kUnansweredFrames = 200;
// Beyond the session's own limit, which ends the connection with a text; nghttp2's own is a second line.
constexpr uint64_t kLibraryResets = 100'000;

Http2Session& Of(void* user) { return *static_cast<Http2Session*>(user); }

}  // namespace

// The answer is out: what the client still sends of the request is of no use (RFC 9113 §8.1).
void Http2Session::EndRequest(int32_t stream, uint8_t flags_sent) {
  if ((flags_sent & NGHTTP2_FLAG_END_STREAM) == 0) return;
  if (nghttp2_session_get_stream_remote_close(http2_, stream) != 0) return;
  nghttp2_submit_rst_stream(http2_, NGHTTP2_FLAG_NONE, stream, NGHTTP2_NO_ERROR);
}

struct Http2Session::Callbacks {
  static int OnBeginHeaders(nghttp2_session* /*http2*/, const nghttp2_frame* frame, void* user) {
    Of(user).BeginBlock(frame->hd.stream_id, frame->headers.cat == NGHTTP2_HCAT_REQUEST);
    return 0;
  }

  static int OnHeader(nghttp2_session* /*http2*/, const nghttp2_frame* /*frame*/, const uint8_t* name, size_t name_size,
                      const uint8_t* value, size_t value_size, uint8_t /*flags*/, void* user) {
    if (name_size == 0) return 0;
    Of(user).OnHeader({reinterpret_cast<const char*>(name), name_size},
                      {reinterpret_cast<const char*>(value), value_size});
    return 0;
  }

  static int OnFrameReceived(nghttp2_session* /*http2*/, const nghttp2_frame* frame, void* user) {
    Http2Session& session = Of(user);
    const bool end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    switch (frame->hd.type) {
      case NGHTTP2_HEADERS:
        if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
          session.BeginCall(end);
          break;
        }
        [[fallthrough]];
      case NGHTTP2_DATA:
        if (!end) break;
        if (CallStream* stream = session.Find(frame->hd.stream_id); stream != nullptr) {
          stream->half_closed_ = true;
          stream->CheckHalfClose();
        }
        break;
      case NGHTTP2_RST_STREAM:
        if (CallStream* stream = session.Find(frame->hd.stream_id); stream != nullptr) stream->reset_ = true;
        break;
      case NGHTTP2_SETTINGS:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) == 0) session.handshaken_ = true;
        break;
      case NGHTTP2_PING:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0 && session.shutdown_ == ShutdownStep::kAnnounced) {
          session.FinalGoaway();
        }
        break;
      default:
        break;
    }
    return 0;
  }

  // A client that closes its connection says so with the number of the last stream that it would take, of which a server
  // that opens none has no use. grpc-go sends 2^31-1, which nghttp2 takes from servers only.
  static int OnInvalidFrame(nghttp2_session* /*http2*/, const nghttp2_frame* frame, int /*error*/, void* user) {
    if (frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.error_code == NGHTTP2_NO_ERROR) Of(user).client_left_ = true;
    return 0;
  }

  static int OnData(nghttp2_session* http2, uint8_t /*flags*/, int32_t id, const uint8_t* data, size_t size,
                    void* user) {
    // The connection's window is for all calls: a call that does not read must not hold the others.
    if (nghttp2_session_consume_connection(http2, size) != 0) return NGHTTP2_ERR_CALLBACK_FAILURE;
    CallStream* stream = Of(user).Find(id);
    if (stream != nullptr) {
      stream->OnData({reinterpret_cast<const char*>(data), size});
    } else {
      nghttp2_session_consume_stream(http2, id, size);
    }
    return 0;
  }

  static int OnFrameSent(nghttp2_session* /*http2*/, const nghttp2_frame* frame, void* user) {
    Http2Session& session = Of(user);
    ++session.counts_.frames_sent;
    switch (frame->hd.type) {
      case NGHTTP2_DATA:
        session.window_updates_.Add(4);
        session.pings_.Add(1);
        session.EndRequest(frame->hd.stream_id, frame->hd.flags);
        break;
      case NGHTTP2_HEADERS:
        session.EndRequest(frame->hd.stream_id, frame->hd.flags);
        break;
      case NGHTTP2_RST_STREAM:
        // What the client makes the server reset costs as much as what it resets itself.
        if (frame->rst_stream.error_code != NGHTTP2_NO_ERROR && !session.resets_.Take(session.now_)) {
          session.Breach(EndCause::kResets,
                         absl::StrCat("more than ", session.limits_.resets.burst, " streams had to be reset, and ",
                                      session.limits_.resets.per_second, " a second"));
        }
        break;
      case NGHTTP2_GOAWAY:
        if (frame->goaway.last_stream_id == INT32_MAX && frame->goaway.error_code == NGHTTP2_NO_ERROR) break;
        session.goaway_sent_ = true;
        session.error_sent_ = frame->goaway.error_code != NGHTTP2_NO_ERROR;
        if (session.error_sent_ && !session.terminated_ && session.client_left_) {
          session.ending_ = {.cause = EndCause::kClosed, .text = "the client takes its leave"};
        } else if (session.error_sent_ && !session.terminated_) {
          const std::string text(reinterpret_cast<const char*>(frame->goaway.opaque_data),
                                 frame->goaway.opaque_data_len);
          const bool flood = frame->goaway.error_code == NGHTTP2_ENHANCE_YOUR_CALM;
          session.ending_ = {
              .cause = flood ? EndCause::kFlood : EndCause::kProtocol,
              .text = absl::StrCat(nghttp2_http2_strerror(frame->goaway.error_code), text.empty() ? "" : ": ", text)};
        }
        break;
      default:
        break;
    }
    return 0;
  }

  static int OnStreamClosed(nghttp2_session* /*http2*/, int32_t id, uint32_t error, void* user) {
    Of(user).OnStreamClosed(id, error);
    return 0;
  }

  static int SendData(nghttp2_session* /*http2*/, nghttp2_frame* /*frame*/, const uint8_t* head, size_t length,
                      nghttp2_data_source* source, void* user) {
    Of(user).output_.Copy({reinterpret_cast<const char*>(head), kFrameHeadBytes});
    static_cast<CallStream*>(source->ptr)->Frame(length);
    return 0;
  }

  // As much as the client takes in a frame: nghttp2's own choice is 16 KiB.
  static ssize_t FrameLength(nghttp2_session* /*http2*/, uint8_t /*type*/, int32_t /*id*/, int32_t connection_window,
                             int32_t stream_window, uint32_t max_frame, void* /*user*/) {
    constexpr int64_t kLargest = 128 << 10;
    return static_cast<ssize_t>(
        std::min({int64_t{connection_window}, int64_t{stream_window}, int64_t{max_frame}, kLargest}));
  }

  static nghttp2_session_callbacks* Make() {
    nghttp2_session_callbacks* made = nullptr;
    if (nghttp2_session_callbacks_new(&made) != 0) throw std::bad_alloc();
    nghttp2_session_callbacks_set_on_begin_headers_callback(made, OnBeginHeaders);
    nghttp2_session_callbacks_set_on_header_callback(made, OnHeader);
    nghttp2_session_callbacks_set_on_frame_recv_callback(made, OnFrameReceived);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(made, OnInvalidFrame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(made, OnData);
    nghttp2_session_callbacks_set_on_frame_send_callback(made, OnFrameSent);
    nghttp2_session_callbacks_set_on_stream_close_callback(made, OnStreamClosed);
    nghttp2_session_callbacks_set_send_data_callback(made, SendData);
    nghttp2_session_callbacks_set_data_source_read_length_callback(made, FrameLength);
    return made;
  }
};

void Http2Session::Open() {
  static nghttp2_session_callbacks* const callbacks = Callbacks::Make();  // For good; a session copies them.
  nghttp2_option* option = nullptr;
  if (nghttp2_option_new(&option) != 0) throw std::bad_alloc();
  nghttp2_option_set_no_auto_window_update(option, 1);
  nghttp2_option_set_max_outbound_ack(option, kUnansweredFrames);
  nghttp2_option_set_stream_reset_rate_limit(option, kLibraryResets, kLibraryResets);
  const int made = nghttp2_session_server_new2(&http2_, callbacks, this, option);
  nghttp2_option_del(option);
  if (made != 0) throw std::bad_alloc();

  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits_.streams},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits_.stream_window},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<uint32_t>(limits_.header_list_bytes)},
  };
  nghttp2_submit_settings(http2_, NGHTTP2_FLAG_NONE, settings, std::size(settings));
  nghttp2_session_set_local_window_size(http2_, NGHTTP2_FLAG_NONE, 0, static_cast<int32_t>(limits_.connection_window));
}

}  // namespace sluice::rpc
