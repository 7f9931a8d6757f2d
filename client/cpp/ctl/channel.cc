#include "client/cpp/ctl/channel.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "client/cpp/ctl/files.h"
#include "client/cpp/ctl/target_flags.h"
#include "client/cpp/ctl/tls_files.h"

namespace sluice::ctl {
namespace {

// Why a Unix socket does not answer, where the file system knows; else empty.
std::string AboutSocket(const std::string& address) {
  if (!address.starts_with("unix:")) return "";
  const std::string path = address.substr(5);
  std::error_code error;
  if (!std::filesystem::exists(path, error)) {
    if (error) return error.message();
    if (address == kDefaultAddress) {
      return "there is no such socket; is the gateway running? A gateway's socket is 'admin.sock' in its journal.path; "
             "--address or $SLUICE_ADMIN names another";
    }
    return "there is no such socket; is the gateway running, and is that its admin.listen?";
  }
  if (access(path.c_str(), R_OK | W_OK) != 0) return "only the user that the gateway runs as may use it";
  return "nobody listens there; is the gateway running?";
}

// What may help where gRPC's words for a failure over TCP do not tell; else empty.
std::string TlsHint(std::string_view text, const AdminChannel& channel) {
  const auto has = [text](std::string_view words) { return text.find(words) != std::string_view::npos; };
  if (channel.tls) {
    const char* hint =
        "; if it speaks no TLS, leave out what asks for it: --ca-file, --cert-file, --key-file, --token-file";
    return has("wrong version number") ? hint : "";
  }
  const bool hung_up = has("failed to connect") && !has("Connection refused") && !has("unreachable");
  return hung_up ? "; if it speaks TLS, give --ca-file" : "";
}

// What the calls' metadata "authorization" is to be; empty: nothing. The error shows nothing of the token.
absl::Status ReadAuthorization(const std::string& path, std::string& authorization) {
  if (path.empty()) return absl::OkStatus();
  absl::StatusOr<std::string> content = ReadNamedFile("--token-file", path);
  if (!content.ok()) return content.status();
  if (content->empty()) return absl::InvalidArgumentError("--token-file: '" + path + "' is empty");
  std::string token = *std::move(content);
  absl::StripAsciiWhitespace(&token);
  // What cannot be metadata would end the process within gRPC.
  const auto is_odd = [](char c) { return c <= ' ' || c > '~'; };
  if (token.empty() || std::ranges::any_of(token, is_odd)) {
    return absl::InvalidArgumentError("--token-file: '" + path + "' holds no token, or more than one");
  }
  authorization = "Bearer " + token;
  return absl::OkStatus();
}

}  // namespace

absl::Status ExplainStatus(const grpc::Status& status, const AdminChannel& channel) {
  const std::string& address = channel.address;
  const auto code = static_cast<absl::StatusCode>(status.error_code());
  std::string text = status.error_message();
  if (status.error_code() == grpc::StatusCode::UNAVAILABLE) {
    const std::string why = AboutSocket(address);
    text = "cannot reach the gateway at " + address + ": " + (why.empty() ? text + TlsHint(text, channel) : why);
  }
  if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED) {
    text = address + " is no admin listener of a gateway of this version: " + text;
  }
  return absl::Status(code, text);
}

absl::StatusOr<AdminChannel> MakeAdminChannel(const Target& target) {
  std::shared_ptr<grpc::ChannelCredentials> credentials = grpc::InsecureChannelCredentials();
  if (target.tls) {
    const absl::StatusOr<TlsTexts> texts = ReadTlsTexts(target);
    if (!texts.ok()) return texts.status();
    credentials = grpc::SslCredentials(
        {.pem_root_certs = texts->ca, .pem_private_key = texts->key, .pem_cert_chain = texts->cert});
  }
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);  // A payload has up to 256 MiB.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  if (target.tls && !target.server_name.empty()) arguments.SetSslTargetNameOverride(target.server_name);
  std::string authorization;
  if (absl::Status status = ReadAuthorization(target.token_file, authorization); !status.ok()) return status;
  return AdminChannel{.address = target.address,
                      .tls = target.tls,
                      .authorization = std::move(authorization),
                      .channel = grpc::CreateCustomChannel(target.address, credentials, arguments)};
}

}  // namespace sluice::ctl
