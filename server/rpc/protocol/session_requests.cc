#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/rpc/protocol/fields.h"
#include "server/rpc/protocol/grpc_text.h"
#include "server/rpc/protocol/session.h"

namespace sluice::rpc {
namespace {

// What a name and a value cost beside their bytes (RFC 9113 §6.5.2).
constexpr size_t kFieldOverhead = 32;
// A list so many times as large as it may be ends the connection: the client wants to cost us memory and time.
constexpr size_t kHardFactor = 4;

bool IsGrpc(std::string_view content_type) {
  if (!content_type.starts_with(kContentType)) return false;
  content_type.remove_prefix(kContentType.size());
  return content_type.empty() || content_type.front() == '+' || content_type.front() == ';';
}

}  // namespace

void Http2Session::BeginBlock(int32_t stream, bool request) { block_ = Block{.stream = stream, .request = request}; }

void Http2Session::OnHeader(std::string_view name, std::string_view value) {
  block_.bytes += name.size() + value.size() + kFieldOverhead;
  if (block_.bytes > limits_.header_list_bytes) {
    if (block_.bytes > kHardFactor * limits_.header_list_bytes) {
      Breach(EndCause::kHeaderList, absl::StrCat("a header list of more than ", kHardFactor, " times ",
                                                 limits_.header_list_bytes, " bytes, which are allowed"));
    }
    return;
  }
  if (!block_.request) return;  // Trailers of a request: gRPC has none.
  if (name.front() == ':') {
    if (name == ":path") block_.path = value;
    if (name == ":method") block_.method = value;
    if (name == ":authority") block_.authority = value;
    return;
  }
  if (IsReservedName(name)) {
    if (name == "te") block_.trailers_accepted = value == "trailers";
    if (name == "content-type") block_.content_type = value;
    if (name == "grpc-timeout") block_.timeout = value;
    if (name == "grpc-encoding") block_.encoding = value;
    if (name == "host" && block_.authority.empty()) block_.authority = value;
    return;
  }
  if (!IsBinary(name)) {
    block_.metadata.emplace_back(name, value);
    return;
  }
  // Several values may be joined on the way.
  while (true) {
    const size_t comma = value.find(',');
    std::string_view part = value.substr(0, comma);
    while (part.starts_with(' ')) part.remove_prefix(1);
    while (part.ends_with(' ')) part.remove_suffix(1);
    std::string bytes;
    if (!DecodeBinary(part, &bytes)) block_.bad_metadata = name;
    block_.metadata.emplace_back(name, std::move(bytes));
    if (comma == std::string_view::npos) return;
    value.remove_prefix(comma + 1);
  }
}

void Http2Session::BeginCall(bool half_closed) {
  if (breach_ || terminated_) return;
  if (block_.bytes > limits_.header_list_bytes) {
    RefuseCall("200", absl::ResourceExhaustedError(
                          absl::StrCat("the call's headers are larger than ", limits_.header_list_bytes, " bytes")));
    return;
  }
  if (!IsGrpc(block_.content_type)) {
    RefuseCall("415", absl::InvalidArgumentError("this is a gRPC server: content-type must be application/grpc"));
    return;
  }
  if (block_.method != "POST") {
    RefuseCall("405", absl::InvalidArgumentError("this is a gRPC server: the method must be POST"));
    return;
  }
  if (!block_.trailers_accepted) {
    RefuseCall("200", absl::InternalError("no 'te: trailers': a proxy on the way may not know HTTP/2's trailers"));
    return;
  }
  if (!block_.bad_metadata.empty()) {
    RefuseCall("200", absl::InternalError(absl::StrCat("metadata '", block_.bad_metadata, "' is not base64")));
    return;
  }
  Packing packing = Packing::kNone;
  if (block_.encoding == "gzip" && limits_.gzip) {
    packing = Packing::kGzip;
  } else if (!block_.encoding.empty() && block_.encoding != "identity") {
    RefuseCall("200", absl::UnimplementedError(absl::StrCat("grpc-encoding '", block_.encoding, "' is not accepted; ",
                                                            limits_.gzip ? "identity and gzip are" : "identity is")));
    return;
  }
  RequestHead head{.path = std::move(block_.path),
                   .authority = std::move(block_.authority),
                   .metadata = std::move(block_.metadata),
                   .received = now_};
  if (!block_.timeout.empty()) {
    const std::optional<std::chrono::nanoseconds> timeout = ParseTimeout(block_.timeout);
    if (!timeout) {
      RefuseCall("200", absl::InternalError(absl::StrCat("grpc-timeout '", block_.timeout, "' is not well-formed")));
      return;
    }
    head.deadline = now_ + *timeout;
  }

  ++counts_.calls;
  auto owned = std::make_unique<CallStream>(*this, block_.stream, share_, packing, limits_.message_bytes);
  CallStream& stream = *owned;
  stream.index_ = streams_.size();
  stream.half_closed_ = half_closed;
  stream.deadline_ = head.deadline;
  if (stream.deadline_ != kNever) Due(stream.deadline_);
  streams_.push_back(std::move(owned));
  nghttp2_session_set_stream_user_data(http2_, stream.id(), &stream);
  // Calls share the connection frame by frame, rather than the first one having it until its message has gone.
  nghttp2_extpri priority{.urgency = NGHTTP2_EXTPRI_DEFAULT_URGENCY, .inc = 1};
  nghttp2_session_change_extpri_stream_priority(http2_, stream.id(), &priority, 1);
  stream.events_ = &events_.OnCall(stream, std::move(head));
  stream.CheckHalfClose();
}

void Http2Session::RefuseCall(std::string_view http_status, const absl::Status& status) {
  ++counts_.refused;
  Fields fields;
  fields.Add(":status", http_status);
  fields.Add("content-type", kContentType);
  if (status.code() == absl::StatusCode::kUnimplemented) {
    fields.Add("grpc-accept-encoding", limits_.gzip ? "identity,gzip" : "identity");
  }
  fields.AddStatus(status);
  nghttp2_submit_response(http2_, block_.stream, fields.data(), fields.size(), nullptr);
}

}  // namespace sluice::rpc
