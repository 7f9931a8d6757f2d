#include <algorithm>
#include <cstring>
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

// Messages of any other format would be taken for protobuf's.
bool IsProtobuf(std::string_view grpc_content_type) {
  grpc_content_type.remove_prefix(kContentType.size());
  return !grpc_content_type.starts_with('+') || grpc_content_type.substr(0, grpc_content_type.find(';')) == "+proto";
}

// The body that people see who come with a browser.
ssize_t ReadText(nghttp2_session* /*session*/, int32_t /*id*/, uint8_t* buffer, size_t length, uint32_t* flags,
                 nghttp2_data_source* source, void* /*user*/) {
  auto* rest = static_cast<char*>(source->ptr);
  const size_t left = std::strlen(rest);
  const size_t size = std::min(length, left);
  std::memcpy(buffer, rest, size);
  source->ptr = rest + size;
  if (size == left) *flags |= NGHTTP2_DATA_FLAG_EOF;
  return static_cast<ssize_t>(size);
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
    RefuseCall(absl::ResourceExhaustedError(
        absl::StrCat("the call's headers are larger than ", limits_.header_list_bytes, " bytes")));
    return;
  }
  if (!IsGrpc(block_.content_type)) {
    RefuseRequest("415", "This is a gRPC server: content-type must be application/grpc.\n");
    return;
  }
  if (block_.method != "POST") {
    RefuseRequest("405", "This is a gRPC server: the method must be POST.\n");
    return;
  }
  if (!block_.trailers_accepted) {
    RefuseCall(absl::InternalError("no 'te: trailers': a proxy on the way may not know HTTP/2's trailers"));
    return;
  }
  if (!IsProtobuf(block_.content_type)) {
    RefuseCall(absl::UnimplementedError(absl::StrCat("content-type '", block_.content_type,
                                                     "': messages are protobuf's here, application/grpc+proto")));
    return;
  }
  if (!block_.bad_metadata.empty()) {
    RefuseCall(absl::InternalError(absl::StrCat("metadata '", block_.bad_metadata, "' is not base64")));
    return;
  }
  Packing packing = Packing::kNone;
  if (block_.encoding == "gzip" && limits_.gzip) {
    packing = Packing::kGzip;
  } else if (!block_.encoding.empty() && block_.encoding != "identity") {
    RefuseCall(absl::UnimplementedError(absl::StrCat("grpc-encoding '", block_.encoding, "' is not accepted; ",
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
      RefuseCall(absl::InternalError(absl::StrCat("grpc-timeout '", block_.timeout, "' is not well-formed")));
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
  stream.events_ = &events_.OnCall(stream, std::move(head));
  stream.CheckHalfClose();
}

void Http2Session::RefuseRequest(const char* http_status, const char* text) {
  ++counts_.refused;
  Fields fields;
  fields.Add(":status", http_status);
  fields.Add("content-type", "text/plain");
  const nghttp2_data_provider body{.source = {.ptr = const_cast<char*>(text)}, .read_callback = ReadText};
  nghttp2_submit_response(http2_, block_.stream, fields.data(), fields.size(), &body);
}

void Http2Session::RefuseCall(const absl::Status& status) {
  ++counts_.refused;
  Fields fields;
  fields.Add(":status", "200");
  fields.Add("content-type", kContentType);
  if (status.code() == absl::StatusCode::kUnimplemented) {
    fields.Add("grpc-accept-encoding", limits_.gzip ? "identity,gzip" : "identity");
  }
  fields.AddStatus(status);
  nghttp2_submit_response(http2_, block_.stream, fields.data(), fields.size(), nullptr);
}

}  // namespace sluice::rpc
