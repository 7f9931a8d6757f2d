#include <nghttp2/nghttp2.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/rpc/protocol/session.h"

namespace sluice::rpc {
namespace {

constexpr uint8_t kPriorityUpdate = 0x10;

std::string Excess(Rate rate, const char* what) {
  return absl::StrCat("more than ", rate.burst, " ", what, ", and ", rate.per_second, " a second");
}

}  // namespace

bool Http2Session::AllowFrame(const FrameHead& head) {
  ++counts_.frames_received;
  const auto take = [this](Allowance& bucket, Rate rate, EndCause cause, const char* what) {
    if (bucket.Take(now_)) return true;
    Breach(cause, Excess(rate, what));
    return false;
  };
  switch (head.type) {
    case NGHTTP2_DATA:
      if (head.length > 0) {
        pings_.Add(1);
        return true;
      }
      if ((head.flags & NGHTTP2_FLAG_END_STREAM) != 0) return true;
      return take(empty_frames_, limits_.empty_frames, EndCause::kEmptyFrames, "empty frames");
    case NGHTTP2_HEADERS:
      window_updates_.Add(4);
      if ((head.flags & NGHTTP2_FLAG_END_HEADERS) == 0) {
        block_since_ = now_;
        Due(now_ + limits_.frame_timeout);
      }
      return true;
    case NGHTTP2_CONTINUATION:
      if ((head.flags & NGHTTP2_FLAG_END_HEADERS) != 0) {
        block_since_ = kNever;
        return true;
      }
      return head.length > 0 || take(empty_frames_, limits_.empty_frames, EndCause::kEmptyFrames, "empty frames");
    case NGHTTP2_RST_STREAM:
      return take(resets_, limits_.resets, EndCause::kResets, "RST_STREAM frames");
    case NGHTTP2_SETTINGS:
      return take(settings_, limits_.settings, EndCause::kSettings, "SETTINGS frames");
    case NGHTTP2_PING:
      return take(pings_, limits_.pings, EndCause::kPings, "PING frames without data");
    case NGHTTP2_WINDOW_UPDATE:
      return take(window_updates_, limits_.window_updates, EndCause::kWindowUpdates,
                  "WINDOW_UPDATE frames without data");
    case NGHTTP2_GOAWAY:
    case NGHTTP2_PUSH_PROMISE:
      return true;
    case NGHTTP2_PRIORITY:
    case kPriorityUpdate:
    default:
      return take(priorities_, limits_.priorities, EndCause::kPriorities, "PRIORITY frames or such of unknown types");
  }
}

void Http2Session::Breach(EndCause cause, std::string text) {
  if (!breach_) breach_ = {.cause = cause, .text = std::move(text)};
}

}  // namespace sluice::rpc
