#include "server/mqtt/password_file.h"

#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "server/runtime/regular_file.h"
#include "server/runtime/text.h"

namespace sluice {
namespace {

absl::Status Failure(const std::string& path, std::string_view problem) {
  return absl::UnavailableError(text::Concat("passwordFile '", path, "': ", problem));
}

}  // namespace

std::string PasswordOf(std::string content) {
  if (content.ends_with('\n')) content.pop_back();
  if (content.ends_with('\r')) content.pop_back();
  return content;
}

absl::StatusOr<std::string> ReadPasswordFile(const std::string& path) {
  // Two more than the longest, for a line break.
  absl::StatusOr<std::string> content = ReadRegularFile(path, kLongestPassword + 2);
  const auto too_long = [&] { return Failure(path, "more than the 65,535 bytes of an MQTT password"); };
  if (absl::IsOutOfRange(content.status())) return too_long();
  if (!content.ok()) return Failure(path, text::Message(content.status()));
  std::string password = PasswordOf(*std::move(content));
  if (password.size() > kLongestPassword) return too_long();
  return password;
}

}  // namespace sluice
